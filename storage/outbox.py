"""The outbox: what has been decided and must still be told.

A delivery is queued in the transaction that decides, leased by one sender at a time, tried without limit, and finished
by a fact: accepted, refused or superseded. `due_at` and leases are in real time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from storage.bulk import insert_new, table_of, update_rows
from storage.clock import real_now
from storage.holders import is_dead
from storage.leasing import NOTHING, Except, any_due, leased_by, leasing
from storage.models import Delivery, Reminder
from storage.types import Medium, Purpose

LEASE = timedelta(minutes=6)
"""Longer than the slowest dialogue with a server; a lease whose process died here is released at the next start."""

FINISHED: Mapping[str, None] = dict.fromkeys(("due_at", "leased_by", "leased_until", "sending_at"))
"""What a delivery no longer has when nothing is left to do."""

OF_TASK = "task-"
"""How the rungs of a task's ladder begin; the others are those of the case itself."""

NO_REPLY = "no reply after the final dot"
"""What stands as the reply of a try whose outcome is unknown (RFC 1047)."""

FIRST_BACKOFF = timedelta(seconds=2)
LONGEST_BACKOFF = timedelta(minutes=10)


@dataclass(frozen=True)
class Words:
    """An e-mail's words, rendered when it is queued."""

    subject: str
    text: str
    html: str | None = None


