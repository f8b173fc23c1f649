"""The e-mails that the bot queues: their words are rendered when they are queued, and mail sends them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.breach_cards import BreachCard
from bot.words import word
from storage.outbox import Words
from templates import render

LATE = timedelta(minutes=2)
"""From how late on a reminder says so."""


def write_opened(
    card: BreachCard, summary: str, language: str, *, company: str, in_slack: bool = True, documents: str | None = None
) -> Words:
    """A breach was reported: to lead, dpo and escalation addresses. `documents`: where staff mail its documents to."""
    values = {"summary": summary, "company": company, "in_slack": in_slack, "documents_address": documents}
    return _write("breach_opened", card, language, **values)


def write_reminder(
    card: BreachCard, language: str, *, rung: Mapping[str, Any], company: str, in_slack: bool = True
) -> Words:
    """A rung of a ladder, as bot/rungs.py describes it."""
    return _write("breach_reminder", card, language, company=company, in_slack=in_slack, **rung)


def how_late(due_at: datetime, now: datetime) -> int:
    """By how many minutes a reminder is late; 0 while that need not be said."""
    late = now - due_at
    return int(late / timedelta(minutes=1)) if late >= LATE else 0


def describe_waiting(*, since: datetime, due_at: datetime, now: datetime) -> dict[str, Any]:
    """What a held request's reminder says: how long it has waited now, and by how many minutes it is late itself."""
    return {
        "hours": int((now - since) / timedelta(hours=1)),
        "since": since,
        "due_at": due_at,
        "late_minutes": how_late(due_at, now),
    }


def _write(template: str, card: BreachCard, language: str, **values: Any) -> Words:
    means = {line.means: word(language, f"means.{line.means}") for line in card.customers if line.means}
    values |= {"card": card, "means": means, "shown": 50}
    return write_mail(template, language, **values)


def write_mail(template: str, language: str, **values: Any) -> Words:
    """An e-mail to staff: its subject, text and HTML from the templates of this name."""
    return Words(
        subject=render(f"{template}_subject", language, **values),
        text=render(template, language, **values),
        html=render(template, language, "html", **values),
    )


def write_text_mail(template: str, language: str, **values: Any) -> Words:
    """An e-mail to staff without HTML: what there is to see is attached."""
    return Words(render(f"{template}_subject", language, **values), render(template, language, **values))
