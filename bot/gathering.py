"""What dpo and escalation addresses are told of requests by e-mail: many cases in one letter, one in 15 minutes.

It is put down case by case in the transaction that decides (storage/types.py: BY_MAIL), so nothing is lost
when a process dies; the letter is written from the record as it stands when it is queued.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bot import letters, telling
from bot.blocks import words_about
from bot.cards import RequestCard
from bot.desk import Desk
from bot.due import TOPIC as DUE
from bot.due import DueTask, describe_due, find_due, write_due
from bot.marking import mark_text
from bot.showing import show_request
from bot.words import find_word, word
from storage import ladder, outbox, requests
from storage.announcements import DESK_CASE
from storage.breaches import is_breach
from storage.models import Delivery, Request
from storage.notice_ringing import LOST
from storage.outbox import Words
from storage.ringing import RINGS
from storage.types import BY_MAIL, Medium

EVERY = timedelta(minutes=15)
SHOWN = 200
"""Cases that one letter names; the rest are counted."""
AT_ONCE = 1000
TOPIC = "gathered"
GATHERED = Delivery.topic.not_in((RINGS, LOST))
"""What rings at once has e-mails of its own (bot/ringing.py, bot/notice_ringing.py)."""
WAITING = frozenset({"card", "request_reminder"})
"""Topics that say: this request needs a person."""


@dataclass(frozen=True)
class Held:
    """A request that waits: its card, and since when it has."""

    card: RequestCard
    since: datetime
    due_at: datetime


@dataclass(frozen=True)
class Letter:
    """What one letter tells: requests that wait, other events as (reference, topic), and tasks whose date is near."""

    held: tuple[Held, ...]
    events: tuple[tuple[str, str], ...]
    dates: tuple[DueTask, ...] = ()


def gather(desk: Desk, *, slack_out: bool, now: datetime) -> int:
    """One tick: write to every reader of what was put down since the last letter; how many letters."""
    with desk.database.reading() as session:
        if not (put_down(session, GATHERED, to_write=False) and _find_readers(session, desk, now)):
            return 0
    with desk.database.begin() as session:
        readers = _find_readers(session, desk, now)
        if not readers:
            return 0
        rows = put_down(session, GATHERED, to_write=True)
        letter = _sort_out(session, rows, now)
        which = f"{rows[0].id}-{rows[-1].id}" if rows else ""
        written = _write_all(session, desk, readers, letter, which, slack_out=slack_out, now=now)
        for row in rows:
            if row.due_at is not None:
                outbox.record_accepted(row, reply=f"in {written} letters", now=now)
    return written


def _find_readers(session: Session, desk: Desk, now: datetime) -> dict[str, str]:
    """Who is written to now; nobody so soon after the last letter. While there is nobody, all stays put down."""
    return {} if _is_too_soon(session, now) else telling.find_readers(session, desk.settings, now=now)


def _is_too_soon(session: Session, now: datetime) -> bool:
    letters_ = select(Delivery.queued_at).where(Delivery.case == DESK_CASE, Delivery.topic == TOPIC)
    last = session.scalars(letters_.order_by(Delivery.id.desc()).limit(1)).first()
    return last is not None and last <= now < last + EVERY


def put_down(session: Session, which: ColumnElement[bool], *, to_write: bool) -> list[Delivery]:
    """What waits for a letter, the oldest first; `to_write` makes another bot wait until we have written it."""
    waiting = select(Delivery).where(Delivery.medium == Medium.SLACK, Delivery.due_at.is_not(None))
    ours = waiting.where(Delivery.recipient == BY_MAIL, which).order_by(Delivery.id)
    ours = ours.limit(AT_ONCE if to_write else 1)
    return list(session.scalars(ours.with_for_update() if to_write else ours))


def _sort_out(session: Session, rows: Iterable[Delivery], now: datetime) -> Letter:
    """What is still true; the rest is withdrawn: decided meanwhile, or shown in Slack after all."""
    named = ladder.find_changed(session, sorted({row.case for row in rows if row.topic in WAITING}))
    waiting = {one.reference: one for one in named if requests.is_held(one)}
    held: dict[str, Held] = {}
    events: dict[tuple[str, str], None] = {}
    dates: dict[tuple[str, int], DueTask] = {}
    for row in rows:
        dated = find_due(session, row, now=now) if row.topic == DUE else None
        if _is_over(session, row, waiting) or (row.topic == DUE and dated is None):
            row.superseded_at, row.due_at = now, None
        elif dated is not None:
            dates[dated.reference, dated.number] = dated
        elif row.topic in WAITING:
            held[row.case] = _held(session, waiting[row.case], row)
        else:
            events[row.case, row.topic] = None
    return Letter(tuple(held.values()), tuple(events), tuple(sorted(dates.values(), key=lambda one: one.due_at)))


def _is_over(session: Session, row: Delivery, waiting: dict[str, Request]) -> bool:
    stands_for = session.get(Delivery, row.attempt_of_id) if row.attempt_of_id else None
    shown = stands_for is not None and stands_for.accepted_at is not None
    return shown or (row.topic in WAITING and row.case not in waiting)


def _held(session: Session, request: Request, row: Delivery) -> Held:
    since = requests.waiting_since(request)
    return Held(show_request(session, request), since, row.reminder.due_at if row.reminder else since)


def _write_all(
    session: Session,
    desk: Desk,
    readers: dict[str, str],
    letter: Letter,
    which: str,
    *,
    slack_out: bool,
    now: datetime,
) -> int:
    """Queue the letter to each reader, in their language; `which` tells it from others."""
    if not (letter.held or letter.events or letter.dates):
        return 0
    write_all = partial(write, letter, company=desk.settings.company_name, slack_out=slack_out, now=now)
    key_of = partial(telling.key_of_alert, f"{TOPIC}:{which}")
    telling.write_to(session, readers, key_of, write_all, case=DESK_CASE, topic=TOPIC, now=now)
    return len(readers)


def write(letter: Letter, language: str, *, company: str, slack_out: bool, now: datetime) -> Words:
    """One request that waits, or one task's date, has a letter of its own; else all are listed."""
    values: dict[str, Any] = {"company": company, "in_slack": not slack_out}
    if len(letter.dates) == 1 and not letter.held and not letter.events:
        return write_due(letter.dates[0], language, now=now, **values)
    if len(letter.held) == 1 and not letter.events and not letter.dates:
        return letters.write_mail("request_reminder", language, **_describe(letter.held[0], language, now), **values)
    held = [_describe(one, language, now) for one in letter.held[:SHOWN]]
    desk = word(language, "event.desk")
    named = [(desk if case in ("", DESK_CASE) else case, topic) for case, topic in letter.events[:SHOWN]]
    events = [(mark_text(case, case), _say_event(case, topic, language)) for case, topic in named]
    dates = [describe_due(one, language, now=now) for one in letter.dates[:SHOWN]]
    count = {"held_count": len(letter.held), "event_count": len(letter.events), "date_count": len(letter.dates)}
    return letters.write_mail("gathered", language, held=held, events=events, dates=dates, **count, **values)


def _describe(held: Held, language: str, now: datetime) -> dict[str, Any]:
    waiting = letters.describe_waiting(since=held.since, due_at=held.due_at, now=now)
    return words_about(held.card, language) | waiting


def _say_event(case: str, topic: str, language: str) -> str:
    """What happened, as far as there are words for it."""
    return find_word(language, f"event.{topic}") or word(language, "event.breach" if is_breach(case) else "event.other")
