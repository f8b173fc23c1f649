"""Documents that staff mail to a breach: taken in unmarked, marked by a person, warned of when they name others."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import documents, journal
from storage.breach_closing import close_as_no_breach
from storage.breach_errors import BreachClosed, DocumentSent, DocumentUnreadable, NotAffected, UnknownDocument
from storage.database import Database
from storage.document_words import names_of_others
from storage.errors import Refused
from storage.models import Breach, CaseMail, Customer, Document, Request, Task
from storage.types import Correspondence
from tests.breach_mail_support import announced, queue_notice, the_breach
from tests.mail_support import US, letter
from tests.playground.mailhost import MailHost
from tests.storage_support import ANNE, NOW, add_customer, open_breach
from tests.test_notice_failures import add_document
from tests.test_notice_mail import Desk, opened

ANNE_AT = "Anne Moreau <anne@kavkom.example>"


@contextmanager
def opened_desk(host: MailHost, url: str, folder: Path) -> Iterator[Desk]:
    """A desk with an open breach of one customer."""
    with opened(host, url, folder) as made:
        with made.database.begin() as session:
            open_breach(session, session.scalars(select(Customer).where(Customer.reference == "C0001")).one())
        yield made


@pytest.fixture
def desk(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(mail_host, sqlite_url, tmp_path) as made:
        yield made


@pytest.fixture
def each_desk(mail_host: MailHost, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """The same on each database."""
    with opened_desk(mail_host, database_url, tmp_path) as made:
        yield made


def mail_of(desk: Desk, *files: tuple[str, str, bytes], sender: str = ANNE_AT, text: str = "Voici.\n") -> bytes:
    """A mail to the breach's own address, with these files."""
    with desk.database.reading() as session:
        breach = the_breach(session).id
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, desk.address("d", breach), "Pièces"
    mail.set_content(text)
    for name, kind, content in files:
        mail.add_attachment(content, *kind.split("/"), filename=name)
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def put(desk: Desk, raw: bytes, folder: str = "INBOX") -> None:
    desk.host.append(US, folder, raw)
    desk.pass_once()


def kept(session: Session) -> list[Document]:
    return list(session.scalars(select(Document).order_by(Document.id)))


def test_each_file_of_a_colleagues_mail_is_a_document_that_nobody_has_marked(each_desk: Desk) -> None:
    desk = each_desk
    large = bytes(range(256)) * 12_000
    put(desk, mail_of(desk, ("Plan é.pdf", "application/pdf", large), ("copie.csv", "text/csv", b"a;b\r\n")))

    with desk.database.reading() as session:
        plan, copy = kept(session)
        assert (plan.name, plan.content_type, plan.size, plan.sent_by) == (
            "Plan é.pdf",
            "application/pdf",
            len(large),
            "U01ANNE",
        )
        assert b"".join(documents.read_document(session, plan)) == large
        assert b"".join(documents.read_document(session, copy)) == b"a;b\r\n"
        breach = the_breach(session)
        assert documents.unmarked(session, breach) == [plan, copy]
        assert documents.documents_for(session, breach, breach.affected[0].customer) == []
        assert announced(session) == ["breach_documents_came"]
        entry = next(one for one in journal.entries_of(session, breach.reference) if one.action == "documents-received")
        assert "Plan" not in entry.detail
        assert session.scalars(select(Request)).all() == []


def test_the_same_mail_and_the_same_file_again_add_nothing(desk: Desk) -> None:
    raw = mail_of(desk, ("plan.pdf", "application/pdf", b"%PDF"))
    put(desk, raw)
    put(desk, b"X-Copy: 2\r\n" + raw)
    put(desk, mail_of(desk, ("plan bis.pdf", "application/pdf", b"%PDF"), text="Encore.\n"))

    with desk.database.reading() as session:
        assert [one.name for one in kept(session)] == ["plan.pdf"]
        assert announced(session) == ["breach_documents_came"]


def test_a_mail_that_a_colleague_attaches_is_a_document_and_no_request(desk: Desk) -> None:
    put(desk, mail_of(desk, ("lettre.eml", "application/octet-stream", letter("dpo@ailleurs.example"))))

    with desk.database.reading() as session:
        assert [one.name for one in kept(session)] == ["lettre.eml"]
        assert session.scalars(select(Request)).all() == []


@pytest.mark.parametrize("what", ["stranger", "no file", "junk", "closed"])
def test_whatever_else_comes_there_is_kept_and_read_by_a_person(desk: Desk, what: str) -> None:
    files = () if what == "no file" else (("plan.pdf", "application/pdf", b"%PDF"),)
    raw = mail_of(desk, *files, sender="x@ailleurs.example" if what == "stranger" else ANNE_AT)
    if what == "closed":
        with desk.database.begin() as session:
            close_as_no_breach(session, the_breach(session), "an exercise", by=ANNE, now=NOW)

    put(desk, raw, "Junk" if what == "junk" else "INBOX")

    with desk.database.reading() as session:
        [mail] = session.scalars(select(CaseMail)).all()
        assert (mail.what, mail.breach_id) == (Correspondence.DOCUMENTS, the_breach(session).id)
        assert (kept(session), announced(session)) == ([], ["breach_mail_to_read"])
        assert [one.message_id for one in session.scalars(select(Task))] == [mail.message_id]


