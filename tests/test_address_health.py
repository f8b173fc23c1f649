"""How well the address in a customer's order is: what comes back marks it, an answer confirms it, a year ages it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from mail.confirming import read_answer
from mail.letter import Letter
from storage import addresses, clock, directory, failures, journal, outcomes, replies, tokens
from storage.addresses import Health, health_of
from storage.customers import get_customer
from storage.database import Database
from storage.directory import Changes
from storage.importing import import_directory
from storage.models import Customer, Delivery, Entry, Forward, Request, Task
from storage.types import Actor, Hold, Kind, Medium, Purpose, Said, TaskKind
from tests.mail_support import GARAGE, HOTEL, US, letter, mail_settings, opened_desk, running_mail
from tests.playground.mailhost import MailHost
from tests.servers import wait_until
from tests.storage_support import ANNE, NOW, add_customer, customer_line, forward, keep_letter, receive, write_csv

MAIL = Actor("desk", "mail")
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


def delivery_of(to: Forward) -> Delivery:
    return to.deliveries[0]


def bounce(database: Database, delivery_id: int, *, status: str | None = "5.1.1") -> None:
    with database.begin() as session:
        delivery = session.get_one(Delivery, delivery_id)
        failures.record_bounce(session, delivery, status=status, reason="x", message=None, by=MAIL, now=NOW)


def the_customer(database: Database, reference: str = "C0001") -> Customer:
    with database.reading() as session:
        return get_customer(session, reference)


def asked(database: Database, *, now: datetime = NOW) -> list[str]:
    """Everybody who may be asked is asked; who that is."""
    with database.begin() as session:
        found = [one.id for one in addresses.find_to_ask(session, own_address=US, now=now)]
        return addresses.ask(session, found, by=ANNE, now=now)


# --- what comes back ---


def test_a_forward_that_comes_back_marks_the_address_it_went_to(database: Database) -> None:
    with database.begin() as session:
        sent = delivery_of(forward(session, receive(session), add_customer(session)))

    bounce(database, sent.id)

    customer = the_customer(database)
    assert customer.address_bounced_at == NOW
    assert health_of(customer, now=NOW) is Health.CAME_BACK
    with database.reading() as session:
        assert journal.verify(session) == []
        assert "address-lost" in session.scalars(select(Entry.action)).all()


def test_a_forward_that_was_only_too_large_says_nothing_of_the_address(database: Database) -> None:
    with database.begin() as session:
        sent = delivery_of(forward(session, receive(session), add_customer(session)))

    bounce(database, sent.id, status="5.3.4")

    assert the_customer(database).address_bounced_at is None


def test_what_went_to_another_address_does_not_mark_that_of_the_order(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        sent = delivery_of(forward(session, receive(session), customer))
        customer.request_address = "new@example.org"

    bounce(database, sent.id)

    assert the_customer(database).address_bounced_at is None


def test_an_address_that_the_server_refuses_for_good_is_marked(database: Database) -> None:
    with database.begin() as session:
        sent = delivery_of(forward(session, receive(session), add_customer(session)))
        outcomes.record(session, [outcomes.Refused(sent.id, "550 5.1.1 no such user")], by=MAIL, now=NOW)

    assert the_customer(database).address_bounced_at == NOW


def test_an_answer_after_something_came_back_makes_the_address_well_again(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session, address_bounced_at=NOW - DAY)
        to = forward(session, receive(session), customer)
        replies.record_reply(
            session, keep_letter(session), to, Said.RECEIVED, answers=delivery_of(to), by=MAIL, now=NOW
        )

    assert health_of(the_customer(database), now=NOW) is Health.CONFIRMED


# --- what confirms ---


@pytest.mark.parametrize(
    ("said", "confirms"),
    [
        (Said.RECEIVED, True),
        (Said.HELP, True),
        (Said.INSTRUCTION, True),
        (Said.ANSWER, True),
        (Said.OTHER, False),
        (Said.NOT_OURS, False),
        (Said.OUT_OF_OFFICE, False),
    ],
)
def test_a_reply_to_a_forward_confirms_where_it_shows_that_the_customer_reads(
    database: Database, said: Said, confirms: bool
) -> None:
    with database.begin() as session:
        to = forward(session, receive(session), add_customer(session))
        replies.record_reply(session, keep_letter(session), to, said, answers=delivery_of(to), by=MAIL, now=NOW)

    assert the_customer(database).address_confirmed_at == (NOW if confirms else None)


def test_a_reply_without_our_signature_confirms_nothing(database: Database) -> None:
    with database.begin() as session:
        to = forward(session, receive(session), add_customer(session))
        replies.record_reply(session, keep_letter(session), to, Said.RECEIVED, by=MAIL, now=NOW)

    assert the_customer(database).address_confirmed_at is None


# --- whom to ask ---


def test_live_customers_are_asked_who_did_not_confirm_for_a_year(database: Database) -> None:
    today = NOW.date()
    with database.begin() as session:
        add_customer(session, "NEVER")
        add_customer(session, "OLD", address_confirmed_at=NOW - YEAR)
        add_customer(session, "LATELY", address_confirmed_at=NOW - YEAR + DAY)
        add_customer(session, "ASKED", address_asked_at=NOW - 29 * DAY)
        add_customer(session, "AGAIN", address_asked_at=NOW - 30 * DAY)
        add_customer(session, "BACK", address_bounced_at=NOW - DAY)
        add_customer(session, "LASTDAY", contract_end=today)
        add_customer(session, "ENDED", contract_end=today - DAY)
        add_customer(session, "TOMORROW", contract_start=today + DAY)
        add_customer(session, "OURS", request_address="privacy+x@kavkom.example")

    assert asked(database) == ["AGAIN", "LASTDAY", "NEVER", "OLD"]
    assert asked(database) == []


def test_asking_queues_one_mail_without_words_in_the_customers_language(database: Database) -> None:
    with database.begin() as session:
        add_customer(session, "C0001", language="fr")
        add_customer(session, "C0002", language="de")

    asked(database)

    with database.reading() as session:
        queued = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        entry = session.scalars(select(Entry).where(Entry.action == "addresses-asked")).one()
    assert [(one.purpose, one.medium, one.language, one.recipient) for one in queued] == [
        (Purpose.CONFIRMATION, Medium.EMAIL, "fr", "c0001@example.org"),
        (Purpose.CONFIRMATION, Medium.EMAIL, "en", "c0002@example.org"),
    ]
    assert [one.text for one in queued] == [None, None]
    assert entry.detail == '{"customers":["C0001","C0002"]}'


def test_whoever_asks_at_the_same_time_finds_them_asked(database: Database) -> None:
    with database.begin() as session:
        ids = [add_customer(session, f"C{number}").id for number in range(5)]
    with database.begin() as session:
        first = addresses.ask(session, ids, by=ANNE, now=NOW)
    with database.begin() as session:
        second = addresses.ask(session, ids, by=ANNE, now=NOW)

    assert (len(first), second) == (5, [])
    with database.reading() as session:
        assert len(session.scalars(select(Delivery.key)).all()) == 5


def test_unconfirmed_and_lost_addresses_are_counted_and_listed(database: Database) -> None:
    with database.begin() as session:
        add_customer(session, "C1")
        add_customer(session, "C2", address_bounced_at=NOW, address_confirmed_at=NOW - DAY)
        add_customer(session, "C3", address_confirmed_at=NOW - DAY)
        add_customer(session, "C4", address_confirmed_at=NOW - 2 * YEAR)
        add_customer(session, "C5", contract_end=date(2020, 1, 1))

    with database.reading() as session:
        assert addresses.count_unwell(session, now=NOW) == (2, 1)
        assert [one.reference for one in addresses.find_unconfirmed(session, now=NOW)] == ["C1", "C2", "C4"]


# --- imports ---


def import_lines(database: Database, folder: Path, *lines: str) -> Changes:
    entries, _ = directory.read_customers(write_csv(folder / "customers.csv", lines))
    return import_directory(database, entries, dry_run=False, by=ANNE)


def test_an_import_that_changes_the_address_forgets_how_well_it_was(database: Database, tmp_path: Path) -> None:
    import_lines(database, tmp_path, customer_line(1), customer_line(2))
    known = {"address_bounced_at": NOW, "address_asked_at": NOW, "address_confirmed_at": NOW}
    with database.begin() as session:
        for customer in session.scalars(select(Customer)):
            for name, value in known.items():
                setattr(customer, name, value)

    moved = customer_line(1).replace("dpo@c1.example", "new@c1.example")
    import_lines(database, tmp_path, moved, customer_line(2, name="Dupont"))

    first, second = the_customer(database), the_customer(database, "C0002")
    assert [getattr(first, name) for name in known] == [None, None, None]
    assert [getattr(second, name) for name in known] == [NOW, NOW, NOW]


def test_a_question_to_an_old_address_is_withdrawn_and_the_new_one_is_asked(database: Database, tmp_path: Path) -> None:
    import_lines(database, tmp_path, customer_line(1))
    asked(database)

    import_lines(database, tmp_path, customer_line(1).replace("dpo@c1.example", "new@c1.example"))
    again = asked(database)

    assert again == ["C0001"]
    with database.reading() as session:
        queued = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        assert [(one.recipient, one.due_at is None) for one in queued] == [
            ("dpo@c1.example", True),
            ("new@c1.example", False),
        ]


def test_an_address_that_comes_back_within_a_month_is_asked_again(database: Database, tmp_path: Path) -> None:
    first, second = customer_line(1), customer_line(1).replace("dpo@c1.example", "new@c1.example")
    for hour, line in enumerate((first, second, first)):
        import_lines(database, tmp_path, line)
        assert asked(database, now=NOW + hour * timedelta(hours=1)) == ["C0001"]

    assert due_questions(database) == ["dpo@c1.example"]


def test_who_is_asked_twice_in_a_month_of_31_days_gets_two_mails(database: Database) -> None:
    with database.begin() as session:
        add_customer(session)
    january = datetime(2027, 1, 1, 9, tzinfo=UTC)

    assert asked(database, now=january) == asked(database, now=january + 30 * DAY) == ["C0001"]

    assert due_questions(database) == ["c0001@example.org"] * 2


def due_questions(database: Database) -> list[str]:
    with database.reading() as session:
        due = select(Delivery.recipient).where(Delivery.purpose == Purpose.CONFIRMATION, Delivery.due_at.is_not(None))
        return list(session.scalars(due))


def test_an_answer_from_an_address_that_is_no_longer_the_orders_confirms_nothing(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        to = forward(session, receive(session), customer)
        customer.request_address = "new@example.org"
        replies.record_reply(
            session, keep_letter(session), to, Said.RECEIVED, answers=delivery_of(to), by=MAIL, now=NOW
        )

    assert the_customer(database).address_confirmed_at is None


# --- what an answer means ---


@pytest.mark.parametrize(
    "text",
    [
        "reçu",
        "Reçu.\n\nJean Dupont\natelier@garage-dupont.example\n01 99 00 01 00",
        "Bien reçu, merci.",
        "Oui, cette adresse est toujours valable.",
        "Oui c'est la bonne adresse",
        "Je confirme.",
        "received",
        "Yes, this is still the correct address",
        "Yes, we still read this address.",
        "Reçu.\n\nCordialement,\nMarie Dupont\nGarage Dupont\nTél. 01 99 00 01 00 - accueil@garage-dupont.example",
        "Received\n\nKind regards\nJohn\n\nIf you are not the intended recipient, contact info@garage.example.",
        "Received\n\nThis e-mail is confidential, if you are not the intended recipient, tell info@garage.example.",
        "Ok\n\nOn Fri, 27 Nov 2026 Kavkom <privacy@kavkom.example> wrote:\n> no longer the right address",
    ],
)
def test_a_mere_yes_confirms(text: str) -> None:
    assert answer_says(text) is Said.RECEIVED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Non",
        "Bien reçu, mais merci d'utiliser désormais dpo@garage-dupont.example",
        "Reçu. Écrivez plutôt à dpo@garage-dupont.example",
        "Reçu.\n\nMerci\n\nNotre nouvelle adresse : dpo@garage-dupont.example",
        "Received. This e-mail is confidential. But please write to dpo@garage.example",
        "Reçu, nous changeons d'adresse en janvier",
        "Cette adresse n'est plus lue",
        "Yes, but please use another address",
        "I no longer work here",
        "Nous ne sommes plus client",
        "Qui êtes-vous ?",
        "pas pour nous",
        "Supprimez toutes nos données",
        "STOP",
    ],
)
def test_whatever_says_more_than_yes_is_for_a_person(text: str) -> None:
    assert answer_says(text) not in (Said.RECEIVED, Said.OUT_OF_OFFICE)


def test_an_automatic_answer_counts_as_nothing() -> None:
    assert answer_says("Bien reçu", automatic="auto-submitted") is Said.OUT_OF_OFFICE


def answer_says(text: str, *, automatic: str | None = None) -> Said:
    subject = "Re: Garage Dupont : cette adresse est-elle toujours lue ? Un mot suffit (Kavkom)"
    return read_answer(Letter(subject=subject, text=text, sender=GARAGE, automatic=automatic), asked=GARAGE)


# --- by real mail ---


@contextmanager
def desk_at(host: MailHost, url: str, folder: Path) -> Iterator[Database]:
    settings = mail_settings(url, imap_port=host.imap_port, smtp_port=host.smtp_port)
    with opened_desk(url, folder) as database, running_mail(database, settings):
        yield database


def ask_all(database: Database) -> None:
    with database.begin() as session:
        now = clock.now()
        ids = [one.id for one in addresses.find_to_ask(session, own_address=US, now=now)]
        addresses.ask(session, ids, by=ANNE, now=now)


def question_to(host: MailHost, address: str) -> EmailMessage:
    [raw] = host.wait_for_mail(address)
    return message_from_bytes(raw, policy=policy.default)


def reply_to(question: EmailMessage, body: str, *, sender: str, headers: str = "", threaded: bool = True) -> bytes:
    """What a mail program makes of it: to Reply-To, in reply to the Message-ID, if it keeps that."""
    to, answers = question["Reply-To"], question["Message-ID"]
    number = sha256(body.encode()).hexdigest()[:12]
    thread = f"In-Reply-To: {answers}\r\nReferences: {answers}\r\n" if threaded else ""
    return (
        f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\nFrom: {sender}\r\nTo: {to}\r\n"
        f"Subject: Re: {question['Subject']}\r\nMessage-ID: <{number}@elsewhere.example>\r\n{thread}"
        f"{headers}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n"
    ).encode()


def all_cases(database: Database) -> list[Request]:
    with database.reading() as session:
        found = list(session.scalars(select(Request).order_by(Request.id)))
        session.expunge_all()
        return found


@pytest.mark.parametrize("threaded", [True, False])
def test_a_customer_that_answers_received_is_confirmed(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, threaded: bool
) -> None:
    with desk_at(mail_host, sqlite_url, tmp_path) as database:
        ask_all(database)
        question = question_to(mail_host, GARAGE)

        mail_host.append(US, "INBOX", reply_to(question, "Reçu", sender=GARAGE, threaded=threaded))

        wait_until(lambda: the_customer(database).address_confirmed_at is not None, "a confirmed address")
        assert all_cases(database) == []
        assert the_customer(database, "C0002").address_confirmed_at is None


def test_the_question_is_written_for_its_reader(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    with desk_at(mail_host, database_url, tmp_path) as database:
        ask_all(database)
        french, english = question_to(mail_host, GARAGE), question_to(mail_host, HOTEL)
        assert the_customer(database, "C0003").address_asked_at is None  # its contract ended
        assert the_customer(database, "C0004").address_asked_at is None  # its address is one of ours

    for mail, words in (
        (
            french,
            (
                "Garage Dupont",
                "Kavkom",
                "CMD-1001",
                GARAGE,
                "« reçu »",
                "aucun lien",
                "figure sur votre facture",
                "et que nous vous écririons si ces données",
            ),
        ),
        (english, ("Hotel Bellevue", "Kavkom", HOTEL, '"received"', "no link", "number on your invoice")),
    ):
        body = " ".join(mail.get_content().split())
        assert mail.get_content_type() == "text/plain"
        assert [word for word in words if word not in body] == []
        assert "http" not in body
        assert mail["Subject"].startswith(words[0])
        assert mail["Reply-To"].startswith("privacy+b.")
    assert "order CMD" not in english.get_content()


def test_an_answer_that_says_something_else_is_a_customers_letter_that_rings(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with desk_at(mail_host, sqlite_url, tmp_path) as database:
        ask_all(database)
        question = question_to(mail_host, GARAGE)
        body = "Effacez toutes les données du +33199000100 et de garage-dupont.example, merci."

        mail_host.append(US, "INBOX", reply_to(question, body, sender=GARAGE))

        wait_until(lambda: bool(all_cases(database)), "a case")
        [case] = all_cases(database)
        assert (case.kind, case.hold) == (Kind.CONTROLLER, Hold.CONTROLLER)
        assert the_customer(database).address_confirmed_at is None
        with database.reading() as session:
            assert session.scalars(select(Forward)).all() == []


def test_an_answer_that_cannot_be_told_for_sure_is_read_and_does_not_ring(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with desk_at(mail_host, sqlite_url, tmp_path) as database:
        ask_all(database)
        question = question_to(mail_host, GARAGE)

        body = "Reçu. Écrivez plutôt à dpo@garage-dupont.example"
        mail_host.append(US, "INBOX", reply_to(question, body, sender=GARAGE))

        wait_until(lambda: bool(all_cases(database)), "a case")
        [case] = all_cases(database)
        assert (case.kind, case.hold) == (Kind.NOT_REQUEST, Hold.CONTROLLER)
        assert the_customer(database).address_confirmed_at is None
        with database.reading() as session:
            assert [task.what for task in session.scalars(select(Task))] == [TaskKind.READ]
            assert session.scalars(select(Delivery).where(Delivery.topic == "letter_rings")).all() == []


def test_an_out_of_office_note_confirms_nothing_and_opens_no_case(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with desk_at(mail_host, sqlite_url, tmp_path) as database:
        ask_all(database)
        question = question_to(mail_host, GARAGE)
        away = reply_to(question, "Reçu, je suis absent.", sender=GARAGE, headers="Auto-Submitted: auto-replied\r\n")

        mail_host.append(US, "INBOX", away)
        mail_host.append(US, "INBOX", letter(US))

        wait_until(lambda: bool(all_cases(database)), "the case of the letter that came after it")
        assert len(all_cases(database)) == 1
        assert the_customer(database).address_confirmed_at is None


def test_a_question_that_comes_back_marks_the_address(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    with desk_at(mail_host, sqlite_url, tmp_path) as database:
        ask_all(database)
        question_to(mail_host, GARAGE)
        with database.reading() as session:
            sent = session.scalars(select(Delivery).where(Delivery.recipient == GARAGE)).one()
            to = tokens.plus_address(US, tokens.sign(session, "b", sent.id))

        mail_host.append(US, "INBOX", bounce_of(GARAGE, to))

        wait_until(lambda: the_customer(database).address_bounced_at is not None, "a marked address")
        assert all_cases(database) == []


def bounce_of(recipient: str, to: str) -> bytes:
    return (
        f"Return-Path: <>\r\nDelivered-To: {to}\r\nFrom: MAILER-DAEMON@relay.example\r\nTo: {to}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nYour message could not be delivered.\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 user unknown\r\n\r\n--x--\r\n"
    ).encode()
