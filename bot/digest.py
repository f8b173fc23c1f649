"""The daily figures: at 08:00 in Paris to the channel and, by e-mail, to dpo and escalation addresses; zeros, too."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from bot import letters, telling
from bot.desk import Desk
from bot.letters import how_late
from bot.words import word
from storage import digest, outbox
from storage.announcements import CHANNEL, DESK_CASE
from storage.deadlines import digest_day
from storage.digest import KEY, Digest
from storage.models import Delivery
from storage.outbox import Words
from storage.types import Medium, Purpose
from templates import in_words, length_in_words, render, slack_instant

TOPIC = "digest"


class DigestClock:
    """Tells each day's figures once. Only the newest day's: what an outage kept from being told is in the next."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._told: date | None = None

    def tick(self, *, now: datetime) -> bool:
        """Whether the figures of a day were queued now."""
        day = digest_day(now)
        if day == self._told:
            return False
        told = tell(self._desk, day, now=now)
        self._told = day
        return told


def tell(desk: Desk, day: date, *, now: datetime) -> bool:
    """Queue a day's figures for everybody who gets them; False when that was done. Nobody waits while it is counted."""
    with desk.database.reading() as session:
        if not digest.is_due(session, day):
            return False
        readers = telling.find_readers(session, desk.settings, now=now)
        figures = {address: digest.gather(session, day, now=now, recipient=address) for address in readers}
    with desk.decide() as session:
        if not _queue_post(session, day, now=now):
            return False
        digest.supersede_older(session, day, now=now)
        for address, language in readers.items():
            words = write(figures[address], language, company=desk.settings.company_name, now=now)
            _queue_letter(session, day, address, language, words, now=now)
    return True


def say_digest(session: Session, delivery: Delivery, language: str, *, now: datetime) -> str:
    """The figures as Slack shows them: what happened is as in the e-mails, what waits as it is now."""
    figures = digest.gather(session, digest.day_of(delivery.key), now=now, recipient=delivery.recipient)
    lines = [(Markup(label), Markup(said)) for label, said in say_lines(figures, language, _slack_at, now=now)]  # noqa: S704 - our own words, numbers and references
    return render(TOPIC, language, "slack", lines=lines, **_values(figures, now))


def write(figures: Digest, language: str, *, company: str, now: datetime, in_time: bool = False) -> Words:
    """The figures as an e-mail; `in_time` for one who asks for them, whatever the hour."""
    lines = say_lines(figures, language, in_words, now=now)
    values: dict[str, Any] = {"lines": lines, "company": company, **_values(figures, figures.until if in_time else now)}
    return letters.write_mail(TOPIC, language, **values)


def read_day(text: str | None, *, now: datetime) -> date | None:
    """The day that a person typed, or the newest; None for what is none, and for one that is still to come."""
    newest = digest_day(now)
    try:
        day = date.fromisoformat(text.strip()) if text else newest
    except ValueError:
        return None
    return day if day <= newest else None


def say_lines(
    figures: Digest, language: str, say_at: Callable[[datetime, str], str], *, now: datetime
) -> list[tuple[str, str]]:
    """What is counted, and the count in words: templates/digest_lines, one `what|count` a line."""
    tasks = [(word(language, f"task.{what.value}"), count) for what, count in figures.tasks]

    def age(since: datetime) -> str:
        return length_in_words(max(now - since, timedelta()), language)

    said = render("digest_lines", language, d=figures, tasks=tasks, age=age, at=lambda at: say_at(at, language))
    pairs = (line.partition("|") for line in said.splitlines() if line.strip())
    return [(label.strip(), count.strip()) for label, _, count in pairs]


def _values(figures: Digest, now: datetime) -> dict[str, Any]:
    return {"d": figures, "late_minutes": how_late(figures.until, now)}


def _slack_at(at: datetime, _: str) -> str:
    """The same in every language: Slack puts it into the reader's own."""
    return str(slack_instant(at))


def _queue_post(session: Session, day: date, *, now: datetime) -> bool:
    return outbox.queue(
        session,
        f"{KEY}{day}:slack:{CHANNEL}",
        medium=Medium.SLACK,
        purpose=Purpose.DIGEST,
        topic=TOPIC,
        recipient=CHANNEL,
        language="",
        case=DESK_CASE,
        now=now,
    )


def _queue_letter(session: Session, day: date, address: str, language: str, words: Words, *, now: datetime) -> None:
    telling.queue_mail(
        session,
        f"{KEY}{day}:e-mail:{address}",
        case=DESK_CASE,
        topic=TOPIC,
        address=address,
        language=language,
        words=words,
        purpose=Purpose.DIGEST,
        now=now,
    )
