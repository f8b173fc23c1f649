"""When a customer of a breach needs somebody now: told in the thread, directly to lead and dpo, and to them by e-mail.

A relay that refuses three hundred notices rings a few times and is then told as one; the e-mails are gathered by the
bot (bot/notice_ringing.py).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import alarms, breach_lead, outbox
from storage.alarms import ONE_BY_ONE
from storage.journal import Recorded
from storage.models import Affected

LOST, MANY_LOST = "breach_notice_lost", "breach_notices_lost"
"""The topics of the e-mails, and of more failures than are told one by one."""


def ring(session: Session, entry: Recorded, affected: Affected, topic: str, *, now: datetime) -> None:
    """Say that one customer was not reached, under the topic of what happened; `entry` is the journal's line of it."""
    breach, case, window = affected.breach, affected.breach.reference, alarms.window_of(now)
    slots = (f"slack:{LOST}:{case}:{window}:{slot}" for slot in range(ONE_BY_ONE))
    if any(alarms.take_slot(session, slot, topic, case, affected_id=affected.id, now=now) for slot in slots):
        key, about = f"slack:{topic}:{entry.number}", affected.id
    else:
        topic, key, about = MANY_LOST, f"slack:{MANY_LOST}:{case}:{window}", None
        outbox.queue_all(session, [alarms.to_colleague(key, topic, case, None)], now=now)
    people = breach_lead.find_people(session, breach, now=now)
    rows = [alarms.to_colleague(key, topic, case, one, affected_id=about) for one in people]
    rows.append(alarms.by_mail(f"{LOST}:{entry.number}", LOST, case, affected_id=affected.id))
    outbox.queue_all(session, rows, now=now)
