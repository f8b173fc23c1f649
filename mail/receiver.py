"""Watching the mailbox: one connection kept open, resumed from SQL after anything; one poller at a time, by lease."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.intake import Intake, is_junk
from mail.mailbox import IDLE_AT_MOST, LoginRefused, Mailbox, MailboxLost, NoSuchFolder
from mail.settings import MailSettings
from mail.watch import watch_bot
from storage import heartbeats
from storage.clock import now, real_now
from storage.database import Database
from storage.holders import new_holder
from storage.logs import Condition

POLLER = "poller:privacy"
CONTACT = "contact:privacy"
POLLER_TTL = timedelta(seconds=15)
PULSE = 5.0
"""Seconds between heartbeats, a third of the lease."""

OTHER_FOLDERS_EVERY = 30.0
"""Seconds between looks at the folders that IDLE does not watch."""

LONGEST_BACKOFF = 60.0
log = structlog.get_logger()


class Receiver:
    """Takes in mail for ever. It belongs to one thread; `pulse` keeps its lease from another."""

    def __init__(self, database: Database, settings: MailSettings, *, queued: Callable[[], None]) -> None:
        self._database = database
        self._settings = settings
        self._queued = queued
        self._holder = new_holder()
        self._condition = Condition("mailbox")
        self._lease_is_ours = False
        self._started_at = real_now()
        self._mailbox: Mailbox | None = None

    def claim(self) -> bool:
        """Become, or stay, the only poller of this mailbox; False while another process is."""
        with self._database.begin() as session:
            self._lease_is_ours = heartbeats.claim(session, POLLER, holder=self._holder, ttl=POLLER_TTL, now=real_now())
        return self._lease_is_ours

    def release(self) -> None:
        """Let another process poll at once."""
        with self._database.begin() as session:
            heartbeats.release(session, POLLER, holder=self._holder)

    def interrupt(self) -> None:
        """Wake a `run` that waits for mail, from another thread, so that it sees its `stop`."""
        if mailbox := self._mailbox:
            mailbox.interrupt()

    def run(self, stop: threading.Event) -> None:
        """Receive until `stop`, reconnecting with back-off."""
        failures = 0
        while not stop.is_set():
            try:
                self._attend(stop)
                failures = 0
            except Exception as error:  # noqa: BLE001 - the mailbox is read again from SQL, whatever happened
                if stop.is_set():
                    return
                failures += 1
                self._report(error)
                stop.wait(backoff(failures))

    def pulse(self, stop: threading.Event) -> None:
        """Keep the lease and the heartbeat alive while a long fetch or an IDLE goes on."""
        condition = Condition("heartbeat")
        while not stop.wait(PULSE):
            try:
                self._beat()
                condition.well()
            except SQLAlchemyError as error:
                condition.failed(type(error).__name__)

    def receive_all(self) -> int:
        """One pass over all folders, for `drain`; how many new mails. Raises as Mailbox."""
        with self._connected() as mailbox:
            intake = self._intake(mailbox)
            intake.resume()
            return sum(self._sweep(intake, folder) for folder in self._settings.imap_folders)

    def _attend(self, stop: threading.Event) -> None:
        if not self.claim():
            self._condition.failed("another process polls this mailbox")
            stop.wait(PULSE)
            return
        with self._connected() as mailbox:
            intake = self._intake(mailbox)
            intake.resume()
            self._condition.well()
            self._watch(mailbox, intake, stop)

    def _watch(self, mailbox: Mailbox, intake: Intake, stop: threading.Event) -> None:
        watched, *others = self._settings.imap_folders
        self._sweep(intake, watched)
        look_at = 0.0
        while not stop.is_set() and self._lease_is_ours:
            if time.monotonic() >= look_at:
                for folder in others:
                    self._sweep(intake, folder)
                look_at = time.monotonic() + OTHER_FOLDERS_EVERY
            while intake.take_new(watched):
                pass
            self._contact()
            self._wait(mailbox, stop)

    def _wait(self, mailbox: Mailbox, stop: threading.Event) -> None:
        seconds = self._settings.poll_seconds
        if seconds is None and mailbox.can_idle:
            mailbox.wait(min(OTHER_FOLDERS_EVERY, IDLE_AT_MOST))
        else:
            stop.wait(seconds or OTHER_FOLDERS_EVERY)

    def _report(self, error: Exception) -> None:
        """Say what keeps us from the mailbox, once; what nobody foresaw is said with its place in the code."""
        if isinstance(error, MailboxLost | LoginRefused | SQLAlchemyError):
            detail = f" {error}" if isinstance(error, MailboxLost) else ""
            self._condition.failed(f"{type(error).__name__}{detail}")
        else:
            log.error("receiving-failed", fault=error)

    def _sweep(self, intake: Intake, folder: str) -> int:
        try:
            return intake.sweep(folder)
        except NoSuchFolder:
            if is_junk(folder):
                return 0
            raise MailboxLost(f"there is no folder {folder}") from None

    def _intake(self, mailbox: Mailbox) -> Intake:
        return Intake(self._database, mailbox, self._settings, queued=self._queued)

    @contextmanager
    def _connected(self) -> Iterator[Mailbox]:
        self._mailbox = mailbox = Mailbox(self._settings)
        try:
            mailbox.ensure_folder()
            yield mailbox
        finally:
            self._mailbox = None
            mailbox.close()

    def _contact(self) -> None:
        with self._database.begin() as session:
            heartbeats.beat(session, CONTACT, now=real_now())

    def _beat(self) -> None:
        if self._lease_is_ours:
            self.claim()
        with self._database.begin() as session:
            heartbeats.beat(session, "mail", now=real_now())
        watch_bot(self._database, self._settings, now(), started_at=self._started_at)


def backoff(failures: int) -> float:
    """Seconds until the next try: doubling, with jitter, at most a minute."""
    return float(min(LONGEST_BACKOFF, 0.5 * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
