"""What the torture of the ladder asks for, and what must then be told: counted here anew, not by the product."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from storage.announcements import CHANNEL
from storage.types import Medium
from tests.bot_support import ESCALATION
from tests.playground import people

HOUR = timedelta(hours=1)
DPO, LEAD = people.ANNE, people.BORIS
OUTAGE = (20, 24)
"""Between which hours of the desk's clock the outage lasts."""
Told = frozenset[tuple[Medium, str]]
"""Who must be told of something: by which medium, and which recipient."""


@dataclass(frozen=True)
class LadderPlan:
    """`fail`: per cent of all sends that fail; the clock is moved `hours` in steps of `step` hours. A step goes on when
    all is sent, or after `patience` seconds."""

    breaches: int = 200
    deaths: int = 30
    fail: int = 25
    hours: int = 60
    step: int = 1
    processes: int = 2
    outage: Literal["none", "slack", "smtp", "both"] = "none"
    seed: int = 1
    patience: float = 5.0

    def is_out(self, hour: int, medium: Medium) -> bool:
        named = {Medium.SLACK: ("slack", "both"), Medium.EMAIL: ("smtp", "both")}[medium]
        return self.outage in named and OUTAGE[0] <= hour < OUTAGE[1]


@dataclass
class Case:
    """A breach of the run. `over_at`: when somebody closed it or told its customer; `over_ts` the same in real time."""

    reference: str
    opened_at: datetime
    noticed_at: datetime
    is_aware: bool
    is_led: bool
    ends: Literal["never", "closed", "told"]
    ends_after: int
    over_at: datetime | None = None
    over_ts: float | None = None

    def rungs(self, until: datetime) -> dict[str, datetime]:
        """The rungs that must have rung until then, by name."""
        return {name: at for name, at in self._all(until) if self._counts(name, at) and self.opened_at <= at <= until}

    def _counts(self, name: str, at: datetime) -> bool:
        if self.over_at is None or at < self.over_at:
            return True
        return self.ends == "told" and not name.startswith("T")

    def _all(self, until: datetime) -> Iterator[tuple[str, datetime]]:
        deadline = self.noticed_at + 48 * HOUR
        yield from ((f"T-{before}", deadline - before * HOUR) for before in (36, 24, 12, 6, 3, 1, 0))
        yield from ((f"T+{n}", deadline + n * HOUR) for n in range(1, int((until - deadline) / HOUR) + 1))
        if not self.is_aware:
            yield from ((f"S+{n}", self.noticed_at + n * HOUR) for n in (6, 12, 24))
        if not self.is_led:
            yield from ((f"C+{n}m", self.opened_at + timedelta(minutes=n)) for n in (15, 60))

    def audience(self, rungs: list[str]) -> Told:
        """Who must hear of rungs that rang together."""
        found = {(Medium.SLACK, CHANNEL)}
        for name in rungs:
            found |= self._deadline(name) if name.startswith("T") else self._question(name)
        return frozenset(found)

    def _deadline(self, name: str) -> set[tuple[Medium, str]]:
        left = -int(name[1:])
        lead = {(Medium.EMAIL, LEAD.email)} if self.is_led else set()
        mailed = {(Medium.EMAIL, DPO.email)} | lead if left <= 24 else set()
        escalated = {(Medium.EMAIL, ESCALATION)} if left <= 3 else set()
        return {(Medium.SLACK, LEAD.id if self.is_led else DPO.id)} | mailed | escalated

    def _question(self, name: str) -> set[tuple[Medium, str]]:
        dpo = {(Medium.SLACK, DPO.id), (Medium.EMAIL, DPO.email)}
        if name.startswith("C"):
            return dpo | {(Medium.EMAIL, ESCALATION)}
        return dpo | ({(Medium.SLACK, LEAD.id), (Medium.EMAIL, LEAD.email)} if self.is_led else set())
