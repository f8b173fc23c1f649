"""Acknowledgements to data subjects, as the record sees them: at most one per case, and three per address and day.

One is prepared with the decision about the letter, its words rendered. That of a held request is due at once; that of a
forwarded one says "passed on", so it waits (`due_at` NULL) until the customer's server has accepted the forward.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.clock import real_now
from storage.models import Customer, Delivery, Forward, Message, Request
from storage.outbox import Words
from storage.types import Actor, Medium, Purpose

CLAUSE = "4"
DAY = timedelta(hours=24)
PER_DAY = 3
LOOKED_AT = 20
"""Of a sender's letters, the newest so many are looked at; who sends more than that in a day gets no answer either."""

_KEY = "ack:"


class Silence(StrEnum):
    """Why a letter gets no acknowledgement; the journal's word for it (RFC 3834 section 2, mail.md rule 8)."""

    AUTOMATIC = "automatic"
    JUNK = "junk"
    CHANNEL = "channel"
    KIND = "kind"
    HOLD = "hold"
    SENDER = "sender"
    REPLY_TO = "reply-to"
    RETURN_PATH = "return-path"
    OWN = "own"
    CUSTOMER = "customer"
    OPTED_OUT = "opted-out"
    TOO_MANY = "too-many"


def find_silence(session: Session, request: Request, address: str, *, now: datetime) -> Silence | None:
    """What in the record forbids writing to this address about this request; two queries.

    Letters are counted by `Message.sender`, which the intake sets before it asks. Two mailboxes that take in letters of
    one sender in the same instant do not see each other's, so that a fourth may go out.
    """
    if any(not forward.customer.acknowledge for forward in request.forwards):
        return Silence.OPTED_OUT
    if is_customers(session, address):
        return Silence.CUSTOMER
    return Silence.TOO_MANY if _has_had_enough(session, address, now=now) else None


def is_customers(session: Session, address: str) -> bool:
    """Whether this is exactly the order or breach address of a customer; its people may be data subjects."""
    wanted = address.lower()
    theirs = or_(func.lower(Customer.request_address) == wanted, func.lower(Customer.breach_address) == wanted)
    return bool(session.scalar(select(exists().where(theirs))))


def queue_acknowledgement(
    session: Session, request: Request, *, recipient: str, language: str, words: Words, now: datetime
) -> bool:
    """Queue the acknowledgement of a request; False when it has one already.

    While the request is held it goes at once, and its words must not say "passed on"; else it waits for
    `release_acknowledgement`.
    """
    new = outbox.queue(
        session,
        f"{_KEY}{request.reference}",
        medium=Medium.EMAIL,
        purpose=Purpose.ACKNOWLEDGEMENT,
        topic="acknowledgement",
        recipient=recipient,
        language=language,
        case=request.reference,
        words=words,
        now=now,
    )
    if new and request.forwards:
        waiting = update(Delivery).where(Delivery.key == f"{_KEY}{request.reference}").values(due_at=None)
        session.execute(waiting.execution_options(synchronize_session=False))
    return new


def release_acknowledgement(session: Session, delivery: Delivery) -> bool:
    """A customer's server has accepted this forward: the person may be told so. True when that is now queued.

    Not when a customer who has the request wants no acknowledgements.
    """
    if delivery.forward is None or delivery.accepted_at is None:
        return False
    unwilling = exists().where(
        Forward.request_id == delivery.forward.request_id,
        Customer.id == Forward.customer_id,
        Customer.acknowledge.is_(False),
    )
    waiting = (Delivery.due_at, Delivery.accepted_at, Delivery.refused_at, Delivery.superseded_at)
    ours = update(Delivery).where(
        Delivery.key == f"{_KEY}{delivery.case}", ~unwilling, *(instant.is_(None) for instant in waiting)
    )
    due = ours.values(due_at=real_now()).returning(Delivery.id)
    return session.execute(due.execution_options(synchronize_session=False)).first() is not None


def record_silence(session: Session, request: Request, why: Silence, *, by: Actor, now: datetime) -> None:
    """Into the journal: no acknowledgement, and why."""
    journal.record(session, "not-acknowledged", by=by, now=now, case=request.reference, clause=CLAUSE, why=why.value)


def record_acknowledged(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """Into the journal: the person's server has taken the acknowledgement, or has refused it for good."""
    action = "acknowledged" if delivery.accepted_at else "acknowledgement-refused"
    evidence: dict[str, journal.Detail] = {"sha256": delivery.sha256, "message_id": delivery.message_id}
    journal.record(session, action, by=by, now=now, case=delivery.case, clause=CLAUSE, **evidence)


def _has_had_enough(session: Session, address: str, *, now: datetime) -> bool:
    """Three acknowledgements in a day, or so many letters that one cannot tell. The letter in hand counts as one."""
    of_sender = select(Message.id, Message.kept_at).where(Message.sender == address.lower())
    newest = of_sender.order_by(Message.id.desc()).limit(LOOKED_AT).subquery()
    found = (
        select(newest.c.kept_at, Delivery.queued_at)
        .select_from(newest)
        .outerjoin(Request, Request.message_id == newest.c.id)
        .outerjoin(Delivery, Delivery.key == _KEY + Request.reference)
    )
    rows, since = session.execute(found).all(), now - DAY
    acknowledged = sum(queued_at is not None and queued_at > since for _, queued_at in rows)
    flooded = len(rows) == LOOKED_AT and all(kept_at is not None and kept_at > since for kept_at, _ in rows)
    return acknowledged >= PER_DAY or flooded
