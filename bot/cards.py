"""All that Slack can ever show of a case: references, kinds, instants, counts, states, customers and staff ids.

Subjects, senders, bodies, file names and typed texts have no field here, and so no way into Slack.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import breaches, requests
from storage.models import Affected, Breach, Delivery, Forward, Request
from storage.types import Purpose

READ, CHOOSE, SET_ASIDE, TAKE_BACK = "dsr_read", "dsr_choose", "dsr_set_aside", "dsr_take_back"
AWARE, TOLD, ADD, CLOSE = "breach_aware", "breach_told", "breach_add", "breach_close"
REASONS = ("spam", "duplicate", "not_a_request", "own_controller", "test", "other")
"""Why a request may be set aside; a note may follow in the record, never in Slack."""


@dataclass(frozen=True)
class ForwardLine:
    """One forward: to whom, by whom, and how far it has come."""

    customer: str
    customer_reference: str
    routed_at: datetime
    routed_by: str
    accepted_at: datetime | None
    refused_at: datetime | None


@dataclass(frozen=True)
class RequestCard:
    """A request as Slack may show it."""

    reference: str
    kind: str
    rights: tuple[str, ...]
    language: str
    received_at: datetime
    hold: str | None
    flags: tuple[str, ...]
    forwards: tuple[ForwardLine, ...]
    set_aside_at: datetime | None
    set_aside_reason: str | None
    version: int

    @property
    def actions(self) -> tuple[str, ...]:
        """What a person may press now."""
        if self.set_aside_at is not None:
            return (READ, TAKE_BACK)
        return (READ,) if self.forwards else (READ, CHOOSE, SET_ASIDE)

    @property
    def held(self) -> bool:
        return CHOOSE in self.actions

    @property
    def refused(self) -> bool:
        """Whether a customer's server will not take it: the duty is not met."""
        return any(line.refused_at and not line.accepted_at for line in self.forwards)

    @property
    def accepted(self) -> bool:
        """Whether every customer's server has taken it."""
        return all(line.accepted_at for line in self.forwards)


@dataclass(frozen=True)
class CustomerLine:
    """One affected customer: told when and by which means, or not yet."""

    customer: str
    customer_reference: str
    told_at: datetime | None
    means: str | None


@dataclass(frozen=True)
class BreachCard:
    """A breach as Slack may show it; its deadline is precautionary while nobody has become aware."""

    reference: str
    opened_at: datetime
    opened_by: str
    suspected_at: datetime | None
    aware_at: datetime | None
    aware_by: str | None
    deadline_at: datetime
    lead: str | None
    closed_at: datetime | None
    closed_by: str | None
    customers: tuple[CustomerLine, ...]
    version: int

    @property
    def precautionary(self) -> bool:
        return self.aware_at is None

    @property
    def untold(self) -> tuple[CustomerLine, ...]:
        return tuple(line for line in self.customers if line.told_at is None)

    @property
    def actions(self) -> tuple[str, ...]:
        """What a person may press now."""
        if self.closed_at is not None:
            return ()
        aware = (AWARE,) if self.aware_at is None else ()
        return (*aware, *((TOLD,) if self.customers else ()), ADD, CLOSE)


Card = RequestCard | BreachCard


def show_request(session: Session, request: Request) -> RequestCard:
    """The request's card as of now."""
    return RequestCard(
        reference=request.reference,
        kind=request.kind.value,
        rights=request.rights,
        language=request.language,
        received_at=request.received_at,
        hold=request.hold.value if request.hold else None,
        flags=request.flags,
        forwards=tuple(_forward_line(forward) for forward in request.forwards),
        set_aside_at=request.set_aside_at,
        set_aside_reason=_known_reason(request.set_aside_reason),
        version=_version(session, request.reference),
    )


def show_breach(session: Session, breach: Breach) -> BreachCard:
    """The breach's card as of now; customers who are not told stand first."""
    lines = [_customer_line(affected) for affected in breach.affected]
    return BreachCard(
        reference=breach.reference,
        opened_at=breach.opened_at,
        opened_by=breach.opened_by,
        suspected_at=breach.suspected_at,
        aware_at=breach.aware_at,
        aware_by=breach.aware_by,
        deadline_at=breach.deadline_at,
        lead=breach.lead,
        closed_at=breach.closed_at,
        closed_by=breach.closed_by,
        customers=tuple(sorted(lines, key=lambda line: line.told_at is not None)),
        version=_version(session, breach.reference),
    )


def is_request(reference: str) -> bool:
    """Whether a reference is a request's (DSR-…) and not a breach's."""
    return reference.upper().startswith("DSR-")


def find_card(session: Session, reference: str) -> Card:
    """The card of the case with this reference. Raises UnknownCase."""
    if is_request(reference):
        return show_request(session, requests.get_request(session, reference))
    return show_breach(session, breaches.get_breach(session, reference))


def _forward_line(forward: Forward) -> ForwardLine:
    refusals = [one.refused_at for one in forward.deliveries if one.refused_at]
    return ForwardLine(
        customer=forward.customer.name,
        customer_reference=forward.customer.reference,
        routed_at=forward.routed_at,
        routed_by=forward.routed_by,
        accepted_at=requests.forwarded_at(forward),
        refused_at=max(refusals, default=None),
    )


def _customer_line(affected: Affected) -> CustomerLine:
    reached = sorted((call for call in affected.calls if call.reached), key=lambda call: call.at)
    return CustomerLine(
        customer=affected.customer.name,
        customer_reference=affected.customer.reference,
        told_at=breaches.notified_at(affected),
        means=reached[0].means.value if reached else None,
    )


def _known_reason(reason: str | None) -> str | None:
    code = (reason or "").partition(":")[0].strip()
    return None if reason is None else code if code in REASONS else "other"


def _version(session: Session, reference: str) -> int:
    """How often the card changed: each change queues one delivery of it."""
    cards = select(func.count()).where(Delivery.case == reference, Delivery.purpose == Purpose.CARD)
    return session.scalar(cards) or 0
