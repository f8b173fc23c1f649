"""How Slack names whoever did something: by Slack user id, or that it was at a shell. No account goes there."""

from functools import cached_property

from sqlalchemy.orm import Session

from storage import staff
from storage.clock import now
from storage.types import SHELL, typist_of


class Names:
    """Of names of actors as the record has them. The staff are read once, and only where somebody was at a shell."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def show(self, name: str) -> str:
        """A colleague at a shell by Slack user id, anybody else there as SHELL; other names as they are."""
        if typist_of(name) is None:
            return name
        return self._roster.user_of(name) or SHELL

    def find(self, name: str | None) -> str | None:
        """As `show`, or None of nobody."""
        return None if name is None else self.show(name)

    @cached_property
    def _roster(self) -> staff.Roster:
        return staff.read_roster(self._session, now=now())


class NamesAtAShell(Names):
    """For what is printed at a shell: as the record has them."""

    def show(self, name: str) -> str:
        return name
