"""Everything that is known of one customer, gathered for a colleague who asks."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.addresses import Health, health_of
from storage.customer_file import Key
from storage.forwards import failed_forward, has_failed
from storage.models import Affected, Breach, Customer, CustomerKey, Forward, Request


@dataclass(frozen=True)
class Sheet:
    """One customer. `last_forward` is the reference of the newest request that it got."""

    customer: Customer
    health: Health
    keys: tuple[Key, ...]
    forwards: int
    last_forward: str | None
    last_forward_at: datetime | None
    failed: tuple[str, ...]
    breaches: tuple[str, ...]
    open_breaches: tuple[str, ...]


def gather_sheet(session: Session, customer: Customer, *, now: datetime) -> Sheet:
    """All of it, in one transaction."""
    newest = _newest(session, customer)
    breaches = _breaches(session, customer)
    return Sheet(
        customer=customer,
        health=health_of(customer, now=now),
        keys=_keys(session, customer),
        forwards=session.scalar(select(func.count()).where(Forward.customer_id == customer.id)) or 0,
        last_forward=newest.request.reference if newest else None,
        last_forward_at=newest.routed_at if newest else None,
        failed=_failed(session, customer),
        breaches=tuple(one.reference for one in breaches),
        open_breaches=tuple(one.reference for one in breaches if one.closed_at is None),
    )


def _keys(session: Session, customer: Customer) -> tuple[Key, ...]:
    columns = (CustomerKey.kind, CustomerKey.value, CustomerKey.valid_from, CustomerKey.valid_to)
    rows = session.execute(select(*columns).where(CustomerKey.customer_id == customer.id))
    return tuple(sorted((Key(*row) for row in rows), key=lambda key: (key.kind, key.value, str(key.valid_from))))


def _newest(session: Session, customer: Customer) -> Forward | None:
    theirs = select(Forward).where(Forward.customer_id == customer.id)
    return session.scalars(theirs.order_by(Forward.id.desc()).limit(1)).first()


def _failed(session: Session, customer: Customer) -> tuple[str, ...]:
    """The requests that the customer was sent and does not have."""
    doubtful = select(Forward).join(Request).where(Forward.customer_id == customer.id, failed_forward())
    return tuple(one.request.reference for one in session.scalars(doubtful.order_by(Forward.id)) if has_failed(one))


def _breaches(session: Session, customer: Customer) -> list[Breach]:
    """Those that affect the customer, or affected it; where it was excluded it does not."""
    theirs = (Affected.customer_id == customer.id, Affected.excluded_at.is_(None))
    return list(session.scalars(select(Breach).join(Affected).where(*theirs).order_by(Breach.id)))
