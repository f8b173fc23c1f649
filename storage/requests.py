"""Data subjects' requests (agreement clause 4): received, held, forwarded, set aside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, selectinload

from storage import announcements, journal, outbox, tasks
from storage.bulk import Row, insert_with_ids
from storage.database import take_turn
from storage.deadlines import PARIS
from storage.errors import (
    AlreadyForwarded,
    AlreadyMisrouted,
    AlreadySetAside,
    ContractEnded,
    CustomerAddressIsOurs,
    ForwardedCannotBeSetAside,
    NotSetAside,
    ReasonMissing,
    Refused,
    UnknownCase,
)
from storage.forwards import accepted_at, call_that_reached, failed_forward, has_failed, newest_attempt, standing
from storage.models import Candidate, Customer, Forward, Request
from storage.sent import Sent
from storage.types import Actor, Hold, Medium, Purpose, TaskKind

CLAUSE = "4"
OWN_CONTROLLER = "own_controller"
"""The reason of a request set aside because Kavkom itself is the controller, and answers it."""
DATA_HELD_AFTER_CONTRACT = timedelta(days=30)
"""Agreement clauses 1 and 8: after that the customer's data is gone, and a letter about it is a person's decision."""


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

    Raises AlreadyForwarded, AlreadyMisrouted, AlreadySetAside, ContractEnded, CustomerAddressIsOurs.
    """
    take_turn_on_request(session, request)
    refuse_forward(request, customer, own_address, now)
    forget_proposal(request)
    routed = Routed(request.id, request.reference, request.message_id, customer, tuple(evidence))
    [forward_id] = add_forwards(session, [routed], by=by, now=now)
    session.expire(request, ["forwards"])
    [entry] = journal.record_all(session, [routed_line(request.reference, customer, evidence)], by=by, now=now)
    announcements.show_card(session, entry)
    return session.get_one(Forward, forward_id)


@dataclass(frozen=True)
class Routed:
    """A request and the customer that it goes to."""

    request_id: int
    reference: str
    message_id: int
    customer: Customer
    evidence: tuple[str, ...]


def add_forwards(session: Session, routed: Sequence[Routed], *, by: Actor, now: datetime) -> list[int]:
    """The forwards and their deliveries, queued in the transaction that decides."""
    ids = insert_with_ids(session, Forward, [_forward_row(one, by, now) for one in routed])
    queued = [_forward_delivery(one, forward_id) for one, forward_id in zip(routed, ids, strict=True)]
    outbox.queue_all(session, queued, now=now)
    return ids


def _forward_row(one: Routed, by: Actor, now: datetime) -> Row:
    """The address and the order are kept as they are today."""
    return {
        "request_id": one.request_id,
        "customer_id": one.customer.id,
        "address": one.customer.request_address,
        "order_reference": one.customer.order_reference,
        "language": _language_of(one.customer),
        "evidence": one.evidence,
        "routed_by": by.name,
        "routed_at": now,
    }


def _forward_delivery(one: Routed, forward_id: int) -> outbox.Queued:
    return outbox.Queued(
        key=f"forward:{one.reference}:{one.customer.reference}",
        medium=Medium.EMAIL,
        purpose=Purpose.FORWARD,
        topic="forward",
        recipient=one.customer.request_address,
        language=_language_of(one.customer),
        case=one.reference,
        forward_id=forward_id,
        original_id=one.message_id,
    )


def _language_of(customer: Customer) -> str:
    return "fr" if customer.language == "fr" else "en"


def routed_line(reference: str, customer: Customer, evidence: Sequence[str]) -> journal.Line:
    """Evidence as kinds only: an address of the letter has no place in the journal."""
    kinds = [one.partition(":")[0] for one in evidence]
    return journal.Line("request-routed", reference, CLAUSE, {"customer": customer.reference, "evidence": kinds})


