"""A breach along its time, drawn (pure): what happened as numbered marks, the deadline, and how many knew by when.

The way to the deadline is drawn to scale; what came after it is drawn to another one, so that a breach that was closed
weeks later still shows its first hours.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.evidence_page import LEFT, ROW, WIDTH, Event, Mark, stack

STEPS = tuple(timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080))
TICKS = 6
"""Lengths of time that the axis names at most: more of them run into each other on a telephone."""

BAND = 64
"""Height of the picture of how many knew, in pixels."""

BARS = 80
BEFORE = 0.72
"""How much of the width leads up to the deadline when something came after it."""


@dataclass(frozen=True)
class Tick:
    """A length of time since the beginning."""

    minutes: int
    x: float
    anchor: str


@dataclass(frozen=True)
class Bar:
    """From here on so many knew; `height` in pixels."""

    x: float
    width: float
    height: float


@dataclass(frozen=True)
class BreachDrawing:
    """All places: `x` in hundredths of the width, heights in pixels."""

    height: int
    base: int
    band: int
    deadline: float
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Scale:
    """From `start` to `deadline` and on to `end`, as hundredths of the width."""

    start: datetime
    deadline: datetime
    end: datetime

    def place(self, at: datetime) -> float:
        whole = max(self.deadline - self.start, timedelta(seconds=1))
        before = BEFORE if self.end > self.deadline else 1.0
        if at <= self.deadline:
            share = before * max((at - self.start) / whole, 0.0)
        else:
            share = before + (1 - before) * min((at - self.deadline) / (self.end - self.deadline), 1.0)
        return round(LEFT + WIDTH * share, 2)


def draw_breach(
    start: datetime, deadline: datetime, events: Sequence[Event], told: Iterable[datetime], count: int
) -> BreachDrawing:
    """The events, numbered as in the list; `told` are the instants when one of `count` customers was told."""
    instants = sorted(told)
    scale = Scale(start, deadline, max([deadline, *(event.at for event in events), *instants]))
    places = [scale.place(event.at) for event in events]
    rows = list(stack(places))
    base = ROW * (max(rows, default=0) + 1)
    marks = tuple(
        Mark(number, x, base - ROW * row - ROW // 2 - 4, event.tone)
        for number, (x, row, event) in enumerate(zip(places, rows, events, strict=True), 1)
    )
    return BreachDrawing(
        height=base + 30 + BAND + 8,
        base=base,
        band=base + 30 + BAND,
        deadline=scale.place(deadline),
        marks=marks,
        ticks=tuple(_ticks(scale)),
        bars=tuple(_bars(scale, instants, count)),
    )


def _ticks(scale: Scale) -> Iterator[Tick]:
    """Round lengths of time up to the deadline."""
    whole = scale.deadline - scale.start
    step = next((one for one in STEPS if whole / one <= TICKS), STEPS[-1])
    for number in range(int(whole / step) + 1):
        x = scale.place(scale.start + number * step)
        yield Tick(int(number * step / timedelta(minutes=1)), x, "start" if x < 8 else "end" if x > 94 else "middle")


def _bars(scale: Scale, instants: Sequence[datetime], count: int) -> Iterator[Bar]:
    """A staircase: at most so many steps, the last one of each place counts."""
    known: dict[float, int] = {}
    for number, at in enumerate(instants, 1):
        known[round(scale.place(at) * BARS / 100) * 100 / BARS] = number
    places = [*known, LEFT + WIDTH]
    for (x, number), following in zip(known.items(), places[1:], strict=True):
        if following > x:
            yield Bar(round(x, 2), round(following - x, 2), round(BAND * number / max(count, 1), 1))
