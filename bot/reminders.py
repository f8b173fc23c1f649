"""The clock of breaches: each tick inserts the rungs that fell due and queues who is told, in one transaction.

The scheduler only ticks. The deadline is a column of the breach, the rungs are rows, and only the outbox sends.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.orm import Session

from bot import letters, telling
from bot.desk import Desk
from bot.showing import show_breach
from storage import breach_clock, breaches, staff
from storage.announcements import CHANNEL
from storage.clock import now as desk_now
from storage.models import Breach, Reminder, Staff
from storage.types import Purpose, Role

BY_MAIL = timedelta(hours=24)
"""From here on to the deadline, lead and dpo get an e-mail, too."""
BROADCAST = timedelta(hours=12)
"""From here on, a reply in the thread is shown in the channel, too."""
ESCALATE = timedelta(hours=3)
"""From here on, the escalation addresses get an e-mail."""


def ring_due(desk: Desk, *, now: datetime) -> list[str]:
    """One tick: ring what fell due. The references that rang."""
    with desk.database.reading() as session:
        due = [one.reference for one in breaches.find_open(session) if breach_clock.new_rungs(session, one, now=now)]
    return [reference for reference in due if ring_breach(desk, reference, now=now)]


def ring_breach(desk: Desk, reference: str, *, now: datetime) -> bool:
    """Insert the due rungs of one breach and queue the newest one's deliveries; False when another process did."""
    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        reminder = breach_clock.ring(session, breach, now=now)
        if reminder is not None:
            _queue_rung(session, desk, breach, reminder, now=now)
    return reminder is not None


def is_broadcast(breach: Breach, reminder: Reminder) -> bool:
    """Whether this rung is shown in the channel as well as in the thread."""
    return _left(breach, reminder) <= BROADCAST


def _left(breach: Breach, reminder: Reminder) -> timedelta:
    """What was left to the deadline when the rung fell due; a drill's shorter hours count as hours."""
    return (breach.deadline_at - reminder.due_at) * breach.pace


def _queue_rung(session: Session, desk: Desk, breach: Breach, reminder: Reminder, *, now: datetime) -> None:
    people = telling.find_people(session, breach, now=now)
    lead = [one for one in people if one.slack_user == breach.lead]
    for recipient, language in ((CHANNEL, ""), *((one.slack_user, one.language) for one in lead or people)):
        telling.queue_reminder(session, reminder, "breach_reminder", recipient, language, now=now)
    readers = _find_readers(session, desk, people, _left(breach, reminder), now=now)
    for address, language in readers.items():
        _queue_letter(session, desk, breach, reminder, address, language, now=now)


def _find_readers(
    session: Session, desk: Desk, people: list[Staff], left: timedelta, *, now: datetime
) -> dict[str, str]:
    """The addresses that get this rung by e-mail, with their languages."""
    if left > BY_MAIL:
        return {}
    readers = {one.email: one.language for one in people}
    if left <= ESCALATE:
        dpos = staff.active_staff(session, now=now, role=Role.DPO)
        others = telling.find_others(desk.settings.escalation_addresses, [*people, *dpos])
        readers |= dict.fromkeys(others, desk.settings.staff_language)
    return readers


def _queue_letter(
    session: Session, desk: Desk, breach: Breach, reminder: Reminder, address: str, language: str, *, now: datetime
) -> None:
    card, company = show_breach(session, breach), desk.settings.company_name
    telling.queue_mail(
        session,
        telling.key_of_letter(breach.reference, reminder.id, address),
        case=breach.reference,
        topic="breach_reminder",
        address=address,
        language=language,
        words=letters.write_reminder(card, language, due_at=reminder.due_at, now=now, company=company),
        purpose=Purpose.REMINDER,
        reminder_id=reminder.id,
        now=now,
    )


class Ticker:
    """APScheduler, which only ticks; `age` is how long ago it last did, on the monotonic clock."""

    def __init__(self, every: float = 1.0) -> None:
        self._every = every
        self._jobs: list[tuple[Callable[[], None], float]] = []
        self._last = time.monotonic()
        self._scheduler: BackgroundScheduler | None = None

    def add(self, job: Callable[[], None], *, every: float | None = None) -> None:
        """Have `job` called every so many seconds from the next start on."""
        self._jobs.append((job, every or self._every))

    @property
    def age(self) -> float:
        return time.monotonic() - self._last

    def start(self) -> None:
        """Start, or start anew when the ticks have stayed away."""
        self.stop(wait=False)
        self._last = time.monotonic()
        scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(4)})
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(self._tick, "interval", seconds=self._every, **options)
        for job, seconds in self._jobs:
            scheduler.add_job(job, "interval", seconds=seconds, **options)
        scheduler.start()
        self._scheduler = scheduler

    def stop(self, *, wait: bool = True) -> None:
        """Tick no more; `wait` for the tick under way."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=wait)
            self._scheduler = None

    def _tick(self) -> None:
        self._last = time.monotonic()


def tick(desk: Desk) -> None:
    """What the ticker calls, on the desk's own clock."""
    ring_due(desk, now=desk_now())
