"""Data subjects' requests (agreement clause 4): received, held, forwarded, set aside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, selectinload

from storage import announcements, journal, outbox
from storage.counters import next_reference
from storage.database import take_turn
from storage.deadlines import PARIS
from storage.errors import (
    AlreadyForwarded,
    AlreadySetAside,
    ContractEnded,
    CustomerAddressIsOurs,
    ForwardedCannotBeSetAside,
    NotSetAside,
    ReasonMissing,
    UnknownCase,
)
from storage.models import Customer, Delivery, Entry, Forward, Message, Request, Staff
from storage.types import Actor, Hold, Kind, Medium, Purpose

CLAUSE = "4"
DATA_HELD_AFTER_CONTRACT = timedelta(days=30)
"""Agreement clauses 1 and 8: after that the customer's data is gone, and a letter about it is a person's decision."""


@dataclass(frozen=True)
class Reading:
    """What a first reading found in a letter."""

    kind: Kind
    rights: tuple[str, ...]
    language: str
    flags: tuple[str, ...] = ()


def receive_request(
    session: Session, message: Message, reading: Reading, *, hold: Hold | None, by: Actor, now: datetime
) -> Request:
    """Open a case for a kept mail. `hold` says why it waits for a person, None when it can be forwarded at once."""
    request = Request(
        reference=next_reference(session, "DSR", now=now),
        message_id=message.id,
        received_at=message.received_at,
        kind=reading.kind,
        rights=reading.rights,
        language=reading.language,
        flags=reading.flags,
        hold=hold,
    )
    session.add(request)
    message.decided_at = now
    _record(session, request, "request-received", by=by, now=now, sha256=message.sha256, hold=hold)
    return request


def forward_request(
    session: Session,
    request: Request,
    customer: Customer,
    *,
    evidence: Sequence[str],
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> Forward:
    """Send a request on to a customer: the forward and its delivery, queued together.

    Raises AlreadyForwarded, AlreadySetAside, ContractEnded, CustomerAddressIsOurs.
    """
    _take_turn(session, request)
    _refuse_forward(request, customer, own_address, now)
    forward = Forward(
        request=request,
        customer=customer,
        address=customer.request_address,
        order_reference=customer.order_reference,
        language="fr" if customer.language == "fr" else "en",
        evidence=tuple(evidence),
        routed_by=by.name,
        routed_at=now,
    )
    session.add(forward)
    session.flush()
    _queue_forward(session, forward, now)
    shown: dict[str, journal.Detail] = {"customer": customer.reference, "evidence": list(evidence)}
    _record(session, request, "request-routed", by=by, now=now, **shown)
    return forward


def record_forwarded(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """The customer's server accepted a forward: into the journal, with what proves it."""
    _record_delivery(session, delivery, "request-forwarded", by=by, now=now)


