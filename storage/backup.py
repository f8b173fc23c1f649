"""A copy of an SQLite database, taken while the desk runs. The copy knows that it is one: see storage/restored.py."""

import sqlite3
from contextlib import closing
from datetime import UTC
from pathlib import Path

from storage.clock import now
from storage.database import Database
from storage.restored import COPY_TAKEN

_MARK_COPY = "INSERT OR REPLACE INTO mark (name, value, at) VALUES (?, '', ?)"


class BackupRefused(RuntimeError):
    """The copy cannot be made; the message says why."""


def back_up(database: Database, target: Path) -> None:
    """Copy the database to a new file, page by page, and check the copy. Raises BackupRefused."""
    source = database.engine.url.database
    if database.engine.dialect.name != "sqlite" or source is None:
        raise BackupRefused("This is PostgreSQL: use pg_dump, which copies it while it runs.")
    if target.exists():
        raise BackupRefused(f"{target.name} exists already: nothing was overwritten.")
    try:
        _copy(source, target)
    except (OSError, sqlite3.Error) as error:
        target.unlink(missing_ok=True)
        raise BackupRefused(f"{target.name} could not be written ({type(error).__name__}).") from error


def _copy(source: str, target: Path) -> None:
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)
        with copy:
            copy.execute(_MARK_COPY, (COPY_TAKEN, now().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")))
        if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("integrity_check failed")
