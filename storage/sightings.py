"""Where mails were seen: the sightings of a mailbox, and how far each of its folders has been read."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from storage.bulk import Row, insert_new, insert_rows
from storage.models import Cursor, Message, Sighting, Stuck

_IS_WHOLE = or_(Message.kept_at.is_not(None), Sighting.message_id.is_(None))
"""Of a sighting: its mail is wholly kept, or needs no keeping."""

LAST = (1 << 63) - 1
"""The highest number that SQL holds: UIDs have 32 bits (RFC 3501 section 2.3.1.1), but servers say what they like."""


class Here(NamedTuple):
    """A folder of a mailbox under one UIDVALIDITY: what gives a UID its meaning."""

    account: str
    folder: str
    uidvalidity: int

    def place(self, uid: int) -> "Place":
        """The place of a mail in it."""
        return Place(self.account, self.folder, self.uidvalidity, uid)


class Place(NamedTuple):
    """Where a mail stands: its identity in a mailbox."""

    account: str
    folder: str
    uidvalidity: int
    uid: int

    @property
    def here(self) -> Here:
        """Its folder."""
        return Here(self.account, self.folder, self.uidvalidity)


def sighted_uids(session: Session, here: Here, *, first: int = 1, last: int | None = None) -> set[int]:
    """The UIDs of a folder, from `first` to `last`, whose mails are wholly kept, or need no keeping."""
    ends = {"first": first, "last": LAST if last is None else last}
    return set(session.scalars(_sighted_between(), here._asdict() | ends))


@cache
def _sighted_between() -> Select[int]:
    seen = select(Sighting.uid).outerjoin(Message, Message.id == Sighting.message_id).where(_IS_WHOLE)
    between = Sighting.uid.between(bindparam("first"), bindparam("last"))
    return seen.where(*named_here(Sighting), between)


def find_sighted_places(session: Session, places: Sequence[Place]) -> dict[Place, bool]:
    """At which of these places a mail was seen before, and whether nothing of it is left to fetch."""
    found: dict[Place, bool] = {}
    for here in {place.here for place in places}:
        uids = [place.uid for place in places if place.here == here]
        rows = session.execute(_sighted(), {**here._asdict(), "uids": uids})
        found |= {here.place(uid): bool(whole) for uid, whole in rows}
    return found


@cache
def _sighted() -> Select[int, bool]:
    seen = select(Sighting.uid, _IS_WHOLE).outerjoin(Message, Message.id == Sighting.message_id)
    return seen.where(*named_here(Sighting), Sighting.uid.in_(bindparam("uids", expanding=True)))


def find_whole_places(session: Session, places: Sequence[Place]) -> set[Place]:
    """At which of these places a mail was seen of which nothing is left to fetch."""
    return {place for place, whole in find_sighted_places(session, places).items() if whole}


def folders_of(session: Session, message_id: int) -> list[str]:
    """The folders in which a mail was seen, first sighting first."""
    return list(session.scalars(select(Sighting.folder).where(Sighting.message_id == message_id).order_by(Sighting.id)))


def places_of(session: Session, message_id: int) -> list[Place]:
    """Where a mail was seen, first sighting first."""
    seen = select(Sighting).where(Sighting.message_id == message_id).order_by(Sighting.id)
    return [Place(one.account, one.folder, one.uidvalidity, one.uid) for one in session.scalars(seen)]


def find_sighted(session: Session, place: Place) -> Message | None:
    """The message that was seen at `place`, whole or still arriving."""
    seen = select(Message).join(Sighting, Sighting.message_id == Message.id)
    return session.scalars(seen.where(*_in(place.here), Sighting.uid == place.uid)).first()


def add_sighting(session: Session, message_id: int, place: Place) -> None:
    """Note that a message was seen at a place."""
    insert_rows(session, Sighting, [{**place._asdict(), "message_id": message_id}])


def add_receipts(session: Session, deliveries: Mapping[Place, int | None], heads: Mapping[Place, str]) -> None:
    """Note receipt copies of our own deliveries: where they were seen, and the SHA-256 (hex) of their heads.

    Of a delivery that a restored backup does not know only the sighting is left.
    """
    rows = [
        {**place._asdict(), "delivery_id": number, "header_sha256": heads[place]}
        for place, number in deliveries.items()
    ]
    _insert_new(session, rows)


def record_moved(session: Session, moved: Mapping[Place, Place]) -> None:
    """Note where mails went: the sightings of their old places hold for the new ones, too."""
    old = {(place.uidvalidity, place.uid): new for place, new in moved.items()}
    stood = select(Sighting.uidvalidity, Sighting.uid, Sighting.message_id, Sighting.delivery_id)
    for account, folder in {(place.account, place.folder) for place in moved}:
        there = (Sighting.account == account, Sighting.folder == folder, Sighting.uid.in_([uid for _, uid in old]))
        rows = [
            {**old[one.uidvalidity, one.uid]._asdict(), "message_id": one.message_id, "delivery_id": one.delivery_id}
            for one in session.execute(stood.where(*there))
            if (one.uidvalidity, one.uid) in old
        ]
        _insert_new(session, rows)


def _insert_new(session: Session, rows: Sequence[Row]) -> None:
    """Two processes may have seen the same mail: the first to say so is enough."""
    if rows:
        session.connection().execute(insert_new(session, Sighting).on_conflict_do_nothing(), rows)


def _in(here: Here) -> tuple[ColumnElement[bool], ...]:
    return (
        Sighting.account == here.account,
        Sighting.folder == here.folder,
        Sighting.uidvalidity == here.uidvalidity,
    )


def named_here(table: type[Sighting] | type[Stuck]) -> list[ColumnElement[bool]]:
    """Rows of a folder, for a statement that is made once: its values go by the names of Here."""
    return [getattr(table, name) == bindparam(name) for name in Here._fields]


def last_uid(session: Session, here: Here) -> int:
    """How far this folder has been read: the highest UID behind us, 0 at the start."""
    cursor = session.get(Cursor, (here.account, here.folder, here.uidvalidity))
    return cursor.last_uid if cursor else 0


def advance(session: Session, place: Place) -> None:
    """Move the cursor of a folder on, to this mail; it never goes back."""
    cursor = session.get(Cursor, (place.account, place.folder, place.uidvalidity))
    if cursor is None:
        session.add(Cursor(**place.here._asdict(), last_uid=place.uid))
    else:
        cursor.last_uid = max(cursor.last_uid, place.uid)
