"""What customers reply and what a person writes again: recorded, rung, never sent on by guess; and tasks."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import failures, journal, outbox, replies, requests, tasks
from storage.database import Database
from storage.errors import Refused, TaskDone, TaskTaken, UnknownTask
from storage.models import CaseMail, Delivery, Forward, Instruction, Request, Task
from storage.types import Actor, Correspondence, Medium, Purpose, Said, TaskKind
from tests.storage_support import ANNE, BORIS, NOW, add_customer, forward, hours, keep_letter, receive, together

MAIL = Actor("desk", "mail")


def sent(session: Session, reference: str = "C0001") -> Forward:
    """A request that a customer's server has accepted."""
    made = forward(session, receive(session), add_customer(session, reference))
    accept_all(session)
    return made


def accept_all(session: Session) -> None:
    for delivery in session.scalars(select(Delivery).where(Delivery.medium == Medium.EMAIL)):
        if delivery.accepted_at is None:
            outbox.record_accepted(delivery, reply="250 ok", now=NOW)
    session.flush()


def reply(session: Session, to: Forward, said: Said, text: bytes = b"From: b@example.org\r\n\r\nNo\r\n") -> CaseMail:
    return replies.record_reply(session, keep_letter(session, text), to, said, by=MAIL, now=NOW)


def follow_up(session: Session, request: Request) -> CaseMail:
    letter = keep_letter(session, b"From: a@example.org\r\n\r\nAgain\r\n")
    return replies.record_follow_up(session, letter, request, by=MAIL, now=NOW)


def topics(session: Session) -> list[str]:
    announced = select(Delivery.topic).where(Delivery.purpose == Purpose.ANNOUNCEMENT).order_by(Delivery.id)
    return list(session.scalars(announced))


def queued(session: Session) -> list[tuple[str, int | None]]:
    wanted = select(Delivery).where(Delivery.purpose == Purpose.FOLLOW_UP).order_by(Delivery.id)
    return [(one.recipient, one.original_id) for one in session.scalars(wanted)]


@pytest.mark.parametrize(
    ("said", "topic", "task"),
    [
        (Said.NOT_OURS, "reply_not_ours", TaskKind.MISROUTED),
        (Said.HELP, "reply_help", TaskKind.HELP),
        (Said.INSTRUCTION, "reply_instruction", TaskKind.INSTRUCTION),
        (Said.ANSWER, "reply_answer", TaskKind.FOR_PERSON),
        (Said.OTHER, "reply_other", TaskKind.READ),
    ],
)
def test_a_reply_rings_and_somebody_must_do_something(
    database: Database, said: Said, topic: str, task: TaskKind
) -> None:
    with database.begin() as session:
        to = sent(session)

        mail = reply(session, to, said)

        assert (mail.what, mail.forward_id, mail.said) == (Correspondence.REPLY, to.id, said)
        assert topics(session) == [topic]
        [opened] = tasks.find_open_tasks(session)
        assert (opened.case, opened.what, opened.message_id) == (to.request.reference, task, mail.message_id)
        assert session.scalars(select(Instruction.message_id)).all() == (
            [mail.message_id] if said is Said.INSTRUCTION else []
        )
        assert queued(session) == []
        assert journal.verify(session) == []


def test_received_is_recorded_and_asks_nothing_of_anybody(database: Database) -> None:
    with database.begin() as session:
        mail = reply(session, sent(session), Said.RECEIVED)

        assert mail.what is Correspondence.REPLY
        assert tasks.find_open_tasks(session) == []
        assert topics(session) == []


def test_an_out_of_office_note_counts_as_nothing(database: Database) -> None:
    with database.begin() as session:
        to = sent(session)
        cards = len(session.scalars(select(Delivery.id).where(Delivery.purpose == Purpose.CARD)).all())

        mail = reply(session, to, Said.OUT_OF_OFFICE)

        assert mail.what is Correspondence.AUTOMATIC
        assert topics(session) == []
        assert tasks.find_open_tasks(session) == []
        assert len(session.scalars(select(Delivery.id).where(Delivery.purpose == Purpose.CARD)).all()) == cards


def test_the_same_reply_recorded_twice_rings_once(database: Database) -> None:
    with database.begin() as session:
        to, letter = sent(session), keep_letter(session)

        for _ in range(2):
            replies.record_reply(session, letter, to, Said.HELP, by=MAIL, now=NOW)

        assert topics(session) == ["reply_help"]
        assert letter.decided_at == NOW


