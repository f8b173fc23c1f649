"""A pause holds what leaves the house, and nothing else, until a person ends it."""

from storage import journal, outbox, pauses
from storage.clock import real_now
from storage.database import Database
from storage.models import Delivery, Entry
from storage.types import Medium, Purpose
from tests.storage_support import ANNE, NOW, hours, queue

SOON = hours(1)
OUTSIDE = {
    Purpose.FORWARD,
    Purpose.FOLLOW_UP,
    Purpose.ACKNOWLEDGEMENT,
    Purpose.QUESTION,
    Purpose.CLOSING,
    Purpose.DELETION,
    Purpose.CONFIRMATION,
    Purpose.NOTICE,
}


def leased(database: Database, medium: Medium = Medium.EMAIL) -> list[Delivery]:
    with database.begin() as session:
        return outbox.lease_due(session, medium, holder="host:1:a:b", count=100, now=real_now() + SOON)


def anything_due(database: Database) -> bool:
    with database.reading() as session:
        return outbox.anything_due(session, [Medium.EMAIL], now=real_now() + SOON)


def queue_each_purpose(database: Database) -> None:
    with database.begin() as session:
        for purpose in Purpose:
            queue(session, purpose.value, purpose=purpose)


def test_a_pause_holds_what_leaves_the_house_and_lets_pass_what_tells_staff(database: Database) -> None:
    queue_each_purpose(database)
    with database.begin() as session:
        pauses.pause_sending(session, "restored", now=NOW)
        assert pauses.count_held(session) == len(OUTSIDE)

    assert {delivery.purpose for delivery in leased(database)} == set(Purpose) - OUTSIDE
    assert not anything_due(database)


def test_slack_is_told_that_sending_is_paused_while_it_is(database: Database) -> None:
    with database.begin() as session:
        pauses.pause_sending(session, "restored", now=NOW)

    assert [(one.topic, one.case) for one in leased(database, Medium.SLACK)] == [("sending_paused", "")]


def test_after_a_person_says_so_everything_goes(database: Database) -> None:
    queue_each_purpose(database)
    with database.begin() as session:
        pauses.pause_sending(session, "restored", now=NOW)
        [ended] = pauses.resume_sending(session, by=ANNE, now=NOW + SOON)
        assert (ended.ended_at, ended.ended_by) == (NOW + SOON, ANNE.name)
        assert pauses.is_paused(session) is None

    assert len(leased(database)) == len(Purpose)


def test_nothing_is_held_without_a_pause(database: Database) -> None:
    queue_each_purpose(database)

    assert len(leased(database)) == len(Purpose)


def test_pausing_twice_for_one_reason_is_one_pause_said_once(database: Database) -> None:
    with database.begin() as session:
        first = pauses.pause_sending(session, "restored", now=NOW)
        again = pauses.pause_sending(session, "restored", now=NOW + SOON)
        assert (again.id, again.since_at) == (first.id, NOW)

    with database.reading() as session:
        assert session.query(Entry).count() == 1
    assert len(leased(database, Medium.SLACK)) == 1


def test_pauses_for_two_reasons_end_together_and_the_restored_one_is_named_first(database: Database) -> None:
    with database.begin() as session:
        pauses.pause_sending(session, "too-many", now=NOW)
        pauses.pause_sending(session, "restored", now=NOW)
        first = pauses.is_paused(session)
        assert first is not None
        assert first.reason == "restored"
        assert [one.reason for one in pauses.open_pauses(session)] == ["restored", "too-many"]

        assert len(pauses.resume_sending(session, by=ANNE, now=NOW)) == 2
        assert pauses.open_pauses(session) == []


def test_a_pause_and_its_end_are_in_the_journal(database: Database) -> None:
    with database.begin() as session:
        pauses.pause_sending(session, "restored", now=NOW)
        pauses.resume_sending(session, by=ANNE, now=NOW)
        pauses.resume_sending(session, by=ANNE, now=NOW)

    with database.reading() as session:
        assert [(one.action, one.actor) for one in session.query(Entry).order_by(Entry.number)] == [
            ("sending-paused", "desk"),
            ("sending-resumed", ANNE.name),
        ]
        assert journal.verify(session) == []
