"""The auditor: every five minutes it derives anew, from the facts alone, what should have been told of open breaches.

What is missing is queued (keys make that safe) and reported. Only when nothing is missing any more and the outbox
moves is the monitor outside told that the desk is alive. Of several bots, one does it.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from bot import letters, reminders, telling
from bot.desk import Desk
from bot.guarding import PoisonGuard
from bot.heartbeat import ping
from storage import breach_clock, breach_lead, breach_outbox, breaches, heartbeats, outbox, staff
from storage.announcements import CHANNEL, DESK_CASE
from storage.breach_facts import facts_of_breaches
from storage.breach_rungs import ladder_of
from storage.clock import real_now
from storage.holders import new_holder
from storage.models import Breach, Delivery, Reminder
from storage.staff import Roster
from storage.types import DESK, Medium, Purpose, Role
from storage.unread import RUNG as CALL_SHEET

EVERY = 300.0
"""Seconds between two audits."""
LEASE = timedelta(seconds=EVERY + 60)
NAME = "auditor"
AT_ONCE = 50
"""Breaches that are looked at together."""
REPAIRED, REPORT = "breach_repaired", "breach_audit"
"""The topics of the post in a breach's thread, and of the e-mail about all of them."""


@dataclass(frozen=True)
class Repaired:
    """What was missing of one breach, and has been queued: a number of rungs, posts and e-mails."""

    reference: str
    count: int


class Auditor:
    """Looks, looks again at what seemed to be missing, and repairs what still is. `ping_url` is HEARTBEAT_URL."""

    def __init__(self, desk: Desk, ping_url: str | None = None, *, every: float = EVERY) -> None:
        self._desk, self._ping_url, self._every = desk, ping_url, every
        self._holder = new_holder()
        self._due = time.monotonic() + every
        self._doubtful: list[str] | None = None
        self._log = structlog.get_logger()

    def tick(self, *, now: datetime) -> list[Repaired] | None:
        """Audit when it is time; what was repaired, or None when no audit ended in this tick.

        A rung that falls due at this very moment is no fault: what is doubtful is asked for once more a tick later.
        """
        doubtful, self._doubtful = self._doubtful, None
        if doubtful is None:
            if time.monotonic() < self._due:
                return None
            self._due = time.monotonic() + self._every
            if not self._is_ours():
                return None
            self._doubtful = self._find_faulty(now) or None
            if self._doubtful is not None:
                return None
        found = [self._repair_or_pass(reference, now) for reference in doubtful or ()]
        repaired = [one for one in found if one is not None and one.count]
        self._report(repaired, now)
        if None not in found:
            self._tell_monitor(now)
        return repaired

    def _repair_or_pass(self, reference: str, now: datetime) -> Repaired | None:
        """None for what cannot be repaired; the others are, and the monitor does not hear of us."""
        with PoisonGuard("repair-failed", reference):
            return repair(self._desk, reference, now=now)
        return None

    def _is_ours(self) -> bool:
        with self._desk.database.begin() as session:
            return heartbeats.claim(session, NAME, holder=self._holder, ttl=LEASE, now=real_now())

    def _find_faulty(self, now: datetime) -> list[str]:
        with self._desk.database.reading() as session:
            return find_faulty(session, self._desk, now=now)

    def _report(self, repaired: Sequence[Repaired], now: datetime) -> None:
        if not repaired:
            return
        for one in repaired:
            self._log.error("breach-repaired", case=one.reference, missing=one.count)
        with self._desk.decide() as session:
            _queue_report(session, self._desk, repaired, now=now)

    def _tell_monitor(self, now: datetime) -> None:
        """Nothing of the network happens within a transaction."""
        with self._desk.database.reading() as session:
            stuck = breach_outbox.find_stuck(session, now=now, real_now=real_now())
        if stuck:
            self._log.warning("breach-outbox-stuck", deliveries=len(stuck))
        elif self._ping_url and not ping(self._ping_url):
            self._log.warning("heartbeat-not-taken")


def find_faulty(session: Session, desk: Desk, *, now: datetime) -> list[str]:
    """The open breaches of which a rung, a post or an e-mail is missing, by the facts as they stand."""
    telecom, found = desk.settings.telecom_operator, []
    still, roster = breach_clock.find_open(session), staff.read_roster(session, now=now)
    for start in range(0, len(still), AT_ONCE):
        part = breach_clock.find_whole(session, [one.reference for one in still[start : start + AT_ONCE]])
        behind = breach_clock.find_behind(session, part, telecom=telecom, now=now)
        silent = _missing(session, desk, part, roster)
        found += [*behind, *(one.reference for one in part if silent[one.id] and one.reference not in behind)]
    return found


