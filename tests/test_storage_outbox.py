"""The outbox: once in, told at least once, by one sender at a time."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import outbox
from storage.clock import real_now
from storage.database import Database
from storage.holders import new_holder
from storage.models import Delivery
from storage.types import BY_MAIL, Medium, Purpose
from tests.storage_support import NOW, environment, python, queue, together

LATER = timedelta(minutes=1)
"""Enough for a delivery queued a moment ago to be due."""

SENDER = """
import json, sys
from storage import outbox
from storage.clock import real_now
from storage.database import open_database
from storage.types import Medium

database, taken = open_database(sys.argv[1]), []
print("ready", flush=True)
sys.stdin.readline()
while True:
    with database.begin() as session:
        leased = outbox.lease_due(session, Medium.EMAIL, holder=sys.argv[2], count=3, now=real_now())
        taken += [delivery.id for delivery in leased]
    if not leased:
        break
database.dispose()
print(json.dumps(taken))
"""


def lease(session: Session, holder: str = "one", *, count: int = 10, after: timedelta = LATER) -> list[Delivery]:
    return outbox.lease_due(session, Medium.EMAIL, holder=holder, count=count, now=real_now() + after)


def lease_keys(database: Database, holder: str = "one", *, after: timedelta = LATER) -> list[str]:
    with database.begin() as session:
        return [delivery.key for delivery in lease(session, holder, after=after)]


def test_queueing_twice_is_queueing_once(database: Database) -> None:
    with database.begin() as session:
        first = queue(session, "one")
    with database.begin() as session:
        second = queue(session, "one")

    assert (first, second) == (True, False)
    assert lease_keys(database) == ["one"]


def test_eight_threads_that_queue_the_same_queue_it_once(database: Database) -> None:
    def queue_it(_which: int) -> bool:
        with database.begin() as session:
            return queue(session, "one")

    added = together(8, queue_it)

    assert added.count(True) == 1


def test_what_is_rolled_back_is_not_told(database: Database) -> None:
    with suppress(KeyError), database.begin() as session:
        queue(session, "one")
        raise KeyError

    assert lease_keys(database) == []


def test_the_oldest_are_leased_first_and_no_more_than_asked_for(database: Database) -> None:
    with database.begin() as session:
        for key in ("one", "two", "three"):
            queue(session, key)

    with database.begin() as session:
        leased = [delivery.key for delivery in lease(session, count=2)]

    assert leased == ["one", "two"]


def test_the_other_medium_is_not_leased(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")

        slack = outbox.lease_due(session, Medium.SLACK, holder="bot", count=10, now=real_now() + LATER)
        due = [outbox.anything_due(session, [medium], now=real_now() + LATER) for medium in Medium]

    assert slack == []
    assert due == [True, False]


def test_four_threads_never_lease_the_same_delivery(database: Database) -> None:
    with database.begin() as session:
        for number in range(60):
            queue(session, f"delivery {number}")

    def send(which: int) -> list[str]:
        taken: list[str] = []
        while True:
            with database.begin() as session:
                leased = [delivery.key for delivery in lease(session, f"holder {which}", count=3)]
            if not leased:
                return taken
            taken += leased

    taken = [key for keys in together(4, send) for key in keys]

    assert sorted(taken) == sorted(f"delivery {number}" for number in range(60))


def test_two_processes_never_lease_the_same_delivery(database: Database, database_url: str, tmp_path: Path) -> None:
    with database.begin() as session:
        for number in range(60):
            queue(session, f"delivery {number}")
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, database_url, f"holder {which}"],
            cwd=tmp_path,
            env=environment(None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for which in range(2)
    ]
    for sender in senders:
        assert sender.stdout
        assert sender.stdout.readline() == "ready\n"

    for sender in senders:
        assert sender.stdin
        sender.stdin.write("go\n")
        sender.stdin.flush()
    taken = [key for sender in senders for key in json.loads(sender.communicate(timeout=60)[0])]

    assert len(taken) == len(set(taken)) == 60


def test_a_leased_delivery_is_nobody_elses(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")
    lease_keys(database, "one")

    assert lease_keys(database, "two") == []
    assert lease_keys(database, "one") == []


def test_a_lease_that_ran_out_is_taken_over(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")
    lease_keys(database, "one")

    taken_over = lease_keys(database, "two", after=outbox.LEASE + 2 * LATER)

    assert taken_over == ["one"]
    with database.begin() as session:
        number = session.scalars(select(Delivery.id)).one()
        assert outbox.still_ours(session, number, holder="one", now=real_now()) is None
        assert outbox.still_ours(session, number, holder="two", now=real_now()) is not None


def test_what_a_dead_process_of_this_machine_held_is_freed_at_once(database: Database, tmp_path: Path) -> None:
    with database.begin() as session:
        for key in ("dead", "elsewhere", "alive"):
            queue(session, key)
    script = "from storage.holders import new_holder; print(new_holder())"
    dead = python("-c", script, cwd=tmp_path).stdout.strip()
    ours = new_holder()
    elsewhere = dead.replace(socket.gethostname(), "another-machine", 1)
    for holder in (dead, elsewhere, ours):
        with database.begin() as session:
            lease(session, holder, count=1)

    with database.begin() as session:
        freed = outbox.release_dead(session, holder=ours)

    assert freed == 1
    assert lease_keys(database, ours) == ["dead"]


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 2), (1, 2), (2, 4), (3, 8), (9, 512), (10, 600), (11, 600), (5000, 600)]
)
def test_tries_come_ever_more_slowly_but_at_least_every_ten_minutes(attempts: int, seconds: int) -> None:
    assert outbox.backoff(attempts) == timedelta(seconds=seconds)


def test_what_did_not_work_is_tried_again_after_a_while(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")
        (delivery,) = lease(session)
        outbox.record_sending(delivery, now=NOW)
        outbox.defer(delivery, reply="451 try again later", after=timedelta(minutes=5))

    assert lease_keys(database) == []
    assert lease_keys(database, after=timedelta(minutes=6)) == ["one"]
    with database.reading() as session:
        backlog = outbox.backlog(session, Medium.EMAIL)
    assert (backlog.waiting, backlog.failing, backlog.refused) == (1, 1, 0)


def test_tries_have_no_limit(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")
        (delivery,) = lease(session)
        delivery.attempts = 10_000
        outbox.defer(delivery, reply="451 try again later")

    assert lease_keys(database, after=timedelta(minutes=11)) == ["one"]


@pytest.mark.parametrize("finish", [outbox.record_accepted, outbox.record_refused])
def test_what_is_finished_is_never_leased_again(database: Database, finish: Callable[..., None]) -> None:
    with database.begin() as session:
        queue(session, "one")
        (delivery,) = lease(session)
        finish(delivery, reply="250 2.0.0 Ok: queued as 4F1", now=NOW)

    assert lease_keys(database, after=timedelta(days=400)) == []
    with database.reading() as session:
        assert session.scalars(select(Delivery.reply)).one() == "250 2.0.0 Ok: queued as 4F1"
        assert outbox.count_accepted(session, Medium.EMAIL) == (finish is outbox.record_accepted)


def test_what_another_sender_finished_is_not_revived_by_one_that_failed(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")
        (delivery,) = lease(session)
        outbox.record_accepted(delivery, reply="250 ok", now=NOW)

    with database.begin() as session:
        outbox.defer(session.scalars(select(Delivery)).one(), reply="connection lost")

    assert lease_keys(database, after=timedelta(days=1)) == []


def test_a_reminder_superseded_while_its_failure_is_recorded_stays_withdrawn(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one", purpose=Purpose.REMINDER)
        (delivery,) = lease(session)
    read, superseded = Event(), Event()

    def act(which: int) -> None:
        if which:
            read.wait(10)
        with database.begin() as session:
            if which:
                outbox.supersede_reminders(session, "BR-2026-0001", now=NOW)
            elif ours := outbox.still_ours(session, delivery.id, holder="one", now=real_now()):
                read.set()
                superseded.wait(0.5)
                outbox.defer(ours, reply="ratelimited")
        superseded.set()

    together(2, act)

    assert lease_keys(database, after=timedelta(days=1)) == []


def test_what_another_holder_has_is_not_given_back(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one")
    lease_keys(database, "one")
    with database.begin() as session:
        (delivery,) = lease(session, "two", after=outbox.LEASE + 2 * LATER)
        outbox.give_back_untried(delivery, begun=True, holder="one")

        assert delivery.leased_by == "two"


def test_what_is_gathered_into_letters_is_nobodys_to_send(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one", recipient=BY_MAIL)

    assert lease_keys(database) == []


def test_unsent_reminders_are_superseded_and_nothing_else(database: Database) -> None:
    with database.begin() as session:
        queue(session, "sent", purpose=Purpose.REMINDER)
        (sent,) = lease(session)
        outbox.record_accepted(sent, reply="250 ok", now=NOW)
        queue(session, "unsent", purpose=Purpose.REMINDER)
        queue(session, "announcement")
        queue(session, "of another case", purpose=Purpose.REMINDER, case="BR-2026-0002")

        superseded = outbox.supersede_reminders(session, "BR-2026-0001", now=NOW)

    assert superseded == 1
    assert lease_keys(database) == ["announcement", "of another case"]


def test_a_reminder_superseded_while_it_is_being_sent_is_not_sent_any_more(database: Database) -> None:
    with database.begin() as session:
        queue(session, "one", purpose=Purpose.REMINDER)
        (delivery,) = lease(session)
        outbox.supersede_reminders(session, "BR-2026-0001", now=NOW)

    with database.begin() as session:
        assert outbox.still_ours(session, delivery.id, holder="one", now=real_now()) is None
        outbox.defer(session.get_one(Delivery, delivery.id), reply="451 try again later")
    assert lease_keys(database, after=timedelta(days=1)) == []
