"""Data subjects' requests: received, held, forwarded, set aside; and what is refused."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from storage import journal, outbox, requests
from storage.database import Database
from storage.errors import (
    AlreadyForwarded,
    AlreadySetAside,
    ContractEnded,
    CustomerAddressIsOurs,
    ForwardedCannotBeSetAside,
    NotSetAside,
    ReasonMissing,
    Refused,
    UnknownCase,
)
from storage.models import Delivery, Forward, Request, Staff
from storage.sent import sent_of
from storage.staff_mails import send_original
from storage.types import Medium, Purpose, Role
from tests.storage_support import ANNE, NOW, add_customer, forward, hours, keep_letter, receive, together

OUR_ADDRESS = "privacy@kavkom.example"


def forwards_queued(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Delivery.recipient).where(Delivery.purpose == Purpose.FORWARD)))


def test_a_received_request_is_held_and_decided(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        assert requests.is_held(request)

    assert request.reference == "DSR-2026-0001"
    with database.reading() as session:
        assert [one.reference for one in requests.find_waiting(session)] == ["DSR-2026-0001"]
        assert requests.count_waiting(session) == (1, NOW)
        assert requests.get_request(session, " dsr-2026-0001 ").message.decided_at == NOW


def test_the_longest_waiting_comes_first(database: Database) -> None:
    with database.begin() as session:
        younger, older = receive(session), receive(session, at=NOW - hours(5))

    with database.reading() as session:
        assert [one.id for one in requests.find_waiting(session)] == [older.id, younger.id]
        assert requests.count_waiting(session) == (2, NOW - hours(5))
        assert [one.id for one in requests.find_recent(session, limit=1)] == [older.id]


def test_an_unknown_reference_is_refused(database: Database) -> None:
    with database.reading() as session, pytest.raises(UnknownCase) as refusal:
        requests.get_request(session, "dsr-2026-9999")

    assert refusal.value.fields == {"reference": "DSR-2026-9999"}
    assert refusal.value.template == "unknown_case"


def test_a_forward_is_queued_to_the_address_in_the_order_with_the_decision(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        sent = forward(session, request, add_customer(session, order_reference="CMD-1001"))

    assert (sent.address, sent.order_reference, sent.routed_by) == ("c0001@example.org", "CMD-1001", "U01ANNE")
    assert forwards_queued(database) == ["c0001@example.org"]
    with database.reading() as session:
        request = requests.get_request(session, "DSR-2026-0001")
        assert not requests.is_held(request)
        assert requests.find_waiting(session) == []
        assert requests.forwarded_at(request.forwards[0]) is None
        assert [entry.action for entry in journal.entries_of(session, "DSR-2026-0001")] == [
            "request-received",
            "request-routed",
        ]


@pytest.mark.parametrize(("language", "written"), [("fr", "fr"), ("en", "en"), ("de", "en")])
def test_french_customers_are_written_to_in_french_all_others_in_english(
    database: Database, language: str, written: str
) -> None:
    with database.begin() as session:
        sent = forward(session, receive(session), add_customer(session, language=language))

    assert sent.language == written


def test_a_request_is_forwarded_when_the_customers_server_has_accepted_it(database: Database) -> None:
    accepted_at = NOW + timedelta(seconds=2)
    with database.begin() as session:
        forward(session, receive(session), add_customer(session))
        delivery = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.FORWARD)).one()
        outbox.record_accepted(delivery, reply="250 ok", now=accepted_at)
        requests.record_forwarded(session, [sent_of(delivery)], by=ANNE, now=accepted_at)

    with database.reading() as session:
        request = requests.get_request(session, "DSR-2026-0001")
        assert requests.forwarded_at(request.forwards[0]) == accepted_at
        assert journal.entries_of(session, "DSR-2026-0001")[-1].action == "request-forwarded"


def test_a_forward_that_is_refused_for_good_is_told_to_staff(database: Database) -> None:
    with database.begin() as session:
        forward(session, receive(session), add_customer(session))
        delivery = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.FORWARD)).one()
        outbox.record_refused(delivery, reply="550 5.1.1 no such mailbox", now=NOW)
        requests.record_refused(session, sent_of(delivery), by=ANNE, now=NOW)

    with database.reading() as session:
        assert "forward_refused" in session.scalars(select(Delivery.topic).where(Delivery.medium == Medium.SLACK)).all()
        assert outbox.backlog(session, Medium.EMAIL).refused == 1


def test_a_request_may_go_to_a_second_customer_when_a_person_says_so(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        for reference in ("C0001", "C0002"):
            forward(session, request, add_customer(session, reference))

    assert forwards_queued(database) == ["c0001@example.org", "c0002@example.org"]


def test_forwarding_twice_to_one_customer_is_refused(database: Database) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session)
        forward(session, request, customer)

        with pytest.raises(AlreadyForwarded) as refusal:
            forward(session, request, customer)

    assert (refusal.value.customer, refusal.value.routed_at) == ("Customer C0001", NOW)
    assert len(forwards_queued(database)) == 1


def test_two_colleagues_who_forward_at_once_forward_once(database: Database) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session)

    def choose(_which: int) -> str:
        try:
            with database.begin() as session:
                same_request = requests.get_request(session, request.reference)
                forward(session, same_request, session.merge(customer, load=False))
        except Refused as refusal:
            return refusal.template
        return "forwarded"

    said = together(4, choose)

    assert sorted(said) == ["already_forwarded"] * 3 + ["forwarded"]
    assert len(forwards_queued(database)) == 1


def test_a_request_is_never_both_forwarded_and_set_aside(database: Database) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session)

    def decide(which: int) -> str:
        try:
            with database.begin() as session:
                same_request = requests.get_request(session, request.reference)
                if which:
                    requests.set_aside(session, same_request, "spam", by=ANNE, now=NOW)
                else:
                    forward(session, same_request, session.merge(customer, load=False))
        except Refused as refusal:
            return refusal.template
        return "done"

    said = together(2, decide)

    assert said.count("done") == 1
    with database.reading() as session:
        row = session.scalars(select(Request)).one()
        assert (row.set_aside_at is None) != (session.scalars(select(Forward)).all() == [])


@pytest.mark.parametrize(
    ("instant", "over"),
    [
        (datetime(2026, 9, 30, 12, tzinfo=UTC), False),
        (datetime(2026, 10, 30, 22, 59, tzinfo=UTC), False),  # 23:59 in Paris, of day 30
        (datetime(2026, 10, 30, 23, 1, tzinfo=UTC), True),  # 00:01 in Paris, of day 31
    ],
)
def test_thirty_days_after_the_contract_the_data_is_gone(database: Database, instant: datetime, over: bool) -> None:
    with database.begin() as session:
        customer = add_customer(session, contract_end=date(2026, 9, 30))
        request = receive(session)

        assert requests.is_contract_over(customer, instant) is over
        if over:
            with pytest.raises(ContractEnded):
                forward(session, request, customer, at=instant)
        else:
            forward(session, request, customer, at=instant)


@pytest.mark.parametrize("address", ["privacy@kavkom.example", "Privacy+acme@KAVKOM.example"])
def test_a_forward_to_our_own_intake_is_refused(database: Database, address: str) -> None:
    with database.begin() as session:
        customer = add_customer(session, request_address=address)

        with pytest.raises(CustomerAddressIsOurs):
            forward(session, receive(session), customer)


@pytest.mark.parametrize(
    "address",
    ["privacy@other.example", "dpo@kavkom.example", "privacy-team@kavkom.example", "x+privacy@kavkom.example"],
)
def test_a_neighbour_of_our_address_is_not_ours(address: str) -> None:
    assert not requests.is_ours(address, OUR_ADDRESS)


def test_a_request_is_set_aside_with_a_reason_and_taken_back(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        requests.set_aside(session, request, " spam ", by=ANNE, now=NOW)
        waiting_while_aside = requests.count_waiting(session)
        reason = request.set_aside_reason
        requests.take_back(session, request, by=ANNE, now=NOW)
        waiting_again = requests.count_waiting(session)

    assert waiting_while_aside == (0, None)
    assert reason == "spam"
    assert waiting_again == (1, NOW)
    assert request.set_aside_reason is None


def test_setting_aside_needs_a_reason(database: Database) -> None:
    with database.begin() as session, pytest.raises(ReasonMissing):
        requests.set_aside(session, receive(session), "  ", by=ANNE, now=NOW)


def test_setting_aside_twice_is_refused(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        requests.set_aside(session, request, "spam", by=ANNE, now=NOW)

        with pytest.raises(AlreadySetAside):
            requests.set_aside(session, request, "spam", by=ANNE, now=NOW)


def test_what_is_set_aside_cannot_be_forwarded(database: Database) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session)
        requests.set_aside(session, request, "spam", by=ANNE, now=NOW)

        with pytest.raises(AlreadySetAside):
            forward(session, request, customer)


def test_what_is_forwarded_cannot_be_set_aside(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        forward(session, request, add_customer(session))

        with pytest.raises(ForwardedCannotBeSetAside):
            requests.set_aside(session, request, "spam", by=ANNE, now=NOW)


def test_what_is_not_set_aside_cannot_be_taken_back(database: Database) -> None:
    with database.begin() as session, pytest.raises(NotSetAside):
        requests.take_back(session, receive(session), by=ANNE, now=NOW)


def test_the_original_goes_to_the_colleagues_own_address_once_for_each_press(database: Database) -> None:
    with database.begin() as session:
        colleague = Staff(
            slack_user="U01ANNE", name="Anne", email="anne@kavkom.example", role=Role.HANDLER, language="fr"
        )
        session.add(colleague)
        request = receive(session)
        for gesture in ("press 1", "press 1", "press 2"):
            send_original(session, colleague, request.reference, request.message_id, gesture=gesture, by=ANNE, now=NOW)

    with database.reading() as session:
        originals = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.ORIGINAL)).all()
        actions = [entry.action for entry in journal.entries_of(session, "DSR-2026-0001")]
    assert [(one.recipient, one.original_id) for one in originals] == [("anne@kavkom.example", request.message_id)] * 2
    assert actions.count("original-sent-to-staff") == 2


def test_a_letter_is_kept_byte_for_byte_in_parts(database: Database) -> None:
    from storage.messages import PART, read_parts

    raw = bytes(range(256)) * 10_000

    with database.begin() as session:
        message = keep_letter(session, raw)

    with database.reading() as session:
        parts = list(read_parts(session, message.id))
    assert b"".join(parts) == raw
    assert [len(part) for part in parts] == [PART, PART, len(raw) - 2 * PART]
