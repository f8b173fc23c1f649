"""Whoever changes a row of a breach without writing the whole journal anew is found, with the case and the table."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text

from mail.recorder import Recorder
from storage import breach_closing, breaches, journal, outcomes
from storage.commands import app
from storage.database import Database, open_database
from storage.models import Delivery, Entry
from storage.sealed_mails import verify_mails
from storage.sealing import verify_rows
from storage.types import DESK
from tests.breach_mail_support import queue_notice
from tests.breach_story import tell_story
from tests.servers import wait_until
from tests.storage_support import ANNE, NOW, add_customer, open_breach, waits_for_a_lock


def tell(database: Database) -> None:
    with database.begin() as session:
        tell_story(session)
        add_customer(session, "C0009")


def problems(database: Database) -> list[str]:
    with database.reading() as session:
        return [*journal.verify(session), *verify_rows(session), *verify_mails(session)]


def tamper(database: Database, statement: str) -> None:
    with database.begin() as session:
        session.execute(text(statement))


def test_an_untouched_record_holds(database: Database) -> None:
    tell(database)

    assert problems(database) == []


CHANGES = {
    "UPDATE claim SET instant = claimed_at WHERE id = 1": "row 1 of claim was changed",
    "UPDATE breach_fact SET value = '1' WHERE id = 6": "row 6 of breach_fact was changed",
    "UPDATE call SET answered = 'reached', reached = true WHERE id = 1": "row 1 of call was changed",
    "UPDATE notice SET approved_by = 'U01ANNE' WHERE version = 1": "row 1 of notice was changed",
    "UPDATE breach SET late_reason = NULL": "its own row was changed",
    "UPDATE breach SET lead = 'U01ANNE'": "its own row was changed",
    "UPDATE breach SET ladder = '1 0'": "its own row was changed",
    "UPDATE document SET for_all = true WHERE id = 2": "the list of its documents was changed",
    "INSERT INTO document (breach_id, message_id, part, for_all) SELECT breach_id, message_id, 7, true FROM document "
    "WHERE id = 1": "the list of its documents was changed",
    "UPDATE delivery SET recipient = 'o@x.example' WHERE notice_id = 1 AND bounced_at IS NULL": "delivery was changed",
    "UPDATE delivery SET reply = '250 taken' WHERE notice_id = 1 AND bounced_at IS NULL": "delivery was changed",
    "UPDATE delivery SET bounced_at = NULL WHERE bounced_at IS NOT NULL": "of delivery was changed",
    "UPDATE affected SET excluded_reason = 'another'  WHERE excluded_at IS NOT NULL": "its customers was changed",
    "UPDATE affected SET added_at = (SELECT aware_at FROM breach) WHERE id = 4": "its customers was changed",
    "UPDATE affected SET customer_id = (SELECT max(id) FROM customer) WHERE id = 1": "its customers was changed",
    "DELETE FROM call WHERE id = 1": "row 1 of call was deleted",
    "DELETE FROM claim WHERE id = 2": "row 2 of claim was deleted",
    "INSERT INTO breach_fact (breach_id, name, value, by, at) "
    "SELECT breach_id, name, '9', by, at FROM breach_fact WHERE id = 6": "is in no entry of the journal",
}


def test_a_row_changed_behind_the_journal_is_named(database: Database) -> None:
    tell(database)

    for statement, expected in CHANGES.items():
        with database.begin() as session:
            session.execute(text(statement.replace(" by,", ' "by",').replace(", at ", ', "at" ')))
            found = verify_rows(session)
            session.rollback()

        assert len(found) == 1, statement
        assert found[0].startswith("BR-2026-0001: ")
        assert expected in found[0]


MAILS = {
    "UPDATE message_part SET content = :other WHERE message_id = (SELECT message_id FROM case_mail "
    "WHERE what = 'reply')": "was changed after it came",
    "UPDATE case_mail SET said = 'help' WHERE what = 'reply'": "is in no entry of the journal",
    "DELETE FROM case_mail WHERE what = 'report'": "was changed or deleted",
    "UPDATE message_part SET content = :other WHERE message_id = (SELECT message_id FROM document "
    "WHERE id = 1)": "document 1 was changed after it came",
    "UPDATE delivery SET content = :other WHERE bounced_at IS NOT NULL": "were changed after they were sent",
}


def test_a_mail_changed_behind_the_journal_is_named(database: Database) -> None:
    tell(database)

    for statement, expected in MAILS.items():
        with database.begin() as session:
            assert list(verify_mails(session)) == []
            session.execute(text(statement), {"other": b"other"} if ":other" in statement else {})
            found = list(verify_mails(session))
            session.rollback()

        assert found, statement
        assert all(one.startswith("BR-2026-0001: ") for one in found)
        assert expected in found[0]


def on_its_way(database: Database) -> int:
    """A notice to one customer; its `Delivery.id`."""
    with database.begin() as session:
        breach = open_breach(session, add_customer(session, "C0001"), aware_at=NOW)
        return queue_notice(session, breach.affected[0]).id


def problems_of_deliveries(database: Database) -> list[str]:
    """But for the row of the notice itself, of which the journal says nothing here."""
    return [one for one in problems(database) if "of notice" not in one]


def poison(monkeypatch: pytest.MonkeyPatch, *places: str) -> None:
    def poisoned(*_: object, **__: object) -> None:
        raise RuntimeError("poison")

    for place in places:
        monkeypatch.setattr(place, poisoned)


def lines_about_notices(database: Database) -> list[str]:
    with database.reading() as session:
        told = select(Entry.action).where(Entry.action.in_(("notice-accepted", "notice-answered")))
        return list(session.scalars(told.order_by(Entry.number)))


def record_250(database: Database, number: int) -> None:
    """What the sender does with the relay's answer."""
    Recorder(database, holder="one").record(outcomes.Accepted(number, "250 2.0.0 taken", "ab" * 32))


