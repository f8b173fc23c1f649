"""What Slack is told of a case: its card, kept up to date, and events in its thread. Texts are rendered when sent."""

from sqlalchemy.orm import Session

from storage import outbox
from storage.models import Entry
from storage.types import Medium, Purpose

CHANNEL = "channel"
"""A recipient that means the staff's channel: only the bot knows which one that is."""
BY_MAIL = "by-mail"
"""A recipient that means dpo and escalation addresses: the bot gathers what goes there into few letters."""
DESK_CASE = "desk"
"""The case of what is said about the desk itself."""


def show_card(session: Session, entry: Entry) -> None:
    """Post or refresh the card of the case that a journal entry is about."""
    _queue(session, entry, Purpose.CARD, "card", CHANNEL, "")


def announce(session: Session, entry: Entry, topic: str, *, recipient: str = CHANNEL, language: str = "") -> None:
    """Say an event in the case's thread, or to one colleague (a Slack user id) directly."""
    _queue(session, entry, Purpose.ANNOUNCEMENT, topic, recipient, language)


def _queue(session: Session, entry: Entry, purpose: Purpose, topic: str, recipient: str, language: str) -> None:
    outbox.queue(
        session,
        f"slack:{topic}:{entry.number}:{recipient}",
        medium=Medium.SLACK,
        purpose=purpose,
        topic=topic,
        recipient=recipient,
        language=language,
        case=entry.case or "",
        now=entry.at,
    )
