"""Whether what is told of breaches goes out: what is queued and does not move, unless the other medium has told it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from storage import heartbeats
from storage.breaches import of_breaches
from storage.models import Delivery
from storage.types import BY_MAIL, Medium, Purpose

STALE = timedelta(minutes=5)
"""From how long on something queued ought to be with whoever it is for."""
TO_STAFF = (Purpose.REMINDER, Purpose.ANNOUNCEMENT, Purpose.ALERT)
"""What staff must hear; cards only show what these have told."""


def find_stuck(session: Session, *, now: datetime, real_now: datetime) -> Sequence[int]:
    """The deliveries of breaches that do not move, by id: to staff, queued STALE ago and told by no other medium
    either; by e-mail to anybody, while the mail half has been silent for STALE. Heartbeats are in real time."""
    waiting = (
        Delivery.due_at.is_not(None),
        Delivery.recipient != BY_MAIL,
        of_breaches(),
        Delivery.queued_at <= now - STALE,
    )
    old = and_(Delivery.purpose.in_(TO_STAFF), ~_is_covered())
    beat = heartbeats.last_beats(session).get("mail")
    silent = beat is None or real_now - beat > STALE
    unsent = and_(Delivery.medium == Medium.EMAIL, Delivery.purpose.not_in(TO_STAFF))
    wanted: Select[int] = select(Delivery.id).where(*waiting, or_(old, unsent) if silent else old)
    return session.scalars(wanted.order_by(Delivery.id)).all()


def _is_covered() -> ColumnElement[bool]:
    """Whether the other medium has told of the same rung, of the same event, or of what was put down for a letter."""
    other = aliased(Delivery)
    told = and_(other.accepted_at.is_not(None), other.medium != Delivery.medium)
    same_rung = and_(Delivery.reminder_id.is_not(None), other.reminder_id == Delivery.reminder_id)
    same_event = and_(Delivery.reminder_id.is_(None), other.case == Delivery.case, other.topic == Delivery.topic)
    put_down = exists().where(other.attempt_of_id == Delivery.id, other.accepted_at.is_not(None))
    return or_(exists().where(told, or_(same_rung, same_event)), and_(Delivery.medium == Medium.SLACK, put_down))
