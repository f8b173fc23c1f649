"""The clock of held requests: it rings after 1, 4 and 24 hours, then every day, until somebody has decided."""

import time
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.desk import Desk
from storage import journal, ladder, outbox, requests, staff
from storage.announcements import CHANNEL
from storage.models import Reminder, Request
from storage.types import BY_MAIL, Medium, Purpose, Role

DIRECTLY = timedelta(hours=4)
"""The rung that also goes to each handler and dpo."""
BY_LETTER = timedelta(hours=24)
"""From here on dpo and escalation addresses get an e-mail."""
AT_ONCE = 50
"""Requests that ring in one tick at most; the next tick goes on."""
ANEW = 600.0
"""Seconds after which everything is read again, whatever the journal says."""
TOPIC = "request_reminder"


class Ladder:
    """When each held request rings next, remembered between ticks: the record decides, this only saves asking it.

    Everything that changes a request stands in the journal, so a tick reads the few entries that are new there.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._next: dict[str, datetime] = {}
        self._unsure: set[str] = set()
        self._entry = 0
        self._anew_at = 0.0

    def tick(self, *, now: datetime) -> list[str]:
        """Ring what fell due; the references that rang."""
        with self._desk.database.reading() as session:
            self._follow(session)
        due = sorted((at, reference) for reference, at in self._next.items() if at <= now)[:AT_ONCE]
        return [reference for _, reference in due if self._ring(reference, now=now)]

    def _ring(self, reference: str, *, now: datetime) -> bool:
        """Ring one, whose next rung is then read again. The poison guard: what cannot ring waits for the next reading
        of everything, and the others get their turn."""
        del self._next[reference]
        self._unsure.add(reference)
        try:
            return ring_request(self._desk, reference, now=now)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - the poison guard
            self._unsure.discard(reference)
            structlog.get_logger().error("ring-failed", case=reference, fault=error)
            return False

    def _follow(self, session: Session) -> None:
        if time.monotonic() >= self._anew_at:
            self._entry, _ = journal.head(session)
            self._next = ladder.next_rings(session, requests.find_waiting(session))
            self._anew_at = time.monotonic() + ANEW
            return
        self._entry, changed = ladder.cases_since(session, self._entry)
        changed |= self._unsure
        for reference in changed:
            self._next.pop(reference, None)
        self._next |= ladder.next_rings(session, ladder.find_changed(session, sorted(changed)))
        self._unsure = set()


def ring_request(desk: Desk, reference: str, *, now: datetime) -> bool:
    """Insert the due rungs of one request and queue the newest one's deliveries; False when another process did."""
    with desk.decide() as session:
        request = requests.get_request(session, reference, to_change=True)
        reminder = ladder.ring(session, request, now=now)
        if reminder is not None:
            _queue_rung(session, request, reminder, now=now)
    return reminder is not None


def _queue_rung(session: Session, request: Request, reminder: Reminder, *, now: datetime) -> None:
    waited = reminder.due_at - requests.waiting_since(request)
    _queue(session, reminder, CHANNEL, "", now=now)
    if waited == DIRECTLY:
        for colleague in staff.active_staff(session, now=now):
            if colleague.role in (Role.HANDLER, Role.DPO):
                _queue(session, reminder, colleague.slack_user, colleague.language, now=now)
    if waited >= BY_LETTER:
        _queue(session, reminder, BY_MAIL, "", now=now)


def _queue(session: Session, reminder: Reminder, recipient: str, language: str, *, now: datetime) -> None:
    outbox.queue(
        session,
        f"reminder:{reminder.id}:slack:{recipient}",
        medium=Medium.SLACK,
        purpose=Purpose.REMINDER,
        topic=TOPIC,
        recipient=recipient,
        language=language,
        case=reminder.case,
        reminder_id=reminder.id,
        now=now,
    )
