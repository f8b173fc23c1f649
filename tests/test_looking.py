"""“I wrote last week”: everything that came from an address, and what became of it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.commands import app
from storage import correspondence, outbox, outcomes, replies
from storage.acknowledgements import queue_acknowledgement
from storage.database import Database
from storage.looking import find_written
from storage.models import Delivery, Entry, Message, Request
from storage.outbox import Words
from storage.outcomes import Accepted
from storage.types import Correspondence, Purpose
from tests.storage_support import ANNE, NOW, add_customer, forward, hours, keep_letter, receive

JEANNE = "jeanne.martin@courriel.example"


def from_jeanne(session: Session, after: timedelta) -> Message:
    message = keep_letter(session, b"From: x\r\n\r\n%d\r\n" % after.total_seconds(), at=NOW + after)
    message.sender = JEANNE
    return message


def accept(session: Session, purpose: Purpose, after: timedelta) -> None:
    wanted = select(Delivery.id).where(Delivery.purpose == purpose, Delivery.accepted_at.is_(None))
    accepted = [Accepted(number, "250 OK", "00" * 32) for number in session.scalars(wanted)]
    outcomes.record(session, accepted, by=ANNE, now=NOW + after)


def much_written(session: Session) -> Request:
    """A letter, forwarded and acknowledged; a copy; a further letter to two customers, one of whom did not get it."""
    request = receive(session)
    session.get_one(Message, request.message_id).sender = JEANNE
    garage = add_customer(session, "C0001", name="Garage")
    forward(session, request, garage)
    words = Words("Reçu", "Bonjour")
    queue_acknowledgement(session, request, recipient=JEANNE, language="fr", words=words, now=NOW)
    accept(session, Purpose.FORWARD, hours(1))
    accept(session, Purpose.ACKNOWLEDGEMENT, hours(1))
    copy = from_jeanne(session, hours(2))
    correspondence.attach(session, copy, Correspondence.COPY, request_id=request.id, now=NOW)
    replies.record_follow_up(session, from_jeanne(session, hours(24)), request, by=ANNE, now=NOW + hours(24))
    accept(session, Purpose.FOLLOW_UP, hours(25))
    replies.record_follow_up(session, from_jeanne(session, hours(48)), request, by=ANNE, now=NOW + hours(48))
    refused = session.scalars(select(Delivery).where(Delivery.key.like("follow-up:%"), Delivery.due_at.is_not(None)))
    outbox.record_refused(refused.one(), reply="550 No", now=NOW + hours(49))
    return request


def test_letters_copies_and_further_letters_are_found_with_what_became_of_them(database: Database) -> None:
    with database.begin() as session:
        reference = much_written(session).reference
        other = receive(session)
        session.get_one(Message, other.message_id).sender = "paul@example.org"
        from_jeanne(session, hours(72))

        found = find_written(session, f" {JEANNE.upper()} ")

        assert [one.what for one in found] == [None, "copy", "follow-up", "follow-up", None]
        assert [one.reference for one in found] == [reference] * 4 + [None]
        assert found[0].acknowledged_at == NOW + hours(1)
        assert [(one.customer, one.accepted_at) for one in found[2].sent_on] == [("C0001", NOW + hours(25))]
        assert [one.failed_at for one in found[3].sent_on] == [NOW + hours(49)]
        assert found[4].decided_at is None
        assert find_written(session, "nobody@example.org") == []


def test_the_shell_answers_i_wrote_last_week(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with database.begin() as session:
        reference = much_written(session).reference
        from_jeanne(session, hours(72))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)

    for address in (JEANNE, "nobody@example.org"):
        with pytest.raises(SystemExit) as end:
            app(["dsr", "find", "--from", address], prog_name="python -m bot")
        assert end.value.code == 0

    assert capsys.readouterr().out.splitlines() == [
        f"2026-10-23 17:40 CEST (Europe/Paris): a letter, {reference}, forwarded",
        "  C0001 Garage: routed 2026-10-23 17:40 CEST (Europe/Paris), accepted 2026-10-23 18:40 CEST (Europe/Paris)",
        "  the person was told that it came 2026-10-23 18:40 CEST (Europe/Paris)",
        f"2026-10-23 19:40 CEST (Europe/Paris): the same letter once more, {reference}",
        f"2026-10-24 17:40 CEST (Europe/Paris): wrote again, {reference}",
        "  C0001 Garage: queued 2026-10-24 17:40 CEST (Europe/Paris), accepted 2026-10-24 18:40 CEST (Europe/Paris)",
        f"2026-10-25 16:40 CET (Europe/Paris): wrote again, {reference}",
        "  C0001 Garage: queued 2026-10-25 16:40 CET (Europe/Paris), NOT RECEIVED 2026-10-25 17:40 CET (Europe/Paris)",
        "2026-10-26 16:40 CET (Europe/Paris): a mail, not decided yet",
        "Nothing came from this address. Ask for the day, for another address, or for the number that called:",
        "it may have come by post, or from somebody who wrote on the person’s behalf.",
    ]
    with database.reading() as session:
        looked = select(Entry).where(Entry.action == "requests-looked-up").order_by(Entry.number)
        lines = [(entry.clause, json.loads(entry.detail), entry.actor) for entry in session.scalars(looked)]
    assert [(clause, detail) for clause, detail, _ in lines] == [
        ("2", {"references": [reference]}),
        ("2", {"references": []}),
    ]
    assert not any("courriel" in str(line) for line in lines)
