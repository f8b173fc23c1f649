"""Asking the person which customer is meant, and closing when nobody can know: the desk's only other mails to a person.

A colleague decides to ask; the answer is a follow-up of the case. At most one question waits for its answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import acknowledgements, outbox, requests
from storage.errors import AlreadyAsked, NobodyToAsk, NotHeld
from storage.models import CaseMail, Delivery, Message, Request
from storage.outbox import Words
from storage.requests import record_step, take_turn_on_request
from storage.tables import ADDRESS
from storage.types import Actor, Correspondence, Hold, Medium, Purpose

NEVER_ASKED = frozenset({Hold.AUTOMATIC_MAIL, Hold.OWN_MAIL})
"""Held for a reason that forbids to write back: nobody would read it, or we ourselves would."""

NOT_KNOWN = "not_known"
"""The reason of a request set aside because not even the person knows which customer is meant."""


def find_recipient(session: Session, request: Request, own_address: str | None) -> str:
    """The address of the person who wrote. Raises NotHeld, NobodyToAsk."""
    if not requests.is_held(request):
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
    asked = asked_at(session, request.reference)
    if asked is not None and not has_answered(session, request):
        raise AlreadyAsked(request.reference, asked)
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
    back, and whatever the person writes again takes it back. Raises NotHeld, NobodyToAsk.
    """
    take_turn_on_request(session, request)
    recipient = find_recipient(session, request, own_address)
    _queue(session, request, Purpose.CLOSING, recipient, words, language, now=now)
    requests.set_aside(session, request, NOT_KNOWN, by=by, now=now)


def asked_at(session: Session, reference: str) -> datetime | None:
    """When the person was last asked."""
    asked = select(func.max(Delivery.queued_at, type_=Delivery.queued_at.type))
    return session.scalar(asked.where(Delivery.case == reference, Delivery.purpose == Purpose.QUESTION))


@dataclass(frozen=True)
class Asked:
    """When the person was last asked, and whether the person has written again since."""

    at: datetime
    answered: bool


def find_asked(session: Session, some: Sequence[Request]) -> dict[str, Asked]:
    """`asked_at` and `has_answered` for many requests, by reference, in two queries; those never asked are left out."""
    last = select(Delivery.case, func.max(Delivery.queued_at, type_=Delivery.queued_at.type)).group_by(Delivery.case)
    of_these = (Delivery.case.in_([one.reference for one in some]), Delivery.purpose == Purpose.QUESTION)
    asked = [(case, at) for case, at in session.execute(last.where(*of_these)) if at is not None]
    newest = select(CaseMail.request_id, func.max(Message.kept_at, type_=Message.kept_at.type)).join(
        Message, Message.id == CaseMail.message_id
    )
    theirs = (CaseMail.request_id.in_([one.id for one in some]), CaseMail.what == Correspondence.FOLLOW_UP)
    written = {row[0]: row[1] for row in session.execute(newest.where(*theirs).group_by(CaseMail.request_id))}
    ids = {one.reference: one.id for one in some}
    return {case: Asked(at, (wrote := written.get(ids[case])) is not None and wrote >= at) for case, at in asked}


def has_answered(session: Session, request: Request) -> bool:
    """Whether the person has written again since the last question, by our own clock: a mail server's may be slow."""
    asked = asked_at(session, request.reference)
    written = select(CaseMail.message_id).join(Message, Message.id == CaseMail.message_id)
    theirs = written.where(CaseMail.request_id == request.id, CaseMail.what == Correspondence.FOLLOW_UP)
    return asked is not None and bool(session.scalar(select(theirs.where(Message.kept_at >= asked).exists())))


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
