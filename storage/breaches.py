"""Personal data breaches (agreement clause 6): 48 hours from awareness until every affected customer has been told."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, selectinload

from storage import announcements, journal, outbox
from storage.counters import next_reference
from storage.database import take_turn
from storage.deadlines import Rung, due_rungs, notification_deadline
from storage.errors import (
    AlreadyAware,
    BreachAlreadyOpen,
    BreachClosed,
    CustomersNotTold,
    InstantInFuture,
    NobodyAffected,
    NotAffected,
    ReasonMissing,
    ToldBeforeNoticed,
    UnknownCase,
)
from storage.models import Affected, Breach, Call, Customer, Reminder
from storage.types import Actor, Means

CLAUSE = "6"
TOLERANCE = timedelta(minutes=2)
"""How far a person's clock may run ahead of ours."""


def open_breach(  # noqa: PLR0913 - a breach is opened with all that is known; keyword-only
    session: Session,
    *,
    summary: str,
    customers: Iterable[Customer] = (),
    suspected_at: datetime | None = None,
    aware_at: datetime | None = None,
    lead: str | None = None,
    opened_through: str | None = None,
    about: str | None = None,
    by: Actor,
    now: datetime,
) -> Breach:
    """Open a breach from a suspicion or from awareness; the deadline is set with it.

    `opened_through` is the modal's view id: the same submission twice opens one breach. `about` is the request that it
    came from. Raises InstantInFuture, BreachAlreadyOpen when one about that request is open.
    """
    if opened_through and (existing := _opened_through(session, opened_through)):
        return existing
    if about and (known := find_about(session, about)):
        raise BreachAlreadyOpen(about, known.reference)
    for instant in (suspected_at, aware_at):
        _refuse_future(instant, now)
    breach = Breach(
        reference=next_reference(session, "BR", now=now),
        summary=summary.strip(),
        opened_at=now,
        opened_by=by.name,
        detected_at=suspected_at or aware_at,
        suspected_at=suspected_at,
        aware_at=aware_at,
        aware_by=by.name if aware_at else None,
        deadline_at=notification_deadline(aware_at=aware_at, suspected_at=suspected_at),
        lead=lead,
        opened_through=opened_through,
        about=about,
    )
    session.add(breach)
    _record(session, breach, "breach-opened", by=by, now=now)
    add_customers(session, breach, customers, by=by, now=now)
    return breach


def become_aware(session: Session, breach: Breach, aware_at: datetime, *, by: Actor, now: datetime) -> None:
    """A named person says since when Kavkom knows. The earliest claim counts.

    Raises AlreadyAware for a later one (that needs the DPO and a reason), BreachClosed, InstantInFuture.
    """
    _take_turn(session, breach)
    _refuse_closed(breach)
    _refuse_future(aware_at, now)
    if breach.aware_at is not None and aware_at > breach.aware_at:
        raise AlreadyAware(breach.reference, breach.aware_at)
    if aware_at == breach.aware_at:
        return
    breach.aware_at, breach.aware_by = aware_at, by.name
    breach.deadline_at = notification_deadline(aware_at=aware_at, suspected_at=breach.suspected_at)
    _record(session, breach, "breach-awareness", by=by, now=now)


def add_customers(
    session: Session, breach: Breach, customers: Iterable[Customer], *, by: Actor, now: datetime
) -> list[Affected]:
    """Name further affected customers; one found later inherits the deadline. Those already named stay as they are."""
    _take_turn(session, breach)
    _refuse_closed(breach)
    known = {affected.customer_id for affected in breach.affected}
    added = []
    for customer in customers:
        if customer.id not in known:
            known.add(customer.id)
            added.append(Affected(breach=breach, customer=customer, added_at=now))
    session.add_all(added)
    session.flush()
    if added:
        names = [affected.customer.reference for affected in added]
        _record(session, breach, "breach-customers-added", by=by, now=now, customers=names)
    return added


def record_told(
    session: Session, breach: Breach, customer: Customer, *, means: Means, at: datetime, by: Actor, now: datetime
) -> Affected:
    """Record that a customer was told, by which means and when. Telling twice keeps both records.

    Raises NotAffected, BreachClosed, InstantInFuture, ToldBeforeNoticed.
    """
    _take_turn(session, breach)
    _refuse_closed(breach)
    _refuse_future(at, now)
    noticed_at = min(instant for instant in (breach.detected_at, breach.suspected_at, breach.aware_at) if instant)
    if at < noticed_at:
        raise ToldBeforeNoticed(breach.reference, noticed_at)
    affected = next((one for one in breach.affected if one.customer_id == customer.id), None)
    if affected is None:
        raise NotAffected(breach.reference, customer.name)
    session.add(Call(affected=affected, means=means, reached=True, by=by.name, at=at, recorded_at=now))
    told: dict[str, journal.Detail] = {"customer": customer.reference, "means": means, "told_at": at.isoformat()}
    _record(session, breach, "customer-told", by=by, now=now, **told)
    if not is_ringing(breach):
        outbox.supersede_reminders(session, breach.reference, now=now)
    return affected


def close_breach(session: Session, breach: Breach, *, by: Actor, now: datetime) -> None:
    """Close a breach. Raises CustomersNotTold with their names, NobodyAffected, BreachClosed."""
    _take_turn(session, breach)
    _refuse_closed(breach)
    waiting = tuple(affected.customer.name for affected in breach.affected if notified_at(affected) is None)
    if waiting:
        raise CustomersNotTold(breach.reference, waiting)
    if not breach.affected:
        raise NobodyAffected(breach.reference)
    breach.closed_at, breach.closed_by = now, by.name
    _record(session, breach, "breach-closed", by=by, now=now)
    outbox.supersede_reminders(session, breach.reference, now=now)


