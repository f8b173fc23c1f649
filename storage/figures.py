"""How the desk is doing: counts, instants and references, for `mail status` and for the dpo's App Home.

Everything is read in one transaction, by queries whose work does not grow with the years: what was sent is looked for
among the deliveries queued in the last WINDOW. (What people did with proposals is counted over all years.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from storage import addresses, heartbeats, marks, proposals, requests
from storage.deadlines import PARIS
from storage.lost_notices import lost, lost_notice
from storage.models import Call, Delivery, Forward, Pause, Request, Stuck
from storage.types import DESK, Medium, Purpose

WINDOW = timedelta(days=30)
LISTED = 20
"""Deliveries and mails named at most; the rest are counted."""
CONTACT = "contact:"
"""How the heartbeat of a mailbox's last contact begins; its account follows."""
ALIVE = timedelta(seconds=30)
"""A process that beat so recently is running."""


@dataclass(frozen=True)
class Seen:
    """When something was last alive: a mailbox, or one of the two processes."""

    name: str
    at: datetime | None
    alive: bool


@dataclass(frozen=True)
class Compared:
    """When a mailbox was last compared with the record, and how many of its mails were missing from it."""

    name: str
    at: datetime
    missing: int


@dataclass(frozen=True)
class Taken:
    """A forward that the customer's server has taken."""

    received_at: datetime
    accepted_at: datetime
    routed_by: str


@dataclass(frozen=True)
class Speed:
    """How long forwards took from receipt to acceptance by the customer's server."""

    count: int
    median: timedelta | None
    worst: timedelta | None


@dataclass(frozen=True)
class Trying:
    """An e-mail that is not accepted yet: of its reply no more than the code."""

    case: str
    purpose: str
    attempts: int
    code: str | None
    next_try: datetime | None


@dataclass(frozen=True)
class Undelivered:
    """A forward that the customer does not have, and which no later one or call made good."""

    case: str
    at: datetime
    bounced: bool
    code: str | None


@dataclass(frozen=True)
class StuckMail:
    """A mail that could not be taken in yet."""

    account: str
    folder: str
    uid: int
    attempts: int
    since: datetime
    fault: str


@dataclass(frozen=True)
class Paused:
    """Sending by e-mail waits for a person."""

    since: datetime
    reason: str


@dataclass(frozen=True)
class Figures:
    """All of it. `…_count` count what the lists beside them name in part."""

    at: datetime
    mailboxes: tuple[Seen, ...]
    compared: tuple[Compared, ...]
    mail: Seen
    bot: Seen
    waiting: int
    held: int
    held_since: datetime | None
    sent_today: int
    today: Speed
    today_automatic: Speed
    month: Speed
    month_automatic: Speed
    failing_count: int
    failing: tuple[Trying, ...]
    uncertain_count: int
    uncertain: tuple[Trying, ...]
    undelivered_count: int
    undelivered: tuple[Undelivered, ...]
    stuck_count: int
    stuck: tuple[StuckMail, ...]
    pauses: tuple[Paused, ...]
    slack_failing: int
    proposals_agreed: int
    proposals_decided: int
    addresses_unconfirmed: int = 0
    addresses_lost: int = 0


def gather(session: Session, *, now: datetime, real_now: datetime) -> Figures:
    """The figures as of now. Heartbeats and the next tries are in real time."""
    beats = heartbeats.last_beats(session)
    accounts = [name for name in beats if name.startswith(CONTACT)]
    count, oldest = requests.count_waiting(session)
    first = _first_delivery(session, now - WINDOW)
    midnight = now.astimezone(PARIS).replace(hour=0, minute=0, second=0, microsecond=0)
    forwards = _accepted_forwards(session, first)
    today = [one for one in forwards if one.accepted_at >= midnight]
    unconfirmed, lost = addresses.count_unwell(session, now=now)
    proposed = proposals.agreement(session)
    failing, uncertain, refused = _failing(), _uncertain(real_now), _undelivered()
    return Figures(
        at=now,
        mailboxes=tuple(_seen(name, beats, real_now) for name in accounts),
        compared=_compared(session),
        mail=_seen("mail", beats, real_now),
        bot=_seen("bot", beats, real_now),
        waiting=_count(session, _due()),
        held=count,
        held_since=oldest,
        sent_today=_count(session, Delivery.id >= first, _of_mail(), Delivery.accepted_at >= midnight),
        today=_speed(today),
        today_automatic=_speed(_automatic(today)),
        month=_speed(forwards),
        month_automatic=_speed(_automatic(forwards)),
        failing_count=_count(session, failing),
        failing=_trying(session, failing),
        uncertain_count=_count(session, uncertain),
        uncertain=_trying(session, uncertain),
        undelivered_count=_count(session, refused),
        undelivered=_name_undelivered(session, refused),
        stuck_count=_count_stuck(session),
        stuck=_name_stuck(session),
        pauses=_open_pauses(session),
        slack_failing=_count(session, _slack_failing()),
        addresses_unconfirmed=unconfirmed,
        addresses_lost=lost,
        proposals_agreed=proposed.agreed,
        proposals_decided=proposed.decided,
    )


def _count_stuck(session: Session) -> int:
    """How many mails could not be taken in yet."""
    return session.scalar(select(func.count()).select_from(Stuck)) or 0


