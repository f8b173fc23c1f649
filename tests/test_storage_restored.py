"""A restored backup is noticed before anything is sent, whichever way it was restored; and nothing else is."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from storage import arrivals, home, journal, marks, pauses, restored, tokens
from storage.arrivals import Reading
from storage.backup import back_up
from storage.database import Database, open_current, open_database
from storage.gone_out import may_have_gone_out
from storage.messages import Place, keep_message
from storage.models import Customer, Delivery, Entry, Mark, Pause, Request, Secret
from storage.restored import Restored, look_for_restore, not_compared, record_compared, report_foreign_receipt
from storage.types import Hold, Kind
from tests.servers import PostgreSQL, need, wait_until
from tests.storage_support import (
    ANNE,
    NOW,
    ROOT,
    STAFF_HEADER,
    add_customer,
    forward,
    hours,
    open_breach,
    receive,
    storage,
    together,
    write_csv,
)

LATER = NOW + hours(24)


def live(database: Database, letters: int = 1) -> None:
    """A start, some letters forwarded to the first customer, and an orderly end."""
    look_for_restore(database)
    with database.begin() as session:
        tokens.ensure_secret(session, now=NOW)
        customer = find_customer(session)
        for _ in range(letters):
            forward(session, receive(session), customer)
    home.note_progress(database)


def find_customer(session: Session) -> Customer:
    return session.scalars(select(Customer)).first() or add_customer(session)


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def start(url: str) -> tuple[str, ...] | None:
    """What a process that starts on this database notices."""
    database = open_current(url)
    try:
        found = look_for_restore(database)
        home.note_progress(database)
        return found.evidence if found else None
    finally:
        database.dispose()


def count(database: Database, table: type) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def lived(sqlite_url: str) -> str:
    """The URL of an SQLite database with a life behind it, closed."""
    database = open_database(sqlite_url)
    live(database)
    database.dispose()
    return sqlite_url


def live_on(url: str, letters: int = 1) -> None:
    database = open_database(url)
    live(database, letters)
    database.dispose()


# --- what is no restore ---


def test_a_first_start_and_every_other_start_notice_nothing(database: Database) -> None:
    for _ in range(3):
        assert look_for_restore(database) is None
        live(database)

    assert count(database, Pause) == 0
    assert count(database, Secret) == 1


def test_several_processes_may_start_at_once_for_the_first_time(database: Database) -> None:
    assert together(6, lambda _: look_for_restore(database)) == [None] * 6
    assert count(database, Mark) == 1


def test_a_second_process_beside_a_running_one_notices_nothing(database_url: str) -> None:
    first = open_database(database_url)
    live(first)

    assert start(database_url) is None

    first.dispose()


def test_a_vacuum_is_no_restore(lived: str) -> None:
    with closing(sqlite3.connect(file_of(lived))) as connection:
        connection.execute("VACUUM")

    assert start(lived) is None


def test_a_vacuum_of_postgresql_is_no_restore(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    live(database)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL"))
        connection.execute(text("REINDEX DATABASE CONCURRENTLY " + database.engine.url.database))  # type: ignore[operator]
    database.dispose()

    assert start(postgresql_url) is None


def test_a_server_that_crashed_and_recovered_is_no_restore() -> None:
    need(PostgreSQL)
    with PostgreSQL() as server:
        url = server.create_database()
        open_current(url).dispose()
        live_on(url)
        with psycopg.connect(url) as connection, psycopg.connect(url, autocommit=True) as witness:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            wait_until(lambda: is_cut(witness), "the crash noticed")
        wait_until(lambda: answers_again(url), "recovery")

        assert start(url) is None


def is_cut(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has ended this connection: it recovers from the crash of another."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def answers_again(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def test_a_source_that_was_backed_up_while_it_ran_is_not_marked(lived: str, tmp_path: Path) -> None:
    database = open_database(lived)
    back_up(database, tmp_path / "copy.db")
    live(database)
    database.dispose()

    assert start(lived) is None


def test_an_older_databases_upgrade_is_no_restore(tmp_path: Path) -> None:
    from alembic import command

    from storage.database import _migrating, migration_config

    url = f"sqlite:///{tmp_path / 'old.db'}"
    old = open_database(url)
    with _migrating(old.engine) as connection:
        command.upgrade(migration_config(connection), "0001")
    old.dispose()

    assert start(url) is None
    assert start(url) is None


def test_a_process_that_is_killed_leaves_nothing_to_notice(lived: str) -> None:
    script = (
        "import os, signal\n"
        "from storage import home, restored\n"
        "from storage.database import open_database\n"
        "from tests.test_storage_restored import live\n"
        f"database = open_database({lived!r})\n"
        "live(database, 3)\n"
        "live(database, 3)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)

    assert done.returncode == -signal.SIGKILL
    assert start(lived) is None


@pytest.mark.parametrize("damage", ["", "0000000000000000000", "x" * 95 + "\n", "00000000000000000009 torn 00000000\n"])
def test_a_mark_that_is_torn_or_lost_says_nothing(lived: str, damage: str) -> None:
    mark = Path(f"{file_of(lived)}.mark")
    mark.write_text(damage)
    assert start(lived) is None
    mark.unlink()

    assert start(lived) is None
    assert mark.exists()


def test_a_file_system_without_times_of_birth_says_nothing_of_them(lived: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_birth_of", lambda _file: None)

    assert start(lived) is None
    assert start(lived) is None


def test_looking_at_the_file_leaves_sqlites_locks_in_place(lived: str, tmp_path: Path) -> None:
    database = open_database(lived)
    with database.begin() as session:
        journal.record(session, "here", by=ANNE, now=NOW)
    look_for_restore(database)

    staff = write_csv(tmp_path / "staff.csv", ["U01ANNE,Anne,anne@kavkom.example,dpo,fr,,"], header=STAFF_HEADER)
    assert storage("staff", "import", str(staff), cwd=tmp_path, database_url=lived).returncode == 0

    with database.reading() as session:
        assert session.scalar(select(Entry.action).order_by(Entry.number.desc()).limit(1)) == "staff-imported"
    database.dispose()


# --- what is one ---


def test_our_own_backup_knows_that_it_is_a_copy(lived: str, tmp_path: Path) -> None:
    database = open_database(lived)
    back_up(database, tmp_path / "copy.db")
    database.dispose()
    shutil.copyfile(tmp_path / "copy.db", file_of(lived))

    assert start(lived) == ("copy",)
    assert start(lived) is None


def test_an_older_state_in_the_same_file_is_noticed_by_the_mark_beside_it(lived: str, tmp_path: Path) -> None:
    shutil.copyfile(file_of(lived), tmp_path / "old.db")
    live_on(lived)
    shutil.copyfile(tmp_path / "old.db", file_of(lived))

    assert start(lived) == ("older",)
    assert start(lived) is None


def test_another_history_of_the_same_length_is_noticed(lived: str, tmp_path: Path) -> None:
    shutil.copyfile(file_of(lived), tmp_path / "old.db")
    live_on(lived)
    mark = Path(f"{file_of(lived)}.mark").read_bytes()
    shutil.copyfile(tmp_path / "old.db", file_of(lived))
    Path(f"{file_of(lived)}.mark").unlink()
    database = open_database(lived)
    with database.begin() as session:
        for number in range(20):
            journal.record(session, "another-life", by=ANNE, now=NOW, number=number)
    database.dispose()
    Path(f"{file_of(lived)}.mark").write_bytes(mark)

    assert start(lived) == ("older",)


def test_a_folder_that_was_restored_whole_is_noticed_by_its_files(lived: str, tmp_path: Path) -> None:
    kept = shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-kept")
    live_on(lived)
    shutil.rmtree(tmp_path)
    shutil.copytree(kept, tmp_path)

    assert start(lived) == ("home",)


def test_a_file_that_got_the_inode_of_its_predecessor_is_noticed(lived: str, tmp_path: Path) -> None:
    file, copy = file_of(lived), tmp_path / "copy.db"
    inode = file.stat().st_ino
    if home._birth_of(str(file)) is None:
        pytest.skip("this file system does not keep when a file was made")
    shutil.copyfile(file, copy)
    for _ in range(20):
        file.unlink()
        shutil.copyfile(copy, file)
        if file.stat().st_ino == inode:
            break
    else:
        pytest.skip("this file system gave another inode each time")

    assert start(lived) == ("home",)


def test_a_copy_elsewhere_is_noticed(lived: str, tmp_path: Path) -> None:
    shutil.copyfile(file_of(lived), tmp_path / "elsewhere.db")

    assert start(f"sqlite:///{tmp_path / 'elsewhere.db'}") == ("home",)
    assert start(lived) is None


def test_a_copy_of_a_postgresql_database_is_noticed(postgresql_url: str, postgres: PostgreSQL) -> None:
    live_on(postgresql_url)
    copy = postgres.create_database(template=postgresql_url)

    assert start(copy) == ("home",)
    assert start(copy) is None
    assert start(postgresql_url) is None

    postgres.drop_database(copy)


@pytest.mark.parametrize("way", ["dropped and made anew", "cleaned and filled again"])
def test_a_restored_dump_is_noticed(postgresql_url: str, postgres: PostgreSQL, way: str) -> None:
    live_on(postgresql_url)
    dump = subprocess.run(
        [f"{postgres.program}/pg_dump", "--clean", "--if-exists", postgresql_url], check=True, capture_output=True
    ).stdout
    live_on(postgresql_url)
    if way == "dropped and made anew":
        postgres.drop_database(postgresql_url)
        name = postgresql_url.rpartition("/")[2]
        postgres._admin.execute(f"CREATE DATABASE {name}")
    restoring = [f"{postgres.program}/psql", "--quiet", "--set=ON_ERROR_STOP=1", postgresql_url]
    subprocess.run(restoring, input=dump, check=True, capture_output=True)

    assert start(postgresql_url) == ("home",)
    assert start(postgresql_url) is None


def test_a_role_that_may_not_ask_for_the_cluster_notices_all_the_same(
    postgresql_url: str, postgres: PostgreSQL
) -> None:
    database = open_database(postgresql_url)
    with database.engine.begin() as connection:
        connection.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
        connection.execute(text("CREATE ROLE modest LOGIN"))
        connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO modest"))
        connection.execute(text("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO modest"))
    database.dispose()
    modest = postgresql_url.replace("desk@", "modest@")
    live_on(modest)
    copy = postgres.create_database(template=postgresql_url)

    assert start(modest) is None
    assert start(copy.replace("desk@", "modest@")) == ("home",)

    postgres.drop_database(copy)


# --- what follows ---


def restore(database: Database, *, evidence: str = "copy") -> Restored:
    """Have a database notice that it was restored."""
    with database.begin() as session:
        marks.put(session, restored.COPY_TAKEN, "", now=NOW)
    found = look_for_restore(database)
    assert found is not None
    assert found.evidence == (evidence,)
    return found


def test_a_restored_record_is_paused_once_however_many_processes_start(database: Database) -> None:
    live(database)
    with database.begin() as session:
        marks.put(session, restored.COPY_TAKEN, "", now=NOW)

    found = together(6, lambda _: look_for_restore(database))

    assert sum(one is not None for one in found) == 1
    assert (count(database, Pause), count(database, Secret)) == (1, 2)
    with database.reading() as session:
        pause = pauses.is_paused(session)
        assert pause is not None
        assert pause.reason == "restored"
        actions = list(session.scalars(select(Entry.action).order_by(Entry.number.desc()).limit(2)))
        assert actions == ["sending-paused", "restore-noticed"]
        assert journal.verify(session) == []


def test_references_of_the_lost_life_are_not_given_again(database: Database) -> None:
    live(database, 42)
    with database.begin() as session:
        open_breach(session)
    restore(database)

    with database.begin() as session:
        assert receive(session).reference == "DSR-2026-0201"
        assert open_breach(session).reference == "BR-2026-0201"
        [entry] = session.scalars(select(Entry).where(Entry.action == "restore-noticed"))
        assert "DSR-2026-0200" in entry.detail


def test_as_many_references_are_left_out_as_the_mark_says_were_lost(lived: str, tmp_path: Path) -> None:
    shutil.copyfile(file_of(lived), tmp_path / "old.db")
    live_on(lived, 120)
    shutil.copyfile(tmp_path / "old.db", file_of(lived))

    assert start(lived) == ("older",)

    database = open_database(lived)
    with database.begin() as session:
        given = int(receive(session).reference.rpartition("-")[2])
    database.dispose()
    assert given > 1 + 120


def test_what_the_lost_life_signed_names_nothing_new(database: Database) -> None:
    live(database)
    with database.begin() as session:
        known, unknown = (tokens.sign(session, "r", number) for number in (newest_delivery(session), 10_000))
    restore(database)

    with database.begin() as session:
        assert tokens.read(session, known) == ("r", newest_before(known))
        assert tokens.read_lost(session, known) is None
        assert tokens.read(session, unknown) is None
        assert tokens.read_lost(session, unknown) == ("r", 10_000)
        new = tokens.sign(session, "r", 10_000)
        assert new != unknown
        assert tokens.read(session, new) == ("r", 10_000)


def newest_delivery(session: Session) -> int:
    return session.scalar(select(func.max(Delivery.id))) or 0


def newest_before(signed: str) -> int:
    return int(signed.split(".")[1])


def test_an_old_receipt_counts_for_what_was_queued_before_the_backup_and_not_for_what_got_its_number_since(
    database: Database,
) -> None:
    live(database)
    with database.begin() as session:
        queued = newest_delivery(session)
        next_one = queued + 1
        old, of_next = tokens.sign(session, "r", queued), tokens.sign(session, "r", next_one)
    restore(database)
    live(database)

    with database.reading() as session:
        assert session.get(Delivery, next_one) is not None
        assert tokens.read(session, old) == ("r", queued)
        assert tokens.read(session, of_next) is None


def test_each_kind_of_address_is_measured_by_its_own_rows(database: Database) -> None:
    live(database, 3)
    with database.begin() as session:
        request = session.scalar(select(func.max(Request.id)))
        case, beyond = tokens.sign(session, "c", request or 0), tokens.sign(session, "c", (request or 0) + 1)
    restore(database)

    with database.reading() as session:
        assert tokens.read(session, case) == ("c", request)
        assert tokens.read(session, beyond) is None


def test_a_receipt_for_an_unknown_delivery_pauses_too(database: Database) -> None:
    live(database)
    with database.begin() as session:
        signed = tokens.sign(session, "r", newest_delivery(session) + 150)

        found = report_foreign_receipt(session, signed, now=LATER)
        assert found is not None
        assert found.evidence == ("receipt",)
        assert report_foreign_receipt(session, signed, now=LATER) is None
        assert tokens.read_lost(session, signed) is not None

    with database.begin() as session:
        assert pauses.is_paused(session) is not None
        assert int(receive(session).reference[-4:]) > 150


def test_a_receipt_for_a_purged_delivery_or_a_forged_one_pauses_nothing(database: Database) -> None:
    live(database)
    with database.begin() as session:
        purged = newest_delivery(session) - 1
        session.execute(text("DELETE FROM delivery WHERE id = :id"), {"id": purged})

        for signed in (tokens.sign(session, "r", purged), f"r.{10_000}.aaaaaaaaaaaaaaaaaaaa", "nonsense"):
            assert report_foreign_receipt(session, signed, now=LATER) is None
        assert pauses.is_paused(session) is None


# --- what may have gone out ---


def take_in(session: Session, folder: str, uid: int, *, received_at: datetime, now: datetime) -> Request:
    place = Place("privacy", folder, 1, 100_000 + uid)
    message = keep_message(session, place, b"A letter %d" % uid, received_at=received_at, now=now)
    reading = Reading(Kind.REQUEST, ("access",), "fr")
    return arrivals.receive_request(session, message, reading, hold=Hold.NO_EVIDENCE, by=ANNE, now=now)


def test_what_was_queued_and_what_is_taken_in_again_may_have_gone_out(database: Database) -> None:
    live(database, 2)
    restore(database)
    with database.begin() as session:
        pause = pauses.is_paused(session)
        assert pause is not None
        since = pause.since_at
        before, after = since - hours(3), since + hours(1)
        again = take_in(session, "Processed", 1, received_at=before, now=after)
        held = take_in(session, "Junk", 2, received_at=before, now=after)
        new = take_in(session, "INBOX", 3, received_at=before, now=after)
        late = take_in(session, "Processed", 4, received_at=after, now=after)
        for request in (again, new, late):
            forward(session, request, find_customer(session), at=after)

        found = may_have_gone_out(session, pause)

    assert [(one.reference, one.customer, one.purpose.value) for one in found.deliveries] == [
        ("DSR-2026-0001", "C0001", "forward"),
        ("DSR-2026-0002", "C0001", "forward"),
        (again.reference, "C0001", "forward"),
    ]
    assert [one.reference for one in found.requests] == sorted([again.reference, held.reference])
    assert found.waiting == 2


def test_a_receipt_settles_a_doubt_by_itself(database: Database) -> None:
    from storage import outbox

    live(database, 2)
    restore(database)
    with database.begin() as session:
        first = session.scalars(select(Delivery).where(Delivery.forward_id.is_not(None)).order_by(Delivery.id)).first()
        assert first is not None
        outbox.record_accepted(first, reply="receipt", now=LATER)

        pause = pauses.is_paused(session)
        assert pause is not None
        assert [one.reference for one in may_have_gone_out(session, pause).deliveries] == ["DSR-2026-0002"]


def test_nobody_can_say_what_went_out_before_the_mailboxes_were_compared(database: Database) -> None:
    live(database)
    restore(database)
    with database.begin() as session:
        pause = pauses.is_paused(session)
        assert pause is not None
        assert not_compared(session, pause) == ["privacy"]
        record_compared(session, "privacy", now=pause.since_at - hours(1))
        assert not_compared(session, pause) == ["privacy"]

        record_compared(session, "privacy", now=pause.since_at + hours(1))

        assert not_compared(session, pause) == []


# --- as a person types it ---


def test_a_backup_restored_with_cp_starts_paused_names_what_may_have_gone_out_and_goes_on(
    lived: str, tmp_path: Path
) -> None:
    assert storage("backup", "copy.db", cwd=tmp_path, database_url=lived).returncode == 0
    assert storage("paused", cwd=tmp_path, database_url=lived).stdout == "Nothing is paused.\n"
    live_on(lived)
    shutil.copyfile(tmp_path / "copy.db", file_of(lived))

    shown = storage("paused", cwd=tmp_path, database_url=lived)
    early = storage("resume", "--yes", cwd=tmp_path, database_url=lived)
    unknown = storage("resume", "--at-once", "--withhold", "DSR-2026-0099", cwd=tmp_path, database_url=lived)
    refused = storage("resume", "--at-once", cwd=tmp_path, database_url=lived)
    done = storage("resume", "--at-once", "--yes", "--withhold", "dsr-2026-0001", cwd=tmp_path, database_url=lived)
    after = storage("paused", cwd=tmp_path, database_url=lived)

    lines = shown.stdout.splitlines()
    assert (shown.returncode, shown.stderr) == (1, "")
    assert lines[0].startswith("Sending is paused since ")
    assert lines[0].endswith(": this record was restored from a copy.")
    assert lines[2].split()[:6] == ["DSR-2026-0001", "C0001", "Customer", "C0001", "forward", "2026-10-23"]
    assert lines[3] == "In doubt: 1 e-mail and 0 requests. Besides, 0 e-mails that only waited."
    assert early.returncode == 1
    assert early.stderr.startswith("Not yet: the mailbox (privacy) was not compared with this record since")
    assert unknown.stderr == "DSR-2026-0099 is not in the list: nothing was changed.\n"
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (1, "Nothing was changed.")
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (
        0,
        ["1 e-mail withheld, 0 e-mails sent.", "Sending goes on."],
    )
    assert (after.returncode, after.stdout) == (0, "Nothing is paused.\n")
    database = open_database(lived)
    with database.reading() as session:
        delivery = session.scalars(select(Delivery).where(Delivery.forward_id.is_not(None))).one()
        assert delivery.superseded_at is not None
        assert delivery.due_at is None
        [entry] = session.scalars(select(Entry).where(Entry.action == "delivery-withheld"))
        assert entry.case == "DSR-2026-0001"
        assert journal.verify(session) == []
    database.dispose()


def test_what_was_not_shown_is_neither_sent_nor_withheld(database: Database) -> None:
    from storage.gone_out import ListGrew, resume

    live(database)
    restore(database)
    with database.begin() as session:
        pause = pauses.is_paused(session)
        assert pause is not None
        shown = may_have_gone_out(session, pause)
        after = pause.since_at + hours(1)
        request = take_in(session, "Processed", 1, received_at=NOW, now=after)
        forward(session, request, find_customer(session), at=after)

        with pytest.raises(ListGrew):
            resume(session, shown=shown, withhold=shown.references, by=ANNE, now=after)

        assert pauses.is_paused(session) is not None


def test_a_letter_that_only_waits_is_not_withheld_with_all_others(database: Database) -> None:
    from storage.gone_out import resume

    live(database)
    restore(database)
    with database.begin() as session:
        pause = pauses.is_paused(session)
        assert pause is not None
        after = pause.since_at + hours(1)
        new = take_in(session, "INBOX", 1, received_at=after, now=after)
        forward(session, new, find_customer(session), at=after)
        shown = may_have_gone_out(session, pause)

        resume(session, shown=shown, withhold=shown.references, by=ANNE, now=after)

        unsent = session.scalars(
            select(Delivery.case).where(Delivery.forward_id.is_not(None), Delivery.due_at.is_not(None))
        )
        assert list(unsent) == [new.reference]
