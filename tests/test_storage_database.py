"""Opening, writing, reading and migrating the record."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from storage.counters import next_numbers, next_reference
from storage.database import (
    BadDatabaseUrl,
    Database,
    DatabaseTooNew,
    current_revision,
    newest_revision,
    open_database,
    read_url,
    take_turn,
    upgrade,
)
from storage.models import Base, Customer, CustomerKey, Gesture
from storage.types import KeyKind
from tests.storage_support import NOW, ROOT, add_customer, environment, forward, receive, storage, together

if TYPE_CHECKING:
    from tests.servers import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgreSQL = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


def drift(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
    return list(compare_metadata(context, Base.metadata))


# --- instants ---


def test_a_naive_instant_is_refused(database: Database) -> None:
    naive = datetime(2026, 10, 23, 17, 40)  # noqa: DTZ001 - that is the point

    with pytest.raises(StatementError, match="no time zone"), database.begin() as session:
        session.add(Gesture(key="one", at=naive))


def test_an_instant_comes_back_as_it_was_in_utc(database: Database) -> None:
    written = datetime(2026, 10, 23, 17, 40, 1, 234567, tzinfo=timezone(timedelta(hours=2)))

    with database.begin() as session:
        session.add(Gesture(key="one", at=written))

    with database.reading() as session:
        read = session.get_one(Gesture, "one").at
    assert (read, read.tzinfo) == (written, UTC)


# --- references ---


def test_a_reference_is_not_skipped_by_a_rollback(database: Database) -> None:
    with database.begin() as session:
        first = next_reference(session, "DSR", now=NOW)
    with suppress(KeyError), database.begin() as session:
        next_reference(session, "DSR", now=NOW)
        raise KeyError

    with database.begin() as session:
        second = next_reference(session, "DSR", now=NOW)

    assert (first, second) == ("DSR-2026-0001", "DSR-2026-0002")


def test_references_never_repeat_and_never_skip_under_eight_threads(database: Database) -> None:
    def take(_which: int) -> list[str]:
        taken = []
        for _ in range(10):
            with database.begin() as session:
                taken.append(next_reference(session, "BR", now=NOW))
        return taken

    taken = sorted(reference for references in together(8, take) for reference in references)

    assert taken == [f"BR-2026-{number:04}" for number in range(1, 81)]


def test_the_year_of_a_reference_is_that_of_paris(database: Database) -> None:
    new_year_in_paris = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)

    with database.begin() as session:
        reference = next_reference(session, "DSR", now=new_year_in_paris)

    assert reference == "DSR-2027-0001"


# --- writing and reading ---


def test_eight_threads_that_read_change_and_write_lose_nothing(database: Database) -> None:
    with database.begin() as session:
        add_customer(session, name="0")

    def add_fifty(_which: int) -> None:
        for _ in range(50):
            with database.begin() as session:
                rows = select(Customer)
                take_turn(session, rows)
                customer = session.scalars(rows).one()
                customer.name = str(int(customer.name) + 1)

    together(8, add_fifty)

    with database.reading() as session:
        assert session.scalars(select(Customer.name)).one() == "400"


def test_what_raises_is_rolled_back(database: Database) -> None:
    with suppress(KeyError), database.begin() as session:
        add_customer(session)
        raise KeyError

    with database.reading() as session:
        assert session.scalars(select(Customer)).all() == []


def test_a_reader_never_waits_for_a_writer(database: Database) -> None:
    with database.begin() as writing:
        add_customer(writing)

        with database.reading() as session:  # would wait for ever, if it waited: the writer is this very thread
            seen = session.scalars(select(Customer)).all()

    assert seen == []


def test_a_reader_sees_one_state_however_long_it_reads(database: Database) -> None:
    with database.reading() as session:
        before = session.scalars(select(Customer.reference)).all()
        with database.begin() as writing:
            add_customer(writing)

        after = session.scalars(select(Customer.reference)).all()

    assert before == after == []


def test_a_reader_does_not_hold_up_a_writer(database: Database) -> None:
    with database.reading() as session:
        session.scalars(select(Customer)).all()

        with database.begin() as writing:
            add_customer(writing)

    with database.reading() as session:
        assert session.scalars(select(Customer.reference)).all() == ["C0001"]


def test_writers_of_sqlite_take_turns_beside_one_that_never_pauses(sqlite_url: str) -> None:
    database, stop, commits = open_database(sqlite_url), Event(), [0]

    def write_without_pause() -> None:
        while not stop.is_set():
            with database.begin() as session:
                next_numbers(session, "busy", 1)
            commits[0] += 1

    busy = Thread(target=write_without_pause)
    busy.start()
    waited = []
    for _ in range(20):
        asked = commits[0]
        with database.begin() as session:
            next_numbers(session, "listener", 1)
            waited.append(commits[0] - asked)
    stop.set()
    busy.join()
    database.dispose()

    assert max(waited) < 100, "a listener waited for a hundred commits of another writer"


def test_a_reference_between_rows_is_kept(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        forward(session, receive(session), customer)

    with pytest.raises(IntegrityError), database.begin() as session:
        session.delete(session.scalars(select(Customer)).one())


# --- addresses of databases ---


@pytest.mark.parametrize("url", ["", "desk.db", "sqlite://", "sqlite:///:memory:", "mysql://h/d", "postgresql://h:x/d"])
def test_what_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(BadDatabaseUrl):
        read_url(url)


def test_both_spellings_of_postgresql_are_read() -> None:
    assert read_url("postgres://desk@localhost/desk") == read_url("postgresql://desk@localhost/desk")


# --- migrations ---


def test_models_and_migrations_do_not_drift(database: Database) -> None:
    with database.engine.connect() as connection:
        assert drift(connection) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE customer ADD COLUMN mood TEXT",
        "DROP INDEX ix_breach_deadline_at",
        "CREATE UNIQUE INDEX uq_extra ON gesture (at)",
        "DROP TABLE attachment",
    ],
)
def test_a_drift_would_be_seen(database: Database, change: str) -> None:
    with database.engine.connect() as connection:
        connection.execute(text(change))

        assert len(drift(connection)) >= 1


def test_several_processes_upgrade_at_once_and_all_succeed(empty_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "storage", "upgrade"]
    started = [
        subprocess.Popen(command, cwd=tmp_path, env=environment(empty_url), stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in started]

    assert ended == [("", 0)] * 4
    assert revision_of(empty_url) == newest_revision()


def test_an_upgrade_of_a_current_database_changes_nothing(database_url: str) -> None:
    upgrade(database_url)

    assert revision_of(database_url) == newest_revision()


NEWER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9001", "{newest}", None, None

def upgrade() -> None:
    rebuild = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("customer", recreate=rebuild) as rows:
        rows.add_column(sa.Column("mood", sa.Text(), nullable=True))
    {then}
"""