def record_forward_refused(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """The customer's server refused a forward for good: the duty is not met, and staff are told."""
    entry = _record_delivery(session, delivery, "forward-refused", by=by, now=now)
    if entry:
        announcements.announce(session, entry, "forward_refused")


def set_aside(session: Session, request: Request, reason: str, *, by: Actor, now: datetime) -> None:
    """Put a held request aside with a reason; it can be taken back. Raises ReasonMissing, or what forbids it."""
    _take_turn(session, request)
    if request.forwards:
        raise ForwardedCannotBeSetAside(request.reference)
    if request.set_aside_at is not None:
        raise AlreadySetAside(request.reference)
    if not reason.strip():
        raise ReasonMissing(request.reference)
    request.set_aside_at, request.set_aside_reason = now, reason.strip()
    _record(session, request, "request-set-aside", by=by, now=now)


def take_back(session: Session, request: Request, *, by: Actor, now: datetime) -> None:
    """Undo `set_aside`: the request waits again. Raises NotSetAside."""
    _take_turn(session, request)
    if request.set_aside_at is None:
        raise NotSetAside(request.reference)
    request.set_aside_at = request.set_aside_reason = None
    _record(session, request, "request-taken-back", by=by, now=now)


def send_original(
    session: Session, request: Request, colleague: Staff, *, gesture: str, by: Actor, now: datetime
) -> None:
    """Queue the original letter to a colleague's own address, from the staff table; journalled."""
    queued = outbox.queue(
        session,
        f"original:{request.reference}:{colleague.slack_user}:{gesture}",
        medium=Medium.EMAIL,
        purpose=Purpose.ORIGINAL,
        topic="original",
        recipient=colleague.email,
        language=colleague.language,
        case=request.reference,
        original_id=request.message_id,
        now=now,
    )
    if queued:
        journal.record(session, "original-sent-to-staff", by=by, now=now, case=request.reference, clause="2")


def get_request(session: Session, reference: str, *, to_change: bool = False) -> Request:
    """The request with this reference; `to_change` keeps others from changing it meanwhile. Raises UnknownCase."""
    wanted = _with_forwards().where(Request.reference == reference.strip().upper())
    found = session.scalars(wanted.with_for_update(of=Request) if to_change else wanted).first()
    if found is None:
        raise UnknownCase(reference.strip().upper())
    return found


def find_request(session: Session, reference: str) -> Request | None:
    """The request with exactly this reference, if there is one."""
    return session.scalars(select(Request).where(Request.reference == reference)).first()


def find_waiting(session: Session, *, limit: int | None = None) -> list[Request]:
    """The held requests, the longest waiting first."""
    return list(session.scalars(_with_forwards().where(*_held()).order_by(Request.received_at).limit(limit)))


def count_waiting(session: Session) -> tuple[int, datetime | None]:
    """How many requests are held, and since when the oldest has been here."""
    count, oldest = session.execute(select(func.count(), func.min(Request.received_at)).where(*_held())).one()
    return count, oldest


def find_named(session: Session, references: Iterable[str]) -> list[Request]:
    """The requests with exactly these references, waiting or not."""
    return list(session.scalars(_with_forwards().where(Request.reference.in_(references))))


def find_recent(session: Session, *, limit: int) -> list[Request]:
    """The newest requests, whatever became of them."""
    return list(session.scalars(_with_forwards().order_by(Request.id.desc()).limit(limit)))


def is_held(request: Request) -> bool:
    """Whether a person must decide: nobody has it, and it is not set aside."""
    return not request.forwards and request.set_aside_at is None


def waiting_since(request: Request) -> datetime:
    """From when the ladder of a held request counts: from when it came here."""
    return request.received_at


def forwarded_at(forward: Forward) -> datetime | None:
    """When the customer's server accepted the forward, or None while it has not."""
    accepted: Iterable[Delivery] = (one for one in forward.deliveries if one.accepted_at)
    return min((one.accepted_at for one in accepted if one.accepted_at), default=None)


def _take_turn(session: Session, request: Request) -> None:
    take_turn(session, _with_forwards().where(Request.id == request.id))


def _record(
    session: Session, request: Request, action: str, *, by: Actor, now: datetime, **detail: journal.Detail
) -> None:
    entry = journal.record(session, action, by=by, now=now, case=request.reference, clause=CLAUSE, **detail)
    announcements.show_card(session, entry)


def _record_delivery(session: Session, delivery: Delivery, action: str, *, by: Actor, now: datetime) -> Entry | None:
    if delivery.forward is None:
        return None
    evidence: dict[str, journal.Detail] = {
        "customer": delivery.forward.customer.reference,
        "sha256": delivery.sha256,
        "message_id": delivery.message_id,
    }
    entry = journal.record(session, action, by=by, now=now, case=delivery.case, clause=CLAUSE, **evidence)
    announcements.show_card(session, entry)
    return entry


def _refuse_forward(request: Request, customer: Customer, own_address: str | None, now: datetime) -> None:
    for forward in request.forwards:
        if forward.customer_id == customer.id:
            raise AlreadyForwarded(request.reference, customer.name, forward.routed_at)
    if request.set_aside_at is not None:
        raise AlreadySetAside(request.reference)
    if is_contract_over(customer, now):
        raise ContractEnded(customer.reference, customer.name)
    if own_address and is_ours(customer.request_address, own_address):
        raise CustomerAddressIsOurs(customer.reference, customer.name)


def is_contract_over(customer: Customer, now: datetime) -> bool:
    """Whether the contract ended so long ago that the data is gone."""
    today = now.astimezone(PARIS).date()
    return customer.contract_end is not None and today > customer.contract_end + DATA_HELD_AFTER_CONTRACT


def is_ours(address: str, own_address: str) -> bool:
    """Whether an address is our own intake address, plus-addresses of it included."""
    local, _, domain = address.lower().rpartition("@")
    own_local, _, own_domain = own_address.lower().rpartition("@")
    return (local.partition("+")[0], domain) == (own_local, own_domain)


def _queue_forward(session: Session, forward: Forward, now: datetime) -> None:
    outbox.queue(
        session,
        f"forward:{forward.request.reference}:{forward.customer.reference}",
        medium=Medium.EMAIL,
        purpose=Purpose.FORWARD,
        topic="forward",
        recipient=forward.address,
        language=forward.language,
        case=forward.request.reference,
        forward_id=forward.id,
        original_id=forward.request.message_id,
        now=now,
    )


def _held() -> tuple[ColumnElement[bool], ...]:
    return (~exists().where(Forward.request_id == Request.id), Request.set_aside_at.is_(None))


def _with_forwards() -> Select[Request]:
    return select(Request).options(
        selectinload(Request.forwards).selectinload(Forward.deliveries),
        selectinload(Request.forwards).joinedload(Forward.customer),
    )
