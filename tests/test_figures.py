"""How the desk is doing: at the shell, as JSON, and on the dpo's App Home."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.home import Now, render_home
from mail.status import as_json, as_rows
from storage import calls, figures, heartbeats, marks, outbox
from storage.database import Database
from storage.figures import Figures
from storage.models import Delivery, Forward, Pause, Stuck
from storage.types import DESK, Means
from templates import LANGUAGES, length_in_words
from tests.bot_support import ANNE, CARLA, Desk, running_desk
from tests.calling_support import send_notice
from tests.playground.rules import check_view
from tests.storage_support import NOW, add_customer, forward, hours, open_breach, queue, receive

MINUTE = timedelta(minutes=1)


def gather(database: Database, *, now: datetime = NOW) -> Figures:
    with database.reading() as session:
        return figures.gather(session, now=now, real_now=now)


def told(found: Figures) -> dict[str, str]:
    """The rows of the shell; a row without a name goes on the one before."""
    said: dict[str, str] = {}
    last = ""
    for name, value in as_rows(found, real_now=found.at):
        last = name or last
        said[last] = f"{said[last]}\n{value}" if last in said else value
    return said


def accept(database: Database, *, received_at: datetime, after: timedelta, automatic: bool = False) -> None:
    """A request whose customer's server took it so long after it came."""
    with database.begin() as session:
        request = receive(session, at=received_at)
        sent = forward(session, request, add_customer(session, f"C{request.id:04}"), at=received_at)
        sent.routed_by = DESK.name if automatic else "U01ANNE"
        session.flush()
        delivery = session.scalars(select(Delivery).where(Delivery.forward_id == sent.id)).one()
        delivery.queued_at = received_at
        outbox.record_accepted(delivery, reply="250 2.0.0 queued", now=received_at + after)


def fail(database: Database, **columns: object) -> str:
    """A forward in some trouble; its case."""
    with database.begin() as session:
        request = receive(session)
        sent = forward(session, request, add_customer(session, f"C{request.id:04}"))
        session.execute(update(Delivery).where(Delivery.forward_id == sent.id).values(**columns))
        return request.reference


def test_an_empty_desk_says_so(database: Database) -> None:
    said = told(gather(database))

    assert said["mailbox privacy"] == "last contact never"
    assert said["mail process"] == "has never run"
    assert said["held"] == "none"
    assert said["receipt to acceptance"].startswith("today nothing")
    assert {said[name] for name in ("failing", "uncertain", "not delivered", "Slack failing")} == {"none"}


def test_contacts_and_processes_are_said_with_their_age(database: Database) -> None:
    with database.begin() as session:
        heartbeats.beat(session, "contact:privacy", now=NOW - timedelta(seconds=3))
        heartbeats.beat(session, "contact:dpo", now=NOW - hours(26))
        heartbeats.beat(session, "mail", now=NOW - timedelta(seconds=5))
        heartbeats.beat(session, "bot", now=NOW - 3 * MINUTE)

    said = told(gather(database))

    assert said["mailbox privacy"] == "last contact 2026-10-23 17:39 CEST (Europe/Paris), 3.0 s ago"
    assert said["mailbox dpo"].endswith("1 day 2 hours ago")
    assert said["mail process"] == "running"
    assert said["bot process"].startswith("NOT RUNNING")


def test_the_time_from_receipt_to_acceptance_is_told_for_today_and_for_thirty_days(database: Database) -> None:
    accept(database, received_at=NOW - timedelta(days=40), after=hours(30))
    accept(database, received_at=NOW - timedelta(days=3), after=hours(20))
    accept(database, received_at=NOW - hours(2), after=timedelta(seconds=2), automatic=True)
    accept(database, received_at=NOW - hours(1), after=timedelta(seconds=4), automatic=True)
    accept(database, received_at=NOW - hours(1), after=10 * MINUTE)

    found = gather(database)

    assert found.sent_today == 3
    assert (found.today.count, found.today.median, found.today.worst) == (3, timedelta(seconds=4), 10 * MINUTE)
    assert found.today_automatic == figures.Speed(2, timedelta(seconds=3), timedelta(seconds=4))
    assert (found.month.count, found.month.worst) == (4, hours(20))
    assert "today 3: median 4.0 s, worst 10 minutes" in told(found)["receipt to acceptance"]


def test_a_day_begins_at_midnight_in_paris(database: Database) -> None:
    late = datetime(2026, 10, 23, 21, 59, tzinfo=UTC)  # 23:59 in Paris
    accept(database, received_at=late, after=timedelta(seconds=1))

    assert gather(database, now=late + MINUTE / 2).sent_today == 1
    assert gather(database, now=late + 2 * MINUTE).sent_today == 0


def test_failing_ones_name_the_code_alone_and_the_next_try(database: Database) -> None:
    words = "451 4.3.0 <jeanne@example.org> mailbox busy"
    failing = fail(database, attempts=3, reply=words, due_at=NOW + 4 * MINUTE)
    uncertain = fail(database, attempts=1, sending_at=NOW - MINUTE, leased_until=NOW - MINUTE / 2, due_at=NOW)
    under_way = fail(database, attempts=1, sending_at=NOW, leased_until=NOW + MINUTE, due_at=NOW)

    said = told(gather(database))

    assert said["failing"] == f"1\n{failing} (forward): 3 attempts, last reply 451, next try in 4 minutes"
    assert said["uncertain"].startswith(f"1\n{uncertain}")
    assert under_way not in str(said)
    assert "@" not in str(said)


