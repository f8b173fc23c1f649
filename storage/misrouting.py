"""A request that went to a wrong customer: taken from it, given to the right one, and raised as a possible breach.

What it was, the data protection officer decides (agreement clause 6; EDPB Guidelines 9/2022: data sent to a wrong
recipient). So long as nothing has left the house there is no breach, and the forward is only withdrawn.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import breaches, outbox
from storage.attempts import withdraw_waiting
from storage.correspondence import find_mails
from storage.errors import AlreadyMisrouted, SameCustomer
from storage.failures import find_forward
from storage.forwards import address_of, take_turn_on
from storage.models import Breach, Customer, Delivery, Forward, Request
from storage.outbox import Words
from storage.requests import record_step
from storage.types import Actor, Medium, Purpose, Said


@dataclass(frozen=True)
class Wording:
    """The mail that asks the wrong customer to delete, and the breach's summary."""

    deletion: Words
    summary: str


@dataclass(frozen=True)
class Misrouted:
    """What was done: the breach that is open about it, None when nothing had left; `breach_is_new`: since just now."""

    forward: Forward
    breach: Breach | None = None
    breach_is_new: bool = False


def record_misrouted(
    session: Session,
    request: Request,
    wrong: Customer,
    *,
    wording: Wording,
    lead: str | None,
    opened_through: str | None = None,
    by: Actor,
    now: datetime,
) -> Misrouted:
    """Record that a forward went to a wrong customer, ask it to delete the mail, and open a possible breach.

    The request waits for a decision again. Raises NotForwarded, AlreadyMisrouted.
    """
    forward = find_forward(request, wrong)
    take_turn_on(session, forward)
    if forward.misrouted_at is not None:
        raise AlreadyMisrouted(request.reference, wrong.name)
    withdraw_waiting(session, forward, now=now)
    forward.misrouted_at, forward.misrouted_by = now, by.name
    record_step(session, request, "forward-misrouted", by=by, now=now, customer=wrong.reference)
    if not _may_have_left(session, forward):
        return Misrouted(forward)
    _ask_to_delete(session, forward, wording.deletion, now=now)
    known = breaches.find_about(session, request.reference)
    breach = known or _open(session, forward, wording.summary, lead=lead, opened_through=opened_through, by=by, now=now)
    return Misrouted(forward, breach, breach_is_new=known is None)


def refuse_right(request: Request, wrong: Customer, right: Customer | None) -> None:
    """Raises SameCustomer."""
    if right is not None and right.id == wrong.id:
        raise SameCustomer(request.reference, wrong.name)


def name_right_customer(session: Session, request: Request, customer: Customer, *, by: Actor, now: datetime) -> None:
    """The right customer of a request that went astray is known: it is its data that somebody else has seen."""
    if any(forward.misrouted_at for forward in request.forwards):
        breach = breaches.find_about(session, request.reference)
        if breach is not None:
            breaches.add_customers(session, breach, [customer], by=by, now=now)


def _may_have_left(session: Session, forward: Forward) -> bool:
    """Whether any mail of this forward was, or may have been, sent to the customer."""
    mails = select(Delivery).where(Delivery.forward_id == forward.id, Delivery.medium == Medium.EMAIL)
    found = session.scalars(mails.execution_options(populate_existing=True)).all()
    return any(one.sending_at or one.accepted_at or one.bounced_at for one in found)


def _open(
    session: Session,
    forward: Forward,
    summary: str,
    *,
    lead: str | None,
    opened_through: str | None,
    by: Actor,
    now: datetime,
) -> Breach:
    return breaches.open_breach(
        session,
        summary=summary,
        suspected_at=_suspected_at(session, forward, now),
        lead=lead,
        opened_through=opened_through,
        about=forward.request.reference,
        by=by,
        now=now,
    )


def _suspected_at(session: Session, forward: Forward, now: datetime) -> datetime:
    """The earliest sign counts: the customer's own word that the request is not theirs, if that came first."""
    mails = find_mails(session, forward.request_id)
    signs = [mail.at for mail in mails if mail.forward_id == forward.id and mail.said is Said.NOT_OURS]
    return min([now, *signs])


def _ask_to_delete(session: Session, forward: Forward, words: Words, *, now: datetime) -> None:
    outbox.queue(
        session,
        f"deletion:{forward.request.reference}:{forward.customer.reference}",
        medium=Medium.EMAIL,
        purpose=Purpose.DELETION,
        topic="deletion",
        recipient=address_of(forward),
        language=forward.language,
        case=forward.request.reference,
        words=words,
        forward_id=forward.id,
        now=now,
    )
    session.refresh(forward, ["deliveries"])
