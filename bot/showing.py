"""From the record to the cards: everything that Slack shows of a case is read here, several cases by a few queries."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.breach_cards import BreachCard, BreachLine, ClockLine, CustomerLine, FactsLine
from bot.cards import CANDIDATES, REASONS, CandidateLine, ForwardLine, ProposalLine, ReplyLine, RequestCard, TaskLine
from bot.cases import Card, is_request
from bot.notice_cards import NoticeLine
from bot.who import Names
from storage import asking, breach_mails, breach_rows, breaches, ledger, requests, tasks
from storage.attempts import withheld_size
from storage.breach_facts import BreachFacts, facts_of_breaches
from storage.breach_outlook import has_final
from storage.breach_record import unknown_facts, wanted_facts
from storage.breach_types import TelecomOperator
from storage.clock import now as desk_now
from storage.correspondence import find_mails_of
from storage.forwards import accepted_at, call_that_reached, newest_attempt
from storage.models import Breach, CaseMail, Delivery, Forward, Notice, Request
from storage.next_step import next_step, step_at
from storage.second_clocks import second_clocks
from storage.types import Correspondence, Purpose


def show_request(session: Session, request: Request, *, names: Names | None = None) -> RequestCard:
    """The request's card as of now; `names`: another way to name people than Slack's."""
    return show_requests(session, [request], names=names)[0]


@dataclass(frozen=True)
class _Known:
    """What cards show beside their requests' own rows, read for all of them at once."""

    mails: Mapping[int, Sequence[CaseMail]]
    tasks: Mapping[str, Sequence[TaskLine]]
    versions: Mapping[str, int]
    asked: Mapping[str, asking.Asked]
    breaches: Mapping[str, str]
    names: Names


def show_requests(session: Session, some: Sequence[Request], *, names: Names | None = None) -> list[RequestCard]:
    """The cards of requests, by a number of queries that does not grow with theirs."""
    references, names = [one.reference for one in some], names or Names(session)
    known = _Known(
        mails=find_mails_of(session, [one.id for one in some]),
        tasks=_open_tasks(session, references, names),
        versions=_versions(session, references),
        asked=asking.find_asked(session, some),
        breaches=breaches.find_all_about(session, references),
        names=names,
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
        forwards=tuple(show_forward(session, forward, mails, known.names) for forward in request.forwards),
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
        "owner": known.names.find(request.owner),
        "referred_at": request.referred_at,
        "candidates": _candidates(request),
        "proposal": _proposal(request, known.names),
        "asked_at": asked.at if asked else None,
        "answered": asked is not None and asked.answered,
        "breach": known.breaches.get(request.reference),
    }


def _candidates(request: Request) -> tuple[CandidateLine, ...]:
    """The likeliest customers, without those that the request went to by mistake."""
    wrong = {forward.customer_id for forward in request.forwards}
    found = [one for one in request.candidates if one.customer_id not in wrong][:CANDIDATES]
    return tuple(CandidateLine(one.customer.name, one.customer.reference, one.evidence) for one in found)


def _proposal(request: Request, names: Names) -> ProposalLine | None:
    if request.proposed is None or request.proposed_by is None or request.proposed_at is None:
        return None
    by = names.show(request.proposed_by)
    return ProposalLine(request.proposed.name, request.proposed.reference, by, request.proposed_at)


def show_breach(session: Session, breach: Breach, telecom: TelecomOperator = TelecomOperator.UNKNOWN) -> BreachCard:
    """The breach's card as of now."""
    return show_breaches(session, [breach], telecom)[0]


def show_breaches(
    session: Session, some: Sequence[Breach], telecom: TelecomOperator = TelecomOperator.UNKNOWN
) -> list[BreachCard]:
    """The cards of breaches, by a number of queries that does not grow with theirs; the untold stand first."""
    references, ids, names = [one.reference for one in some], [one.id for one in some], Names(session)
    behind = _Behind(
        versions=_versions(session, references),
        notices=_notices(session, ids),
        unmarked=breach_mails.count_unmarked(session, ids),
        letters=breach_mails.count_letters(session, ids),
        tasks=_open_tasks(session, references, names),
        facts=facts_of_breaches(session, ids),
        telecom=telecom,
        names=names,
    )
    return [_show_breach(one, behind) for one in some]


@dataclass(frozen=True)
class _Behind:
    """What cards show beside their breaches' own rows, read for all of them at once: by reference, or by id."""

    versions: Mapping[str, int]
    notices: Mapping[int, Sequence[Notice]]
    unmarked: Mapping[int, int]
    letters: Mapping[int, int]
    tasks: Mapping[str, Sequence[TaskLine]]
    facts: Mapping[int, BreachFacts]
    telecom: TelecomOperator
    names: Names


def show_lines(session: Session, some: Sequence[Breach]) -> list[BreachLine]:
    """Breaches as a list shows them, by one query; their ledgers are counted, not loaded."""
    counts = breach_rows.count_rows(session, some)
    return [_breach_line(one, counts[one.id]) for one in some]


def _breach_line(breach: Breach, count: breach_rows.Count) -> BreachLine:
    affected = count.named - count.excluded
    return BreachLine(
        reference=breach.reference,
        precautionary=breach.aware_at is None,
        deadline_at=breach.deadline_at,
        closed_at=breach.closed_at,
        affected=affected,
        told=affected - count.waiting,
        lead=breach.lead,
        no_breach=breach.no_breach_reason is not None,
    )


def notice_versions(session: Session, some: Sequence[Breach]) -> dict[int, int]:
    """The version of each notice of these breaches, by its id."""
    notices = select(Notice.id, Notice.version).where(Notice.breach_id.in_([one.id for one in some]))
    return {row[0]: row[1] for row in session.execute(notices)}


