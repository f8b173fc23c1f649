"""kill -9 of the bot around its commits and posts: no breach lost or doubled, no reminder lost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import arrivals, breach_opening, customers, journal, tasks
from storage.clock import now
from storage.database import Database, open_database
from storage.models import Breach, Delivery, Reminder
from storage.types import DESK, Hold, Kind, Medium, TaskKind
from tests.bot_support import ANNE, MANIFEST, fill, held_request
from tests.playground import people
from tests.playground.workspace import Workspace
from tests.servers import wait_until
from tests.storage_support import keep_letter

ROOT = Path(__file__).parent.parent
FORM = {"noticed_at": now().replace(second=0, microsecond=0), "summary": "Un ordinateur a disparu."}


@contextmanager
def process(environ: dict[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen(
        [sys.executable, "-m", *words], env=os.environ | environ, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@contextmanager
def prepared(url: str, folder: Path) -> Iterator[tuple[Database, Workspace, dict[str, str]]]:
    """A database, a workspace, and the environment of a bot between them."""
    database = open_database(url)
    fill(database)
    clock = folder / "clock"
    clock.write_text("0")
    with Workspace(MANIFEST) as workspace:
        environ = {
            "DATABASE_URL": url,
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_CHANNEL": workspace.channel,
            "SLACK_API_URL": workspace.api_url,
            "CLOCK_OFFSET_FILE": str(clock),
            "STAFF_LANGUAGE": "en",
        }
        try:
            yield database, workspace, environ
        finally:
            database.dispose()


def count(database: Database, table: type[Breach | Reminder]) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def all_posted(database: Database) -> bool:
    with database.reading() as session:
        slack = (Delivery.medium == Medium.SLACK, Delivery.due_at.is_not(None))
        waiting = session.scalar(select(func.count()).where(*slack))
        return waiting == 0 and bool(session.scalar(select(func.count()).where(Delivery.accepted_at.is_not(None))))


@pytest.mark.parametrize("point", ["bot:uncommitted", "bot:committed"])
def test_a_report_that_meets_a_death_is_one_breach_once_it_is_sent_again(
    database_url: str, tmp_path: Path, point: str
) -> None:
    with prepared(database_url, tmp_path) as (database, workspace, environ):
        with process(environ, "tests.dying", point, "bot") as doomed:
            workspace.await_connection(2)
            view = workspace.command(ANNE, "/breach").view
            assert view is not None
            first = workspace.submit(ANNE, view, FORM)
            assert doomed.wait(20) == -signal.SIGKILL
        assert not first.closed
        assert count(database, Breach) == (1 if point == "bot:committed" else 0)

        with process(environ, "bot"):
            workspace.await_connection(2)
            workspace.submit(ANNE, view, FORM)
            workspace.wait_for(workspace.messages, what="the card")

        assert count(database, Breach) == 1


@pytest.mark.parametrize("point", ["bot:before-posting", "bot:posted-unrecorded", "bot:post-recorded"])
def test_a_post_that_meets_a_death_appears_and_at_most_twice(database_url: str, tmp_path: Path, point: str) -> None:
    with prepared(database_url, tmp_path) as (database, workspace, environ):
        open_one(database)
        with process(environ, "tests.dying", point, "bot") as doomed:
            assert doomed.wait(20) == -signal.SIGKILL

        with process(environ, "bot"):
            wait_until(lambda: all_posted(database), "everything posted")

        cards = [message for message in workspace.messages() if "BR-" in message.text]
        assert len(cards) in ((1, 2) if point == "bot:posted-unrecorded" else (1,))


@pytest.mark.parametrize("point", ["bot:before-rung", "bot:rung-committed"])
def test_a_rung_that_meets_a_death_rings(database_url: str, tmp_path: Path, point: str) -> None:
    with prepared(database_url, tmp_path) as (database, workspace, environ):
        open_one(database)
        Path(environ["CLOCK_OFFSET_FILE"]).write_text(str(timedelta(hours=12, minutes=1).total_seconds()))
        with process(environ, "tests.dying", point, "bot") as doomed:
            assert doomed.wait(20) == -signal.SIGKILL

        with process(environ, "bot"):
            workspace.wait_for(lambda: rings(workspace), what="the reminder")
            wait_until(lambda: all_posted(database), "everything posted")

        assert len(rings(workspace)) == 1
        assert count(database, Reminder) == 1


@pytest.mark.parametrize("point", ["bot:date-uncommitted", "bot:date-committed"])
def test_a_date_that_meets_a_death_is_told_once(database_url: str, tmp_path: Path, point: str) -> None:
    with prepared(database_url, tmp_path) as (database, workspace, environ):
        with database.begin() as session:
            case, due_at = held_request(session).reference, now() - timedelta(hours=3)
            tasks.open_task(session, case, TaskKind.AUTHORITY, by=DESK, now=now(), due_at=due_at)
        with process(environ, "tests.dying", point, "bot") as doomed:
            assert doomed.wait(20) == -signal.SIGKILL

        with process(environ, "bot"):
            workspace.wait_for(lambda: workspace.direct_messages(ANNE), what="the reminder")
            wait_until(lambda: all_posted(database), "everything posted")

        assert len(workspace.direct_messages(ANNE)) == 1
        assert [one.recipient for one in mails(database)] == [people.ANNE.email]


@pytest.mark.parametrize("point", ["bot:digest-uncommitted", "bot:digest-committed"])
def test_figures_that_meet_a_death_are_told_once(database_url: str, tmp_path: Path, point: str) -> None:
    with prepared(database_url, tmp_path) as (database, workspace, environ):
        with database.begin() as session:
            journal.record(session, "began", by=DESK, now=now() - timedelta(days=3))
        with process(environ, "tests.dying", point, "bot") as doomed:
            assert doomed.wait(20) == -signal.SIGKILL

        with process(environ, "bot"):
            workspace.wait_for(workspace.messages, what="the figures")
            wait_until(lambda: all_posted(database), "everything posted")

        assert len(workspace.messages()) == 1
        assert [one.recipient for one in mails(database)] == [people.ANNE.email]


def test_a_letter_that_rings_meets_a_death_and_is_written_of_once(database_url: str, tmp_path: Path) -> None:
    with prepared(database_url, tmp_path) as (database, workspace, environ):
        with database.begin() as session:
            reading = arrivals.Reading(Kind.AUTHORITY, (), "fr")
            letter = keep_letter(session, at=now())
            arrivals.receive_request(session, letter, reading, hold=Hold.AUTHORITY, by=DESK, now=now())
        with process(environ, "tests.dying", "bot:rings-uncommitted", "bot") as doomed:
            assert doomed.wait(20) == -signal.SIGKILL

        with process(environ, "bot"):
            workspace.wait_for(lambda: workspace.direct_messages(ANNE), what="the direct message")
            wait_until(lambda: all_posted(database), "everything posted")

        assert [one.recipient for one in mails(database)] == [people.ANNE.email]


def mails(database: Database) -> list[Delivery]:
    with database.reading() as session:
        found = list(session.scalars(select(Delivery).where(Delivery.medium == Medium.EMAIL)))
        session.expunge_all()
        return found


def rings(workspace: Workspace) -> list[str]:
    threads = [message.ts for message in workspace.messages()]
    replies = [reply for ts in threads for reply in workspace.messages(thread=ts)]
    return [reply.text for reply in replies if "36 h" in reply.text or "Not told yet" in str(reply.blocks)]


def open_one(database: Database) -> None:
    with database.begin() as session:
        named = customers.get_customers(session, ["C0001"])
        at = now()
        opened = {"summary": "A test", "lead": people.BORIS.id, "by": DESK, "now": at}
        breach_opening.open_breach(session, customers=named, aware_at=at, **opened)  # type: ignore[arg-type]  # as it names them
