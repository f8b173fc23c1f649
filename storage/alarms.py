"""What rings at once: in the thread while it is not too often, directly to colleagues, and put down for a letter.

A flood rings a few times and is then told as one. Everything is queued in the transaction that decides.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from storage import outbox
from storage.announcements import CHANNEL
from storage.models import Staff
from storage.outbox import Queued
from storage.types import BY_MAIL, Medium, Purpose

WINDOW = timedelta(minutes=15)
ONE_BY_ONE = 5
"""What is told in Slack one by one in each WINDOW; the letters name all."""


def window_of(now: datetime) -> int:
    """The number of the quarter of an hour."""
    return int(now.timestamp() // WINDOW.total_seconds())


def take_slot(
    session: Session, slot: str, topic: str, case: str, *, affected_id: int | None = None, now: datetime
) -> bool:
    """Queue the post in the case's thread; False when something else has had this slot."""
    return outbox.queue(
        session,
        slot,
        medium=Medium.SLACK,
        purpose=Purpose.ANNOUNCEMENT,
        topic=topic,
        recipient=CHANNEL,
        language="",
        case=case,
        affected_id=affected_id,
        now=now,
    )


def to_colleague(key: str, topic: str, case: str, colleague: Staff | None, *, affected_id: int | None = None) -> Queued:
    """To a colleague directly; to the channel, or a case's thread, without one."""
    recipient = colleague.slack_user if colleague else CHANNEL
    return Queued(
        key=f"{key}:{recipient}",
        medium=Medium.SLACK,
        purpose=Purpose.ANNOUNCEMENT,
        topic=topic,
        recipient=recipient,
        language=colleague.language if colleague else "",
        case=case,
        affected_id=affected_id,
    )


def by_mail(key: str, topic: str, case: str, *, affected_id: int | None = None) -> Queued:
    """Put down for the letter that the bot writes, whether Slack is there or not."""
    return Queued(
        key=f"by-mail:{key}",
        medium=Medium.SLACK,
        purpose=Purpose.ALERT,
        topic=topic,
        recipient=BY_MAIL,
        language="",
        case=case,
        affected_id=affected_id,
    )
