"""Acknowledgements in the record: one per case, three per address and day, and never "passed on" before the 250."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from mail.acknowledging import acknowledge_received
from mail.letter import read_letter
from mail.settings import MailSettings
from storage import acknowledgements, arrivals, journal, outbox
from storage.acknowledgements import LOOKED_AT, PER_DAY, Silence, release_acknowledgement
from storage.arrivals import Reading
from storage.clock import real_now
from storage.database import Database
from storage.models import Customer, Delivery, Request
from storage.sent import sent_of
from storage.types import Channel, Hold, Kind, Medium, Purpose
from tests.mail_support import JEANNE, mail_settings
from tests.storage_support import ANNE, NOW, add_customer, forward, keep_letter

LETTER = f"From: Jeanne <{JEANNE}>\r\nSubject: Mes donnees, dossier AB-123\r\n\r\nEffacez mes donnees.\r\n".encode()


@pytest.fixture
def settings(database_url: str) -> MailSettings:
    return mail_settings(database_url, imap_port=1, smtp_port=1)


def take_in(session: Session, *, at: Any = NOW, sender: str = JEANNE, **known: Any) -> Request:
    """A request as the intake leaves it, before anything is said about an acknowledgement."""
    message = keep_letter(session, LETTER, at=at)
    message.sender = sender
    reading = Reading(Kind.REQUEST, ("erasure",), "fr")
    hold = known.get("hold", Hold.NO_EVIDENCE)
    return arrivals.receive_request(session, message, reading, hold=hold, by=ANNE, now=at)


def acknowledge(session: Session, request: Request, settings: MailSettings, *, at: Any = NOW) -> Silence | None:
    letter = read_letter(LETTER)
    return acknowledge_received(session, request, letter, junk=False, settings=settings, by=ANNE, now=at)


def accept_forward(session: Session, request: Request) -> bool:
    """The customer's server says 250, and the mail half asks whether the person may be told."""
    queued = select(Delivery).where(Delivery.purpose == Purpose.FORWARD, Delivery.case == request.reference)
    delivery = session.scalars(queued).first()
    assert delivery is not None
    outbox.record_accepted(delivery, reply="250 ok", now=NOW)
    return release_acknowledgement(session, sent_of(delivery))


def acknowledgement_of(session: Session, request: Request) -> Delivery | None:
    ours = select(Delivery).where(Delivery.purpose == Purpose.ACKNOWLEDGEMENT, Delivery.case == request.reference)
    return session.scalars(ours.execution_options(populate_existing=True)).one_or_none()


def due(session: Session) -> list[str]:
    """The recipients of the acknowledgements that a sender would take now."""
    leased = outbox.lease_due(session, Medium.EMAIL, holder="test", count=100, now=real_now() + timedelta(seconds=1))
    return [one.recipient for one in leased if one.purpose is Purpose.ACKNOWLEDGEMENT]


def test_a_held_request_is_acknowledged_at_once_without_saying_passed_on(
    database: Database, settings: MailSettings
) -> None:
    with database.begin() as session:
        request = take_in(session)
        assert acknowledge(session, request, settings) is None

    with database.begin() as session:
        queued = acknowledgement_of(session, request)
        assert queued is not None
        assert (queued.recipient, queued.language, queued.original_id) == (JEANNE, "fr", None)
        assert queued.subject == "Nous avons bien reçu votre message (DSR-2026-0001)"
        assert "Quel numéro s’est affiché" in (queued.text or "")
        assert "AB-123" in (queued.text or "")
        assert "transmis votre" not in (queued.text or "")
        assert queued.html is None
        assert due(session) == [JEANNE]


