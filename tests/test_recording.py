"""Requests that came by letter, by telephone or in a colleague's mailbox: recorded with their real date, and found."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import recording
from bot.commands import app
from bot.desk import Desk
from bot.recording import GROUP, LIMIT, find_sender
from bot.refusals import FileEmpty, FileTooLarge, FileUnreadable
from bot.settings import DeskSettings
from bot.ways import Way
from mail.letter import Letter, read_letter
from mail.words import forward_words
from storage import journal, messages, requests
from storage.database import Database
from storage.errors import AlreadyRecorded, InstantInFuture
from storage.models import Entry, Message, Request
from storage.requests import is_held
from storage.types import Actor, Channel, Kind
from tests.storage_support import NOW, add_customer, forward

ANNE = Actor("anne", "shell")
JEANNE = "jeanne@courriel.example"
MAIL = f"From: Jeanne <{JEANNE}>\nSubject: Mes donnees\n\nEffacez tout.\n".encode()
FIVE_DAYS_AGO = NOW - timedelta(days=5)


@pytest.fixture
def desk(database: Database, database_url: str) -> Desk:
    return Desk(database, DeskSettings(database_url=database_url, mail_address="privacy@kavkom.example"))


def record(
    desk: Desk,
    path: Path,
    *,
    way: Way | None = None,
    sender: str | None = None,
    received_at: datetime = FIVE_DAYS_AGO,
) -> str:
    own = desk.settings.mail_address
    prepared = recording.prepare(path, received_at=received_at, way=way, sender=sender, own_address=own)
    return recording.record(desk, prepared, by=ANNE, now=NOW)


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def raw_of(session: Session, reference: str) -> bytes:
    return b"".join(messages.read_parts(session, requests.get_request(session, reference).message_id))


def letter_of(desk: Desk, reference: str) -> Letter:
    with desk.database.reading() as session:
        return read_letter(raw_of(session, reference))


def test_a_saved_mail_is_kept_byte_for_byte_and_held_with_its_real_date(desk: Desk, tmp_path: Path) -> None:
    reference = record(desk, written(tmp_path, "saved.EML", MAIL))

    with desk.database.reading() as session:
        request = requests.get_request(session, reference)
        assert raw_of(session, reference) == MAIL
        assert (request.received_at, request.channel, request.recorded_by) == (FIVE_DAYS_AGO, Channel.RECORDED, "anne")
        assert (request.kind, request.rights, is_held(request)) == (Kind.REQUEST, (), True)
        assert request.message.sender == JEANNE
        assert messages.find_undecided(session, account="privacy", limit=10) == []


def test_recording_is_journalled_under_clause_4_without_contents(desk: Desk, tmp_path: Path) -> None:
    reference = record(desk, written(tmp_path, "note.txt", b"Jeanne called"), way=Way.TELEPHONE, sender=JEANNE)

    with desk.database.reading() as session:
        entries = journal.entries_of(session, reference)
        assert [(one.action, one.clause, one.actor) for one in entries] == [
            ("request-received", "4", "anne"),
            ("request-recorded", "4", "anne"),
        ]
        assert '"means":"telephone"' in entries[1].detail
        assert not any(JEANNE in one.detail for one in entries)
        assert journal.verify(session) == []


def test_a_scan_is_put_into_a_message_whose_sender_is_not_us(desk: Desk, tmp_path: Path) -> None:
    scan = bytes(range(256)) * 500

    letter = letter_of(desk, record(desk, written(tmp_path, "Lettre été.pdf", scan)))

    assert (letter.sender, letter.reply_to, letter.unreadable) == (None, None, None)
    assert "dimanche 18 octobre 2026" in letter.text
    assert "Letter received by post" in letter.text
    [attached] = letter.attachments
    assert (attached.name, attached.content_type) == ("Lettre été.pdf", "application/pdf")
    assert abs(attached.size - len(scan)) < 4000


def test_the_words_of_a_note_stand_in_the_forward_with_the_persons_address(desk: Desk, tmp_path: Path) -> None:
    note = written(tmp_path, "note.txt", "Mme Martin ne veut plus être appelée.".encode())
    reference = record(desk, note, way=Way.TELEPHONE, sender="Jeanne@courriel.example")
    letter = letter_of(desk, reference)

    with desk.database.begin() as session:
        sent = forward(session, requests.get_request(session, reference), add_customer(session))
        words = forward_words(sent, letter, company="Kavkom")

    assert "Mme Martin ne veut plus être appelée." in words.text
    assert "Jeanne@courriel.example" in words.text
    assert "18 novembre 2026" in words.text


@pytest.mark.parametrize("known", [JEANNE, None])
def test_what_is_composed_is_a_mail_that_can_travel(desk: Desk, tmp_path: Path, known: str | None) -> None:
    reference = record(desk, written(tmp_path, "a\nb.bin", b"\0\xff" * 2000), sender=known)

    with desk.database.reading() as session:
        raw = raw_of(session, reference)
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert f"From: {known or 'Unknown:;'}\r\n".encode() in raw


def test_a_large_file_is_kept_whole_in_parts(desk: Desk, tmp_path: Path) -> None:
    content = MAIL + b"x" * 70 + b"\n" + bytes(GROUP + 5)

    reference = record(desk, written(tmp_path, "large.eml", content))

    with desk.database.reading() as session:
        assert raw_of(session, reference) == content


def test_a_file_called_eml_that_is_no_mail_is_attached(desk: Desk, tmp_path: Path) -> None:
    [attached] = letter_of(desk, record(desk, written(tmp_path, "odd.eml", b"\0\1 no mail"))).attachments

    assert attached.content_type == "application/octet-stream"


def test_the_same_file_is_not_recorded_twice(desk: Desk, tmp_path: Path) -> None:
    for name, content in (("a.eml", MAIL), ("b.pdf", b"%PDF-1.7")):
        reference = record(desk, written(tmp_path, name, content))

        with pytest.raises(AlreadyRecorded) as refusal:
            record(desk, tmp_path / name)
        assert refusal.value.reference == reference


def test_a_date_in_the_future_is_refused_and_nothing_is_kept(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InstantInFuture):
        record(desk, written(tmp_path, "a.eml", MAIL), received_at=NOW + timedelta(seconds=1))

    with desk.database.reading() as session:
        assert session.scalars(select(Message)).all() == []


def test_a_file_that_cannot_be_recorded_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(FileEmpty):
        record(desk, written(tmp_path, "empty.txt", b" \n"))
    with pytest.raises(FileUnreadable):
        record(desk, tmp_path / "missing.txt")
    large = written(tmp_path, "large.pdf", b"")
    with large.open("r+b") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(FileTooLarge):
        record(desk, large)


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        (f"From: Jeanne <{JEANNE.upper()}>", JEANNE),
        (f"Subject: x\r\nfrom:\r\n {JEANNE}", JEANNE),
        (f"From: {JEANNE}, b@example.org", None),
        (f"From: {JEANNE}\nFrom: b@example.org", None),
        ("From: a@example.org)b@example.org", None),
        (f"Subject: x\n\nFrom: {JEANNE}", None),
        ("Subject: x", None),
    ],
)
def test_the_sender_of_a_saved_mail_is_taken_only_where_it_is_plain(head: str, sender: str | None) -> None:
    assert find_sender(f"{head}\n\nHello\n".encode()) == sender


# --- as a person types it ---


def typed(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str, *words: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(SystemExit) as end:
        app(["dsr", *words], prog_name="python -m bot")
    return int(end.value.code or 0)


def test_a_letter_is_recorded_and_found_in_the_shell(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written(tmp_path, "letter.pdf", b"%PDF-1.7")
    call = ("record", "letter.pdf", "--received-at", "2025-10-23T10:00", "--from", "Jeanne@Courriel.example")

    assert typed(monkeypatch, tmp_path, database_url, *call) == 0
    said = capsys.readouterr().out
    reference = said.split()[0]
    assert "received 2025-10-23 10:00 CEST (Europe/Paris); the month to answer ends on 2025-11-23" in said
    assert f"python -m bot dsr route {reference} CUSTOMER" in said
    assert "ourriel" not in said

    assert typed(monkeypatch, tmp_path, database_url, "find", "--from", JEANNE) == 0
    assert capsys.readouterr().out == (
        f"2025-10-23 10:00 CEST (Europe/Paris): a letter, {reference}, held for no_evidence\n"
    )
    with database.reading() as session:
        request = session.scalars(select(Request)).one()
        assert request.received_at == datetime(2025, 10, 23, 8, tzinfo=UTC)
        last = session.scalars(select(Entry).order_by(Entry.number.desc())).first()
        assert last is not None
        assert (last.action, last.clause) == ("requests-looked-up", "2")
        assert last.detail == f'{{"references":["{reference}"]}}'


def test_a_dry_run_records_nothing(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written(tmp_path, "note.txt", b"a call")
    call = ("record", "note.txt", "--received-at", "2025-10-23T10:00", "--channel", "telephone", "--dry-run")

    assert typed(monkeypatch, tmp_path, database_url, *call) == 0

    assert "telephone, 1 KB, sender not known" in capsys.readouterr().out
    with database.reading() as session:
        assert session.scalars(select(Message)).all() == []
        assert session.scalars(select(Entry)).all() == []


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (("record", "none.txt", "--received-at", "2025-10-23T10:00"), "none.txt cannot be read", 1),
        (("record", "none.txt", "--received-at", "yesterday"), "is no date and time", 2),
        (("record", "none.txt", "--received-at", "2025-10-23T10:00", "--from", "x"), "takes one e-mail address", 2),
        (("find", "--from", "jeanne"), "takes one e-mail address", 2),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    sentence: str,
    code: int,
) -> None:
    assert typed(monkeypatch, tmp_path, sqlite_url, *words) == code

    assert sentence in capsys.readouterr().err
