"""The page that goes with a notice, as PDF: the same words as in HTML, whatever was typed; and the mail goes without it
rather than wait."""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from bot.notice_words import render_notice
from mail.pages import NotAPage, read_page
from mail.paging import Pages
from mail.service import drain
from mail.typesetting import Approved, Typeset, say_whether, set_pages
from storage import journal, notice_pages, outbox
from storage.clock import real_now
from storage.database import Database
from storage.models import Affected, Attachment, Customer, Delivery
from storage.notice_pages import Made
from storage.types import Medium, Purpose
from templates import LANGUAGES
from tests.breach_mail_support import attach, queue_notice, the_breach
from tests.edition_support import EVERYTHING, SETTINGS, changed, edition_of
from tests.mail_support import GARAGE, environ_for, mail_settings, opened_desk, read_pdf, reader
from tests.playground.mailhost import MailHost
from tests.servers import need_program, wait_until
from tests.storage_support import ANNE, NOW, ROOT, add_customer, open_breach, queue
from tests.test_mail_death import process, settled
from tests.test_notice_words import SHAPES, bodies, shaped

COLLEAGUE = "anne@kavkom.example"
FAKE = """
import os, pathlib, time

pathlib.Path(__file__).with_name("asked").open("a").write("once ")

def compile(template, *, sys_inputs, **others):
    page = sys_inputs["page"]
    if "dies" in page:
        os._exit(3)
    if "stalls" in page:
        time.sleep(60)
    if "is refused" in page:
        raise RuntimeError(page)
    return b"%PDF-" + page.encode()
"""


def page_of(account: str = "A list went to a partner.") -> bytes:
    one = changed(facts=replace(EVERYTHING, account=account))
    return render_notice(edition_of(one), one, SETTINGS).files[0].content or b""


def pdf_of(html: bytes) -> bytes:
    [made] = set_pages([Approved(html, NOW)])
    assert made.pdf is not None, made.fault
    return made.pdf


@pytest.fixture
def poppler() -> Callable[..., str]:
    """See read_pdf; the test is skipped where there is no such reader."""
    need_program("pdftotext", "poppler-utils")
    return read_pdf


@pytest.fixture
def fake_typst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typst that stalls, dies or refuses over a page that says so."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "typst.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'fake'}{os.pathsep}{ROOT}")


@cache
def every_shape() -> dict[tuple[str, str], Typeset]:
    """The notices of tests/test_notice_words.py as PDF, all set by one process."""
    which = [(name, language) for name in SHAPES for language in LANGUAGES]
    pages = [Approved(shaped(*one)[1].files[0].content or b"", NOW) for one in which]
    return dict(zip(which, set_pages(pages), strict=True))


def run_together(text: str) -> str:
    """Without blanks: where lines and cells end is the reader's own business."""
    return "".join(text.split())


def without_numbers(text: str, title: str) -> str:
    """Without what only paper has: the foot of each page, and the numbers and dashes of lists."""
    text = re.sub(rf"{re.escape(title)}\s+\d / \d\s+", "", text)
    return re.sub(r"^(?:\d\.|–) ", "", text, flags=re.MULTILINE)


# --- its words ---


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", SHAPES)
def test_the_pdf_says_what_the_page_says_in_its_order_and_nothing_else(
    poppler: Callable[..., str], name: str, language: str
) -> None:
    _, rendered = shaped(name, language)
    made = every_shape()[name, language]
    assert made.pdf is not None, made.fault

    said = without_numbers(poppler(made.pdf), rendered.words.subject)

    assert run_together(said) == run_together(bodies(rendered)["document"].removeprefix(rendered.words.subject))


HOSTILE = (
    '#import "@preview/x:1.0.0": * #read("/etc/passwd") #sys.inputs',
    "\\ \\n $x^2$ *bold* _slanted_ `raw` <label> @ref // no comment /* nor this */ #[",
    "= Heading -- --- ... ~ \"quoted\" 'twice' https://x.example/~a?b#c [x] {y} \\u{41} </td><script>&amp;",
)


def test_nothing_that_was_typed_is_read_as_markup(poppler: Callable[..., str]) -> None:
    text = poppler(pdf_of(page_of("\n".join(HOSTILE))))

    assert all(run_together(text).count(run_together(line)) == 2 for line in HOSTILE)
    assert "root:" not in text


def test_a_word_that_is_longer_than_a_line_stays_on_the_page(poppler: Callable[..., str]) -> None:
    word = "0123456789abcdef" * 16
    pdf = pdf_of(page_of(f"SHA-256: {word}"))

    assert run_together(poppler(pdf)).count(word) == 2
    places = poppler(pdf, "pdftotext", "-bbox", "-", "-")
    assert max(float(one) for one in re.findall(r'xMax="([\d.]+)"', places)) < 595 - 50


def test_a_letter_that_no_font_has_leaves_the_page_as_it_is_and_the_others_are_set() -> None:
    pages = [page_of("Elle s’appelle 木村."), page_of("שלום, Γειά, Привет, ✓")]

    first, second = set_pages([Approved(one, NOW) for one in pages])

    assert (first.pdf, first.fault) == (None, "TypstError")
    assert second.pdf is not None


