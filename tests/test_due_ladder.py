"""A task with a date rings 7, 3 and 1 days before it, 4 hours before, at the instant, and daily until it is done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select

from bot.desk import Desk as TheDesk
from bot.due import ring_task
from bot.gathering import gather
from bot.ladder import Ladder
from bot.outage import StandIn
from bot.settings import DeskSettings
from storage import decisions, requests, tasks
from storage.announcements import CHANNEL
from storage.clock import now as desk_now
from storage.database import Database
from storage.deadlines import due_ladder
from storage.errors import TaskDone
from storage.journal import entries_of
from storage.models import Delivery, Reminder, Task
from storage.types import BY_MAIL, Actor, Medium, Purpose, TaskKind
from tests.bot_support import ANNE, BORIS, CARLA, ESCALATION, Desk, fill, held_request, running_desk
from tests.storage_support import ANNE as BY_ANNE
from tests.storage_support import BORIS as BY_BORIS
from tests.storage_support import NOW, add_customer, forward, hours, receive, together
from tests.test_slack_outage import Out

BY_CARLA = Actor(CARLA, "slack")
DUE = NOW + timedelta(days=10)


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running."""
    fill(database)
    url = database.engine.url.render_as_string(hide_password=False)
    settings = DeskSettings(_env_file=None, database_url=url, escalation_addresses=(ESCALATION,), staff_language="en")
    return TheDesk(database, settings)


def add_task(desk: TheDesk, due_at: datetime | None = DUE, *, owner: bool = False) -> Task:
    """An authority's letter to answer, in a case that is decided and so does not ring itself."""
    with desk.database.begin() as session:
        request = receive(session)
        requests.set_aside(session, request, "test", by=BY_ANNE, now=NOW)
        task = tasks.open_task(session, request.reference, TaskKind.AUTHORITY, by=BY_ANNE, now=NOW)
        if due_at is not None:
            tasks.set_due(session, task, due_at, by=BY_ANNE, now=NOW)
        if owner:
            task.owner = BORIS
        session.flush()
        session.expunge(task)
    return task


def set_due(desk: TheDesk, task: Task, due_at: datetime, *, now: datetime = NOW) -> None:
    with desk.database.begin() as session:
        tasks.set_due(session, session.get_one(Task, task.id), due_at, by=BY_ANNE, now=now)


def rungs_of(desk: TheDesk, task: Task) -> list[str]:
    with desk.database.reading() as session:
        known = select(Reminder.rung).where(Reminder.case == task.case).order_by(Reminder.id)
        names = [rung.partition(":")[2].partition("@")[0].partition("#")[0] for rung in session.scalars(known)]
    return [name for name in names if name != "set"]


def queued(desk: TheDesk, medium: Medium = Medium.SLACK) -> list[Delivery]:
    with desk.database.reading() as session:
        wanted = select(Delivery).where(Delivery.medium == medium, Delivery.topic == "task_reminder")
        found = list(session.scalars(wanted.order_by(Delivery.id)))
        session.expunge_all()
        return found


def waiting_for(desk: TheDesk) -> list[str]:
    return [one.recipient for one in queued(desk) if one.due_at is not None]


# --- the arithmetic ---


def test_the_rungs_lead_to_the_date_and_go_on_every_day() -> None:
    ladder = due_ladder(DUE, after=NOW)

    assert [(rung.name, rung.at - DUE) for _, rung in zip(range(8), ladder, strict=False)] == [
        ("7d", -timedelta(days=7)),
        ("3d", -timedelta(days=3)),
        ("1d", -timedelta(days=1)),
        ("4h", -hours(4)),
        ("0h", hours(0)),
        ("+24h", hours(24)),
        ("+48h", hours(48)),
        ("+72h", hours(72)),
    ]


