"""What is e-mailed to a colleague: to their own address, from the staff table, and once for each gesture.

Slack is the remote control, the mailbox is the reading room.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.models import Delivery, Staff
from storage.outbox import Words
from storage.types import Actor, Medium, Purpose


def queue_to(  # noqa: PLR0913 - a mail is all of this; keyword-only
    session: Session,
    colleague: Staff,
    what: str,
    case: str,
    *,
    gesture: str,
    purpose: Purpose,
    topic: str,
    language: str | None = None,
    words: Words | None = None,
    original_id: int | None = None,
    now: datetime,
) -> int | None:
    """Queue it, in their language unless told; the delivery's id, None when this gesture did so before."""
    key = f"{what}:{case}:{colleague.slack_user}:{gesture}"
    new = outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=purpose,
        topic=topic,
        recipient=colleague.email,
        language=language or colleague.language,
        case=case,
        words=words,
        original_id=original_id,
        now=now,
    )
    return session.scalars(select(Delivery.id).where(Delivery.key == key)).one() if new else None


def send_original(
    session: Session, colleague: Staff, case: str, message_id: int, *, gesture: str, by: Actor, now: datetime
) -> None:
    """Queue a mail of a case as it came; journalled."""
    queued = queue_to(
        session,
        colleague,
        "original",
        case,
        gesture=gesture,
        purpose=Purpose.ORIGINAL,
        topic="original",
        original_id=message_id,
        now=now,
    )
    if queued:
        journal.record(session, "original-sent-to-staff", by=by, now=now, case=case, clause="2")
