"""`python -m storage`, as a person types it."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import directory, journal
from storage.backup import BackupRefused, back_up
from storage.database import Database, open_database
from storage.importing import import_directory
from tests.servers import free_port
from tests.storage_support import ANNE, NOW, STAFF_HEADER, customer_line, storage, write_csv


def customers_file(folder: Path, *lines: str) -> str:
    return str(write_csv(folder / "customers.csv", lines or (customer_line(1), customer_line(2))))


def import_in_process(url: str, file: str) -> None:
    database = open_database(url)
    entries, _ = directory.read_customers(Path(file))
    import_directory(database, entries, dry_run=False, by=ANNE)
    database.dispose()


def test_an_empty_database_is_made_and_upgraded_at_the_first_command(tmp_path: Path) -> None:
    said = storage("upgrade", cwd=tmp_path, database_url="sqlite:///desk.db")

    assert (said.returncode, said.stdout, said.stderr) == (0, "The database is at revision 0005.\n", "")
    assert (tmp_path / "desk.db").exists()


def test_customers_are_imported_and_listed(database_url: str, tmp_path: Path) -> None:
    file = customers_file(tmp_path)

    dry = storage("customers", "import", file, "--dry-run", cwd=tmp_path, database_url=database_url)
    real = storage("customers", "import", file, cwd=tmp_path, database_url=database_url)
    shown = storage("customers", "list", cwd=tmp_path, database_url=database_url)

    assert dry.stdout.splitlines() == [
        "+ C0001 Customer 1",
        "+ C0002 Customer 2",
        "Would import: 2 new, 0 changed, 0 not in the file, 0 unchanged. Nothing was changed.",
    ]
    assert real.stdout.splitlines()[-1] == "Imported: 2 new, 0 changed, 0 not in the file, 0 unchanged."
    assert re.fullmatch(r"2 customers read in \d+\.\d s\.\n", real.stderr)
    assert shown.stdout.splitlines() == [
        "C0001  Customer 1  dpo@c1.example  fr",
        "C0002  Customer 2  dpo@c2.example  fr",
    ]


def test_a_second_import_shows_what_changes_and_what_stays(sqlite_url: str, tmp_path: Path) -> None:
    import_in_process(sqlite_url, customers_file(tmp_path))
    file = customers_file(tmp_path, customer_line(1, name="Dupont Nord"))

    said = storage("customers", "import", file, cwd=tmp_path, database_url=sqlite_url)

    assert said.stdout.splitlines() == [
        "~ C0001 name: Customer 1 -> Dupont Nord",
        "Not in the file, left as they are: C0002",
        "Imported: 0 new, 1 changed, 1 not in the file, 0 unchanged.",
    ]


def test_bad_lines_get_a_sentence_each_and_nothing_is_imported(sqlite_url: str, tmp_path: Path) -> None:
    lines = [customer_line(number) for number in range(1, 2001)]
    for number in (10, 1000, 1999):
        lines[number] = lines[number].replace(",fr,", ",français,")

    said = storage("customers", "import", customers_file(tmp_path, *lines), cwd=tmp_path, database_url=sqlite_url)

    assert (said.returncode, said.stdout) == (1, "")
    progress, *problems = said.stderr.splitlines()
    assert progress.startswith("2000 customers read in ")
    assert problems == [
        *(f"line {line}: “language” is no two-letter code such as fr or en." for line in (12, 1002, 2001)),
        "Nothing was imported: 3 lines need mending.",
    ]


def test_a_directory_without_customers_says_how_to_import_them(sqlite_url: str, tmp_path: Path) -> None:
    said = storage("customers", "list", cwd=tmp_path, database_url=sqlite_url)

    assert said.stdout == "There are no customers yet: python -m storage customers import FILE.csv\n"


def test_staff_is_imported_and_listed(sqlite_url: str, tmp_path: Path) -> None:
    lines = ["U01ANNE,Anne,anne@kavkom.example,handler,fr,,", "U02BORIS,Boris,boris@kavkom.example,dpo,en,,"]
    file = str(write_csv(tmp_path / "staff.csv", lines, header=STAFF_HEADER))

    said = storage("staff", "import", file, cwd=tmp_path, database_url=sqlite_url)
    shown = storage("staff", "list", cwd=tmp_path, database_url=sqlite_url)

    assert said.stdout.splitlines() == ["+ U01ANNE handler", "+ U02BORIS dpo", "Imported: 2 people."]
    assert shown.stdout.splitlines() == ["U01ANNE   Anne   handler  fr", "U02BORIS  Boris  dpo      en"]


def test_a_bad_staff_file_changes_nothing(sqlite_url: str, tmp_path: Path) -> None:
    file = str(write_csv(tmp_path / "staff.csv", ["U01ANNE,Anne,anne,handler,fr,,"], header=STAFF_HEADER))

    said = storage("staff", "import", file, cwd=tmp_path, database_url=sqlite_url)

    assert said.returncode == 1
    assert said.stderr.splitlines() == [
        "line 2: “email” is no e-mail address such as dpo@example.org.",
        "Nothing was imported: 1 line needs mending.",
    ]


def test_a_file_that_is_not_there_is_said_so(sqlite_url: str, tmp_path: Path) -> None:
    said = storage("customers", "import", str(tmp_path / "none.csv"), cwd=tmp_path, database_url=sqlite_url)

    assert said.stderr.splitlines()[1:] == [
        "none.csv cannot be read: No such file or directory.",
        "Nothing was imported.",
    ]


def test_a_backup_is_a_whole_database_and_never_overwrites(sqlite_url: str, tmp_path: Path) -> None:
    import_in_process(sqlite_url, customers_file(tmp_path))

    first = storage("backup", "copy.db", cwd=tmp_path, database_url=sqlite_url)
    again = storage("backup", "copy.db", cwd=tmp_path, database_url=sqlite_url)

    assert (first.returncode, first.stdout) == (0, "Copied to copy.db.\n")
    assert (again.returncode, again.stderr) == (1, "copy.db exists already: nothing was overwritten.\n")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM customer").fetchone() == (2,)


def test_a_backup_that_cannot_be_written_leaves_nothing(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)

    with pytest.raises(BackupRefused, match=r"copy\.db could not be written"):
        back_up(database, tmp_path / "no" / "such" / "folder" / "copy.db")

    database.dispose()
    assert not (tmp_path / "no").exists()


def test_a_backup_of_postgresql_is_left_to_its_own_program(postgresql_url: str, tmp_path: Path) -> None:
    said = storage("backup", "copy.db", cwd=tmp_path, database_url=postgresql_url)

    assert said.returncode == 1
    assert "pg_dump" in said.stderr
    assert not (tmp_path / "copy.db").exists()


def test_the_journal_is_verified_and_tampering_is_said(database: Database, database_url: str, tmp_path: Path) -> None:
    with database.begin() as session:
        journal.record(session, "tested", by=ANNE, now=NOW)
    whole = storage("verify", cwd=tmp_path, database_url=database_url)
    with database.begin() as session:
        session.execute(text("UPDATE entry SET actor = 'nobody'"))

    tampered = storage("verify", cwd=tmp_path, database_url=database_url)

    assert whole.returncode == 0
    assert whole.stdout.startswith("The journal holds: 1 entries, head ")
    assert (tampered.returncode, tampered.stdout) == (1, "")
    assert tampered.stderr.splitlines() == [
        "Entry 1 was changed after it was written.",
        "The record does not hold. Keep this database as it is, and compare it with a backup.",
    ]


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [(["upgade"], "upgrade"), (["customers", "imprt", "x.csv"], "import")],
)
def test_an_unknown_command_gets_help_and_the_nearest_match(tmp_path: Path, typed: list[str], nearest: str) -> None:
    said = storage(*typed, cwd=tmp_path)

    assert (said.returncode, said.stdout) == (2, "")
    assert "Usage: python -m storage" in said.stderr
    assert said.stderr.rstrip().endswith(f"Did you mean “{nearest}”?")


def test_a_word_like_no_command_gets_help_without_a_guess(tmp_path: Path) -> None:
    said = storage("xyzzy", cwd=tmp_path)

    assert said.returncode == 2
    assert said.stderr.rstrip().endswith("“xyzzy” is no command here.")


def test_every_command_has_help(tmp_path: Path) -> None:
    said = storage("--help", cwd=tmp_path)

    assert said.returncode == 0
    for command in ("upgrade", "verify", "backup", "paused", "resume", "customers", "staff"):
        assert any(line.split()[:1] == [command] and len(line.split()) > 2 for line in said.stdout.splitlines())


def test_a_database_that_cannot_be_reached_is_said_in_a_sentence(tmp_path: Path) -> None:
    url = f"postgresql://desk:correct-horse@127.0.0.1:{free_port()}/desk"

    said = storage("customers", "list", cwd=tmp_path, database_url=url)

    assert (said.returncode, said.stdout) == (69, "")
    assert said.stderr == "The database cannot be reached (OperationalError): check DATABASE_URL.\n"


def test_a_folder_that_does_not_exist_is_said_in_a_sentence(tmp_path: Path) -> None:
    said = storage("upgrade", cwd=tmp_path, database_url="sqlite:///no/such/folder/desk.db")

    assert (said.returncode, said.stderr.count("\n")) == (69, 1)


def test_a_file_that_is_no_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, this is not a database at all." * 50)

    said = storage("upgrade", cwd=tmp_path, database_url="sqlite:///letter.txt")

    assert (said.returncode, said.stdout) == (69, "")
    assert said.stderr == "The database cannot be reached (DatabaseError): check DATABASE_URL.\n"


def test_a_database_that_was_dropped_is_said_in_a_sentence(postgresql_url: str, tmp_path: Path) -> None:
    said = storage("upgrade", cwd=tmp_path, database_url=postgresql_url + "_dropped")

    assert said.returncode == 69
    assert "Traceback" not in said.stderr
