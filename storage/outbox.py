"""The outbox: what has been decided and must still be told.

A delivery is queued in the transaction that decides, leased by one sender at a time, tried without limit, and finished
by a fact: accepted, refused or superseded. `due_at` and leases are in real time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.clock import real_now
from storage.holders import is_dead
from storage.holding import may_go
from storage.models import Delivery
from storage.types import Medium, Purpose

LEASE = timedelta(minutes=6)
"""Longer than the slowest dialogue with a server; a lease whose process died here is released at the next start."""

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
    reminder_id: int | None = None,
    original_id: int | None = None,
) -> bool:
    """Queue a delivery; queueing the same key twice is queueing it once. True when it is new."""
    row = {
        "key": key,
        "medium": medium,
        "purpose": purpose,
        "topic": topic,
        "recipient": recipient,
        "language": language,
        "case": case,
        "queued_at": now,
        "due_at": real_now(),
        "subject": words and words.subject,
        "text": words and words.text,
        "html": words and words.html,
        "forward_id": forward_id,
        "affected_id": affected_id,
        "reminder_id": reminder_id,
        "original_id": original_id,
        "attempts": 0,
    }
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = insert(Delivery).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(Delivery.id)
    return session.execute(added).first() is not None


def anything_due(session: Session, media: Iterable[Medium], *, now: datetime) -> bool:
    """Whether `lease_due` would find something: one indexed look-up."""
    return bool(session.execute(select(exists().where(Delivery.medium.in_(list(media)), *_free(now)))).scalar())


def lease_due(session: Session, medium: Medium, *, holder: str, count: int, now: datetime) -> list[Delivery]:
    """Take up to `count` due deliveries for LEASE, oldest first; no other process gets them meanwhile."""
    due = _due(medium, count, now).with_for_update(skip_locked=True)
    taken = update(Delivery).where(Delivery.id.in_(due.scalar_subquery()), *_free(now))
    leased = taken.values(leased_by=holder, leased_until=now + LEASE).returning(Delivery.id)
    ids = list(session.scalars(leased.execution_options(synchronize_session=False)))
    return list(session.scalars(select(Delivery).where(Delivery.id.in_(ids)).order_by(Delivery.due_at, Delivery.id)))


def still_ours(session: Session, delivery_id: int, *, holder: str, now: datetime) -> Delivery | None:
    """The leased delivery, if the lease has not run out and nothing has finished it meanwhile."""
    ours = select(Delivery).where(
        Delivery.id == delivery_id, Delivery.leased_by == holder, Delivery.due_at.is_not(None)
    )
    return session.scalars(ours.where(Delivery.leased_until > now)).first()


def release_dead(session: Session, *, holder: str) -> int:
    """Free what processes of this machine held when they died, so that a restart need not wait; how many."""
    holders = select(Delivery.leased_by).where(Delivery.leased_by.is_not(None)).distinct()
    dead = [one for one in session.scalars(holders) if one and is_dead(one, ours=holder)]
    freed = update(Delivery).where(Delivery.leased_by.in_(dead)).values(leased_by=None, leased_until=None)
    return len(session.execute(freed.returning(Delivery.id).execution_options(synchronize_session=False)).all())


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


def defer(delivery: Delivery, *, reply: str, after: timedelta | None = None) -> None:
    """It did not work this time: try again after a while, without limit. What was finished meanwhile stays so."""
    if delivery.due_at is None:
        return
    delivery.reply = reply
    delivery.due_at = real_now() + (after or backoff(delivery.attempts))
    delivery.leased_by = delivery.leased_until = None


def backoff(attempts: int) -> timedelta:
    """2, 4, 8 … seconds, at most ten minutes."""
    doublings = min(max(attempts - 1, 0), 20)
    return min(FIRST_BACKOFF * (1 << doublings), LONGEST_BACKOFF)


def supersede_reminders(session: Session, case: str, *, now: datetime) -> int:
    """Withdraw reminders of a case that were not sent yet; how many."""
    unsent = and_(Delivery.case == case, Delivery.purpose == Purpose.REMINDER, Delivery.due_at.is_not(None))
    withdrawn = update(Delivery).where(unsent).values(superseded_at=now, due_at=None).returning(Delivery.id)
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


def count_accepted(session: Session, medium: Medium) -> int:
    """How many deliveries of a medium were ever accepted."""
    accepted = select(func.count()).where(Delivery.medium == medium, Delivery.accepted_at.is_not(None))
    return session.scalar(accepted) or 0


def _finish(delivery: Delivery) -> None:
    delivery.due_at = delivery.leased_by = delivery.leased_until = None


def _due(medium: Medium, count: int, now: datetime) -> Select[int]:
    due = select(Delivery.id).where(Delivery.medium == medium, *_free(now))
    return due.order_by(Delivery.due_at, Delivery.id).limit(count)


def _free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Delivery.due_at <= now, or_(Delivery.leased_until.is_(None), Delivery.leased_until < now), may_go())