def newer_program(folder: Path, *, then: str = "pass") -> Path:
    """A copy of the record's package with one more migration, which rebuilds the customers' table."""
    shutil.copytree(ROOT / "storage", folder / "storage", ignore=shutil.ignore_patterns("__pycache__"))
    version = NEWER.format(newest=newest_revision(), then=then)
    (folder / "storage" / "migrations" / "versions" / "9001_newer.py").write_text(version)
    return folder


def test_a_rebuilt_table_keeps_its_children_and_the_old_program_then_stops(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as database, database.begin() as session:
        customer = add_customer(session)
        session.add(CustomerKey(customer_id=customer.id, kind=KeyKind.DOMAIN, value="acme.example"))
        forward(session, receive(session), customer)

    newer = storage("upgrade", cwd=newer_program(tmp_path / "newer"), database_url=database_url)

    assert (newer.stdout, newer.stderr) == ("The database is at revision 9001.\n", "")
    with opened(database_url) as database, database.reading() as session:
        assert session.scalars(select(CustomerKey.value)).all() == ["acme.example"]
        with database.engine.connect() as connection:
            assert "mood" in {column["name"] for column in inspect(connection).get_columns("customer")}
            assert [key["referred_table"] for key in inspect(connection).get_foreign_keys("customer_key")] == [
                "customer"
            ]
    with pytest.raises(DatabaseTooNew, match=re.escape(f"9001, this program knows {newest_revision()}")):
        upgrade(database_url)
    old = storage("customers", "list", cwd=tmp_path, database_url=database_url)
    assert (old.returncode, old.stdout) == (69, "")
    assert "newer version" in old.stderr
    assert "Traceback" not in old.stderr


def test_a_migration_that_fails_changes_nothing(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as database, database.begin() as session:
        add_customer(session)

    failed = storage("upgrade", cwd=newer_program(tmp_path / "newer", then="1 / 0"), database_url=database_url)

    assert failed.returncode != 0
    assert revision_of(database_url) == newest_revision()
    with opened(database_url) as database, database.reading() as session:
        assert session.scalars(select(Customer.reference)).all() == ["C0001"]
        with database.engine.connect() as connection:
            assert drift(connection) == []


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = open_database(url)
    try:
        yield database
    finally:
        database.dispose()


def revision_of(url: str) -> str | None:
    with opened(url) as database:
        return current_revision(database.engine)
