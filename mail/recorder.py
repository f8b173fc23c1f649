"""What the relay answered, committed in groups: while one commit is under way, the next answers gather.

A connection waits for its own answer to be recorded before it sends another mail. So a crash leaves at most one mail a
connection of which the record does not know that it was accepted.
"""

import threading
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.settings import MailSettings
from storage import outcomes
from storage.clock import now
from storage.database import Database
from storage.logs import Condition
from storage.outcomes import Outcome
from storage.types import Actor

SENDER = Actor("desk", "mail")
AGAIN = 0.5
"""Seconds until a commit is tried again that the database did not take: the answer is all the proof there is."""

log = structlog.get_logger()


@dataclass(eq=False)
class _Waiting:
    outcome: Outcome
    recorded: threading.Event = field(default_factory=threading.Event)


class Recorder:
    """Records outcomes for several threads; whoever finds no commit under way makes the next one for all."""

    def __init__(self, database: Database, settings: MailSettings) -> None:
        self._database = database
        self._settings = settings
        self._waiting: list[_Waiting] = []
        self._gate = threading.Lock()
        self._committing = threading.Lock()
        self._condition = Condition("recording")

    def record(self, outcome: Outcome) -> None:
        """Return when the outcome is committed, alone or with those of other connections."""
        mine = _Waiting(outcome)
        with self._gate:
            self._waiting.append(mine)
        with self._committing:
            if not mine.recorded.is_set():
                self._commit(self._take())

    def _take(self) -> list[_Waiting]:
        with self._gate:
            taken, self._waiting = self._waiting, []
        return taken

    def _commit(self, group: list[_Waiting]) -> None:
        try:
            self._write([one.outcome for one in group])
        finally:
            for one in group:
                one.recorded.set()

    def _write(self, group: list[Outcome]) -> None:
        """Until the database takes it; a process that ends meanwhile leaves the receipt copies to decide."""
        while group:
            try:
                with self._database.begin() as session:
                    outcomes.record(session, group, by=SENDER, now=now())
            except SQLAlchemyError as error:
                self._condition.failed(type(error).__name__)
                threading.Event().wait(AGAIN)
            except Exception as error:  # noqa: BLE001 - the poison guard: one outcome must not take the others with it
                if len(group) == 1:
                    log.warning("outcome-not-recorded", delivery=group[0].delivery_id, fault=error)
                    return
                for one in group:
                    self._write([one])
                return
            else:
                self._condition.well()
                return
