"""The call sheet: whom to call and what to say, one page a customer that names no other; and calls by shell."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.call_sheet import write_call_sheet, write_call_table
from bot.commands import app
from bot.next_words import step_in_slack, step_in_words
from bot.shell import print_rows
from storage import breaches, calls, journal
from storage.breach_errors import NobodyToCall
from storage.breach_types import Answered
from storage.call_sheet import Attempt, CallSheet, Entry, SentNotice, make_call_sheet
from storage.database import Database, open_database
from storage.models import Breach, Call, Instruction
from storage.next_step import NextStep
from storage.types import Means
from templates import LANGUAGES
from tests.bot_support import fill
from tests.calling_support import reply, send_notice
from tests.storage_support import ANNE, NOW, add_customer, hours, open_breach

AT = datetime(2026, 10, 23, 15, 40, tzinfo=UTC)
PAGE = {"txt": "-" * 70, "html": "<section"}
SENT = SentNotice(1, "order@garage.example", AT, AT, None, AT, None, "5.1.1")
TRIED = Attempt(AT, "telephone", "voicemail", "secretariat", "Zoltan", "CALL-7", "Boris")
GARAGE = Entry(
    reference="C0001",
    name="Garage & fils",
    language="fr",
    telephone="+33199000101",
    step=NextStep.TELEPHONE_LOST,
    step_at=None,
    told_at=None,
    notices=(SENT,),
    attempts=(TRIED,),
)
AZUR = replace(GARAGE, reference="C0002", name="Hôtel Azur", telephone=None, notices=(), attempts=())
TOURS = replace(AZUR, reference="C0003", name="Tel Aviv Tours", language="he", step=NextStep.TELEPHONE_UNREAD)
SHEET = CallSheet("BR-2026-0007", False, True, AT, AT + hours(48), AT + hours(13), (GARAGE, AZUR, TOURS))


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    """On SQLite only, for what the database has no part in."""
    database = open_database(sqlite_url)
    yield database
    database.dispose()


def pages_of(sheet: CallSheet, language: str, medium: str) -> list[str]:
    """The overview, then each customer's page."""
    words = write_call_sheet(sheet, language, company="Kavkom")
    return ((words.html or "") if medium == "html" else words.text).split(PAGE[medium])


# --- who stands on it ---


def with_three(session: Session) -> Breach:
    """One whose notice came back, one who was sent none, one whose server has it."""
    named = [add_customer(session, f"C{n:04}", name=f"Name {n}") for n in (1, 2, 3)]
    breach = open_breach(session, *named)
    first, _, third = breach.affected
    send_notice(session, breach, third, at=NOW, accepted_at=NOW)
    send_notice(session, breach, first, at=NOW, accepted_at=NOW, bounced_at=NOW + hours(1), bounce_status="5.1.1")
    return breach


def named(sheet: CallSheet) -> list[str]:
    return [one.reference for one in sheet.entries]


