"""The outbox's e-mails to our relay: leased and composed here in groups, carried by several connections.

Each is three steps: a commit that says "sending" with the exact bytes, the wire, a commit that says what the relay
answered. A process that dies in between leaves a try whose outcome is unknown; see mail/receipts.py.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.carriers import POISONED, Carriers
from mail.composing import Outgoing, compose_all
from mail.paging import Pages
from mail.receipts import uncertain_since, without_proof
from mail.recent import RecentLetters
from mail.recorder import SENDER, Recorder
from mail.settings import MailSettings
from mail.words import prepare_forwards
from storage import outbox, outcomes
from storage.clock import now, real_now
from storage.database import Database
from storage.holders import new_holder
from storage.leasing import Except
from storage.logs import Condition, name_of
from storage.models import Delivery
from storage.types import Medium

log = structlog.get_logger()
LOOK_EVERY = 0.25
"""Seconds between looks at the outbox; our own commits wake the sender at once."""

MOMENT = 0.02
"""Seconds at most for which receiving lets a mail be sent before it tidies up behind it."""

TIDY_EVERY = 1.0
RENEW_EVERY = outbox.LEASE.total_seconds() / 6


class Sender:
    """Sends what is due. Its thread leases and composes; `Carriers` have threads of their own."""

    def __init__(self, database: Database, settings: MailSettings, *, recent: RecentLetters | None = None) -> None:
        self._database = database
        self._settings = settings
        self._recent = recent or RecentLetters()
        self._holder = new_holder()
        self._condition = Condition("outbox")
        self._calm, self._gate = threading.Event(), threading.Lock()
        self._expected = self._looked_for = 0
        self._leased: list[int] = []
        self._may_be_more = True
        self._without_proof = without_proof(settings)
        self._renew_at = 0.0
        self._pages = Pages(database, holder=self._holder)
        self._recorder = Recorder(database, holder=self._holder)
        self._carriers = Carriers(settings, database, self._recorder, done=lambda: None)

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Send for ever, until `stop`."""
        self._prepare()
        self._carriers.done = partial(self._wake, wake)
        tidied, woken = 0.0, False
        while not stop.is_set():
            if time.monotonic() >= tidied and self._guarded(self._tidy):
                tidied = time.monotonic() + TIDY_EVERY
            if self._look(woken=woken):
                woken = False
            else:
                woken = wake.wait(LOOK_EVERY)
                wake.clear()
        self._carriers.close()

    def expect(self) -> None:
        """Something was queued: `let_pass` waits for it."""
        with self._gate:
            self._expected += 1
            self._calm.clear()

    def let_pass(self) -> None:
        """Wait, for a moment at most, until what was queued is sent: work beside it would slow it down."""
        self._calm.wait(MOMENT)

    def _prepare(self) -> None:
        """Compile templates; one that cannot be compiled must not hold up what is written with others."""
        try:
            prepare_forwards()
        except Exception as error:  # noqa: BLE001 - the poison guard
            log.warning("words-not-prepared", fault=error)

    def _look(self, *, woken: bool) -> int:
        """Hand on what is due; how much that was. What was expected before is in hand then, or sent."""
        expected = self._expected
        handed = self._guarded(partial(self.send_due, woken=woken))
        self._looked_for = expected
        self._note_calm()
        return handed

    def _note_calm(self) -> None:
        """Nobody need wait where all that was expected is sent."""
        with self._gate:
            if self._looked_for == self._expected and not self.is_busy:
                self._calm.set()

    def _wake(self, wake: threading.Event) -> None:
        """There is room again: worth a look only if there was more than there was room for."""
        self._note_calm()
        if self._may_be_more:
            wake.set()

    @property
    def is_busy(self) -> bool:
        """Whether it has anything in hand."""
        return bool(self._leased or self._carriers.in_hand())

    def send_due(self, *, woken: bool = False) -> int:
        """Hand what is due to the carriers, as much as they can take; how many deliveries that are.

        `woken`: a commit of ours has just queued something.
        """
        room = self._carriers.room()
        if room <= 0 or not (self._leased or self._lease(room, woken=woken)):
            self._may_be_more = room <= 0 or bool(self._carriers.resting())
            return 0
        leased = self._leased
        for ready in self._pages.ready(leased):
            chosen = self._choose(self._compose(ready))
            self._leased = self._leased[len(ready) :]
            self._carriers.carry(chosen)
        return len(leased)

    def _lease(self, room: int, *, woken: bool) -> list[int]:
        """Take what is due. It is ours until it is handed on, also when the database goes away meanwhile.

        Unless `woken`, it asks first whether anything is due: asking does not hold up those that write.
        """
        with self._database.reading() as session:
            since = uncertain_since(session, self._settings, now=real_now())
            but = Except(since, self._carriers.resting(), self._without_proof)
            if not woken and not outbox.anything_due(session, [Medium.EMAIL], now=real_now(), but=but):
                return []
        with self._database.begin() as session:
            leased = outbox.lease_ids(session, Medium.EMAIL, holder=self._holder, count=room, now=real_now(), but=but)
        self._leased = leased
        return leased

    def _choose(self, composed: list[Outgoing]) -> list[Outgoing]:
        """Those that may be carried now; the others are due as before."""
        chosen = self._carriers.choose(composed)
        if left := {one.id for one in composed} - {one.id for one in chosen}:
            with self._database.begin() as session:
                outbox.give_back(session, left, holder=self._holder)
        return chosen

    def _compose(self, ids: Sequence[int]) -> list[Outgoing]:
        """The bytes of these deliveries. One that cannot be composed waits an hour, and the others go on."""
        try:
            with self._database.reading() as session:
                return compose_all(session, ids, self._settings, self._recent)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - the poison guard
            if len(ids) == 1:
                self._set_aside(ids[0], error)
                return []
        return [outgoing for one in ids for outgoing in self._compose([one])]

    def _set_aside(self, delivery_id: int, error: Exception) -> None:
        log.warning("delivery-not-composed", delivery=delivery_id, fault=error)
        with self._database.begin() as session:
            outbox.defer(session.get_one(Delivery, delivery_id), reply="not composed", after=POISONED)

    def _tidy(self) -> int:
        """Free what a process of this machine held when it died, and settle what its receipt copy proves."""
        self._keep_leases()
        with self._database.reading() as session:
            if not outbox.is_untidy(session, holder=self._holder, now=real_now()):
                return 1
        with self._database.begin() as session:
            outbox.release_dead(session, holder=self._holder)
        self._settle()
        return 1

    def _settle(self) -> None:
        """What a receipt copy proves is accepted, also where recording what follows from it fails."""
        try:
            with self._database.begin() as session:
                outcomes.settle_by_receipt(session, by=SENDER, now=now())
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - the poison guard
            log.warning("receipts-not-followed", fault=error)
            with self._database.begin() as session:
                outcomes.settle_by_receipt(session, by=SENDER, now=now(), follow=False)

    def _keep_leases(self) -> None:
        """What waits behind slow mails, and the slow ones themselves, stay ours."""
        ids = self._carriers.in_hand()
        if ids and time.monotonic() >= self._renew_at:
            with self._database.begin() as session:
                outbox.keep_leases(session, ids, holder=self._holder, now=real_now())
            self._renew_at = time.monotonic() + RENEW_EVERY

    def _guarded(self, work: Callable[[], int]) -> int:
        try:
            done = work()
        except SQLAlchemyError as error:
            self._condition.failed(f"database: {name_of(error)}")
            return 0
        self._condition.well()
        return done
