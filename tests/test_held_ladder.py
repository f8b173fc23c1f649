"""A held request rings after 1, 4 and 24 hours, nights and weekends too, then every day, until somebody decides."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select

from bot.desk import Desk as TheDesk
from bot.ladder import Ladder, ring_request
from bot.settings import DeskSettings
from storage import journal, requests
from storage.announcements import CHANNEL
from storage.database import Database
from storage.deadlines import held_rungs, next_held_rung
from storage.models import Delivery, Reminder, Request
from storage.types import BY_MAIL, CLOCK, Medium, Purpose
from tests.bot_support import ANNE, BORIS, CARLA, ESCALATION, Desk, fill, running_desk
from tests.playground import people
from tests.storage_support import NOW, add_customer, forward, hours, receive, together

FRIDAY = datetime(2026, 10, 23, 16, 54, tzinfo=UTC)


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running."""
    fill(database)
    url = database.engine.url.render_as_string(hide_password=False)
    return TheDesk(database, DeskSettings(_env_file=None, database_url=url, escalation_addresses=(ESCALATION,)))


def hold(desk: TheDesk, *, at: datetime = NOW) -> str:
    with desk.database.begin() as session:
        return receive(session, at=at).reference


def rung_of(desk: TheDesk, reference: str) -> list[str]:
    with desk.database.reading() as session:
        known = select(Reminder.rung).where(Reminder.case == reference).order_by(Reminder.due_at)
        return [rung.partition("@")[0] for rung in session.scalars(known)]


def queued(desk: TheDesk, **columns: object) -> list[Delivery]:
    with desk.database.reading() as session:
        wanted = select(Delivery).where(Delivery.purpose == Purpose.REMINDER).filter_by(**columns).order_by(Delivery.id)
        found = list(session.scalars(wanted))
        session.expunge_all()
        return found


# --- the arithmetic ---


def test_the_rungs_are_1_4_and_24_hours_then_every_day() -> None:
    rungs = held_rungs(FRIDAY, after=FRIDAY, now=FRIDAY + hours(73))

    assert [(rung.name, rung.at - FRIDAY) for rung in rungs] == [
        ("H+1", hours(1)),
        ("H+4", hours(4)),
        ("H+24", hours(24)),
        ("H+48", hours(48)),
        ("H+72", hours(72)),
    ]


def test_a_rung_falls_due_in_the_night_and_on_a_sunday_when_the_clocks_change() -> None:
    saturday_night = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # 01:30 in Paris, an hour and a half before

    rungs = held_rungs(saturday_night, after=saturday_night, now=saturday_night + hours(24))

    assert [rung.at for rung in rungs] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 3, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 23, 30, tzinfo=UTC),
    ]


def test_what_fell_due_before_the_request_was_recorded_does_not_ring() -> None:
    recorded = FRIDAY + hours(30)

    assert held_rungs(FRIDAY, after=recorded, now=recorded) == []
    assert next_held_rung(FRIDAY, after=recorded).name == "H+48"


@pytest.mark.parametrize(("waited", "name"), [(0, "H+1"), (1, "H+4"), (4, "H+24"), (24, "H+48"), (47.9, "H+48")])
def test_there_is_always_a_next_rung(waited: float, name: str) -> None:
    assert next_held_rung(FRIDAY, after=FRIDAY + hours(waited)).name == name


def test_years_of_waiting_cost_nothing_to_count() -> None:
    assert next_held_rung(FRIDAY, after=FRIDAY + timedelta(days=4000)).name == f"H+{24 * 4001}"


# --- the record ---


def test_each_rung_rings_once_with_those_it_is_for(quiet: TheDesk) -> None:
    reference, clock = hold(quiet), Ladder(quiet)

    rang = [clock.tick(now=NOW + hours(waited)) for waited in (0, 0.9, 1, 1.1, 4, 4.1, 24, 24.1, 47, 48)]

    assert [bool(one) for one in rang] == [False, False, True, False, True, False, True, False, False, True]
    assert rung_of(quiet, reference) == ["H+1", "H+4", "H+24", "H+48"]
    told = [(one.recipient, one.superseded_at is None) for one in queued(quiet)]
    assert told == [
        (CHANNEL, False),
        (CHANNEL, False),
        (ANNE, False),
        (BORIS, False),
        (CARLA, False),
        (CHANNEL, False),
        (BY_MAIL, False),
        (CHANNEL, True),
        (BY_MAIL, True),
    ]


def test_after_an_outage_the_newest_rung_speaks_for_all(quiet: TheDesk) -> None:
    reference = hold(quiet)

    assert Ladder(quiet).tick(now=NOW + hours(75)) == [reference]

    assert rung_of(quiet, reference) == ["H+1", "H+4", "H+24", "H+48", "H+72"]
    assert [one.recipient for one in queued(quiet)] == [CHANNEL, BY_MAIL]


