"""Slack is away: requests are forwarded all the same, and staff are told by e-mail what they had to see."""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.desk import Desk as TheDesk
from bot.gathering import gather
from bot.ladder import Ladder
from bot.notice_ringing import gather_lost
from bot.outage import Health, StandIn
from bot.settings import DeskSettings
from mail.service import prepare
from storage import announcements, journal, outbox, outcomes, requests
from storage.announcements import CHANNEL
from storage.database import Database
from storage.models import Customer, CustomerKey, Delivery, Reminder
from storage.notice_ringing import LOST
from storage.outcomes import Refused as Refusal
from storage.types import BY_MAIL, DESK, KeyKind, Medium, Purpose
from tests.bot_support import ESCALATION, QUICK, Desk, fill, running_desk
from tests.breach_mail_support import queue_notice
from tests.mail_support import JEANNE, letter, mail_settings, running_mail
from tests.playground import people
from tests.playground.mailhost import MailHost
from tests.playground.refusals import Refused
from tests.storage_support import NOW, add_customer, forward, hours, open_breach, receive, together

LAKE = "contact@garage-du-lac.example"
TO_LAKE = "privacy+lac@kavkom.example"
TO_US = "privacy@kavkom.example"
REFUSING = "direction@hotel-azur.example"
METHODS = ("chat.postMessage", "chat.update", "conversations.info")
TO_REFUSING = "privacy+azur@kavkom.example"


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch, pace=replace(QUICK, outage=0.2)) as desk:
        yield desk


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running."""
    fill(database)
    url = database.engine.url.render_as_string(hide_password=False)
    settings = DeskSettings(_env_file=None, database_url=url, escalation_addresses=(ESCALATION,), staff_language="en")
    return TheDesk(database, settings)


class Out(Health):
    """Slack has taken nothing for a while."""

    def __init__(self) -> None:
        super().__init__(0.0)
        for _ in range(3):
            self.failed("unreachable", in_channel=True)


def mails(desk: TheDesk) -> list[Delivery]:
    with desk.database.reading() as session:
        found = list(session.scalars(select(Delivery).where(Delivery.medium == Medium.EMAIL).order_by(Delivery.id)))
        session.expunge_all()
        return found


def hold(desk: TheDesk, count: int = 1) -> list[str]:
    with desk.database.begin() as session:
        return [receive(session).reference for _ in range(count)]


def name_aliases(database: Database) -> None:
    """Intake addresses for two of the customers."""
    with database.begin() as session:
        for reference, alias in (("C0001", TO_LAKE), ("C0002", TO_REFUSING)):
            customer = session.scalars(select(Customer).where(Customer.reference == reference)).one()
            session.add(CustomerKey(customer_id=customer.id, kind=KeyKind.INTAKE_ALIAS, value=alias))


# --- when it is an outage ---


def test_three_failures_that_last_are_an_outage_and_one_success_ends_it() -> None:
    health = Health(0.0)
    seen = []
    for _ in range(3):
        health.failed("unreachable", in_channel=True)
        seen.append(health.out)

    health.took()

    assert [*seen, health.out] == [False, False, True, False]


def test_three_failures_in_a_moment_are_none() -> None:
    health = Health(30.0)

    for _ in range(50):
        health.failed("ratelimited", in_channel=True)

    assert not health.out


@pytest.mark.parametrize("code", ["channel_not_found", "invalid_auth", "channel_is_shared"])
def test_a_wrong_configuration_is_an_outage_at_once(code: str) -> None:
    health = Health(30.0)

    health.failed(code, in_channel=True)

    assert health.out


def test_a_colleague_who_cannot_be_written_to_is_no_outage() -> None:
    health = Health(0.0)

    for _ in range(5):
        health.failed("channel_not_found", in_channel=False)

    assert not health.out


# --- what is mailed ---


def test_three_hundred_held_requests_are_one_letter_to_each_reader(quiet: TheDesk) -> None:
    references, stand_in = hold(quiet, 300), StandIn(quiet, Out())

    while stand_in.tick(now=NOW):
        pass
    gather(quiet, slack_out=True, now=NOW)

    sent = mails(quiet)
    assert {one.recipient for one in sent} == {people.ANNE.email, ESCALATION}
    assert len(sent) == 2
    [to_escalation] = [one for one in sent if one.recipient == ESCALATION]
    assert to_escalation.subject == "300 requests need a person"
    assert set(re.findall(r"DSR-\d+-\d+", to_escalation.text or "")) == set(references[:200])
    assert "and 100 more" in (to_escalation.text or "")


def test_within_fifteen_minutes_what_comes_waits_for_the_next_letter(quiet: TheDesk) -> None:
    stand_in = StandIn(quiet, Out())
    letters = []
    for minute in (0, 1, 14, 15, 16, 31):
        hold(quiet)
        stand_in.tick(now=NOW + timedelta(minutes=minute))
        letters.append(gather(quiet, slack_out=True, now=NOW + timedelta(minutes=minute)))

    assert letters == [2, 0, 0, 2, 0, 2]
    assert [one.subject for one in mails(quiet) if one.recipient == ESCALATION][1:] == [
        "3 requests need a person",
        "2 requests need a person",
    ]


def test_what_was_decided_before_the_letter_is_not_in_it(quiet: TheDesk) -> None:
    [decided, waiting], stand_in = hold(quiet, 2), StandIn(quiet, Out())
    stand_in.tick(now=NOW)
    with quiet.database.begin() as session:
        requests.set_aside(session, requests.get_request(session, decided), "spam", by=DESK, now=NOW)

    gather(quiet, slack_out=True, now=NOW)

    assert all(waiting in (one.text or "") and decided not in (one.text or "") for one in mails(quiet))


def test_what_slack_showed_after_all_is_not_mailed(quiet: TheDesk) -> None:
    hold(quiet)
    StandIn(quiet, Out()).tick(now=NOW)
    with quiet.database.begin() as session:
        card = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.CARD)).one()
        card.accepted_at, card.due_at = NOW, None

    assert gather(quiet, slack_out=False, now=NOW) == 0
    assert mails(quiet) == []


def test_a_refused_forward_and_a_rung_stand_in_the_letter_once(quiet: TheDesk) -> None:
    [held, refused], stand_in = hold(quiet, 2), StandIn(quiet, Out())
    clock_at = NOW + hours(25)
    with quiet.database.begin() as session:
        entry = journal.record(session, "forward-refused", by=DESK, now=NOW, case=refused)
        announcements.announce(session, entry, "forward_refused")
        request = requests.get_request(session, refused)
        requests.set_aside(session, request, "test", by=DESK, now=NOW)
    Ladder(quiet).tick(now=clock_at)
    stand_in.tick(now=clock_at)

    gather(quiet, slack_out=True, now=clock_at)
    stand_in.tick(now=clock_at + hours(1))
    gather(quiet, slack_out=True, now=clock_at + hours(1))

    texts = [one.text or "" for one in mails(quiet) if one.recipient == ESCALATION]
    assert len(texts) == 1
    assert texts[0].count(held) == 1
    assert f"- {refused}: the customer’s server refused it" in texts[0]


def test_a_breach_that_cannot_be_written_of_does_not_silence_the_others(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        sound = open_breach(session).reference
        for case in ("BR-2026-9999", sound):
            rows = {"medium": Medium.SLACK, "purpose": Purpose.ANNOUNCEMENT, "topic": "breach_opened", "language": ""}
            outbox.queue(session, f"slack:{case}", recipient=CHANNEL, case=case, now=NOW, **rows)  # type: ignore[arg-type]  # as they stand

    StandIn(quiet, Out()).tick(now=NOW + hours(1))

    with quiet.database.reading() as session:
        written = session.scalars(select(Delivery.case).where(Delivery.medium == Medium.EMAIL)).all()
    assert set(written) == {sound}


def test_lost_notices_are_written_of_although_another_breach_cannot_be(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        breach = open_breach(session, add_customer(session, "C0100"))
        refused = Refusal(queue_notice(session, breach.affected[0]).id, "550 no such user")
        rows = {"medium": Medium.SLACK, "purpose": Purpose.ALERT, "topic": LOST, "language": ""}
        outbox.queue(session, "lost", recipient=BY_MAIL, case="BR-2026-0000", now=NOW, **rows)  # type: ignore[arg-type]  # as they stand
        outcomes.record(session, [refused], by=DESK, now=NOW)
        reference = breach.reference

    written = gather_lost(quiet, slack_out=True, now=NOW)

    with quiet.database.reading() as session:
        wanted = select(Delivery.case).where(Delivery.topic == LOST, Delivery.medium == Medium.EMAIL)
        assert session.scalars(wanted).all() == [reference] * written
    assert written > 0


def test_two_bots_write_one_letter(quiet: TheDesk) -> None:
    hold(quiet, 3)
    StandIn(quiet, Out()).tick(now=NOW)
    StandIn(quiet, Out()).tick(now=NOW)

    together(4, lambda _: gather(quiet, slack_out=True, now=NOW))

    assert len(mails(quiet)) == 2


def test_an_automatic_forward_is_nobodys_worry_in_an_outage(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        forward(session, receive(session), add_customer(session, "C0009"))

    StandIn(quiet, Out()).tick(now=NOW)

    assert gather(quiet, slack_out=True, now=NOW) == 0


# --- a day without Slack ---


def test_a_day_of_outage(desk: Desk, mail_host: MailHost, database_url: str) -> None:
    name_aliases(desk.database)
    prepare(desk.database)
    mail_host.smtp.refused = {REFUSING}
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    for method in METHODS:
        desk.workspace.faults.ask(method, Refused("internal_error", status=503), None)
    with running_mail(desk.database, settings):
        mail_host.send(letter(TO_REFUSING), JEANNE, TO_REFUSING)
        for step in range(1, 6):
            mail_host.send(letter(TO_LAKE, subject=f"Lac {step}"), JEANNE, TO_LAKE)
            mail_host.send(letter(TO_US, subject=f"Qui {step}"), JEANNE, TO_US)
            mail_host.wait_for_mail(LAKE, step)
            desk.workspace.wait_for(lambda step=step: len(held(desk)) == step)  # type: ignore[misc]
            desk.workspace.wait_for(lambda: set(held(desk)) <= put_down(desk), what="all put down")
            desk.move(minutes=16)
            desk.workspace.wait_for(lambda: told_of_all(desk, mail_host), what="all told by e-mail")
            desk.move(hours=6)
        desk.workspace.wait_for(lambda: rang_a_day(desk), what="the rung of 24 hours")
        assert desk.workspace.messages() == []
        told = len(mail_host.mailbox(ESCALATION))

        for method in METHODS:
            desk.workspace.forgive(method)
        mail_host.send(letter(TO_US, subject="Slack est de retour"), JEANNE, TO_US)
        desk.workspace.wait_for(lambda: len(held(desk)) == 6 and not unposted(desk))

    assert len(mail_host.mailbox(LAKE)) == 5
    assert "the customer’s server refused it" in read(mail_host)
    assert "jeanne" not in read(mail_host)
    assert told <= 2 * 6
    cards = [message for message in desk.workspace.messages() if "DSR-" in message.text]
    assert len(cards) == 12
    for reference in held(desk):
        [card] = [message for message in cards if f"*{reference}*" in str(message.blocks)]
        assert "needs a person" in str(card.blocks)
        assert len(desk.workspace.messages(thread=card.ts)) <= 1


def held(desk: Desk) -> list[str]:
    """The requests that nobody was given yet."""
    with desk.database.reading() as session:
        return [one.reference for one in requests.find_waiting(session) if not one.forwards]


def read(mail_host: MailHost) -> str:
    """All that the escalation address has read."""
    found = [email.message_from_bytes(raw, policy=email.policy.default) for raw in mail_host.mailbox(ESCALATION)]
    bodies = [(str(one["Subject"]), one.get_body(("plain",))) for one in found]
    return "\n".join(f"{subject}\n{body.get_content() if body else ''}" for subject, body in bodies)


def put_down(desk: Desk) -> set[str]:
    """The cases that a letter has told of, or will."""
    return {one.case for one in desk.deliveries(Medium.SLACK, recipient=BY_MAIL)}


def rang_a_day(desk: Desk) -> bool:
    with desk.database.reading() as session:
        return any(rung.startswith("H+24") for rung in session.scalars(select(Reminder.rung)))


def told_of_all(desk: Desk, mail_host: MailHost) -> bool:
    """Whether the escalation address has read of every request that waits."""
    return all(reference in read(mail_host) for reference in held(desk))


def unposted(desk: Desk) -> list[Delivery]:
    waiting = desk.deliveries(Medium.SLACK)
    return [one for one in waiting if one.due_at is not None and one.recipient != BY_MAIL]
