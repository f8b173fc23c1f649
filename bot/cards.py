"""All that Slack can ever show of a case: references, kinds, instants, counts, states, customers and staff ids.

Subjects, senders, bodies, file names and typed texts have no field here, and so no way into Slack.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import asking, breaches, requests, tasks
from storage.asking import NOT_KNOWN
from storage.attempts import withheld_size
from storage.correspondence import find_mails_of
from storage.decisions import OWN_CONTROLLER
from storage.forwards import accepted_at, call_that_reached, newest_attempt
from storage.models import Affected, Breach, CaseMail, Delivery, Forward, Request
from storage.types import Correspondence, Purpose, TaskKind

READ, CHOOSE, SET_ASIDE, TAKE_BACK = "dsr_read", "dsr_choose", "dsr_set_aside", "dsr_take_back"
READ_NEWEST, SEND_AGAIN, REACHED = "dsr_read_newest", "dsr_send_again", "dsr_reached"
TAKE_TASK, FINISH_TASK, SET_DUE = "dsr_take_task", "dsr_finish_task", "dsr_due"
DATED = (TaskKind.AUTHORITY, TaskKind.CONTROLLER, TaskKind.OWN)
"""Tasks whose date a person can enter."""
CANDIDATE, AGREE, REJECT = "dsr_candidate", "dsr_agree", "dsr_reject"
TAKE, HAND_OVER, REFER, OWN = "dsr_take", "dsr_hand_over", "dsr_refer", "dsr_own"
ASK, CLOSE_UNKNOWN = "dsr_ask", "dsr_close_unknown"
POSSIBLE_BREACH, MISROUTED = "dsr_possible_breach", "dsr_misrouted"
AWARE, TOLD, ADD, CLOSE, NO_BREACH = "breach_aware", "breach_told", "breach_add", "breach_close", "breach_no_breach"
CANDIDATES = 3
"""Customers that a card offers at most."""
SET_ASIDE_REASONS = ("not_a_request", "spam", "duplicate", "test", "other")
"""Why a person may set a request aside; a note may follow in the record, never in Slack."""
REASONS = (*SET_ASIDE_REASONS, OWN_CONTROLLER, NOT_KNOWN)
"""Why a request is set aside."""


@dataclass(frozen=True)
class ForwardLine:
    """One forward: to whom, by whom, and how far it has come."""

    customer: str
    customer_reference: str
    routed_at: datetime
    routed_by: str
    accepted_at: datetime | None
    refused_at: datetime | None
    bounced_at: datetime | None = None
    bounce_status: str | None = None
    delayed_at: datetime | None = None
    sent_again_at: datetime | None = None
    by_instruction: bool = False
    withheld_bytes: int | None = None
    reached_at: datetime | None = None
    means: str | None = None
    replies: tuple["ReplyLine", ...] = ()
    misrouted_at: datetime | None = None
    misrouted_by: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the customer does not have it: its server refused the newest attempt, or that came back."""
        lost = bool(self.refused_at or self.bounced_at) and self.reached_at is None
        return lost and self.misrouted_at is None

    @property
    def said(self) -> frozenset[str]:
        """What its replies were taken to mean."""
        return frozenset(reply.said for reply in self.replies)


@dataclass(frozen=True)
class ReplyLine:
    """A customer's reply: what it was taken to mean, never its words."""

    said: str
    at: datetime


@dataclass(frozen=True)
class CandidateLine:
    """A customer whom a held request may concern, and the kinds of evidence that point to it."""

    name: str
    reference: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class ProposalLine:
    """The customer that one person proposes, and a second must agree to."""

    name: str
    reference: str
    by: str
    at: datetime


