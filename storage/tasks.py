"""What a colleague must do about a case. Tasks are numbered within their case, from 1, as they were opened."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storage import announcements, due, journal, outbox
from storage.database import take_turn
from storage.errors import TaskDone, TaskTaken, UnknownTask
from storage.models import Message, Task
from storage.types import Actor, TaskKind

CLAUSE = "4"


def open_task(
    session: Session,
    case: str,
    what: TaskKind,
    *,
    by: Actor,
    now: datetime,
    message: Message | None = None,
    due_at: datetime | None = None,
) -> Task:
    """Something new to do; `message` is the mail that it is about, `due_at` when it must be done, if that is known."""
    task = Task(case=case, what=what, opened_at=now, message_id=message.id if message else None, due_at=due_at)
    session.add(task)
    session.flush()
    _record(session, task, "task-opened", by=by, now=now)
    if due_at is not None:
        due.begin(session, task, now=now)
    return task


def set_due(session: Session, task: Task, due_at: datetime, *, by: Actor, now: datetime) -> None:
    """Say by when it must be done; one that has passed rings at once. Another date begins the ladder anew.

    Raises TaskDone.
    """
    _take_turn(session, task)
    if task.due_at == due_at:
        return
    task.due_at = due_at.astimezone(UTC)
    due.begin(session, task, now=now)
    _record(session, task, "task-due-set", by=by, now=now, due_at=task.due_at.isoformat())


def take_task(session: Session, task: Task, *, by: Actor, now: datetime) -> None:
    """Make it one's own; taking it twice is taking it once. Raises TaskDone, TaskTaken."""
    _take_turn(session, task)
    if task.owner == by.name:
        return
    if task.owner is not None:
        raise TaskTaken(task.case)
    task.owner, task.taken_at = by.name, now
    _record(session, task, "task-taken", by=by, now=now)


def finish_task(session: Session, task: Task, *, by: Actor, now: datetime) -> None:
    """It is done, by whomever: the owner may be away. Raises TaskDone."""
    _take_turn(session, task)
    task.done_at, task.done_by = now, by.name
    outbox.supersede_reminders(session, task.case, task=task.id, now=now)
    _record(session, task, "task-done", by=by, now=now)


def finish_all(session: Session, case: str, what: TaskKind, *, by: Actor, now: datetime) -> None:
    """All open tasks of this kind are done: what they asked for is decided."""
    for task in find_open_tasks(session, case):
        if task.what is what:
            finish_task(session, task, by=by, now=now)


def find_open_tasks(session: Session, case: str | None = None) -> list[Task]:
    """What is still to be done, for one case or for all, oldest first."""
    waiting = select(Task).where(Task.done_at.is_(None)).order_by(Task.id)
    return list(session.scalars(waiting.where(Task.case == case) if case else waiting))


def find_tasks(session: Session, case: str) -> list[Task]:
    """All tasks of a case, done or not: the first one is number 1."""
    return list(session.scalars(_of(case)))


def get_task(session: Session, case: str, number: int) -> Task:
    """A task by its number within the case. Raises UnknownTask."""
    task = session.scalars(_of(case).offset(number - 1).limit(1)).first() if number > 0 else None
    if task is None:
        raise UnknownTask(case)
    return task


def find_numbered(session: Session, cases: Sequence[str]) -> list[tuple[int, Task]]:
    """All tasks of these cases, done or not, with their numbers within their cases: one query."""
    counted: Counter[str] = Counter()
    numbered = []
    for task in session.scalars(select(Task).where(Task.case.in_(cases)).order_by(Task.id)):
        counted[task.case] += 1
        numbered.append((counted[task.case], task))
    return numbered


def find_most_urgent(session: Session, *, limit: int) -> list[tuple[int, Task]]:
    """What is still to be done, with its number: what has a date first, the nearest one first, then the oldest."""
    waiting = select(Task).where(Task.done_at.is_(None)).order_by(Task.due_at.is_(None), Task.due_at, Task.id)
    chosen = list(session.scalars(waiting.limit(limit)))
    numbers = {task.id: number for number, task in find_numbered(session, sorted({one.case for one in chosen}))}
    return [(numbers[task.id], task) for task in chosen]


def count_open(session: Session) -> int:
    """How many tasks are still to be done."""
    return session.scalar(select(func.count()).where(Task.done_at.is_(None))) or 0


def number_of(session: Session, task: Task) -> int:
    """Its number within the case."""
    return [one.id for one in find_tasks(session, task.case)].index(task.id) + 1


def _take_turn(session: Session, task: Task) -> None:
    take_turn(session, select(Task).where(Task.id == task.id))
    if task.done_at is not None:
        raise TaskDone(task.case)


def _of(case: str) -> Select[Task]:
    return select(Task).where(Task.case == case).order_by(Task.id)


def _record(session: Session, task: Task, action: str, *, by: Actor, now: datetime, **detail: journal.Detail) -> None:
    about: dict[str, journal.Detail] = {"what": task.what.value, "task": number_of(session, task)}
    entry = journal.record(session, action, by=by, now=now, case=task.case, clause=CLAUSE, **(about | detail))
    announcements.show_card(session, entry)