def record_forwarded(session: Session, sent: Sequence[Sent], *, by: Actor, now: datetime) -> None:
    """Customers' servers accepted forwards: into the journal, with what proves it. Other deliveries are passed over."""
    actions = {
        Purpose.FORWARD: "request-forwarded",
        Purpose.FOLLOW_UP: "follow-up-forwarded",
        Purpose.DELETION: "deletion-asked",
    }
    lines = [_sent_line(one, actions[one.purpose]) for one in sent if one.customer and one.purpose in actions]
    announcements.show_cards(session, journal.record_all(session, lines, by=by, now=now))


REFUSED = {
    Purpose.FORWARD: "forward_refused",
    Purpose.FOLLOW_UP: "follow_up_bounced",
    Purpose.DELETION: "deletion_bounced",
    Purpose.QUESTION: "request_question_bounced",
    Purpose.CLOSING: "request_closing_bounced",
}
"""How staff are told that a server will never take a mail of ours."""


def record_refused(session: Session, sent: Sent, *, by: Actor, now: datetime) -> None:
    """A server refused a mail for good: into the journal, and staff are told; a forward's duty is not met."""
    topic = REFUSED.get(sent.purpose)
    if topic is not None:
        [entry] = journal.record_all(session, [_sent_line(sent, f"{sent.purpose.value}-refused")], by=by, now=now)
        announcements.show_card(session, entry)
        announcements.announce(session, entry, topic, forward_id=sent.forward_id)


def forget_proposal(request: Request) -> None:
    """Whatever was proposed, something else was decided."""
    request.proposed_id = request.proposed_by = request.proposed_at = None


def hold_anew(session: Session, request: Request, hold: Hold | None, *, by: Actor, now: datetime) -> None:
    """A held request was looked at again: it waits for another reason now, or can go (None)."""
    take_turn_on_request(session, request)
    before, request.hold = request.hold, hold
    record_step(session, request, "request-reconsidered", by=by, now=now, before=before, hold=hold)


def set_aside(session: Session, request: Request, reason: str, *, by: Actor, now: datetime) -> None:
    """Put a held request aside with a reason; it can be taken back. Raises ReasonMissing, or what forbids it."""
    take_turn_on_request(session, request)
    if standing(request):
        raise ForwardedCannotBeSetAside(request.reference)
    if request.set_aside_at is not None:
        raise AlreadySetAside(request.reference)
    if not reason.strip():
        raise ReasonMissing(request.reference)
    request.set_aside_at, request.set_aside_reason = now, reason.strip()
    forget_proposal(request)
    record_step(session, request, "request-set-aside", by=by, now=now)


def take_back(session: Session, request: Request, *, by: Actor, now: datetime) -> None:
    """Undo `set_aside`: the request waits again, and is not Kavkom's own any more. Raises NotSetAside."""
    take_turn_on_request(session, request)
    if request.set_aside_at is None:
        raise NotSetAside(request.reference)
    request.set_aside_at = request.set_aside_reason = None
    tasks.finish_all(session, request.reference, TaskKind.OWN, by=by, now=now)
    record_step(session, request, "request-taken-back", by=by, now=now)


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
    """The requests that need a person (held, or a forward has failed), the longest waiting first."""
    return list(session.scalars(_with_forwards().where(needs_person()).order_by(Request.received_at).limit(limit)))


def count_waiting(session: Session) -> tuple[int, datetime | None]:
    """How many requests need a person, and since when the oldest has been here."""
    count, oldest = session.execute(select(func.count(), func.min(Request.received_at)).where(needs_person())).one()
    return count, oldest


def find_named(session: Session, references: Iterable[str]) -> list[Request]:
    """The requests with exactly these references, waiting or not."""
    return list(session.scalars(_with_forwards().where(Request.reference.in_(references))))


def find_recent(session: Session, *, limit: int) -> list[Request]:
    """The newest requests, whatever became of them."""
    return list(session.scalars(_with_forwards().order_by(Request.id.desc()).limit(limit)))


def is_held(request: Request) -> bool:
    """Whether a person must decide: nobody whom it concerns has it and it is not set aside, or a forward has failed."""
    if not standing(request):
        return request.set_aside_at is None
    return any(has_failed(forward) for forward in request.forwards)


