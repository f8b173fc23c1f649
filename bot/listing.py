"""`/dsr`: what waits, since when and whose it is, and what is to be done by when. `/breach list`: all breaches."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.blocks import clip, mentions
from bot.cards import RequestCard
from bot.marking import mark_lines
from bot.showing import show_lines, show_requests
from bot.who import Names
from bot.words import word
from storage import breach_lists, requests, tasks
from storage.models import Task
from templates import render

SHOWN = 20
"""Requests, and tasks, that a list names at most; the rest are counted."""
CLOSED = 5
"""Closed breaches that a list names."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """A request that waits: what it asks for, since when, for how long in words, and who has taken it."""

    reference: str
    asks: str
    received_at: datetime
    age: str
    owner: str | None


@dataclass(frozen=True)
class ToDo:
    """An open task: its place in its case, what it is in words, by when, and who has taken it."""

    reference: str
    number: int
    what: str
    opened_at: datetime
    due_at: datetime | None
    overdue: bool
    owner: str | None


def say_list(session: Session, language: str, *, now: datetime) -> str:
    """The list in words: requests the oldest first, tasks the nearest date first."""
    waiting, _ = requests.count_waiting(session)
    cards = show_requests(session, requests.find_waiting(session, limit=SHOWN))
    names = Names(session)
    to_do = [_to_do(*one, names, language, now) for one in tasks.find_most_urgent(session, limit=SHOWN)]
    lines = [_line(card, language, now) for card in cards]
    counts = {"count": waiting, "to_do_count": tasks.count_open(session), "mention": mentions(language)}
    return clip(render("request_list", language, "slack", lines=lines, to_do=to_do, **counts), 12_000)


def say_breaches(session: Session, language: str) -> str:
    """The open breaches, the nearest deadlines first, and the last ones that were closed."""
    nearest = show_lines(session, breach_lists.find_nearest(session, limit=SHOWN))
    closed = show_lines(session, breach_lists.find_last_closed(session, limit=CLOSED))
    values = {"open": nearest, "closed": closed, "open_count": breach_lists.count_open(session)}
    return mark_lines(clip(render("breach_list", language, "slack", mention=mentions(language), **values), 11_000))


def say_age(age: timedelta, language: str) -> str:
    """12 min, 3 h, 5 d: how long something has waited, in one whole number."""
    if age < HOUR:
        return word(language, "age.minutes", count=max(0, age // timedelta(minutes=1)))
    if age < 2 * DAY:
        return word(language, "age.hours", count=age // HOUR)
    return word(language, "age.days", count=age // DAY)


def _line(card: RequestCard, language: str, now: datetime) -> Line:
    rights = ", ".join(word(language, f"right.{right}") for right in card.rights) or word(language, "right.none")
    asks = word(language, "failed", rights=rights) if card.failed else rights
    return Line(card.reference, asks, card.received_at, say_age(now - card.received_at, language), card.owner)


def _to_do(number: int, task: Task, names: Names, language: str, now: datetime) -> ToDo:
    return ToDo(
        reference=task.case,
        number=number,
        what=word(language, f"task.{task.what.value}"),
        opened_at=task.opened_at,
        due_at=task.due_at,
        overdue=task.due_at is not None and task.due_at <= now,
        owner=names.find(task.owner),
    )
