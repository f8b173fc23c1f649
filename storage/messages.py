"""Mails as they came: kept byte for byte, in parts, before anything is decided about them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Select, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from storage.bulk import Row, insert_rows, insert_with_ids
from storage.models import Message, MessagePart, Sighting
from storage.sightings import Place, add_sighting, find_sighted_places, folders_of

__all__ = ["Place"]

PART = 1 << 20
"""Bytes in a full part: 1 MiB."""


@dataclass(frozen=True)
class Arrived:
    """A whole mail as it was fetched. `received_at` is its INTERNALDATE."""

    place: Place
    raw: bytes
    received_at: datetime


@dataclass(frozen=True)
class Kept:
    """A mail that is kept and not decided: its first part, and the folders in which it was seen.

    `author_sha256` (mail/copies.py): where it was found while the mail came.
    """

    message_id: int
    received_at: datetime
    sha256: str | None
    size: int
    head: bytes
    folders: tuple[str, ...]
    author_sha256: str | None = None


class Whole(NamedTuple):
    """What all bytes of a mail have in common: their SHA-256 (hex), and how many they are."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Keeping:
    """What became of mails: those that are new, and those that were known and are seen at another place.

    `arriving` are places of mails that have begun to arrive in parts: they are to be fetched on.
    """

    new: list[Kept]
    again: list[Kept]
    arriving: list[Place] = field(default_factory=list)


def keep_all(session: Session, arrived: Sequence[Arrived], *, now: datetime) -> Keeping:
    """Keep whole mails. What another process has taken in from the same place meanwhile is passed over.

    Bytes that are known, Received lines and all, are the same mail: moved, renumbered or put back. That is a sighting.
    """
    taken = find_sighted_places(session, [mail.place for mail in arrived])
    mails = [mail for mail in arrived if mail.place not in taken]
    digests = [sha256(mail.raw).hexdigest() for mail in mails]
    known = find_kept(session, digests)
    new: dict[str, Arrived] = {}
    for digest, mail in zip(digests, mails, strict=True):
        if digest not in known:
            new.setdefault(digest, mail)
    rows = [_message_row(mail.received_at, mail.raw, digest, now) for digest, mail in new.items()]
    ids = dict(zip(new, insert_with_ids(session, Message, rows), strict=True))
    insert_rows(
        session, MessagePart, [row for digest, mail in new.items() for row in _part_rows(ids[digest], mail.raw)]
    )
    everywhere = known | ids
    seen = [
        {**mail.place._asdict(), "message_id": everywhere[digest]} for digest, mail in zip(digests, mails, strict=True)
    ]
    insert_rows(session, Sighting, seen)
    again = {digest: mail for digest, mail in zip(digests, mails, strict=True) if digest in known}
    return Keeping(
        [_kept(ids[digest], digest, mail, now) for digest, mail in new.items()],
        [_kept(known[digest], digest, mail, now) for digest, mail in again.items()],
        [place for place, whole in taken.items() if not whole],
    )


def _kept(message_id: int, digest: str, mail: Arrived, now: datetime) -> Kept:
    received_at = min(mail.received_at, now)
    return Kept(message_id, received_at, digest, len(mail.raw), mail.raw[:PART], (mail.place.folder,))


def _message_row(received_at: datetime, raw: bytes, digest: str, now: datetime) -> Row:
    """A mail that claims to come from the future came now."""
    return {"received_at": min(received_at, now), "size": len(raw), "kept_at": now, "sha256": digest}


def _part_rows(message_id: int, raw: bytes) -> Iterator[Row]:
    for ordinal, start in enumerate(range(0, max(len(raw), 1), PART)):
        yield {"message_id": message_id, "ordinal": ordinal, "content": raw[start : start + PART]}


def find_kept(session: Session, digests: Collection[str]) -> dict[str, int]:
    """The messages whose bytes have these SHA-256 (hex), by digest."""
    kept = session.execute(_kept_with(), {"digests": list(digests)})
    return {digest: message_id for digest, message_id in kept if digest}


