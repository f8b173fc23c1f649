"""What customers reply to a forward, and what a person writes again: recorded, and rung for staff."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import addresses, announcements, asking, journal, outbox, requests, tasks
from storage.correspondence import attach, find_mails
from storage.database import take_turn
from storage.forwards import address_of
from storage.instructed import keep_instruction
from storage.models import CaseMail, Delivery, Forward, Message, Request
from storage.requests import CLAUSE, OWN_CONTROLLER
from storage.types import Actor, Correspondence, Medium, Purpose, Said, TaskKind


@dataclass(frozen=True)
class Ringing:
    """How staff learn of a reply, and what they must do about it."""

    topic: str
    task: TaskKind


RINGS = {
    Said.NOT_OURS: Ringing("reply_not_ours", TaskKind.MISROUTED),
    Said.HELP: Ringing("reply_help", TaskKind.HELP),
    Said.INSTRUCTION: Ringing("reply_instruction", TaskKind.INSTRUCTION),
    Said.ANSWER: Ringing("reply_answer", TaskKind.FOR_PERSON),
    Said.OTHER: Ringing("reply_other", TaskKind.READ),
}
"""What rings. "Received" is only shown; an out-of-office note counts as nothing."""


def record_reply(
    session: Session,
    message: Message,
    forward: Forward,
    said: Said,
    *,
    by: Actor,
    now: datetime,
    answers: Delivery | None = None,
) -> CaseMail:
    """A customer replied to a forward. Nothing of it is sent on; recording the same mail twice is recording it once.

    `answers` is the mail of ours whose signature it brings: only who got that mail has it, so the address is well.
    """
    automatic = said is Said.OUT_OF_OFFICE
    new = attach(
        session,
        message,
        Correspondence.AUTOMATIC if automatic else Correspondence.REPLY,
        request_id=forward.request_id,
        forward_id=forward.id,
        said=said,
        now=now,
    )
    if new:
        shown: dict[str, journal.Detail] = {"customer": forward.customer.reference, "said": said.value}
        action = "customer-absent" if automatic else "customer-replied"
        entry = _record(session, forward.request, action, message, by=by, now=now, **shown)
        if automatic:
            return session.get_one(CaseMail, message.id)
        announcements.show_card(session, entry)
        if answers is not None and said in addresses.CONFIRMING:
            addresses.confirm(session, answers, message=message, by=by, now=now)
        _ring(session, entry, message, forward, said, by=by, now=now)
    return session.get_one(CaseMail, message.id)


def record_follow_up(session: Session, message: Message, request: Request, *, by: Actor, now: datetime) -> CaseMail:
    """The person wrote again: whoever has the request gets this, too; a request that was set aside is taken back.

    A customer who said that the request is not theirs is not sent more of it: a colleague decides. What answers a
    question of ours about a held request is announced by whoever decides anew (mail/answering.py).
    """
    take_turn(session, select(Request).where(Request.id == request.id))
    session.refresh(request, ["forwards"])
    if attach(session, message, Correspondence.FOLLOW_UP, request_id=request.id, now=now):
        own = request.set_aside_reason == OWN_CONTROLLER
        insists = request.set_aside_at is not None and not own
        if insists:
            requests.take_back(session, request, by=by, now=now)
        sent = [one for one in request.forwards if _queue_follow_up(session, message, one, now=now)]
        shown: dict[str, journal.Detail] = {"customers": [one.customer.reference for one in sent]}
        entry = _record(session, request, "follow-up-received", message, by=by, now=now, **shown)
        announcements.show_card(session, entry)
        if own or insists or sent or not asking.asked_at(session, request):
            topic = "follow_up_insists" if insists else "follow_up_forwarded" if sent else "follow_up_waiting"
            announcements.announce(session, entry, "follow_up_own" if own else topic)
        if own or (request.forwards and not sent):
            tasks.open_task(session, request.reference, TaskKind.READ, message=message, by=by, now=now)
    return session.get_one(CaseMail, message.id)


def send_follow_ups(session: Session, forward: Forward, *, now: datetime) -> int:
    """What the person wrote while the request was held goes to its customer, too; how many are new."""
    mails = [mail for mail in find_mails(session, forward.request_id) if mail.what is Correspondence.FOLLOW_UP]
    written = [session.get_one(Message, mail.message_id) for mail in mails]
    return sum(_queue_follow_up(session, message, forward, now=now) for message in written)


def is_disowned(session: Session, forward: Forward) -> bool:
    """Whether the request is not this customer's: it has said so, or a colleague has."""
    if forward.misrouted_at is not None:
        return True
    disowned = select(CaseMail.message_id).where(
        CaseMail.request_id == forward.request_id,
        CaseMail.forward_id == forward.id,
        CaseMail.said == Said.NOT_OURS,
    )
    return session.scalars(disowned.limit(1)).first() is not None


def _ring(
    session: Session,
    entry: journal.Recorded,
    message: Message,
    forward: Forward,
    said: Said,
    *,
    by: Actor,
    now: datetime,
) -> None:
    ringing = RINGS.get(said)
    if ringing is None:
        return
    if said is Said.INSTRUCTION:
        keep_instruction(session, message, forward.customer, forward.request.reference, by=by, now=now)
    announcements.announce(session, entry, ringing.topic, forward_id=forward.id)
    tasks.open_task(session, forward.request.reference, ringing.task, message=message, by=by, now=now)


def _queue_follow_up(session: Session, message: Message, forward: Forward, *, now: datetime) -> bool:
    if is_disowned(session, forward):
        return False
    return outbox.queue(
        session,
        f"follow-up:{message.id}:{forward.customer.reference}",
        medium=Medium.EMAIL,
        purpose=Purpose.FOLLOW_UP,
        topic="follow_up",
        recipient=address_of(forward),
        language=forward.language,
        case=forward.request.reference,
        forward_id=forward.id,
        original_id=message.id,
        now=now,
    )


def _record(
    session: Session,
    request: Request,
    action: str,
    message: Message,
    *,
    by: Actor,
    now: datetime,
    **detail: journal.Detail,
) -> journal.Recorded:
    shown = {"sha256": message.sha256} | detail
    return journal.record(session, action, by=by, now=now, case=request.reference, clause=CLAUSE, **shown)
