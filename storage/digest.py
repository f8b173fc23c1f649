"""The figures of a day, for people who do not look every day: what came, went, waits, and what proves the record.

What happened is counted from one digest to the next; what waits, is open or unread is as it stands when it is asked.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy import Select, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from storage import addresses, journal, proposals, requests
from storage.announcements import DESK_CASE
from storage.breaches import DRILL
from storage.deadlines import digest_at
from storage.lost_notices import of_notice
from storage.models import Breach, Delivery, Entry, Forward, Message, Request, Task
from storage.proposals import Proposals
from storage.types import DESK, Kind, Purpose, TaskKind

RECHECKED = 3
"""References of what was set aside that are drawn for a second look."""
KEY = "digest:"
"""How the keys of its deliveries begin; the day follows, then to whom."""


@dataclass(frozen=True)
class Digest:
    """A day in figures. `sample` are references; `entry` and `hash` are the journal's last before `until`."""

    day: date
    since: datetime
    until: datetime
    came: int
    came_authority: int
    came_controller: int
    forwarded_automatically: int
    forwarded_by_person: int
    waiting: int
    waiting_since: datetime | None
    set_aside: int
    sample: tuple[str, ...]
    bounced: int
    tasks: tuple[tuple[TaskKind, int], ...]
    overdue: int
    next_due_at: datetime | None
    open_breaches: int
    breach_deadline_at: datetime | None
    open_drills: int
    proposals: Proposals
    proposals_ever: Proposals
    addresses_bounced: int
    addresses_unconfirmed: int
    entry: int
    hash: str


def gather(session: Session, day: date, *, now: datetime, recipient: str | None = None) -> Digest:
    """The figures told on this day at DIGEST_HOUR, since those that this recipient was told before (None: anybody)."""
    since, until = told_before(session, day, recipient), digest_at(day)
    kinds = _came(session, since, until)
    automatic, by_person = _forwarded(session, since, until)
    waiting, waiting_since = requests.count_waiting(session)
    aside = _set_aside(session, since, until)
    overdue, next_due_at = _dates(session, now)
    open_breaches, deadline, open_drills = _breaches(session)
    unconfirmed, bounced = addresses.count_unwell(session, now=now)
    entry, digest = _head(session, until)
    return Digest(
        day=day,
        since=since,
        until=until,
        came=sum(kinds.values()),
        came_authority=kinds.get(Kind.AUTHORITY, 0),
        came_controller=kinds.get(Kind.CONTROLLER, 0),
        forwarded_automatically=automatic,
        forwarded_by_person=by_person,
        waiting=waiting,
        waiting_since=waiting_since,
        set_aside=len(aside),
        sample=_draw(aside, day),
        bounced=_bounced(session, since, until),
        tasks=_tasks(session),
        overdue=overdue,
        next_due_at=next_due_at,
        open_breaches=open_breaches,
        breach_deadline_at=deadline,
        open_drills=open_drills,
        proposals=proposals.agreement(session, since=since, until=until),
        proposals_ever=proposals.agreement(session, until=until),
        addresses_bounced=bounced,
        addresses_unconfirmed=unconfirmed,
        entry=entry,
        hash=digest,
    )


def is_due(session: Session, day: date) -> bool:
    """Whether the figures of this day are still to be told: not before there was anything to count, nor once the next
    day's were told, for a clock may step back. (One that ran far ahead for a while must not silence the days between.)
    """
    first = session.scalars(select(Entry.at).order_by(Entry.number).limit(1)).first()
    if first is None or first >= digest_at(day):
        return False
    known = or_(*(Delivery.key.startswith(f"{KEY}{one}:") for one in (day, day + timedelta(days=1))))
    return session.scalars(select(Delivery.id).where(Delivery.case == DESK_CASE, known).limit(1)).first() is None


def told_before(session: Session, day: date, recipient: str | None = None) -> datetime:
    """From when the figures of this day count: from the last that this recipient got, of whom each has a count of
    their own: what Slack took may be lost as an e-mail. Who never got any gets all since the day before their first.
    """
    ours = select(Delivery.key).where(Delivery.case == DESK_CASE, Delivery.purpose == Purpose.DIGEST)
    if recipient is not None:
        ours = ours.where(Delivery.recipient == recipient)
    got = ours.where(Delivery.accepted_at.is_not(None), Delivery.bounced_at.is_(None))
    last = max(_days(session, got.order_by(Delivery.id.desc()), day), default=None)
    first = min(_days(session, ours.order_by(Delivery.id), day), default=day)
    return digest_at(last or first - timedelta(days=1))


