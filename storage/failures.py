"""When a forward fails (agreement clause 4): reports about deliveries, further attempts, and being told otherwise."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import announcements, journal, outbox, requests
from storage.attempts import queue_attempt, queue_without_original, record_about, withdraw_waiting
from storage.breaches import TOLERANCE
from storage.correspondence import attach
from storage.errors import (
    ForwardNotFailed,
    InstantInFuture,
    InstructionMissing,
    NotForwarded,
    ToldBeforeNoticed,
)
from storage.forwards import has_failed, newest_attempt, take_turn_on
from storage.instructed import read_address, record_instruction
from storage.models import Call, Customer, Delivery, Forward, Message, Request
from storage.reported import TOO_LARGE, note_bounce, note_delay
from storage.requests import CLAUSE
from storage.types import Actor, Correspondence, Means, Purpose

SENDER = Actor("desk", "mail")
BOUNCED = requests.REFUSED | {Purpose.FORWARD: "forward_bounced"}
"""How staff are told that a mail came back: but for a forward, as of one that was refused."""
TO_PERSON = (Purpose.QUESTION, Purpose.CLOSING)
"""What a colleague writes to the person: it has no forward."""


def record_bounce(
    session: Session,
    delivery: Delivery,
    *,
    status: str | None,
    reason: str,
    message: Message | None,
    by: Actor,
    now: datetime,
) -> None:
    """A delivery came back. A forward whose newest attempt it was has failed, which staff are told at once.

    One that was too large for the customer's server goes again without its original. See reported.note_bounce.
    """
    failed_before = _begin_report(session, delivery, message, now)
    if not note_bounce(session, delivery, status=status, reason=reason, by=by, now=now):
        return
    entry = _record_report(session, delivery, "bounced", status, message, by=by, now=now)
    forward = delivery.forward
    if delivery.purpose in TO_PERSON:
        announcements.show_card(session, entry)
        announcements.announce(session, entry, BOUNCED[delivery.purpose])
    if forward is None or failed_before or (delivery.purpose == Purpose.FORWARD and not has_failed(forward)):
        return
    if status in TOO_LARGE and queue_without_original(session, delivery, by=by, now=now):
        return
    announcements.announce(session, entry, BOUNCED.get(delivery.purpose, "follow_up_bounced"), forward_id=forward.id)


def record_delay(
    session: Session,
    delivery: Delivery,
    *,
    status: str | None,
    reason: str,  # noqa: ARG001 - as in record_bounce; a delay's own words prove nothing
    message: Message | None,
    by: Actor,
    now: datetime,
) -> None:
    """The customer's server is still being tried: shown and told once, and not a failure."""
    _begin_report(session, delivery, message, now)
    if not note_delay(delivery, now=now):
        return
    entry = _record_report(session, delivery, "delayed", status, message, by=by, now=now)
    if delivery.forward is not None and delivery.purpose == Purpose.FORWARD:
        announcements.announce(session, entry, "forward_delayed", forward_id=delivery.forward.id)


def send_again(session: Session, request: Request, customer: Customer, *, by: Actor, now: datetime) -> Delivery:
    """Try a failed forward once more, at the same address. Raises NotForwarded, ForwardNotFailed."""
    forward = _take_forward(session, request, customer)
    failed = newest_attempt(forward)
    if failed is None or not has_failed(forward):
        raise ForwardNotFailed(request.reference, customer.name)
    attempt = queue_attempt(session, failed, recipient=failed.recipient, original_id=failed.original_id, now=now)
    record_about(session, forward, "forward-sent-again", "forward_sent_again", by=by, now=now)
    return attempt