def test_a_refused_or_bounced_forward_is_open_until_the_customer_has_it_or_is_reached(database: Database) -> None:
    refused = fail(database, refused_at=NOW, due_at=None, reply="550 no such user")
    bounced = fail(database, accepted_at=NOW - MINUTE, bounced_at=NOW, due_at=None)

    found = gather(database)
    assert {(one.case, one.bounced, one.code) for one in found.undelivered} == {
        (refused, False, "550"),
        (bounced, True, None),
    }

    with database.begin() as session:
        again = session.scalars(select(Forward).where(Forward.request.has(reference=bounced))).one()
        first = session.scalars(select(Delivery).where(Delivery.forward_id == again.id)).one()
        queue(session, "again", purpose=first.purpose, case=bounced)
        session.execute(update(Delivery).where(Delivery.key == "again").values(forward_id=again.id, accepted_at=NOW))
    assert [one.case for one in gather(database).undelivered] == [refused]


@pytest.mark.parametrize(("minute", "missing"), [(0, False), (-1, True)])
def test_a_notice_that_came_back_is_missing_no_more_once_somebody_was_reached_since(
    database: Database, minute: int, missing: bool
) -> None:
    queued_at = NOW + timedelta(seconds=50)
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer, aware_at=NOW - hours(1))
        send_notice(session, breach, breach.affected[0], at=queued_at, bounced_at=queued_at)
        called: dict[str, Any] = {
            "means": Means.TELEPHONE,
            "at": NOW + minute * MINUTE,
            "now": NOW + 2 * MINUTE,
            "by": DESK,
        }
        calls.record_told(session, breach, customer, **called)

    assert bool(gather(database).undelivered_count) is missing


def test_stuck_mails_and_pauses_are_named(database: Database) -> None:
    with database.begin() as session:
        session.add(
            Stuck(
                account="privacy",
                folder="INBOX",
                uidvalidity=1,
                uid=77,
                attempts=4,
                first_at=NOW - hours(1),
                last_at=NOW,
                fault="TimeoutError",
            )
        )
        session.add(Pause(reason="this database is a restored copy", since_at=NOW - hours(2)))
        session.add(Pause(reason="over", since_at=NOW - hours(9), ended_at=NOW - hours(8), ended_by="root"))

    said = told(gather(database))

    assert "privacy INBOX 77: 4 attempts" in said["stuck in the mailbox"]
    assert said["PAUSED"].endswith("because: this database is a restored copy")
    assert "since 2026-10-23 15:40 CEST (Europe/Paris)" in said["PAUSED"]


@pytest.mark.parametrize(
    ("missing", "words"), [(0, "nothing missing"), (1, "1 mail was missing"), (3, "3 mails were missing and taken in")]
)
def test_when_each_mailbox_was_last_compared_is_said(database: Database, missing: int, words: str) -> None:
    with database.begin() as session:
        marks.put(session, marks.compared("privacy"), str(missing), now=NOW - hours(1))

    lines = [line for name, line in as_rows(gather(database), real_now=NOW) if not name and "compared" in line]

    assert len(lines) == 1
    assert lines[0].startswith("privacy: compared with the record 2026-10-23 16:40 CEST")
    assert words in lines[0]


def test_json_holds_the_same_for_programs(database: Database) -> None:
    with database.begin() as session:
        receive(session, at=NOW - hours(1))
    accept(database, received_at=NOW - hours(1), after=10 * MINUTE)

    found = json.loads(as_json(gather(database)))

    assert found["held"] == 1
    assert found["held_since"] == "2026-10-23T14:40:00+00:00"
    assert found["today"] == {"count": 1, "median": 600.0, "worst": 600.0}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_home_with_every_trouble_is_one_that_slack_accepts(database: Database, language: str) -> None:
    for _ in range(12):
        fail(database, attempts=3, reply="451", due_at=NOW)
        fail(database, refused_at=NOW, due_at=None, reply="550")
    accept(database, received_at=NOW - hours(1), after=10 * MINUTE)

    blocks = render_home(Now(0, (), 0, (), 0), language, gather(database))

    check_view({"type": "home", "blocks": blocks}, "home")
    assert "550" not in str(blocks)
    assert "10 minutes" in str(blocks)
    assert "DSR-2026-" in str(blocks)


@pytest.mark.parametrize(
    ("length", "english", "french"),
    [
        (timedelta(seconds=-1), "0.0 s", "0,0 s"),
        (timedelta(milliseconds=320), "0.3 s", "0,3 s"),
        (timedelta(minutes=1), "1 minute", "1 minute"),
        (timedelta(hours=26, minutes=5), "1 day 2 hours", "1 jour 2 heures"),
    ],
)
def test_lengths_are_said_in_words(length: timedelta, english: str, french: str) -> None:
    assert [length_in_words(length, language) for language in ("en", "fr")] == [english, french]


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def test_the_dpo_sees_the_figures_at_home_and_a_handler_does_not(desk: Desk) -> None:
    for user, sees in ((ANNE, True), (CARLA, False)):
        desk.workspace.open_home(user)

        home = str(desk.workspace.wait_for(lambda user=user: desk.workspace.home_of(user)))  # type: ignore[misc]

        assert ("État du service" in home or "How the desk is doing" in home) is sees


def test_addresses_that_nobody_may_read_are_counted(database: Database) -> None:
    well = told(gather(database))["order addresses"]
    with database.begin() as session:
        add_customer(session, "C1")
        add_customer(session, "C2", address_bounced_at=NOW)
        add_customer(session, "C3", address_confirmed_at=NOW)

    said = told(gather(database))["order addresses"]

    assert well == "all confirmed within a year"
    assert said.startswith("1 not confirmed for a year, mail came back from 1: python -m storage customers list")