def _seen(name: str, beats: dict[str, datetime], real_now: datetime) -> Seen:
    at = beats.get(name)
    return Seen(name.removeprefix(CONTACT), at, at is not None and real_now - at < ALIVE)


def _compared(session: Session) -> tuple[Compared, ...]:
    found = marks.find_all(session, marks.COMPARED)
    return tuple(Compared(one.name.removeprefix(marks.COMPARED), one.at, int(one.value)) for one in found)


def _first_delivery(session: Session, since: datetime) -> int:
    """The first delivery queued since then: ids and instants rise together, so a few looks at the key find it."""
    low, high = 0, (session.scalar(select(func.max(Delivery.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        here = select(Delivery.queued_at).where(Delivery.id >= middle).order_by(Delivery.id).limit(1)
        queued_at = session.scalar(here)
        low, high = (middle + 1, high) if queued_at and queued_at < since else (low, middle)
    return low


def _accepted_forwards(session: Session, first: int) -> Sequence[Taken]:
    """One for each forward: its first acceptance."""
    accepted_at = func.min(Delivery.accepted_at, type_=Delivery.accepted_at.type)
    of_forwards = select(accepted_at, Request.received_at, Forward.routed_by).select_from(Delivery)
    joined = of_forwards.join(Forward, Forward.id == Delivery.forward_id).join(Forward.request)
    accepted = (Delivery.id >= first, Delivery.purpose == Purpose.FORWARD, Delivery.accepted_at.is_not(None))
    rows = session.execute(joined.where(*accepted).group_by(Forward.id, Request.received_at, Forward.routed_by))
    return [Taken(received_at, at, by) for at, received_at, by in rows if at is not None]


def _automatic(forwards: Sequence[Taken]) -> Sequence[Taken]:
    return [one for one in forwards if one.routed_by == DESK.name]


def _speed(forwards: Sequence[Taken]) -> Speed:
    taken = [one.accepted_at - one.received_at for one in forwards]
    if not taken:
        return Speed(0, None, None)
    return Speed(len(taken), timedelta(seconds=median(one.total_seconds() for one in taken)), max(taken))


def _of_mail() -> ColumnElement[bool]:
    return Delivery.medium == Medium.EMAIL


def _due() -> ColumnElement[bool]:
    return and_(_of_mail(), Delivery.due_at.is_not(None))


def _uncertain(real_now: datetime) -> ColumnElement[bool]:
    """A try whose outcome nobody knows, and no process is at it (see models.Delivery)."""
    free = or_(Delivery.leased_until.is_(None), Delivery.leased_until < real_now)
    return and_(_due(), Delivery.sending_at.is_not(None), free)


def _failing() -> ColumnElement[bool]:
    return and_(_due(), Delivery.attempts > 0, Delivery.sending_at.is_(None))


def _slack_failing() -> ColumnElement[bool]:
    return and_(Delivery.medium == Medium.SLACK, Delivery.due_at.is_not(None), Delivery.attempts > 0)


def _undelivered() -> ColumnElement[bool]:
    """As storage.forwards.has_failed: the newest attempt did not arrive, and nobody was reached otherwise."""
    newer = aliased(Delivery)
    spoken = exists().where(Call.forward_id == Delivery.forward_id, Call.reached)
    later = exists().where(
        newer.forward_id == Delivery.forward_id, newer.purpose == Purpose.FORWARD, newer.id > Delivery.id
    )
    of_forward = and_(Delivery.forward_id.is_not(None), Delivery.purpose == Purpose.FORWARD)
    return or_(and_(of_forward, lost(), ~later, ~spoken), lost_notice())


def _count(session: Session, *which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Delivery).where(*which)) or 0


def _trying(session: Session, which: ColumnElement[bool]) -> tuple[Trying, ...]:
    named: Select[Delivery] = select(Delivery).where(which).order_by(Delivery.due_at, Delivery.id).limit(LISTED)
    return tuple(
        Trying(one.case, one.purpose.value, one.attempts, code_of(one.reply), one.due_at)
        for one in session.scalars(named)
    )


def _name_undelivered(session: Session, which: ColumnElement[bool]) -> tuple[Undelivered, ...]:
    named = select(Delivery).where(which).order_by(Delivery.id.desc()).limit(LISTED)
    return tuple(
        Undelivered(
            one.case, one.bounced_at or one.refused_at or one.queued_at, one.bounced_at is not None, code_of(one.reply)
        )
        for one in session.scalars(named)
    )


def code_of(reply: str | None) -> str | None:
    """The three digits of a server's reply: its words may quote an address."""
    return reply[:3] if reply and reply[:3].isascii() and reply[:3].isdigit() else None


def _name_stuck(session: Session) -> tuple[StuckMail, ...]:
    named = select(Stuck).order_by(Stuck.first_at).limit(LISTED)
    return tuple(
        StuckMail(one.account, one.folder, one.uid, one.attempts, one.first_at, one.fault)
        for one in session.scalars(named)
    )


def _open_pauses(session: Session) -> tuple[Paused, ...]:
    still = select(Pause).where(Pause.ended_at.is_(None)).order_by(Pause.since_at)
    return tuple(Paused(one.since_at, one.reason) for one in session.scalars(still))
