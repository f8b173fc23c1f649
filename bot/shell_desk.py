"""The desk of a shell: what Slack's gate asks of a person is asked of the account that types, at the commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from bot.desk import Desk
from storage import staff
from storage.clock import now
from storage.errors import AccountEnded
from storage.shell import shell_account
from storage.types import Role


@dataclass(frozen=True)
class ShellDesk(Desk):
    """A desk on which colleagues decide as their role allows.

    An account that is nobody's, such as the one that the desk runs under, may decide: Slack may be down, and it is
    recorded. What needs a person asks for one besides (bot/shell.py).
    """

    anyone: bool = False

    @contextmanager
    def decide(self) -> Iterator[Session]:
        """As `Desk.decide`. Raises RoleTooSmall, AccountEnded."""
        with super().decide() as session:
            if not self.anyone:
                _refuse_account(session, shell_account())
            yield session


def _refuse_account(session: Session, account: str) -> None:
    colleague = staff.find_by_account(session, account, now=now())
    if colleague is not None:
        staff.refuse_role(colleague, Role.HANDLER)
    elif staff.was_account(session, account, now=now()):
        raise AccountEnded(account)
