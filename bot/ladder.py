"""The clock of held requests: it rings after 1, 4 and 24 hours, then every day, until somebody has decided.

Tasks with a date ring by the same clock (bot/due.py).
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot import telling
from bot.desk import Desk
from bot.due import ring_task
from bot.guarding import PoisonGuard
from storage import due, journal, ladder, requests, staff
from storage.announcements import CHANNEL
from storage.models import Reminder, Request, Task
from storage.types import BY_MAIL, Role

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
    """When each held request and each task with a date rings next, remembered between ticks: the record decides, this
    only saves asking it.

    Everything that changes either stands in the journal, so a tick reads the few entries that are new there.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._next: dict[str, datetime] = {}
        self._due: dict[str, dict[int, datetime]] = {}
        self._unsure: set[str] = set()
        self._entry = 0
        self._anew_at = 0.0

    def tick(self, *, now: datetime) -> list[str]:
        """Ring what fell due; the references that rang."""
        with self._desk.database.reading() as session:
            self._follow(session)
        held = [(at, reference, 0) for reference, at in self._next.items() if at <= now]
        dated = [(at, case, task) for case, tasks in self._due.items() for task, at in tasks.items() if at <= now]
        due_now = sorted(held + dated)[:AT_ONCE]
        return [reference for _, reference, task in due_now if self._ring(reference, task, now=now)]

    def _ring(self, reference: str, task: int, *, now: datetime) -> bool:
        """Ring one, whose next rung is then read again; what cannot ring waits for the next reading of everything."""
        self._forget(reference, task)
        self._unsure.add(reference)
        with PoisonGuard("ring-failed", reference):
            if task:
                return ring_task(self._desk, task, now=now)
            return ring_request(self._desk, reference, now=now)
        self._unsure.discard(reference)
        return False

    def _forget(self, reference: str, task: int) -> None:
        if task:
            self._due.get(reference, {}).pop(task, None)
        else:
            self._next.pop(reference, None)

    def _follow(self, session: Session) -> None:
        if time.monotonic() >= self._anew_at:
            self._entry, _ = journal.head(session)
            self._next = ladder.next_rings(session, requests.find_waiting(session))
            self._due = {}
            self._remember_due(session, due.find_dated(session))
            self._anew_at = time.monotonic() + ANEW
            return
        self._entry, changed = ladder.cases_since(session, self._entry)
        changed |= self._unsure
        for reference in changed:
            self._next.pop(reference, None)
            self._due.pop(reference, None)
        if changed:
            self._next |= ladder.next_rings(session, ladder.find_changed(session, sorted(changed)))
            self._remember_due(session, due.find_dated(session, sorted(changed)))
        self._unsure = set()

    def _remember_due(self, session: Session, dated: Iterable[Task]) -> None:
        known = list(dated)
        rings = due.next_rings(session, known)
        for task in known:
            self._due.setdefault(task.case, {})[task.id] = rings[task.id]


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
    telling.queue_reminder(session, reminder, TOPIC, CHANNEL, "", now=now)
    if waited == DIRECTLY:
        for colleague in staff.active_staff(session, now=now):
            if colleague.role in (Role.HANDLER, Role.DPO):
                telling.queue_reminder(session, reminder, TOPIC, colleague.slack_user, colleague.language, now=now)
    if waited >= BY_LETTER:
        telling.queue_reminder(session, reminder, TOPIC, BY_MAIL, "", now=now)