def waiting_since(request: Request) -> datetime:
    """From when the ladder of a held request counts: when it came here, or the newest of what went wrong since."""
    lost = [newest_attempt(forward) for forward in request.forwards if has_failed(forward)]
    instants = [one.bounced_at or one.refused_at for one in lost if one is not None]
    instants += [forward.misrouted_at for forward in request.forwards]
    return max((at for at in instants if at is not None), default=request.received_at)


def forwarded_at(forward: Forward) -> datetime | None:
    """When the customer's server accepted the forward for good, or the customer was told otherwise; None so far."""
    told = call_that_reached(forward)
    instants = (accepted_at(forward), told.at if told else None)
    return min((one for one in instants if one is not None), default=None)


def take_turn_on_request(session: Session, request: Request) -> None:
    """Let nobody else decide about the request meanwhile, and see it as it is now."""
    take_turn(session, _with_forwards().where(Request.id == request.id))


def record_step(
    session: Session, request: Request, action: str, *, by: Actor, now: datetime, **detail: journal.Detail
) -> journal.Recorded:
    """What was done about a request: into the journal and onto the card."""
    entry = journal.record(session, action, by=by, now=now, case=request.reference, clause=CLAUSE, **detail)
    announcements.show_card(session, entry)
    return entry


def _sent_line(sent: Sent, action: str) -> journal.Line:
    evidence: dict[str, journal.Detail] = {
        "customer": sent.customer,
        "purpose": sent.purpose,
        "sha256": sent.sha256,
        "message_id": sent.message_id,
    }
    return journal.Line(action, sent.case, CLAUSE, evidence)


def refuse_forward(request: Request, customer: Customer, own_address: str | None, now: datetime) -> None:
    """What forbids to forward this request to this customer. Raises what `forward_request` raises."""
    for forward in request.forwards:
        if forward.customer_id == customer.id and forward.misrouted_at is not None:
            raise AlreadyMisrouted(request.reference, customer.name)
        if forward.customer_id == customer.id:
            raise AlreadyForwarded(request.reference, customer.name, forward.routed_at)
    if request.set_aside_at is not None:
        raise AlreadySetAside(request.reference)
    if why_not := why_not_forwarded(customer, own_address, now):
        raise why_not


def why_not_forwarded(customer: Customer, own_address: str | None, now: datetime) -> Refused | None:
    """What forbids to send this customer anything, whatever the letter; None when nothing does."""
    if is_contract_over(customer, now):
        return ContractEnded(customer.reference, customer.name)
    if own_address and is_ours(customer.request_address, own_address):
        return CustomerAddressIsOurs(customer.reference, customer.name)
    return None


def is_contract_over(customer: Customer, now: datetime) -> bool:
    """Whether the contract ended so long ago that the data is gone."""
    today = now.astimezone(PARIS).date()
    return customer.contract_end is not None and today > customer.contract_end + DATA_HELD_AFTER_CONTRACT


def is_ours(address: str, own_address: str) -> bool:
    """Whether an address is our own intake address, plus-addresses of it included."""
    local, _, domain = address.lower().rpartition("@")
    own_local, _, own_domain = own_address.lower().rpartition("@")
    return (local.partition("+")[0], domain) == (own_local, own_domain)


def needs_person() -> ColumnElement[bool]:
    """In SQL, of a Request: what `is_held` says."""
    standing_forward = exists().where(Forward.request_id == Request.id, Forward.misrouted_at.is_(None))
    return or_(and_(~standing_forward, Request.set_aside_at.is_(None)), failed_forward())


def _with_forwards() -> Select[Request]:
    return select(Request).options(
        selectinload(Request.forwards).selectinload(Forward.deliveries),
        selectinload(Request.forwards).selectinload(Forward.calls),
        selectinload(Request.forwards).joinedload(Forward.customer),
        selectinload(Request.candidates).joinedload(Candidate.customer),
        selectinload(Request.proposed),
    )
