"""The page of a pack of evidence: what happened in order, drawn, and the words around it (templates/evidence.*)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import log1p
from operator import attrgetter

from bot.packing import Written
from bot.words import find_word, word
from storage.proof import Came, Evidence, Passed, Spoken, Went, Who
from storage.types import Actor, Correspondence, Purpose
from templates import render

UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
LEFT, WIDTH = 4.0, 92.0
"""Where the axis begins, and how long it is, in hundredths of the page's width."""

APART = 8.0
"""Marks nearer to each other than this stand one above the other."""

LABELS_APART = 12.0
SHORTEST = 10.0
"""Seconds that the axis shows at least."""

ROW, FOOT = 27, 30


@dataclass(frozen=True)
class Event:
    """Something that happened; `kind` is the template's word for it, and the rest fills its sentence."""

    at: datetime
    kind: str
    customer: str | None = None
    purpose: str | None = None
    by: Who | None = None
    detail: str | None = None
    file: str = ""
    tone: str = "other"


@dataclass(frozen=True)
class Mark:
    """An event on the drawing: `x` in hundredths of its width, `y` in pixels."""

    number: int
    x: float
    y: int
    tone: str


@dataclass(frozen=True)
class Tick:
    """A length of time since the letter came, on the axis."""

    unit: str
    x: float
    anchor: str


@dataclass(frozen=True)
class Drawing:
    """The time since the letter came, on a logarithmic axis: seconds and months are both to be seen."""

    height: int
    base: int
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]


def render_page(evidence: Evidence, files: Sequence[Written], *, company: str, by: Actor, language: str) -> str:
    """The page, for a reader who has nothing else. `files` are all but the page's own and the manifest."""
    events = in_order(evidence)
    return render(
        "evidence",
        language,
        "html",
        evidence=evidence,
        files=files,
        company=company,
        by=by,
        rights=[render("rights", language, right=right) for right in evidence.rights],
        aside=_aside(evidence.set_aside_reason, language),
        events=events,
        drawing=draw(evidence.received_at, events),
    )


def _aside(reason: str | None, language: str) -> str:
    """Why it was set aside: "spam", or "other: the words that somebody typed"."""
    code, colon, typed = (reason or "").partition(":")
    known = find_word(language, f"reason.{code.strip()}") if reason else None
    if known is None:
        return reason or ""
    return word(language, "reason.and_words", reason=known, words=typed.strip()) if colon else known


def in_order(evidence: Evidence) -> list[Event]:
    """Everything that happened, oldest first; what happened in one instant in the order of its causes."""
    events = [
        Event(evidence.received_at, "received", tone="came", file=evidence.letter.file if evidence.letter else "")
    ]
    if evidence.set_aside_at:
        events.append(Event(evidence.set_aside_at, "set_aside"))
    for passed in evidence.passed:
        events += _of_customer(passed)
    for mail in evidence.others:
        events += _of_mail(mail, None)
    names = {passed.customer: passed.name for passed in evidence.passed}
    events += [_of_letter(one, names) for one in evidence.came]
    return sorted(events, key=attrgetter("at"))


def _of_customer(passed: Passed) -> Iterator[Event]:
    name = passed.name
    yield Event(passed.routed_at, "routed", name, by=passed.routed_by)
    for mail in passed.mails:
        yield from _of_mail(mail, name)
    for given in passed.instructions:
        yield Event(given.at, "instructed", name, by=given.by, detail=given.address)
    for call in passed.calls:
        yield _of_call(call, name)
    if passed.misrouted_at:
        yield Event(passed.misrouted_at, "misrouted", name, tone="bad")


def _of_mail(mail: Went, customer: str | None) -> Iterator[Event]:
    of = partial(Event, customer=customer, purpose=mail.purpose.value, file=mail.file)
    if mail.again and mail.purpose is Purpose.FORWARD:
        yield of(mail.queued_at, "again")
    if mail.accepted_at:
        yield of(mail.accepted_at, "accepted", detail=mail.reply, tone="good")
    if mail.refused_at:
        yield of(mail.refused_at, "refused", detail=mail.reply, tone="bad")
    if mail.receipt_at:
        yield of(mail.receipt_at, "receipt")
    if mail.delayed_at:
        yield of(mail.delayed_at, "delayed", tone="bad")
    if mail.bounced_at:
        yield of(mail.bounced_at, "bounced", detail=mail.bounce_status, tone="bad")
    if mail.withdrawn_at:
        yield of(mail.withdrawn_at, "withdrawn")


def _of_call(call: Spoken, customer: str) -> Event:
    kind = "told" if call.reached else "not_reached"
    return Event(call.at, kind, customer, by=call.by, detail=call.means, tone="good" if call.reached else "other")


def _of_letter(came: Came, names: Mapping[str, str]) -> Event:
    kind = came.what.value if came.what else "received"
    tone = "bad" if came.what is Correspondence.REPORT else "came"
    return Event(came.received_at, kind, names.get(came.customer or ""), detail=came.said, file=came.file, tone=tone)


def draw(start: datetime, events: Iterable[Event]) -> Drawing:
    """The events, numbered as in the list, along the time since `start`."""
    lengths = [max(0.0, (event.at - start).total_seconds()) for event in events]
    whole = max([SHORTEST, *lengths])
    places = [_place(seconds, whole) for seconds in lengths]
    rows = list(stack(places))
    base = ROW * (max(rows, default=0) + 1)
    marks = tuple(
        Mark(number, x, base - ROW * row - ROW // 2 - 4, event.tone)
        for number, (x, row, event) in enumerate(zip(places, rows, events, strict=True), 1)
    )
    return Drawing(base + FOOT, base, tuple(_ticks(whole)), marks)


def _place(seconds: float, whole: float) -> float:
    """Tenths of a second are told apart at the beginning, months at the end."""
    return round(LEFT + WIDTH * log1p(10 * seconds) / log1p(10 * whole), 2)


def stack(places: Iterable[float]) -> Iterator[int]:
    """For each mark the lowest row in which there is room."""
    taken: list[float] = []
    for x in places:
        row = next((number for number, last in enumerate(taken) if x - last >= APART), len(taken))
        taken[row : row + 1] = [x]
        yield row


def _ticks(whole: float) -> Iterator[Tick]:
    before = LEFT - LABELS_APART
    for unit, length in UNITS.items():
        x = _place(length.total_seconds(), whole)
        if x > LEFT + WIDTH or x - before < LABELS_APART:
            continue
        before = x
        yield Tick(unit, x, "end" if x > 90 else "middle")