@pytest.mark.parametrize(
    ("after", "name"),
    [(hours(-24), "4h"), (hours(-1), "0h"), (hours(0), "+24h"), (hours(24), "+48h"), (hours(24.5), "+48h")],
)
def test_the_next_rung_is_later(after: timedelta, name: str) -> None:
    assert next(due_ladder(DUE, after=DUE + after)).name == name


def test_a_day_before_is_24_hours_also_when_the_clocks_change() -> None:
    monday = datetime(2026, 10, 26, 0, 30, tzinfo=UTC)

    assert next(due_ladder(monday, after=monday - hours(30))).at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


# --- the record ---


def test_each_rung_rings_once_with_those_it_is_for(quiet: TheDesk) -> None:
    task, clock = add_task(quiet), Ladder(quiet)
    before = (11, 7, 6.9, 3, 1, 0.9, 4 / 24, 0, -0.9, -1, -2)

    rang = [bool(clock.tick(now=DUE - timedelta(days=days))) for days in before]

    assert rang == [False, True, False, True, True, False, True, True, False, True, True]
    assert rungs_of(quiet, task) == ["7d", "3d", "1d", "4h", "0h", "+24h", "+48h"]
    told = [one.recipient for one in queued(quiet)]
    assert told == [CHANNEL, ANNE] * 2 + [CHANNEL, ANNE, BY_MAIL] * 5
    assert waiting_for(quiet) == [CHANNEL, ANNE, BY_MAIL]


def test_its_owner_is_reminded_and_the_dpo_when_the_owner_is_not_on_the_staff(quiet: TheDesk) -> None:
    owned, left = add_task(quiet, owner=True), add_task(quiet)
    with quiet.database.begin() as session:
        session.get_one(Task, left.id).owner = "root"

    Ladder(quiet).tick(now=DUE - timedelta(days=7))

    assert [(one.recipient, one.case) for one in queued(quiet)] == [
        (CHANNEL, owned.case),
        (BORIS, owned.case),
        (CHANNEL, left.case),
        (ANNE, left.case),
    ]


def test_after_an_outage_one_message_speaks_for_all_and_says_how_late(quiet: TheDesk) -> None:
    task = add_task(quiet)
    Ladder(quiet).tick(now=DUE - timedelta(days=7))

    assert Ladder(quiet).tick(now=DUE - hours(1)) == [task.case]

    assert rungs_of(quiet, task) == ["7d", "3d", "1d", "4h"]
    assert waiting_for(quiet) == [CHANNEL, ANNE, BY_MAIL]
    gather(quiet, slack_out=False, now=DUE - hours(1))
    [mail] = [one for one in mails(quiet) if one.recipient == ESCALATION]
    assert mail.subject == f"{task.case}: due in 1 hour: answer the authority’s letter"
    assert "it is 3 h 00 late" in (mail.text or "")
    assert "Nobody has taken it." in (mail.text or "")


def test_a_date_in_the_past_rings_at_once_and_then_daily(quiet: TheDesk) -> None:
    task, clock = add_task(quiet, NOW - hours(30)), Ladder(quiet)

    rang = [bool(clock.tick(now=NOW + hours(later))) for later in (0, 1, 17.9, 18, 42)]

    assert rang == [True, False, False, True, True]
    assert rungs_of(quiet, task) == ["+24h", "+48h", "+72h"]
    gather(quiet, slack_out=False, now=NOW + hours(42))
    [mail] = [one for one in mails(quiet) if one.recipient == ESCALATION]
    assert mail.subject == f"{task.case}: date passed 3 days ago: answer the authority’s letter"
    assert "late" not in (mail.text or "")


def test_a_date_ten_years_back_rings_once(quiet: TheDesk) -> None:
    task, clock = add_task(quiet, NOW - timedelta(days=3650, hours=1)), Ladder(quiet)

    assert clock.tick(now=NOW) == [task.case]

    assert len(rungs_of(quiet, task)) == 1