def _show_breach(breach: Breach, behind: _Behind) -> BreachCard:
    notices, facts, telecom = behind.notices.get(breach.id, ()), behind.facts[breach.id], behind.telecom
    at, versions, names = desk_now(), {one.id: one.version for one in notices}, behind.names
    lines = [_customer_line(row, versions, at) for row in ledger.read_ledger(breach)]
    return BreachCard(
        reference=breach.reference,
        opened_at=breach.opened_at,
        opened_by=names.show(breach.opened_by),
        suspected_at=breach.suspected_at,
        aware_at=breach.aware_at,
        aware_by=names.find(breach.aware_by),
        deadline_at=breach.deadline_at,
        lead=breach.lead,
        closed_at=breach.closed_at,
        closed_by=names.find(breach.closed_by),
        customers=tuple(sorted(lines, key=lambda line: line.told_at is not None)),
        version=behind.versions.get(breach.reference, 0),
        about=breach.about,
        no_breach=breach.no_breach_reason is not None,
        detected_at=breach.detected_at,
        told_at=breach.told_at,
        facts=show_facts(facts, telecom),
        clocks=tuple(
            ClockLine(one.name, one.ends_at, one.done, one.assumed) for one in second_clocks(breach, facts, telecom)
        ),
        telecom_unknown=telecom is TelecomOperator.UNKNOWN,
        final_sent=has_final(notices),
        notice=_notice_line(notices[-1], names) if notices else None,
        unmarked=behind.unmarked.get(breach.id, 0),
        replies=behind.letters.get(breach.id, 0),
        tasks=tuple(behind.tasks.get(breach.reference, ())),
    )


def show_facts(facts: BreachFacts, telecom: TelecomOperator) -> FactsLine:
    """How much is known, and of that the kinds and numbers."""
    wanted, unknown = wanted_facts(facts, telecom), unknown_facts(facts, telecom)
    return FactsLine(
        known=len(wanted) - len(unknown),
        wanted=len(wanted),
        unknown=tuple(name.value for name in unknown),
        nature=facts.nature or (),
        data_kinds=facts.data_kinds or (),
        persons=facts.persons,
        records=facts.records,
    )


def _notices(session: Session, ids: Sequence[int]) -> dict[int, list[Notice]]:
    """The notices of each of these breaches, drafts too, in the order of their versions."""
    found: dict[int, list[Notice]] = {}
    wanted = select(Notice).where(Notice.breach_id.in_(ids)).order_by(Notice.version)
    for notice in session.scalars(wanted):
        found.setdefault(notice.breach_id, []).append(notice)
    return found


def _notice_line(one: Notice, names: Names) -> NoticeLine:
    prepared_by, approved_by = names.show(one.prepared_by), names.find(one.approved_by)
    return NoticeLine(one.version, one.final, one.prepared_at, prepared_by, one.approved_at, approved_by)


def find_card(session: Session, reference: str, telecom: TelecomOperator = TelecomOperator.UNKNOWN) -> Card:
    """The card of the case with this reference. Raises UnknownCase."""
    if is_request(reference):
        return show_request(session, requests.get_request(session, reference))
    return show_breach(session, breaches.get_breach(session, reference), telecom)


def show_forward(session: Session, forward: Forward, mails: Iterable[CaseMail], names: Names) -> ForwardLine:
    """How far a forward has come, as its newest attempt and the calls about it tell."""
    newest, call = newest_attempt(forward), call_that_reached(forward)
    return ForwardLine(
        customer=forward.customer.name,
        customer_reference=forward.customer.reference,
        routed_at=forward.routed_at,
        routed_by=names.show(forward.routed_by),
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
        misrouted_by=names.find(forward.misrouted_by),
        left=any(one.sending_at or one.accepted_at or one.bounced_at for one in forward.deliveries),
    )


def _open_tasks(session: Session, cases: Sequence[str], names: Names) -> dict[str, list[TaskLine]]:
    lines: dict[str, list[TaskLine]] = {}
    for number, task in tasks.find_numbered(session, cases):
        if task.done_at is None:
            line = TaskLine(number, task.what.value, names.find(task.owner), task.opened_at, task.due_at)
            lines.setdefault(task.case, []).append(line)
    return lines


def _known_status(status: str | None) -> str | None:
    """A status code (RFC 3463); whatever else a report may have said stays in the record."""
    return status if status and re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status) else None


def _customer_line(row: ledger.Row, notices: Mapping[int, int], now: datetime) -> CustomerLine:
    step = next_step(row, now)
    return CustomerLine(
        customer=row.customer.name,
        customer_reference=row.customer.reference,
        told_at=row.told_at,
        means=row.means.value if row.means else None,
        state=row.state.value,
        step=step.value,
        step_at=step_at(row, step),
        version=notices.get(row.notice_id) if row.notice_id else None,
        owed=row.owed,
        accepted_at=row.accepted_at,
        received_at=row.received_at,
        found_late=breach_rows.is_found_late(row.affected),
        attempts=sum(not call.reached for call in row.affected.calls),
        may_go_again=row.may_go_again,
        may_arrive=row.may_arrive,
    )


def _known_reason(reason: str | None) -> str | None:
    code = (reason or "").partition(":")[0].strip()
    return None if reason is None else code if code in REASONS else "other"


def _versions(session: Session, references: Sequence[str]) -> dict[str, int]:
    """How often each card changed: each change queues one delivery of it."""
    cards = select(Delivery.case, func.count()).where(Delivery.purpose == Purpose.CARD).group_by(Delivery.case)
    return {row[0]: row[1] for row in session.execute(cards.where(Delivery.case.in_(references)))}
