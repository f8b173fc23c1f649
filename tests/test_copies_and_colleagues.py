"""One letter that comes twice is one case; one that a colleague sends on goes to the customer without his words."""

import email
import email.policy
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from mail.settings import MailSettings
from storage import journal, looking
from storage.database import Database
from storage.messages import read_parts
from storage.models import CaseMail, Delivery, Forward, Message, Request
from storage.types import Channel, Correspondence, Hold, Purpose
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
    receiver_of,
    running_mail,
)
from tests.playground.mailhost import MailHost
from tests.servers import wait_until
from tests.test_intake import count, held, letters
from tests.test_mail_death import settled
from tests.test_the_path import attached

PAUL = "Paul Legrand <paul@kavkom.example>"
REMARK = "Entre nous, ce client est infernal"
MARK = "---------- Forwarded message ---------"


@pytest.fixture
def settings(mail_host: MailHost, database_url: str) -> MailSettings:
    return mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Database]:
    with opened_desk(database_url, tmp_path) as opened:
        yield opened


def by_way_of(hop: str, raw: bytes, *, to: str | None = None) -> bytes:
    """The same letter with other transport headers."""
    delivered = f"Delivered-To: {to}\r\n" if to else ""
    return f"{delivered}Received: from {hop}; Mon, 2 Nov 2026 10:00:00 +0100\r\n".encode() + raw


# --- copies ---


@pytest.mark.parametrize("at_once", [True, False])
def test_a_second_copy_is_the_same_case_and_goes_out_once(
    mail_host: MailHost, desk: Database, settings: MailSettings, at_once: bool
) -> None:
    receiver = receiver_of(desk, settings)
    for hop in ("a.example", "b.example"):
        mail_host.append(US, "INBOX", by_way_of(hop, letter()))
        if not at_once:
            receiver.receive_all()
    receiver.receive_all()

    assert count(desk, Message, Request, Forward, CaseMail) == [2, 1, 1, 1]
    with desk.reading() as session:
        assert session.scalars(select(CaseMail.what)).one() is Correspondence.COPY


