"""The clock of a breach: its rungs are rows, inserted by the tick after they fell due, once each.

Which ladders it climbs is read from facts: the deadline's until every customer is told, "breach or not?" until somebody
is aware, "who leads?" until somebody does, a second clock's until the fact that ends it. Closing ends them all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, defer

from storage.breach_facts import BreachFacts, facts_of_breaches, known_facts
from storage.breach_rungs import (
    DEADLINE,
    Ladder,
    deadline_ladder,
    ladder_of,
    lead_ladder,
    second_ladder,
    suspicion_ladder,
)
from storage.breach_types import TelecomOperator
from storage.breaches import is_ringing, record, take_turn_on, whole_breaches
from storage.customers import AT_ONCE
from storage.deadlines import Rung, earliest
from storage.models import Breach, Delivery, Notice, Reminder
from storage.second_clocks import SecondClock, second_clocks
from storage.types import CLOCK, Purpose


@dataclass(frozen=True)
class Rang:
    """What a tick rang of one breach: the reminder that speaks for all, and every rung that is new with it."""

    speaker: Reminder
    reminders: tuple[Reminder, ...]


def ring(session: Session, breach: Breach, *, telecom: TelecomOperator, now: datetime) -> Rang | None:
    """Insert the rungs that fell due since the last tick; the newest of the weightiest ladder speaks for them all.

    The caller queues its deliveries in the same transaction, in the place of what their readers have not got yet.
    """
    take_turn_on(session, breach)
    new = new_rungs(session, breach, telecom=telecom, now=now)
    if not new:
        return None
    reminders = tuple(Reminder(case=breach.reference, rung=key, due_at=one.at, rung_at=now) for key, one in new)
    session.add_all(reminders)
    session.flush()
    record(session, breach, "reminder-due", by=CLOCK, now=now, rung=speaker_of(reminders).rung.partition("@")[0])
    return Rang(speaker_of(reminders), reminders)


def speaker_of(reminders: Sequence[Reminder]) -> Reminder:
    """Of the rungs that rang together, the one whose words are sent: the deadline's before others, then the newest."""
    return max(reminders, key=lambda one: (ladder_of(one.rung)[0] == DEADLINE, one.due_at, one.id))


def new_rungs(session: Session, breach: Breach, *, telecom: TelecomOperator, now: datetime) -> list[tuple[str, Rung]]:
    """The rungs that fell due and have not rung, with their keys, ladder by ladder; none once the breach is closed."""
    ladders = ringing_ladders(session, breach, telecom)
    due = [rung for ladder in ladders for rung in ladder.due(opened_at=breach.opened_at, now=now)]
    if not due:
        return []
    known = set(session.scalars(select(Reminder.rung).where(Reminder.case == breach.reference)))
    return [(key, rung) for key, rung in due if key not in known]


def ringing_ladders(
    session: Session, breach: Breach, telecom: TelecomOperator, facts: BreachFacts | None = None
) -> tuple[Ladder, ...]:
    """The ladders that ring now: the facts decide, read unless given, and who is told is read from the ledger."""
    if breach.closed_at is not None:
        return ()
    clocks = second_clocks(breach, facts or known_facts(session, breach), telecom)
    return tuple(one for one in _ladders(breach, clocks) if one.about != DEADLINE or is_ringing(breach))


def next_after(session: Session, breach: Breach, *, telecom: TelecomOperator, now: datetime) -> datetime | None:
    """When a breach rings next, once all that fell due until now has rung; None while nothing will."""
    ladders = ringing_ladders(session, breach, telecom)
    return min((rung.at for ladder in ladders for _, rung in _first(ladder, now)), default=None)


def find_behind(session: Session, some: Sequence[Breach], *, telecom: TelecomOperator, now: datetime) -> list[str]:
    """Those of these open breaches, at most AT_ONCE, with a rung that fell due and has not rung. Ledgers are read only
    where the instants alone do not tell."""
    facts, doubtful = facts_of_breaches(session, [one.id for one in some]), []
    rows = select(Reminder.case, Reminder.rung).where(Reminder.case.in_([one.reference for one in some]))
    known = {(case, rung) for case, rung in session.execute(rows)}
    for breach in some:
        ladders = _ladders(breach, second_clocks(breach, facts[breach.id], telecom))
        due = (key for ladder in ladders for key, _ in ladder.due(opened_at=breach.opened_at, now=now))
        if any((breach.reference, key) not in known for key in due):
            doubtful.append(breach.reference)
    whole = find_whole(session, doubtful)
    return [one.reference for one in whole if new_rungs(session, one, telecom=telecom, now=now)]


def next_rings(session: Session, some: Sequence[Breach], *, telecom: TelecomOperator) -> dict[str, datetime]:
    """When each of these open breaches rings next at the earliest, by reference: the first rung later than its last.

    Who is told is not asked here: that needs the ledgers, and is asked when a rung falls due.
    """
    found: dict[str, datetime] = {}
    for start in range(0, len(some), AT_ONCE):
        part = some[start : start + AT_ONCE]
        last, facts = _last_rungs(session, part), facts_of_breaches(session, [one.id for one in part])
        for breach in part:
            ladders = _ladders(breach, second_clocks(breach, facts[breach.id], telecom))
            rungs = [rung.at for ladder in ladders for _, rung in _first(ladder, _stand(breach, ladder, last))]
            if rungs:
                found[breach.reference] = min(rungs)
    return found


