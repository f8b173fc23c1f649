"""Notices of a breach on the wire, through a real SMTP server: files, drills, answers, reports, and a server that finds
them too large."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from mail.drill import A_CUSTOMERS, NO_ADDRESS
from mail.service import drain
from mail.settings import MailSettings
from storage import contents, gone_out, outbox, pauses, tokens
from storage.breach_types import RowState
from storage.breaches import get_breach, keep_source
from storage.database import Database
from storage.models import CaseMail, Customer, Delivery, MessagePart, Task
from storage.types import Correspondence, Purpose, Said, TaskKind
from tests.breach_mail_support import OWN, announced, notices, queue_notice, row_of, the_breach
from tests.mail_support import GARAGE, HOTEL, US, letter, mail_settings, opened_desk, reader
from tests.playground.mailhost import MailHost
from tests.servers import wait_until
from tests.storage_support import ANNE, NOW, open_breach, queue, waits_for_a_lock
from tests.test_notice_failures import add_document

DRILLS = "exercice@kavkom.example"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.outbox.FIRST_BACKOFF", timedelta(seconds=0.1))


class Desk:
    """The record and the mail half of one test: `pass_once` receives and sends all there is."""

    def __init__(self, database: Database, settings: MailSettings, host: MailHost) -> None:
        self.database, self.settings, self.host = database, settings, host

    def pass_once(self) -> None:
        drain(self.database, self.settings, reader=reader(), patience=5)

    def open(self, *references: str, drill: bool = False) -> list[int]:
        """A breach of these customers with a notice to each; the ids of the notices' deliveries."""
        with self.database.begin() as session:
            named = session.scalars(select(Customer).where(Customer.reference.in_(references or ("C0001",)))).all()
            breach = open_breach(session, *named, aware_at=NOW, drill=drill)
            return [queue_notice(session, one).id for one in breach.affected]

    def answer(self, number: int, body: str, *, sender: str = GARAGE, **changed: Any) -> None:
        """What comes back to the signed address of a delivery."""
        self.host.append(US, "INBOX", letter(self.address("b", number), sender=sender, body=body, **changed))

    def address(self, tag: str, number: int) -> str:
        with self.database.reading() as session:
            return tokens.plus_address(US, tokens.sign(session, tag, number))

    def read(self, address: str) -> EmailMessage:
        """The one mail that somebody got."""
        [raw] = self.host.mailbox(address)
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


@contextmanager
def opened(host: MailHost, url: str, folder: Path, **changed: Any) -> Iterator[Desk]:
    ports = {"imap_port": host.imap_port, "smtp_port": host.smtp_port}
    settings = mail_settings(url, acknowledge=False, **(ports | changed))
    with opened_desk(url, folder) as database:
        yield Desk(database, settings, host)


