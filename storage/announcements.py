"""What Slack is told of a case: its card, kept up to date, and events in its thread. Texts are rendered when sent."""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy.orm import Session

from storage import outbox
from storage.journal import Recorded
from storage.types import Medium, Purpose

CHANNEL = "channel"
"""A recipient that means the staff's channel: only the bot knows which one that is."""
DESK_CASE = "desk"
"""The case of what is said about the desk itself."""


def show_card(session: Session, entry: Recorded) -> None:
    """Post or refresh the card of the case that a journal entry is about."""
    show_cards(session, [entry])


def show_cards(session: Session, entries: Sequence[Recorded]) -> None:
    """The same for several cases at once."""
    for now, some in groupby(entries, key=lambda entry: entry.at):
        rows = [_queued(entry, Purpose.CARD, "card", CHANNEL, "") for entry in some]
        outbox.queue_all(session, rows, now=now)


def announce(
    session: Session,
    entry: Recorded,
    topic: str,
    *,
    recipient: str = CHANNEL,
    language: str = "",
    forward_id: int | None = None,
    affected_id: int | None = None,
) -> None:
    """Say an event in the case's thread, or to one colleague (a Slack user id) directly."""
    row = _queued(entry, Purpose.ANNOUNCEMENT, topic, recipient, language, forward_id, affected_id)
    outbox.queue_all(session, [row], now=entry.at)


def _queued(
    entry: Recorded,
    purpose: Purpose,
    topic: str,
    recipient: str,
    language: str,
    forward_id: int | None = None,
    affected_id: int | None = None,
) -> outbox.Queued:
    return outbox.Queued(
        key=f"slack:{topic}:{entry.number}:{recipient}",
        medium=Medium.SLACK,
        purpose=purpose,
        topic=topic,
        recipient=recipient,
        language=language,
        case=entry.case or "",
        forward_id=forward_id,
        affected_id=affected_id,
    )