def test_a_copy_for_another_customer_is_a_persons_business(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    undisclosed = letter("undisclosed-recipients:;")
    for to in (TO_GARAGE, TO_HOTEL):
        mail_host.append(US, "INBOX", by_way_of("a.example", undisclosed, to=to))

    receiver_of(desk, settings).receive_all()

    assert held(desk) == [Hold.SEVERAL_CUSTOMERS]
    assert count(desk, Request, Forward) == [2, 1]


def test_a_copy_that_shows_the_intake_address_sends_the_letter_that_was_held(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    undisclosed, receiver = letter("undisclosed-recipients:;"), receiver_of(desk, settings)
    mail_host.append(US, "INBOX", by_way_of("a.example", undisclosed))
    receiver.receive_all()
    assert held(desk) == [Hold.NO_EVIDENCE]

    mail_host.append(US, "INBOX", by_way_of("b.example", undisclosed, to=TO_GARAGE))
    receiver.receive_all()

    assert count(desk, Request, Forward) == [1, 1]


def test_different_letters_with_one_message_id_are_different_cases(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    for raw in letters(4):
        mail_host.append(US, "INBOX", raw)

    receiver_of(desk, settings).receive_all()

    assert count(desk, Request, Forward, CaseMail) == [4, 4, 0]


def test_letters_get_their_references_in_the_order_in_which_they_came(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    for raw in letters(5):
        mail_host.append(US, "INBOX", raw)

    receiver_of(desk, settings).receive_all()

    with desk.reading() as session:
        senders = select(Message.sender).join(Request, Request.message_id == Message.id).order_by(Request.reference)
        assert list(session.scalars(senders)) == [f"p{number}@courriel.example" for number in range(5)]


# --- colleagues ---


def person(body: str = "Effacez toutes mes données.\r\n") -> bytes:
    head = f"From: Jeanne Martin <{JEANNE}>\r\nTo: contact@kavkom.example\r\nSubject: Demande\r\n"
    more = "Message-ID: <hers@courriel.example>\r\nDate: Mon, 2 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    return f"{head}{more}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()


def sent_on(*inner: bytes, to: str = TO_GARAGE) -> bytes:
    """A colleague's mail with letters attached."""
    parts = [f"Content-Type: text/plain; charset=utf-8\r\n\r\n{REMARK}\r\n".encode()]
    parts += [b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + one for one in inner]
    head = f'From: {PAUL}\r\nTo: {to}\r\nSubject: TR: Demande\r\nContent-Type: multipart/mixed; boundary="xx"\r\n\r\n'
    return head.encode() + b"".join(b"--xx\r\n" + part + b"\r\n" for part in parts) + b"--xx--\r\n"


def sent_on_inline(to: str = TO_GARAGE) -> bytes:
    return letter(
        to,
        sender=PAUL,
        subject="TR: Demande",
        headers="Content-Type: text/plain; charset=utf-8\r\n",
        body=f"{REMARK}\r\n\r\n{MARK}\r\nDe : Jeanne Martin <{JEANNE}>\r\nDate: lun. 2 nov. 2026\r\n"
        "Subject: Demande\r\nTo: <contact@kavkom.example>\r\n\r\n\r\nEffacez toutes mes données.\r\n",
    )


def everything_sent(mail_host: MailHost) -> bytes:
    """All that left the house, encodings undone."""
    raws = [one.raw for one in mail_host.accepted]
    parts = [part for raw in raws for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]
    decoded = [part.get_payload(decode=True) for part in parts]
    return b"".join([*raws, *(one for one in decoded if isinstance(one, bytes))])


def test_an_attached_letter_goes_to_the_customer_byte_for_byte_and_the_colleagues_words_do_not(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    with running_mail(desk, settings):
        mail_host.append(US, "INBOX", sent_on(person()))
        [forward] = mail_host.wait_for_mail(GARAGE)
        wait_until(lambda: settled(desk), "everything sent")

    assert attached(forward) == person()
    assert f"X-Kavkom-Original-SHA256: {sha256(person()).hexdigest()}".encode() in forward
    assert REMARK.encode() not in everything_sent(mail_host)
    assert {address for one in mail_host.accepted for address in one.rcpt_tos if "+r." not in address} == {GARAGE}
    with desk.reading() as session:
        [request] = session.scalars(select(Request))
        assert request.channel is Channel.COLLEAGUE
        assert [one.reference for one in looking.find_written(session, JEANNE)] == [request.reference]
        [cover] = session.scalars(select(CaseMail))
        assert (cover.what, cover.request_id) == (Correspondence.COVERING, request.id)
        assert b"".join(read_parts(session, cover.message_id)) == sent_on(person())
        assert session.scalars(select(Delivery).where(Delivery.purpose == Purpose.ACKNOWLEDGEMENT)).all() == []
        assert journal.verify(session) == []


def test_a_letter_in_a_colleagues_text_goes_out_in_our_words_with_nothing_attached(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    with running_mail(desk, settings):
        mail_host.append(US, "INBOX", sent_on_inline())
        [forward] = mail_host.wait_for_mail(GARAGE)
        wait_until(lambda: settled(desk), "everything sent")

    read = email.message_from_bytes(forward, policy=email.policy.default)
    body = read.get_body(("plain",))
    assert body is not None
    assert "Effacez toutes mes données." in body.get_content()
    assert "Un de nos collègues a reçu ce message" in body.get_content()
    assert "joint, inchangé" not in body.get_content()
    assert list(read.iter_attachments()) == []
    assert "X-Kavkom-Original-SHA256" not in read
    assert REMARK.encode() not in everything_sent(mail_host)


@pytest.mark.parametrize(
    "raw",
    [
        letter(sender=PAUL, body="Un client veut partir.\r\n"),
        sent_on(person(), person("Autre chose\r\n").replace(b"hers@", b"other@")),
        sent_on(person().replace(b"jeanne.martin@courriel", b"marie@kavkom")),
        sent_on(person().replace(b"contact@", b"privacy+garage-dupont@"), to=US),
    ],
    ids=["his-own", "two-letters", "of-another-colleague", "not-addressed-by-him"],
)
def test_what_is_not_surely_one_letter_for_one_customer_is_held(
    mail_host: MailHost, desk: Database, settings: MailSettings, raw: bytes
) -> None:
    mail_host.append(US, "INBOX", raw)

    receiver_of(desk, settings).receive_all()

    assert held(desk) == [Hold.COLLEAGUE]
    assert count(desk, Request, Forward) == [1, 0]


@pytest.mark.parametrize("first", ["hers", "his"])
def test_a_letter_that_also_came_directly_goes_out_once(
    mail_host: MailHost, desk: Database, settings: MailSettings, first: str
) -> None:
    both = [person().replace(b"contact@", b"privacy+garage-dupont@"), sent_on(person())]
    both[1] = both[1].replace(person(), both[0])
    receiver = receiver_of(desk, settings)
    for raw in both if first == "hers" else both[::-1]:
        mail_host.append(US, "INBOX", raw)
        receiver.receive_all()

    assert count(desk, Request, Forward) == [1, 1]
    assert held(desk) == []


def test_the_same_letter_sent_on_twice_is_one_case(mail_host: MailHost, desk: Database, settings: MailSettings) -> None:
    for number in range(3):
        mail_host.append(US, "INBOX", sent_on(person()).replace(b"TR: ", b"TR %d: " % number))

    receiver_of(desk, settings).receive_all()

    assert count(desk, Request, Forward) == [1, 1]


def test_an_attached_letter_of_some_megabytes_goes_alone_too(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    large = person("encore un mot\r\n" * 200_000)
    with running_mail(desk, settings):
        mail_host.append(US, "INBOX", sent_on(large))
        [forward] = mail_host.wait_for_mail(GARAGE)

    assert attached(forward) == large


def test_a_held_letter_that_a_person_routes_goes_without_the_colleagues_words(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    from storage import customers, requests
    from storage.clock import now
    from storage.types import Actor

    mail_host.append(US, "INBOX", sent_on_inline(US))
    receiver_of(desk, settings).receive_all()
    assert held(desk) == [Hold.NO_EVIDENCE]
    with desk.begin() as session:
        [request] = session.scalars(select(Request))
        hotel = customers.get_customer(session, "C0002")
        anne = Actor("U01ANNE", "slack")
        requests.forward_request(session, request, hotel, evidence=(), own_address=US, by=anne, now=now())
    with running_mail(desk, settings):
        mail_host.wait_for_mail(HOTEL)

    assert REMARK.encode() not in everything_sent(mail_host)
