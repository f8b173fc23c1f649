"""The person is asked which customer is meant: the question as it arrives, and what becomes of the answer."""

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import person_mails
from mail.answering import is_forgotten, read_together
from mail.letter import Letter
from mail.reading import read_mail
from storage import asking, customers, decisions, failures, requests
from storage.clock import now
from storage.database import Database
from storage.models import Delivery, Request
from storage.types import DESK, Correspondence, Hold, KeyKind, Purpose
from tests.mail_support import (
    GARAGE,
    HOTEL,
    JEANNE,
    TO_GARAGE,
    TO_HOTEL,
    US,
    letter,
    mail_settings,
    opened_desk,
    running_mail,
)
from tests.playground.mailhost import MailHost
from tests.servers import wait_until
from tests.test_threads import answer, further, read, running_desk_of, said_in_slack, text_of, wait_for_cases


@pytest.fixture
def desk(mail_host: MailHost, database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The mail half at work on the mail host, without acknowledgements."""
    with running_desk_of(mail_host, database_url, tmp_path, acknowledge=False) as database:
        yield database


def ask(host: MailHost, database: Database, raw: bytes | None = None) -> EmailMessage:
    """A held letter, and the question about it as the person got it."""
    host.append(US, "INBOX", raw or letter(US))
    [held] = wait_for_cases(database, 1)
    with database.begin() as session:
        request = requests.get_request(session, held.reference)
        words, language = person_mails.write_question(request, "Kavkom")
        asking.ask_person(session, request, words, language=language, own_address=US, by=DESK, now=now())
    return read(host.wait_for_mail(JEANNE)[-1])


def reply(host: MailHost, question: EmailMessage, body: str, **changed: str) -> None:
    raw = answer(question["Reply-To"], sender=JEANNE, body=body, answers=question["Message-ID"], **changed)
    host.append(US, "INBOX", raw)


def case(database: Database) -> Request:
    with database.reading() as session:
        found = requests.get_request(session, "DSR-2026-0001")
        session.expunge_all()
        return found


def wait_for_topic(database: Database, topic: str) -> None:
    wait_until(lambda: topic in said_in_slack(database), topic)


def test_the_question_answers_the_persons_letter_and_says_who_asks(mail_host: MailHost, desk: Database) -> None:
    question = ask(mail_host, desk)

    text = text_of(question.as_bytes())
    assert question["In-Reply-To"] == "<one@courriel.example>"
    assert question["Auto-Submitted"] is None
    assert question["Reply-To"].startswith("privacy+c.1.")
    assert "Quel numéro s’est affiché" in text
    assert "Garage" not in question.as_string()
    [sent] = [one for one in mail_host.accepted if one.rcpt_tos == [JEANNE]]
    assert (sent.mail_from or "").startswith("privacy+b.")


@pytest.mark.parametrize(
    "body",
    [
        "01 99 00 01 00",
        "Bonjour,\r\n\r\n01 99 00 01 00, mardi vers 15 h.\r\n\r\nJeanne Martin",
        "C'est le +33 1 99 00 01 00 qui m'a appelée hier.\r\n\r\n> Quel numéro s’est affiché ?",
    ],
)
def test_a_number_in_the_answer_sends_the_letter_and_the_answer_to_its_customer(
    mail_host: MailHost, desk: Database, body: str
) -> None:
    question = ask(mail_host, desk)

    reply(mail_host, question, body)

    mails = mail_host.wait_for_mail(GARAGE, count=2)
    assert any(b"Effacez toutes mes donnees" in raw for raw in mails)
    assert any(b"01 99 00 01 00" in raw or b"1 99 00 01 00" in raw for raw in mails)
    assert further(desk)[0][0] is Correspondence.FOLLOW_UP
    assert "request_answer_routed" in said_in_slack(desk)
    assert "follow_up_waiting" not in said_in_slack(desk)
    assert case(desk).forwards[0].evidence == ("telephone:+33199000100",)


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        ("Je ne sais plus, desolee.", "request_answered_unknown"),
        ("I don't remember.", "request_answered_unknown"),
        ("C'etait un homme tres poli.", "request_answered"),
        ("Mon numero est le 01 99 00 01 00, rappelez-moi.", "request_answered"),
        ("Le 01 99 00 01 00 ou bien hotel-bellevue.example, les deux m'ont appelee.", "request_answered"),
        ("Ce n'etait pas le 01 99 00 01 00.", "request_answered"),
        ("Je crois que c'etait le 01 99 00 01 00 mais je ne suis pas sure du tout.", "request_answered"),
        ("Soit le 01 99 00 01 00 soit le 01 42 33 44 55, je ne sais plus.", "request_answered_unknown"),
        ("01 99 00 01 00 c'est moi. Eux aucune idee", "request_answered_unknown"),
        ("Ne transmettez rien, je retire ma demande. C'etait le 01 99 00 01 00.", "request_answered"),
        ("C'etait le 01 99 00 01 00. J'ai recu l'enregistrement d'une autre personne, une fuite.", "request_answered"),
    ],
)
def test_what_is_not_certain_waits_for_a_person(mail_host: MailHost, desk: Database, body: str, topic: str) -> None:
    question = ask(mail_host, desk)

    reply(mail_host, question, body)

    wait_for_topic(desk, topic)
    assert not mail_host.mailbox(GARAGE)
    assert not mail_host.mailbox(HOTEL)
    with desk.reading() as session:
        assert asking.has_answered(session, requests.get_request(session, "DSR-2026-0001"))


def test_an_answer_does_not_lift_a_graver_doubt(mail_host: MailHost, desk: Database) -> None:
    breach = letter(US, body="J'ai recu l'enregistrement d'une autre personne, c'est une fuite de donnees.\r\n")
    question = ask(mail_host, desk, breach)

    reply(mail_host, question, "01 99 00 01 00")

    wait_for_topic(desk, "request_answered")
    assert not mail_host.mailbox(GARAGE)


def test_an_answer_by_whoever_got_our_question_from_the_person_decides_nothing(
    mail_host: MailHost, desk: Database
) -> None:
    question = ask(mail_host, desk)

    friend = answer(question["Reply-To"], sender="ami@ailleurs.example", body="01 99 00 01 00")
    mail_host.append(US, "INBOX", friend)

    wait_for_topic(desk, "request_answered")
    assert not mail_host.mailbox(GARAGE)


def test_an_answer_that_lay_in_junk_is_kept_for_a_person_to_read(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    settings = mail_settings(
        sqlite_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port, acknowledge=False
    )
    with opened_desk(sqlite_url, tmp_path) as desk:
        with running_mail(desk, settings):
            question = ask(mail_host, desk)
        raw = answer(question["Reply-To"], sender=JEANNE, body="01 99 00 01 00", answers=question["Message-ID"])
        mail_host.append(US, "Junk", raw)
        with running_mail(desk, settings):  # every folder is looked at when it begins
            wait_until(lambda: bool(further(desk)), "the answer attached")

        assert not mail_host.mailbox(GARAGE)
        with desk.reading() as session:
            assert asking.has_answered(session, requests.get_request(session, "DSR-2026-0001"))


def test_an_answer_that_brings_nothing_sends_nothing(mail_host: MailHost, desk: Database) -> None:
    for address in (TO_GARAGE, TO_HOTEL):
        mail_host.append(US, "INBOX", f"Delivered-To: {address}\r\n".encode() + letter(US))
        mail_host.wait_for_mail(GARAGE)
    held = [one for one in wait_for_cases(desk, 2) if one.hold is Hold.SEVERAL_CUSTOMERS]
    with desk.begin() as session:
        request = requests.get_request(session, held[0].reference)
        words, language = person_mails.write_question(request, "Kavkom")
        asking.ask_person(session, request, words, language=language, own_address=US, by=DESK, now=now())
    question = read(mail_host.wait_for_mail(JEANNE)[-1])

    reply(mail_host, question, "Bonjour, c'est tout.")

    wait_for_topic(desk, "request_answered")
    assert not mail_host.mailbox(HOTEL)


def test_a_colleagues_proposal_is_not_overridden_by_an_answer(mail_host: MailHost, desk: Database) -> None:
    question = ask(mail_host, desk)
    with desk.begin() as session:
        request, hotel = requests.get_request(session, "DSR-2026-0001"), customers.get_customer(session, "C0002")
        decisions.choose(session, request, hotel, two_persons=True, own_address=US, by=DESK, now=now())

    reply(mail_host, question, "01 99 00 01 00")

    wait_for_topic(desk, "request_answered")
    assert not mail_host.mailbox(GARAGE)
    assert case(desk).proposed_id is not None


def test_a_question_that_came_back_can_be_asked_again(mail_host: MailHost, desk: Database) -> None:
    ask(mail_host, desk)
    with desk.begin() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.QUESTION)).one()
        failures.record_bounce(session, delivery, status="4.2.2", reason="full", message=None, by=DESK, now=now())
        request = requests.get_request(session, "DSR-2026-0001")

        assert asking.asked_at(session, request) is None
    assert "request_question_bounced" in said_in_slack(desk)


def test_an_answer_of_somebody_else_decides_nothing(mail_host: MailHost, desk: Database) -> None:
    ask(mail_host, desk)
    other = answer(US, sender="inconnu@ailleurs.example", body="C'est le 01 99 00 01 00 qui a appelé.")

    mail_host.append(US, "INBOX", other)

    wait_for_cases(desk, 2)
    assert not case(desk).forwards


def test_a_question_that_comes_back_is_told(mail_host: MailHost, desk: Database) -> None:
    mail_host.smtp.refused = {JEANNE}

    mail_host.append(US, "INBOX", letter(US))
    [held] = wait_for_cases(desk, 1)
    with desk.begin() as session:
        request = requests.get_request(session, held.reference)
        words, language = person_mails.write_question(request, "Kavkom")
        asking.ask_person(session, request, words, language=language, own_address=US, by=DESK, now=now())

    wait_for_topic(desk, "request_question_bounced")


def test_an_identical_number_in_the_signature_of_an_answer_is_its_writers() -> None:
    first = read_mail(letter(US), whole=True)
    raw = letter(US, body="Je regarde dans mon telephone.\r\n\r\nCordialement,\r\nJeanne Martin\r\n01 99 00 01 00\r\n")

    both = read_together(first, read_mail(raw, whole=True))

    assert not [clue for clue in both.clues.found if clue.kind is KeyKind.TELEPHONE]


@pytest.mark.parametrize(
    ("text", "forgotten"),
    [
        ("Je ne me souviens plus.", True),
        ("je sais plus desole", True),
        ("Aucune idée, c'était il y a des mois", True),
        ("No idea, sorry!", True),
        ("Das weiß ich leider nicht mehr.", True),
        ("No me acuerdo", True),
        ("Non ricordo il numero", True),
        ("Ik weet het niet meer", True),
        ("C'était le 01 99 00 01 00", False),
        ("C'est la société Garage Dupont", False),
        ("> Si vous ne savez plus, dites-le simplement.\nC'était mardi", False),
    ],
)
def test_who_does_not_remember_says_so_in_many_words(text: str, forgotten: bool) -> None:
    assert is_forgotten(Letter(text=text)) is forgotten