@dataclass(frozen=True)
class TaskLine:
    """Something open to do; `number` is its place among the tasks of its case."""

    number: int
    what: str
    owner: str | None
    opened_at: datetime
    due_at: datetime | None = None


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
    follow_ups: int = 0
    tasks: tuple[TaskLine, ...] = ()
    owner: str | None = None
    referred_at: datetime | None = None
    candidates: tuple[CandidateLine, ...] = ()
    proposal: ProposalLine | None = None
    asked_at: datetime | None = None
    answered: bool = False
    breach: str | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        """What a person may press now."""
        return (*self.first_actions, *self.further_actions)

    @property
    def first_actions(self) -> tuple[str, ...]:
        """Reading, whose it is, and what a failure or a task asks for."""
        newest = (READ_NEWEST,) if self.follow_ups or any(line.replies for line in self.forwards) else ()
        failed = (SEND_AGAIN, REACHED) if self.failed else ()
        take = (TAKE_TASK,) if self.free_tasks else ()
        finish = (FINISH_TASK,) if self.tasks else ()
        due = (SET_DUE,) if self.dated_tasks else ()
        back = (TAKE_BACK,) if self.set_aside_at is not None else ()
        return (READ, *newest, *(self._choices if self.held else ()), *back, *failed, *take, *finish, *due)

    @property
    def further_actions(self) -> tuple[str, ...]:
        """What else may become of a held request, and of one that may have gone astray."""
        disowned = any("not-ours" in line.said for line in self.standing)
        if not self.held:
            return (MISROUTED,) if disowned else ()
        ask = () if self.asked_at and not self.answered else (ASK,)
        close = (CLOSE_UNKNOWN,) if self.answered else ()
        refer = () if self.referred_at else (REFER,)
        breach = () if self.breach else (POSSIBLE_BREACH,)
        return (HAND_OVER if self.owner else TAKE, *ask, *close, SET_ASIDE, OWN, *refer, *breach)

    @property
    def _choices(self) -> tuple[str, ...]:
        ranks = tuple(f"{CANDIDATE}_{rank}" for rank, _ in enumerate(self.candidates))
        return ((AGREE, REJECT) if self.proposal else ()) + (*ranks, CHOOSE)

    @property
    def standing(self) -> tuple[ForwardLine, ...]:
        """The forwards that did not go to a wrong customer."""
        return tuple(line for line in self.forwards if line.misrouted_at is None)

    @property
    def held(self) -> bool:
        """Whether nobody whom it concerns has it, and a person must decide."""
        return not self.standing and self.set_aside_at is None

    @property
    def failed(self) -> tuple[ForwardLine, ...]:
        """The forwards that did not arrive: for these customers the duty is not met."""
        return tuple(line for line in self.forwards if line.failed)

    @property
    def free_tasks(self) -> tuple[TaskLine, ...]:
        return tuple(task for task in self.tasks if task.owner is None)

    @property
    def dated_tasks(self) -> tuple[TaskLine, ...]:
        """The tasks that may have a date: a letter or the law sets one."""
        return tuple(task for task in self.tasks if task.what in DATED)

    @property
    def asks_for_date(self) -> bool:
        """Whether the letter names a date that nobody has entered yet."""
        return "deadline" in self.flags and any(task.due_at is None for task in self.dated_tasks)

    @property
    def accepted(self) -> bool:
        """Whether every customer has it: its server has taken it, or it was told otherwise."""
        return all(line.accepted_at or line.reached_at for line in self.standing)


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
    about: str | None = None
    no_breach: bool = False

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
        return (*aware, *((TOLD,) if self.customers else ()), ADD, CLOSE, NO_BREACH)


Card = RequestCard | BreachCard


def show_request(session: Session, request: Request) -> RequestCard:
    """The request's card as of now."""
    return show_requests(session, [request])[0]


@dataclass(frozen=True)
class _Known:
    """What cards show beside their requests' own rows, read for all of them at once."""

    mails: Mapping[int, Sequence[CaseMail]]
    tasks: Mapping[str, Sequence[TaskLine]]
    versions: Mapping[str, int]
    asked: Mapping[str, asking.Asked]
    breaches: Mapping[str, str]


def show_requests(session: Session, some: Sequence[Request]) -> list[RequestCard]:
    """The cards of requests, by a number of queries that does not grow with theirs."""
    references = [one.reference for one in some]
    known = _Known(
        mails=find_mails_of(session, [one.id for one in some]),
        tasks=_open_tasks(session, references),
        versions=_versions(session, references),
        asked=asking.find_asked(session, some),
        breaches=breaches.find_all_about(session, references),
    )
    return [_show(session, one, known) for one in some]


def _show(session: Session, request: Request, known: _Known) -> RequestCard:
    mails = known.mails.get(request.id, ())
    return RequestCard(
        reference=request.reference,
        kind=request.kind.value,
        rights=request.rights,
        language=request.language,
        received_at=request.received_at,
        hold=request.hold.value if request.hold else None,
        flags=request.flags,
        forwards=tuple(show_forward(session, forward, mails) for forward in request.forwards),
        set_aside_at=request.set_aside_at,
        set_aside_reason=_known_reason(request.set_aside_reason),
        version=known.versions.get(request.reference, 0),
        follow_ups=sum(mail.what is Correspondence.FOLLOW_UP for mail in mails),
        tasks=tuple(known.tasks.get(request.reference, ())),
        **_deciding(request, known),
    )


