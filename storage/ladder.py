"""The ladder of held requests: they ring after 1, 4 and 24 hours, then every day, until somebody has decided."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storage import journal, outbox, requests
from storage.customers import AT_ONCE
from storage.deadlines import Rung, held_rungs, next_held_rung
from storage.models import Entry, Message, Reminder, Request
from storage.types import CLOCK


def next_rings(session: Session, candidates: Iterable[Request]) -> dict[str, datetime]:
    """When each of these rings next, by reference; those that nobody need decide are left out."""
    held = [request for request in candidates if requests.is_held(request)]
    known = _last_instants(session, held)
    rungs = ((one, next_held_rung(requests.waiting_since(one), after=known[one.reference])) for one in held)
    return {request.reference: rung.at for request, rung in rungs}


def find_changed(session: Session, references: Sequence[str]) -> Iterator[Request]:
    """The requests with these references, however many."""
    for start in range(0, len(references), AT_ONCE):
        yield from requests.find_named(session, references[start : start + AT_ONCE])


def cases_since(session: Session, number: int) -> tuple[int, set[str]]:
    """The journal's last entry, and the cases that entries later than `number` are about: one look at its key."""
    later = session.execute(select(Entry.number, Entry.case).where(Entry.number > number)).all()
    return max((row.number for row in later), default=number), {row.case for row in later if row.case}


def ring(session: Session, request: Request, *, now: datetime) -> Reminder | None:
    """Insert the rungs that fell due since the last one; the newest speaks for them all, older unsent are superseded.

    The caller holds the request's row and queues the deliveries in the same transaction.
    """
    new = new_rungs(session, request, now=now)
    if not new:
        return None
    since = requests.waiting_since(request)
    reminders = [
        Reminder(case=request.reference, rung=f"{rung.name}@{since:%Y-%m-%dT%H:%M:%SZ}", due_at=rung.at, rung_at=now)
        for rung in new
    ]
    outbox.supersede_reminders(session, request.reference, now=now)
    session.add_all(reminders)
    session.flush()
    case = request.reference
    journal.record(session, "reminder-due", by=CLOCK, now=now, case=case, clause=requests.CLAUSE, rung=new[-1].name)
    return reminders[-1]


def new_rungs(session: Session, request: Request, *, now: datetime) -> list[Rung]:
    """The rungs that fell due and have not rung, oldest first; none once somebody has decided."""
    if not requests.is_held(request):
        return []
    after = _last_instants(session, [request])[request.reference]
    return held_rungs(requests.waiting_since(request), after=after, now=now)


def _last_instants(session: Session, held: Sequence[Request]) -> dict[str, datetime]:
    """For each request the instant its next rung must be later than: when it was recorded, or its last rung."""
    found: dict[str, datetime] = {}
    for start in range(0, len(held), AT_ONCE):
        references = [one.reference for one in held[start : start + AT_ONCE]]
        for statement in (_recorded(references), _rung(references)):
            for reference, at in session.execute(statement):
                found[reference] = max(found.get(reference, at), at)
    return {one.reference: found.get(one.reference, one.received_at) for one in held}


def _recorded(references: Sequence[str]) -> Select[str, datetime]:
    recorded = func.coalesce(Message.decided_at, Message.received_at, type_=Message.decided_at.type)
    return select(Request.reference, recorded).join(Request.message).where(Request.reference.in_(references))


def _rung(references: Sequence[str]) -> Select[str, datetime]:
    last = func.max(Reminder.due_at, type_=Reminder.due_at.type)
    own = ~Reminder.rung.startswith(outbox.OF_TASK)
    return select(Reminder.case, last).where(Reminder.case.in_(references), own).group_by(Reminder.case)