def find_open(session: Session, references: Sequence[str] | None = None) -> list[Breach]:
    """The open breaches, all or those named, without their ledgers: what `next_rings` needs."""
    still = select(Breach).options(defer(Breach.summary)).where(Breach.closed_at.is_(None)).order_by(Breach.id)
    if references is None:
        return list(session.scalars(still))
    parts = (references[start : start + AT_ONCE] for start in range(0, len(references), AT_ONCE))
    return [one for part in parts for one in session.scalars(still.where(Breach.reference.in_(part)))]


def find_whole(session: Session, references: Sequence[str]) -> list[Breach]:
    """These breaches with their ledgers, by a few queries however many."""
    return list(session.scalars(whole_breaches().where(Breach.reference.in_(references)))) if references else []


def is_over(session: Session, breach: Breach, reminder: Reminder, telecom: TelecomOperator) -> bool:
    """Whether the ladder of a reminder rings no more: its fact has come, or it is counted from another instant now."""
    return ladder_of(reminder.rung) not in stamps_of(ringing_ladders(session, breach, telecom))


def withdraw_over(session: Session, breach: Breach, *, telecom: TelecomOperator, now: datetime) -> int:
    """Withdraw the reminders not sent yet whose ladders ring no more; how many deliveries."""
    over = find_over(session, breach, telecom=telecom)
    if not over:
        return 0
    waiting = (Delivery.reminder_id.in_(over), Delivery.due_at.is_not(None))
    withdrawn = update(Delivery).where(*waiting).values(superseded_at=now, due_at=None).returning(Delivery.id)
    return len(session.execute(withdrawn.execution_options(synchronize_session=False)).all())


def find_over(session: Session, breach: Breach, *, telecom: TelecomOperator) -> list[int]:
    """The reminders that somebody has not got yet and whose ladders ring no more."""
    waiting = exists().where(Delivery.reminder_id == Reminder.id, Delivery.due_at.is_not(None))
    unsent = session.scalars(select(Reminder).where(Reminder.case == breach.reference, waiting)).all()
    ringing = stamps_of(ringing_ladders(session, breach, telecom)) if unsent else frozenset()
    return [one.id for one in unsent if ladder_of(one.rung) not in ringing]


def find_with_unsent(session: Session, references: Iterable[str]) -> list[str]:
    """Those of these cases that have reminders not sent yet."""
    waiting = (Delivery.purpose == Purpose.REMINDER, Delivery.due_at.is_not(None))
    return sorted(set(references) & set(session.scalars(select(Delivery.case).where(*waiting).distinct())))


def has_notice(session: Session, breach: Breach) -> bool:
    """Whether a first notice to the customers was approved."""
    approved = exists().where(Notice.breach_id == breach.id, Notice.approved_at.is_not(None))
    return bool(session.scalar(select(approved)))


def _ladders(breach: Breach, clocks: Iterable[SecondClock]) -> list[Ladder]:
    """The ladders of an open breach, by its instants alone."""
    doubt = earliest(breach.suspected_at, breach.told_at)
    ladders = [deadline_ladder(breach.deadline_at, breach.ladder, pace=breach.pace)]
    ladders += [second_ladder(one.name, one.ends_at, pace=breach.pace) for one in clocks if not one.done]
    if breach.aware_at is None and doubt is not None:
        ladders.append(suspicion_ladder(doubt, pace=breach.pace))
    if breach.lead is None:
        ladders.append(lead_ladder(breach.opened_at, pace=breach.pace))
    return ladders


def _first(ladder: Ladder, after: datetime) -> list[tuple[str, Rung]]:
    first = next(ladder.later(after), None)
    return [first] if first else []


def _stand(breach: Breach, ladder: Ladder, last: dict[tuple[str, str, str], datetime]) -> datetime:
    """The instant that the next rung of a ladder is later than: its last one, or that just before the opening."""
    known = last.get((breach.reference, ladder.about, ladder.stamp))
    return known or breach.opened_at - timedelta(microseconds=1)


def _last_rungs(session: Session, some: Sequence[Breach]) -> dict[tuple[str, str, str], datetime]:
    """The newest rung of each ladder, by case, what it is about, and the stamp of its instant."""
    rows = select(Reminder.case, Reminder.rung, Reminder.due_at).where(
        Reminder.case.in_([one.reference for one in some])
    )
    found: dict[tuple[str, str, str], datetime] = {}
    for case, rung, due_at in session.execute(rows):
        key = (case, *ladder_of(rung))
        found[key] = max(found.get(key, due_at), due_at)
    return found


def stamps_of(ladders: Iterable[Ladder]) -> frozenset[tuple[str, str]]:
    """By what the rungs of these ladders are known: see breach_rungs.ladder_of."""
    return frozenset((one.about, one.stamp) for one in ladders)
