"""Watching a mailbox: one connection kept open, resumed from SQL after anything; one poller at a time, by lease."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.blaming import MailAtFault
from mail.connecting import tokens_for
from mail.decider import Decider
from mail.intake import Intake, nothing
from mail.mailbox import IDLE_AT_MOST, LoginRefused, Mailbox, MailboxLost, NoSuchFolder
from mail.reader import Reader
from mail.receipts import look_in_sent
from mail.recent import RecentLetters
from mail.reconciling import reconcile
from mail.settings import MailboxSettings, MailSettings, Receipt
from storage import heartbeats, marks
from storage.clock import real_now
from storage.database import Database
from storage.holders import new_holder
from storage.logs import Condition, name_of

POLLER_TTL = timedelta(seconds=9)
LOOK_FOR_LEASE = 1.0
"""Seconds between looks at whether the poller of this mailbox is still alive."""

OTHER_FOLDERS_EVERY = 30.0
"""Seconds between looks at the folders that IDLE does not watch."""

RECONCILE_EVERY = 3600.0
LONGEST_BACKOFF = 60.0
PASSES = 12
"""How often `drain` begins anew because some mail failed: about twice as often as it takes to leave one alone."""

log = structlog.get_logger()


class Receiver:
    """Takes in one mailbox for ever. It belongs to one thread; `keep_lease` is called from another."""

    def __init__(
        self,
        database: Database,
        settings: MailSettings,
        mailbox: MailboxSettings,
        *,
        reader: Reader,
        recent: RecentLetters,
        queued: Callable[[], None],
        let_pass: Callable[[], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._account = mailbox
        self._reader = reader
        self._recent = recent
        self._queued, self._let_pass = queued, let_pass
        self._tokens = tokens_for(mailbox)
        self._holder = new_holder()
        self._condition = Condition("mailbox", mailbox=mailbox.account)
        self._moving = Condition("moving", mailbox=mailbox.account)
        self._lease_is_ours = False
        self._failures = 0
        self._mailbox: Mailbox | None = None
        self._reconcile_at = 0.0

    def claim(self) -> bool:
        """Become, or stay, the only poller of this mailbox; False while another process is."""
        name = heartbeats.poller_of(self._account.account)
        with self._database.begin() as session:
            self._lease_is_ours = heartbeats.claim(session, name, holder=self._holder, ttl=POLLER_TTL, now=real_now())
        return self._lease_is_ours

    def keep_lease(self) -> None:
        """Prolong the lease, if it is ours, while a long fetch or an IDLE goes on."""
        if self._lease_is_ours:
            self.claim()

    def release(self) -> None:
        """Let another process poll at once."""
        with self._database.begin() as session:
            heartbeats.release(session, heartbeats.poller_of(self._account.account), holder=self._holder)

    def interrupt(self) -> None:
        """Wake a `run` that waits for mail, from another thread, so that it sees its `stop`."""
        if mailbox := self._mailbox:
            mailbox.interrupt()

    def run(self, stop: threading.Event) -> None:
        """Receive until `stop`, reconnecting with back-off; a connection that worked ends a row of failures."""
        while not stop.is_set():
            try:
                self._attend(stop)
            except Exception as error:  # noqa: BLE001 - the mailbox is read again from SQL, whatever happened
                if stop.is_set():
                    return
                self._failures += 1
                self._report(error)
                asked_for = error.retry_after if isinstance(error, MailboxLost) else None
                stop.wait(max(backoff(self._failures), asked_for or 0))

    def receive_all(self, advance: Callable[[int], None] = nothing) -> int:
        """One pass over all folders, for `drain`; how many new mails. Raises as Mailbox.

        Mails that fail are passed over: then the pass is made again, without them.
        """
        taken = 0
        for _ in range(PASSES):
            try:
                with self._connected() as mailbox:
                    intake = self._intake(mailbox)
                    intake.resume()
                    taken += sum(self._sweep(intake, folder, advance) for folder in self._folders)
                    taken += self._reconcile_if_long_ago(intake, advance) + self._try_stuck(intake)
                    self._look_in_sent(mailbox)
                    self._contact()
                    return taken
            except MailAtFault as error:
                fault = error
        raise fault

    def _sweep(self, intake: Intake, folder: str, advance: Callable[[int], None] = nothing) -> int:
        return self._look(folder, lambda name: intake.sweep(name, advance=advance))

    def _reconcile_if_long_ago(self, intake: Intake, advance: Callable[[int], None]) -> int:
        """Where `drain` is all that ever runs, it compares, too."""
        with self._database.reading() as session:
            last = marks.find(session, marks.compared(self._account.account))
        if last is not None and last.at > real_now() - timedelta(seconds=RECONCILE_EVERY):
            return 0
        return reconcile(self._database, intake, self._account, advance)

    def _try_stuck(self, intake: Intake) -> int:
        return sum(self._look(folder, intake.try_stuck) for folder in self._folders)

    @property
    def _folders(self) -> tuple[str, ...]:
        return self._account.folders

    @property
    def _look_every(self) -> float:
        """Seconds; with a short RECEIPT_GRACE somebody must have looked for receipt copies before it is over."""
        return min(OTHER_FOLDERS_EVERY, max(1.0, self._settings.receipt_grace.total_seconds() / 4))

    def _attend(self, stop: threading.Event) -> None:
        if not self.claim():
            self._condition.failed("another process polls this mailbox")
            stop.wait(LOOK_FOR_LEASE)
            return
        with self._connected() as mailbox:
            intake = self._intake(mailbox)
            intake.resume()
            self._condition.well()
            for folder in self._folders:
                self._sweep(intake, folder)
            self._try_stuck(intake)
            self._watch(mailbox, intake, stop)

    def _watch(self, mailbox: Mailbox, intake: Intake, stop: threading.Event) -> None:
        watched, *others = self._folders
        look_at = 0.0
        while not stop.is_set() and self._lease_is_ours and not mailbox.must_renew:
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + OTHER_FOLDERS_EVERY
                for folder in others:
                    self._look(folder, intake.take_new)
                self._try_stuck(intake)
            self._look_in_sent(mailbox)
            while self._look(watched, intake.take_new):
                self._contact()
            self._contact()
            if not self._reconcile_if_due(intake):
                self._wait(mailbox, stop)

    def _look_in_sent(self, mailbox: Mailbox) -> None:
        if self._settings.forward_receipt is Receipt.SENT_FOLDER:
            look_in_sent(self._database, mailbox)

    def _reconcile_if_due(self, intake: Intake) -> bool:
        """Once after the start, and then every hour; the next look at the watched folder follows at once."""
        if time.monotonic() < self._reconcile_at:
            return False
        self._reconcile_at = time.monotonic() + RECONCILE_EVERY
        reconcile(self._database, intake, self._account)
        self._try_stuck(intake)
        return True

    def _wait(self, mailbox: Mailbox, stop: threading.Event) -> None:
        seconds = self._account.poll_seconds
        if seconds is None and mailbox.can_idle:
            mailbox.wait(min(self._look_every, IDLE_AT_MOST))
        else:
            stop.wait(seconds or self._look_every)

    def _report(self, error: Exception) -> None:
        """Say what keeps us from the mailbox, once; what nobody foresaw is said with its place in the code."""
        if isinstance(error, MailboxLost | LoginRefused | SQLAlchemyError):
            detail = f" {error}" if isinstance(error, MailboxLost) else ""
            self._condition.failed(f"{name_of(error)}{detail}")
        else:
            log.error("receiving-failed", fault=error)

    def _look(self, folder: str, look: Callable[[str], int]) -> int:
        """Look into a folder; a mailbox need not have one for Junk."""
        try:
            return look(folder)
        except NoSuchFolder:
            if self._mailbox and self._mailbox.is_junk(folder):
                return 0
            raise MailboxLost(f"there is no folder {folder}") from None

    def _intake(self, mailbox: Mailbox) -> Intake:
        account = self._account.account
        decider = Decider(
            self._database,
            self._settings,
            account=account,
            reader=self._reader,
            recent=self._recent,
            queued=self._queued,
            is_junk=mailbox.is_junk,
        )
        return Intake(
            self._database,
            mailbox,
            self._settings,
            decider,
            account=account,
            moving=self._moving,
            let_pass=self._let_pass,
        )

    @contextmanager
    def _connected(self) -> Iterator[Mailbox]:
        self._mailbox = mailbox = Mailbox(self._account, tokens=self._tokens)
        try:
            mailbox.ensure_folder()
            yield mailbox
        finally:
            self._mailbox = None
            mailbox.close()

    def _contact(self) -> None:
        self._failures = 0
        with self._database.begin() as session:
            heartbeats.beat(session, heartbeats.contact_of(self._account.account), now=real_now())


def backoff(failures: int) -> float:
    """Seconds until the next try: doubling, with jitter, at most a minute."""
    return float(min(LONGEST_BACKOFF, 0.5 * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
