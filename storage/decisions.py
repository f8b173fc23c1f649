"""What colleagues decide about a held request, together: who takes it, whose it is, and who agreed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from storage import misrouting, replies, requests, tasks
from storage.deadlines import own_answer_due
from storage.errors import NeedsSecondPerson, NotHeld, NothingProposed, RequestTaken
from storage.models import Customer, Forward, Request, Staff
from storage.requests import record_step, take_turn_on_request
from storage.types import Actor, TaskKind

OWN_CONTROLLER = "own_controller"
"""The reason of a request set aside because Kavkom itself answers it."""


def take(session: Session, request: Request, *, by: Actor, now: datetime) -> None:
    """Make a held request one's own; taking it twice is taking it once. Raises NotHeld, RequestTaken."""
    _take_held(session, request)
    if request.owner == by.name:
        return
    if request.owner is not None:
        raise RequestTaken(request.reference)
    _own(session, request, by.name, by=by, now=now)


def hand_over(session: Session, request: Request, colleague: Staff, *, by: Actor, now: datetime) -> None:
    """Give a held request to a colleague, whoever had it. Raises NotHeld."""
    _take_held(session, request)
    if request.owner != colleague.slack_user:
        _own(session, request, colleague.slack_user, by=by, now=now)


def refer(session: Session, request: Request, *, by: Actor, now: datetime) -> None:
    """Nobody here knows: to the data protection officer, who decides. Raises NotHeld."""
    _take_held(session, request)
    request.owner = request.taken_at = None
    request.referred_at = now
    record_step(session, request, "request-referred", by=by, now=now)


def keep_as_own(session: Session, request: Request, *, by: Actor, now: datetime) -> None:
    """Kavkom itself is the controller: nothing is forwarded, and the dpo has a month to answer (GDPR 12(3)).

    Raises NotHeld.
    """
    _take_held(session, request)
    requests.set_aside(session, request, OWN_CONTROLLER, by=by, now=now)
    due_at = own_answer_due(request.received_at)
    tasks.open_task(session, request.reference, TaskKind.OWN, due_at=due_at, by=by, now=now)


def choose(
    session: Session,
    request: Request,
    customer: Customer,
    *,
    two_persons: bool,
    evidence: Sequence[str],
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> Forward | None:
    """Forward a request to the customer that a person chose; None when a second person must agree first.

    Raises NeedsSecondPerson for whoever proposed it, and what `forward_request` raises.
    """
    take_turn_on_request(session, request)
    requests.refuse_forward(request, customer, own_address, now)
    if needs_second(request, customer, two_persons=two_persons):
        _propose(session, request, customer, by=by, now=now)
        return None
    if two_persons and request.proposed_by == by.name:
        raise NeedsSecondPerson(request.reference, customer.name)
    _forget_proposal(request)
    forward = requests.forward_request(
        session, request, customer, evidence=evidence, own_address=own_address, by=by, now=now
    )
    replies.send_follow_ups(session, forward, now=now)
    misrouting.name_right_customer(session, request, customer, by=by, now=now)
    return forward


def needs_second(request: Request, customer: Customer, *, two_persons: bool) -> bool:
    """Whether choosing this customer proposes it, and a second person must agree."""
    return two_persons and request.proposed_id != customer.id


def reject_proposal(session: Session, request: Request, *, by: Actor, now: datetime) -> None:
    """The proposed customer is not the right one, or its proposer thinks again. Raises NothingProposed."""
    take_turn_on_request(session, request)
    if request.proposed_id is None:
        raise NothingProposed(request.reference)
    _forget_proposal(request)
    record_step(session, request, "proposal-rejected", by=by, now=now)


def _propose(session: Session, request: Request, customer: Customer, *, by: Actor, now: datetime) -> None:
    request.proposed_id, request.proposed_by, request.proposed_at = customer.id, by.name, now
    session.flush()
    session.refresh(request, ["proposed"])
    record_step(session, request, "customer-proposed", by=by, now=now, customer=customer.reference)


def _forget_proposal(request: Request) -> None:
    request.proposed_id = request.proposed_by = request.proposed_at = None


def _own(session: Session, request: Request, owner: str, *, by: Actor, now: datetime) -> None:
    request.owner, request.taken_at = owner, now
    record_step(session, request, "request-taken", by=by, now=now, owner=owner)


def _take_held(session: Session, request: Request) -> None:
    take_turn_on_request(session, request)
    if not requests.is_held(request):
        raise NotHeld(request.reference)
