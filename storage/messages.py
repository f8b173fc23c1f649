"""Mails as they came: kept byte for byte, in parts, before anything is decided about them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from storage.bulk import Row, insert_rows, insert_with_ids, update_rows
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


@dataclass(frozen=True)
class Arrived:
    """A whole mail as it was fetched. `received_at` is its INTERNALDATE."""

    place: Place
    raw: bytes
    received_at: datetime


@dataclass(frozen=True)
class Kept:
    """A mail that is kept and not decided: its first part, and the folders in which it was seen."""

    message_id: int
    received_at: datetime
    sha256: str | None
    size: int
    head: bytes
    folders: tuple[str, ...]


def keep_all(session: Session, mails: Sequence[Arrived], *, now: datetime) -> list[Kept]:
    """Keep whole mails; those that are new.

    Bytes that are known, Received lines and all, are the same mail: moved, renumbered or put back. That is a sighting.
    """
    digests = [sha256(mail.raw).hexdigest() for mail in mails]
    known = find_kept(session, digests)
    new = {digest: mail for digest, mail in [*zip(digests, mails, strict=True)][::-1] if digest not in known}
    rows = [_message_row(mail.received_at, mail.raw, digest, now) for digest, mail in new.items()]
    ids = dict(zip(new, insert_with_ids(session, Message, rows), strict=True))
    insert_rows(session, MessagePart, [row for digest, mail in new.items() for row in _part_rows(ids[digest], mail)])
    everywhere = known | ids
    seen = [{**vars(mail.place), "message_id": everywhere[digest]} for digest, mail in zip(digests, mails, strict=True)]
    insert_rows(session, Sighting, seen)
    return [
        Kept(ids[digest], min(mail.received_at, now), digest, len(mail.raw), mail.raw[:PART], (mail.place.folder,))
        for digest, mail in new.items()
    ]


def _message_row(received_at: datetime, raw: bytes, digest: str, now: datetime) -> Row:
    """A mail that claims to come from the future came now."""
    return {"received_at": min(received_at, now), "size": len(raw), "kept_at": now, "sha256": digest}


def _part_rows(message_id: int, mail: Arrived) -> Iterator[Row]:
    for ordinal, start in enumerate(range(0, max(len(mail.raw), 1), PART)):
        yield {"message_id": message_id, "ordinal": ordinal, "content": mail.raw[start : start + PART]}


def find_kept(session: Session, digests: Collection[str]) -> dict[str, int]:
    """The messages whose bytes have these SHA-256 (hex), by digest."""
    kept = select(Message.sha256, Message.id).where(Message.sha256.in_(digests), Message.kept_at.is_not(None))
    return {digest: message_id for digest, message_id in session.execute(kept.order_by(Message.id.desc())) if digest}


def begin_message(session: Session, place: Place, *, received_at: datetime, size: int, now: datetime) -> Message:
    """Start keeping a large mail seen at `place`; its parts follow, and `finish_message`."""
    message = Message(received_at=min(received_at, now), size=size)
    session.add(message)
    session.flush()
    add_sighting(session, message.id, place)
    return message


def add_part(session: Session, message_id: int, ordinal: int, content: bytes) -> None:
    """Keep the next part of a mail."""
    session.execute(insert(MessagePart).values(message_id=message_id, ordinal=ordinal, content=content))


def finish_message(session: Session, message_id: int, *, now: datetime) -> int | None:
    """All parts are here: the mail is kept. Its id, or None when these bytes were known: then it is a sighting."""
    digest, size = sha256(), 0
    for content in read_parts(session, message_id):
        digest.update(content)
        size += len(content)
    known = find_kept(session, [digest.hexdigest()]).get(digest.hexdigest())
    if known is not None:
        session.execute(update(Sighting).where(Sighting.message_id == message_id).values(message_id=known))
        session.execute(delete(Message).where(Message.id == message_id))
        return None
    message = session.get_one(Message, message_id)
    message.sha256, message.size, message.kept_at = digest.hexdigest(), size, now
    return message_id


def keep_message(session: Session, place: Place, raw: bytes, *, received_at: datetime, now: datetime) -> Message:
    """Keep a whole mail that is not known yet."""
    [kept] = keep_all(session, [Arrived(place, raw, received_at)], now=now)
    return session.get_one(Message, kept.message_id)


def sighted_uids(session: Session, *, account: str, folder: str, uidvalidity: int) -> set[int]:
    """The UIDs of a folder whose mails are wholly kept, or need no keeping."""
    whole = or_(Message.kept_at.is_not(None), Sighting.message_id.is_(None))
    seen = select(Sighting.uid).outerjoin(Message, Message.id == Sighting.message_id).where(whole)
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


def add_sighting(session: Session, message_id: int, place: Place) -> None:
    """Note that a message was seen at a place."""
    insert_rows(session, Sighting, [{**vars(place), "message_id": message_id}])


def add_receipts(session: Session, deliveries: Mapping[Place, int], heads: Mapping[Place, str]) -> None:
    """Note receipt copies of our own deliveries: where they were seen, and the SHA-256 (hex) of their heads."""
    rows = [
        {**vars(place), "delivery_id": number, "header_sha256": heads[place]} for place, number in deliveries.items()
    ]
    insert_rows(session, Sighting, rows)


def record_moved(session: Session, moved: Mapping[Place, Place]) -> None:
    """Note where mails went: the sightings of their old places hold for the new ones, too."""
    old = {(place.uidvalidity, place.uid): new for place, new in moved.items()}
    for account, folder in {(place.account, place.folder) for place in moved}:
        here = (Sighting.account == account, Sighting.folder == folder, Sighting.uid.in_([uid for _, uid in old]))
        seen = session.scalars(select(Sighting).where(*here)).all()
        rows = [
            {**vars(old[key]), "message_id": one.message_id, "delivery_id": one.delivery_id}
            for one in seen
            if (key := (one.uidvalidity, one.uid)) in old
        ]
        insert_rows(session, Sighting, rows)


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


def find_undecided(session: Session, *, account: str, limit: int) -> list[Kept]:
    """Mails of a mailbox that are kept and not decided, oldest first: what a crash between the two left behind."""
    seen_here = exists().where(Sighting.message_id == Message.id, Sighting.account == account)
    waiting = select(Message).where(Message.decided_at.is_(None), Message.kept_at.is_not(None), seen_here)
    found = session.scalars(waiting.order_by(Message.id).limit(limit))
    return [
        Kept(
            one.id,
            one.received_at,
            one.sha256,
            one.size,
            read_head(session, one.id),
            tuple(folders_of(session, one.id)),
        )
        for one in found
    ]


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
