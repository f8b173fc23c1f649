"""What colleagues decide about a held request, together: who takes it, whose it is, and who agreed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from storage import misrouting, replies, requests, staff, tasks
from storage.deadlines import own_answer_due
from storage.errors import NeedsSecondPerson, NotHeld, NothingProposed, RequestTaken
from storage.forwards import standing
from storage.models import Customer, Forward, Request, Staff
from storage.requests import record_step, take_turn_on_request
from storage.types import Actor, TaskKind

CHOSEN_BY_STAFF = ("staff",)
"""The evidence of a forward that a person decided."""


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
    requests.set_aside(session, request, requests.OWN_CONTROLLER, by=by, now=now)
    due_at = own_answer_due(request.received_at)
    tasks.open_task(session, request.reference, TaskKind.OWN, due_at=due_at, by=by, now=now)


def choose(
    session: Session,
    request: Request,
    customer: Customer,
    *,
    two_persons: bool,
    own_address: str | None,
    several: bool = False,
    by: Actor,
    now: datetime,
) -> Forward | None:
    """Forward a held request to the customer that a person chose; None when a second person must agree first.

    One that a customer has is decided, unless it is meant for `several`. A customer that it was taken from by mistake
    gets it again. Raises NotHeld, NeedsSecondPerson for whoever proposed it, and what `forward_request` raises.
    """
    take_turn_on_request(session, request)
    if standing(request) and not several:
        raise NotHeld(request.reference)
    astray = misrouting.find_astray(request, customer)
    if astray is None:
        requests.refuse_forward(request, customer, own_address, now)
    if needs_second(request, customer, two_persons=two_persons):
        _propose(session, request, customer, by=by, now=now)
        return None
    if two_persons and not staff.are_two(session, request.proposed_by or "", by, now=now):
        raise NeedsSecondPerson(request.reference, customer.name)
    misrouting.name_right_customer(session, request, customer, by=by, now=now)
    if astray is not None:
        return misrouting.take_back(session, astray, by=by, now=now)
    return _forward(session, request, customer, CHOSEN_BY_STAFF, own_address, by=by, now=now)


def forward_found(
    session: Session,
    request: Request,
    customer: Customer,
    *,
    evidence: Sequence[str],
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> Forward | None:
    """Forward a held request that is certain now; None if anybody has it, or a colleague has proposed or decided."""
    take_turn_on_request(session, request)
    if request.forwards or request.set_aside_at is not None or request.proposed_id is not None:
        return None
    return _forward(session, request, customer, evidence, own_address, by=by, now=now)


def needs_second(request: Request, customer: Customer, *, two_persons: bool) -> bool:
    """Whether choosing this customer proposes it, and a second person must agree."""
    return two_persons and request.proposed_id != customer.id


def reject_proposal(
    session: Session, request: Request, *, by: Actor, now: datetime, customer: str | None = None
) -> None:
    """The proposed customer is not the right one, or its proposer thinks again. `customer`: the one that was meant.

    Raises NothingProposed.
    """
    take_turn_on_request(session, request)
    if request.proposed is None or (customer and request.proposed.reference != customer):
        raise NothingProposed(request.reference)
    requests.forget_proposal(request)
    record_step(session, request, "proposal-rejected", by=by, now=now)


def _propose(session: Session, request: Request, customer: Customer, *, by: Actor, now: datetime) -> None:
    request.proposed_id, request.proposed_by, request.proposed_at = customer.id, by.name, now
    session.flush()
    session.refresh(request, ["proposed"])
    record_step(session, request, "customer-proposed", by=by, now=now, customer=customer.reference)


def _forward(
    session: Session,
    request: Request,
    customer: Customer,
    evidence: Sequence[str],
    own_address: str | None,
    *,
    by: Actor,
    now: datetime,
) -> Forward:
    """With all that the person wrote meanwhile."""
    forward = requests.forward_request(
        session, request, customer, evidence=evidence, own_address=own_address, by=by, now=now
    )
    replies.send_follow_ups(session, forward, now=now)
    return forward


def _own(session: Session, request: Request, owner: str, *, by: Actor, now: datetime) -> None:
    request.owner, request.taken_at = owner, now
    record_step(session, request, "request-taken", by=by, now=now, owner=owner)


def _take_held(session: Session, request: Request) -> None:
    take_turn_on_request(session, request)
    if not requests.is_held(request):
        raise NotHeld(request.reference)