def close_as_no_breach(session: Session, breach: Breach, reason: str, *, by: Actor, now: datetime) -> None:
    """It was no breach after all: closed with the reason, and kept. Raises ReasonMissing, BreachClosed."""
    _take_turn(session, breach)
    _refuse_closed(breach)
    if not reason.strip():
        raise ReasonMissing(breach.reference)
    breach.closed_at, breach.closed_by, breach.no_breach_reason = now, by.name, reason.strip()
    _record(session, breach, "breach-closed", by=by, now=now, no_breach=True)
    outbox.supersede_reminders(session, breach.reference, now=now)


def notified_at(affected: Affected) -> datetime | None:
    """When this customer was told (the first time), or None while it has not been."""
    return min((call.at for call in affected.calls if call.reached), default=None)


def is_ringing(breach: Breach) -> bool:
    """Whether its clock still rings: it is open, and somebody is not told or nobody is named yet."""
    untold = not breach.affected or any(notified_at(affected) is None for affected in breach.affected)
    return breach.closed_at is None and untold


def get_breach(session: Session, reference: str, *, to_change: bool = False) -> Breach:
    """The breach with this reference; `to_change` keeps others from changing it meanwhile. Raises UnknownCase."""
    wanted = _whole().where(Breach.reference == reference.strip().upper())
    found = session.scalars(wanted.with_for_update(of=Breach) if to_change else wanted).first()
    if found is None:
        raise UnknownCase(reference.strip().upper())
    return found


def find_about(session: Session, about: str) -> Breach | None:
    """The open breach about exactly this: a request's letter, or a forward that went astray (`Breach.about`)."""
    return session.scalars(_whole().where(Breach.about == about, Breach.closed_at.is_(None))).first()


def find_all_about(session: Session, cases: Iterable[str]) -> dict[str, str]:
    """The open breaches that came from these requests, or from their forwards: the first one, by the request."""
    wanted = set(cases)
    still = select(Breach.about, Breach.reference).where(Breach.about.is_not(None), Breach.closed_at.is_(None))
    found = [(str(about).partition("/")[0], one) for about, one in session.execute(still.order_by(Breach.id.desc()))]
    return {request: reference for request, reference in found if request in wanted}


def find_open(session: Session) -> list[Breach]:
    """The open breaches, the nearest deadline first."""
    return list(session.scalars(_whole().where(Breach.closed_at.is_(None)).order_by(Breach.deadline_at)))


def list_breaches(session: Session, *, limit: int | None = None) -> list[Breach]:
    """All breaches, the newest first."""
    return list(session.scalars(_whole().order_by(Breach.id.desc()).limit(limit)))


def ring(session: Session, breach: Breach, *, now: datetime) -> Reminder | None:
    """Insert the rungs that fell due since the last tick; the newest, if it is new, speaks for them all.

    The caller queues its deliveries in the same transaction. Older unsent reminders are superseded.
    """
    _take_turn(session, breach)
    new = new_rungs(session, breach, now=now)
    if not new:
        return None
    reminders = [
        Reminder(case=breach.reference, rung=_rung_key(breach, rung), due_at=rung.at, rung_at=now) for rung in new
    ]
    outbox.supersede_reminders(session, breach.reference, now=now)
    session.add_all(reminders)
    session.flush()
    _record(session, breach, "reminder-due", by=_ticker(), now=now, rung=new[-1].name)
    return reminders[-1]


def new_rungs(session: Session, breach: Breach, *, now: datetime) -> list[Rung]:
    """The rungs that fell due and have not rung, oldest first; none while the breach is silent."""
    if not is_ringing(breach):
        return []
    due = due_rungs(breach.deadline_at, opened_at=breach.opened_at, now=now, pace=breach.pace)
    known = set(session.scalars(select(Reminder.rung).where(Reminder.case == breach.reference)))
    return [rung for rung in due if _rung_key(breach, rung) not in known]


def _rung_key(breach: Breach, rung: Rung) -> str:
    """A rung belongs to a deadline: when awareness moves the deadline, the ladder begins anew."""
    return f"{rung.name}@{breach.deadline_at:%Y-%m-%dT%H:%M:%SZ}"


def _ticker() -> Actor:
    return Actor("desk", "clock")


def _opened_through(session: Session, view_id: str) -> Breach | None:
    """The breach of this submission; on PostgreSQL its twin waits here until the first one is committed."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(view_id))))
    return session.scalars(_whole().where(Breach.opened_through == view_id)).first()


def _take_turn(session: Session, breach: Breach) -> None:
    take_turn(session, _whole().where(Breach.id == breach.id))


def _refuse_closed(breach: Breach) -> None:
    if breach.closed_at is not None:
        raise BreachClosed(breach.reference)


def _refuse_future(instant: datetime | None, now: datetime) -> None:
    if instant is not None and instant > now + TOLERANCE:
        raise InstantInFuture(instant)


def _record(
    session: Session, breach: Breach, action: str, *, by: Actor, now: datetime, **detail: journal.Detail
) -> journal.Recorded:
    instants = {"aware_at": breach.aware_at, "suspected_at": breach.suspected_at, "deadline_at": breach.deadline_at}
    shown = {name: instant.isoformat() for name, instant in instants.items() if instant} | detail
    entry = journal.record(session, action, by=by, now=now, case=breach.reference, clause=CLAUSE, **shown)
    announcements.show_card(session, entry)
    return entry


def _whole() -> Select[Breach]:
    told = selectinload(Breach.affected)
    return select(Breach).options(told.selectinload(Affected.calls), told.joinedload(Affected.customer))
