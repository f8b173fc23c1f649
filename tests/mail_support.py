"""A running mail half for tests: the real receiver and sender, against whichever servers a test has."""

import atexit
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mail.intake import Intake
from mail.reader import Reader
from mail.receiver import Receiver
from mail.recent import RecentLetters
from mail.service import Service, prepare
from mail.settings import MailSettings
from storage.database import Database, open_database
from storage.directory import apply as write_changes
from storage.directory import compare, read_customers
from storage.models import Staff
from storage.types import Role
from tests.servers import need_program

US = "privacy@kavkom.example"
GARAGE = "atelier@garage-dupont.example"
HOTEL = "reception@hotel-bellevue.example"
TO_GARAGE = "privacy+garage-dupont@kavkom.example"
TO_HOTEL = "privacy+hotel-bellevue@kavkom.example"
JEANNE = "jeanne.martin@courriel.example"
COLUMNS = (
    "customer_id,name,aliases,domains,phone_numbers,sms_sender_ids,intake_alias,order_address,language,"
    "contract_start,contract_end,order_reference"
)
CUSTOMERS = f"""\
{COLUMNS}
C0001,Garage Dupont,,garage-dupont.example,+33199000100,,{TO_GARAGE},{GARAGE},fr,2023-02-01,,CMD-1001
C0002,Hotel Bellevue,,hotel-bellevue.example,,,{TO_HOTEL},{HOTEL},en,2024-05-01,,
C0003,Ancien Client,,,,,privacy+ancien@kavkom.example,contact@ancien.example,fr,2019-01-01,2024-01-31,
C0004,Boucle,,,,,privacy+boucle@kavkom.example,{TO_GARAGE},fr,2019-01-01,,
"""


def letter(
    to: str = TO_GARAGE,
    *,
    sender: str = f"Jeanne Martin <{JEANNE}>",
    subject: str = "Mes coordonnees",
    body: str = "Bonjour,\r\n\r\nEffacez toutes mes donnees.\r\n",
    headers: str = "",
) -> bytes:
    """A plain letter, CRLF lines."""
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <one@courriel.example>\r\n{headers}"
    return f"{head}\r\n{body}".encode("utf-8", "surrogatepass")


def mail_settings(database_url: str, *, imap_port: int, smtp_port: int, **changed: Any) -> MailSettings:
    """Settings for local servers without TLS."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "mail_address": US,
        "imap_host": "127.0.0.1",
        "imap_port": imap_port,
        "imap_security": "none",
        "imap_user": US,
        "imap_password": "playground",
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_port,
        "smtp_security": "none",
    }
    return MailSettings(**(values | changed))


def environ_for(settings: MailSettings, **changed: str) -> dict[str, str]:
    """The same settings as environment variables, for a process of its own."""
    [mailbox] = settings.mailboxes
    values = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "MAIL_ADDRESS": settings.mail_address,
        "IMAP_HOST": mailbox.host,
        "IMAP_PORT": str(mailbox.port),
        "IMAP_SECURITY": mailbox.security.value,
        "IMAP_USER": mailbox.user,
        "IMAP_PASSWORD": mailbox.password.get_secret_value() if mailbox.password else "",
        "SMTP_HOST": settings.smtp_host,
        "SMTP_PORT": str(settings.smtp_port),
        "SMTP_SECURITY": settings.smtp_security.value,
        "RECEIPT_GRACE": "2s",
    }
    return values | changed


def fill(database: Database, folder: Path) -> None:
    """Four invented customers and one colleague."""
    table = folder / "customers.csv"
    table.write_text(CUSTOMERS, encoding="utf-8")
    entries, _ = read_customers(table)
    with database.begin() as session:
        write_changes(session, compare(session, entries))
        anne = Staff(
            slack_user="U01ANNE", name="Anne Moreau", email="anne@kavkom.example", role=Role.DPO, language="fr"
        )
        session.add(anne)


@contextmanager
def opened_desk(database_url: str, folder: Path) -> Iterator[Database]:
    """A database with customers, ready for mail."""
    database = open_database(database_url)
    try:
        fill(database, folder)
        prepare(database)
        yield database
    finally:
        database.dispose()


@contextmanager
def running_mail(database: Database, settings: MailSettings) -> Iterator[Service]:
    """The mail half at work until the end of the block."""
    service = Service(database, settings, reader=reader())
    service.start_sending()
    service.start_receiving()
    try:
        yield service
    finally:
        service.end()


def receiver_of(database: Database, settings: MailSettings) -> Receiver:
    """The receiver of the first mailbox, at nobody's command but the test's: `receive_all()` is one pass."""
    [mailbox, *_] = settings.mailboxes
    return Receiver(
        database, settings, mailbox, reader=reader(), recent=RecentLetters(), queued=lambda: None, let_pass=lambda: None
    )


@cache
def reader() -> Reader:
    """One for all tests of a process: it keeps nothing."""
    made = Reader()
    atexit.register(made.close)
    return made


@contextmanager
def open_intake(database: Database, settings: MailSettings) -> Iterator[Intake]:
    """The intake of one open connection."""
    receiver = receiver_of(database, settings)
    with receiver._connected() as mailbox:
        yield receiver._intake(mailbox)


def read_pdf(pdf: bytes, *command: str) -> str:
    """What a reader of PDFs says of one: its words in their order, or what another of its programs prints."""
    need_program("pdftotext", "poppler-utils")
    words = command or ("pdftotext", "-raw", "-", "-")
    return subprocess.run(words, input=pdf, capture_output=True, check=True).stdout.decode()
