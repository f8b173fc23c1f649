"""What a customer reads of a follow-up, of a request too large to attach, and at an address it named itself."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from sqlalchemy import select

import templates
from mail.composing import compose_all
from mail.recent import RecentLetters
from mail.service import prepare
from mail.settings import MailSettings
from mail.words import prepare_forwards
from storage import failures, outbox, replies
from storage.attempts import find_original
from storage.database import Database, open_database
from storage.models import Delivery
from storage.types import Actor, Medium, Purpose
from tests.mail_support import mail_settings
from tests.storage_support import ANNE, NOW, add_customer, forward, keep_letter, receive

MAIL = Actor("desk", "mail")
AGAIN = "From: Jeanne <jeanne@example.org>\r\nSubject: Encore\r\n\r\nJ'attends toujours une reponse.\r\n"


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = open_database(sqlite_url)
    prepare(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def settings(sqlite_url: str) -> MailSettings:
    return mail_settings(sqlite_url, imap_port=1, smtp_port=1)


def composed(database: Database, settings: MailSettings) -> tuple[EmailMessage, str, str]:
    """The newest e-mail as it would be sent, without its original; its text; its HTML."""
    with database.begin() as session:
        newest = select(Delivery).where(Delivery.medium == Medium.EMAIL).order_by(Delivery.id.desc()).limit(1)
        delivery = session.scalars(newest).one()
        [composed] = compose_all(session, [delivery.id], settings, RecentLetters())
        message = email.message_from_bytes(composed.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    texts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
    return message, texts["text/plain"], texts["text/html"]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_is_left_to_compile_when_the_first_forward_comes(
    database: Database, settings: MailSettings, language: str
) -> None:
    with database.begin() as session:
        forward(session, receive(session), add_customer(session, language=language))
    templates._template.cache_clear()
    prepare_forwards()
    compiled = templates._template.cache_info().misses

    composed(database, settings)

    assert templates._template.cache_info().misses == compiled


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("language", "subject", "words", "attached"),
    [
        ("fr", "La même personne vous écrit de nouveau", "Cette personne a écrit de nouveau", "est joint, inchangé"),
        ("en", "The same person has written to you again", "This person wrote again about", "is attached, unchanged"),
    ],
)
def test_a_follow_up_says_that_the_same_person_wrote_again(
    database: Database, settings: MailSettings, language: str, subject: str, words: str, attached: str
) -> None:
    with database.begin() as session:
        request = receive(session)
        forward(session, request, add_customer(session, language=language))
        replies.record_follow_up(session, keep_letter(session, AGAIN.encode()), request, by=MAIL, now=NOW)

    message, text, html = composed(database, settings)

    assert str(message["Subject"]).startswith(subject)
    for said in (flat(text), flat(html)):
        assert words in said
        assert attached in said
        assert "DSR-2026-0001" in said
        assert "jeanne@example.org" in said
        assert "attends toujours une reponse" in said
        assert "23 novembre 2026" in said or "23 November 2026" in said


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "(41,2 Mo) était trop volumineux"), ("en", "(41.2 MB) was too large")]
)
@pytest.mark.parametrize("follow_up", [False, True], ids=["forward", "follow-up"])
def test_what_is_too_large_is_said_with_its_size_and_not_attached(
    database: Database, settings: MailSettings, language: str, words: str, *, follow_up: bool
) -> None:
    with database.begin() as session:
        request = receive(session)
        forward(session, request, add_customer(session, language=language))
        if follow_up:
            letter = keep_letter(session, AGAIN.encode())
            replies.record_follow_up(session, letter, request, by=MAIL, now=NOW)
        purpose = Purpose.FOLLOW_UP if follow_up else Purpose.FORWARD
        delivery = session.scalars(select(Delivery).where(Delivery.purpose == purpose)).one()
        original = find_original(session, delivery)
        assert original is not None
        original.size = 41_234_567
        failures.forward_without_original(session, delivery, reply="552 too big", now=NOW)

    message, text, html = composed(database, settings)

    assert message.get_content_type() == "multipart/alternative"
    for said in (flat(text), flat(html)):
        assert words in said
        assert "original.eml" not in said


def test_a_forward_to_an_address_that_the_customer_named_says_so(database: Database, settings: MailSettings) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session, language="en")
        forward(session, request, customer)
        delivery = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.FORWARD)).one()
        outbox.record_refused(delivery, reply="550 no", now=NOW)
        failures.redirect(
            session, request, customer, "dpo@garage.example", instruction="as said", own_address=None, by=ANNE, now=NOW
        )

    message, text, html = composed(database, settings)

    assert message["To"] == "dpo@garage.example"
    for said in (flat(text), flat(html)):
        assert "We write to this address as you instructed, instead of c0001@example.org in your order." in said