def redirect(
    session: Session,
    request: Request,
    customer: Customer,
    address: str,
    *,
    instruction: str,
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> Delivery:
    """Send a forward to another address, only as the customer's recorded instruction (agreement clauses 2 and 9).

    An attempt that is still waiting is withdrawn. The forward keeps the address of the order.
    Raises NotForwarded, InstructionMissing, MalformedAddress, CustomerAddressIsOurs, ForwardNotFailed.
    """
    forward = _take_forward(session, request, customer)
    address = read_address(customer, address, own_address)
    if not instruction.strip():
        raise InstructionMissing(request.reference, customer.name)
    before = newest_attempt(forward)
    if before is None or (before.recipient == address and not has_failed(forward)):
        raise ForwardNotFailed(request.reference, customer.name)
    record_instruction(session, customer, request.reference, address, instruction.strip(), by=by, now=now)
    withdraw_waiting(session, forward, now=now)
    attempt = queue_attempt(session, before, recipient=address, original_id=before.original_id, now=now)
    record_about(session, forward, "forward-redirected", "forward_redirected", by=by, now=now)
    return attempt


def record_reached(
    session: Session, request: Request, customer: Customer, *, means: Means, at: datetime, by: Actor, now: datetime
) -> Call:
    """The customer was told of the request by other means: the forward counts as met, its letter is still owed.

    Raises NotForwarded, InstantInFuture, ToldBeforeNoticed.
    """
    forward = _take_forward(session, request, customer)
    if at > now + TOLERANCE:
        raise InstantInFuture(at)
    if at < request.received_at.replace(second=0, microsecond=0):
        raise ToldBeforeNoticed(request.reference, request.received_at)
    call = Call(forward=forward, means=means, reached=True, by=by.name, at=at, recorded_at=now)
    session.add(call)
    session.flush()
    told: dict[str, journal.Detail] = {"means": means.value, "told_at": at.isoformat()}
    record_about(session, forward, "forward-told-otherwise", "forward_reached", by=by, now=now, **told)
    return call


def forward_without_original(session: Session, delivery: Delivery, *, reply: str, now: datetime) -> Delivery | None:
    """The customer's server finds a forward too large (552, SIZE): the same goes again without its original.

    The refusal is recorded here. None when there is no original to leave out: then it is refused like any other.
    """
    _begin_report(session, delivery, None, now)
    if delivery.forward is None or delivery.original_id is None:
        return None
    if delivery.refused_at is None:
        outbox.record_refused(delivery, reply=reply, now=now)
    return queue_without_original(session, delivery, by=SENDER, now=now)


def find_forward(request: Request, customer: Customer) -> Forward:
    """The request's forward to this customer. Raises NotForwarded."""
    found = next((one for one in request.forwards if one.customer_id == customer.id), None)
    if found is None:
        raise NotForwarded(request.reference, customer.name)
    return found


def _take_forward(session: Session, request: Request, customer: Customer) -> Forward:
    forward = find_forward(request, customer)
    take_turn_on(session, forward)
    return forward


def _begin_report(session: Session, delivery: Delivery, message: Message | None, now: datetime) -> bool:
    """Take the turn and keep the report with its case; whether the forward had failed before."""
    forward = delivery.forward
    if forward is not None:
        take_turn_on(session, forward)
    if message is not None:
        request = forward.request if forward else requests.find_request(session, delivery.case)
        attach(
            session,
            message,
            Correspondence.REPORT,
            now=now,
            request_id=request.id if request else None,
            forward_id=forward.id if forward else None,
            delivery_id=delivery.id,
        )
    return forward is not None and delivery.purpose == Purpose.FORWARD and has_failed(forward)


def _record_report(
    session: Session,
    delivery: Delivery,
    what: str,
    status: str | None,
    message: Message | None,
    *,
    by: Actor,
    now: datetime,
) -> journal.Recorded:
    proof: dict[str, journal.Detail] = {"status": status, "sha256": delivery.sha256}
    proof["report_sha256"] = message.sha256 if message else None
    if delivery.forward is None:
        action, clause = f"mail-{what}", None
        proof["purpose"] = delivery.purpose.value
    else:
        action, clause = f"{delivery.purpose.value}-{what}", CLAUSE
        proof["customer"] = delivery.forward.customer.reference
    entry = journal.record(session, action, by=by, now=now, case=delivery.case, clause=clause, **proof)
    if delivery.forward is not None:
        announcements.show_card(session, entry)
    return entry
