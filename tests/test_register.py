"""The register of breaches, and the pack that a colleague asks for in Slack."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import event, select

from bot import evidence_mail, register_mail
from storage import breach_closing, breach_opening, breaches
from storage.clock import now
from storage.database import Database, open_database
from storage.models import Attachment, Delivery, Entry
from storage.register import read_register
from storage.types import Purpose
from tests.bot_support import ANNE, MEMBER, Desk, running_desk
from tests.breach_story import NAMES, tell_story
from tests.playground import people
from tests.storage_support import BORIS, NOW, add_customer, hours, open_breach
from tests.test_bot_shell import call


def fill(database: Database) -> None:
    """The story, a suspicion that was none, an open breach that is late, and a drill."""
    with database.begin() as session:
        tell_story(session)
        customer = add_customer(session, "C0009", name="Ninth")
        none = breach_opening.open_breach(session, summary="x", suspected_at=NOW, by=BORIS, now=NOW)
        breach_closing.close_as_no_breach(session, none, "A test list", by=BORIS, now=NOW + hours(3))
        open_breach(session, customer, aware_at=NOW - hours(1))
        open_breach(session, customer, suspected_at=NOW, drill=True, pace=48)


def test_every_breach_is_in_the_register_and_drills_stand_apart(database: Database) -> None:
    fill(database)

    with database.reading() as session:
        rows = read_register(session, now=NOW + hours(100))

    assert [row.reference for row in rows] == ["BR-2026-0001", "BR-2026-0002", "BR-2026-0003", "DRILL-2026-0001"]
    first, none, late, drill = rows
    assert (first.customers, first.told, first.in_time, first.late, first.excluded) == (3, 3, 2, 1, 1)
    assert first.to_first == hours(4)
    assert first.nature == ("confidentiality",)
    assert first.late_reason == "The address of Hôtel Azur was wrong in the directory"
    assert (none.decided, none.no_breach_reason, none.late) == ("no-breach", "A test list", 0)
    assert (late.decided, late.customers, late.told, late.late) == ("open", 1, 0, 1)
    assert [row.drill for row in rows] == [False, False, False, True]
    assert drill.deadline_at == NOW + hours(1)


def test_the_registers_queries_do_not_grow_with_the_breaches(database: Database) -> None:
    def count() -> int:
        asked: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        with database.reading() as session:
            read_register(session, now=NOW)
        return len([one for one in asked if "SELECT" in one])

    fill(database)
    few = count()
    with database.begin() as session:
        for number in range(20, 30):
            open_breach(session, add_customer(session, f"C00{number}"), aware_at=NOW)

    assert count() == few
    with database.reading() as session:
        assert len(read_register(session, now=NOW)) == 14


@pytest.mark.parametrize(("language", "words"), [("fr", "pas une violation"), ("en", "found not to be affected")])
def test_the_register_is_a_page_or_a_table(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    database = open_database(sqlite_url)
    fill(database)
    database.dispose()

    def register(*options: str) -> int:
        return call(monkeypatch, tmp_path, "register", *options, DATABASE_URL=sqlite_url)

    assert register("-o", "register.html", "--language", language) == 0
    assert register("-o", "register.csv") == 0
    assert register("-o", "register.csv") == 1, "that is there"
    assert register("--csv", "--html") == 2

    page = (tmp_path / "register.html").read_text()
    for one in (words, "BR-2026-0001", "A test list", "[EXERCICE / DRILL]"):
        assert one in page
    assert "None" not in page
    rows = list(csv.DictReader(io.StringIO((tmp_path / "register.csv").read_text())))
    assert [row["drill"] for row in rows] == ["no", "no", "no", "yes"]
    assert rows[0]["to_first"] == str(4 * 3600)
    assert (tmp_path / "register.html").stat().st_mode & 0o777 == 0o600


# --- e-mail me the evidence ---


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def wanted(desk: Desk) -> list[Delivery]:
    return desk.deliveries(purpose=Purpose.EVIDENCE)


def test_a_colleague_gets_the_pack_at_the_address_of_the_staff_table(desk: Desk) -> None:
    reference = desk.open_breach("C0001", "C0002")

    reply = desk.workspace.command(ANNE, f"/breach {reference} evidence")

    assert reference in reply.text
    desk.workspace.wait_for(lambda: [one for one in wanted(desk) if one.due_at], what="the pack")
    [mail] = wanted(desk)
    assert mail.recipient == people.ANNE.email
    with desk.database.reading() as session:
        attachment = session.scalars(select(Attachment).where(Attachment.delivery_id == mail.id)).one()
        with ZipFile(io.BytesIO(attachment.content or b"")) as archive:
            assert "Garage du Lac" in archive.read("index.html").decode()
            assert archive.testzip() is None
        noted = session.scalars(select(Entry).where(Entry.action == "evidence-exported")).one()
        assert noted.actor == ANNE
    assert desk.workspace.command(MEMBER, f"/breach {reference} evidence").text
    assert len(wanted(desk)) == 1


def test_the_card_of_a_closed_breach_offers_the_evidence(desk: Desk) -> None:
    reference = desk.open_breach("C0001", aware=False)
    assert not desk.button(desk.wait_for_card(reference), "breach_evidence")
    with desk.bot.desk.decide() as session:
        breach_closing.close_as_no_breach(
            session, breaches.get_breach(session, reference), "A test", by=BORIS, now=now()
        )

    card = desk.wait_for_card(reference, "breach_evidence")
    reply = desk.workspace.click(ANNE, card, "breach_evidence")

    assert reference in reply.ephemerals[0].text
    [mail] = wanted(desk)
    assert mail.recipient == people.ANNE.email
    assert "final" not in str(card.blocks)


def test_the_register_comes_by_e_mail_as_a_page_and_as_a_table(desk: Desk) -> None:
    reference = desk.open_breach("C0001")

    reply = desk.workspace.command(ANNE, "/breach register")
    refused = desk.workspace.command(MEMBER, "/breach register")

    assert "registre" in reply.text
    assert "staff table" in refused.text
    desk.workspace.wait_for(lambda: [one for one in wanted(desk) if one.due_at], what="the register")
    [mail] = wanted(desk)
    assert (mail.recipient, mail.subject) == (people.ANNE.email, "Le registre des violations de données")
    with desk.database.reading() as session:
        files = session.scalars(select(Attachment).order_by(Attachment.ordinal))
        page, sheet = (one.content or b"" for one in files)
        assert reference in page.decode()
        assert '<html lang="fr">' in page.decode()
        assert sheet.startswith(b"reference,")
        made = session.scalars(select(Entry).where(Entry.action == "register-exported")).one()
        assert made.actor == ANNE


def test_a_register_that_is_too_large_names_the_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register_mail, "LARGEST", 10)

    desk.workspace.command(ANNE, "/breach register")

    desk.workspace.wait_for(lambda: [one for one in wanted(desk) if one.due_at], what="the mail")
    assert "python -m bot register -o register.html" in (wanted(desk)[0].text or "")
    with desk.database.reading() as session:
        assert session.scalars(select(Attachment)).first() is None


def test_the_help_names_every_word_after_breach(desk: Desk) -> None:
    said = desk.workspace.command(ANNE, "/breach help").text

    for verb in ("list", "register", "drill", "evidence", "call", "waive", "again", "sheet"):
        assert f" {verb}`" in said
    assert "Vouliez-vous dire `/breach register`" in desk.workspace.command(ANNE, "/breach registre").text


def test_at_a_terminal_the_register_is_a_table_in_the_readers_language(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(sqlite_url)
    fill(database)
    database.dispose()

    def register(*words: str) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        assert call(monkeypatch, tmp_path, "register", *words, DATABASE_URL=sqlite_url, account="root") == 0
        said = capsys.readouterr()
        assert "-o FILE.html" in said.err
        return said.out

    monkeypatch.setenv("LC_ALL", "")
    monkeypatch.setenv("LC_MESSAGES", "")
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    english = register()
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    french = register()

    assert english.startswith("Reference")
    assert "BR-2026-0001" in english
    assert "(Paris time)" in english
    assert french.startswith("Référence")
    assert "(heure de Paris)" in french
    assert "<" not in english + french
    assert register("--language", "en") == english


def test_a_pack_that_is_too_large_is_not_sent_and_the_mail_names_the_command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_mail, "LARGEST", 10)
    reference = desk.open_breach("C0001")

    desk.workspace.command(ANNE, f"/breach {reference} evidence")

    desk.workspace.wait_for(lambda: [one for one in wanted(desk) if one.due_at], what="the mail")
    [mail] = wanted(desk)
    assert f"python -m bot evidence {reference}" in (mail.text or "")
    with desk.database.reading() as session:
        assert session.scalars(select(Attachment)).first() is None


def test_what_two_bots_make_at_once_is_attached_once(desk: Desk) -> None:
    reference = desk.open_breach(*list(NAMES)[:2])
    desk.bot.stop_clocks()
    desk.workspace.command(ANNE, f"/breach {reference} evidence")

    first = evidence_mail.make_wanted(desk.bot.desk, now=NOW)
    second = evidence_mail.make_wanted(desk.bot.desk, now=NOW)

    assert (first, second) == (1, 0)
    with desk.database.reading() as session:
        assert len(session.scalars(select(Attachment)).all()) == 1
        assert breaches.get_breach(session, reference).reference == reference
