"""Facts about this database and its mailboxes that belong to no case."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Mark

COMPARED = "reconciled:"
"""How the mark begins of when a mailbox was last compared with SQL, and how many of its mails were missing."""


def compared(account: str) -> str:
    """The name under which the last comparison of a mailbox is noted."""
    return f"{COMPARED}{account}"


def put(session: Session, name: str, value: str, *, now: datetime) -> None:
    """Note a fact under a name, in place of what stood there."""
    session.merge(Mark(name=name, value=value, at=now))


def find(session: Session, name: str) -> Mark | None:
    """What is noted under a name."""
    return session.get(Mark, name)


def find_all(session: Session, beginning: str) -> list[Mark]:
    """What is noted under names that begin like this, by name."""
    return list(
        session.scalars(select(Mark).where(Mark.name.startswith(beginning, autoescape=True)).order_by(Mark.name))
    )
