"""Who is alive, and who holds what only one process may hold. All instants here are real time."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storage.bulk import insert_new
from storage.holders import is_dead
from storage.models import Heartbeat


def contact_of(account: str) -> str:
    """The name under which the last contact with a mailbox is noted."""
    return f"contact:{account}"


def poller_of(account: str) -> str:
    """The name that the one poller of a mailbox holds."""
    return f"poller:{account}"


def beat(session: Session, name: str, *, now: datetime) -> None:
    """Say that `name` is alive."""
    _ensure(session, name, now)
    session.execute(update(Heartbeat).where(Heartbeat.name == name).values(beat_at=now))


def claim(session: Session, name: str, *, holder: str, ttl: timedelta, now: datetime) -> bool:
    """Take or keep `name` for `ttl`; False when another holder is alive. One that died on this machine is not."""
    _ensure(session, name, now)
    held_by = session.scalar(select(Heartbeat.holder).where(Heartbeat.name == name))
    if held_by and is_dead(held_by, ours=holder):
        release(session, name, holder=held_by)
    free = or_(Heartbeat.holder.is_(None), Heartbeat.holder == holder, Heartbeat.held_until < now)
    taken = update(Heartbeat).where(Heartbeat.name == name, free)
    rows = session.execute(taken.values(holder=holder, held_until=now + ttl, beat_at=now).returning(Heartbeat.name))
    return rows.first() is not None


def release(session: Session, name: str, *, holder: str) -> None:
    """Give `name` back, so that the next one need not wait."""
    held = update(Heartbeat).where(Heartbeat.name == name, Heartbeat.holder == holder)
    session.execute(held.values(holder=None, held_until=None))


def last_beats(session: Session) -> dict[str, datetime]:
    """When each name was last alive."""
    return {beat.name: beat.beat_at for beat in session.scalars(select(Heartbeat).order_by(Heartbeat.name))}


def _ensure(session: Session, name: str, now: datetime) -> None:
    session.execute(insert_new(session, Heartbeat).values(name=name, beat_at=now).on_conflict_do_nothing())
