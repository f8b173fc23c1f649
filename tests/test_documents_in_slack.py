"""Documents, replies and lost notices of a breach as staff meet them: in Slack, at the shell, in their letters."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import document_forms, notice_ringing
from bot.blocks import say
from bot.document_words import DocumentLine, size_in_words
from bot.notice_ringing import Lost
from storage import documents, notice_failures, notice_replies, outcomes
from storage.breaches import get_breach
from storage.clock import now
from storage.database import open_database
from storage.documents import documents_for
from storage.messages import keep_file
from storage.models import Attachment, Delivery, Document, Task
from storage.outcomes import Accepted
from storage.types import Actor, Purpose, Role, Said
from templates import LANGUAGES
from tests.bot_support import ANNE, BORIS, CARLA, ESCALATION, Desk, fill, running_desk
from tests.breach_mail_support import queue_notice
from tests.playground import people
from tests.playground.rules import check_view
from tests.storage_support import keep_letter, open_breach
from tests.test_bot_shell import call
from tests.test_bot_words import AT, BREACHES, breach_card

MAIL = Actor("desk", "mail")
SECRET = "Salaires Zoltan Quetzal.csv"
LINE = DocumentLine(1, "text/csv", 1_500_000, "abcdef01", AT, False, "C0001", False, True, True, False)


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def add_document(session: Session, reference: str, content: bytes = b"Garage du Lac;12\n") -> None:
    breach = get_breach(session, reference)
    kept = keep_file(session, content, received_at=now(), now=now())
    document = Document(
        breach_id=breach.id,
        message_id=kept,
        name=SECRET,
        content_type="text/csv",
        size=len(content),
        sha256="ab" * 32,
        received_at=now(),
    )
    session.add(document)


def opened(desk: Desk, *, number_of: int = 1) -> str:
    """A breach of two customers with documents; its reference."""
    reference = desk.open_breach("C0001", "C0002")
    with desk.database.begin() as session:
        for _ in range(number_of):
            add_document(session, reference)
    return reference


def marked_for(desk: Desk, reference: str) -> list[list[int]]:
    """How many documents each customer would get."""
    with desk.database.reading() as session:
        breach = get_breach(session, reference)
        return [[one.id for one in documents_for(session, breach, each.customer)] for each in breach.affected]


def test_a_document_is_marked_for_one_customer_after_a_warning_of_what_it_names(desk: Desk) -> None:
    reference = opened(desk)
    card = desk.wait_for_card(reference)

    form = desk.workspace.click(BORIS, card, "breach_documents").view
    assert form is not None
    asked = desk.workspace.submit(BORIS, form, {"document": "1"}).view
    assert asked is not None
    shown = json.dumps([form, asked], ensure_ascii=False)
    offered = desk.workspace.suggest(BORIS, asked, "document_customer", "azur")
    refused = desk.workspace.submit(BORIS, asked, {"fate": "one"})
    desk.workspace.submit(BORIS, asked, {"fate": "one", "document_customer": "C0002"})

    assert "Garage du Lac (C0001)" in shown
    assert "Zoltan" not in shown
    assert "abab" in shown
    assert [one["value"] for one in offered] == ["C0002"]
    assert refused.errors
    assert marked_for(desk, reference) == [[], [1]]


def test_a_document_is_marked_for_all_and_withdrawn_again(desk: Desk) -> None:
    reference = opened(desk)
    card = desk.wait_for_card(reference)

    for fate, expected in (("all", [[1], [1]]), ("withdraw", [[], []])):
        form = desk.workspace.click(BORIS, card, "breach_documents").view
        assert form is not None
        asked = desk.workspace.submit(BORIS, form, {"document": "1"}).view
        assert asked is not None
        desk.workspace.submit(BORIS, asked, {"fate": fate})

        assert marked_for(desk, reference) == expected


def test_a_form_that_outlives_a_role_marks_nothing(desk: Desk) -> None:
    reference = opened(desk)
    form = desk.workspace.click(CARLA, desk.wait_for_card(reference), "breach_documents").view
    assert form is not None
    asked = desk.workspace.submit(CARLA, form, {"document": "1"}).view
    assert asked is not None

    desk.set_role(CARLA, Role.VIEWER)
    reply = desk.workspace.submit(CARLA, asked, {"fate": "all"})

    assert "role of a handler" in str(reply.errors or reply.view)
    assert marked_for(desk, reference) == [[], []]


def test_documents_and_their_address_go_to_the_colleagues_own_address_once(desk: Desk) -> None:
    reference = opened(desk, number_of=2)
    card = desk.wait_for_card(reference)

    for choice in ("mailed", "address"):
        form = desk.workspace.click(BORIS, card, "breach_documents").view
        assert form is not None
        said = desk.workspace.submit(BORIS, form, {"document": choice})
        assert reference in str(said.view)

    documents_mail, address_mail = desk.deliveries(topic="breach_documents")
    assert {documents_mail.recipient, address_mail.recipient} == {people.BORIS.email}
    assert SECRET in (documents_mail.text or "")
    assert "privacy+d." in (address_mail.text or "")
    assert "aucun document" not in (address_mail.text or "")
    with desk.database.reading() as session:
        attached = session.execute(select(Attachment.delivery_id, Attachment.ordinal).order_by(Attachment.ordinal))
        assert [tuple(row) for row in attached] == [(documents_mail.id, 1), (documents_mail.id, 2)]


def test_the_address_for_documents_is_told_to_staff_when_a_breach_is_opened(desk: Desk) -> None:
    form = desk.workspace.command(BORIS, "/breach").view
    assert form is not None
    desk.workspace.submit(BORIS, form, {"noticed_at": now(), "summary": "A laptop is gone"})

    told = {one.recipient: one.text or "" for one in desk.deliveries(topic="breach_opened")}
    assert {address: "privacy+d." in text for address, text in told.items()} == {
        people.ANNE.email: True,
        people.BORIS.email: True,
        ESCALATION: False,
    }


def test_a_lost_notice_rings_in_the_channel_directly_and_by_letter(desk: Desk) -> None:
    reference = desk.open_breach("C0001", "C0002")
    card = desk.wait_for_card(reference)
    with desk.database.begin() as session:
        breach = get_breach(session, reference)
        sent = [queue_notice(session, one) for one in breach.affected]
        outcomes.record(session, [Accepted(one.id, "250 ok", "aa") for one in sent], by=MAIL, now=now())
    with desk.database.begin() as session:
        lost = session.get_one(Delivery, sent[0].id)
        notice_failures.record_bounce(session, lost, status="5.1.1", reason="", message=None, by=MAIL, now=now())

    def letters() -> list[Delivery]:
        return desk.deliveries(topic="breach_notice_lost")

    desk.workspace.wait_for(lambda: len(letters()) == 2, what="the letters")
    desk.workspace.wait_for(lambda: "came back" in str(desk.workspace.messages(thread=card.ts)), what="the thread")
    workspace = desk.workspace
    workspace.wait_for(lambda: reference in str(workspace.direct_messages(ANNE)), what="the dpo's message")
    workspace.wait_for(lambda: reference in str(workspace.direct_messages(BORIS)), what="the lead's message")
    assert {one.recipient for one in letters()} == {people.ANNE.email, people.BORIS.email}
    assert all("Garage du Lac (C0001)" in str(one.text) and "Azur" not in str(one.text) for one in letters())
    assert {one.case for one in letters()} == {reference}


def test_the_newest_reply_goes_to_the_colleagues_own_address(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    with desk.database.begin() as session:
        notice = queue_notice(session, get_breach(session, reference).affected[0])
        letter = keep_letter(session)
        affected = get_breach(session, reference).affected[0]
        notice_replies.record_reply(session, letter, affected, Said.OTHER, answers=notice, by=MAIL, now=now())

    card = desk.workspace.wait_for(
        lambda: next((one for one in desk.workspace.messages() if "breach_read_reply" in str(one.blocks)), None),
        what="the button",
    )
    assert card is not None
    desk.workspace.click(BORIS, card, "breach_read_reply")

    desk.workspace.click(BORIS, card, "dsr_finish_task")

    with desk.database.reading() as session:
        assert [(one.case, one.done_by) for one in session.scalars(select(Task))] == [(reference, BORIS)]
    [original] = desk.deliveries(purpose=Purpose.ORIGINAL)
    assert (original.recipient, original.original_id) == (people.BORIS.email, letter.id)


def test_the_shell_lists_marks_and_warns(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(sqlite_url)
    fill(database)
    with database.begin() as session:
        from storage.customers import get_customers

        reference = open_breach(session, *get_customers(session, ["C0001", "C0002"]), now=now()).reference
        add_document(session, reference)
    settings = {"DATABASE_URL": sqlite_url, "MAIL_ADDRESS": "privacy@kavkom.example"}

    codes = [
        call(monkeypatch, tmp_path, "breach", "documents", reference, **settings),
        call(monkeypatch, tmp_path, "breach", "mark", reference, "1", **settings),
        call(monkeypatch, tmp_path, "breach", "mark", reference, "1", "--for", "C0002", **settings),
        call(monkeypatch, tmp_path, "breach", "mark", reference, "2", "--for-all", **settings),
    ]

    out, err = capsys.readouterr()
    assert codes == [0, 2, 0, 1]
    assert SECRET in out
    assert "privacy+d." in out
    assert "for C0002 only" in out
    assert "Garage du Lac (C0001)" in err
    with database.reading() as session:
        assert len(documents.unmarked(session, get_breach(session, reference))) == 0
    database.dispose()


# --- words ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_forms_are_ones_that_slack_accepts(language: str) -> None:
    many = [
        DocumentLine(
            n, "application/pdf", n * 999, "abcdef01", AT, n % 2 == 0, None, n % 3 == 0, n % 5 == 0, True, True
        )
        for n in range(1, 300)
    ]

    check_view(document_forms.documents_form("BR-2026-0007", many, language), "modal")
    check_view(document_forms.documents_form("BR-2026-0007", [], language), "modal")
    check_view(document_forms.mark_form("BR-2026-0007", LINE, ["Acme (C0001)"] * 40, language), "modal")
    check_view(document_forms.mark_form("BR-2026-0007", LINE, [], language), "modal")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "topic",
    "notice_bounced notice_refused notice_delayed notice_too_large notices_lost reopened reply_help reply_instruction "
    "reply_other documents_came mail_to_read".split(),
)
def test_each_event_says_which_case_and_which_customer(topic: str, language: str) -> None:
    card = breach_card(unmarked=2)

    with_line = say(f"thread_{topic}", card, language, line=card.customers[0])
    without = say(f"thread_{topic}", card, language, line=None)

    about_all = topic in ("notices_lost", "documents_came", "mail_to_read")
    assert card.reference in with_line
    assert card.reference in without
    assert ("Acme" in with_line) is not about_all


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", [1, 60])
def test_the_letter_names_who_is_not_told_and_what_to_do(number: int, language: str) -> None:
    lost = [Lost(f"Customer {n} <b>", f"C{n:04}", n % 2 == 0, AT) for n in range(number)]

    words = notice_ringing.write(BREACHES["aware"], lost, language, company="Kavkom", slack_out=True, now=AT)

    assert str(number) in words.subject
    assert "python -m bot breach calls BR-2026-0007" in words.text
    assert "Customer 0 <b>" in words.text
    assert "Customer 0 &lt;b&gt;" in (words.html or "")


def test_sizes_are_read_by_people() -> None:
    assert [size_in_words(octets, "fr") for octets in (12, 2048, 1_500_000)] == ["12 o", "2 ko", "1,4 Mo"]
    assert size_in_words(5 << 20, "en") == "5 MB"
