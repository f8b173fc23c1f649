"""What listeners and ticks share: the record, the settings, and the bell that wakes the poster after a commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from sqlalchemy.orm import Session

from bot.settings import DeskSettings
from storage.database import Database


@dataclass(frozen=True)
class Desk:
    """The record and who is told. `decide` commits, then wakes whoever sends."""

    database: Database
    settings: DeskSettings
    bell: Event = field(default_factory=Event)

    @contextmanager
    def decide(self) -> Iterator[Session]:
        """A session that writes; at its end the decision is committed and the poster awake."""
        with self.database.begin() as session:
            yield session
        self.bell.set()