def test_a_file_that_cannot_be_read_is_kept_and_goes_to_nobody(desk: Desk) -> None:
    put(desk, mail_of(desk, ("vide.pdf", "application/pdf", b""), ("outil.exe", "application/x-msdownload", b"MZ")))

    with desk.database.begin() as session:
        empty, program = kept(session)
        assert (documents.is_readable(empty), documents.is_executable(program)) == (False, True)
        with pytest.raises(DocumentUnreadable):
            documents.mark_document(session, the_breach(session), 1, None, by=ANNE, now=NOW)


# --- marking ---


def begin(session: Session) -> tuple[Breach, Customer, Customer]:
    """A breach of two customers with one document."""
    first = add_customer(session, "C0001", name="Garage Dupont SARL")
    second = add_customer(session, "C0002", name="Hôtel Bellevue")
    breach = open_breach(session, first, second)
    document = add_document(session, breach)
    document.for_all, document.marked_at = False, None
    session.flush()
    return breach, first, second


def test_a_document_goes_to_whom_it_is_marked_for_and_that_may_be_changed(database: Database) -> None:
    with database.begin() as session:
        breach, first, second = begin(session)

        documents.mark_document(session, breach, 1, first, by=ANNE, now=NOW)
        assert [len(documents.documents_for(session, breach, one)) for one in (first, second)] == [1, 0]
        documents.mark_document(session, breach, 1, None, by=ANNE, now=NOW)
        documents.mark_document(session, breach, 1, None, by=ANNE, now=NOW)
        assert [len(documents.documents_for(session, breach, one)) for one in (first, second)] == [1, 1]
        documents.withdraw_document(session, breach, 1, by=ANNE, now=NOW)
        assert [len(documents.documents_for(session, breach, one)) for one in (first, second)] == [0, 0]

        actions = [one.action for one in journal.entries_of(session, breach.reference)]
        assert actions[-3:] == ["document-marked", "document-marked", "document-withdrawn"]


def test_what_is_in_a_notice_can_be_withdrawn_but_not_given_to_others(database: Database) -> None:
    with database.begin() as session:
        breach, first, second = begin(session)
        document = documents.mark_document(session, breach, 1, first, by=ANNE, now=NOW)
        queue_notice(session, breach.affected[0], document)

        with pytest.raises(DocumentSent):
            documents.mark_document(session, breach, 1, second, by=ANNE, now=NOW)
        documents.withdraw_document(session, breach, 1, by=ANNE, now=NOW)

        assert documents.documents_for(session, breach, first) == []


def test_a_document_that_is_not_there_a_foreign_customer_and_a_closed_breach_are_refused(database: Database) -> None:
    with database.begin() as session:
        breach, first, _ = begin(session)
        foreign = add_customer(session, "C0003")

        refused(session, breach, 2, first, UnknownDocument)
        refused(session, breach, 0, first, UnknownDocument)
        refused(session, breach, 1, foreign, NotAffected)
        close_as_no_breach(session, breach, "an exercise", by=ANNE, now=NOW)
        refused(session, breach, 1, first, BreachClosed)


def refused(session: Session, breach: Breach, number: int, customer: Customer, refusal: type[Refused]) -> None:
    with pytest.raises(refusal):
        documents.mark_document(session, breach, number, customer, by=ANNE, now=NOW)


# --- naming others ---

GARAGE = Customer(reference="C0001", name="Garage Dupont SARL", request_address="a@b.example", language="fr")
HOTEL = Customer(reference="C0412", name="Hôtel Bellevue", request_address="a@b.example", language="fr")
PLAIN = Customer(reference="C0500", name="Contact Service", request_address="a@b.example", language="fr")


def zipped(text: str) -> bytes:
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst><si><t>{text}</t></si></sst>")
    return whole.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (b"Rien.", "export_C0412.csv", ["C0412"]),
        ("client;appels\nHÔTEL  BELLEVUE;12\n".encode(), "a.csv", ["C0412"]),
        ("H\u00f4tel Bellevue".encode("windows-1252"), "a.txt", ["C0412"]),
        ("H\u00f4tel Bellevue".encode("utf-16"), "a.txt", ["C0412"]),
        (b"<td>H&ocirc;tel <b>Bellevue</b></td>", "a.html", ["C0412"]),
        (zipped("Garage Dupont et C0412"), "a.xlsx", ["C0001", "C0412"]),
        (b"PK\x03\x04 broken", "a.xlsx", []),
        (b"%PDF-1.4 (Garage Dupont) Tj", "a.pdf", ["C0001"]),
        (b"x" * 3_000_000 + b" hotel bellevue", "a.bin", ["C0412"]),
        (b"contact service, hotel bellevuex, C04123", "dupont.txt", []),
        (b"a,b <hotel bellevue>", "a.csv", ["C0412"]),
    ],
)
def test_a_file_names_a_customer_by_its_name_or_its_reference(content: bytes, name: str, found: list[str]) -> None:
    assert [one.reference for one in names_of_others(content, name, [GARAGE, HOTEL, PLAIN])] == found


def test_a_name_across_two_pieces_is_found() -> None:
    content = b"x" * ((1 << 20) - 8) + b" Garage Dupont " + b"y" * 100

    assert names_of_others(content, "a.txt", [GARAGE, HOTEL]) == [GARAGE]
