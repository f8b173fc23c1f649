"""How far a forward has come, read from its deliveries and from the calls about it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from storage.database import take_turn
from storage.free_mail import FREE_MAIL
from storage.models import Call, Delivery, Forward, Request
from storage.types import Purpose


def standing(request: Request) -> list[Forward]:
    """The request's forwards, without those that went to a customer whom it does not concern."""
    return [forward for forward in request.forwards if forward.misrouted_at is None]


def attempts_of(forward: Forward) -> list[Delivery]:
    """The deliveries of the forward itself, oldest first; a follow-up's are not among them."""
    return sorted((one for one in forward.deliveries if one.purpose == Purpose.FORWARD), key=lambda one: one.id)


def newest_attempt(forward: Forward) -> Delivery | None:
    """The attempt that decides, None before the first one is queued."""
    return next(reversed(attempts_of(forward)), None)


def call_that_reached(forward: Forward) -> Call | None:
    """The first time the customer was told of the request by other means than our mail."""
    return min((call for call in forward.calls if call.reached), key=lambda call: call.at, default=None)


def accepted_at(forward: Forward) -> datetime | None:
    """When the customer's server took it for good: an attempt that came back does not count."""
    accepted = (one.accepted_at for one in attempts_of(forward) if one.accepted_at and not one.bounced_at)
    return min(accepted, default=None)


def has_failed(forward: Forward) -> bool:
    """Whether the duty is not met: the newest attempt was refused or bounced, and nobody was reached otherwise.

    A forward to a wrong customer has no duty to meet.
    """
    newest = newest_attempt(forward) if forward.misrouted_at is None else None
    lost = newest is not None and (newest.refused_at is not None or newest.bounced_at is not None)
    return lost and call_that_reached(forward) is None


def address_of(forward: Forward) -> str:
    """Where the customer is written to now: the newest address whose server accepted, else the newest tried."""
    attempts = attempts_of(forward)
    accepted = [one.recipient for one in attempts if one.accepted_at and not one.bounced_at]
    return (accepted or [one.recipient for one in attempts] or [forward.address])[-1]


def is_address_of(sender: str, addresses: Collection[str]) -> bool:
    """Whether this is one of a customer's addresses, or a colleague at the same domain."""
    domains = {address.rpartition("@")[2] for address in addresses} - FREE_MAIL  # there only the address itself tells
    return sender in addresses or sender.rpartition("@")[2] in domains


def failed_forward() -> ColumnElement[bool]:
    """In SQL, of a Request: whether any of its forwards has failed."""
    newer = aliased(Delivery)
    lost = or_(Delivery.refused_at.is_not(None), Delivery.bounced_at.is_not(None))
    superseded = exists().where(
        newer.forward_id == Delivery.forward_id, newer.purpose == Purpose.FORWARD, newer.id > Delivery.id
    )
    reached = exists().where(Call.forward_id == Delivery.forward_id, Call.reached)
    failed = select(Forward.request_id).join(Delivery, Delivery.forward_id == Forward.id)
    due = (Forward.misrouted_at.is_(None), Delivery.purpose == Purpose.FORWARD)
    return Request.id.in_(failed.where(*due, lost, ~superseded, ~reached))


def take_turn_on(session: Session, forward: Forward) -> None:
    """Let nobody else decide about the forward's request meanwhile, and see its deliveries as they are now."""
    take_turn(session, select(Request).where(Request.id == forward.request_id))
    now_there = select(Delivery).where(Delivery.forward_id == forward.id)
    session.scalars(now_there.execution_options(populate_existing=True)).all()
    session.refresh(forward, ["deliveries", "calls"])
