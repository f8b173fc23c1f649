"""Where this record lives, and how far it had come: by these two it notices that it is a copy, or an older state.

A copy brings everything that is in it along, so the facts are about what a copy does not bring: the file's inode and
the instant it was made (a freed inode number is given out again at once), or PostgreSQL's identifiers.
Device numbers are left out: they change when a machine starts anew. A fact that cannot be read says nothing.
"""

import ctypes
import json
import os
import struct
from binascii import crc32
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, select, text
from sqlalchemy.orm import Session

from storage import journal
from storage.database import Database
from storage.models import Entry, Mark

HOME, PASSED = "home", "passed"
AT_FDCWD, STATX_BTIME = -100, 0x800
Facts = dict[str, str]

_POSTGRESQL = {
    "cluster": ("pg_control_system()", "SELECT system_identifier FROM pg_control_system()"),
    "database": (None, "SELECT oid FROM pg_database WHERE datname = current_database()"),
    "table": (None, "SELECT 'mark'::regclass::oid"),
    "timeline": (
        "pg_walfile_name(pg_lsn)",
        "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
    ),
}
"""`table` is new after a dump was restored into the same database; `timeline` after a recovery to a point in time."""


# --- where it lives ---


def find_home(session: Session) -> Facts:
    """What can be known of the place where this database lies."""
    file = _file_of(session)
    return _postgresql_facts(session) if file is None else _file_facts(file)


def remembered_home(session: Session) -> Facts | None:
    """Where it lived when it was last looked at; None before the first start."""
    mark = session.get(Mark, HOME)
    return json.loads(mark.value) if mark else None


def is_elsewhere(known: Facts, found: Facts) -> bool:
    """Whether two homes differ in something that is known of both."""
    return any(known[name] != found[name] for name in known.keys() & found.keys())


def _file_of(session: Session) -> str | None:
    return _file(session.get_bind().engine.url)


def _file(url: URL) -> str | None:
    return url.database if url.get_backend_name() == "sqlite" else None


def _file_facts(file: str) -> Facts:
    """Never by opening it: closing any descriptor of the file would drop the locks that SQLite holds on it."""
    facts = {"kind": "sqlite", "inode": str(Path(file).stat().st_ino)}
    if born := _birth_of(file):
        facts["born"] = born
    return facts


def _birth_of(file: str) -> str | None:
    """When the file was made, to the nanosecond, from statx(2); None where that is not kept."""
    statx = getattr(ctypes.CDLL(None), "statx", None)
    found = ctypes.create_string_buffer(256)
    if statx is None or statx(AT_FDCWD, os.fsencode(file), 0, STATX_BTIME, found) != 0:
        return None
    (mask,) = struct.unpack_from("=I", found, 0)
    seconds, nanoseconds = struct.unpack_from("=qI", found, 80)
    return f"{seconds}.{nanoseconds:09}" if mask & STATX_BTIME else None


def _postgresql_facts(session: Session) -> Facts:
    facts = {"kind": "postgresql"}
    allowed = text("SELECT has_function_privilege(:name, 'EXECUTE')")
    for name, (function, query) in _POSTGRESQL.items():
        if function is None or session.scalar(allowed, {"name": function}):
            facts[name] = str(session.scalar(text(query)))
    return facts


# --- how far it had come ---


def note_progress(database: Database) -> None:
    """Write beside an SQLite file how far its journal has come; every few seconds, and at the end of a process.

    Cheap and without fsync: a mark that is lost, torn or late only notices less. One that names what this journal does
    not know is left for `look_for_restore`.
    """
    file = _file(database.engine.url)
    if file is None:
        return
    with database.reading() as session:
        number, digest = journal.head(session)
        if number == 0 or lost_progress(session) is not None:
            return
    with suppress(OSError):
        _write(_beside(file), f"{number:020} {digest}")


def lost_progress(session: Session) -> str | None:
    """The mark beside the file when it names an entry that this journal does not have and nobody has answered yet."""
    file = _file_of(session)
    mark = _read(_beside(file)) if file else None
    if mark is None or knows(session, mark):
        return None
    passed = session.get(Mark, PASSED)
    return None if passed and passed.value == mark else mark


def knows(session: Session, mark: str) -> bool:
    """Whether the journal holds the entry that a mark names."""
    number, _, digest = mark.partition(" ")
    return session.scalar(select(Entry.hash).where(Entry.number == int(number))) == digest


def _beside(file: str) -> Path:
    return Path(f"{file}.mark")


def _write(path: Path, mark: str) -> None:
    """In place, so that no death leaves it empty; the sum tells a torn one."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(opened, _sealed(mark).encode("ascii"), 0)
    finally:
        os.close(opened)


def _read(path: Path) -> str | None:
    try:
        mark, _, _ = path.read_text(encoding="ascii").rpartition(" ")
        return mark if _sealed(mark) == path.read_text(encoding="ascii") and mark[:20].isdigit() else None
    except (OSError, ValueError):
        return None


def _sealed(mark: str) -> str:
    return f"{mark} {crc32(mark.encode('ascii')):08x}\n"