def test_rungs_before_the_date_was_entered_do_not_ring(quiet: TheDesk) -> None:
    task = add_task(quiet, NOW + timedelta(days=2))

    assert Ladder(quiet).tick(now=NOW + hours(1)) == []
    assert Ladder(quiet).tick(now=NOW + hours(24)) == [task.case]
    assert rungs_of(quiet, task) == ["1d"]


def test_another_date_begins_the_ladder_anew_and_withdraws_what_was_said_of_the_old_one(quiet: TheDesk) -> None:
    task, clock = add_task(quiet), Ladder(quiet)
    clock.tick(now=DUE - timedelta(days=1))
    assert waiting_for(quiet)

    later = DUE + timedelta(days=10)
    set_due(quiet, task, later, now=DUE - hours(20))

    assert waiting_for(quiet) == []
    assert [bool(clock.tick(now=later - timedelta(days=days))) for days in (10, 7, 3)] == [False, True, True]
    assert rungs_of(quiet, task) == ["7d", "3d", "1d", "7d", "3d"]


def test_a_date_set_back_to_what_it_was_rings_on_from_there(quiet: TheDesk) -> None:
    task, clock = add_task(quiet), Ladder(quiet)
    clock.tick(now=DUE - timedelta(days=7))
    set_due(quiet, task, DUE + timedelta(days=30), now=DUE - timedelta(days=6))
    set_due(quiet, task, DUE, now=DUE - timedelta(days=5))

    rang = [bool(clock.tick(now=DUE - timedelta(days=days))) for days in (5, 3, 1)]

    assert rang == [False, True, True]
    assert rungs_of(quiet, task) == ["7d", "3d", "1d"]


def test_a_date_set_back_to_an_overdue_one_rings_at_once_and_then_daily(quiet: TheDesk) -> None:
    overdue, clock = NOW - hours(30), Ladder(quiet)
    task = add_task(quiet, overdue)
    rang = [bool(clock.tick(now=NOW))]
    for hour in (1, 3):
        set_due(quiet, task, DUE, now=NOW + hours(hour))
        set_due(quiet, task, overdue, now=NOW + hours(hour + 1))
        rang.append(bool(clock.tick(now=NOW + hours(hour + 1))))

    later = [bool(clock.tick(now=NOW + hours(hour))) for hour in (4.1, 17.9, 18, 42)]

    assert rang == [True, True, True]
    assert later == [False, False, True, True]
    assert waiting_for(quiet) == [CHANNEL, ANNE, BY_MAIL]


def test_a_clock_that_steps_back_after_a_date_was_set_rings_once(quiet: TheDesk) -> None:
    task, clock = add_task(quiet, None), Ladder(quiet)
    set_due(quiet, task, NOW - hours(30), now=NOW)

    rang = [bool(clock.tick(now=NOW - hours(1) + timedelta(minutes=minute))) for minute in range(3)]

    assert rang == [True, False, False]


def test_a_task_that_is_done_rings_no_more_and_its_reminders_are_withdrawn(quiet: TheDesk) -> None:
    task, clock = add_task(quiet), Ladder(quiet)
    clock.tick(now=DUE)
    with quiet.database.begin() as session:
        tasks.finish_task(session, session.get_one(Task, task.id), by=BY_BORIS, now=DUE)

    assert waiting_for(quiet) == []
    assert clock.tick(now=DUE + hours(50)) == []
    with quiet.database.begin() as session, pytest.raises(TaskDone):
        tasks.set_due(session, session.get_one(Task, task.id), DUE, by=BY_ANNE, now=NOW)