@pytest.fixture
def desk(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(mail_host, sqlite_url, tmp_path) as made:
        yield made


def test_a_notice_carries_our_document_and_those_of_staff_byte_for_byte(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    large = bytes(range(256)) * 9000
    with opened(mail_host, database_url, tmp_path) as desk:
        with desk.database.begin() as session:
            garage = session.scalars(select(Customer).where(Customer.reference == "C0001")).one()
            breach = open_breach(session, garage)
            document = add_document(session, breach, large)
            document.name, document.content_type = "Journal d’accès " + "é" * 70 + ".csv", "text/csv"
            number = queue_notice(session, breach.affected[0], document).id

        desk.pass_once()

        mail = desk.read(GARAGE)
        own, theirs = mail.iter_attachments()
        assert mail.get_content_type() == "multipart/mixed"
        assert mail.get_body(("html",)) is not None
        assert (own.get_filename(), own.get_content_type(), own.get_content().strip()) == (
            OWN,
            "text/html",
            "<h1>Annexe</h1>",
        )
        assert (theirs.get_filename(), theirs.get_content_type()) == (document.name, "text/csv")
        assert theirs.get_payload(decode=True) == large
        assert max(map(len, mail_host.mailbox(GARAGE)[0].split(b"\r\n"))) <= 120
        assert (mail["Reply-To"], mail["Auto-Submitted"]) == (desk.address("b", number), None)
        assert mail["Subject"].startswith("Violation de données")
        with desk.database.reading() as session:
            sent = session.get_one(Delivery, number)
            shown = contents.sent_content(session, sent)
            assert shown is not None
            assert contents.digest_of(shown.read()) == sent.sha256
            assert b"".join(shown.read()) in mail_host.mailbox(GARAGE)[0]
            assert (sent.receipt_at is not None, row_of(session).state) == (True, RowState.ACCEPTED)


def test_a_notice_that_is_too_large_goes_without_the_documents_and_says_so(desk: Desk) -> None:
    desk.host.smtp.largest = 100_000
    with desk.database.begin() as session:
        breach = open_breach(session, session.scalars(select(Customer).where(Customer.reference == "C0001")).one())
        queue_notice(session, breach.affected[0], add_document(session, breach, b"x" * 200_000))

    desk.pass_once()

    mail = desk.read(GARAGE)
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert [one.get_filename() for one in mail.iter_attachments()] == [OWN]
    assert text is not None
    assert text.get_content().startswith("Votre serveur de messagerie")
    assert html is not None
    assert "trop volumineux" in html.get_content()
    assert [one.refused_at is not None for one in notices(desk.database)] == [True, False]
    with desk.database.reading() as session:
        assert row_of(session).state is RowState.ACCEPTED
        assert announced(session) == ["breach_notice_too_large"]


# --- drills ---


def test_nothing_of_a_drill_reaches_anybody_else_whatever_it_is_for(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    meant = {f"{purpose.value}@{to.partition('@')[2]}": purpose for purpose in Purpose for to in (GARAGE, HOTEL, US)}
    with opened(mail_host, sqlite_url, tmp_path, drill_address=DRILLS) as desk:
        desk.open("C0001", "C0002", drill=True)
        with desk.database.begin() as session:
            breach, customer = the_breach(session), session.scalars(select(Customer)).first()
            for to, purpose in meant.items():
                queue(session, to, purpose=purpose, case=breach.reference, recipient=to)
                added = session.scalars(select(Delivery).where(Delivery.key == to)).one()
                added.subject, added.text, added.customer_id = "Objet", "Bonjour", customer.id if customer else None
                added.affected_id = breach.affected[1].id if purpose is Purpose.NOTICE else None
            for notice in session.scalars(select(Delivery).where(Delivery.topic == "notice")):
                outbox.defer(notice, reply="later", after=timedelta(hours=1))  # while it waits, reminders go

        desk.pass_once()

        assert {one for one in mail_host.smtp.asked if not one.startswith("privacy+r.")} == {DRILLS}
        mails = [message_from_bytes(one, policy=policy.default) for one in mail_host.mailbox(DRILLS)]
        assert {str(one["X-Drill-For"]) for one in mails} == set(meant)
        assert {str(one["To"]) for one in mails} == {DRILLS}
        assert all(str(one["Subject"]).startswith("[EXERCICE / DRILL] ") for one in mails)


@pytest.mark.parametrize(
    ("address", "reason"), [(None, NO_ADDRESS), (HOTEL.upper(), A_CUSTOMERS)], ids=["none", "a customer's"]
)
def test_a_drill_without_a_safe_address_is_refused_and_never_sent(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, address: str | None, reason: str
) -> None:
    with opened(mail_host, sqlite_url, tmp_path, drill_address=address) as desk:
        desk.open("C0001", "C0002", drill=True)

        desk.pass_once()

        assert mail_host.smtp.asked == []
        assert [one.reply for one in notices(desk.database)] == [reason] * 2
        with desk.database.reading() as session:
            assert row_of(session).state is RowState.REFUSED
            assert row_of(session).customer.address_bounced_at is None


def test_a_notice_of_a_drill_is_known_by_its_breach_whatever_its_case_says(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with opened(mail_host, sqlite_url, tmp_path, drill_address=DRILLS) as desk:
        [number] = desk.open(drill=True)
        with desk.database.begin() as session:
            session.get_one(Delivery, number).case = "BR-2026-0001"

        desk.pass_once()

        assert {one for one in mail_host.smtp.asked if not one.startswith("privacy+r.")} == {DRILLS}


# --- what comes back ---


def test_received_is_read_from_the_reply_and_an_absence_is_not(desk: Desk) -> None:
    [number] = desk.open()
    desk.pass_once()

    desk.answer(number, "Je suis absent jusqu'au 3 novembre.\r\n", headers="Auto-Submitted: auto-replied\r\n")
    desk.pass_once()
    with desk.database.reading() as session:
        assert row_of(session).state is RowState.ACCEPTED

    desk.answer(number, "Bien reçu.\r\n", subject="Re: Violation de données concernant votre entreprise")
    desk.pass_once()
    with desk.database.reading() as session:
        assert row_of(session).state is RowState.RECEIVED
        assert announced(session) == []


@pytest.mark.parametrize(
    ("body", "sender", "said", "task"),
    [
        ("Pouvez-vous nous aider ? Nous ne savons pas quoi faire.\r\n", GARAGE, Said.HELP, TaskKind.HELP),
        ("Bien reçu.\r\n", "quelquun@ailleurs.example", None, TaskKind.READ),
    ],
    ids=["help", "another address"],
)
def test_a_reply_that_needs_somebody_is_a_task(
    desk: Desk, body: str, sender: str, said: Said | None, task: TaskKind
) -> None:
    [number] = desk.open()
    desk.pass_once()

    desk.answer(number, body, sender=sender)
    desk.pass_once()

    with desk.database.reading() as session:
        mail = session.scalars(select(CaseMail).where(CaseMail.what == Correspondence.REPLY)).one()
        breach = the_breach(session)
        assert (mail.breach_id, mail.affected_id, mail.said) == (breach.id, breach.affected[0].id, said)
        assert [(one.case, one.what) for one in session.scalars(select(Task))] == [(breach.reference, task)]


def report(to: str, action: str, status: str) -> bytes:
    """What a mail server reports to the envelope's sender (RFC 3464)."""
    head = (
        f"From: MAILER-DAEMON@garage-dupont.example\r\nTo: {to}\r\nSubject: Undelivered Mail\r\nReturn-Path: <>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    )
    fields = (
        f"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {GARAGE}\r\nAction: {action}\r\nStatus: {status}\r\n"
    )
    status_part = f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n{fields}"
    parts = f"--b\r\n\r\nSorry.\r\n--b\r\n{status_part}\r\n--b--\r\n"
    return (head + parts).encode()


def test_a_report_opens_the_row_and_a_forged_one_changes_nothing(desk: Desk) -> None:
    [number] = desk.open()
    desk.pass_once()
    genuine = desk.address("b", number)
    desk.host.append(US, "INBOX", report(genuine.replace(f"b.{number}.", f"b.{number}.a"), "failed", "5.1.1"))
    desk.pass_once()
    with desk.database.reading() as session:
        assert row_of(session).state is RowState.ACCEPTED

    desk.host.append(US, "INBOX", report(genuine, "delayed", "4.4.1"))
    desk.pass_once()
    with desk.database.reading() as session:
        assert row_of(session).state is RowState.DELAYED

    desk.host.append(US, "INBOX", report(genuine, "failed", "5.1.1"))
    desk.pass_once()
    with desk.database.reading() as session:
        assert row_of(session).state is RowState.BOUNCED
        reports = session.scalars(select(CaseMail).where(CaseMail.what == Correspondence.REPORT)).all()
        assert {one.affected_id for one in reports} == {the_breach(session).affected[0].id}


def test_mails_about_a_breach_wait_for_whoever_has_it_and_nobody_fails(
    mail_host: MailHost, postgresql_url: str, tmp_path: Path
) -> None:
    """On SQLite only one transaction writes."""
    faults: list[object] = []
    with opened(mail_host, postgresql_url, tmp_path) as desk:
        event.listen(desk.database.engine, "handle_error", lambda context: faults.append(context.original_exception))
        first, second = desk.open("C0001", "C0002")
        desk.pass_once()
        desk.answer(first, "Bien reçu, merci.")
        mail_host.append(US, "INBOX", report(desk.address("b", second), "failed", "5.1.1"))

        with ThreadPoolExecutor(1) as pool:
            with desk.database.begin() as session:
                breach = get_breach(session, "BR-2026-0001", to_change=True)
                passed = pool.submit(desk.pass_once)
                wait_until(lambda: waits_for_a_lock(desk.database), what="the mail half that waits")
                keep_source(session, breach, "https://example.slack.com/archives/C01/p1", by=ANNE, now=NOW)
            passed.result(30)

        with desk.database.reading() as session:
            assert [row_of(session, one).state for one in ("C0001", "C0002")] == [RowState.RECEIVED, RowState.BOUNCED]
    assert faults == []


def test_a_notice_whose_document_was_erased_waits_for_a_person(desk: Desk) -> None:
    with desk.database.begin() as session:
        breach = open_breach(session, session.scalars(select(Customer).where(Customer.reference == "C0001")).one())
        document = add_document(session, breach)
        queue_notice(session, breach.affected[0], document)
        session.execute(delete(MessagePart).where(MessagePart.message_id == document.message_id))

    desk.pass_once()

    [notice] = notices(desk.database)
    assert (notice.accepted_at, notice.reply) == (None, "not sent")
    assert desk.host.mailbox(GARAGE) == []


def test_after_a_restored_backup_an_unsent_notice_is_named_with_its_customer(desk: Desk) -> None:
    [number] = desk.open()
    with desk.database.begin() as session:
        pauses.pause_sending(session, pauses.RESTORED, by=ANNE, now=NOW + timedelta(hours=1))
        pause = pauses.is_paused(session)
        assert pause is not None
        [unsent] = gone_out.may_have_gone_out(session, pause).deliveries

    desk.pass_once()

    assert (unsent.delivery_id, unsent.customer, unsent.customer_name) == (number, "C0001", "Garage Dupont")
    assert desk.host.mailbox(GARAGE) == []
