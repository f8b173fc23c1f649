"""Facts about this database and its mailboxes that belong to no case."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage.models import Mark


def put(session: Session, name: str, value: str, *, now: datetime) -> None:
    """Note a fact under a name, in place of what stood there."""
    session.merge(Mark(name=name, value=value, at=now))


def find(session: Session, name: str) -> Mark | None:
    """What is noted under a name."""
    return session.get(Mark, name)