def repair(desk: Desk, reference: str, *, now: datetime) -> Repaired:
    """Ring and queue what is missing of one breach, in one transaction; nothing when all is there."""
    settings = desk.settings
    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        if breach.closed_at is not None:
            return Repaired(reference, 0)
        new = breach_clock.new_rungs(session, breach, telecom=settings.telecom_operator, now=now)
        count = len(new) + (reminders.ring(session, desk, breach, now=now) if new else 0)
        roster = staff.read_roster(session, now=now)
        missing = _missing(session, desk, [breach], roster)[breach.id]
        if missing & set(_opening_keys(desk, breach, roster)):
            telling.tell_opened(session, breach, settings, now=now)
        if group := _newest(session, desk, [breach])[breach.id]:
            audience = reminders.find_audience(roster, desk, breach, group, since=group[0].rung_at)
            reminders.queue_rung(session, desk, breach, breach_clock.speaker_of(group), audience, now=now)
        count += len(missing)
        if count:
            _note(session, breach, count, now=now)
    return Repaired(reference, count)


def count_in(key: str) -> int:
    """How much was missing, as the key of the post says."""
    return int(key.rpartition(":")[2])


def _missing(session: Session, desk: Desk, some: Sequence[Breach], roster: Roster) -> dict[int, set[str]]:
    """The keys of what somebody should have been told and for whom nothing was ever queued, by `Breach.id`."""
    rang = _newest(session, desk, some)
    wanted = {one.id: {*_opening_keys(desk, one, roster), *_rung_keys(desk, one, rang[one.id], roster)} for one in some}
    every = [key for keys in wanted.values() for key in keys]
    known = set(session.scalars(select(Delivery.key).where(Delivery.key.in_(every)))) if every else set()
    return {of: keys - known for of, keys in wanted.items()}


def _opening_keys(desk: Desk, breach: Breach, roster: Roster) -> list[str]:
    """What dpo, escalation addresses and whoever led from the first get of an opening."""
    led = breach.lead_at is not None and breach.lead_at <= breach.opened_at
    people = breach_lead.people_of(breach, roster) if led else roster.dpos
    addresses = [one.email for one in people] + list(telling.find_others(desk.settings.escalation_addresses, people))
    posts = [telling.key_of_opening(breach.reference, one.slack_user) for one in people]
    return [*posts, *(telling.key_of_letter(breach.reference, None, one) for one in dict.fromkeys(addresses))]


def _rung_keys(desk: Desk, breach: Breach, group: Sequence[Reminder], roster: Roster) -> Iterator[str]:
    """What everybody gets of the newest rungs; of older ones the newer speak."""
    if group:
        audience = reminders.find_audience(roster, desk, breach, group, since=group[0].rung_at)
        yield from reminders.keys_of(breach_clock.speaker_of(group), audience)


def _newest(session: Session, desk: Desk, some: Sequence[Breach]) -> dict[int, list[Reminder]]:
    """All rungs of each that rang together last, if their ladder rings still, by `Breach.id`: one speaks for all."""
    cases, telecom = [one.reference for one in some], desk.settings.telecom_operator
    of_ladders = Reminder.rung.not_like(f"{CALL_SHEET}@%")
    last = select(Reminder.case, func.max(Reminder.rung_at).label("at")).where(Reminder.case.in_(cases), of_ladders)
    newest = last.group_by(Reminder.case).subquery()
    together = (Reminder.case == newest.c.case, Reminder.rung_at == newest.c.at, of_ladders)
    rang: dict[str, list[Reminder]] = defaultdict(list)
    for reminder in session.scalars(select(Reminder).join(newest, and_(*together)).order_by(Reminder.id)):
        rang[reminder.case].append(reminder)
    facts = facts_of_breaches(session, [one.id for one in some])
    still: dict[int, list[Reminder]] = {}
    for one in some:
        group = rang[one.reference]
        ladders = breach_clock.ringing_ladders(session, one, telecom, facts[one.id]) if group else ()
        ringing = breach_clock.stamps_of(ladders)
        still[one.id] = group if all(ladder_of(each.rung) in ringing for each in group) else []
    return still


def _note(session: Session, breach: Breach, count: int, *, now: datetime) -> None:
    """In the journal, and in the thread of the breach, shown in the channel."""
    entry = breaches.record(session, breach, "breach-repaired", by=DESK, now=now, missing=count)
    outbox.queue(
        session,
        f"slack:{REPAIRED}:{entry.number}:{count}",
        medium=Medium.SLACK,
        purpose=Purpose.ALERT,
        topic=REPAIRED,
        recipient=CHANNEL,
        language="",
        case=breach.reference,
        now=now,
    )


def _queue_report(session: Session, desk: Desk, repaired: Collection[Repaired], *, now: datetime) -> None:
    readers = {dpo.email: dpo.language for dpo in staff.active_staff(session, now=now, role=Role.DPO)}
    shown, company = tuple(repaired)[:200], desk.settings.company_name
    write = partial(letters.write_mail, REPORT, repaired=shown, company=company)
    key_of = partial(telling.key_of_alert, f"{REPORT}:{now.isoformat()}")
    telling.write_to(session, readers, key_of, write, case=DESK_CASE, topic=REPORT, now=now)
