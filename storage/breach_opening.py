"""Opening a breach, or a drill: its reference, its instants, its customers and its deadline, in one transaction."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.breach_claims import COLUMNS, add_claim, deadline_of
from storage.breach_customers import add_customers
from storage.breach_errors import BreachAlreadyOpen
from storage.breaches import DRILL, find_about, record, refuse_future, whole_breaches
from storage.counters import next_reference
from storage.deadlines import LADDER_HOURS, earliest
from storage.models import Breach, Customer
from storage.types import Actor


def open_breach(  # noqa: PLR0913 - a breach is opened with all that is known; keyword-only
    session: Session,
    *,
    summary: str,
    customers: Iterable[Customer] = (),
    suspected_at: datetime | None = None,
    aware_at: datetime | None = None,
    told_at: datetime | None = None,
    drill: bool = False,
    pace: int = 1,
    ladder: tuple[str, ...] = LADDER_HOURS,
    lead: str | None = None,
    opened_through: str | None = None,
    about: str | None = None,
    by: Actor,
    now: datetime,
) -> Breach:
    """Open a breach from a suspicion, from what a sub-processor told, or from awareness; its deadline is set with it.

    A drill is numbered apart, and its hours pass `pace` times as fast. `ladder`: the hours before the deadline at which
    it rings, frozen here. `opened_through` is the modal's view id: the same submission twice opens one breach. `about`
    is the request that it came from. Raises InstantInFuture, BreachAlreadyOpen when one about that request is open.
    """
    if opened_through and (existing := _opened_through(session, opened_through)):
        return existing
    if about and (known := find_about(session, about)):
        raise BreachAlreadyOpen(about, known.reference)
    for instant in (suspected_at, told_at, aware_at):
        refuse_future(instant, now)
    breach = Breach(
        reference=next_reference(session, DRILL if drill else "BR", now=now),
        summary=summary.strip(),
        opened_at=now,
        opened_by=by.name,
        detected_at=earliest(suspected_at, told_at, aware_at),
        suspected_at=suspected_at,
        told_at=told_at,
        aware_at=aware_at,
        aware_by=by.name if aware_at else None,
        deadline_at=now,
        lead=lead,
        lead_at=now if lead else None,
        pace=pace,
        ladder=ladder,
        opened_through=opened_through,
        about=about,
    )
    breach.deadline_at = deadline_of(breach)
    session.add(breach)
    session.flush()
    _claim_all(session, breach, by=by, now=now)
    record(session, breach, "breach-opened", by=by, now=now)
    add_customers(session, breach, customers, by=by, now=now)
    return breach


def _claim_all(session: Session, breach: Breach, *, by: Actor, now: datetime) -> None:
    for what, column in COLUMNS.items():
        if instant := getattr(breach, column):
            add_claim(session, breach, what, instant, by=by, now=now)


def _opened_through(session: Session, view_id: str) -> Breach | None:
    """The breach of this submission; on PostgreSQL its twin waits here until the first one is committed."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(view_id))))
    return session.scalars(whole_breaches().where(Breach.opened_through == view_id)).first()