def queue(  # noqa: PLR0913 - a delivery is all of this; keyword-only
    session: Session,
    key: str,
    *,
    medium: Medium,
    purpose: Purpose,
    topic: str,
    recipient: str,
    language: str,
    case: str,
    now: datetime,
    words: Words | None = None,
    forward_id: int | None = None,
    affected_id: int | None = None,
    notice_id: int | None = None,
    reminder_id: int | None = None,
    original_id: int | None = None,
    attempt_of_id: int | None = None,
) -> bool:
    """Queue a delivery; queueing the same key twice is queueing it once. True when it is new."""
    row = Queued(
        key=key,
        medium=medium,
        purpose=purpose,
        topic=topic,
        recipient=recipient,
        language=language,
        case=case,
        forward_id=forward_id,
        affected_id=affected_id,
        notice_id=notice_id,
        reminder_id=reminder_id,
        original_id=original_id,
        attempt_of_id=attempt_of_id,
        subject=words.subject if words else None,
        text=words.text if words else None,
        html=words.html if words else None,
    )
    session.flush()
    added = _insert(session).values(_values(row, now)).returning(table_of(Delivery).c.id)
    return session.connection().execute(added).first() is not None


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A delivery to queue; `key` makes it unique. `due_at`, in real time, is at once unless said otherwise."""

    key: str
    medium: Medium
    purpose: Purpose
    topic: str
    recipient: str
    language: str
    case: str
    forward_id: int | None = None
    affected_id: int | None = None
    notice_id: int | None = None
    reminder_id: int | None = None
    original_id: int | None = None
    attempt_of_id: int | None = None
    customer_id: int | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    due_at: datetime | None = None


def queue_all(session: Session, rows: Sequence[Queued], *, now: datetime) -> None:
    """Queue deliveries in one statement; those whose key is known are left as they are."""
    if rows:
        session.flush()
        session.connection().execute(_insert(session), [_values(row, now) for row in rows])


def _insert(session: Session) -> Any:
    return insert_new(session, Delivery).on_conflict_do_nothing(index_elements=["key"])


def _values(row: Queued, now: datetime) -> dict[str, Any]:
    return {
        **vars(row),
        "destination": _destination(row),
        "queued_at": now,
        "due_at": row.due_at or real_now(),
        "attempts": 0,
    }


def _destination(row: Queued) -> str | None:
    """The domain that an e-mail goes to: one that is unwell does not hold up the others."""
    return row.recipient.rpartition("@")[2].lower() if row.medium is Medium.EMAIL else None


def anything_due(session: Session, media: Iterable[Medium], *, now: datetime, but: Except = NOTHING) -> bool:
    """Whether `lease_due` would find something: one indexed look-up."""
    found = session.execute(any_due(but.shape), {"media": list(media), "now": now, **but.values})
    return bool(found.scalar())


def lease_due(
    session: Session, medium: Medium, *, holder: str, count: int, now: datetime, but: Except = NOTHING
) -> list[Delivery]:
    """Take up to `count` due deliveries for LEASE, oldest first; no other process gets them meanwhile."""
    ids = lease_ids(session, medium, holder=holder, count=count, now=now, but=but)
    return list(session.scalars(select(Delivery).where(Delivery.id.in_(ids)).order_by(Delivery.due_at, Delivery.id)))


def lease_ids(
    session: Session, medium: Medium, *, holder: str, count: int, now: datetime, but: Except = NOTHING
) -> list[int]:
    """The same, by id and in no order."""
    values = {"of_medium": medium, "count": count, "now": now, "holder": holder, "until": now + LEASE, **but.values}
    return list(session.scalars(leasing(but.shape), values))


def still_ours(session: Session, delivery_id: int, *, holder: str, now: datetime) -> Delivery | None:
    """The leased delivery, if the lease has not run out and nothing has finished it meanwhile; nothing can any more
    until the transaction ends."""
    ours = select(Delivery).where(
        Delivery.id == delivery_id, Delivery.leased_by == holder, Delivery.due_at.is_not(None)
    )
    return session.scalars(ours.where(Delivery.leased_until > now).with_for_update(of=Delivery, key_share=True)).first()


def is_untidy(session: Session, *, holder: str, now: datetime) -> bool:
    """Whether another holder has e-mails in hand, or a receipt copy proves a try that nobody is at."""
    waiting = (Delivery.medium == Medium.EMAIL, Delivery.due_at.is_not(None))
    theirs = and_(Delivery.leased_by.is_not(None), Delivery.leased_by != holder)
    proven = and_(Delivery.receipt_at.is_not(None), or_(Delivery.leased_until.is_(None), Delivery.leased_until < now))
    return bool(session.execute(select(exists().where(*waiting, or_(theirs, proven)))).scalar())


def release_dead(session: Session, *, holder: str) -> int:
    """Free what processes of this machine held when they died, so that a restart need not wait; how many."""
    holders = select(Delivery.leased_by).where(Delivery.leased_by.is_not(None)).distinct()
    dead = [one for one in session.scalars(holders) if one and is_dead(one, ours=holder)]
    freed = update(Delivery).where(Delivery.leased_by.in_(dead)).values(leased_by=None, leased_until=None)
    return len(session.execute(freed.returning(Delivery.id).execution_options(synchronize_session=False)).all())


def keep_leases(session: Session, ids: Collection[int], *, holder: str, now: datetime) -> None:
    """Prolong the leases of what is still in hand: a long queue or a slow connection takes its time."""
    ours = update(Delivery).where(Delivery.id.in_(ids), Delivery.leased_by == holder, Delivery.due_at.is_not(None))
    session.execute(ours.values(leased_until=now + LEASE).execution_options(synchronize_session=False))


def give_back(session: Session, ids: Collection[int], *, holder: str) -> None:
    """End the leases of deliveries that no try has begun for: they are due as before."""
    ours = update(Delivery).where(Delivery.id.in_(ids), Delivery.leased_by == holder)
    session.execute(ours.values(leased_by=None, leased_until=None).execution_options(synchronize_session=False))


def find_ours(session: Session, ids: Collection[int], *, holder: str, now: datetime) -> set[int]:
    """Of these deliveries, those that `still_ours` would give."""
    return set(session.scalars(leased_by(), {"ids": list(ids), "holder": holder, "now": now}))


@dataclass(frozen=True)
class Composed:
    """The bytes of an e-mail, fixed at its first try; a repeat sends the same under the same Message-ID."""

    id: int
    message_id: str
    content: bytes


def record_sending_all(session: Session, composed: Sequence[Composed], *, now: datetime) -> None:
    """Tries begin, in real time. Committed before the connections are used: from here on "sent?" may be unknown."""
    begun = {"sending_at": now, "leased_until": now + LEASE}
    counted = {"attempts": table_of(Delivery).c.attempts + 1}
    update_rows(session, Delivery, [{**vars(one), **begun} for one in composed], also=counted)


def record_sending(delivery: Delivery, *, now: datetime) -> None:
    """A try begins. Committed before the connection is used: from here on "sent?" may be unknown."""
    delivery.sending_at = now
    delivery.attempts += 1
    delivery.leased_until = real_now() + LEASE


def record_accepted(delivery: Delivery, *, reply: str, now: datetime) -> None:
    """The other side has taken it; `reply` is its own word for that (the 250 text, Slack's ts)."""
    delivery.accepted_at, delivery.reply = now, reply
    _finish(delivery)


def record_refused(delivery: Delivery, *, reply: str, now: datetime) -> None:
    """The other side will never take it (SMTP 5xx): a person must decide."""
    delivery.refused_at, delivery.reply = now, reply
    _finish(delivery)


def defer(delivery: Delivery, *, reply: str, after: timedelta | None = None, until: datetime | None = None) -> None:
    """It did not work this time: try again after a while, or at an instant in real time, without limit.

    What was finished meanwhile stays so.
    """
    if delivery.due_at is None:
        return
    delivery.reply, delivery.sending_at = reply, None
    delivery.due_at = until or real_now() + (backoff(delivery.attempts) if after is None else after)
    delivery.leased_by = delivery.leased_until = None


def give_back_untried(delivery: Delivery, *, begun: bool, holder: str) -> None:
    """It is due as before, unless another holder has it. A try recorded as `begun` never reached the wire: no try."""
    if delivery.due_at is None or delivery.leased_by != holder:
        return
    if begun:
        delivery.attempts, delivery.sending_at = max(0, delivery.attempts - 1), None
    delivery.leased_by = delivery.leased_until = None


def find_uncertain(session: Session, medium: Medium, *, now: datetime) -> dict[int, str]:
    """The deliveries with a try whose outcome is unknown and that nobody is at, with their Message-IDs."""
    open_tries = (Delivery.medium == medium, Delivery.due_at.is_not(None), Delivery.sending_at.is_not(None))
    left = or_(Delivery.leased_until.is_(None), Delivery.leased_until < now)
    found = session.execute(select(Delivery.id, Delivery.message_id).where(*open_tries, left))
    return {number: message_id for number, message_id in found if message_id}


def leave_uncertain(delivery: Delivery) -> None:
    """The whole mail was sent and no answer came: `sending_at` stays, until a receipt copy or a repeat settles it."""
    if delivery.due_at is None:
        return
    delivery.reply = NO_REPLY
    delivery.due_at = real_now() + backoff(delivery.attempts)
    delivery.leased_by = delivery.leased_until = None


def backoff(attempts: int) -> timedelta:
    """2, 4, 8 … seconds, at most ten minutes."""
    doublings = min(max(attempts - 1, 0), 20)
    return min(FIRST_BACKOFF * (1 << doublings), LONGEST_BACKOFF)


def supersede_reminders(
    session: Session,
    case: str,
    *,
    now: datetime,
    task: int | None = None,
    to: Collection[str] | None = None,
    about: str | None = None,
) -> int:
    """Withdraw reminders that were not sent yet: of the case itself, or of one of its tasks; how many.

    `to`: only those to these recipients. `about`: only those of this ladder (storage/breach_rungs.py).
    """
    of_tasks = select(Reminder.id).where(Reminder.case == case, Reminder.rung.startswith(OF_TASK))
    own = or_(Delivery.reminder_id.is_(None), Delivery.reminder_id.not_in(of_tasks))
    of_one = Delivery.reminder_id.in_(of_tasks.where(Reminder.rung.startswith(f"{OF_TASK}{task}:")))
    unsent = and_(Delivery.case == case, Delivery.purpose == Purpose.REMINDER, Delivery.due_at.is_not(None))
    wanted = and_(unsent, own if task is None else of_one)
    wanted = wanted if to is None else and_(wanted, Delivery.recipient.in_(to))
    if about is not None:
        others = ~or_(*(Reminder.rung.startswith(f"{about}{sign}") for sign in "-+"))
        of_others = select(Reminder.id).where(Reminder.case == case, others)
        wanted = and_(wanted, or_(Delivery.reminder_id.is_(None), Delivery.reminder_id.not_in(of_others)))
    withdrawn = update(Delivery).where(wanted).values(superseded_at=now, due_at=None).returning(Delivery.id)
    return len(session.execute(withdrawn.execution_options(synchronize_session=False)).all())


@dataclass(frozen=True)
class Backlog:
    """What the outbox holds for one medium."""

    waiting: int
    failing: int
    refused: int
    next_try: datetime | None


def backlog(session: Session, medium: Medium) -> Backlog:
    """Counts for `status`: waiting, of which tried before, and refused for good."""
    waiting = select(func.count(), func.min(Delivery.due_at)).where(
        Delivery.medium == medium, Delivery.due_at.is_not(None)
    )
    total, next_try = session.execute(waiting).one()
    failing = session.scalar(
        select(func.count()).where(Delivery.medium == medium, Delivery.due_at.is_not(None), Delivery.attempts > 0)
    )
    refused = session.scalar(select(func.count()).where(Delivery.medium == medium, Delivery.refused_at.is_not(None)))
    return Backlog(total, failing or 0, refused or 0, next_try)


def anything_waits(session: Session, medium: Medium) -> bool:
    """Whether anything is left to send, now or later: one indexed look-up."""
    return bool(session.execute(_anything_waits(), {"medium": medium}).scalar())


@cache
def _anything_waits() -> Select[bool]:
    waiting = (Delivery.medium == bindparam("medium", type_=Delivery.medium.type), Delivery.due_at.is_not(None))
    return select(exists().where(*waiting))


def count_accepted(session: Session, medium: Medium) -> int:
    """How many deliveries of a medium were ever accepted."""
    accepted = select(func.count()).where(Delivery.medium == medium, Delivery.accepted_at.is_not(None))
    return session.scalar(accepted) or 0


def _finish(delivery: Delivery) -> None:
    for name, value in FINISHED.items():
        setattr(delivery, name, value)