def settle(database: Database, number: int, *, follow: bool) -> None:
    """What a receipt copy settles."""
    with database.begin() as session:
        outcomes.record_receipts(session, {number}, now=NOW)
        outcomes.settle_by_receipt(session, by=DESK, now=NOW, follow=follow)


def test_a_notice_whose_acceptance_could_not_be_followed_up_is_in_the_journal_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = on_its_way(database)
    poison(monkeypatch, "storage.outcomes._follow_acceptance")

    record_250(database, number)

    assert problems_of_deliveries(database) == []
    assert lines_about_notices(database) == ["notice-accepted"]


@pytest.mark.parametrize("follow", [True, False])
def test_so_is_one_that_a_receipt_settled_and_the_answer_that_came_later(
    database: Database, monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    number = on_its_way(database)

    settle(database, number, follow=follow)
    assert problems_of_deliveries(database) == []
    poison(monkeypatch, "mail.recorder.outcomes.record")
    record_250(database, number)

    assert problems_of_deliveries(database) == []
    assert lines_about_notices(database) == ["notice-accepted", "notice-answered"]


def test_a_notice_is_accepted_even_where_its_line_cannot_be_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = on_its_way(database)
    poison(monkeypatch, "storage.outcomes._follow_acceptance", "storage.notice_failures.seal_notice")

    record_250(database, number)

    assert lines_about_notices(database) == []
    with database.reading() as session:
        notice = session.get_one(Delivery, number)
        assert (notice.due_at, notice.reply, notice.accepted_at is None) == (None, "250 2.0.0 taken", False)
    assert len(problems_of_deliveries(database)) == 1


def test_the_better_proof_of_a_notice_is_in_a_line_of_its_own(database: Database) -> None:
    with database.begin() as session:
        notice = queue_notice(session, open_breach(session, add_customer(session, "C0001"), aware_at=NOW).affected[0])
        outcomes.record_receipts(session, {notice.id}, now=NOW)
        outcomes.settle_by_receipt(session, by=DESK, now=NOW)
    with database.begin() as session:
        outcomes.record(session, [outcomes.Accepted(notice.id, "250 2.0.0 taken", "ab" * 32)], by=DESK, now=NOW)

    def of_delivery() -> list[str]:
        return [one for one in problems(database) if "of delivery" in one]

    assert of_delivery() == []
    with database.reading() as session:
        line = journal.entries_of(session, "BR-2026-0001")[-1]
        assert (line.action, json.loads(line.detail)["customer"]) == ("notice-answered", "C0001")
        assert json.loads(line.detail)["sha256"] == "ab" * 32
    tamper(database, "UPDATE delivery SET reply = '250 other'")
    assert "was changed" in of_delivery()[0]


def test_a_line_written_beside_another_change_of_its_breach_tells_of_both(two_writers: Database) -> None:
    database = two_writers
    with database.begin() as session:
        breach = open_breach(session, aware_at=NOW, lead="U02BORIS")
        reference = breach.reference

    def keep_source() -> None:
        with database.begin() as session:
            link = "https://example.slack.com/archives/C01/p1"
            breaches.keep_source(session, breaches.get_breach(session, reference), link, by=ANNE, now=NOW)

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            breach = breaches.get_breach(session, reference)
            breach_closing.close_as_no_breach(session, breach, "A test", by=ANNE, now=NOW)
            beside = pool.submit(keep_source)
            wait_until(lambda: waits_for_a_lock(database), what="the other transaction that waits")
        beside.result(10)

    assert problems(database) == []


@pytest.mark.parametrize(
    "detail", ['{"sha256":["x"]}', '{"sha256":"x","said":{}}', '{"settled":1,"rows":7}', "[]", "no"]
)
def test_a_line_that_somebody_has_broken_is_named_and_stops_nothing(database: Database, detail: str) -> None:
    tell(database)
    statement = text("UPDATE entry SET detail = :detail WHERE action = 'customer-replied'")
    with database.begin() as session:
        session.execute(statement, {"detail": detail})

    found = problems(database)

    assert "was changed after it was written" in found[0]
    assert any(one.endswith("is in no entry of the journal.") for one in found)


def test_a_breach_from_before_such_lines_is_no_problem(database: Database) -> None:
    tell(database)
    tamper(database, "DELETE FROM entry")
    tamper(database, "UPDATE counter SET value = 0 WHERE name = 'journal'")

    assert problems(database) == []


def test_verify_says_what_was_changed_and_compares_a_head_that_was_kept(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(sqlite_url)
    tell(database)
    with database.reading() as session:
        number, digest = journal.head(session)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)

    def verify(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            app(["verify", *words], prog_name="python -m storage")
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    assert verify("--head", f"{number}:{digest}")[0] == 0
    other, gone = verify("--head", f"{number}:{'0' * 64}"), verify("--head", f"{number + 1}:{digest}")
    assert (other[0], gone[0], verify("--head", "x")[0]) == (1, 1, 2)
    assert f"Entry {number} is not the one that was noted" in other[1]
    assert f"no entry {number + 1}" in gone[1]
    tamper(database, "UPDATE claim SET reason = 'none' WHERE id = 1")
    database.dispose()
    changed = verify()
    assert changed[0] == 1
    assert "BR-2026-0001: row 1 of claim was changed after entry" in changed[1]
