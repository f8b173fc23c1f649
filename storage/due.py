"""The ladder of tasks with a date: 7, 3 and 1 days before it, 4 hours before, at the instant, then daily until done.

Its rungs are reminders of the task's case, named after the task and its date: another date is another ladder, and so
is the same one when it is set again after another; from the second on, a number says which.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.customers import AT_ONCE
from storage.database import take_turn
from storage.deadlines import DAY, Rung, due_ladder
from storage.models import Reminder, Task
from storage.types import CLOCK

CLAUSE = "4"
SET = "set"
"""Not a rung: from when a ladder counts, which is when its date was set. Nobody is told of it."""


@dataclass(frozen=True)
class _Stand:
    """How far a ladder has come: the next rung is later than `after`, and none is due before the date was set.

    `time`: how often this date was set, which no clock can change.
    """

    after: datetime
    began_at: datetime
    time: int


def begin(session: Session, task: Task, *, now: datetime) -> None:
    """A date was set: only rungs from now on ring, or the newest at once where the date has passed.

    What was still to be told of an earlier date is withdrawn.
    """
    outbox.supersede_reminders(session, task.case, task=task.id, now=now)
    if task.due_at is None:
        return
    overdue = now - task.due_at
    newest = task.due_at + overdue // DAY * DAY - timedelta(seconds=1)
    after = newest if overdue >= timedelta() else now
    rung = _key(task, SET, _stands(session, [task])[task.id].time + 1)
    session.add(Reminder(case=task.case, rung=rung, due_at=after, rung_at=now))
    session.flush()


def next_rings(session: Session, tasks: Iterable[Task]) -> dict[int, datetime]:
    """When each of these rings next, by id; those that are done or have no date are left out."""
    dated = [task for task in tasks if task.done_at is None and task.due_at is not None]
    stands = _stands(session, dated)
    return {task.id: next(due_ladder(task.due_at, after=stands[task.id].after)).at for task in dated if task.due_at}


def find_dated(session: Session, cases: Sequence[str] | None = None) -> Iterator[Task]:
    """The tasks with a date that are not done: of these cases, or all."""
    dated = select(Task).where(Task.done_at.is_(None), Task.due_at.is_not(None)).order_by(Task.id)
    if cases is None:
        yield from session.scalars(dated)
        return
    for start in range(0, len(cases), AT_ONCE):
        yield from session.scalars(dated.where(Task.case.in_(cases[start : start + AT_ONCE])))


def get_dated(session: Session, task_id: int) -> Task:
    """The task, which nobody else changes until the transaction ends."""
    take_turn(session, select(Task).where(Task.id == task_id))
    return session.get_one(Task, task_id)


def ring(session: Session, task: Task, *, now: datetime) -> Reminder | None:
    """Insert the rungs that fell due since the last one; the newest speaks for them all, older unsent are superseded.

    The caller holds the task's row (`get_dated`) and queues the deliveries in the same transaction.
    """
    if task.done_at is not None or task.due_at is None:
        return None
    stand = _stands(session, [task])[task.id]
    new = list(takewhile(lambda rung: rung.at <= now, due_ladder(task.due_at, after=stand.after)))
    if not new:
        return None
    outbox.supersede_reminders(session, task.case, task=task.id, now=now)
    reminders = [_reminder(task, rung, stand, now) for rung in new]
    session.add_all(reminders)
    session.flush()
    shown: dict[str, journal.Detail] = {"rung": new[-1].name, "what": task.what.value}
    journal.record(session, "reminder-due", by=CLOCK, now=now, case=task.case, clause=CLAUSE, **shown)
    return reminders[-1]


def task_of(session: Session, reminder: Reminder) -> Task | None:
    """The task that a reminder is about, if it still has to be done by the date that it speaks of."""
    number = number_in(reminder.rung)
    task = session.get(Task, number) if number is not None else None
    if task is None or task.done_at is not None or task.due_at is None:
        return None
    return task if reminder.rung.endswith(_date(task)) else None


def number_in(rung: str) -> int | None:
    """The id of the task whose ladder a rung belongs to; None for one of a case's own."""
    name, _, _ = rung.partition(":")
    number = name.removeprefix(outbox.OF_TASK)
    return int(number) if name != number and number.isdigit() else None


def _reminder(task: Task, rung: Rung, stand: _Stand, now: datetime) -> Reminder:
    """A rung is due when it says, but not before there was a date."""
    due_at = max(rung.at, stand.began_at)
    return Reminder(case=task.case, rung=_key(task, rung.name, stand.time), due_at=due_at, rung_at=now)


def _stands(session: Session, tasks: Sequence[Task]) -> dict[int, _Stand]:
    rung = _rungs(session, sorted({task.case for task in tasks}))
    return {task.id: _stand(task, rung.get(_name(task), [])) for task in tasks}


def _stand(task: Task, rungs: Iterable[Reminder]) -> _Stand:
    """Of the rungs of its date, in their order, those since it was set last."""
    ours = [one for one in rungs if one.rung.endswith(_date(task))]
    sets = [place for place, one in enumerate(ours) if one.rung.startswith(f"{_name(task)}:{SET}")]
    since = ours[sets[-1] :] if sets else ours
    after = max((one.due_at for one in since), default=task.opened_at)
    return _Stand(after, since[0].rung_at if sets else task.opened_at, len(sets))


def _rungs(session: Session, cases: Sequence[str]) -> dict[str, list[Reminder]]:
    """All rungs of these cases' tasks, by the task's name in them."""
    found: dict[str, list[Reminder]] = {}
    for start in range(0, len(cases), AT_ONCE):
        for reminder in session.scalars(_of_tasks(cases[start : start + AT_ONCE])):
            found.setdefault(reminder.rung.partition(":")[0], []).append(reminder)
    return found


def _of_tasks(cases: Sequence[str]) -> Select[Reminder]:
    ours = select(Reminder).where(Reminder.case.in_(cases), Reminder.rung.startswith(outbox.OF_TASK))
    return ours.order_by(Reminder.id)


def _key(task: Task, name: str, time: int) -> str:
    return f"{_name(task)}:{name}{f'#{time}' if time > 1 else ''}{_date(task)}"


def _name(task: Task) -> str:
    return f"{outbox.OF_TASK}{task.id}"


def _date(task: Task) -> str:
    assert task.due_at is not None  # noqa: S101 - the callers have asked
    return f"@{task.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
