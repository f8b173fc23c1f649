"""A request that went to a wrong customer: taken from it, given to the right one, and raised as a possible breach.

What it was, the data protection officer decides (agreement clause 6; EDPB Guidelines 9/2022: data sent to a wrong
recipient). So long as nothing has left the house there is no breach, and the forward is only withdrawn.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import breach_customers, breach_opening, breaches, outbox, tasks
from storage.attempts import queue_attempt, withdraw_waiting
from storage.correspondence import find_mails
from storage.deadlines import LADDER_HOURS
from storage.errors import AlreadyMisrouted, SameCustomer
from storage.failures import find_forward
from storage.forwards import newest_attempt, take_turn_on
from storage.models import Breach, Customer, Delivery, Forward, Request
from storage.outbox import Words
from storage.requests import record_step
from storage.types import Actor, Medium, Purpose, Said, TaskKind

TO_CUSTOMER = (Purpose.FORWARD, Purpose.FOLLOW_UP)
"""What of a request goes to its customer."""

SIGNS = (Said.NOT_OURS, Said.OTHER)
"""Replies that may be the first sign of a wrong recipient."""


@dataclass(frozen=True)
class Wording:
    """The mail that asks the wrong customer to delete, and the breach's summary."""

    deletion: Words
    summary: str


@dataclass(frozen=True)
class Misrouted:
    """What was done: the breach that was opened, None when nothing had left the house."""

    forward: Forward
    breach: Breach | None = None


def record_misrouted(  # noqa: PLR0913 - all that is known of the mistake; keyword-only after the third
    session: Session,
    request: Request,
    wrong: Customer,
    *,
    wording: Wording,
    lead: str | None,
    ladder: tuple[str, ...] = LADDER_HOURS,
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
    withdraw_waiting(session, forward, now=now, purposes=TO_CUSTOMER)
    forward.misrouted_at, forward.misrouted_by = now, by.name
    reached = _may_have_reached(session, forward)
    breach = None
    if reached:  # before the journal, whose head is locked last
        through = opened_through
        breach = _open(session, forward, wording.summary, lead=lead, ladder=ladder, through=through, by=by, now=now)
    record_step(session, request, "forward-misrouted", by=by, now=now, customer=wrong.reference)
    for address in reached:
        _ask_to_delete(session, forward, address, wording.deletion, now=now)
    tasks.finish_all(session, request.reference, TaskKind.MISROUTED, by=by, now=now)
    return Misrouted(forward, breach)


def find_astray(request: Request, customer: Customer) -> Forward | None:
    """The request's forward to this customer that was taken for a mistake."""
    return next((one for one in request.forwards if one.customer_id == customer.id and one.misrouted_at), None)


def take_back(session: Session, forward: Forward, *, by: Actor, now: datetime) -> Forward:
    """It was this customer's after all: it gets the request once more, for it may have deleted what it had.

    A breach that was opened about it stays, until the dpo says that it was none.
    """
    take_turn_on(session, forward)
    forward.misrouted_at = forward.misrouted_by = None
    newest = newest_attempt(forward)
    if newest is not None:
        queue_attempt(session, newest, recipient=newest.recipient, original_id=newest.original_id, now=now)
    customer = forward.customer.reference
    record_step(session, forward.request, "forward-was-right", by=by, now=now, customer=customer)
    return forward


def refuse_right(request: Request, wrong: Customer, right: Customer | None) -> None:
    """Raises SameCustomer."""
    if right is not None and right.id == wrong.id:
        raise SameCustomer(request.reference, wrong.name)


def name_right_customer(session: Session, request: Request, customer: Customer, *, by: Actor, now: datetime) -> None:
    """The right customer of a request that went astray is known: it is its data that somebody else has seen."""
    for forward in request.forwards:
        breach = breaches.find_about(session, _about(forward)) if forward.misrouted_at else None
        if breach is not None and forward.customer_id != customer.id:
            breach_customers.add_customers(session, breach, [customer], by=by, now=now)


def _about(forward: Forward) -> str:
    return f"{forward.request.reference}/{forward.customer.reference}"


def _may_have_reached(session: Session, forward: Forward) -> list[str]:
    """The addresses to which something of this forward was, or may have been, sent."""
    mails = select(Delivery).where(Delivery.forward_id == forward.id, Delivery.purpose.in_(TO_CUSTOMER))
    found = session.scalars(mails.order_by(Delivery.id).execution_options(populate_existing=True)).all()
    left = (one.recipient for one in found if one.sending_at or one.accepted_at or one.bounced_at)
    return list(dict.fromkeys(left))


def _open(
    session: Session,
    forward: Forward,
    summary: str,
    *,
    lead: str | None,
    ladder: tuple[str, ...],
    through: str | None,
    by: Actor,
    now: datetime,
) -> Breach:
    return breach_opening.open_breach(
        session,
        summary=summary,
        suspected_at=_suspected_at(session, forward, now),
        lead=lead,
        ladder=ladder,
        opened_through=through,
        about=_about(forward),
        by=by,
        now=now,
    )


def _suspected_at(session: Session, forward: Forward, now: datetime) -> datetime:
    """The earliest sign counts: a reply of the customer that may have said that the request is not theirs."""
    mails = find_mails(session, forward.request_id)
    signs = [mail.at for mail in mails if mail.forward_id == forward.id and mail.said in SIGNS]
    return min([now, *signs])


def _ask_to_delete(session: Session, forward: Forward, address: str, words: Words, *, now: datetime) -> None:
    outbox.queue(
        session,
        f"deletion:{_about(forward)}:{address}",
        medium=Medium.EMAIL,
        purpose=Purpose.DELETION,
        topic="deletion",
        recipient=address,
        language=forward.language,
        case=forward.request.reference,
        words=words,
        forward_id=forward.id,
        now=now,
    )
    session.refresh(forward, ["deliveries"])
