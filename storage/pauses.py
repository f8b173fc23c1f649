"""Sending to the outside is paused for a reason, and goes on after a person says so."""

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storage import announcements, journal
from storage.holding import leaves_the_house
from storage.models import Delivery, Pause
from storage.types import DESK, Actor

RESTORED = "restored"


def is_paused(session: Session) -> Pause | None:
    """The pause that nobody has ended, that of a restored record before others. Cheap: the sender asks at each look."""
    return session.scalars(_open().limit(1)).first()


def open_pauses(session: Session) -> list[Pause]:
    """All of them: one for each reason."""
    return list(session.scalars(_open()))


def pause_sending(session: Session, reason: str, *, now: datetime, by: Actor = DESK) -> Pause:
    """Pause for this reason; staff are told once. A pause for it that is open already stays as it is."""
    found = session.scalars(_open().where(Pause.reason == reason)).first()
    if found:
        return found
    pause = Pause(reason=reason, since_at=now)
    session.add(pause)
    session.flush()
    entry = journal.record(session, "sending-paused", by=by, now=now, reason=reason)
    announcements.announce(session, entry, "sending_paused")
    return pause


def resume_sending(session: Session, *, by: Actor, now: datetime) -> list[Pause]:
    """A person says that sending may go on: every open pause ends. The pauses that ended."""
    ended = open_pauses(session)
    for pause in ended:
        pause.ended_at, pause.ended_by = now, by.name
    if ended:
        reasons = [pause.reason for pause in ended]
        entry = journal.record(session, "sending-resumed", by=by, now=now, reasons=reasons)
        announcements.announce(session, entry, "sending_resumed")
    return ended


def count_held(session: Session) -> int:
    """How many unsent e-mails a pause holds, or would hold."""
    held = select(func.count()).where(leaves_the_house(), Delivery.due_at.is_not(None))
    return session.scalar(held) or 0


def _open() -> Select[Pause]:
    return select(Pause).where(Pause.ended_at.is_(None)).order_by(Pause.reason != RESTORED, Pause.id)