def _days(session: Session, keys: Select[str], before: date) -> list[date]:
    """The days that these deliveries name, of those before one."""
    return [known for key in session.scalars(keys.limit(1000)) if (known := day_of(key)) < before]


def day_of(key: str) -> date:
    """The day that a delivery's key names."""
    return date.fromisoformat(key.removeprefix(KEY).partition(":")[0])


def supersede_older(session: Session, day: date, *, now: datetime) -> None:
    """Withdraw the figures of earlier days that were not sent yet: after an outage only the newest are told."""
    unsent = (Delivery.case == DESK_CASE, Delivery.purpose == Purpose.DIGEST, Delivery.due_at.is_not(None))
    earlier = Delivery.key < f"{KEY}{day}:"
    withdrawn = update(Delivery).where(*unsent, earlier).values(superseded_at=now, due_at=None)
    session.execute(withdrawn.execution_options(synchronize_session=False))


def _came(session: Session, since: datetime, until: datetime) -> dict[Kind, int]:
    opened = and_(Message.decided_at >= since, Message.decided_at < until)
    kinds = select(Request.kind, func.count()).join(Request.message).where(opened).group_by(Request.kind)
    return {row[0]: row[1] for row in session.execute(kinds)}


def _forwarded(session: Session, since: datetime, until: datetime) -> tuple[int, int]:
    automatic = func.coalesce(func.sum(case((Forward.routed_by == DESK.name, 1), else_=0)), 0)
    routed = and_(Forward.routed_at >= since, Forward.routed_at < until)
    total, by_desk = session.execute(select(func.count(), automatic).where(routed)).one()
    return by_desk, total - by_desk


def _set_aside(session: Session, since: datetime, until: datetime) -> list[str]:
    within = and_(Request.set_aside_at >= since, Request.set_aside_at < until)
    return list(session.scalars(select(Request.reference).where(within).order_by(Request.id)))


def _draw(references: list[str], day: date) -> tuple[str, ...]:
    """The same for whoever asks on that day."""
    chosen = Random(day.isoformat()).sample(references, min(RECHECKED, len(references)))  # noqa: S311 - no secret
    return tuple(sorted(chosen))


def _bounced(session: Session, since: datetime, until: datetime) -> int:
    """Forwards, follow-ups and notices of breaches that came back or were refused."""
    lost = or_(
        and_(Delivery.bounced_at >= since, Delivery.bounced_at < until),
        and_(Delivery.refused_at >= since, Delivery.refused_at < until),
    )
    return session.scalar(select(func.count()).where(or_(Delivery.forward_id.is_not(None), of_notice()), lost)) or 0


def _tasks(session: Session) -> tuple[tuple[TaskKind, int], ...]:
    rows = session.execute(select(Task.what, func.count()).where(Task.done_at.is_(None)).group_by(Task.what))
    counts = {row[0]: row[1] for row in rows}
    return tuple((what, counts[what]) for what in TaskKind if what in counts)


def _dates(session: Session, now: datetime) -> tuple[int, datetime | None]:
    """How many tasks are past their date, and the next date."""
    waiting = (Task.done_at.is_(None), Task.due_at.is_not(None))
    overdue = session.scalar(select(func.count()).where(*waiting, Task.due_at < now)) or 0
    ahead = select(Task.due_at).where(*waiting, Task.due_at >= now).order_by(Task.due_at).limit(1)
    return overdue, session.scalars(ahead).first()


def _breaches(session: Session) -> tuple[int, datetime | None, int]:
    """How many are open, and their nearest deadline; how many exercises are."""
    drill = Breach.reference.startswith(f"{DRILL}-")
    columns = (
        func.count(case((~drill, 1))),
        func.min(case((~drill, Breach.deadline_at))),
        func.count(case((drill, 1))),
    )
    count, deadline, drills = session.execute(select(*columns).where(Breach.closed_at.is_(None))).one()
    return count, deadline, drills


def _head(session: Session, until: datetime) -> tuple[int, str]:
    """The journal's last entry before that instant: what anybody can compare who kept the e-mail."""
    last = select(Entry.number, Entry.hash).where(Entry.at < until).order_by(Entry.number.desc()).limit(1)
    row = session.execute(last).first()
    return (row.number, row.hash) if row else (0, journal.GENESIS)
