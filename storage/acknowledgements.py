"""Acknowledgements to data subjects, as the record sees them: at most one per case, and three per address and day.

One is prepared with the decision about the letter, its words rendered. That of a held request is due at once; that of a
forwarded one says "passed on", so it waits (`due_at` NULL) until the customer's server has accepted the forward.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.clock import real_now
from storage.models import Customer, Delivery, Forward, Message, Request
from storage.outbox import Words
from storage.sent import Sent
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
    """What in the record forbids writing to this address about this request, just decided; two queries.

    Letters are counted by `Message.sender`, which the intake sets before it asks. Two mailboxes that take in letters of
    one sender in the same instant do not see each other's, so that a fourth may go out.
    """
    if request.hold is None and any(not forward.customer.acknowledge for forward in request.forwards):
        return Silence.OPTED_OUT
    if is_customers(session, address):
        return Silence.CUSTOMER
    return Silence.TOO_MANY if _has_had_enough(session, address, now=now) else None


def is_customers(session: Session, address: str) -> bool:
    """Whether this is exactly the order or breach address of a customer; its people may be data subjects."""
    return bool(session.scalar(_CUSTOMERS, {"address": address.lower()}))


def queue_acknowledgement(
    session: Session, request: Request, *, recipient: str, language: str, words: Words, now: datetime
) -> bool:
    """Queue the acknowledgement of a request; False when it has one already.

    When the request is held it goes at once, and its words must not say "passed on"; else it waits for
    `release_acknowledgement`. To be called with the decision, while `hold` says which of the two it is.
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
    if new and request.hold is None:
        _execute(session, _HOLD_BACK, request.reference)
    return new


def release_acknowledgement(session: Session, sent: Sent) -> bool:
    """A customer's server has accepted this forward: the person may be told so. True when that is now queued.

    Not when a customer who has the request wants no acknowledgements.
    """
    if sent.request_id is None or sent.accepted_at is None:
        return False
    return _execute(session, _RELEASE, sent.case, request_id=sent.request_id, released_at=real_now()) > 0


def release_all(session: Session, forwards: Sequence[Sent]) -> int:
    """The same for a group of forwards; how many acknowledgements are now queued."""
    keys = [f"{_KEY}{one.case}" for one in forwards]
    cases = set(session.scalars(_PREPARED, {"keys": keys})) if keys else set()
    return sum(release_acknowledgement(session, one) for one in forwards if one.case in cases)


def record_silence(session: Session, request: Request, why: Silence, *, by: Actor, now: datetime) -> None:
    """Into the journal: no acknowledgement, and why."""
    journal.record(session, "not-acknowledged", by=by, now=now, case=request.reference, clause=CLAUSE, why=why.value)


def record_acknowledged(session: Session, sent: Sent, *, by: Actor, now: datetime) -> None:
    """Into the journal: the person's server has taken the acknowledgement, or has refused it for good."""
    action = "acknowledged" if sent.accepted_at else "acknowledgement-refused"
    evidence: dict[str, journal.Detail] = {"sha256": sent.sha256, "message_id": sent.message_id}
    journal.record(session, action, by=by, now=now, case=sent.case, clause=CLAUSE, **evidence)


def _has_had_enough(session: Session, address: str, *, now: datetime) -> bool:
    """Three acknowledgements in a day, or so many letters that one cannot tell. The letter in hand counts as one."""
    rows, since = session.execute(_NEWEST, {"address": address.lower()}).all(), now - DAY
    acknowledged = sum(queued_at is not None and queued_at > since for _, queued_at in rows)
    flooded = len(rows) == LOOKED_AT and all(kept_at is not None and kept_at > since for kept_at, _ in rows)
    return acknowledged >= PER_DAY or flooded


def _execute(session: Session, change: Update, reference: str, **values: Any) -> int:
    """Change the acknowledgement of a case; how many were changed."""
    found = session.execute(change, {"acknowledgement": f"{_KEY}{reference}", **values})
    return len(found.all())


# --- statements, made once: making them takes longer than running them ---

_NO_SYNC = {"synchronize_session": False}


def _newest() -> Select[Any]:
    """When the newest letters of a sender were kept, and when each was acknowledged."""
    of_sender = select(Message.id, Message.kept_at).where(Message.sender == bindparam("address"))
    newest = of_sender.order_by(Message.id.desc()).limit(LOOKED_AT).subquery()
    return (
        select(newest.c.kept_at, Delivery.queued_at)
        .select_from(newest)
        .outerjoin(Request, Request.message_id == newest.c.id)
        .outerjoin(Delivery, Delivery.key == _KEY + Request.reference)
    )


def _customers() -> Select[Any]:
    wanted: ColumnElement[str] = bindparam("address")
    theirs = or_(func.lower(Customer.request_address) == wanted, func.lower(Customer.breach_address) == wanted)
    return select(exists().where(theirs))


def _held_back() -> list[ColumnElement[bool]]:
    """Of an acknowledgement: prepared, and not let go yet."""
    instants = (Delivery.due_at, Delivery.accepted_at, Delivery.refused_at, Delivery.superseded_at)
    return [instant.is_(None) for instant in instants]


def _release() -> Update:
    """Due now, unless it is finished or under way, or a customer of the case is unwilling."""
    unwilling = exists().where(
        Forward.request_id == bindparam("request_id"),
        Customer.id == Forward.customer_id,
        Customer.acknowledge.is_(False),
    )
    prepared = (Delivery.key == bindparam("acknowledgement"), *_held_back())
    return update(Delivery).where(*prepared, ~unwilling).values(due_at=bindparam("released_at"))


_NEWEST = _newest()
_PREPARED = select(Delivery.case).where(Delivery.key.in_(bindparam("keys", expanding=True)), *_held_back())
_CUSTOMERS = _customers()
_RELEASE = _release().returning(Delivery.id).execution_options(**_NO_SYNC)
_HOLD_BACK = (
    update(Delivery)
    .where(Delivery.key == bindparam("acknowledgement"))
    .values(due_at=None)
    .returning(Delivery.id)
    .execution_options(**_NO_SYNC)
)
