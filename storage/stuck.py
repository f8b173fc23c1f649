"""Mails that could not be taken in yet: counted, told to staff after some tries, tried again, never forgotten."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Select, delete, func, select, tuple_
from sqlalchemy.orm import Session

from storage.models import Message, Sighting, Stuck
from storage.sightings import Here, Place, named_here

ENOUGH = 5
"""Tries after which a mail is left alone for a while, and staff are told."""

REST = timedelta(minutes=50)
"""Less than the hour after which a mailbox is compared again, which is when it is tried again."""


def note_failures(session: Session, places: Collection[Place], fault: str, *, now: datetime) -> None:
    """A try to take in these mails failed; which of them is at fault, the next tries will show."""
    for place in places:
        stuck = session.get(Stuck, _key(place))
        if stuck is None:
            session.add(Stuck(**place._asdict(), attempts=1, first_at=now, last_at=now, fault=fault))
        else:
            stuck.attempts, stuck.last_at, stuck.fault = stuck.attempts + 1, now, fault


def find_stuck(session: Session, here: Here) -> dict[int, Stuck]:
    """The mails of a folder that failed before, by UID; those that failed least often come first."""
    return {one.uid: one for one in session.scalars(_failed_here(), here._asdict())}


@cache
def _failed_here() -> Select[Stuck]:
    return select(Stuck).where(*named_here(Stuck)).order_by(Stuck.attempts, Stuck.uid)


def is_resting(stuck: Stuck, *, now: datetime) -> bool:
    """Whether it has been tried often enough for this hour."""
    return stuck.attempts >= ENOUGH and now < stuck.last_at + REST


def forget(session: Session, places: Collection[Place]) -> None:
    """These were taken in after all, or are gone."""
    key = tuple_(Stuck.account, Stuck.folder, Stuck.uidvalidity, Stuck.uid)
    if places:
        session.execute(delete(Stuck).where(key.in_([_key(place) for place in places])))


def find_renumbered(session: Session, here: Here) -> list[Place]:
    """Places that the folder had under another UIDVALIDITY: its mails are new ones now, and are looked at as such.

    Those that are kept and not decided stay: they do not depend on the folder.
    """
    others = (Stuck.account == here.account, Stuck.folder == here.folder, Stuck.uidvalidity != here.uidvalidity)
    found = session.scalars(select(Stuck).where(*others, ~_undecided()))
    return [Place(one.account, one.folder, one.uidvalidity, one.uid) for one in found]


def find_settled(session: Session, here: Here) -> set[int]:
    """The UIDs of those of a folder that are kept and decided: what ailed them is over."""
    there = (Stuck.account == here.account, Stuck.folder == here.folder, Stuck.uidvalidity == here.uidvalidity)
    kept = _seen_there().where(Message.kept_at.is_not(None), Message.decided_at.is_not(None)).exists()
    return set(session.scalars(select(Stuck.uid).where(*there, kept)))


def find_untold(session: Session) -> list[Stuck]:
    """Those that staff should be told of and have not been, the oldest first."""
    untold = select(Stuck).where(Stuck.attempts >= ENOUGH, Stuck.raised_at.is_(None))
    return list(session.scalars(untold.order_by(Stuck.first_at, Stuck.uid)))


def find_persistent(session: Session) -> list[Stuck]:
    """Those that have failed often enough to be somebody's business, the oldest first."""
    return list(session.scalars(select(Stuck).where(Stuck.attempts >= ENOUGH).order_by(Stuck.first_at, Stuck.uid)))


def count_stuck(session: Session) -> int:
    """How many mails have failed often enough to be somebody's business."""
    return session.scalar(select(func.count()).select_from(Stuck).where(Stuck.attempts >= ENOUGH)) or 0


def _undecided() -> ColumnElement[bool]:
    return _seen_there().where(Message.kept_at.is_not(None), Message.decided_at.is_(None)).exists()


def _seen_there() -> Select[int]:
    """The mail that was seen at the place of a row."""
    at = (
        Sighting.account == Stuck.account,
        Sighting.folder == Stuck.folder,
        Sighting.uidvalidity == Stuck.uidvalidity,
        Sighting.uid == Stuck.uid,
    )
    return select(Message.id).join(Sighting, Sighting.message_id == Message.id).where(*at).correlate(Stuck)


def _key(place: Place) -> tuple[str, str, int, int]:
    return (place.account, place.folder, place.uidvalidity, place.uid)