@pytest.mark.parametrize(("language", "said"), [("fr", "message n° 1"), ("en", "notice 1")])
def test_it_has_a_title_and_a_language_and_says_nothing_of_this_machine(
    poppler: Callable[..., str], language: str, said: str
) -> None:
    pdf = every_shape()["all known", language].pdf or b""
    about = poppler(pdf, "pdfinfo", "-")

    assert re.search(rf"^Title: .*Kavkom, BR-2026-0007, {said}$", about, re.MULTILINE)
    assert "Author" not in about
    assert f"/Lang ({language}".encode() in pdf.replace(b"/Lang(", b"/Lang (")
    assert not [one for one in (str(ROOT), str(Path.home()), sys.prefix) if one.encode() in pdf]


def test_the_same_page_has_the_same_bytes_wherever_and_whenever_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    first = pdf_of(page_of())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")

    assert sha256(pdf_of(page_of())).digest() == sha256(first).digest()
    assert pdf_of(page_of("Something else.")) != first


# --- what cannot be set ---


@pytest.mark.parametrize(
    "html",
    [
        "<html lang='en'><title>T</title><p>One<blink>two</blink></p></html>",
        "<html lang='en'><title>T</title><p>One</p>two</html>",
        "<html lang='en'><title>T</title><p>One<p>two</html>",
        "<html lang='en'><title>T</title><table><td>One</td></table></html>",
        "<html lang='en'><p>No title</p></html>",
        "<p>No language</p>",
    ],
)
def test_a_page_that_is_not_understood_is_not_set_with_something_left_out(html: str) -> None:
    with pytest.raises(NotAPage):
        read_page(html)


@pytest.mark.usefixtures("fake_typst")
def test_a_page_over_which_typst_dies_or_stalls_costs_no_other_page_its_pdf() -> None:
    def faults(*accounts: str, patience: float = 30) -> Sequence[str]:
        made = set_pages([Approved(page_of(one), NOW) for one in accounts], patience=patience)
        assert [one.pdf is None for one in made] == [bool(one.fault) for one in made]
        return [one.fault for one in made]

    assert faults("One.", "It dies.", "Two.") == ["", "it ended with 3", ""]
    assert faults("One.", "It stalls.", patience=3) == ["", "it stalled"]
    assert faults("It is refused.", "Two.") == ["RuntimeError", ""]
    assert faults("It dies.", "It dies.", "Three.") == ["it ended with 3", "it ended with 3", "not tried"]


def test_check_says_whether_notices_go_out_as_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    assert say_whether() == "Notices: their page goes as PDF."

    monkeypatch.setitem(sys.modules, "typst", None)

    assert "goes as HTML; as PDF with the extra pdf" in say_whether()


# --- on its way ---


def queue_both(database: Database, account: str = "A list went to a partner.") -> bytes:
    """A notice to the garage and its preview for a colleague; their page."""
    html = page_of(account)
    with database.begin() as session:
        garage = session.scalars(select(Customer).where(Customer.reference == "C0001")).one()
        breach = open_breach(session, garage, aware_at=NOW)
        queue_notice(session, breach.affected[0], content=html)
        queue(session, "preview", purpose=Purpose.PREVIEW, case=breach.reference, recipient=COLLEAGUE)
        preview = session.scalars(select(Delivery).where(Delivery.key == "preview")).one()
        preview.subject, preview.text = "Aperçu", "Bonjour"
        attach(session, preview, content=html)
    return html


def send_all(database: Database, url: str, host: MailHost) -> None:
    ports = {"imap_port": host.imap_port, "smtp_port": host.smtp_port}
    drain(database, mail_settings(url, acknowledge=False, **ports), reader=reader(), patience=10)


def files_got(host: MailHost, address: str) -> list[tuple[str | None, str, bytes]]:
    """Name, type and bytes of what came with the one mail that somebody got."""
    [raw] = host.mailbox(address)
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return [
        (one.get_filename(), one.get_content_type(), bytes(one.get_payload(decode=True) or b""))
        for one in mail.iter_attachments()
    ]


def entries(database: Database) -> list[tuple[str, str]]:
    """What the journal says of pages."""
    with database.reading() as session:
        reference = the_breach(session).reference
        lines = journal.entries_of(session, reference)
        return [(one.action, one.detail) for one in lines if one.action in {"notice-set-as-pdf", "notice-left-as-html"}]


