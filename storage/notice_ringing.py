"""When a customer of a breach needs somebody now: told in the thread, directly to lead and dpo, and to them by e-mail.

Everything is queued in the transaction that decides. A relay that refuses three hundred notices rings a few times and
is then told as one; the e-mails are gathered by the bot (bot/notice_ringing.py).
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from storage import breach_lead, outbox
from storage.announcements import CHANNEL
from storage.journal import Recorded
from storage.models import Affected, Breach, Staff
from storage.outbox import Queued
from storage.types import BY_MAIL, Medium, Purpose

LOST, MANY_LOST = "breach_notice_lost", "breach_notices_lost"
"""The topics of the e-mails, and of more failures than are told one by one."""
WINDOW = timedelta(minutes=15)
ONE_BY_ONE = 5
"""Failures of a breach that are told one by one in each WINDOW."""


def ring(session: Session, entry: Recorded, affected: Affected, topic: str, *, now: datetime) -> None:
    """Say that one customer was not reached, under the topic of what happened; `entry` is the journal's line of it."""
    breach, window = affected.breach, int(now.timestamp() // WINDOW.total_seconds())
    key = f"slack:{topic}:{entry.number}"
    if not any(_takes(session, breach, affected, topic, f"{window}:{slot}", now=now) for slot in range(ONE_BY_ONE)):
        topic, key = MANY_LOST, f"slack:{MANY_LOST}:{breach.reference}:{window}"
        outbox.queue_all(session, [_row(key, topic, breach, None, None)], now=now)
    rows = [_row(key, topic, breach, affected, one) for one in breach_lead.find_people(session, breach, now=now)]
    outbox.queue_all(session, [*rows, _by_mail(entry, affected)], now=now)


def _takes(session: Session, breach: Breach, affected: Affected, topic: str, slot: str, *, now: datetime) -> bool:
    """Queue the post in the thread; False when another failure has had this slot."""
    return outbox.queue(
        session,
        f"slack:{LOST}:{breach.reference}:{slot}",
        medium=Medium.SLACK,
        purpose=Purpose.ANNOUNCEMENT,
        topic=topic,
        recipient=CHANNEL,
        language="",
        case=breach.reference,
        affected_id=affected.id,
        now=now,
    )


def _row(key: str, topic: str, breach: Breach, affected: Affected | None, colleague: Staff | None) -> Queued:
    """To a colleague directly, or to the thread."""
    recipient = colleague.slack_user if colleague else CHANNEL
    return Queued(
        key=f"{key}:{recipient}",
        medium=Medium.SLACK,
        purpose=Purpose.ANNOUNCEMENT,
        topic=topic,
        recipient=recipient,
        language=colleague.language if colleague else "",
        case=breach.reference,
        affected_id=affected.id if affected and topic != MANY_LOST else None,
    )


def _by_mail(entry: Recorded, affected: Affected) -> Queued:
    """Put down for the letter that the bot writes, whether Slack is there or not."""
    return Queued(
        key=f"by-mail:{LOST}:{entry.number}",
        medium=Medium.SLACK,
        purpose=Purpose.ALERT,
        topic=LOST,
        recipient=BY_MAIL,
        language="",
        case=affected.breach.reference,
        affected_id=affected.id,
    )
