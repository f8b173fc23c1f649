"""A forward that failed, a customer's reply, a task: what Slack shows of them, and what a press does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.commands import app
from storage import customers, failures, outbox, replies, requests, tasks
from storage.clock import now
from storage.messages import Place, keep_message
from storage.models import CustomerKey, Delivery, Forward, Instruction, Message, Task
from storage.types import Actor, KeyKind, Purpose, Role, Said, TaskKind
from tests.bot_support import BORIS, CARLA, Desk, fill, held_request, running_desk
from tests.playground import people
from tests.playground.workspace import Message as Post

MAIL = Actor("desk", "mail")
REPORT = b"From: mailer-daemon@mx.example\r\n\r\n<contact@garage-du-lac.example> unknown, Jeanne Quetzal\r\n"
_uids = iter(range(1, 1_000_000))


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def keep(session: Session, raw: bytes = REPORT) -> Message:
    uid = next(_uids)
    unlike = raw + b"Number %d\r\n" % uid
    return keep_message(session, Place("privacy", "Reports", 1, uid), unlike, received_at=now(), now=now())


def forward(session: Session, *references: str) -> str:
    """A request whose forwards were all accepted; its reference."""
    request = held_request(session)
    for customer in customers.get_customers(session, references):
        requests.forward_request(session, request, customer, evidence=("x",), own_address=None, by=MAIL, now=now())
    for delivery in newest_attempts(session, request.reference):
        outbox.record_accepted(delivery, reply="250 ok", now=now())
    return request.reference


def newest_attempts(session: Session, reference: str) -> list[Delivery]:
    wanted = select(Delivery).where(Delivery.case == reference, Delivery.purpose == Purpose.FORWARD)
    return list(session.scalars(wanted.order_by(Delivery.id)))


def bounced(desk: Desk, *references: str) -> str:
    """A request that came back from these customers."""
    with desk.bot.desk.decide() as session:
        reference = forward(session, *references)
        for delivery in newest_attempts(session, reference):
            failures.record_bounce(
                session, delivery, status="5.1.1", reason="user unknown", message=keep(session), by=MAIL, now=now()
            )
    return reference


def answered(desk: Desk, said: Said, reference: str = "") -> str:
    with desk.bot.desk.decide() as session:
        reference = reference or forward(session, "C0001")
        to = session.scalars(select(Forward).order_by(Forward.id.desc()).limit(1)).one()
        replies.record_reply(session, keep(session), to, said, by=MAIL, now=now())
    return reference


def wait_for_thread(desk: Desk, card: Post, words: str) -> Post:
    def find() -> Post | None:
        return next((one for one in desk.workspace.messages(thread=card.ts) if words in one.text), None)

    found = desk.workspace.wait_for(find, what=f"{words!r} in the thread")
    assert found is not None
    return found


def attempts(desk: Desk) -> list[Delivery]:
    return desk.deliveries(purpose=Purpose.FORWARD)


def open_tasks(desk: Desk) -> list[Task]:
    with desk.database.reading() as session:
        found = tasks.find_open_tasks(session)
        session.expunge_all()
        return found


def test_a_bounce_shows_on_the_card_and_rings_in_the_channel_with_what_to_do(desk: Desk) -> None:
    reference = bounced(desk, "C0001")

    card = desk.wait_for_card(reference, "*came back*")
    said = wait_for_thread(desk, card, "came back from Garage du Lac (5.1.1)")

    assert "needs a person: *not received* by Garage du Lac" in str(card.blocks)
    assert f"python -m bot dsr redirect {reference} C0001 ADDRESS" in str(card.blocks)
    assert "Telephone the customer" in said.text
    assert said.broadcast
    assert reference in desk.workspace.command(CARLA, "/dsr").text
    assert "forward not received" in desk.workspace.command(CARLA, "/dsr").text
    for secret in ("Quetzal", "garage-du-lac.example", "user unknown"):
        assert secret not in "".join(desk.workspace.payloads)


def test_send_again_pressed_twice_at_once_sends_once(desk: Desk) -> None:
    reference = bounced(desk, "C0001")
    card = desk.wait_for_card(reference, "*came back*")

    with ThreadPoolExecutor(2) as pool:
        pressed = [pool.submit(desk.workspace.click, CARLA, card, "dsr_send_again") for _ in range(2)]
        said = [one.result() for one in pressed]

    first, again = attempts(desk)
    assert (again.attempt_of_id, again.recipient) == (first.id, first.recipient)
    assert not desk.button(desk.wait_for_card(reference, "sent again"), "dsr_send_again")
    wait_for_thread(desk, card, "is on its way to Garage du Lac again")
    assert sum("has changed meanwhile" in str(one) or "has not failed" in str(one) for one in said) <= 1


def test_of_several_that_failed_one_is_chosen(small_desk: Desk) -> None:
    reference = bounced(small_desk, "C0001", "C0002")
    card = small_desk.wait_for_card(reference, "Garage du Lac and 1 more")
    form, stale = (small_desk.workspace.click(who, card, "dsr_send_again").view for who in (CARLA, BORIS))
    assert form is not None
    assert stale is not None

    small_desk.workspace.submit(CARLA, form, {"failed_customer": "C0002"})
    refused = small_desk.workspace.submit(BORIS, stale, {"failed_customer": "C0002"})

    assert [one.recipient for one in attempts(small_desk)][2:] == ["direction@hotel-azur.example"]
    card = small_desk.wait_for_card(reference, "sent again")
    assert small_desk.button(card, "dsr_send_again")
    assert "Hôtel Azur" in refused.errors["failed_customer"]
    assert len(attempts(small_desk)) == 3


def test_told_by_telephone_ends_the_alarm(desk: Desk) -> None:
    reference = bounced(desk, "C0001")
    card = desk.wait_for_card(reference, "*came back*")
    form = desk.workspace.click(CARLA, card, "dsr_reached").view
    assert form is not None
    at = int(now().timestamp())
    how: dict[str, Any] = {"failed_customer": "C0001", "means": "telephone"}

    early = desk.workspace.submit(CARLA, form, how | {"told_at": at - 86_400})
    late = desk.workspace.submit(CARLA, form, how | {"told_at": at + 86_400})
    desk.workspace.submit(CARLA, form, how | {"told_at": at})

    assert "cannot have been told before" in early.errors["told_at"]
    assert "future" in late.errors["told_at"]
    card = desk.wait_for_card(reference, "the letter itself is still to be handed over")
    assert not desk.button(card, "dsr_reached")
    wait_for_thread(desk, card, "was told of")
    assert "No request is waiting" in desk.workspace.command(CARLA, "/dsr").text


def test_a_stale_press_changes_nothing_and_says_so(small_desk: Desk) -> None:
    reference = bounced(small_desk, "C0001")
    card = small_desk.wait_for_card(reference, "*came back*")
    with small_desk.database.begin() as session:
        request = requests.get_request(session, reference)
        failures.send_again(session, request, request.forwards[0].customer, by=MAIL, now=now())

    reply = small_desk.workspace.click(CARLA, card, "dsr_send_again")

    assert "has changed meanwhile" in reply.ephemerals[0].text
    assert len(attempts(small_desk)) == 2


def test_a_role_that_is_gone_at_the_commit_decides_nothing(small_desk: Desk) -> None:
    reference = bounced(small_desk, "C0001")
    card = small_desk.wait_for_card(reference, "*came back*")
    form = small_desk.workspace.click(CARLA, card, "dsr_reached").view
    assert form is not None
    small_desk.set_role(CARLA, Role.VIEWER)

    small_desk.workspace.submit(
        CARLA, form, {"failed_customer": "C0001", "means": "telephone", "told_at": int(now().timestamp())}
    )
    refused = small_desk.workspace.click(CARLA, card, "dsr_send_again")

    assert "needs the role of a handler" in refused.ephemerals[0].text
    with small_desk.database.reading() as session:
        assert not requests.get_request(session, reference).forwards[0].calls
    assert len(attempts(small_desk)) == 1


def test_a_delay_is_shown_as_such(small_desk: Desk) -> None:
    with small_desk.bot.desk.decide() as session:
        reference = forward(session, "C0001")
        [delivery] = newest_attempts(session, reference)
        failures.record_delay(
            session, delivery, status="4.4.1", reason="timed-out", message=keep(session), by=MAIL, now=now()
        )

    card = small_desk.wait_for_card(reference, "then *delayed*")

    assert not small_desk.button(card, "dsr_send_again")
    assert not wait_for_thread(small_desk, card, "still being tried").broadcast


def test_a_forward_too_large_is_shown_with_its_size(small_desk: Desk) -> None:
    with small_desk.bot.desk.decide() as session:
        reference = held_request(session).reference
        request = requests.get_request(session, reference)
        request.message.size = 41_234_567
        customer = customers.get_customer(session, "C0001")
        requests.forward_request(session, request, customer, evidence=("x",), own_address=None, by=MAIL, now=now())
        [delivery] = newest_attempts(session, reference)
        failures.forward_without_original(session, delivery, reply="552 5.3.4 too big", now=now())

    card = small_desk.wait_for_card(reference, "*without its attachment* (41.2 MB")

    wait_for_thread(small_desk, card, "too large for the server of Garage du Lac (41.2 MB)")


def test_not_ours_rings_and_its_task_is_taken_and_done(desk: Desk) -> None:
    reference = answered(desk, Said.NOT_OURS)
    card = desk.wait_for_card(reference, "replied: *not ours*")
    said = wait_for_thread(desk, card, "is *not theirs*")
    assert said.broadcast
    assert "perhaps sent to the wrong customer" in str(card.blocks)

    desk.workspace.click(CARLA, card, "dsr_take_task")

    card = desk.wait_for_card(reference, f"taken by <@{CARLA}>")
    assert not desk.button(card, "dsr_take_task")

    desk.workspace.click(BORIS, card, "dsr_finish_task")

    assert open_tasks(desk) == []
    shown = desk.workspace.wait_for(lambda: ":pushpin:" not in str(desk.wait_for_card(reference)), what="no task left")
    assert shown


def test_of_several_tasks_one_is_chosen_and_another_colleague_cannot_take_it_again(small_desk: Desk) -> None:
    reference = answered(small_desk, Said.HELP)
    small_desk.wait_for_card(reference, "1. help the customer")
    answered(small_desk, Said.OTHER, reference)
    card = small_desk.wait_for_card(reference, "2. read the mail")
    forms = [small_desk.workspace.click(who, card, "dsr_take_task").view for who in (CARLA, BORIS)]
    assert forms[0] is not None
    assert forms[1] is not None

    small_desk.workspace.submit(CARLA, forms[0], {"task": "2"})
    refused = small_desk.workspace.submit(BORIS, forms[1], {"task": "2"})

    assert "taken" in str(refused.errors) or "chargé" in str(refused.errors) or "pris" in str(refused.errors)
    assert [(one.what, one.owner) for one in open_tasks(small_desk)] == [
        (TaskKind.HELP, None),
        (TaskKind.READ, CARLA),
    ]


def test_the_newest_reply_is_read_in_the_mailbox_not_in_slack(small_desk: Desk) -> None:
    reference = answered(small_desk, Said.OTHER)
    card = small_desk.wait_for_card(reference, "replied: *something to read*")

    read = small_desk.workspace.click(CARLA, card, "dsr_read_newest")

    [original] = small_desk.deliveries(purpose=Purpose.ORIGINAL)
    with small_desk.database.reading() as session:
        newest = session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
    assert (original.recipient, original.original_id) == (people.CARLA.email, newest.id)
    assert "is on its way to your company address" in read.ephemerals[0].text


def test_what_a_person_wrote_while_the_request_was_held_goes_with_it(small_desk: Desk) -> None:
    reference = small_desk.hold_request()
    with small_desk.bot.desk.decide() as session:
        request = requests.get_request(session, reference)
        replies.record_follow_up(session, keep(session), request, by=MAIL, now=now())
    card = small_desk.wait_for_card(reference, "The person wrote again")
    wait_for_thread(small_desk, card, "still waits for a decision")
    choose = small_desk.workspace.click(CARLA, card, "dsr_choose").view
    assert choose is not None
    confirm = small_desk.workspace.submit(CARLA, choose, {"customer": "C0001"}).view
    assert confirm is not None

    small_desk.workspace.submit(CARLA, confirm)

    [follow_up] = small_desk.deliveries(purpose=Purpose.FOLLOW_UP)
    assert follow_up.recipient == "contact@garage-du-lac.example"


def test_the_same_without_slack(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from storage.database import open_database

    database = open_database(sqlite_url)
    fill(database)
    with database.begin() as session:
        reference = forward(session, "C0001", "C0002")
        for delivery in newest_attempts(session, reference):
            failures.record_bounce(session, delivery, status=None, reason="x", message=None, by=MAIL, now=now())
        tasks.open_task(session, reference, TaskKind.HELP, by=MAIL, now=now())
        garage = customers.get_customer(session, "C0001")
        garage.breach_telephone = "+33199000100"
        session.add(CustomerKey(customer_id=garage.id, kind=KeyKind.TELEPHONE, value="+33199000101"))

    def dsr(*words: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", sqlite_url)
        monkeypatch.setenv("MAIL_ADDRESS", "privacy@kavkom.example")
        with pytest.raises(SystemExit):
            app(["dsr", *words], prog_name="python -m bot")
        said = capsys.readouterr()
        return said.out + said.err

    shown = dsr("show", reference)
    assert "NOT RECEIVED: came back" in shown
    assert "order (not recorded), whose address was contact@garage-du-lac.example" in shown
    assert "telephone: +33199000100, +33199000101" in shown
    assert "none in the directory" in shown
    assert "to Garage du Lac again" in dsr("send-again", reference, "C0001")
    assert "has not failed" in dsr("send-again", reference, "C0001")
    assert "was told by telephone" in dsr("reached", reference, "C0002", "--means", "telephone")
    assert "would come straight back" in dsr(
        "redirect", reference, "C0001", "privacy+x@kavkom.example", "--instruction", "as said"
    )
    assert "the instruction is recorded" in dsr(
        "redirect", reference, "C0001", "dpo@garage.example", "--instruction", "Mr Lac, by telephone"
    )
    assert f"{reference}  1  help" in dsr("tasks")
    assert "task 1 is yours" in dsr("take-task", reference.lower(), "1")
    assert "task 1 is done" in dsr("finish-task", reference, "1")
    assert "nothing to do" in dsr("tasks")
    assert "was never forwarded to Tel Aviv Tours" in dsr("send-again", reference, "C0003")
    with database.reading() as session:
        assert session.scalars(select(Instruction.address)).all() == ["dpo@garage.example"]
        assert requests.count_waiting(session)[0] == 0
    database.dispose()
