"""Since when: every instant that somebody names is kept, and the earliest awareness counts (clause 6).

Detected, suspected, told by a sub-processor and aware stay apart (EDPB Guidelines 9/2022). Until somebody says that it
is certain, a precautionary deadline runs from the earliest doubt.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.breach_errors import AlreadyAware
from storage.breach_types import ClaimKind
from storage.breaches import record, refuse_closed, refuse_future, take_turn_on
from storage.deadlines import NOTIFICATION_WINDOW, earliest, notification_deadline
from storage.models import Breach, Claim
from storage.reasons import read_reason
from storage.types import Actor

COLUMNS = {
    ClaimKind.DETECTED: "detected_at",
    ClaimKind.SUSPECTED: "suspected_at",
    ClaimKind.TOLD: "told_at",
    ClaimKind.AWARE: "aware_at",
}
"""Where the instant that counts stands."""


def become_aware(session: Session, breach: Breach, aware_at: datetime, *, by: Actor, now: datetime) -> None:
    """A named person says since when Kavkom knows. The earliest claim counts.

    Raises AlreadyAware for a later one (that needs the DPO and a reason), BreachClosed, InstantInFuture.
    """
    _take_turn_to_claim(session, breach, aware_at, now)
    if breach.aware_at is not None and aware_at > breach.aware_at:
        raise AlreadyAware(breach.reference, breach.aware_at)
    if aware_at != breach.aware_at:
        _become(session, breach, aware_at, None, by=by, now=now)


def postpone_awareness(
    session: Session, breach: Breach, aware_at: datetime, reason: str, *, by: Actor, now: datetime
) -> None:
    """The dpo says that Kavkom knew only later, and why; the earlier claim stays beside it.

    That it is a dpo is for the caller to see. Raises ReasonMissing, ReasonTooShort, BreachClosed, InstantInFuture.
    """
    _take_turn_to_claim(session, breach, aware_at, now)
    _become(session, breach, aware_at, read_reason(breach.reference, reason), by=by, now=now)


def claim_instant(
    session: Session, breach: Breach, what: ClaimKind, instant: datetime, *, by: Actor, now: datetime
) -> None:
    """Somebody names when it was detected, suspected or told by a sub-processor; the earliest of each counts.

    Raises BreachClosed, InstantInFuture; ValueError for awareness, which has moves of its own.
    """
    if what is ClaimKind.AWARE:
        raise ValueError("Awareness is claimed by become_aware.")
    _take_turn_to_claim(session, breach, instant, now)
    add_claim(session, breach, what, instant, by=by, now=now)
    counts = getattr(breach, COLUMNS[what])
    setattr(breach, COLUMNS[what], instant if counts is None else min(counts, instant))
    breach.deadline_at = deadline_of(breach)
    record(session, breach, "breach-instant", by=by, now=now, what=what.value)


def add_claim(
    session: Session,
    breach: Breach,
    what: ClaimKind,
    instant: datetime,
    *,
    reason: str | None = None,
    by: Actor,
    now: datetime,
) -> None:
    """Keep what somebody named, whether or not it counts."""
    row = Claim(breach_id=breach.id, what=what, instant=instant, by=by.name, claimed_at=now, reason=reason)
    session.add(row)


def list_claims(session: Session, breach: Breach) -> Sequence[Claim]:
    """Every claim, in the order in which they were made."""
    return session.scalars(select(Claim).where(Claim.breach_id == breach.id).order_by(Claim.id)).all()


def deadline_of(breach: Breach) -> datetime:
    """When every customer must have been told, by the instants that count; in a drill its hours pass faster."""
    doubt = earliest(breach.suspected_at, breach.told_at)
    end = notification_deadline(aware_at=breach.aware_at, suspected_at=doubt)
    return end - NOTIFICATION_WINDOW + NOTIFICATION_WINDOW / breach.pace


def _become(
    session: Session, breach: Breach, aware_at: datetime, reason: str | None, *, by: Actor, now: datetime
) -> None:
    add_claim(session, breach, ClaimKind.AWARE, aware_at, reason=reason, by=by, now=now)
    breach.aware_at, breach.aware_by = aware_at, by.name
    breach.deadline_at = deadline_of(breach)
    record(session, breach, "breach-awareness", by=by, now=now, postponed=reason is not None)


def _take_turn_to_claim(session: Session, breach: Breach, instant: datetime, now: datetime) -> None:
    take_turn_on(session, breach)
    refuse_closed(breach)
    refuse_future(instant, now)
