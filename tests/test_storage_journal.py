"""The journal's hash chain: what was written cannot be changed unseen."""

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text

from storage import journal
from storage.database import Database
from storage.models import Entry
from tests.storage_support import ANNE, BORIS, NOW, together


def write(database: Database, number: int = 5) -> None:
    for which in range(number):
        with database.begin() as session:
            journal.record(session, "tested", by=ANNE, now=NOW, case="BR-2026-0001", clause="6", which=which)


def tamper(database: Database, statement: str) -> None:
    with database.begin() as session:
        session.execute(text(statement))


def verify(database: Database) -> list[str]:
    with database.reading() as session:
        return journal.verify(session)


def test_an_empty_journal_holds(database: Database) -> None:
    assert verify(database) == []
    with database.reading() as session:
        assert journal.head(session) == (0, journal.GENESIS)


def test_an_untouched_journal_holds(database: Database) -> None:
    write(database)

    assert verify(database) == []


@pytest.mark.parametrize("column", ["actor", "origin", "case", "action", "clause", "detail"])
def test_a_changed_entry_is_found(database: Database, column: str) -> None:
    write(database)

    tamper(database, f"UPDATE entry SET \"{column}\" = 'x' WHERE number = 3")  # noqa: S608 - a name from above

    assert verify(database) == ["Entry 3 was changed after it was written."]


def test_a_changed_instant_is_found(database: Database) -> None:
    write(database)

    with database.begin() as session:
        session.get_one(Entry, 3).at += timedelta(microseconds=1)

    assert verify(database) == ["Entry 3 was changed after it was written."]


def test_an_entry_changed_together_with_its_hash_is_found(database: Database) -> None:
    write(database)

    with database.begin() as session:
        entry = session.get_one(Entry, 3)
        entry.actor = "U99NOBODY"
        entry.hash = journal.hash_of(entry)

    assert verify(database) == ["Entry 4 does not follow the one before it."]


def test_a_removed_entry_is_found(database: Database) -> None:
    write(database)

    tamper(database, "DELETE FROM entry WHERE number = 3")

    assert verify(database) == ["Entry 3 is missing: the next one found is 4."]


def test_a_removed_beginning_is_found(database: Database) -> None:
    write(database)

    tamper(database, "DELETE FROM entry WHERE number <= 2")

    assert verify(database) == ["Entry 1 is missing: the next one found is 3."]


def test_a_truncated_journal_is_found(database: Database) -> None:
    write(database)

    tamper(database, "DELETE FROM entry WHERE number >= 4")

    assert verify(database) == ["The journal ends at entry 3, but 5 were written."]


def test_a_journal_of_which_nothing_is_left_is_found(database: Database) -> None:
    write(database)

    tamper(database, "DELETE FROM entry")

    assert verify(database) == ["The journal ends at entry 0, but 5 were written."]


def test_an_inserted_entry_is_found(database: Database) -> None:
    write(database)

    with database.begin() as session:
        last = session.get_one(Entry, 5)
        columns = {name: getattr(last, name) for name in ("at", "origin", "case", "action", "clause", "detail")}
        forged = Entry(number=6, actor="U99NOBODY", previous=last.hash, hash="", **columns)
        forged.hash = journal.hash_of(forged)
        session.add(forged)

    assert verify(database) == ["The journal ends at entry 6, but 5 were written."]


def test_an_entry_pushed_in_between_is_found(database: Database) -> None:
    write(database)

    tamper(database, "UPDATE entry SET number = 6 WHERE number = 5")
    tamper(database, "UPDATE entry SET number = 5 WHERE number = 4")
    with database.begin() as session:
        third = session.get_one(Entry, 3)
        columns = {name: getattr(third, name) for name in ("at", "origin", "case", "action", "clause", "detail")}
        forged = Entry(number=4, actor="U99NOBODY", previous=third.hash, hash="", **columns)
        forged.hash = journal.hash_of(forged)
        session.add(forged)

    problems = verify(database)
    assert "Entry 5 does not follow the one before it." in problems
    assert "The journal ends at entry 6, but 5 were written." in problems


def test_concurrent_writers_keep_one_chain(database: Database) -> None:
    def write_ten(which: int) -> None:
        for _ in range(10):
            with database.begin() as session:
                journal.record(session, "tested", by=(ANNE, BORIS)[which % 2], now=NOW)

    together(6, write_ten)

    assert verify(database) == []
    with database.reading() as session:
        assert journal.head(session)[0] == 60


def test_an_entry_that_was_rolled_back_leaves_no_gap(database: Database) -> None:
    write(database, 2)
    with suppress(KeyError), database.begin() as session:
        journal.record(session, "tested", by=ANNE, now=NOW)
        raise KeyError

    write(database, 1)

    assert verify(database) == []


def test_a_journal_that_grows_while_it_is_verified_holds(database: Database) -> None:
    write(database, 3)

    with database.reading() as session:
        head = journal.head(session)
        write(database, 3)

        assert journal.verify(session) == []
        assert journal.head(session) == head


def test_an_instant_given_in_another_zone_hashes_as_the_same_instant(database: Database) -> None:
    with database.begin() as session:
        in_tokyo = datetime(2026, 10, 24, 0, 40, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
        journal.record(session, "tested", by=ANNE, now=in_tokyo, names=["C0001", "é"])

    assert verify(database) == []


def test_a_case_has_its_entries_in_order(database: Database) -> None:
    write(database, 3)
    with database.begin() as session:
        journal.record(session, "tested", by=ANNE, now=NOW, case="BR-2026-0002")

    with database.reading() as session:
        found = [entry.number for entry in journal.entries_of(session, "BR-2026-0001")]
        hashes = session.scalars(select(Entry.hash)).all()

    assert found == [1, 2, 3]
    assert len(set(hashes)) == 4
