"""The ladders of a breach (pure): its deadline, the question whether it is one, its lead, and its second clocks.

A rung is a row of `Reminder` under the name that `key_of` gives: it belongs to the instant that its ladder is counted
from, so a ladder whose instant moves begins anew.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, takewhile

from storage.deadlines import DAY, Rung

DEADLINE, SUSPICION, LEAD = "T", "S", "C"
"""What a ladder is about: customers who are not told, whether it is a breach, who leads. Others are second clocks."""
HOUR = timedelta(hours=1)
DOUBTS = (6, 12, 24)
"""Hours after which a suspicion asks "breach or not?" (EDPB Guidelines 9/2022: a short investigation is allowed)."""
UNCLAIMED = (15, 60)
"""Minutes after which a breach that nobody leads rings again."""
BEFORE_SECOND = (12, 4, 1, 0)
"""Hours before the end of a second clock at which it rings; it does once more an hour after it, then every DAY."""
_NAME = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Ladder:
    """Rungs at `steps` from an instant, each with its name; then one for `every` so much time after it, if given.

    A drill's hours pass `pace` times as fast; names and steps are those of a real breach.
    """

    about: str
    anchor: datetime
    steps: tuple[tuple[str, timedelta], ...]
    every: timedelta | None = None
    pace: int = 1

    @property
    def stamp(self) -> str:
        return stamp(self.anchor)

    def later(self, after: datetime) -> Iterator[tuple[str, Rung]]:
        """Every rung later than `after`, in order, under its key; endless where it goes on ringing."""
        for name, wait in self.steps:
            yield from self._if_later(name, wait, after)
        if self.every is not None:
            passed = int((after - self.anchor) * self.pace / self.every)
            for times in count(max(1, passed)):
                wait = times * self.every
                yield from self._if_later(f"{self.about}+{wait // HOUR}", wait, after)

    def due(self, *, opened_at: datetime, now: datetime) -> list[tuple[str, Rung]]:
        """The rungs that fell due between these instants, oldest first."""
        all_later = self.later(opened_at - timedelta(microseconds=1))
        return list(takewhile(lambda one: one[1].at <= now, all_later))

    def _if_later(self, name: str, wait: timedelta, after: datetime) -> Iterator[tuple[str, Rung]]:
        at = self.anchor + wait / self.pace
        if at > after:
            yield key_of(name, self.anchor), Rung(name, at)


def deadline_ladder(deadline_at: datetime, hours: Sequence[str], *, pace: int = 1) -> Ladder:
    """T-36 … T-0 at these hours before the deadline, then every hour."""
    steps = tuple((f"{DEADLINE}-{one}", -int(one) * HOUR) for one in hours)
    return Ladder(DEADLINE, deadline_at.astimezone(UTC), steps, HOUR, pace)


def suspicion_ladder(suspected_at: datetime, *, pace: int = 1) -> Ladder:
    """S+6, S+12, S+24 hours after somebody had a doubt."""
    steps = tuple((f"{SUSPICION}+{one}", one * HOUR) for one in DOUBTS)
    return Ladder(SUSPICION, suspected_at.astimezone(UTC), steps, pace=pace)


def lead_ladder(opened_at: datetime, *, pace: int = 1) -> Ladder:
    """C+15m and C+60m after it was opened."""
    steps = tuple((f"{LEAD}+{one}m", timedelta(minutes=one)) for one in UNCLAIMED)
    return Ladder(LEAD, opened_at.astimezone(UTC), steps, pace=pace)


def second_ladder(name: str, ends_at: datetime, *, pace: int = 1) -> Ladder:
    """restoration-12 … restoration-0, restoration+1, restoration+24 …: hours before and after its end."""
    before = tuple((f"{name}-{one}", -one * HOUR) for one in BEFORE_SECOND)
    return Ladder(name, ends_at.astimezone(UTC), (*before, (f"{name}+1", HOUR)), DAY, pace)


def key_of(name: str, anchor: datetime) -> str:
    """How a rung is called in the record: T-36@2026-10-25T15:40:00Z."""
    return f"{name}@{stamp(anchor)}"


def stamp(anchor: datetime) -> str:
    return f"{anchor.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def about_of(rung: str) -> str:
    """What the ladder of a rung is about."""
    found = _NAME.match(rung)
    return found.group() if found else ""


def ladder_of(rung: str) -> tuple[str, str]:
    """The ladder that a rung belongs to: what it is about, and the stamp of the instant that it is counted from."""
    return about_of(rung), rung.partition("@")[2]
