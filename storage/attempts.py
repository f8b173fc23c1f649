"""Further attempts: the same words again, to another address, or without an original too large to send."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from storage import announcements, journal, outbox
from storage.clock import real_now
from storage.models import Delivery, Forward, Message
from storage.outbox import Words
from storage.requests import CLAUSE
from storage.types import Actor, Medium, Purpose


def queue_attempt(
    session: Session, before: Delivery, *, recipient: str, original_id: int | None, now: datetime
) -> Delivery:
    """The next attempt after one that failed: one only, however often it is asked for."""
    key = f"{before.purpose.value}:after:{before.id}"
    attempt, _ = repeat(session, before, key, recipient=recipient, original_id=original_id, now=now)
    if before.forward is not None:
        session.refresh(before.forward, ["deliveries"])
    return attempt


def repeat(
    session: Session, before: Delivery, key: str, *, recipient: str, original_id: int | None, now: datetime
) -> tuple[Delivery, bool]:
    """An e-mail about the same as another one, in its words if it has any; and whether it is new under this key."""
    words = None if before.text is None else Words(before.subject or "", before.text, before.html)
    new = outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=before.purpose,
        topic=before.topic,
        recipient=recipient,
        language=before.language,
        case=before.case,
        words=words,
        forward_id=before.forward_id,
        affected_id=before.affected_id,
        notice_id=before.notice_id,
        original_id=original_id,
        attempt_of_id=before.id,
        now=now,
    )
    return session.scalars(select(Delivery).where(Delivery.key == key)).one(), new


def queue_without_original(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> Delivery | None:
    """The same without its original, which staff are told with its size; None when there is none to leave out."""
    forward, original = delivery.forward, find_original(session, delivery)
    if forward is None or original is None or delivery.original_id is None:
        return None
    attempt = queue_attempt(session, delivery, recipient=delivery.recipient, original_id=None, now=now)
    record_about(session, forward, "forward-too-large", "forward_too_large", by=by, now=now, bytes=original.size)
    return attempt


def withdraw_waiting(
    session: Session, forward: Forward, *, now: datetime, purposes: Collection[Purpose] = (Purpose.FORWARD,)
) -> None:
    """Withdraw what is not under way of a forward."""
    withdraw_idle(session, Delivery.forward_id == forward.id, Delivery.purpose.in_(purposes), now=now)


def withdraw_idle(session: Session, *which: ColumnElement[bool], now: datetime) -> None:
    """Withdraw e-mails that nobody is at: they would go to an address, or to a customer, that they must not go to."""
    waiting = (Delivery.medium == Medium.EMAIL, Delivery.due_at.is_not(None))
    free = or_(Delivery.sending_at.is_(None), Delivery.leased_until.is_(None), Delivery.leased_until < real_now())
    session.execute(update(Delivery).where(*which, *waiting, free).values(superseded_at=now, due_at=None))


def find_original(session: Session, delivery: Delivery) -> Message | None:
    """The mail that a delivery is about, also when an attempt leaves it out."""
    before: Delivery | None = delivery
    while before is not None and before.original_id is None:
        before = session.get(Delivery, before.attempt_of_id) if before.attempt_of_id else None
    return session.get(Message, before.original_id) if before is not None else None


def withheld_size(session: Session, delivery: Delivery) -> int | None:
    """The bytes of an original that a forward leaves out because it was too large; None when it is attached."""
    original = None if delivery.original_id else find_original(session, delivery)
    return original.size if original else None


def record_about(
    session: Session,
    forward: Forward,
    action: str,
    topic: str,
    *,
    by: Actor,
    now: datetime,
    **detail: journal.Detail,
) -> None:
    """What was done about a forward: into the journal, onto the card, into the thread."""
    shown = {"customer": forward.customer.reference} | detail
    case = forward.request.reference
    entry = journal.record(session, action, by=by, now=now, case=case, clause=CLAUSE, **shown)
    announcements.show_card(session, entry)
    announcements.announce(session, entry, topic, forward_id=forward.id)
