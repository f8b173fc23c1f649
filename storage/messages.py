"""Mails as they came: kept byte for byte, in parts, before anything is decided about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from storage.models import Cursor, Message, MessagePart, Sighting

PART = 1 << 20
"""Bytes in a full part: 1 MiB."""


@dataclass(frozen=True)
class Place:
    """Where a mail stands: its identity in a mailbox."""

    account: str
    folder: str
    uidvalidity: int
    uid: int


def begin_message(session: Session, place: Place, *, received_at: datetime, size: int, now: datetime) -> Message:
    """Start keeping the mail seen at `place`; one that claims to come from the future came now."""
    message = Message(received_at=min(received_at, now), size=size)
    session.add(message)
    session.flush()
    sighting = Sighting(
        message_id=message.id,
        account=place.account,
        folder=place.folder,
        uidvalidity=place.uidvalidity,
        uid=place.uid,
    )
    session.add(sighting)
    return message


def add_part(session: Session, message_id: int, ordinal: int, content: bytes) -> None:
    """Keep the next part of a mail."""
    session.execute(insert(MessagePart).values(message_id=message_id, ordinal=ordinal, content=content))


def finish_message(session: Session, message_id: int, *, now: datetime) -> None:
    """All parts are here: the mail is kept."""
    digest, size = sha256(), 0
    for content in read_parts(session, message_id):
        digest.update(content)
        size += len(content)
    message = session.get_one(Message, message_id)
    message.sha256, message.size, message.kept_at = digest.hexdigest(), size, now


def keep_message(session: Session, place: Place, raw: bytes, *, received_at: datetime, now: datetime) -> Message:
    """Keep a whole mail at once."""
    message = begin_message(session, place, received_at=received_at, size=len(raw), now=now)
    for ordinal, start in enumerate(range(0, max(len(raw), 1), PART)):
        add_part(session, message.id, ordinal, raw[start : start + PART])
    message.sha256, message.kept_at = sha256(raw).hexdigest(), now
    return message


def sighted_uids(session: Session, *, account: str, folder: str, uidvalidity: int) -> set[int]:
    """The UIDs of a folder whose mails are wholly kept."""
    seen = select(Sighting.uid).join(Message, Message.id == Sighting.message_id).where(Message.kept_at.is_not(None))
    here = (Sighting.account == account, Sighting.folder == folder, Sighting.uidvalidity == uidvalidity)
    return set(session.scalars(seen.where(*here)))


def folders_of(session: Session, message_id: int) -> list[str]:
    """The folders in which a mail was seen, first sighting first."""
    return list(session.scalars(select(Sighting.folder).where(Sighting.message_id == message_id).order_by(Sighting.id)))


def find_sighted(session: Session, place: Place) -> Message | None:
    """The message that was seen at `place`, whole or still arriving."""
    here = (
        Sighting.account == place.account,
        Sighting.folder == place.folder,
        Sighting.uidvalidity == place.uidvalidity,
        Sighting.uid == place.uid,
    )
    return session.scalars(select(Message).join(Sighting, Sighting.message_id == Message.id).where(*here)).first()


def find_copy(session: Session, place: Place, raw_sha256: str) -> Message | None:
    """The same bytes under another UIDVALIDITY of this folder: a mailbox that was renumbered, not a new mail."""
    renumbered = (
        Sighting.account == place.account,
        Sighting.folder == place.folder,
        Sighting.uidvalidity != place.uidvalidity,
    )
    same = select(Message).join(Sighting, Sighting.message_id == Message.id)
    return session.scalars(same.where(Message.sha256 == raw_sha256, *renumbered).limit(1)).first()


def add_sighting(session: Session, message: Message, place: Place) -> None:
    """Note that a kept message was seen at another place, too."""
    session.add(
        Sighting(
            message_id=message.id,
            account=place.account,
            folder=place.folder,
            uidvalidity=place.uidvalidity,
            uid=place.uid,
        )
    )


def parts_kept(session: Session, message: Message) -> int:
    """How many parts of a mail are here: where fetching goes on after an interruption."""
    return session.scalar(select(func.count()).where(MessagePart.message_id == message.id)) or 0


def read_parts(session: Session, message_id: int) -> Iterator[bytes]:
    """The raw bytes of a mail, a part at a time."""
    ordinal = 0
    while (content := read_part(session, message_id, ordinal)) is not None:
        yield content
        ordinal += 1


def read_part(session: Session, message_id: int, ordinal: int) -> bytes | None:
    """One part of a mail, None past its end."""
    part = select(MessagePart.content).where(MessagePart.message_id == message_id, MessagePart.ordinal == ordinal)
    return session.scalar(part)


def read_head(session: Session, message_id: int) -> bytes:
    """The first part of a mail: at most 1 MiB."""
    return next(read_parts(session, message_id), b"")


def find_undecided(session: Session, *, limit: int) -> list[Message]:
    """Mails that are kept and not decided, oldest first: what a crash between the two left behind."""
    kept = select(Message).where(Message.decided_at.is_(None), Message.kept_at.is_not(None))
    return list(session.scalars(kept.order_by(Message.id).limit(limit)))


def last_uid(session: Session, *, account: str, folder: str, uidvalidity: int) -> int:
    """How far this folder has been read: the highest UID behind us, 0 at the start."""
    cursor = session.get(Cursor, (account, folder, uidvalidity))
    return cursor.last_uid if cursor else 0


def advance(session: Session, *, account: str, folder: str, uidvalidity: int, uid: int) -> None:
    """Move the cursor on; it never goes back."""
    cursor = session.get(Cursor, (account, folder, uidvalidity))
    if cursor is None:
        session.add(Cursor(account=account, folder=folder, uidvalidity=uidvalidity, last_uid=uid))
    else:
        cursor.last_uid = max(cursor.last_uid, uid)
