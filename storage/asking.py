"""Asking the person which customer is meant, and closing when nobody can know: the desk's only other mails to a person.

A colleague decides to ask; the answer is a follow-up of the case. At most one question waits for its answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storage import acknowledgements, outbox, requests
from storage.errors import AlreadyAsked, NobodyToAsk, NotAnswered, NotHeld
from storage.forwards import standing
from storage.models import CaseMail, Delivery, Message, Request
from storage.outbox import Words
from storage.requests import record_step, take_turn_on_request
from storage.tables import ADDRESS
from storage.types import Actor, Correspondence, Hold, Medium, Purpose

NEVER_ASKED = frozenset({Hold.AUTOMATIC_MAIL, Hold.OWN_MAIL, Hold.AUTHORITY, Hold.CONTROLLER})
"""Held for a reason that forbids to ask: nobody would read it, or it is no data subject's."""

NOT_KNOWN = "not_known"
"""The reason of a request set aside because not even the person knows which customer is meant."""


def find_recipient(session: Session, request: Request, own_address: str | None) -> str:
    """The address of the person who wrote. Raises NotHeld, NobodyToAsk."""
    if not requests.is_held(request) or standing(request):
        raise NotHeld(request.reference)
    address = session.get_one(Message, request.message_id).sender or ""
    ours = bool(own_address) and requests.is_ours(address, own_address or "")
    unfit = not ADDRESS.fullmatch(address) or ours or acknowledgements.is_customers(session, address)
    if unfit or request.hold in NEVER_ASKED:
        raise NobodyToAsk(request.reference)
    return address


def ask_person(
    session: Session,
    request: Request,
    words: Words,
    *,
    language: str,
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> None:
    """Ask which number, when, which name. Raises NotHeld, NobodyToAsk, AlreadyAsked."""
    take_turn_on_request(session, request)
    recipient = find_recipient(session, request, own_address)
    asked = find_asked(session, [request]).get(request.reference)
    if asked is not None and not asked.answered:
        raise AlreadyAsked(request.reference, asked.at)
    _queue(session, request, Purpose.QUESTION, recipient, words, language, now=now)
    record_step(session, request, "person-asked", by=by, now=now)


def close_unknown(
    session: Session,
    request: Request,
    words: Words,
    *,
    language: str,
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> None:
    """Not even the person knows: a last mail says so and how to go on, and the request is set aside; it can be taken
    back, and whatever the person writes again takes it back. Raises NotHeld, NobodyToAsk, NotAnswered.
    """
    take_turn_on_request(session, request)
    if request.forwards or not has_answered(session, request):
        raise NotAnswered(request.reference)
    recipient = find_recipient(session, request, own_address)
    _queue(session, request, Purpose.CLOSING, recipient, words, language, now=now)
    requests.set_aside(session, request, NOT_KNOWN, by=by, now=now)


@dataclass(frozen=True)
class Asked:
    """When the person was last asked, and whether the person has written again since."""

    at: datetime
    answered: bool


def asked_at(session: Session, request: Request) -> datetime | None:
    """When the person was last asked; what came back was not asked."""
    asked = find_asked(session, [request]).get(request.reference)
    return asked.at if asked else None


def has_answered(session: Session, request: Request) -> bool:
    """Whether the person has written again since the last question."""
    asked = find_asked(session, [request]).get(request.reference)
    return asked is not None and asked.answered


def find_asked(session: Session, some: Sequence[Request]) -> dict[str, Asked]:
    """The same for many requests, by reference, in two queries; those never asked are left out.

    Before or after is by our own clock: a mail server's may be slow.
    """
    ids = {one.id: one.reference for one in some}
    asked = {row[0]: row[1] for row in session.execute(_questions(ids.values()))}
    written = {ids[id_]: at for id_, at in session.execute(_answers(ids)) if id_ is not None and at}
    return {case: Asked(at, case in written and written[case] >= at) for case, at in asked.items() if at is not None}


def _questions(cases: Iterable[str]) -> Select[str, datetime | None]:
    newest = select(Delivery.case, func.max(Delivery.queued_at, type_=Delivery.queued_at.type))
    arrived = (Delivery.bounced_at.is_(None), Delivery.refused_at.is_(None))
    of_these = (Delivery.case.in_(list(cases)), Delivery.purpose == Purpose.QUESTION)
    return newest.where(*of_these, *arrived).group_by(Delivery.case)


def _answers(requests_: Iterable[int]) -> Select[int | None, datetime | None]:
    """When the newest mail of the person itself was kept; what lay in Junk is one to read."""
    newest = select(CaseMail.request_id, func.max(Message.kept_at, type_=Message.kept_at.type))
    theirs = (CaseMail.what.in_((Correspondence.FOLLOW_UP, Correspondence.REPLY)), CaseMail.forward_id.is_(None))
    kept = newest.join(Message, Message.id == CaseMail.message_id)
    return kept.where(CaseMail.request_id.in_(list(requests_)), *theirs).group_by(CaseMail.request_id)


def _queue(
    session: Session, request: Request, purpose: Purpose, recipient: str, words: Words, language: str, *, now: datetime
) -> None:
    asked = select(func.count()).where(Delivery.case == request.reference, Delivery.purpose == purpose)
    outbox.queue(
        session,
        f"{purpose.value}:{request.reference}:{(session.scalar(asked) or 0) + 1}",
        medium=Medium.EMAIL,
        purpose=purpose,
        topic=purpose.value,
        recipient=recipient,
        language=language,
        case=request.reference,
        words=words,
        now=now,
    )
