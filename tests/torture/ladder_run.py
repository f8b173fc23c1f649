"""The torture of the ladder: two `bot` processes killed again and again, and a `mail`, while the clock moves."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot import telling
from bot.settings import DeskSettings
from mail.service import prepare
from storage import breach_closing, breach_opening, breaches, calls, customers
from storage.clock import now as desk_now
from storage.database import open_database
from storage.models import Delivery, Reminder, Staff
from storage.outbox import LONGEST_BACKOFF
from storage.types import BY_MAIL, DESK, Means, Medium, Purpose
from tests.bot_support import BORIS, ESCALATION, MANIFEST, fill
from tests.mail_support import environ_for, mail_settings
from tests.playground.mailhost import MailHost
from tests.playground.refusals import Refused
from tests.playground.workspace import Workspace
from tests.servers import wait_until
from tests.torture.deaths import Doom, living, see_it_die, wait_for_start
from tests.torture.ladder_plan import DPO, HOUR, LEAD, OUTAGE, Case, LadderPlan
from tests.torture.ladder_verdict import LadderVerdict, Wire, judge
from tests.torture.outcome import reported_by
from tests.torture.run import seeded

POINTS = (
    "bot:before-posting",
    "bot:posted-unrecorded",
    "bot:post-recorded",
    "bot:before-rung",
    "bot:rung-committed",
    "commit:before",
    "commit:after",
)
METHODS = ("chat.postMessage", "chat.update", "conversations.info")
SETTLING = LONGEST_BACKOFF.total_seconds() + 240.0
"""Seconds that the last sends may take, nobody being killed and nothing failing any more: what failed a moment ago is
tried once more after its back-off. What is put off for longer, or tried and not sent, is lost."""
BY_POST = 60.0
"""Seconds after which a rung must have gone by e-mail while Slack takes nothing."""


@dataclass
class LadderOutcome:
    """What came of it. `by_mail`: rungs of the outage of Slack whose readers have them by e-mail, of so many.
    `settling`: seconds until the last was sent; `tries`: the most that one took."""

    verdict: LadderVerdict = field(default_factory=LadderVerdict)
    deaths: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    by_mail: tuple[int, int] = (0, 0)
    refused: int = 0
    seconds: float = 0.0
    settling: float = 0.0
    tries: int = 0

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and self.by_mail[0] == self.by_mail[1]


class LadderTorture:
    """One run over a fresh and migrated database."""

    def __init__(self, plan: LadderPlan, url: str, folder: Path, tell: Callable[[str, int], None]) -> None:
        self._plan, self._url, self._folder, self._tell = plan, url, folder, tell
        self._clock = folder / "clock"
        self._hour = 0
        self._begun, self._changing = 0, threading.Lock()
        self._finished = threading.Event()
        self._outcome = LadderOutcome()
        self._cases: list[Case] = []

    def run(self) -> LadderOutcome:
        """Open, move the clock, kill, settle, judge."""
        start = time.monotonic()
        self._clock.write_text("0")
        with ExitStack() as stack:
            self._database = open_database(self._url)
            stack.callback(self._database.dispose)
            self._workspace = stack.enter_context(Workspace(MANIFEST))
            self._mail_host = stack.enter_context(MailHost())
            os.environ |= {"CLOCK_OFFSET_FILE": str(self._clock), "SLACK_API_URL": self._workspace.api_url}
            stack.callback(lambda: [os.environ.pop(name) for name in ("CLOCK_OFFSET_FILE", "SLACK_API_URL")])
            self._open_all()
            self._spoil()
            self._live()
            self._judge()
        self._outcome.seconds = time.monotonic() - start
        return self._outcome

    # --- before ---

    def _open_all(self) -> None:
        fill(self._database)
        prepare(self._database)
        settings = DeskSettings(_env_file=None, database_url=self._url, escalation_addresses=(ESCALATION,))
        chance = seeded(self._plan.seed)
        for number in range(self._plan.breaches):
            with self._database.begin() as session:
                session.execute(update(Staff).values(language="en"))
                case = _draw(number, desk_now(), chance)
                instant = {"aware_at" if case.is_aware else "suspected_at": case.noticed_at}
                breach = breach_opening.open_breach(
                    session,
                    summary="A test",
                    customers=customers.get_customers(session, ["C0001"]),
                    lead=BORIS if case.is_led else None,
                    by=DESK,
                    now=case.opened_at,
                    **instant,  # type: ignore[arg-type]  # instants only
                )
                case.reference = breach.reference
                telling.tell_opened(session, breach, settings, now=case.opened_at)
            self._cases.append(case)

    def _spoil(self) -> None:
        self._workspace.faults.failing = self._plan.fail / 100
        self._mail_host.smtp.defer_every = round(100 / self._plan.fail) if self._plan.fail else 0

    # --- the run ---

    def _live(self) -> None:
        with living(Doom("nowhere"), self._environ_of_mail(), self._folder / "mail.log") as process:
            wait_for_start(process, self._folder / "mail.log")
            with ThreadPoolExecutor(self._plan.processes) as slots:
                lives = [slots.submit(self._live_and_die, number) for number in range(self._plan.processes)]
                try:
                    self._move_clock()
                    self._settle()
                finally:
                    self._finished.set()
                for one in lives:
                    one.result()

    def _move_clock(self) -> None:
        for hour in range(0, self._plan.hours + 1, self._plan.step):
            self._hour = hour
            self._break(hour)
            self._set_clock(hour)
            self._tell(f"hour {hour} of {self._plan.hours}, {self._outcome.deaths.total()} deaths", hour)
            self._end_some(hour)
            with suppress(TimeoutError):
                wait_until(self._is_settled, f"hour {hour}", self._plan.patience)
            if self._plan.is_out(hour, Medium.SLACK) and not self._plan.is_out(hour, Medium.EMAIL):
                self._wait_for_letters(hour)
            wait_until(lambda hour=hour: self._may_go_on(hour), "the deaths of this hour", 120.0)  # type: ignore[misc]

    def _settle(self) -> None:
        """Nothing fails any more: what is queued goes out; the verdict tells what does not."""
        start = time.monotonic()
        self._workspace.faults.failing, self._mail_host.smtp.defer_every = 0.0, 0
        with suppress(TimeoutError):
            wait_until(self._is_settled, "a settled record", SETTLING)
        self._outcome.settling = time.monotonic() - start

    def _set_clock(self, hour: int) -> None:
        draft = self._clock.with_suffix(".new")
        draft.write_text(str(hour * 3600 + 1))
        draft.replace(self._clock)

    def _break(self, hour: int) -> None:
        """Begin or end the outage."""
        refused = Refused("internal_error", status=503)
        for method in METHODS:
            if self._plan.is_out(hour, Medium.SLACK):
                self._workspace.faults.ask(method, refused, None)
            else:
                self._workspace.faults.forgive(method)
        self._mail_host.smtp.closed = self._plan.is_out(hour, Medium.EMAIL)
        if self._mail_host.smtp.closed:
            self._mail_host.interrupt()
            self._mail_host.resume()

    def _may_go_on(self, hour: int) -> bool:
        return self._outcome.deaths.total() >= self._plan.deaths * hour // max(self._plan.hours, 1) - 1

    def _end_some(self, hour: int) -> None:
        """Close some breaches, and tell the customer of others, while none of their posts is in hand."""
        for case in self._cases:
            if case.ends != "never" and case.over_at is None and hour >= case.ends_after:
                wait_until(lambda case=case: self._end(case), f"{case.reference} out of hand", 90.0)  # type: ignore[misc]

    def _end(self, case: Case) -> bool:
        posts = (Delivery.case == case.reference, Delivery.medium == Medium.SLACK, Delivery.due_at.is_not(None))
        in_hand = select(func.count()).where(*posts, Delivery.leased_by.is_not(None))
        with self._database.begin() as session:
            breach = breaches.get_breach(session, case.reference, to_change=True)
            if session.scalar(in_hand) or self._lags(session, case):
                return False
            at = desk_now()
            if case.ends == "closed":
                breach_closing.close_as_no_breach(session, breach, "a test", by=DESK, now=at)
            else:
                [affected, *_] = breach.affected
                calls.record_told(session, breach, affected.customer, means=Means.TELEPHONE, at=at, by=DESK, now=at)
            case.over_at = at
        case.over_ts = time.time()
        return True

    def _lags(self, session: Session, case: Case) -> bool:
        """Whether a rung that is due has not rung yet: it would be no fault that it does not any more."""
        known = session.scalars(select(Reminder.rung).where(Reminder.case == case.reference))
        rang = {one.partition("@")[0] for one in known}
        return not case.rungs(desk_now()).keys() <= rang

    def _is_settled(self) -> bool:
        media = [medium for medium in Medium if not self._plan.is_out(self._hour, medium)]
        waiting = select(func.count()).where(
            Delivery.due_at.is_not(None),
            Delivery.medium.in_(media),
            Delivery.recipient != BY_MAIL,
            Delivery.purpose != Purpose.CARD,
        )
        with self._database.reading() as session:
            return not session.scalar(waiting) and self._all_rang(session)

    def _all_rang(self, session: Session) -> bool:
        known = {(case, rung.partition("@")[0]) for case, rung in session.execute(select(Reminder.case, Reminder.rung))}
        at = desk_now()
        return all((case.reference, name) in known for case in self._cases for name in case.rungs(at))

    def _wait_for_letters(self, hour: int) -> None:
        """While Slack takes nothing, the newest rung of each breach goes by e-mail to everybody."""
        with suppress(TimeoutError):
            wait_until(lambda: not self._without_letters(), "the e-mails instead", BY_POST)
        if hour + self._plan.step >= OUTAGE[1]:
            missing, wanted = len(self._without_letters()), len(self._in_outage())
            self._outcome.by_mail = (wanted - missing, wanted)

    def _in_outage(self) -> list[Case]:
        """The open breaches with a rung that fell due since Slack took its last post."""
        start, at = (OUTAGE[0] - self._plan.step) * HOUR, desk_now()
        return [
            case
            for case in self._cases
            if case.over_at is None and any(one > case.opened_at + start for one in case.rungs(at).values())
        ]

    def _without_letters(self) -> set[str]:
        """The breaches whose newest rung is of the outage and that somebody has not by e-mail."""
        with self._database.reading() as session:
            return {case.reference for case in self._in_outage() if self._lacks_letter(session, case)}

    def _lacks_letter(self, session: Session, case: Case) -> bool:
        own = (Reminder.case == case.reference,)
        last = session.scalar(select(func.max(Reminder.rung_at)).where(*own))
        ids = session.scalars(select(Reminder.id).where(*own, Reminder.rung_at == last)).all()
        sent = (Delivery.reminder_id.in_(ids), Delivery.medium == Medium.EMAIL, Delivery.accepted_at.is_not(None))
        told = set(session.scalars(select(Delivery.recipient).where(*sent)))
        return not {DPO.email, ESCALATION} | ({LEAD.email} if case.is_led else set()) <= told

    # --- deaths ---

    def _live_and_die(self, slot: int) -> None:
        chance, log = seeded(self._plan.seed, slot), self._folder / f"bot-{slot}.log"
        while self._begin_life():
            doom = _choose(chance)
            with living(doom, self._environ_of_bot(), log) as process:
                death = see_it_die(process, doom, log, lambda: None)
            with self._changing:
                self._outcome.deaths[death.where] += 1
        with living(Doom("nowhere", package="bot"), self._environ_of_bot(), log):
            self._finished.wait()

    def _begin_life(self) -> bool:
        """Whether there is a life left to live; they are spread over the hours."""
        while not self._finished.is_set():
            with self._changing:
                if self._begun >= self._plan.deaths:
                    return False
                if self._begun <= self._plan.deaths * (self._hour + self._plan.step) // max(self._plan.hours, 1):
                    self._begun += 1
                    return True
            with living(Doom("nowhere", package="bot"), self._environ_of_bot(), self._folder / "bot-spare.log"):
                self._wait_for_turn()
        return False

    def _wait_for_turn(self) -> None:
        def is_near() -> bool:
            due = self._plan.deaths * (self._hour + self._plan.step) // max(self._plan.hours, 1)
            return self._finished.is_set() or self._begun <= due or self._begun >= self._plan.deaths

        with suppress(TimeoutError):
            wait_until(is_near, "the next life", 600.0)

    # --- around ---

    def _environ_of_bot(self) -> Mapping[str, str]:
        return {
            "DATABASE_URL": self._url,
            "SLACK_BOT_TOKEN": self._workspace.bot_token,
            "SLACK_APP_TOKEN": self._workspace.app_token,
            "SLACK_CHANNEL": self._workspace.channel,
            "SLACK_API_URL": self._workspace.api_url,
            "CLOCK_OFFSET_FILE": str(self._clock),
            "STAFF_LANGUAGE": "en",
            "ESCALATION_ADDRESSES": ESCALATION,
        }

    def _environ_of_mail(self) -> Mapping[str, str]:
        host = self._mail_host
        settings = mail_settings(self._url, imap_port=host.imap_port, smtp_port=host.smtp_port)
        more = {"SLACK_API_URL": self._workspace.api_url, "CLOCK_OFFSET_FILE": str(self._clock)}
        return environ_for(settings, FORWARD_RECEIPT="none", **more)

    def _judge(self) -> None:
        posts = [one for one in self._workspace.model.messages.values() if not one.blocks]
        mails = {one: self._mail_host.mailbox(one) for one in (DPO.email, LEAD.email, ESCALATION)}
        with self._database.reading() as session:
            self._outcome.tries = session.scalar(select(func.max(Delivery.attempts))) or 0
            self._outcome.verdict = judge(session, self._cases, Wire(posts, mails), now=desk_now())
        self._outcome.reported = reported_by(sorted(self._folder.glob("*.log")))


def _draw(number: int, now: datetime, chance: random.Random) -> Case:
    """One breach: noticed up to six hours ago; every fourth a suspicion, every fifth unclaimed, every third ends."""
    noticed_at = (now - timedelta(minutes=chance.randint(0, 360))).replace(microsecond=0)
    ends = {1: "closed", 4: "told"}.get(number % 6, "never")
    after = chance.randint(8, 55)
    return Case("", now, noticed_at, number % 4 != 3, number % 5 != 4, ends, after)  # type: ignore[arg-type]  # one of three


def _choose(chance: random.Random) -> Doom:
    """A third at random instants, the others around posts, rungs and commits."""
    if chance.random() < 0.33:
        return Doom("a random instant", seconds=chance.uniform(0.0, 3.0), package="bot")
    point = chance.choice(POINTS)
    return Doom(point, chance.randint(1, 20), package="bot")


def figures(plan: LadderPlan, outcome: LadderOutcome) -> Iterator[str]:
    """The lines at the end."""
    verdict = outcome.verdict
    share = 100 * verdict.doubled / max(verdict.told, 1)
    yield (
        f"{plan.breaches} breaches, {outcome.deaths.total()} deaths, {plan.fail} % of sends failing, "
        f"{plan.hours} h, outage: {plan.outage}; {outcome.seconds:.0f} s."
    )
    yield f"{verdict.rungs} rungs due, {len(verdict.lost)} lost, {len(verdict.after_the_end)} after the end."
    yield f"{verdict.told} told, {verdict.spoken_for} spoken for by newer ones."
    yield f"{verdict.doubled} doubled: {share:.2f} %."
    yield f"Settled after {outcome.settling:.0f} s; at most {outcome.tries} tries for one."
    if outcome.by_mail[1]:
        yield f"While Slack was out: {outcome.by_mail[0]} of {outcome.by_mail[1]} breaches told by e-mail."
    yield "Deaths: " + ", ".join(f"{count} {where}" for where, count in outcome.deaths.most_common())
    yield from (f"{count:6} {what}" for what, count in outcome.reported.most_common(8))
    for name in ("lost", "after_the_end"):
        yield from (f"{name}: {one}" for one in getattr(verdict, name)[:12])