def test_who_must_be_called_stands_on_the_sheet_and_with_all_whoever_is_not_told(lite: Database) -> None:
    with lite.begin() as session:
        breach = with_three(session)

        soon = make_call_sheet(session, breach, now=NOW + hours(2))
        everyone = make_call_sheet(session, breach, everyone=True, now=NOW + hours(2))
        later = make_call_sheet(session, breach, now=NOW + hours(12))
        reply(session, breach.affected[2], at=NOW + hours(12))
        answered = make_call_sheet(session, breach, now=NOW + hours(13))

    assert (named(soon), named(everyone), named(later)) == (["C0001"], ["C0001", "C0002"], ["C0001", "C0003"])
    assert named(answered) == ["C0001"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_whose_notice_is_on_its_way_is_not_counted_among_those_to_call(lite: Database, language: str) -> None:
    patience = {"fr": "patientez", "en": "wait: "}[language]
    with lite.begin() as session:
        breach = with_three(session)
        send_notice(session, breach, breach.affected[1], at=NOW)

        everyone = make_call_sheet(session, breach, everyone=True, now=NOW + hours(2))
        alone = replace(everyone, entries=everyone.entries[1:])
    some, none = (write_call_sheet(one, language, company="Kavkom") for one in (everyone, alone))

    assert (everyone.to_call, alone.to_call) == (1, 0)
    assert f"{'1 client à appeler' if language == 'fr' else '1 customer to call'}" in some.subject
    assert ("personne à appeler" if language == "fr" else "nobody to call") in none.subject
    for words in (some, none):
        overview = [text.split(PAGE[medium])[0] for medium, text in (("txt", words.text), ("html", words.html or ""))]
        assert all(("le temps presse" if language == "fr" else "time is short") in one for one in overview)
        assert patience not in words.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_of_several_lines_is_one_line_of_the_table(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = replace(GARAGE, name="Garage\r\n& fils\tet Cie")

    print_rows(write_call_table(replace(SHEET, entries=(entry,)), language, company="Kavkom"))

    _, line = capsys.readouterr().out.splitlines()
    assert line.startswith("Garage & fils et Cie (C0001)  +33199000101")


def test_a_page_says_what_was_sent_and_tried_and_by_whom(lite: Database) -> None:
    with lite.begin() as session:
        breach = with_three(session)
        [affected, *_] = breach.affected
        affected.customer.breach_telephone = "+33199000101"
        at = NOW + hours(2)
        tried = {"answered": Answered.VOICEMAIL, "call_reference": "CALL-7"}
        calls.record_told(
            session,
            breach,
            affected.customer,
            means=Means.TELEPHONE,
            at=at,
            by=ANNE,
            now=at,
            **tried,  # type: ignore[arg-type]
        )

        [entry] = make_call_sheet(session, breach, now=at).entries

    assert (entry.telephone, entry.step) == ("+33199000101", NextStep.TELEPHONE_LOST)
    assert [(one.version, one.status) for one in entry.notices] == [(1, "5.1.1")]
    assert [(one.answered, one.reference, one.by) for one in entry.attempts] == [("voicemail", "CALL-7", "U01ANNE")]


def test_before_a_notice_is_sent_the_sheet_names_all_and_once_all_are_told_nobody(lite: Database) -> None:
    with lite.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        before = make_call_sheet(session, breach, now=NOW)
        calls.record_told(session, breach, customer, means=Means.IN_PERSON, at=NOW, by=ANNE, now=NOW)

        with pytest.raises(NobodyToCall):
            make_call_sheet(session, breach, everyone=True, now=NOW + hours(99))

    assert [one.step for one in before.entries] == [NextStep.TELL]


# --- what it says ---


@pytest.mark.parametrize("medium", ["txt", "html"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_is_about_one_customer_only(language: str, medium: str) -> None:
    overview, *pages = pages_of(SHEET, language, medium)

    secrets = ("Garage", "Azur", "Tel Aviv", "C0001", "C0002", "C0003")
    assert all(one in overview for one in secrets)
    for page, own in zip(pages, (("Garage", "C0001"), ("Azur", "C0002"), ("Tel Aviv", "C0003")), strict=True):
        assert [one for one in secrets if one in page] == [one for one in secrets if one in own]
        assert "BR-2026-0007" in page
        assert "None" not in page
    assert "Garage & fils" not in overview or medium == "txt"


@pytest.mark.parametrize("medium", ["txt", "html"])
def test_a_page_holds_number_history_and_the_script_in_both_languages(medium: str) -> None:
    _, garage, azur, tours = pages_of(SHEET, "en", medium)

    for words in ("+33199000101", "came back on Friday 23 October 2026, 17:40 (Paris time) (5.1.1)", "Zoltan", "Boris"):
        assert words in garage
    assert "secretariat or reception" in garage
    assert "Puis-je parler à la direction" in garage
    assert "May I speak to the manager" in garage
    assert "Merci de rappeler Kavkom." in garage
    assert "Please call Kavkom." in garage
    assert "python -m bot breach redirect BR-2026-0007 C0001 --to ADDRESS" in garage
    assert "take it from the contract" in azur
    assert "Puis-je" not in tours
    assert "reply “received”" in tours
    assert "redirect" not in tours


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_script_says_nothing_that_it_must_not(language: str) -> None:
    for sheet in (SHEET, replace(SHEET, certain=False)):
        said = write_call_sheet(sheet, language, company="Kavkom").text.lower()

        for never in ("devez notifier", "must notify", "urgent", "aucun risque", "no risk", "incident"):
            assert never not in said


def test_a_suspicion_is_told_as_one() -> None:
    said = write_call_sheet(replace(SHEET, certain=False), "en", company="Kavkom").text

    assert "is looking into a possible personal data breach" in said
    assert "has found" not in said
    assert "Precautionary deadline" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sheet_of_a_drill_holds_no_number_and_says_on_every_page_what_it_is(language: str) -> None:
    words = write_call_sheet(replace(SHEET, breach="DRILL-2026-0001", drill=True), language, company="Kavkom")

    assert words.subject.startswith("[EXERCICE / DRILL] DRILL-2026-0001")
    for medium, text in (("txt", words.text), ("html", words.html or "")):
        assert "+33199000101" not in text
        assert all("[EXERCICE / DRILL]" in page for page in text.split(PAGE[medium]))
    assert "Ceci est un exercice" in words.text


def test_what_one_mail_does_not_hold_is_counted() -> None:
    words = write_call_sheet(SHEET, "en", company="Kavkom", most=2)

    assert "… and 1 more" in words.text
    assert "Tel Aviv" not in words.text
    assert re.search(r"\n.*\n", words.subject) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", NextStep)
def test_every_next_step_has_words_for_slack_and_for_mails(step: NextStep, language: str) -> None:
    at = AT if step in (NextStep.WAIT, NextStep.WAIT_UNCERTAIN, NextStep.WAIT_FOR_RECEIVED) else None

    assert ("<!date^1792770000^" in step_in_slack(step, at, language)) == (at is not None)
    assert ("2026" in step_in_words(step, at, language)) == (at is not None)


# --- by shell ---


def test_calls_documents_and_lost_notices_go_their_whole_way_without_slack(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(sqlite_url)
    fill(database)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("MAIL_ADDRESS", "privacy@kavkom.example")

    def breach(*words: str) -> str:
        with pytest.raises(SystemExit):
            app(["breach", *words], prog_name="python -m bot")
        said = capsys.readouterr()
        return said.out + said.err

    named_ = ("--customer", "C0001", "--customer", "C0002")
    reference = breach("open", "--aware-at", "2026-10-23T17:40", "--summary", "A list", *named_).split()[0]
    at = ("--at", "2026-10-23T18:00")

    assert "Garage du Lac was not reached by telephone" in breach("call", reference, "C0001", "--no-answer", *at)
    assert "--no-answer or --voicemail" in breach("call", reference, "C0001", *at)
    by_phone = ("notified", reference, "C0001", "--means", "telephone")
    assert "no personal data" in breach(*by_phone, "--role", "06 39 98 00 42")
    reached = ("--role", "manager", "--person", "Zoltan Quetzal", "--call-reference", "CALL-7", *at)
    assert "was told by telephone at 2026-10-23 18:00 CEST" in breach(*by_phone, *reached)
    assert "give the proof" in breach("notified", reference, "C0002", "--means", "portal", *at)
    assert "no documents are owed to Garage du Lac any more" in breach(
        "waive", reference, "C0001", "--reason", "It asked for nothing in writing"
    )
    assert "no documents are owed to Garage du Lac. It has a notice" in breach(
        "waive", reference, "C0001", "--reason", "Once more"
    )
    assert "no notice has been sent to Hôtel Azur yet" in breach("again", reference, "C0002")

    with database.begin() as session:
        found = breaches.get_breach(session, reference)
        send_notice(session, found, found.affected[1], at=NOW, bounced_at=NOW)
    assert "the notice is on its way to Hôtel Azur again" in breach("again", reference, "C0002")
    to = ("--to", "rssi@hotel-azur.example", "--instruction", "Mrs Martin by telephone")
    assert "the instruction is recorded" in breach("redirect", reference, "C0002", *to)

    printed = breach("calls", reference, "--all", "--language", "fr")
    sheet = tmp_path / "sheet.html"
    written = breach("calls", reference, "--all", "-o", "sheet.html", "--language", "en")
    assert "0 to call, 1 whose notice is on its way, in sheet.html" in written
    assert "exists already" in breach("calls", reference, "--all", "-o", "sheet.html")
    assert "Hôtel Azur" in printed
    assert "Demandez la direction" in printed
    assert sheet.read_text(encoding="utf-8").startswith("<!doctype html>")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    table = breach("calls", reference, "--all", "--language", "fr")
    assert table.startswith("Client ")
    assert "Demandez la direction" not in table
    assert "-o SHEET.html" in table
    assert sheet.stat().st_mode & 0o077 == 0

    with database.reading() as session:
        kept = session.scalars(select(Call).order_by(Call.id)).all()
        entries = journal.entries_of(session, reference)
        assert [(one.role, one.person) for one in kept] == [(None, None), ("management", "Zoltan Quetzal")]
        assert session.scalars(select(Instruction.address)).all() == ["rssi@hotel-azur.example"]
        assert [one.action for one in entries].count("call-sheet-made") == 3
        assert not [one for one in entries if "Zoltan" in one.detail or "rssi" in one.detail]
    database.dispose()