def test_a_letter_recorded_late_rings_from_its_real_date_on_but_not_for_the_past(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        request = receive(session, at=NOW + hours(30))
        request.received_at = NOW
        reference = request.reference
    clock = Ladder(quiet)

    assert clock.tick(now=NOW + hours(47)) == []
    assert clock.tick(now=NOW + hours(48)) == [reference]
    assert rung_of(quiet, reference) == ["H+48"]


def test_two_bots_ring_once(quiet: TheDesk) -> None:
    reference = hold(quiet)

    rang = together(4, lambda _: ring_request(quiet, reference, now=NOW + hours(5)))

    assert sorted(rang) == [False, False, False, True]
    assert rung_of(quiet, reference) == ["H+1", "H+4"]


def test_a_request_that_is_decided_rings_no_more_and_one_taken_back_does(quiet: TheDesk) -> None:
    aside, sent, clock = hold(quiet), hold(quiet), Ladder(quiet)
    clock.tick(now=NOW)
    with quiet.database.begin() as session:
        by_hand = requests.get_request(session, aside)
        requests.set_aside(session, by_hand, "spam", by=CLOCK, now=NOW)
        forward(session, requests.get_request(session, sent), add_customer(session, "C0009"))

    assert clock.tick(now=NOW + hours(5)) == []

    with quiet.database.begin() as session:
        requests.take_back(session, requests.get_request(session, aside), by=CLOCK, now=NOW + hours(6))
    assert clock.tick(now=NOW + hours(6)) == [aside]


def test_a_forward_that_came_back_rings_from_the_instant_it_did(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        request = receive(session)
        forward(session, request, add_customer(session, "C0009"))
        reference = request.reference
    clock, came_back = Ladder(quiet), NOW + hours(50)
    assert clock.tick(now=came_back) == []
    with quiet.database.begin() as session:
        sent = session.scalars(select(Delivery).where(Delivery.forward_id.is_not(None))).one()
        sent.accepted_at, sent.due_at, sent.bounced_at = NOW, None, came_back
        journal.record(session, "forward-bounced", by=CLOCK, now=came_back, case=reference)

    rang = [clock.tick(now=came_back + hours(waited)) for waited in (0.9, 1, 4)]

    assert rang == [[], [reference], [reference]]
    assert rung_of(quiet, reference) == ["H+1", "H+4"]


def test_one_that_cannot_ring_does_not_keep_the_others_from_it(quiet: TheDesk) -> None:
    broken, sound, clock = hold(quiet, at=NOW - hours(1)), hold(quiet), Ladder(quiet)
    clock.tick(now=NOW - hours(1))
    with quiet.database.begin() as session:
        session.execute(delete(Request).where(Request.reference == broken))

    assert clock.tick(now=NOW + hours(1)) == [sound]


def test_a_quiet_tick_asks_one_question_however_many_wait(quiet: TheDesk) -> None:
    for _ in range(30):
        hold(quiet)
    clock, asked = Ladder(quiet), []
    clock.tick(now=NOW)
    event.listen(quiet.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    clock.tick(now=NOW + hours(0.5))

    assert len([one for one in asked if one.startswith("SELECT")]) == 1


# --- in Slack ---


def test_the_thread_the_handlers_and_the_dpo_hear_of_it_in_their_time(desk: Desk) -> None:
    reference = desk.hold_request()
    card = desk.wait_for_card(reference)

    desk.move(hours=1, seconds=1)
    first = desk.workspace.wait_for(lambda: desk.workspace.messages(thread=card.ts))
    assert f"*{reference}* has needed a person for 1 hour: erasure, in French." in first[0].text
    assert first[0].broadcast
    assert not desk.workspace.direct_messages(CARLA)

    desk.move(hours=3)
    desk.workspace.wait_for(lambda: desk.workspace.direct_messages(CARLA))
    assert "4 hours" in desk.workspace.direct_messages(CARLA)[0].text
    assert not desk.deliveries()

    desk.move(hours=20)
    desk.workspace.wait_for(lambda: len(desk.deliveries()) == 2)
    mails = {one.recipient: one for one in desk.deliveries()}
    assert set(mails) == {people.ANNE.email, ESCALATION}
    assert mails[ESCALATION].subject == f"{reference} has needed a person for 24 hours: erasure, in French"
    assert "/dsr" in (mails[ESCALATION].text or "")


def test_a_reminder_of_what_was_decided_meanwhile_is_not_posted(desk: Desk) -> None:
    reference = desk.hold_request()
    card = desk.wait_for_card(reference)
    desk.workspace.refuse("chat.postMessage", "internal_error")
    desk.move(hours=1, seconds=1)
    desk.workspace.wait_for(lambda: [one for one in reminders(desk) if one.attempts])

    with desk.bot.desk.decide() as session:
        requests.set_aside(session, requests.get_request(session, reference), "spam", by=CLOCK, now=NOW)
    desk.workspace.forgive("chat.postMessage")

    desk.workspace.wait_for(lambda: all(one.superseded_at for one in reminders(desk)))
    assert not desk.workspace.messages(thread=card.ts)


def reminders(desk: Desk) -> list[Delivery]:
    return desk.deliveries(Medium.SLACK, purpose=Purpose.REMINDER)
