"""What tests share: real servers once per session, a mail host per test, both databases migrated once and copied."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.playground.mailhost import MailHost
from tests.servers import Dovecot, Exim, PostgreSQL, need

if TYPE_CHECKING:
    from storage.database import Database


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no test after DESK_TESTS_UNTIL (a Unix time, `.ci/run`): the others' verdict would come too late.

    One that failed before is run again whatever the time: skipped, it would count as none that failed.
    """
    is_first_run = getattr(item, "execution_count", 1) == 1  # pytest-rerunfailures counts them
    if is_first_run and time.time() > float(os.environ.get("DESK_TESTS_UNTIL", "inf")):
        pytest.skip("there is no time left for it")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    need(PostgreSQL)
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    need(Dovecot)
    with Dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def exim(dovecot: Dovecot) -> Iterator[Exim]:
    """Delivers to the fixture `dovecot`."""
    need(Exim)
    with Exim(dovecot) as server:
        yield server


@pytest.fixture
def mail_host() -> Iterator[MailHost]:
    with MailHost() as host:
        yield host


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database file to copy."""
    from storage.database import upgrade

    path = tmp_path_factory.mktemp("sqlite") / "desk.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres: PostgreSQL) -> str:
    """The URL of an empty, migrated database to use as a template."""
    from storage.database import upgrade

    url = postgres.create_database()
    upgrade(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database of each kind: a test that asks for it runs twice."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'desk.db')}"


@pytest.fixture
def postgresql_url(postgres: PostgreSQL, migrated_postgres: str) -> Iterator[str]:
    url = postgres.borrow_database(migrated_postgres)
    yield url
    postgres.give_back(url, template=migrated_postgres)


@pytest.fixture
def database(database_url: str) -> Iterator["Database"]:
    """The database of `database_url`, open."""
    from storage.database import open_database

    opened = open_database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def two_writers(postgresql_url: str) -> Iterator["Database"]:
    """A database in which two transactions write at once: on SQLite only one does."""
    from storage.database import open_database

    opened = open_database(postgresql_url)
    yield opened
    opened.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line on what was skipped for want of a server, and how to have it."""
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    found = [re.search(r"(\w+) is not installed: apt-get install (.+)", reason) for reason in reasons]
    missing = sorted({match.groups() for match in found if match})
    if missing:
        names, packages = (", ".join(name for name, _ in missing), " ".join(package for _, package in missing))
        terminalreporter.write_line(f"Skipped for want of {names}. To have them: apt-get install {packages}")
