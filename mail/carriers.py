"""Several connections to our relay, each in a thread of its own, open while there is work.

A relay that wants no more connections gets fewer; one that is unwell is left alone for a while; a destination that
takes nothing now does not hold up the others.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256

import structlog

from mail.composing import Outgoing, original_parts
from mail.forward import Form, allowed, form_of, splice
from mail.recorder import Recorder
from mail.relay import tokens_for_relay
from mail.resting import Resting
from mail.settings import MailSettings
from mail.smtp import LoginRefused, NotNow, Refused, Relay, Transmission, Uncertain
from storage.database import Database
from storage.logs import Condition
from storage.outcomes import Accepted, Deferred, Outcome, TooLarge, Unknown
from storage.outcomes import Refused as RefusedForGood

log = structlog.get_logger()
AHEAD = 2
"""Mails that are ready for each connection: the next one need not wait for the outbox."""

IDLE = 30.0
"""Seconds without work after which a connection is closed."""


class Carriers:
    """Takes outgoing mails and reports each outcome to the recorder; `done` is called when there is room again."""

    def __init__(
        self, settings: MailSettings, database: Database, recorder: Recorder, *, done: Callable[[], None]
    ) -> None:
        self.done = done
        self._settings = settings
        self._database = database
        self._recorder = recorder
        self._tokens = tokens_for_relay(settings)
        self._ready: queue.Queue[Outgoing | None] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._in_hand = 0
        self._resting = Resting()
        self._condition = Condition("relay")

    def room(self) -> int:
        """How many mails more may be made ready now: some for each connection, or none yet.

        None while the relay is left alone.
        """
        if self._resting.is_general():
            return 0
        free = self._limit() * AHEAD - self._in_hand
        return free if free >= self._limit() else 0

    def resting(self) -> tuple[str, ...]:
        """Destinations that are left alone now."""
        return self._resting.destinations()

    def carry(self, mails: Iterable[Outgoing]) -> None:
        """Send these, as soon as a connection is free."""
        for mail in mails:
            with self._lock:
                self._in_hand += 1
                if len(self._threads) < min(self._in_hand, self._limit()):
                    self._start()
            self._ready.put(mail)

    def close(self) -> None:
        """Let each finish the mail it is at, and end; what none has begun is free at once."""
        with suppress(queue.Empty):
            while mail := self._ready.get_nowait():
                self._recorder.record(Deferred(mail.id, "stopped", timedelta()))
        for _ in list(self._threads):
            self._ready.put(None)
        for thread in list(self._threads):
            thread.join(20)

    def _limit(self) -> int:
        return self._resting.connections(self._settings.smtp_connections)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="carry", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        relay = Relay(self._settings, tokens=self._tokens)
        try:
            self._carry_on(relay)
        finally:
            with self._lock:
                self._threads.remove(threading.current_thread())
            relay.quit()

    def _carry_on(self, relay: Relay) -> None:
        """One mail after the other: what became of one, and that the next begins, is one commit."""
        outcome: Outcome | None = None
        while True:
            mail = self._next(at_once=outcome is not None)
            if mail is None and outcome is None:
                return
            begins = self._recorder.record(outcome, then=mail)
            self._give_back((outcome is not None) + (mail is not None and not begins))
            outcome = self._outcome_guarded(relay, mail) if mail is not None and begins else None

    def _give_back(self, mails: int) -> None:
        """So many mails are no longer in hand."""
        if mails:
            with self._lock:
                self._in_hand -= mails
            self.done()

    def _next(self, *, at_once: bool) -> Outgoing | None:
        try:
            return self._ready.get(block=not at_once, timeout=None if at_once else IDLE)
        except queue.Empty:
            return None

    def _outcome_guarded(self, relay: Relay, mail: Outgoing) -> Outcome:
        """The poison guard: after what nobody foresaw, nobody knows whether the mail was sent."""
        try:
            return self._outcome(relay, mail)
        except Exception as error:  # noqa: BLE001 - the poison guard
            log.warning("sending-failed", delivery=mail.id, fault=error)
            relay.close()
            return Unknown(mail.id)

    def _outcome(self, relay: Relay, mail: Outgoing) -> Outcome:
        """What becomes of one mail on the wire; nothing but the outcome leaves this function."""
        digest = sha256()
        try:
            reply = relay.transmit(self._transmission(relay, mail, digest.update))
        except Refused as error:
            if error.is_too_large and mail.original_id is not None:
                return TooLarge(mail.id, error.reply)
            return RefusedForGood(mail.id, error.reply)
        except Uncertain:
            return Unknown(mail.id)
        except LoginRefused:
            self._note(NotNow("login refused", general=True), relay, mail)
            return Deferred(mail.id, "login refused")
        except NotNow as error:
            self._note(error, relay, mail)
            return Deferred(mail.id, error.reply)
        self._condition.well()
        self._resting.went_well(mail.destination)
        return Accepted(mail.id, reply, digest.hexdigest())

    def _note(self, error: NotNow, relay: Relay, mail: Outgoing) -> None:
        others = sum(thread is not threading.current_thread() for thread in self._threads)
        self._resting.failed(mail.destination, general=error.general, others=others, now=time.monotonic())
        if error.general:
            relay.close()
            self._condition.failed(error.reply[:3] if error.reply[:3].isdigit() else error.reply)

    def _transmission(self, relay: Relay, mail: Outgoing, note: Callable[[bytes], None]) -> Transmission:
        chunks: Iterable[bytes] = [mail.content]
        eight_bit, size = False, len(mail.content)
        if mail.original_id is not None:
            form = allowed(form_of(self._original(mail)), eight_bit=relay.takes_eight_bit)
            eight_bit = form is Form.EIGHT_BIT
            size += mail.original_size * 78 // 57 if form is Form.BASE64 else mail.original_size
            chunks = splice(mail.content, self._original(mail), form, boundary=mail.boundary)
        return Transmission(
            mail.sender,
            mail.recipient,
            _noted(chunks, note),
            receipt=mail.receipt,
            envelope_id=mail.envelope_id,
            eight_bit=eight_bit,
            size=size,
        )

    def _original(self, mail: Outgoing) -> Iterable[bytes]:
        return [mail.original] if mail.original is not None else original_parts(self._database, mail.original_id or 0)


def _noted(chunks: Iterable[bytes], note: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        note(chunk)
        yield chunk
