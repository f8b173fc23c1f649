"""Opening the record: SQLite for one machine, PostgreSQL beyond it; who writes when; migrations at the start."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_LOCK = 0x4B61766B6F6D  # an advisory lock's number on PostgreSQL: "Kavkom"
DECIDING = MIGRATION_LOCK + 1


class BadDatabaseUrl(ValueError):
    """DATABASE_URL must look like sqlite:///desk.db or postgresql://user:password@host/name."""


class DatabaseTooNew(RuntimeError):
    """The database was made by a newer version of this program: install that version."""


@dataclass(frozen=True)
class Database:
    """An engine and the one way to write through it."""

    engine: Engine

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A session that writes, committed at the end. On SQLite writers queue fairly at a lock file."""
        with _turn(self.engine.url), self._writer() as connection, connection.begin():
            session = Session(connection, expire_on_commit=False)
            yield session
            session.flush()
            session.expunge_all()

    @contextmanager
    def begin_after(self, prepare: Callable[[Connection], None]) -> Iterator[Session]:
        """Like `begin`, after `prepare` has filled temporary tables on the same connection, which nobody waits for."""
        with self.engine.connect() as connection:
            try:
                _keep_temporary_tables_off_the_disk(connection)
                with connection.begin():
                    prepare(connection)
                connection.execution_options(writes=True)
                with _turn(self.engine.url), connection.begin():
                    session = Session(connection, expire_on_commit=False)
                    yield session
                    session.flush()
                    session.expunge_all()
            finally:
                connection.invalidate()  # the temporary tables go with it

    def _writer(self) -> Connection:
        return self.engine.connect().execution_options(writes=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads: it sees one state, and neither waits for writers nor holds them up."""
        with self._reader() as connection, Session(connection) as session:
            yield session

    def _reader(self) -> Connection:
        if self.engine.dialect.name == "sqlite":
            return self.engine.connect()
        return self.engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def dispose(self) -> None:
        self.engine.dispose()


def take_turn(session: Session, rows: Select[Any]) -> None:
    """Lock rows until the transaction ends, and see them as they are now: two colleagues may act on one case at once.

    On SQLite only one transaction writes, so what it read is still true.
    """
    if session.get_bind().dialect.name == "postgresql":
        locked = rows.with_for_update(key_share=True).execution_options(populate_existing=True)
        session.scalars(locked).all()


def take_the_floor(session: Session) -> None:
    """Be the only one who decides about mails until the transaction ends; on SQLite only one writes anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(DECIDING)))


def open_database(url: str) -> Database:
    """Open a database by its URL; nothing is connected yet. Raises BadDatabaseUrl."""
    parsed = read_url(url)
    if parsed.get_backend_name() == "postgresql":
        return Database(create_engine(parsed, pool_pre_ping=True, pool_size=10, connect_args={"connect_timeout": 10}))
    engine = create_engine(parsed, pool_size=10, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def read_url(url: str) -> URL:
    """The URL with the driver we use (psycopg 3). Raises BadDatabaseUrl."""
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except Exception as error:
        raise BadDatabaseUrl(BadDatabaseUrl.__doc__) from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    raise BadDatabaseUrl(BadDatabaseUrl.__doc__)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _keep_temporary_tables_off_the_disk(connection: Connection) -> None:
    """SQLite would put them into a file in /tmp, beside an encrypted disk perhaps."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute("PRAGMA temp_store=MEMORY")  # type: ignore[union-attr]  # connected


@contextmanager
def _turn(url: URL) -> Iterator[None]:
    """Wait for our turn to write. SQLite's own waiting is unfair: beside a busy writer it took 3.3 s, this 11 ms."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    lock = os.open(f"{url.database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


# --- migrations ---


def newest_revision() -> str:
    """The revision this program is made for: migrations are numbered 0001, 0002 …"""
    versions = resources.files("storage") / "migrations" / "versions"
    return max(path.name[:4] for path in versions.iterdir() if path.name[:4].isdigit())


def current_revision(engine: Engine) -> str | None:
    """The revision of the database, or None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(url: str) -> None:
    """Bring the database to this program's revision, one process at a time. Raises DatabaseTooNew, BadDatabaseUrl."""
    database = open_database(url)
    try:
        if _is_current(database.engine):
            return
        with _turn(database.engine.url), _migrating(database.engine) as connection:
            _run_migrations(connection)
    finally:
        database.dispose()


def open_current(url: str) -> Database:
    """Open a database, upgraded where needed: how each process starts."""
    upgrade(url)
    return open_database(url)


def _is_current(engine: Engine) -> bool:
    found, newest = current_revision(engine), newest_revision()
    if found is not None and found > newest:
        raise DatabaseTooNew(f"The database is at revision {found}, this program knows {newest}.")
    return found == newest


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A connection for DDL. On SQLite without foreign keys: a rebuilt table would delete its children."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]  # connected above
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        yield connection
        connection.commit()
        connection.invalidate()


def _run_migrations(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 10 MB that only an upgrade needs

    command.upgrade(migration_config(connection), "head")
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"The upgrade would break {len(broken)} references between rows; nothing was changed.")


def migration_config(connection: Connection | None = None) -> "Config":
    """Alembic's configuration, in code: no ini file to lose."""
    from alembic.config import Config  # noqa: PLC0415 - 10 MB that only an upgrade needs

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
