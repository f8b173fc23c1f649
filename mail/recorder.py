"""What the connections have to say, committed in groups: words gather while one commit is under way, and a moment more.

Before a mail goes over the wire, "sending" is committed with its exact bytes; after it, the relay's answer, together
with the beginning of that connection's next mail. So a crash leaves at most one mail a connection of which the record
does not know whether it was accepted.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from mail.composing import Outgoing
from storage import outbox, outcomes
from storage.clock import now, real_now
from storage.database import Database
from storage.logs import Condition, name_of
from storage.outcomes import Accepted, Outcome
from storage.types import Actor

SENDER = Actor("desk", "mail")
AGAIN = 0.5
"""Seconds until a commit is tried again that the database did not take: the answer is all the proof there is."""

GATHER = 0.005
"""Seconds at most for which a commit waits for the answers to what is on the wire: one commit for all costs least."""

log = structlog.get_logger()


@dataclass(eq=False)
class _Word:
    """What became of a connection's mail, and which it takes next; `may_begin` when that is still to be sent."""

    outcomes: tuple[Outcome, ...]
    next: Outgoing | None
    may_begin: bool = False
    committed: bool = False


def _told_of(words: list[_Word]) -> set[int]:
    """The deliveries of which they say what became."""
    return {outcome.delivery_id for one in words for outcome in one.outcomes}


class Recorder:
    """Records for several threads; whoever finds no commit under way makes the next one for all."""

    def __init__(self, database: Database, *, holder: str) -> None:
        self.holder = holder
        self._database = database
        self._waiting: list[_Word] = []
        self._on_the_wire: set[int] = set()
        self._committing = False
        self._gate = threading.Lock()
        self._said, self._done = threading.Condition(self._gate), threading.Condition(self._gate)
        self._condition = Condition("recording")

    def record(self, *outcomes: Outcome, then: Outgoing | None = None) -> bool:
        """Return when the outcomes, and that `then` is being sent, are committed; False when that must not be sent.

        It must not when it was withdrawn or settled meanwhile, when another process has it, or when nobody could tell.
        """
        mine = _Word(outcomes, then)
        with self._gate:
            self._waiting.append(mine)
            self._said.notify()
            self._done.wait_for(lambda: mine.committed or not self._committing)
            if mine.committed:
                return mine.may_begin
            self._committing = True
        self._commit(self._take())
        return mine.may_begin

    def expect_nothing(self) -> None:
        """Of what is on the wire nobody will say what became of it."""
        with self._gate:
            self._on_the_wire.clear()

    def _take(self) -> list[_Word]:
        with self._gate:
            self._said.wait_for(self._is_complete, GATHER)
            taken, self._waiting = self._waiting, []
        return taken

    def _is_complete(self) -> bool:
        return self._on_the_wire <= _told_of(self._waiting)

    def _commit(self, group: list[_Word]) -> None:
        try:
            self._write(group)
        finally:
            with self._gate:
                self._on_the_wire -= _told_of(group)
                self._on_the_wire |= {one.next.id for one in group if one.next and one.may_begin}
                self._committing = False
                for one in group:
                    one.committed = True
                self._done.notify_all()

    def _write(self, group: list[_Word]) -> None:
        """Until the database takes it; a process that ends meanwhile leaves the receipt copies to decide."""
        while True:
            try:
                self._write_once(group)
            except (OperationalError, InterfaceError, NoConnection) as error:
                self._condition.failed(name_of(error))
                threading.Event().wait(AGAIN)
            except Exception as error:  # noqa: BLE001 - the poison guard: one word must not take the others with it
                self._write_apart(group, error)
                return
            else:
                self._condition.well()
                return

    def _write_once(self, group: list[_Word]) -> None:
        with self._database.begin() as session:
            said = [outcome for one in group for outcome in one.outcomes]
            outcomes.record(session, said, by=SENDER, now=now())
            begun = self._begin(session, [one.next for one in group if one.next])
        for one in group:
            one.may_begin = one.next is not None and one.next.id in begun

    def _begin(self, session: Session, mails: list[Outgoing]) -> set[int]:
        if not mails:
            return set()
        ours = outbox.find_ours(session, [one.id for one in mails], holder=self.holder, now=real_now())
        rows = [outbox.Composed(one.id, one.message_id, one.content) for one in mails if one.id in ours]
        outbox.record_sending_all(session, rows, now=real_now())
        return ours

    def _write_apart(self, group: list[_Word], error: Exception) -> None:
        if len(group) > 1:
            for one in group:
                self._write([one])
            return
        for outcome in group[0].outcomes:
            log.warning("outcome-not-recorded", delivery=outcome.delivery_id, fault=error)
            self._write_plainly(outcome)

    def _write_plainly(self, outcome: Outcome) -> None:
        """What was accepted must not be sent again because something that follows from it went wrong."""
        if isinstance(outcome, Accepted):
            with suppress(SQLAlchemyError), self._database.begin() as session:
                outcomes.record_acceptance(session, outcome, by=SENDER, now=now())
