"""The whole path, no fakes: a letter sent by SMTP is found, forwarded, in the customer's mailbox over IMAP."""

import email
import email.policy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from storage import journal
from storage.database import Database
from storage.models import Delivery, Forward, Message, Request
from storage.outbox import Words
from storage.requests import forwarded_at
from storage.types import Hold
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
from tests.servers import Dovecot, Exim, wait_until

EIGHT_BIT = letter(body="Bonjour,\r\n\r\nEffacez toutes mes données, s'il vous plaît.\r\n.\r\n..points\r\n")


def attached(forward: bytes) -> bytes:
    """The original as it lies in a forward, byte for byte."""
    boundary = email.message_from_bytes(forward, policy=email.policy.default).get_boundary()
    part = forward.split(b"filename=original.eml\r\n\r\n", 1)[1]
    return part.rsplit(f"\r\n--{boundary}--".encode(), 1)[0]


def kept(database: Database) -> list[bytes]:
    """The raw bytes of all kept mails."""
    from storage.messages import read_parts

    with database.reading() as session:
        ids = list(session.scalars(select(Message.id).where(Message.kept_at.is_not(None)).order_by(Message.id)))
        return [b"".join(read_parts(session, one)) for one in ids]


def test_a_letter_to_a_customers_address_is_in_its_mailbox_byte_for_byte(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    with opened_desk(database_url, tmp_path) as database, running_mail(database, settings):
        mail_host.send(EIGHT_BIT, JEANNE, TO_GARAGE)

        [forward] = mail_host.wait_for_mail(GARAGE)

        assert attached(forward).endswith(EIGHT_BIT)
        assert attached(forward) == kept(database)[0]
        read = email.message_from_bytes(forward, policy=email.policy.default)
        assert read["Reply-To"].startswith("privacy+c.1.")
        assert read["From"] == f"Kavkom <{US}>"
        assert "à traiter (DSR-" in read["Subject"]
        body = read.get_body(("plain",))
        assert body is not None
        assert "Effacez toutes mes données" in body.get_content()


def test_the_same_between_dovecot_and_exim(dovecot: Dovecot, exim: Exim, database_url: str, tmp_path: Path) -> None:
    ours = f"privacy{tmp_path.name.lower()}@kavkom.example".replace("_", "")
    settings = mail_settings(
        database_url,
        imap_port=dovecot.imap_port,
        smtp_port=exim.smtp_port,
        mail_address=ours,
        imap_user=ours,
        imap_password=dovecot.password,
    )
    before = len(dovecot.mailbox(GARAGE))
    with opened_desk(database_url, tmp_path) as database, running_mail(database, settings):
        exim.send(EIGHT_BIT, JEANNE, ours)
        exim.send(EIGHT_BIT.replace(b"Jeanne", b"Joanne"), JEANNE, ours)

        forwards = dovecot.wait_for_mail(GARAGE, before + 2)[before:]

        assert sorted(attached(forward) for forward in forwards) == sorted(kept(database))
        assert all(b"donn\xc3\xa9es" in attached(forward) for forward in forwards)
        wait_until(lambda: len(dovecot.mailbox(ours, "Processed")) == 4, "letters and receipt copies moved away")
        with database.reading() as session:
            assert all(session.scalars(select(Delivery.receipt_at).where(Delivery.forward_id.is_not(None))))
            assert session.scalar(select(func.count()).select_from(Request)) == 2


def test_the_evidence_of_a_forward_is_kept(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    with opened_desk(database_url, tmp_path) as database, running_mail(database, settings):
        mail_host.send(letter(), JEANNE, TO_GARAGE)
        mail_host.wait_for_mail(GARAGE)
        wait_until(lambda: is_forwarded(database), "the acceptance recorded")

        with database.reading() as session:
            delivery = session.scalars(select(Delivery).where(Delivery.forward_id.is_not(None))).one()
            forward = session.scalars(select(Forward)).one()
            [accepted] = [
                one for one in journal.entries_of(session, delivery.case) if one.action == "request-forwarded"
            ]
            sent = next(one.raw for one in mail_host.accepted if one.rcpt_tos[0] == GARAGE)
            assert delivery.reply is not None
            assert delivery.reply.startswith("250 ")
            assert delivery.sha256 == sha256(sent).hexdigest()
            assert f"Message-ID: {delivery.message_id}".encode() in sent
            assert delivery.sha256 in accepted.detail
            assert (forward.address, forward.order_reference) == (GARAGE, "CMD-1001")
            assert journal.verify(session) == []


def test_everything_without_that_evidence_is_held(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    letters = {
        Hold.NO_EVIDENCE: letter(US),
        Hold.SEVERAL_CUSTOMERS: letter(f"{TO_GARAGE}, {TO_HOTEL}"),
        Hold.AUTOMATIC_MAIL: letter(TO_GARAGE, body="Absent.\r\n", headers="Auto-Submitted: auto-replied\r\n"),
        Hold.CONTRACT_ENDED: letter("privacy+ancien@kavkom.example"),
        Hold.OWN_MAIL: letter("privacy+boucle@kavkom.example"),
    }
    with opened_desk(database_url, tmp_path) as database, running_mail(database, settings):
        for raw in letters.values():
            mail_host.append(US, "INBOX", raw)
        mail_host.append(US, "Junk", letter(TO_GARAGE))
        wait_until(lambda: len(holds(database)) == len(letters) + 1, "all letters decided")

        assert sorted(holds(database)) == sorted([*letters, Hold.JUNK])
        assert mail_host.mailbox(GARAGE) == []
        assert mail_host.mailbox(HOTEL) == []
        wait_until(lambda: len(mail_host.mailbox(US, "Processed")) == len(letters), "held letters moved")
        assert len(mail_host.mailbox(US, "Junk")) == 1


def holds(database: Database) -> list[Hold]:
    with database.reading() as session:
        return [hold for hold in session.scalars(select(Request.hold)) if hold]


def is_forwarded(database: Database) -> bool:
    with database.reading() as session:
        return any(forwarded_at(forward) for forward in session.scalars(select(Forward)))


def test_a_mail_of_many_parts_arrives_whole(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    settings = mail_settings(sqlite_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    large = letter(body="mot de passe oublié\r\n" * 300_000)
    with opened_desk(sqlite_url, tmp_path) as database, running_mail(database, settings):
        mail_host.append(US, "INBOX", large)

        [forward] = mail_host.wait_for_mail(GARAGE)

        assert attached(forward) == large
        assert kept(database) == [large]


def test_a_delivery_that_cannot_be_composed_does_not_hold_up_the_others(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mail.words import forward_words

    def poisoned(forward: Forward, *args: Any, **kwargs: Any) -> Words:
        if forward.address == HOTEL:
            raise RuntimeError("poison")
        return forward_words(forward, *args, **kwargs)

    monkeypatch.setattr("mail.composing.forward_words", poisoned)
    settings = mail_settings(sqlite_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    with opened_desk(sqlite_url, tmp_path) as database, running_mail(database, settings):
        mail_host.append(US, "INBOX", letter(TO_HOTEL))
        mail_host.append(US, "INBOX", letter(TO_GARAGE))

        mail_host.wait_for_mail(GARAGE)

        wait_until(lambda: reply_for(database, HOTEL) == "not composed", "the poisoned delivery set aside")


def reply_for(database: Database, address: str) -> str | None:
    with database.reading() as session:
        return session.scalars(select(Delivery.reply).where(Delivery.recipient == address)).one()


def test_hostile_recipients_neither_stop_the_mailbox_nor_hide_the_customer(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    crowd = ",\r\n ".join(f"{number:05}@b.co" for number in range(2_000))
    with opened_desk(database_url, tmp_path) as database, running_mail(database, settings):
        mail_host.append(US, "INBOX", letter(f"nul\0here@kavkom.example, a\ud800b@x.example, {crowd}, {TO_GARAGE}"))
        mail_host.append(US, "INBOX", letter(TO_HOTEL))

        assert len(mail_host.wait_for_mail(HOTEL)) == 1
        assert len(mail_host.wait_for_mail(GARAGE)) == 1
        assert holds(database) == []
