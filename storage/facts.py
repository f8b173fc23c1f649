"""What was read of kept mails that tells them from others: their letters, their Message-IDs, their senders."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from storage.bulk import update_rows
from storage.models import Message


@dataclass(frozen=True)
class Facts:
    """What reading a mail found that tells it from others: see Message."""

    message_id: int
    author_sha256: str | None
    internet_id: str | None
    sender: str | None


def record_read(session: Session, facts: Sequence[Facts]) -> None:
    """Note what was read of kept mails."""
    rows = [{"id": one.message_id, **vars(one)} for one in facts]
    update_rows(session, Message, [{name: row[name] for name in row if name != "message_id"} for row in rows])


def find_first(session: Session, author_digests: Collection[str]) -> dict[str, int]:
    """The oldest mail of each of these letters that was decided, by `author_sha256`."""
    if not author_digests:
        return {}
    found = session.execute(_first(), {"digests": list(author_digests)})
    return {digest: message_id for digest, message_id in found if digest}


@cache
def _first() -> Select[str | None, int]:
    named = Message.author_sha256.in_(bindparam("digests", expanding=True))
    oldest = select(Message.author_sha256, func.min(Message.id)).where(named, Message.decided_at.is_not(None))
    return oldest.group_by(Message.author_sha256)


def count_from(session: Session, senders: Collection[str], *, since: datetime) -> dict[str, int]:
    """How many mails of each of these senders (lower case) came since an instant."""
    counted = session.execute(_counted(), {"senders": list(senders), "since": since})
    return {sender: count for sender, count in counted if sender}


@cache
def _counted() -> Select[str | None, int]:
    came_since = Message.received_at >= bindparam("since", type_=Message.received_at.type)
    theirs = select(Message.sender, func.count()).where(
        Message.sender.in_(bindparam("senders", expanding=True)), came_since
    )
    return theirs.group_by(Message.sender)


@dataclass(frozen=True)
class Came:
    """A mail, by its sender (lower case), when it came, and its number among those of one instant."""

    sender: str
    at: datetime
    message_id: int


def is_after_many(session: Session, came: Came, *, within: timedelta, many: int) -> bool:
    """Whether at least `many` mails of its sender came shortly before it; no more than these are looked at."""
    theirs = select(Message.id).where(Message.sender == came.sender, Message.received_at >= came.at - within)
    earlier = or_(Message.received_at < came.at, and_(Message.received_at == came.at, Message.id < came.message_id))
    return len(session.scalars(theirs.where(earlier).limit(many)).all()) >= many
