"""The running mail process: receiving apart from sending, and a pulse; and one pass of both for `drain`."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mail.mailbox import LoginRefused, MailboxLost
from mail.receiver import Receiver
from mail.sender import Sender
from mail.settings import MailSettings
from storage import outbox, requests, tokens
from storage.clock import now
from storage.database import Database
from storage.types import Medium

log = structlog.get_logger()
EX_SOFTWARE = 70
LOOK_EVERY = 0.1
"""Seconds between looks at what is left to send."""

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


def serve(database: Database, settings: MailSettings) -> None:
    """Run until SIGTERM or SIGINT. A thread that dies ends the process, so that its supervisor restarts it."""
    stop, wake = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    prepare(database)
    receiver, sender = Receiver(database, settings, queued=wake.set), Sender(database, settings)
    threads = [
        _start("receive", lambda: receiver.run(stop)),
        _start("send", lambda: sender.run(stop, wake)),
        _start("pulse", lambda: receiver.pulse(stop)),
    ]
    log.info("mail-started")
    while not stop.wait(0.5):
        if not all(thread.is_alive() for thread in threads):
            raise SystemExit(EX_SOFTWARE)
    wake.set()
    receiver.interrupt()
    for thread in threads:
        thread.join(STOPPING)
    receiver.release()
    log.info("mail-stopped")


def drain(database: Database, settings: MailSettings, *, patience: float) -> Drained:
    """One pass: receive everything, send everything, retrying for `patience` seconds what is refused for now.

    Raises AnotherPoller, MailboxAway.
    """
    prepare(database)
    stop, wake = threading.Event(), threading.Event()
    receiver, sender = Receiver(database, settings, queued=wake.set), Sender(database, settings)
    if not receiver.claim():
        raise AnotherPoller
    before = _accepted(database)
    sending = _start("send", lambda: sender.run(stop, wake))
    pulsing = _start("pulse", lambda: receiver.pulse(stop))
    try:
        received = _receive(receiver)
        _wait_until_sent(database, time.monotonic() + patience)
    finally:
        stop.set()
        wake.set()
        sending.join()
        pulsing.join()
        receiver.release()
    return _summary(database, received, before)


def _receive(receiver: Receiver) -> int:
    try:
        return receiver.receive_all()
    except LoginRefused as error:
        raise MailboxAway("the mailbox does not accept IMAP_USER and IMAP_PASSWORD") from error
    except MailboxLost as error:
        raise MailboxAway(f"the mailbox could not be read ({error})") from error


def _wait_until_sent(database: Database, until: float) -> None:
    """Wait while something is being tried for the first time, and for refused ones until `until`."""
    while True:
        with database.reading() as session:
            backlog = outbox.backlog(session, Medium.EMAIL)
        if backlog.waiting == 0 or (time.monotonic() > until and backlog.waiting == backlog.failing):
            return
        time.sleep(LOOK_EVERY)


def _summary(database: Database, received: int, before: int) -> Drained:
    with database.reading() as session:
        backlog = outbox.backlog(session, Medium.EMAIL)
        held, _ = requests.count_waiting(session)
    return Drained(received, held, _accepted(database) - before, backlog.waiting, backlog.refused)


def _accepted(database: Database) -> int:
    with database.reading() as session:
        return outbox.count_accepted(session, Medium.EMAIL)


def _start(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
