"""Several connections to our relay, each in a thread of its own, open while there is work.

A relay that wants no more connections gets fewer; one that is unwell is left alone for a while; a destination that
takes nothing now does not hold up the others.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from hashlib import sha256

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.composing import Outgoing, attached_parts, original_parts
from mail.recorder import Recorder
from mail.relay import tokens_for_relay
from mail.resting import Resting
from mail.settings import MailSettings
from mail.smtp import LoginRefused, NotNow, Refused, Relay, Transmission, Uncertain
from storage.attached import Attached, join
from storage.database import Database
from storage.logs import Condition
from storage.outcomes import Accepted, Deferred, Outcome, TooLarge, Unknown, Untried
from storage.outcomes import Refused as RefusedForGood
from storage.splicing import Form, allowed, form_of, splice

log = structlog.get_logger()
POISONED = timedelta(hours=1)
AHEAD = 8
"""Mails at most that are ready for each connection; half of them are made ready at once."""

IDLE = 30.0
"""Seconds without work after which a connection is closed."""


class OneTooMany(Exception):
    """The relay wants fewer connections: this one ends, and another takes its mail."""


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
        self._changed = threading.Condition()
        self._ready: deque[Outgoing] = deque()
        self._in_hand: dict[int, Outgoing] = {}
        self._begun: set[int] = set()
        self._threads: set[threading.Thread] = set()
        self._closing = False
        self._resting = Resting()
        self._condition, self._receipts = Condition("relay"), Condition("receipt-copies")

    def room(self) -> int:
        """How many mails more may be made ready now: many at once, or none yet.

        None while the relay is left alone.
        """
        if self._resting.is_general():
            return 0
        with self._changed:
            most = self._limit() * AHEAD
            free = most - len(self._in_hand)
        return free if free >= most / 2 else 0

    def in_hand(self) -> list[int]:
        """The deliveries that are waiting here or under way."""
        with self._changed:
            return list(self._in_hand)

    def resting(self) -> tuple[str, ...]:
        """Destinations that get nothing more now: left alone, or being tried with one mail."""
        return tuple(self._resting.destinations() | self._tried(self._resting.unwell()))

    def choose(self, mails: Iterable[Outgoing]) -> list[Outgoing]:
        """Those that may be carried now: of a destination that took nothing the last time, one."""
        unwell = self._resting.unwell()
        trying, chosen = self._tried(unwell), []
        for mail in mails:
            if mail.destination not in trying:
                chosen.append(mail)
            trying |= {mail.destination} & unwell
        return chosen

    def _tried(self, unwell: set[str]) -> set[str]:
        """Of these destinations, those for which a mail is in hand."""
        with self._changed:
            return {mail.destination for mail in self._in_hand.values()} & unwell

    def carry(self, mails: Iterable[Outgoing]) -> None:
        """Send these, as soon as a connection is free."""
        with self._changed:
            for mail in mails:
                self._in_hand[mail.id] = mail
                self._ready.append(mail)
                self._changed.notify()
                if len(self._threads) < min(len(self._in_hand), self._limit()):
                    self._start()

    def close(self) -> None:
        """Let each finish the mail it is at, and end; what none has begun is free at once."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            threads = list(self._threads)
        self._give_back()
        for thread in threads:
            thread.join(20)

    def _give_back(self) -> None:
        """What waits for a connection is due as before."""
        if waiting := self._take_back():
            self._recorder.record(*waiting)

    def _take_back(self, destination: str | None = None) -> list[Untried]:
        """What waits for a connection, or all of it that goes to one destination, is no longer in hand."""
        with self._changed:
            waiting = [mail for mail in self._ready if destination in (None, mail.destination)]
            self._ready = deque(mail for mail in self._ready if destination not in (None, mail.destination))
            untried = [Untried(mail.id, mail.id in self._begun, self._recorder.holder) for mail in waiting]
        self._forget(waiting)
        return untried

    def _forget(self, mails: Iterable[Outgoing]) -> None:
        with self._changed:
            for mail in mails:
                self._in_hand.pop(mail.id, None)
                self._begun.discard(mail.id)

    def _limit(self) -> int:
        return self._resting.connections(self._settings.smtp_connections)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="carry", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self) -> None:
        relay = Relay(self._settings, tokens=self._tokens, receipts=self._receipts)
        try:
            mail = self._first(relay)
            while mail:
                mail = self._following(relay, mail, self._outcome(relay, mail))
        except OneTooMany:
            pass
        except Exception as error:  # noqa: BLE001 - the poison guard: what it had in hand runs into the end of its lease
            log.warning("connection-failed", fault=error)
            self._resting.rest()
            self._give_up()
        finally:
            self._leave()
            relay.quit()

    def _give_up(self) -> None:
        """Nobody knows what was at fault: let go of everything, and begin anew from the outbox."""
        with self._changed:
            self._ready.clear()
            self._in_hand.clear()
            self._begun.clear()
        self._recorder.expect_nothing()

    def _first(self, relay: Relay) -> Outgoing | None:
        """Wait for a mail, connect, and begin it; None ends this connection. Raises OneTooMany."""
        while mail := self._next(at_once=False):
            if self._connects(relay, mail) and self._recorder.record(then=mail):
                return mail
            self._finish([mail])
        return None

    def _following(self, relay: Relay, mail: Outgoing, outcome: Outcome) -> Outgoing | None:
        """Record what became of a mail and, in the same commit, that the next one begins. Raises OneTooMany.

        What waits for a destination that rests now is given back.
        """
        untried = self._take_back(mail.destination) if mail.destination in self._resting.destinations() else []
        following = self._next(at_once=True) if relay.is_open else None
        begins = self._recorder.record(outcome, *untried, then=following)
        self._finish([mail] if begins or following is None else [mail, following])
        return following if begins else self._first(relay)

    def _connects(self, relay: Relay, mail: Outgoing) -> bool:
        """Whether there is a connection; else the mail, which was not begun, is deferred. Raises OneTooMany."""
        try:
            relay.connect()
        except (NotNow, LoginRefused) as error:
            self._recorder.record(self._without_relay(relay, mail, _reply_of(error)))
            return False
        return True

    def _finish(self, mails: list[Outgoing]) -> None:
        """These are no longer in hand."""
        if mails:
            self._forget(mails)
            self.done()

    def _next(self, *, at_once: bool) -> Outgoing | None:
        """The next mail. Where there is none, wait for one, unless `at_once`; then nobody counts on this connection."""
        with self._changed:
            if not at_once:
                self._changed.wait_for(lambda: self._ready or self._closing, IDLE)
            if self._ready and not self._closing:
                return self._ready.popleft()
            if not at_once:
                self._leave()
            return None

    def _leave(self) -> None:
        with self._changed:
            self._threads.discard(threading.current_thread())

    def _outcome(self, relay: Relay, mail: Outgoing) -> Outcome:
        """What becomes of one mail on the wire. Raises OneTooMany and nothing else."""
        if mail.refusal is not None:
            return RefusedForGood(mail.id, mail.refusal)
        digest = sha256()
        try:
            reply = relay.transmit(self._transmission(relay, mail, digest.update))
        except (Refused, NotNow, Uncertain, LoginRefused) as error:
            return self._judge(relay, mail, error)
        except Exception as error:  # noqa: BLE001 - the poison guard: this mail waits, the others go on
            log.warning("delivery-not-sent", delivery=mail.id, fault=error)
            relay.close()
            return Deferred(mail.id, "not sent", None if isinstance(error, SQLAlchemyError) else POISONED)
        self._condition.well()
        self._resting.went_well(mail.destination)
        return Accepted(mail.id, reply, digest.hexdigest())

    def _judge(self, relay: Relay, mail: Outgoing, error: Refused | NotNow | Uncertain | LoginRefused) -> Outcome:
        if isinstance(error, Uncertain):
            return Unknown(mail.id)
        if isinstance(error, LoginRefused) or (isinstance(error, NotNow) and error.general):
            self._begun.add(mail.id)
            return self._without_relay(relay, mail, _reply_of(error))
        self._resting.answered()
        if isinstance(error, NotNow):
            self._resting.rest_destination(mail.destination)
            return Deferred(mail.id, error.reply)
        is_too_large = error.is_too_large and mail.may_be_smaller
        return (TooLarge if is_too_large else RefusedForGood)(mail.id, error.reply)

    def _without_relay(self, relay: Relay, mail: Outgoing, reply: str) -> Outcome:
        """The relay gives us no connection. While there are others it may want fewer: one of them takes this mail.

        Where it gives none to anybody, the last one that tried says so. Raises OneTooMany.
        """
        relay.close()
        self._hand_on(mail)
        self._condition.failed(reply[:3] if reply[:3].isdigit() else reply.partition(":")[0])
        self._resting.rest()
        self._give_back()
        return Deferred(mail.id, reply)

    def _hand_on(self, mail: Outgoing) -> None:
        """Leave a mail to another connection, if there is one. Raises OneTooMany."""
        with self._changed:
            others = len(self._threads - {threading.current_thread()})
            if not others or self._closing:
                return
            self._leave()
            self._resting.want_fewer(others)
            self._ready.appendleft(mail)
            self._changed.notify()
        raise OneTooMany

    def _transmission(self, relay: Relay, mail: Outgoing, note: Callable[[bytes], None]) -> Transmission:
        chunks: Iterable[bytes] = [mail.content]
        eight_bit, size = False, len(mail.content)
        if mail.original_id is not None:
            form = allowed(form_of(self._original(mail)), eight_bit=relay.takes_eight_bit)
            eight_bit = form is Form.EIGHT_BIT
            size += mail.original_size * 78 // 57 if form is Form.BASE64 else mail.original_size
            chunks = splice(mail.content, self._original(mail), form, boundary=mail.boundary)
        elif mail.attached:
            size += sum(file.size_sent for file in mail.attached)
            chunks = join(mail.content, mail.attached, self._file, boundary=mail.boundary)
        return Transmission(
            mail.sender,
            mail.recipient,
            _noted(chunks, note),
            receipt=mail.receipt,
            envelope_id=mail.envelope_id,
            eight_bit=eight_bit,
            size=size,
        )

    def _file(self, file: Attached) -> Iterable[bytes]:
        return attached_parts(self._database, file)

    def _original(self, mail: Outgoing) -> Iterable[bytes]:
        return [mail.original] if mail.original is not None else original_parts(self._database, mail.original_id or 0)


def _reply_of(error: NotNow | LoginRefused) -> str:
    return error.reply if isinstance(error, NotNow) else "login refused"


def _noted(chunks: Iterable[bytes], note: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        note(chunk)
        yield chunk
