"""What needs a person, by whose it is: a request that waits and has an owner, or a case with somebody's open task."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from storage import requests
from storage.models import Request, Task


def find_mine(session: Session, user: str, *, limit: int) -> list[Request]:
    """The cases that this colleague has taken, or has a task in; the oldest first."""
    task = _open_tasks().where(Task.owner == user)
    mine = or_(requests.needs_person() & (Request.owner == user), Request.reference.in_(task))
    return _find(session, mine, limit)


def find_nobodys(session: Session, user: str, *, limit: int) -> list[Request]:
    """The cases that nobody has taken, or with a task that nobody has; this colleague's own ones left out."""
    free = _open_tasks().where(Task.owner.is_(None))
    nobodys = or_(requests.needs_person() & Request.owner.is_(None), Request.reference.in_(free))
    return _find(session, nobodys & _not_of(user), limit)


def find_others(session: Session, user: str, *, limit: int) -> list[Request]:
    """The cases that wait and that others have taken."""
    free = _open_tasks().where(Task.owner.is_(None))
    taken = requests.needs_person() & Request.owner.is_not(None) & Request.reference.not_in(free)
    return _find(session, taken & _not_of(user), limit)


def _not_of(user: str) -> ColumnElement[bool]:
    task = _open_tasks().where(Task.owner == user)
    not_taken = or_(Request.owner.is_(None), Request.owner != user)
    return not_taken & Request.reference.not_in(task)


def _open_tasks() -> Select[str]:
    return select(Task.case).where(Task.done_at.is_(None))


def _find(session: Session, which: ColumnElement[bool], limit: int) -> list[Request]:
    oldest = select(Request.reference).where(which).order_by(Request.received_at, Request.id).limit(limit)
    found = requests.find_named(session, list(session.scalars(oldest))) if limit > 0 else []
    return sorted(found, key=_age)


def _age(request: Request) -> tuple[datetime, int]:
    return request.received_at, request.id
