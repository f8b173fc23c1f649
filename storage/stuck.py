"""Mails that could not be taken in yet: counted, told to staff after some tries, tried again, never forgotten."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from storage.messages import Place
from storage.models import Stuck

ENOUGH = 5
"""Tries after which a mail is left alone for a while, and staff are told."""

REST = timedelta(hours=1)


def note_failures(session: Session, places: Collection[Place], fault: str, *, now: datetime) -> None:
    """A try to take in these mails failed; which of them is at fault, the next tries will show."""
    for place in places:
        stuck = session.get(Stuck, _key(place))
        if stuck is None:
            session.add(Stuck(**vars(place), attempts=1, first_at=now, last_at=now, fault=fault))
        else:
            stuck.attempts, stuck.last_at, stuck.fault = stuck.attempts + 1, now, fault


def find_stuck(session: Session, *, account: str, folder: str, uidvalidity: int) -> dict[int, Stuck]:
    """The mails of a folder that failed before, by UID."""
    here = (Stuck.account == account, Stuck.folder == folder, Stuck.uidvalidity == uidvalidity)
    return {one.uid: one for one in session.scalars(select(Stuck).where(*here))}


def is_resting(stuck: Stuck, *, now: datetime) -> bool:
    """Whether it has been tried often enough for this hour."""
    return stuck.attempts >= ENOUGH and now < stuck.last_at + REST


def forget(session: Session, places: Collection[Place]) -> None:
    """These were taken in after all, or are gone."""
    key = tuple_(Stuck.account, Stuck.folder, Stuck.uidvalidity, Stuck.uid)
    session.execute(delete(Stuck).where(key.in_([_key(place) for place in places])))


def find_untold(session: Session) -> list[Stuck]:
    """Those that staff should be told of and have not been."""
    return list(session.scalars(select(Stuck).where(Stuck.attempts >= ENOUGH, Stuck.raised_at.is_(None))))


def count_stuck(session: Session) -> int:
    """How many mails have failed often enough to be somebody's business."""
    return session.scalar(select(func.count()).select_from(Stuck).where(Stuck.attempts >= ENOUGH)) or 0


def _key(place: Place) -> tuple[str, str, int, int]:
    return (place.account, place.folder, place.uidvalidity, place.uid)
