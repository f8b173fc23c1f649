"""Tasks with a date: who is told when a rung of their ladder rings, and in which words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bot import letters, telling
from bot.blocks import mentions
from bot.desk import Desk
from bot.letters import how_late
from bot.who import Names
from bot.words import word
from storage import due, staff, tasks
from storage.announcements import CHANNEL
from storage.models import Delivery, Reminder, Staff, Task
from storage.outbox import Words
from storage.types import BY_MAIL, Role
from templates import render

TOPIC = "task_reminder"
BY_LETTER = timedelta(days=1)
"""From so long before the date on, dpo and escalation addresses get an e-mail."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class DueTask:
    """A task that has to be done by a date. `owner` is whom Slack may name, `owner_name` who that is for a letter;
    `rang_at` is when the rung that speaks of it fell due."""

    reference: str
    number: int
    what: str
    due_at: datetime
    rang_at: datetime
    owner: str | None
    owner_name: str | None


def ring_task(desk: Desk, task_id: int, *, now: datetime) -> bool:
    """Insert the due rungs of one task and queue the newest one's deliveries; False when another process did."""
    with desk.decide() as session:
        task = due.get_dated(session, task_id)
        reminder = due.ring(session, task, now=now)
        if reminder is not None:
            _queue_rung(session, task, reminder, now=now)
    return reminder is not None


def find_due(session: Session, delivery: Delivery, *, now: datetime) -> DueTask | None:
    """What a reminder is about; None once it is done, or the date is another."""
    reminder = delivery.reminder
    task = due.task_of(session, reminder) if reminder else None
    if reminder is None or task is None or task.due_at is None:
        return None
    owner = _find_owner(session, task, now)
    return DueTask(
        reference=task.case,
        number=tasks.number_of(session, task),
        what=task.what.value,
        due_at=task.due_at,
        rang_at=reminder.due_at,
        owner=Names(session).find(task.owner),
        owner_name=owner.name if owner else task.owner,
    )


def say_due(task: DueTask, language: str, *, now: datetime) -> str:
    """The reminder as Slack shows it."""
    return render(TOPIC, language, "slack", mention=mentions(language), **describe_due(task, language, now=now))


def write_due(task: DueTask, language: str, *, now: datetime, **values: Any) -> Words:
    """The reminder as a letter of its own."""
    values |= describe_due(task, language, now=now)
    return letters.write_mail(TOPIC, language, **values)


def describe_due(task: DueTask, language: str, *, now: datetime) -> dict[str, Any]:
    """What the words need: what is to be done, and in whole minutes how long is left or has passed."""
    left = task.due_at - now
    return {
        "task": task,
        "to_do": word(language, f"task.{task.what}"),
        "left": max(-(-left // MINUTE) * MINUTE, timedelta()),
        "passed": max(-left // MINUTE * MINUTE, timedelta()),
        "late_minutes": how_late(task.rang_at, now),
    }


def _queue_rung(session: Session, task: Task, reminder: Reminder, *, now: datetime) -> None:
    telling.queue_reminder(session, reminder, TOPIC, CHANNEL, "", now=now)
    for colleague in _find_people(session, task, now):
        telling.queue_reminder(session, reminder, TOPIC, colleague.slack_user, colleague.language, now=now)
    if task.due_at is not None and reminder.due_at >= task.due_at - BY_LETTER:
        telling.queue_reminder(session, reminder, TOPIC, BY_MAIL, "", now=now)


def _find_people(session: Session, task: Task, now: datetime) -> list[Staff]:
    """Its owner; without one who is still here, every active dpo."""
    owner = _find_owner(session, task, now)
    return [owner] if owner else staff.active_staff(session, now=now, role=Role.DPO)


def _find_owner(session: Session, task: Task, now: datetime) -> Staff | None:
    return staff.find_staff(session, task.owner, now=now) if task.owner else None
