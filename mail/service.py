"""The running mail process: receiving apart from sending, and a pulse; and one pass of both for `drain`."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.intake import nothing
from mail.mailbox import LoginRefused, MailboxLost
from mail.names import known_names
from mail.reader import Reader
from mail.receiver import Receiver
from mail.recent import RecentLetters
from mail.sender import Sender
from mail.settings import MailSettings, Receipt
from mail.stuck_mails import tell_of_stuck
from mail.watch import watch_bot
from storage import heartbeats, outbox, pauses, requests, tokens
from storage.clock import now, real_now
from storage.database import Database
from storage.home import note_progress
from storage.logs import Condition, name_of
from storage.types import Medium

log = structlog.get_logger()
EX_SOFTWARE = 70
LOOK_EVERY = 0.1
"""Seconds between looks at what is left to send."""

PULSE = 3.0
"""Seconds between heartbeats, a third of a poller's lease."""

QUIET = 1.0
"""Seconds in which a sender takes in hand whatever may be sent now."""

STOPPING = 10.0
"""Seconds a thread has to finish the mail it is at."""


class AnotherPoller(Exception):
    """Another process polls this mailbox."""


class MailboxAway(Exception):
    """The mailbox could not be read; the message says why."""


@dataclass(frozen=True)
class Drained:
    """What one pass did, and what is left."""

    received: int
    held: int
    sent: int
    waiting: int
    refused: int


def prepare(database: Database) -> None:
    """What a first start needs: a key that signs our addresses."""
    with database.begin() as session:
        tokens.ensure_secret(session, now=now())


class Service:
    """The threads of the mail half: a receiver for each mailbox, the sender, and a pulse for their leases."""

    def __init__(self, database: Database, settings: MailSettings, *, reader: Reader) -> None:
        self._database, self._settings = database, settings
        self._started_at = real_now()
        self.stop, self._wake = threading.Event(), threading.Event()
        recent = RecentLetters()
        self._sender = sender = Sender(database, settings, recent=recent)
        self.receivers = [
            Receiver(
                database,
                settings,
                mailbox,
                reader=reader,
                recent=recent,
                queued=self._queued,
                let_pass=sender.let_pass,
            )
            for mailbox in settings.mailboxes
        ]
        self._threads: list[threading.Thread] = []

    def start_sending(self) -> None:
        """Send, and keep the leases that are ours."""
        self._start("send", lambda: self._sender.run(self.stop, self._wake))
        self._start("pulse", self._pulse)

    def start_receiving(self) -> None:
        """Watch each mailbox. What the first mail needs of the directory is read before it comes."""
        with self._database.reading() as session:
            known_names(session)
        for number, receiver in enumerate(self.receivers):
            self._start(f"receive-{number}", partial(receiver.run, self.stop))

    def is_well(self) -> bool:
        """Whether all threads live."""
        return all(thread.is_alive() for thread in self._threads)

    def wait_until_sent(self, until: float) -> None:
        """Wait until nothing is left, or until then and while anything is being sent: what rests is left waiting."""
        busy_at = time.monotonic()
        while True:
            with self._database.reading() as session:
                over = not outbox.anything_waits(session, Medium.EMAIL) or pauses.is_paused(session)
            busy_at = time.monotonic() if self._sender.is_busy else busy_at
            if over or time.monotonic() > max(until, busy_at + QUIET):
                return
            time.sleep(LOOK_EVERY)

    def end(self) -> None:
        """Let each thread finish what it is at, and give the leases back."""
        self.stop.set()
        self._wake.set()
        for receiver in self.receivers:
            receiver.interrupt()
        for thread in self._threads:
            thread.join(STOPPING)
        for receiver in self.receivers:
            receiver.release()

    def _queued(self) -> None:
        self._sender.expect()
        self._wake.set()

    def _start(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _pulse(self) -> None:
        """Keep leases and the heartbeat alive while a long fetch or an IDLE goes on."""
        condition = Condition("heartbeat")
        while not self.stop.wait(PULSE):
            try:
                self._beat()
                condition.well()
            except SQLAlchemyError as error:
                condition.failed(name_of(error))

    def _beat(self) -> None:
        for receiver in self.receivers:
            receiver.keep_lease()
        with self._database.begin() as session:
            heartbeats.beat(session, "mail", now=real_now())
        watch_bot(self._database, self._settings, now(), started_at=self._started_at)
        tell_of_stuck(self._database, self._settings, now())
        note_progress(self._database)


def serve(database: Database, settings: MailSettings, *, reader: Reader) -> None:
    """Run until SIGTERM or SIGINT. A thread that dies ends the process, so that its supervisor restarts it."""
    prepare(database)
    service = Service(database, settings, reader=reader)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop.set())
    service.start_sending()
    service.start_receiving()
    log.info("mail-started")
    while not service.stop.wait(0.5):
        if not service.is_well():
            raise SystemExit(EX_SOFTWARE)
    service.end()
    log.info("mail-stopped")


def drain(
    database: Database,
    settings: MailSettings,
    *,
    reader: Reader,
    patience: float,
    advance: Callable[[int], None] = nothing,
) -> Drained:
    """One pass: receive everything, send everything, retrying for `patience` seconds what is refused for now.

    `advance` hears of each mail that was looked at. Raises AnotherPoller, MailboxAway.
    """
    prepare(database)
    service = Service(database, settings, reader=reader)
    if not all(receiver.claim() for receiver in service.receivers):
        for receiver in service.receivers:
            receiver.release()
        raise AnotherPoller
    before = _accepted(database)
    service.start_sending()
    try:
        received = sum(_receive(receiver, advance) for receiver in service.receivers)
        tell_of_stuck(database, settings, now())
        service.wait_until_sent(time.monotonic() + patience)
        if settings.forward_receipt is Receipt.SELF_COPY and _accepted(database) > before:
            received += sum(_receive(receiver, advance) for receiver in service.receivers)
    finally:
        service.end()
    return _summary(database, received, before)


def _receive(receiver: Receiver, advance: Callable[[int], None]) -> int:
    try:
        return receiver.receive_all(advance)
    except LoginRefused as error:
        raise MailboxAway("the mailbox does not accept IMAP_USER and IMAP_PASSWORD") from error
    except MailboxLost as error:
        raise MailboxAway(f"the mailbox could not be read ({error})") from error


def _summary(database: Database, received: int, before: int) -> Drained:
    with database.reading() as session:
        backlog = outbox.backlog(session, Medium.EMAIL)
        held, _ = requests.count_waiting(session)
    return Drained(received, held, _accepted(database) - before, backlog.waiting, backlog.refused)


def _accepted(database: Database) -> int:
    with database.reading() as session:
        return outbox.count_accepted(session, Medium.EMAIL)
