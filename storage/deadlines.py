"""The arithmetic of the clocks (pure). Instants are aware UTC; days are those of Paris.

Asymmetric caution: a duty of Kavkom ends at the earliest plausible instant, so windows are counted in UTC hours and
never roll over a weekend.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, takewhile
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
NOTIFICATION_WINDOW = timedelta(hours=48)
"""Agreement clause 6: a breach is notified within 48 hours of becoming aware."""

RESTORATION_WINDOW = timedelta(hours=24)
"""Agreement clause 5: availability and access are restored within 24 hours after an incident."""

TELECOM_WINDOW = timedelta(hours=24)
"""Regulation (EU) 611/2013, article 2(2): an operator notifies within 24 hours of finding a breach."""

LADDER_HOURS = ("36", "24", "12", "6", "3", "1", "0")
"""How many hours before the deadline each reminder rung rings, unless set otherwise; after it, one every hour."""

HELD_LADDER = (timedelta(hours=1), timedelta(hours=4))
"""How long after it came a held request rings, nights and weekends too; from 24 hours on it rings every day."""
DAY = timedelta(hours=24)
DIGEST_HOUR = time(8)
"""When the figures of the day before are told, in Paris."""

DUE_LADDER = {
    "7d": timedelta(days=7),
    "3d": timedelta(days=3),
    "1d": timedelta(days=1),
    "4h": timedelta(hours=4),
    "0h": timedelta(),
}
"""How long before its date a task rings; after it, one rings every DAY."""


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: T-36 … T-0, T+1 … of a breach, H+1, H+4, H+24, H+48 … of a held request, 7d, 3d, 1d, 4h,
    0h, +24h … of a task with a date; due `at`. Those of a breach stand in storage/breach_rungs.py."""

    name: str
    at: datetime


def earliest(*instants: datetime | None) -> datetime | None:
    """The first of those that are known; None where none is."""
    return min((instant for instant in instants if instant is not None), default=None)


def notification_deadline(*, aware_at: datetime | None, suspected_at: datetime | None) -> datetime:
    """When customers must have been told; from a mere suspicion it is precautionary. The earliest claim counts."""
    claims = [instant for instant in (aware_at, suspected_at) if instant is not None]
    if not claims:
        raise ValueError("A breach needs the instant it was noticed or became known.")
    return (aware_at or min(claims)).astimezone(UTC) + NOTIFICATION_WINDOW


def restoration_goal(started_at: datetime, *, pace: int = 1) -> datetime:
    """When access is to be restored after an outage (clause 5): a goal, shown to staff, never confessed in a notice."""
    return started_at.astimezone(UTC) + RESTORATION_WINDOW / pace


def telecom_deadline(found_at: datetime, *, pace: int = 1) -> datetime:
    """When an operator declared under the French telecom code must have notified the CNIL itself (611/2013, art. 2)."""
    return found_at.astimezone(UTC) + TELECOM_WINDOW / pace


def answer_date(received_at: datetime) -> date:
    """The customer's month to answer, GDPR 12(3): the same date next month, else that month's last day."""
    return month_later(received_at.astimezone(PARIS).date())


def own_answer_due(received_at: datetime) -> datetime:
    """Kavkom's own month, where it is the controller: the same time on that date, the earliest plausible end."""
    local = received_at.astimezone(PARIS)
    return datetime.combine(answer_date(received_at), local.time(), PARIS).astimezone(UTC)


def month_later(day: date) -> date:
    """The same date one month on, or the last day of that month where it does not exist."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def held_rungs(since: datetime, *, after: datetime, now: datetime) -> list[Rung]:
    """The rungs of a request held since `since` that fell due later than `after` and until `now`, oldest first."""
    return list(takewhile(lambda rung: rung.at <= now, _held_ladder(since, after)))


def next_held_rung(since: datetime, *, after: datetime) -> Rung:
    """The first rung of a held request that falls due later than `after`; there always is one."""
    return next(_held_ladder(since, after))


def _held_ladder(since: datetime, after: datetime) -> Iterator[Rung]:
    """All rungs later than `after`, for ever; days are 24 hours, also when the clocks are changed."""
    begin = since.astimezone(UTC)
    for wait in HELD_LADDER:
        if begin + wait > after:
            yield Rung(f"H+{wait // timedelta(hours=1)}", begin + wait)
    for day in count(max(1, (after - begin) // DAY + 1)):
        yield Rung(f"H+{24 * day}", begin + day * DAY)


def due_ladder(due_at: datetime, *, after: datetime) -> Iterator[Rung]:
    """All rungs of a task's date that fall due later than `after`, for ever; days are 24 hours, as above."""
    date = due_at.astimezone(UTC)
    for name, before in DUE_LADDER.items():
        if date - before > after:
            yield Rung(name, date - before)
    for day in count(max(1, (after - date) // DAY + 1)):
        yield Rung(f"+{24 * day}h", date + day * DAY)


def digest_at(day: date) -> datetime:
    """When the figures of a day are told: at DIGEST_HOUR in Paris, whichever way the clocks stand."""
    return datetime.combine(day, DIGEST_HOUR, PARIS).astimezone(UTC)


def digest_day(now: datetime) -> date:
    """The newest day whose figures are due."""
    today = now.astimezone(PARIS).date()
    return today if now >= digest_at(today) else today - timedelta(days=1)