def _deciding(request: Request, known: _Known) -> dict[str, Any]:
    """What the card says of a decision that is still to be made."""
    if not requests.is_held(request):
        return {}
    asked = known.asked.get(request.reference)
    return {
        "owner": request.owner,
        "referred_at": request.referred_at,
        "candidates": _candidates(request),
        "proposal": _proposal(request),
        "asked_at": asked.at if asked else None,
        "answered": asked is not None and asked.answered,
        "breach": known.breaches.get(request.reference),
    }


def _candidates(request: Request) -> tuple[CandidateLine, ...]:
    """The likeliest customers, without those that the request went to by mistake."""
    wrong = {forward.customer_id for forward in request.forwards}
    found = [one for one in request.candidates if one.customer_id not in wrong][:CANDIDATES]
    return tuple(CandidateLine(one.customer.name, one.customer.reference, one.evidence) for one in found)


def _proposal(request: Request) -> ProposalLine | None:
    if request.proposed is None or request.proposed_by is None or request.proposed_at is None:
        return None
    return ProposalLine(request.proposed.name, request.proposed.reference, request.proposed_by, request.proposed_at)


def show_breach(session: Session, breach: Breach) -> BreachCard:
    """The breach's card as of now; customers who are not told stand first."""
    return show_breaches(session, [breach])[0]


def show_breaches(session: Session, some: Sequence[Breach]) -> list[BreachCard]:
    """The cards of breaches, by one query."""
    versions = _versions(session, [one.reference for one in some])
    return [_show_breach(one, versions.get(one.reference, 0)) for one in some]


def _show_breach(breach: Breach, version: int) -> BreachCard:
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
        version=version,
        about=breach.about,
        no_breach=breach.no_breach_reason is not None,
    )


def is_request(reference: str) -> bool:
    """Whether a reference is a request's (DSR-…) and not a breach's."""
    return reference.upper().startswith("DSR-")


def find_card(session: Session, reference: str) -> Card:
    """The card of the case with this reference. Raises UnknownCase."""
    if is_request(reference):
        return show_request(session, requests.get_request(session, reference))
    return show_breach(session, breaches.get_breach(session, reference))


def show_forward(session: Session, forward: Forward, mails: Iterable[CaseMail]) -> ForwardLine:
    """How far a forward has come, as its newest attempt and the calls about it tell."""
    newest, call = newest_attempt(forward), call_that_reached(forward)
    return ForwardLine(
        customer=forward.customer.name,
        customer_reference=forward.customer.reference,
        routed_at=forward.routed_at,
        routed_by=forward.routed_by,
        accepted_at=accepted_at(forward),
        refused_at=newest.refused_at if newest else None,
        bounced_at=newest.bounced_at if newest else None,
        bounce_status=_known_status(newest.bounce_status if newest else None),
        delayed_at=newest.delayed_at if newest else None,
        sent_again_at=newest.queued_at if newest and newest.attempt_of_id else None,
        by_instruction=newest is not None and newest.recipient != forward.address,
        withheld_bytes=withheld_size(session, newest) if newest else None,
        reached_at=call.at if call else None,
        means=call.means.value if call else None,
        replies=tuple(
            ReplyLine(mail.said.value, mail.at)
            for mail in mails
            if mail.forward_id == forward.id and mail.what is Correspondence.REPLY and mail.said
        ),
        misrouted_at=forward.misrouted_at,
        misrouted_by=forward.misrouted_by,
    )


def _open_tasks(session: Session, cases: Sequence[str]) -> dict[str, list[TaskLine]]:
    lines: dict[str, list[TaskLine]] = {}
    for number, task in tasks.find_numbered(session, cases):
        if task.done_at is None:
            line = TaskLine(number, task.what.value, task.owner, task.opened_at, task.due_at)
            lines.setdefault(task.case, []).append(line)
    return lines


def _known_status(status: str | None) -> str | None:
    """A status code (RFC 3463); whatever else a report may have said stays in the record."""
    return status if status and re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status) else None


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


def _versions(session: Session, references: Sequence[str]) -> dict[str, int]:
    """How often each card changed: each change queues one delivery of it."""
    cards = select(Delivery.case, func.count()).where(Delivery.purpose == Purpose.CARD).group_by(Delivery.case)
    return {row[0]: row[1] for row in session.execute(cards.where(Delivery.case.in_(references)))}
