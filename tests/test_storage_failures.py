"""When a forward fails: bounces, delays, further attempts, another address, being told by telephone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import failures, journal, outbox, requests
from storage.attempts import find_original, withheld_size
from storage.database import Database
from storage.errors import (
    CustomerAddressIsOurs,
    ForwardNotFailed,
    InstantInFuture,
    InstructionMissing,
    MalformedAddress,
    NotForwarded,
    Refused,
    ToldBeforeNoticed,
)
from storage.forwards import address_of, has_failed
from storage.models import CaseMail, Customer, Delivery, Forward, Instruction, Request
from storage.types import Actor, Correspondence, Means, Medium, Purpose
from tests.storage_support import ANNE, NOW, add_customer, forward, hours, keep_letter, receive, together

OURS = "privacy@kavkom.example"
MAIL = Actor("desk", "mail")
LATER = NOW + timedelta(minutes=10)


def send(session: Session, reference: str = "C0001", *, at: datetime = NOW) -> tuple[Request, Customer, Delivery]:
    """A request on its way to a customer."""
    request, customer = receive(session, at=at), add_customer(session, reference)
    forward(session, request, customer, at=at)
    return request, customer, newest(session)


def newest(session: Session) -> Delivery:
    wanted = select(Delivery).where(Delivery.medium == Medium.EMAIL).order_by(Delivery.id.desc())
    return session.scalars(wanted.limit(1)).one()


def accept(delivery: Delivery) -> None:
    outbox.record_accepted(delivery, reply="250 ok", now=NOW)


def refuse(delivery: Delivery) -> None:
    outbox.record_refused(delivery, reply="550 no such mailbox", now=NOW)


def bounce(session: Session, delivery: Delivery, **changed: Any) -> None:
    known: dict[str, Any] = {"status": "5.1.1", "reason": "user unknown", "message": keep_letter(session, b"a report")}
    failures.record_bounce(session, delivery, by=MAIL, now=LATER, **(known | changed))


def waiting(session: Session) -> list[str]:
    session.flush()
    session.expire_all()
    found = requests.find_waiting(session)
    assert requests.count_waiting(session)[0] == len(found)
    assert all(requests.is_held(one) for one in found)
    return [one.reference for one in found]


def topics(session: Session) -> list[str]:
    announced = select(Delivery.topic).where(Delivery.purpose == Purpose.ANNOUNCEMENT).order_by(Delivery.id)
    return list(session.scalars(announced))


def actions(session: Session, case: str = "DSR-2026-0001") -> list[str]:
    return [entry.action for entry in journal.entries_of(session, case)]


def test_a_bounce_of_an_accepted_forward_reopens_the_duty_and_rings_at_once(database: Database) -> None:
    with database.begin() as session:
        request, _, delivery = send(session)
        accept(delivery)
        assert waiting(session) == []

        bounce(session, delivery)

        assert waiting(session) == [request.reference]
        assert requests.forwarded_at(request.forwards[0]) is None
        assert (delivery.bounced_at, delivery.bounce_status) == (LATER, "5.1.1")
        assert topics(session) == ["forward_bounced"]
        assert actions(session)[-1] == "forward-bounced"
        mail = session.scalars(select(CaseMail)).one()
        assert (mail.what, mail.delivery_id, mail.request_id) == (Correspondence.REPORT, delivery.id, request.id)
        assert journal.verify(session) == []


def test_what_a_report_says_is_not_in_the_journal(database: Database) -> None:
    with database.begin() as session:
        _, _, delivery = send(session)
        accept(delivery)

        bounce(session, delivery, status=None, reason="<jeanne@example.org> does not exist")

        assert "jeanne" not in "".join(entry.detail for entry in journal.entries_of(session, "DSR-2026-0001"))
        assert delivery.bounce_status == "<jeanne@example.org> does not exist"


def test_a_second_report_of_the_same_bounce_is_kept_and_nothing_new(database: Database) -> None:
    with database.begin() as session:
        _, _, delivery = send(session)
        accept(delivery)

        bounce(session, delivery)
        bounce(session, delivery, status="5.0.0", message=keep_letter(session, b"another report"))

        assert delivery.bounce_status == "5.1.1"
        assert topics(session) == ["forward_bounced"]
        assert len(session.scalars(select(CaseMail)).all()) == 2


def test_a_bounce_of_what_is_still_being_sent_means_that_it_was_accepted(database: Database) -> None:
    with database.begin() as session:
        request, _, delivery = send(session)
        outbox.record_sending(delivery, now=NOW)

        bounce(session, delivery)

        assert delivery.accepted_at is not None
        assert delivery.due_at is None
        assert waiting(session) == [request.reference]


def test_a_delay_is_told_once_and_is_no_failure(database: Database) -> None:
    with database.begin() as session:
        _, _, delivery = send(session)
        accept(delivery)

        for letter in (b"still trying", b"still trying, the second day"):
            failures.record_delay(
                session, delivery, status="4.4.1", message=keep_letter(session, letter), by=MAIL, now=LATER
            )

        assert delivery.delayed_at == LATER
        assert waiting(session) == []
        assert topics(session) == ["forward_delayed"]


def test_a_bounce_of_an_acknowledgement_is_recorded_and_reopens_nothing(database: Database) -> None:
    with database.begin() as session:
        request, _, delivery = send(session)
        accept(delivery)
        outbox.queue(
            session,
            "acknowledgement",
            medium=Medium.EMAIL,
            purpose=Purpose.ACKNOWLEDGEMENT,
            topic="acknowledgement",
            recipient="jeanne@example.org",
            language="fr",
            case=request.reference,
            now=NOW,
        )
        acknowledgement = newest(session)
        accept(acknowledgement)

        bounce(session, acknowledgement)

        assert acknowledgement.bounced_at == LATER
        assert waiting(session) == []
        assert topics(session) == []
        assert actions(session)[-1] == "mail-bounced"


def test_a_refused_forward_needs_a_person(database: Database) -> None:
    with database.begin() as session:
        request, _, delivery = send(session)

        refuse(delivery)

        assert waiting(session) == [request.reference]


def test_a_failed_forward_is_sent_again_once_to_the_same_address(database: Database) -> None:
    with database.begin() as session:
        request, customer, delivery = send(session)
        accept(delivery)
        bounce(session, delivery)

        attempt = failures.send_again(session, request, customer, by=ANNE, now=LATER)

        assert (attempt.recipient, attempt.attempt_of_id) == (delivery.recipient, delivery.id)
        assert (attempt.original_id, attempt.purpose) == (request.message_id, Purpose.FORWARD)
        assert waiting(session) == []
        with pytest.raises(ForwardNotFailed):
            failures.send_again(session, request, customer, by=ANNE, now=LATER)
        accept(attempt)
        assert requests.forwarded_at(request.forwards[0]) == NOW


def test_two_colleagues_who_send_again_at_once_send_once(database: Database) -> None:
    with database.begin() as session:
        _, _, delivery = send(session)
        refuse(delivery)

    def press(_which: int) -> str:
        try:
            with database.begin() as session:
                request = requests.get_request(session, "DSR-2026-0001", to_change=True)
                failures.send_again(session, request, request.forwards[0].customer, by=ANNE, now=LATER)
        except Refused as refused:
            return refused.template
        return "sent"

    assert sorted(together(4, press)) == ["forward_not_failed"] * 3 + ["sent"]
    with database.reading() as session:
        assert len(session.scalars(select(Delivery).where(Delivery.purpose == Purpose.FORWARD)).all()) == 2


def test_what_has_not_failed_or_was_never_forwarded_is_not_sent_again(database: Database) -> None:
    with database.begin() as session:
        request, customer, _ = send(session)

        with pytest.raises(ForwardNotFailed):
            failures.send_again(session, request, customer, by=ANNE, now=LATER)
        with pytest.raises(NotForwarded):
            failures.send_again(session, request, add_customer(session, "C0002"), by=ANNE, now=LATER)


def test_a_late_bounce_after_a_newer_attempt_changes_nothing_but_the_record(database: Database) -> None:
    with database.begin() as session:
        request, customer, first = send(session)
        refuse(first)
        second = failures.send_again(session, request, customer, by=ANNE, now=LATER)
        accept(second)

        bounce(session, first)

        assert first.bounced_at == LATER
        assert waiting(session) == []
        assert "forward_bounced" not in topics(session)


def test_a_customer_told_by_telephone_has_its_request_and_a_later_bounce_changes_nothing(database: Database) -> None:
    with database.begin() as session:
        request, customer, delivery = send(session)
        accept(delivery)
        bounce(session, delivery)

        failures.record_reached(
            session, request, customer, means=Means.TELEPHONE, at=LATER, by=ANNE, now=LATER + hours(1)
        )

        assert waiting(session) == []
        assert requests.forwarded_at(request.forwards[0]) == LATER
        assert topics(session) == ["forward_bounced", "forward_reached"]


def test_a_bounce_after_the_customer_was_told_does_not_ring(database: Database) -> None:
    with database.begin() as session:
        request, customer, delivery = send(session)
        accept(delivery)
        failures.record_reached(session, request, customer, means=Means.IN_PERSON, at=NOW, by=ANNE, now=NOW)

        bounce(session, delivery)

        assert waiting(session) == []
        assert topics(session) == ["forward_reached"]


@pytest.mark.parametrize(
    ("minutes", "refused"), [(-61, ToldBeforeNoticed), (-1, ToldBeforeNoticed), (30, InstantInFuture)]
)
def test_a_customer_is_told_neither_before_the_receipt_nor_in_the_future(
    database: Database, minutes: int, refused: type[Refused]
) -> None:
    with database.begin() as session:
        request, customer, _ = send(session)
        at = NOW + timedelta(minutes=minutes)

        with pytest.raises(refused):
            failures.record_reached(session, request, customer, means=Means.TELEPHONE, at=at, by=ANNE, now=NOW)


def test_another_address_is_used_only_as_the_recorded_instruction(database: Database) -> None:
    with database.begin() as session:
        request, customer, delivery = send(session)
        refuse(delivery)
        how: dict[str, Any] = {"own_address": OURS, "by": ANNE, "now": LATER}

        with pytest.raises(InstructionMissing):
            failures.redirect(session, request, customer, "dpo@garage.example", instruction=" ", **how)
        attempt = failures.redirect(
            session, request, customer, "dpo@garage.example", instruction="Mr Lac, by telephone", **how
        )

        instruction = session.scalars(select(Instruction)).one()
        assert (instruction.address, instruction.case) == ("dpo@garage.example", request.reference)
        assert attempt.recipient == "dpo@garage.example"
        [sent] = request.forwards
        assert sent.address == "c0001@example.org"
        assert address_of(sent) == "dpo@garage.example"
        assert waiting(session) == []
        assert "instruction-recorded" in actions(session)
        assert "garage.example" not in "".join(entry.detail for entry in journal.entries_of(session, request.reference))


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("Privacy+acme@kavkom.example", CustomerAddressIsOurs),
        ("no address", MalformedAddress),
        ("a@b.example\r\nBcc: c@d.example", MalformedAddress),
        (f"{'x' * 260}@example.org", MalformedAddress),
    ],
)
def test_an_address_of_ours_and_a_malformed_one_are_refused(
    database: Database, address: str, refused: type[Refused]
) -> None:
    with database.begin() as session:
        request, customer, delivery = send(session)
        refuse(delivery)

        with pytest.raises(refused) as said:
            failures.redirect(
                session, request, customer, address, instruction="as said", own_address=OURS, by=ANNE, now=LATER
            )

        assert address not in str(said.value)
        assert session.scalars(select(Instruction)).all() == []


def test_an_attempt_that_still_waits_is_withdrawn_when_the_customer_names_another_address(database: Database) -> None:
    with database.begin() as session:
        request, customer, delivery = send(session)
        outbox.defer(delivery, reply="421 later")

        failures.redirect(
            session, request, customer, "dpo@garage.example", instruction="as said", own_address=OURS, by=ANNE, now=NOW
        )

        session.refresh(delivery)
        assert delivery.due_at is None
        assert delivery.superseded_at == NOW
        assert waiting(session) == []


def test_a_forward_too_large_goes_again_without_its_original(database: Database) -> None:
    with database.begin() as session:
        request, _, delivery = send(session)

        attempt = failures.forward_without_original(session, delivery, reply="552 5.3.4 too big", now=LATER)

        assert attempt is not None
        assert delivery.refused_at == LATER
        assert (attempt.original_id, attempt.attempt_of_id) == (None, delivery.id)
        original = find_original(session, attempt)
        assert original is not None
        assert original.id == request.message_id
        assert withheld_size(session, attempt) == original.size
        assert withheld_size(session, delivery) is None
        assert topics(session) == ["forward_too_large"]
        assert waiting(session) == []
        assert failures.forward_without_original(session, attempt, reply="552 still", now=LATER) is None


def test_a_bounce_that_says_too_large_sends_it_without_its_original_by_itself(database: Database) -> None:
    with database.begin() as session:
        _, _, delivery = send(session)
        accept(delivery)

        bounce(session, delivery, status="5.3.4")

        assert newest(session).attempt_of_id == delivery.id
        assert newest(session).original_id is None
        assert topics(session) == ["forward_too_large"]
        assert waiting(session) == []


def test_a_deliverys_follow_up_never_counts_as_the_forward(database: Database) -> None:
    with database.begin() as session:
        request, _, delivery = send(session)
        refuse(delivery)
        outbox.queue(
            session,
            "follow-up:1:C0001",
            medium=Medium.EMAIL,
            purpose=Purpose.FOLLOW_UP,
            topic="follow_up",
            recipient=delivery.recipient,
            language="fr",
            case=request.reference,
            forward_id=delivery.forward_id,
            now=NOW,
        )
        follow_up = newest(session)
        accept(follow_up)
        session.refresh(request.forwards[0], ["deliveries"])

        assert requests.forwarded_at(request.forwards[0]) is None
        assert waiting(session) == [request.reference]

        bounce(session, follow_up)
        assert "follow_up_bounced" in topics(session)


def test_one_failed_forward_of_two_needs_a_person_and_the_longest_waiting_comes_first(database: Database) -> None:
    with database.begin() as session:
        older = receive(session, at=NOW - hours(5))
        request, _, delivery = send(session)
        forward(session, request, add_customer(session, "C0002"))
        accept(newest(session))
        refuse(delivery)
        forward(session, receive(session), add_customer(session, "C0003"))

        assert waiting(session) == [older.reference, request.reference]
        assert [has_failed(one) for one in session.scalars(select(Forward).order_by(Forward.id))] == [
            True,
            False,
            False,
        ]
