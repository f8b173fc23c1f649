"""The call sheet of a breach (clause 6): whom to telephone, at which number, why, and what was tried before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import journal
from storage.breach_errors import NobodyToCall
from storage.breaches import CLAUSE, is_drill
from storage.ledger import Row, notices_of, read_ledger
from storage.models import Breach, Call, Delivery, Notice, Staff
from storage.next_step import NextStep, next_step, step_at
from storage.types import Actor


@dataclass(frozen=True)
class SentNotice:
    """One attempt at a notice: its version, and how it went; `status` is that of RFC 3463 in a report."""

    version: int | None
    recipient: str
    queued_at: datetime
    accepted_at: datetime | None
    refused_at: datetime | None
    bounced_at: datetime | None
    delayed_at: datetime | None
    status: str | None


@dataclass(frozen=True)
class Attempt:
    """One time that somebody telephoned, or told by other means; `by` is a colleague's name."""

    at: datetime
    means: str
    answered: str
    role: str | None
    person: str | None
    reference: str | None
    by: str


@dataclass(frozen=True)
class Entry:
    """One customer's page; it tells nothing of another. `telephone` is the directory's number for breaches."""

    reference: str
    name: str
    language: str
    telephone: str | None
    step: NextStep
    step_at: datetime | None
    told_at: datetime | None
    notices: tuple[SentNotice, ...]
    attempts: tuple[Attempt, ...]

    @property
    def waits(self) -> bool:
        """Whether its notice is on its way: nobody need call unless time is short."""
        return self.step in ON_THE_WAY

    @property
    def lost(self) -> bool:
        return self.step is NextStep.TELEPHONE_LOST


@dataclass(frozen=True)
class CallSheet:
    """Whom to telephone about a breach, the most pressing first. `known_at`: since when we are certain, or suspect."""

    breach: str
    drill: bool
    certain: bool
    known_at: datetime
    deadline_at: datetime
    made_at: datetime
    entries: tuple[Entry, ...]

    @property
    def to_call(self) -> int:
        """How many must be called; the others stand there in case their notices do not arrive in time."""
        return sum(not entry.waits for entry in self.entries)


ON_THE_WAY = frozenset({NextStep.WAIT, NextStep.WAIT_UNCERTAIN})
URGENCY = (NextStep.TELEPHONE_LOST, NextStep.TELEPHONE_DELAYED, NextStep.TELL, NextStep.TELEPHONE_UNREAD)
"""Who was certainly not told stands before who perhaps was."""


def make_call_sheet(session: Session, breach: Breach, *, everyone: bool = False, now: datetime) -> CallSheet:
    """Who must be called now; with `everyone`, or when there is nobody, each customer that is not told yet.

    Raises NobodyToCall.
    """
    rows = read_ledger(breach)
    now_due = [row for row in rows if row.must_be_called(now)]
    waiting = [row for row in rows if row.waits]
    wanted = {row.affected.id: row for row in (*now_due, *(waiting if everyone or not now_due else ()))}
    if not wanted:
        raise NobodyToCall(breach.reference)
    versions, names = _versions(session, breach), _names(session)
    entries = [_entry(row, versions, names, now) for row in wanted.values()]
    return CallSheet(
        breach=breach.reference,
        drill=is_drill(breach.reference),
        certain=breach.aware_at is not None,
        known_at=breach.aware_at or breach.detected_at or breach.opened_at,
        deadline_at=breach.deadline_at,
        made_at=now,
        entries=tuple(sorted(entries, key=_urgency)),
    )


def record_call_sheet(session: Session, sheet: CallSheet, *, to: str | None = None, by: Actor, now: datetime) -> None:
    """The journal knows who got numbers of customers: `to` is a colleague's Slack user id, None for a shell."""
    count, case = len(sheet.entries), sheet.breach
    action = "call-sheet-sent-to-staff" if to else "call-sheet-made"
    journal.record(session, action, by=by, now=now, case=case, clause=CLAUSE, customers=count, to=to)


def _entry(row: Row, versions: Mapping[int, int], names: Mapping[str, str], now: datetime) -> Entry:
    step, customer = next_step(row, now), row.customer
    return Entry(
        reference=customer.reference,
        name=customer.name,
        language=customer.language,
        telephone=customer.breach_telephone,
        step=step,
        step_at=step_at(row, step),
        told_at=row.told_at,
        notices=tuple(_sent(one, versions) for one in notices_of(row.affected)),
        attempts=tuple(_attempts(row.affected.calls, names)),
    )


def _urgency(entry: Entry) -> tuple[int, str]:
    return (URGENCY.index(entry.step) if entry.step in URGENCY else len(URGENCY), entry.reference)


def _sent(delivery: Delivery, versions: Mapping[int, int]) -> SentNotice:
    return SentNotice(
        version=versions.get(delivery.notice_id or 0),
        recipient=delivery.recipient,
        queued_at=delivery.queued_at,
        accepted_at=delivery.accepted_at,
        refused_at=delivery.refused_at,
        bounced_at=delivery.bounced_at,
        delayed_at=delivery.delayed_at,
        status=delivery.bounce_status,
    )


def _attempts(calls: Iterable[Call], names: Mapping[str, str]) -> Iterable[Attempt]:
    for call in sorted(calls, key=lambda one: one.at):
        answered = call.answered.value if call.answered else ("reached" if call.reached else "no-answer")
        by = names.get(call.by, call.by)
        yield Attempt(call.at, call.means.value, answered, call.role, call.person, call.call_reference, by)


def _versions(session: Session, breach: Breach) -> dict[int, int]:
    rows = session.execute(select(Notice.id, Notice.version).where(Notice.breach_id == breach.id))
    return {row.id: row.version for row in rows}


def _names(session: Session) -> dict[str, str]:
    """What colleagues are called, by the Slack user ids that stand in the record."""
    return {row.slack_user: row.name for row in session.execute(select(Staff.slack_user, Staff.name))}
