"""Deliveries that the other side has taken, in groups: as rows, for loading them as objects takes most of the time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from storage.bulk import Row, table_of, update_rows
from storage.models import Customer, Delivery, Forward
from storage.outbox import FINISHED
from storage.types import Purpose


class Sent(NamedTuple):
    """What follows from a delivery depends on this of it. `request_id` and `customer`: those of its forward, if any."""

    id: int
    purpose: Purpose
    case: str
    due_at: datetime | None
    accepted_at: datetime | None
    message_id: str | None
    sha256: str | None
    forward_id: int | None
    request_id: int | None
    customer: str | None


def sent_of(delivery: Delivery) -> Sent:
    """The same of a delivery that is loaded."""
    forward, values = delivery.forward, {name: getattr(delivery, name) for name in _OWN}
    customer = forward.customer.reference if forward else None
    return Sent(**values, request_id=forward.request_id if forward else None, customer=customer)


def find_sent(session: Session, ids: Collection[int]) -> dict[int, Sent]:
    """These deliveries by id, locked until the transaction ends."""
    return {row.id: Sent._make(row) for row in session.connection().execute(_FOUND, {"ids": list(ids)})}


def record_accepted_all(session: Session, rows: Sequence[Row], *, now: datetime) -> None:
    """The other side took them, each with its `reply`; rows have an `id`, and all of them the same columns."""
    update_rows(session, Delivery, [{**row, "accepted_at": now, **FINISHED} for row in rows])


_OWN = ("id", "purpose", "case", "due_at", "accepted_at", "message_id", "sha256", "forward_id")
_DELIVERY, _FORWARD, _CUSTOMER = table_of(Delivery), table_of(Forward), table_of(Customer)


def _found() -> Any:
    columns = [_DELIVERY.c[name] for name in _OWN]
    forwarded = _DELIVERY.outerjoin(_FORWARD, _FORWARD.c.id == _DELIVERY.c.forward_id)
    whole = forwarded.outerjoin(_CUSTOMER, _CUSTOMER.c.id == _FORWARD.c.customer_id)
    wanted = select(*columns, _FORWARD.c.request_id, _CUSTOMER.c.reference).select_from(whole)
    return wanted.where(_DELIVERY.c.id.in_(bindparam("ids", expanding=True))).with_for_update(of=_DELIVERY)


_FOUND = _found()
