"""Which breaches there are, for lists and Home: counted in SQL, and only the few that are shown are loaded."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.breach_rows import rings
from storage.breaches import DRILL, whole_breaches
from storage.models import Breach

OPEN = Breach.closed_at.is_(None)


def count_open(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Breach).where(OPEN)) or 0


def find_nearest(session: Session, *, limit: int) -> Sequence[Breach]:
    """Open breaches, the nearest deadline first, without their ledgers."""
    nearest = select(Breach).where(OPEN).order_by(Breach.deadline_at, Breach.id)
    return session.scalars(nearest.limit(limit)).all()


def find_last_closed(session: Session, *, limit: int) -> Sequence[Breach]:
    """Closed breaches, the newest closing first, without their ledgers."""
    closed = select(Breach).where(Breach.closed_at.is_not(None)).order_by(Breach.closed_at.desc(), Breach.id.desc())
    return session.scalars(closed.limit(limit)).all()


def list_all(session: Session) -> Sequence[Breach]:
    """All breaches, the newest first, without their ledgers."""
    return session.scalars(select(Breach).order_by(Breach.id.desc())).all()


def find_for(session: Session, user: str, *, limit: int) -> tuple[list[Breach], list[Breach]]:
    """Open breaches, whole: those that this colleague leads, then the others; the nearest deadlines, `limit` in all."""
    nearest = whole_breaches().where(OPEN).order_by(Breach.deadline_at, Breach.id)
    mine = list(session.scalars(nearest.where(Breach.lead == user).limit(limit)))
    others = nearest.where(Breach.lead.is_distinct_from(user)).limit(limit - len(mine))
    return mine, list(session.scalars(others)) if len(mine) < limit else []


def count_ringing(session: Session) -> int:
    """The breaches whose clock still rings."""
    return session.scalar(select(func.count()).select_from(Breach).where(rings())) or 0


def find_ringing(session: Session, *, limit: int | None = None) -> Sequence[Breach]:
    """The breaches whose clock still rings, the nearest deadline first, without their ledgers."""
    return session.scalars(select(Breach).where(rings()).order_by(Breach.deadline_at, Breach.id).limit(limit)).all()


def last_drill_at(session: Session) -> datetime | None:
    """When the last exercise was opened; None while there was none."""
    drills = select(Breach.opened_at).where(Breach.reference.startswith(f"{DRILL}-"))
    return session.scalars(drills.order_by(Breach.opened_at.desc()).limit(1)).first()