def test_a_notice_and_its_preview_bring_the_page_as_pdf_and_the_journal_has_both_hashes(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    with opened_desk(database_url, tmp_path) as database:
        html = queue_both(database)

        send_all(database, database_url, mail_host)

        pdf = pdf_of(html)
        for address in (GARAGE, COLLEAGUE):
            assert files_got(mail_host, address) == [("Détails de la violation.pdf", "application/pdf", pdf)]
        [(action, detail)] = entries(database)
        assert action == "notice-set-as-pdf"
        assert sha256(html).hexdigest() in detail
        assert sha256(pdf).hexdigest() in detail
        with database.reading() as session:
            kept = session.scalars(select(Attachment.content)).all()
            assert kept == [pdf, pdf]
            assert journal.verify(session) == []


@pytest.mark.parametrize("point", ["pages:set", "pages:kept"])
def test_a_death_while_pages_are_set_loses_and_doubles_nothing(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, point: str
) -> None:
    settings = mail_settings(sqlite_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    environ = environ_for(settings)
    with opened_desk(sqlite_url, tmp_path) as database:
        html = queue_both(database)
        with process(environ, "tests.dying", point, "mail") as doomed:
            assert doomed.wait(30) == -signal.SIGKILL
        assert mail_host.mailbox(GARAGE) == []

        with process(environ, "mail"):
            wait_until(lambda: settled(database), "the notice accepted and recorded")

        [(_, kind, pdf)] = files_got(mail_host, GARAGE)
        assert (kind, pdf) == ("application/pdf", pdf_of(html))
        assert [action for action, _ in entries(database)] == ["notice-set-as-pdf"]


def test_whoever_lost_the_lease_while_setting_changes_nothing_any_more(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, add_customer(session, request_address="dpo@c0001.example"), aware_at=NOW)
        queue_notice(session, breach.affected[0], content=page_of())
    with database.begin() as session:
        ids = outbox.lease_ids(session, Medium.EMAIL, holder="first", count=5, now=real_now())
        [page] = notice_pages.find_unset(session, ids)
        assert page.customer == session.scalars(select(Customer.reference).join(Affected)).one()
        session.execute(update(Delivery).values(leased_by="second"))

    keep(database, Made(page, b"%PDF of the first"), holder="first")
    assert kept_pages(database) == [("text/html", page.html)]
    keep(database, Made(page, b"%PDF of the second"), holder="second")
    assert kept_pages(database) == [("application/pdf", b"%PDF of the second")]
    assert [action for action, _ in entries(database)] == ["notice-set-as-pdf"]
    with database.reading() as session:
        assert notice_pages.find_unset(session, ids) == []


def keep(database: Database, made: Made, *, holder: str) -> None:
    with database.begin() as session:
        notice_pages.keep_pages(session, [made], holder=holder, by=ANNE, now=NOW, real_now=real_now())


def kept_pages(database: Database) -> list[tuple[str, bytes | None]]:
    with database.reading() as session:
        return [(one.content_type, one.content) for one in session.scalars(select(Attachment))]


def test_a_page_whose_try_has_begun_stays_as_it_may_be_on_the_wire(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, add_customer(session, request_address="dpo@c0001.example"), aware_at=NOW)
        number = queue_notice(session, breach.affected[0], content=page_of()).id
        outbox.record_sending_all(session, [outbox.Composed(number, "<m@kavkom.example>", b"bytes")], now=NOW)

    with database.reading() as session:
        assert notice_pages.find_unset(session, [number]) == []


@pytest.mark.usefixtures("fake_typst")
@pytest.mark.parametrize("account", ["It dies.", "It is refused."])
def test_a_page_that_cannot_be_set_goes_as_html_and_is_warned_of_once_without_a_word_of_it(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.setattr("storage.outbox.FIRST_BACKOFF", timedelta(seconds=0.1))
    mail_host.smtp.defer_next = 2  # tried again, and not set again
    with opened_desk(sqlite_url, tmp_path) as database, capture_logs() as logs:
        html = queue_both(database, account)

        send_all(database, sqlite_url, mail_host)

        for address in (GARAGE, COLLEAGUE):
            [(name, kind, content)] = files_got(mail_host, address)
            assert (name, kind) == ("Détails de la violation.html", "text/html")
            assert content.split() == html.split()
        [(action, detail)] = entries(database)
        assert action == "notice-left-as-html"
        assert account not in detail
    warned = [one for one in logs if one["event"] == "notice-left-as-html"]
    assert len(warned) == 2
    assert account not in str(logs)


@pytest.mark.usefixtures("fake_typst")
def test_when_typst_stalls_the_next_notices_do_not_wait_for_it(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(set_pages.__kwdefaults__ or {}, "patience", 1.0)
    asked = tmp_path / "fake" / "asked"
    with opened_desk(sqlite_url, tmp_path) as database:
        queue_both(database, "It stalls.")
        with database.begin() as session:
            ids = outbox.lease_ids(session, Medium.EMAIL, holder="us", count=5, now=real_now())
        pages = Pages(database, holder="us")

        assert list(pages.ready(ids[:1])) == [ids[:1]]
        tried = asked.read_text()
        assert list(pages.ready(ids[1:])) == [ids[1:]]

        assert asked.read_text() == tried
        assert {kind for kind, _ in kept_pages(database)} == {"text/html"}


def test_without_the_extra_the_page_goes_as_html_and_nothing_is_said_of_it(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with opened_desk(sqlite_url, tmp_path) as database, capture_logs() as logs:
        html = queue_both(database)

        send_all(database, sqlite_url, mail_host)

        [(name, kind, content)] = files_got(mail_host, GARAGE)
        assert (name, kind) == ("Détails de la violation.html", "text/html")
        assert content.split() == html.split()
        assert entries(database) == []
    assert [one for one in logs if one["log_level"] == "warning"] == []