def test_a_follow_up_goes_to_every_customer_who_has_the_request(database: Database) -> None:
    with database.begin() as session:
        request = sent(session).request
        forward(session, request, add_customer(session, "C0002"))
        accept_all(session)

        mail = follow_up(session, request)
        replies.record_follow_up(session, request.message, request, by=MAIL, now=NOW)

        assert queued(session)[:2] == [
            ("c0001@example.org", mail.message_id),
            ("c0002@example.org", mail.message_id),
        ]
        assert topics(session)[0] == "follow_up_forwarded"


def test_a_follow_up_goes_to_the_address_that_the_customer_instructed(database: Database) -> None:
    with database.begin() as session:
        to = sent(session)
        failures.redirect(
            session,
            to.request,
            to.customer,
            "dpo@garage.example",
            instruction="as said",
            own_address=None,
            by=ANNE,
            now=NOW,
        )
        accept_all(session)

        follow_up(session, to.request)

        assert [recipient for recipient, _ in queued(session)] == ["dpo@garage.example"]


def test_a_follow_up_of_a_held_request_waits_with_it_and_goes_when_it_goes(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)

        mail = follow_up(session, request)

        assert queued(session) == []
        assert topics(session) == ["follow_up_waiting"]
        assert requests.is_held(request)
        made = forward(session, request, add_customer(session))
        assert replies.send_follow_ups(session, made, now=NOW) == 1
        assert replies.send_follow_ups(session, made, now=NOW) == 0
        assert queued(session) == [("c0001@example.org", mail.message_id)]


def test_a_person_who_writes_again_takes_back_what_was_set_aside(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        requests.set_aside(session, request, "spam", by=ANNE, now=NOW)

        follow_up(session, request)

        assert request.set_aside_at is None
        assert requests.count_waiting(session) == (1, NOW)
        assert topics(session) == ["follow_up_insists"]
        assert "request-taken-back" in [entry.action for entry in journal.entries_of(session, request.reference)]


def test_a_customer_who_said_not_ours_gets_no_more_of_it(database: Database) -> None:
    with database.begin() as session:
        to = sent(session)
        reply(session, to, Said.NOT_OURS)

        follow_up(session, to.request)

        assert queued(session) == []
        assert topics(session) == ["reply_not_ours", "follow_up_waiting"]
        assert [task.what for task in tasks.find_open_tasks(session)] == [TaskKind.MISROUTED, TaskKind.READ]


def test_a_task_is_taken_finished_and_numbered_within_its_case(database: Database) -> None:
    with database.begin() as session:
        first = tasks.open_task(session, "DSR-2026-0001", TaskKind.HELP, by=MAIL, now=NOW)
        tasks.open_task(session, "DSR-2026-0002", TaskKind.HELP, by=MAIL, now=NOW)
        second = tasks.open_task(session, "DSR-2026-0001", TaskKind.READ, by=MAIL, now=NOW)

        tasks.take_task(session, first, by=ANNE, now=NOW)
        tasks.take_task(session, first, by=ANNE, now=NOW + hours(1))
        with pytest.raises(TaskTaken):
            tasks.take_task(session, first, by=BORIS, now=NOW)
        tasks.finish_task(session, first, by=BORIS, now=NOW)
        with pytest.raises(TaskDone):
            tasks.finish_task(session, first, by=ANNE, now=NOW)
        with pytest.raises(TaskDone):
            tasks.take_task(session, first, by=ANNE, now=NOW)

        assert (first.owner, first.taken_at, first.done_by) == ("U01ANNE", NOW, "U02BORIS")
        assert tasks.get_task(session, "DSR-2026-0001", 2) is second
        assert tasks.number_of(session, second) == 2
        assert [one.case for one in tasks.find_open_tasks(session)] == ["DSR-2026-0002", "DSR-2026-0001"]
        assert tasks.find_open_tasks(session, "DSR-2026-0001") == [second]
        for number in (0, 3):
            with pytest.raises(UnknownTask):
                tasks.get_task(session, "DSR-2026-0001", number)
        assert [entry.action for entry in journal.entries_of(session, "DSR-2026-0001")] == [
            "task-opened",
            "task-opened",
            "task-taken",
            "task-done",
        ]


def test_two_colleagues_who_take_a_task_at_once_take_it_once(database: Database) -> None:
    with database.begin() as session:
        tasks.open_task(session, "DSR-2026-0001", TaskKind.HELP, by=MAIL, now=NOW)

    def take(which: int) -> str:
        try:
            with database.begin() as session:
                task = tasks.get_task(session, "DSR-2026-0001", 1)
                tasks.take_task(session, task, by=Actor(f"U{which}", "slack"), now=NOW)
        except Refused as refused:
            return refused.template
        return "taken"

    assert sorted(together(3, take)) == ["taken", "task_taken", "task_taken"]
    with database.reading() as session:
        assert session.scalars(select(Task.owner)).one() is not None