def test_a_task_and_its_held_request_ring_each_on_their_own_ladder(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        reference = receive(session).reference
        tasks.open_task(session, reference, TaskKind.OWN, by=BY_ANNE, now=NOW, due_at=NOW + hours(26))
    clock = Ladder(quiet)

    rang = [clock.tick(now=NOW + hours(later)) for later in (1, 2, 4, 22)]

    assert rang == [[reference]] * 4
    with quiet.database.reading() as session:
        waiting = select(Delivery.topic, Delivery.recipient).where(
            Delivery.purpose == Purpose.REMINDER, Delivery.due_at.is_not(None)
        )
        told = {(topic, recipient) for topic, recipient in session.execute(waiting)}
        of_tasks = {one for one in told if one[0] == "task_reminder"}
    assert of_tasks == {("task_reminder", CHANNEL), ("task_reminder", ANNE), ("task_reminder", BY_MAIL)}
    assert {one[1] for one in told - of_tasks} == {CHANNEL, ANNE, BORIS, CARLA}


def test_deciding_a_request_leaves_its_tasks_ringing(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        request = receive(session)
        tasks.open_task(session, request.reference, TaskKind.AUTHORITY, by=BY_ANNE, now=NOW, due_at=DUE)
        forward(session, request, add_customer(session, "C0009"))
        reference = request.reference

    assert Ladder(quiet).tick(now=DUE - timedelta(days=3)) == [reference]


def test_kavkoms_own_month_to_answer_rings(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        request = receive(session)
        decisions.keep_as_own(session, request, by=BY_ANNE, now=NOW)
        [task] = tasks.find_open_tasks(session, request.reference)
        reference, due_at = request.reference, task.due_at
    assert due_at is not None

    assert Ladder(quiet).tick(now=due_at - timedelta(days=8)) == []
    assert Ladder(quiet).tick(now=due_at - timedelta(days=7)) == [reference]


def test_two_bots_ring_once(quiet: TheDesk) -> None:
    task = add_task(quiet)

    rang = together(4, lambda _: ring_task(quiet, task.id, now=DUE))

    assert sorted(rang) == [False, False, False, True]
    assert rungs_of(quiet, task) == ["7d", "3d", "1d", "4h", "0h"]


def test_when_slack_is_away_even_an_early_rung_is_mailed(quiet: TheDesk) -> None:
    task = add_task(quiet)
    at = DUE - timedelta(days=7)
    Ladder(quiet).tick(now=at)
    StandIn(quiet, Out()).tick(now=at)

    assert gather(quiet, slack_out=True, now=at) == 2

    assert {one.subject for one in mails(quiet)} >= {f"{task.case}: due in 7 days: answer the authority’s letter"}


def test_several_dates_are_one_letter_the_nearest_first_without_those_done_meanwhile(quiet: TheDesk) -> None:
    far, near, done = add_task(quiet, DUE), add_task(quiet, DUE - hours(2)), add_task(quiet, DUE)
    Ladder(quiet).tick(now=DUE)
    with quiet.database.begin() as session:
        tasks.finish_task(session, session.get_one(Task, done.id), by=BY_BORIS, now=DUE)

    gather(quiet, slack_out=False, now=DUE)

    [mail] = [one for one in mails(quiet) if one.recipient == ESCALATION]
    text = mail.text or ""
    assert mail.subject == "2 dates near or passed"
    assert text.index(near.case) < text.index(far.case)
    assert done.case not in text


def test_the_date_is_in_the_journal(quiet: TheDesk) -> None:
    task = add_task(quiet)

    with quiet.database.reading() as session:
        [entry] = [one for one in entries_of(session, task.case) if one.action == "task-due-set"]
    assert DUE.isoformat() in entry.detail
    assert entry.actor == BY_ANNE.name


def test_a_quiet_tick_asks_one_question_however_many_have_a_date(quiet: TheDesk) -> None:
    for _ in range(20):
        add_task(quiet)
    clock, asked = Ladder(quiet), []
    clock.tick(now=NOW)
    event.listen(quiet.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    clock.tick(now=NOW + hours(1))

    assert len([one for one in asked if one.startswith("SELECT")]) == 1


def mails(desk: TheDesk) -> list[Delivery]:
    with desk.database.reading() as session:
        found = list(session.scalars(select(Delivery).where(Delivery.medium == Medium.EMAIL).order_by(Delivery.id)))
        session.expunge_all()
        return found


# --- in Slack ---


def add_in_slack(desk: Desk, *kinds: TaskKind) -> str:
    with desk.bot.desk.decide() as session:
        reference = held_request(session).reference
        for kind in kinds:
            tasks.open_task(session, reference, kind, by=BY_ANNE, now=desk_now())
    return reference


def due_of(desk: Desk, reference: str) -> list[datetime | None]:
    with desk.database.reading() as session:
        return [one.due_at for one in tasks.find_tasks(session, reference)]


def test_a_date_is_entered_on_the_card_and_rings_in_thread_and_to_the_owner(desk: Desk) -> None:
    reference = add_in_slack(desk, TaskKind.READ, TaskKind.AUTHORITY)
    card = desk.wait_for_card(reference, "dsr_due")
    at = (desk_now() + timedelta(days=2)).replace(second=0, microsecond=0)

    form = desk.workspace.click(BORIS, card, "dsr_due").view
    assert form is not None
    desk.workspace.submit(BORIS, form, {"due_at": int(at.timestamp())})

    assert due_of(desk, reference) == [None, at]
    card = desk.wait_for_card(reference, "*due <!date")
    with desk.bot.desk.decide() as session:
        tasks.take_task(session, tasks.get_task(session, reference, 2), by=BY_CARLA, now=desk_now())
    desk.move(days=1, seconds=2)
    direct = desk.workspace.wait_for(
        lambda: [one for one in desk.workspace.direct_messages(CARLA) if "task 2" in one.text]
    )
    assert "answer the authority’s letter" in direct[0].text
    reply = desk.workspace.wait_for(
        lambda: [one for one in desk.workspace.messages(thread=card.ts) if "task 2" in one.text]
    )
    assert reply[0].broadcast


def test_of_several_tasks_the_person_says_which(desk: Desk) -> None:
    reference = add_in_slack(desk, TaskKind.AUTHORITY, TaskKind.HELP, TaskKind.CONTROLLER)
    card = desk.wait_for_card(reference, "dsr_due")
    at = (desk_now() - timedelta(hours=3)).replace(second=0, microsecond=0)

    form = desk.workspace.click(BORIS, card, "dsr_due").view
    assert form is not None
    assert "help the customer" not in str(form)
    desk.workspace.submit(BORIS, form, {"task": "3", "due_at": int(at.timestamp())})

    assert due_of(desk, reference) == [None, None, at]
    said = desk.workspace.wait_for(lambda: [m for m in desk.workspace.direct_messages(ANNE) if reference in m.text])
    assert "Échéance dépassée depuis 3 heures" in said[0].text


def test_a_reminder_of_a_task_done_meanwhile_is_not_posted(desk: Desk) -> None:
    reference = add_in_slack(desk, TaskKind.AUTHORITY)
    card = desk.wait_for_card(reference, "dsr_due")
    desk.workspace.refuse("chat.postMessage", "internal_error")
    with desk.bot.desk.decide() as session:
        task = tasks.get_task(session, reference, 1)
        tasks.set_due(session, task, desk_now() - hours(1), by=BY_ANNE, now=desk_now())
    desk.workspace.wait_for(lambda: [one.reply for one in reminders(desk)] == ["internal_error"] * 2)

    with desk.bot.desk.decide() as session:
        session.get_one(Task, task.id).done_at = desk_now()
    desk.workspace.forgive("chat.postMessage")

    desk.workspace.wait_for(lambda: all(one.superseded_at for one in reminders(desk)))
    assert not desk.workspace.messages(thread=card.ts)


def reminders(desk: Desk) -> list[Delivery]:
    """Those that are posts, not lines of a letter."""
    return [one for one in desk.deliveries(Medium.SLACK, topic="task_reminder") if one.recipient != BY_MAIL]