@cache
def _kept_with() -> Select[str | None, int]:
    named = Message.sha256.in_(bindparam("digests", expanding=True))
    return select(Message.sha256, Message.id).where(named, Message.kept_at.is_not(None)).order_by(Message.id.desc())


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


def finish_message(session: Session, message_id: int, whole: Whole | None = None, *, now: datetime) -> int:
    """All parts are here: the mail is kept. Its id, or that of the mail that has these bytes: then it is a sighting.

    `whole`: who kept all parts himself knows what they are; else they are read for it.
    """
    digest, size = whole or whole_of(read_parts(session, message_id))
    known = find_kept(session, [digest]).get(digest, message_id)
    if known != message_id:
        replace_message(session, message_id, known)
        return known
    message = session.get_one(Message, message_id)
    message.sha256, message.size, message.kept_at = digest, size, now
    return message_id


def whole_of(parts: Iterable[bytes]) -> Whole:
    """Of bytes that come in parts."""
    digest, size = sha256(), 0
    for content in parts:
        digest.update(content)
        size += len(content)
    return Whole(digest.hexdigest(), size)


def replace_message(session: Session, message_id: int, known: int) -> None:
    """A mail turned out to be another one that is kept: its sightings are that one's."""
    session.execute(update(Sighting).where(Sighting.message_id == message_id).values(message_id=known))
    session.execute(delete(Message).where(Message.id == message_id))


def keep_enclosed(session: Session, raw: bytes, *, received_at: datetime, now: datetime) -> int:
    """Keep a letter that lies inside another mail as a mail of its own; its id, a known one's if there is one."""
    digest = sha256(raw).hexdigest()
    known = find_kept(session, [digest]).get(digest)
    if known is not None:
        return known
    [message_id] = insert_with_ids(session, Message, [_message_row(received_at, raw, digest, now)])
    insert_rows(session, MessagePart, list(_part_rows(message_id, raw)))
    return message_id


def keep_file(session: Session, content: bytes, *, received_at: datetime, now: datetime) -> int:
    """Keep a document that came in a mail, decoded. It is no mail: none with the same bytes is taken for it."""
    row = {**_message_row(received_at, content, "", now), "sha256": None, "decided_at": now}
    [message_id] = insert_with_ids(session, Message, [row])
    insert_rows(session, MessagePart, list(_part_rows(message_id, content)))
    return message_id


def keep_message(session: Session, place: Place, raw: bytes, *, received_at: datetime, now: datetime) -> Message:
    """Keep a whole mail that is not known yet."""
    [kept] = keep_all(session, [Arrived(place, raw, received_at)], now=now).new
    return session.get_one(Message, kept.message_id)


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


def still_undecided(session: Session, ids: Collection[int]) -> set[int]:
    """Which of these mails nobody has decided meanwhile."""
    return set(session.scalars(_undecided(), {"ids": list(ids)}))


@cache
def _undecided() -> Select[int]:
    named = Message.id.in_(bindparam("ids", expanding=True))
    return select(Message.id).where(named, Message.decided_at.is_(None))


def find_undecided(session: Session, *, account: str, limit: int, after: int = 0) -> list[Kept]:
    """Mails of a mailbox that are kept and not decided, oldest first: what a crash between the two left behind.

    `after` is a message id: those up to it were looked at.
    """
    seen_here = exists().where(Sighting.message_id == Message.id, Sighting.account == account)
    waiting = select(Message).where(Message.decided_at.is_(None), Message.kept_at.is_not(None), seen_here)
    found = session.scalars(waiting.where(Message.id > after).order_by(Message.id).limit(limit))
    return [_read_kept(session, one) for one in found]


def read_kept(session: Session, message_id: int) -> Kept:
    """A mail that is kept."""
    return _read_kept(session, session.get_one(Message, message_id))


def _read_kept(session: Session, message: Message) -> Kept:
    return Kept(
        message.id,
        message.received_at,
        message.sha256,
        message.size,
        read_head(session, message.id),
        tuple(folders_of(session, message.id)),
    )
