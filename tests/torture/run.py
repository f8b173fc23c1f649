"""The torture itself: lives and deaths of `mail` processes, until everything is settled and can be judged."""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sqlalchemy import select

from mail.service import prepare
from storage.database import open_database
from storage.models import Delivery
from tests.mail_support import environ_for, mail_settings
from tests.servers import Dovecot, Exim, Proxy
from tests.torture.deaths import UNHARMED, Death, choose_doom, living, see_it_die
from tests.torture.faults import Gremlin, change_uidvalidity
from tests.torture.letters import import_clients, make_clients, make_letters
from tests.torture.outcome import Outcome, Plan, empty_queue, how_settled, is_receipt, reported_by, wait_until_settled
from tests.torture.posting import Postman
from tests.torture.verdict import Verdict, judge_mailboxes, judge_record

CLIENTS = 6
GRACE = "3s"
"""RECEIPT_GRACE: how long a forward of unknown fate waits for its receipt copy."""


def seeded(*seeds: int) -> random.Random:
    """Chance that can be repeated."""
    return random.Random(repr(seeds))  # noqa: S311 - no secret


class Torture:
    """One run, between servers that are there, over a fresh and migrated database."""

    def __init__(
        self,
        plan: Plan,
        dovecot: Dovecot,
        exim: Exim,
        database_url: str,
        folder: Path,
        tell: Callable[[str, int], None],
    ) -> None:
        self._plan, self._dovecot, self._exim, self._folder, self._tell = plan, dovecot, exim, folder, tell
        self._url = database_url
        chance = seeded(plan.seed)
        domain = f"{secrets.token_hex(6)}.example"
        self._ours = f"privacy@{domain}"
        self._clients = make_clients(CLIENTS, domain)
        self._postman = Postman(dovecot, make_letters(plan.letters, self._clients, chance), plan.deaths)
        self._changing, self._begun = threading.Lock(), 0
        self._on_the_wire: dict[int, int] = {}
        self._outcome = Outcome(Verdict())

    def run(self) -> Outcome:
        """Kill, settle, judge."""
        start = time.monotonic()
        self._database = open_database(self._url)
        try:
            import_clients(self._database, self._clients, self._folder)
            prepare(self._database)
            self._kill_and_settle()
            self._judge()
        finally:
            self._database.dispose()
        self._outcome.seconds = time.monotonic() - start
        return self._outcome

    def _kill_and_settle(self) -> None:
        with self._reached() as environ:
            with self._disturbed(), ThreadPoolExecutor(self._plan.processes) as slots:
                lives = [slots.submit(self._live_and_die, number, environ) for number in range(self._plan.processes)]
                for one in lives:
                    one.result()
            self._postman.post_rest()
            with self._last_lives(environ):
                self._tell("the last run: nobody is killed", self._plan.deaths)
                with suppress(TimeoutError):  # the verdict tells what is missing
                    wait_until_settled(self._database, self._plan.letters)
                empty_queue(self._exim)

    @contextmanager
    def _reached(self) -> Iterator[Mapping[str, str]]:
        """The environment of the processes, through proxies if so planned."""
        with ExitStack() as stack:
            imap, smtp = self._dovecot.imap_port, self._exim.smtp_port
            self._proxies = []
            if self._plan.proxy:
                self._proxies = [stack.enter_context(Proxy(port)) for port in (imap, smtp)]
                imap, smtp = (proxy.port for proxy in self._proxies)
            settings = mail_settings(
                self._url,
                imap_port=imap,
                smtp_port=smtp,
                mail_address=self._ours,
                imap_user=self._ours,
                imap_password=self._dovecot.password,
            )
            yield environ_for(settings, FORWARD_RECEIPT="self-copy", RECEIPT_GRACE=GRACE)

    @contextmanager
    def _disturbed(self) -> Iterator[None]:
        if not self._proxies:
            yield
            return
        with Gremlin(self._proxies, seeded(self._plan.seed)) as gremlin:
            yield
        self._outcome.tricks = gremlin.tricks

    @contextmanager
    def _last_lives(self, environ: Mapping[str, str]) -> Iterator[None]:
        """Processes that nobody kills, until the end of the block."""
        with ExitStack() as stack:
            for slot in range(self._plan.processes):
                stack.enter_context(living(UNHARMED, environ, self._log(slot)))
            yield

    def _log(self, slot: int) -> Path:
        return self._folder / f"mail-{slot}.log"

    def _judge(self) -> None:
        mailboxes = {client.address: self._dovecot.mailbox(client.address) for client in self._clients}
        verdict = judge_mailboxes(self._postman.posted, mailboxes)
        with self._database.reading() as session:
            verdict.record = judge_record(session, self._plan.letters)
            self._outcome.uncertain = how_settled(session, self._on_the_wire)
        self._outcome.verdict = verdict
        self._outcome.left_in_inbox = sum(not is_receipt(mail) for mail in self._dovecot.mailbox(self._ours))
        self._outcome.reported = reported_by(self._log(slot) for slot in range(self._plan.processes))

    # --- deaths ---

    def _live_and_die(self, slot: int, environ: Mapping[str, str]) -> None:
        chance, log = seeded(self._plan.seed, slot), self._log(slot)
        while self._begin_life():
            doom = choose_doom(chance, self._plan.points)
            posting = self._postman.one_life(lambda: self._begun, chance)
            with living(doom, environ, log) as process:
                death = see_it_die(process, doom, log, posting)
            self._note(death)
            if self._plan.renumber and chance.random() < 0.2:
                self._renumber(chance)

    def _begin_life(self) -> bool:
        """Whether there is a life left to live: each ends with a death."""
        with self._changing:
            if self._begun >= self._plan.deaths:
                return False
            self._begun += 1
            return True

    def _note(self, death: Death) -> None:
        with self._changing:
            self._outcome.deaths[death.where] += 1
            self._on_the_wire.update(self._sending(death.pid))
            done = sum(self._outcome.deaths.values())
        self._tell(f"{done} of {self._plan.deaths} deaths, {len(self._postman.posted)} letters posted", done)

    def _sending(self, pid: int) -> dict[int, int]:
        """The deliveries that this process had begun to send when it died, and how often they had been tried."""
        begun = select(Delivery.id, Delivery.attempts).where(
            Delivery.due_at.is_not(None), Delivery.sending_at.is_not(None)
        )
        with self._database.reading() as session:
            return {
                row.id: row.attempts for row in session.execute(begun.where(Delivery.leased_by.contains(f":{pid}:")))
            }

    def _renumber(self, chance: random.Random) -> None:
        """Dovecot refuses with 451 what arrives meanwhile: Exim tries it again at once, as GRACE is no minute."""
        with self._postman.working:
            change_uidvalidity(self._dovecot, self._ours, chance.choice(["INBOX", "INBOX", "Processed"]))
            self._outcome.renumbered += 1
        with suppress(TimeoutError):  # another process goes on sending
            empty_queue(self._exim)
