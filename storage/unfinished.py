"""Large mails of which parts have come, and whose rest will not: renumbered, moved or deleted while they arrived."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from storage.messages import finish_message, parts_kept, replace_message
from storage.models import Message, MessagePart, Sighting
from storage.sightings import Here


@dataclass(frozen=True)
class Unfinished:
    """A mail that has begun to arrive, and where it was seen."""

    message_id: int
    here: Here
    uid: int


def find_unfinished(session: Session, account: str, folder: str) -> list[Unfinished]:
    """What has begun to arrive from a folder, under whichever UIDVALIDITY."""
    seen = select(Message.id, Sighting.uidvalidity, Sighting.uid).join(Sighting, Sighting.message_id == Message.id)
    arriving = seen.where(Sighting.account == account, Sighting.folder == folder, Message.kept_at.is_(None))
    return [
        Unfinished(number, Here(account, folder, validity), uid) for number, validity, uid in session.execute(arriving)
    ]


def join_whole(session: Session, message_id: int) -> bool:
    """Whether the whole of this mail came otherwise, beginning with the same bytes: then its parts are given up."""
    message = session.get_one(Message, message_id)
    mine, theirs = aliased(MessagePart), aliased(MessagePart)
    begins = select(mine.content).where(mine.message_id == message_id, mine.ordinal == 0).scalar_subquery()
    wholes = select(Message.id).join(theirs, theirs.message_id == Message.id)
    same = (Message.kept_at.is_not(None), Message.received_at == message.received_at, Message.id != message_id)
    whole = session.scalar(wholes.where(*same, theirs.ordinal == 0, theirs.content == begins).limit(1))
    if whole is not None:
        replace_message(session, message_id, whole)
    return whole is not None


def give_up(session: Session, message_id: int, *, now: datetime) -> int | None:
    """Nothing more will come: what is here is kept as the mail, or forgotten when that is nothing. Its id."""
    message = session.get_one(Message, message_id)
    if not parts_kept(session, message):
        session.execute(delete(Message).where(Message.id == message_id))
        return None
    return finish_message(session, message_id, now=now)
