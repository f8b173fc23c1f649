"""`status`: the figures as a person at a shell reads them, or as one JSON object. Counts and references only."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

from storage.clock import in_paris
from storage.figures import Figures, Seen, Speed, StuckMail, Trying, Undelivered
from templates import length_in_words

Row = tuple[str, str]


def as_rows(figures: Figures, *, real_now: datetime) -> Iterator[Row]:
    """Rows of a name and a sentence; what is well and empty is left out at the end."""
    for pause in figures.pauses:
        yield "PAUSED", f"sending is paused since {in_paris(pause.since)}, because: {pause.reason}"
    for mailbox in figures.mailboxes or (Seen("privacy", None, False),):
        yield f"mailbox {mailbox.name}", f"last contact {_when(mailbox.at, real_now)}"
    for one in figures.compared:
        yield "", f"{one.name}: compared with the record {_when(one.at, real_now)}: {_missing(one.missing)}"
    yield "mail process", _alive(figures.mail, real_now)
    yield "bot process", _alive(figures.bot, real_now)
    yield "held", _held(figures)
    yield "e-mails waiting", str(figures.waiting)
    yield "e-mails sent today", str(figures.sent_today)
    yield "receipt to acceptance", f"today {_speed(figures.today)}"
    yield "", f"today, automatic {_speed(figures.today_automatic)}"
    yield "", f"30 days {_speed(figures.month)}"
    yield "", f"30 days, automatic {_speed(figures.month_automatic)}"
    if figures.proposals_decided:
        yield "proposals", _agreement(figures)
    yield from _troubles(figures, real_now)


def as_json(figures: Figures) -> str:
    """The same, for programs: instants in ISO 8601 (UTC), lengths in seconds."""
    return json.dumps(asdict(figures), default=_plain, ensure_ascii=False)


def _troubles(figures: Figures, real_now: datetime) -> Iterator[Row]:
    yield from _listed("failing", figures.failing_count, [_trying(one, real_now) for one in figures.failing])
    yield from _listed("uncertain", figures.uncertain_count, [_trying(one, real_now) for one in figures.uncertain])
    yield from _listed("not delivered", figures.undelivered_count, [_undelivered(one) for one in figures.undelivered])
    yield from _listed("stuck in the mailbox", figures.stuck_count, [_stuck(one) for one in figures.stuck])
    yield "order addresses", _addresses(figures)
    yield "Slack failing", f"{figures.slack_failing}" if figures.slack_failing else "none"


def _listed(name: str, count: int, lines: list[str]) -> Iterator[Row]:
    """The count, then each; those that are not named are counted."""
    yield name, str(count) if count else "none"
    for line in lines:
        yield "", line
    if count > len(lines):
        yield "", f"… and {count - len(lines)} more"


def _when(at: datetime | None, real_now: datetime) -> str:
    return "never" if at is None else f"{in_paris(at)}, {_ago(at, real_now)}"


def _ago(at: datetime, real_now: datetime) -> str:
    return f"{_in_words(real_now - at)} ago" if real_now > at else "just now"


def _missing(count: int) -> str:
    return f"{count} {'mails were' if count > 1 else 'mail was'} missing and taken in" if count else "nothing missing"


def _alive(seen: Seen, real_now: datetime) -> str:
    if seen.alive:
        return "running"
    return "NOT RUNNING, last sign of life " + _when(seen.at, real_now) if seen.at else "has never run"


def _held(figures: Figures) -> str:
    if figures.held_since is None:
        return "none"
    age = _in_words(figures.at - figures.held_since)
    return f"{figures.held}, the oldest for {age}, since {in_paris(figures.held_since)}"


def _agreement(figures: Figures) -> str:
    agreed, decided = figures.proposals_agreed, figures.proposals_decided
    return f"people agreed with {agreed} of the {decided} that they have decided ({agreed / decided:.0%})"


def _speed(speed: Speed) -> str:
    if speed.median is None or speed.worst is None:
        return "nothing"
    return f"{speed.count}: median {_in_words(speed.median)}, worst {_in_words(speed.worst)}"


def _trying(one: Trying, real_now: datetime) -> str:
    reply = f"last reply {one.code}" if one.code else "no reply of a server"
    soon = one.next_try is None or one.next_try <= real_now
    next_try = "now" if soon or one.next_try is None else f"in {_in_words(one.next_try - real_now)}"
    return f"{one.case} ({one.purpose}): {one.attempts} attempts, {reply}, next try {next_try}"


def _undelivered(one: Undelivered) -> str:
    how = "came back" if one.bounced else "refused"
    what = "a person must decide, see /dsr" if one.case.startswith("DSR-") else "telephone the customer, see /breach"
    return f"{one.case}: {how} {in_paris(one.at)}{f', {one.code}' if one.code else ''}: {what}"


def _stuck(one: StuckMail) -> str:
    return f"{one.account} {one.folder} {one.uid}: {one.attempts} attempts since {in_paris(one.since)}, {one.fault}"


def _addresses(figures: Figures) -> str:
    """How many customers' addresses are not known to be read."""
    if not (figures.addresses_unconfirmed or figures.addresses_lost):
        return "all confirmed within a year"
    counts = f"{figures.addresses_unconfirmed} not confirmed for a year, mail came back from {figures.addresses_lost}"
    return f"{counts}: python -m storage customers list --unconfirmed"


def _in_words(length: timedelta) -> str:
    return length_in_words(length, "en")


def _plain(value: object) -> str | float:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(type(value).__name__)