def test_a_forwarded_request_is_acknowledged_only_after_the_250(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        customer = add_customer(session, name="Garage Dupont", request_address="atelier@garage.example")
        request = take_in(session, hold=None)
        forward(session, request, customer)
        acknowledge(session, request, settings)
        assert due(session) == []

    with database.begin() as session:
        assert accept_forward(session, request)

    with database.begin() as session:
        queued = acknowledgement_of(session, request)
        assert queued is not None
        assert "Nous avons transmis votre message" in (queued.text or "")
        assert "garage" not in f"{queued.subject}{queued.text}".lower()
        assert due(session) == [JEANNE]


def test_a_second_250_of_a_case_says_nothing_again(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request = take_in(session, hold=None)
        forward(session, request, add_customer(session))
        acknowledge(session, request, settings)
        accept_forward(session, request)
        sent = acknowledgement_of(session, request)
        assert sent is not None
        outbox.record_accepted(sent, reply="250 ok", now=NOW)
        session.flush()

        assert not accept_forward(session, request)
        assert due(session) == []


def test_a_request_that_was_held_is_not_acknowledged_again_when_it_is_forwarded(
    database: Database, settings: MailSettings
) -> None:
    with database.begin() as session:
        request = take_in(session)
        acknowledge(session, request, settings)
        assert due(session) == [JEANNE]
        forward(session, request, add_customer(session))
        accept_forward(session, request)
        acknowledge(session, request, settings)

        queued = acknowledgement_of(session, request)
        assert queued is not None
        assert "transmis votre" not in (queued.text or "")
        assert queued.leased_by == "test"


def test_a_forward_that_is_not_accepted_releases_nothing(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request = take_in(session, hold=None)
        forward(session, request, add_customer(session))
        acknowledge(session, request, settings)
        delivery = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.FORWARD)).one()
        outbox.record_refused(delivery, reply="550 no", now=NOW)

        assert not release_acknowledgement(session, sent_of(delivery))
        assert due(session) == []


def test_a_customer_may_want_no_acknowledgements(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request = take_in(session, hold=None)
        forward(session, request, add_customer(session, acknowledge=False))

        assert acknowledge(session, request, settings) is Silence.OPTED_OUT
        assert not accept_forward(session, request)
        assert acknowledgement_of(session, request) is None
        entries = journal.entries_of(session, request.reference)
        assert [(one.action, one.detail) for one in entries][-1] == ("not-acknowledged", '{"why":"opted-out"}')


def test_one_customer_of_two_who_wants_none_is_enough(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request = take_in(session, hold=None)
        forward(session, request, add_customer(session))
        acknowledge(session, request, settings)
        forward(session, request, add_customer(session, "C0002", acknowledge=False))

        assert not accept_forward(session, request)
        assert due(session) == []


def test_a_customer_who_changes_its_mind_before_the_250_is_heard(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request = take_in(session, hold=None)
        forward(session, request, add_customer(session))
        acknowledge(session, request, settings)
    with database.begin() as session:
        session.scalars(select(Customer)).one().acknowledge = False

    with database.begin() as session:
        assert not accept_forward(session, request)


@pytest.mark.parametrize("column", ["request_address", "breach_address"])
def test_a_customers_own_address_is_not_answered(database: Database, settings: MailSettings, column: str) -> None:
    with database.begin() as session:
        add_customer(session, **{column: JEANNE.title()})

        assert acknowledge(session, take_in(session), settings) is Silence.CUSTOMER


def test_somebody_else_at_a_customers_domain_is_answered(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        add_customer(session, request_address=f"chef@{JEANNE.partition('@')[2]}")

        assert acknowledge(session, take_in(session), settings) is None


def test_one_sender_is_answered_three_times_a_day(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        said = [acknowledge(session, take_in(session), settings) for _ in range(PER_DAY + 1)]
        assert said == [None, None, None, Silence.TOO_MANY]
        assert acknowledge(session, take_in(session, sender="other@example.org"), settings) is Silence.TOO_MANY

    tomorrow = NOW + timedelta(hours=24, seconds=1)
    with database.begin() as session:
        assert acknowledge(session, take_in(session, at=tomorrow), settings, at=tomorrow) is None


def test_the_limit_is_each_senders_own(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        for _ in range(PER_DAY):
            acknowledge(session, take_in(session), settings)
        request = take_in(session, sender="paul@example.org")

        assert acknowledgements.find_silence(session, request, "Paul@example.org", now=NOW) is None
        assert acknowledgements.find_silence(session, request, JEANNE.upper(), now=NOW) is Silence.TOO_MANY


def test_who_floods_us_gets_nothing_even_when_the_answers_lie_further_back(
    database: Database, settings: MailSettings
) -> None:
    with database.begin() as session:
        for _ in range(LOOKED_AT + PER_DAY + 1):
            said = acknowledge(session, take_in(session), settings)

        assert said is Silence.TOO_MANY


def test_a_letter_that_a_colleague_sent_on_gets_no_answer(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request = take_in(session)
        request.channel = Channel.COLLEAGUE

        assert acknowledge(session, request, settings) is Silence.CHANNEL


def test_what_became_of_an_acknowledgement_is_journalled_without_the_address(
    database: Database, settings: MailSettings
) -> None:
    with database.begin() as session:
        for outcome in (outbox.record_accepted, outbox.record_refused):
            request = take_in(session)
            acknowledge(session, request, settings)
            queued = acknowledgement_of(session, request)
            assert queued is not None
            outcome(queued, reply="said", now=NOW)
            acknowledgements.record_acknowledged(session, sent_of(queued), by=ANNE, now=NOW)

    with database.reading() as session:
        ends = [journal.entries_of(session, f"DSR-2026-000{number}")[-1] for number in (1, 2)]
        assert [one.action for one in ends] == ["acknowledged", "acknowledgement-refused"]
        assert not any(JEANNE in one.detail for one in ends)
        assert journal.verify(session) == []
