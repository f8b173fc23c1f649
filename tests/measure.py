"""`python -m tests.measure`: how soon Slack is answered while a 10 MB mail is being kept in the same database.

`python -m tests.measure decisions` runs tests/decisions.py instead. Prints figures for one machine at one moment;
nothing here passes or fails.
"""

import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.clock import now
from storage.database import Database, open_database, upgrade
from storage.messages import PART, Place, add_part, begin_message, finish_message
from tests.bot_support import ANNE, Desk, running_desk

PARTS = 10
COMMANDS = 30


def main() -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        url = f"sqlite:///{name}/desk.db"
        upgrade(url)
        with running_desk(url, Path(name), patch) as desk, keeping_mail(url):
            alone = [desk.workspace.command(ANNE, "/breach").latency_ms for _ in range(COMMANDS)]
            together = at_once(desk)
    sys.stdout.write(
        f"one after another: median {statistics.median(alone):.0f} ms, worst {max(alone):.0f} ms\n"
        f"{COMMANDS} at once: all within {max(together):.0f} ms\n"
    )


def at_once(desk: Desk) -> list[float]:
    with ThreadPoolExecutor(COMMANDS) as pool:
        return [reply.latency_ms for reply in pool.map(lambda _: desk.workspace.command(ANNE, "/dsr"), range(COMMANDS))]


@contextmanager
def keeping_mail(url: str) -> Iterator[None]:
    """Mails of 10 MB, one after another, a commit a part, as the intake keeps them."""
    stop, database = threading.Event(), open_database(url)
    thread = threading.Thread(target=keep_for_ever, args=(database, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        database.dispose()


def keep_for_ever(database: Database, stop: threading.Event) -> None:
    uid = 1_000_000
    while not stop.is_set():
        uid += 1
        with database.begin() as session:
            place = Place("privacy", "INBOX", 1, uid)
            message_id = begin_message(session, place, received_at=now(), size=PARTS * PART, now=now()).id
        for ordinal in range(PARTS):
            with database.begin() as session:
                add_part(session, message_id, ordinal, b"x" * PART)
        with database.begin() as session:
            finish_message(session, message_id, now=now())


if __name__ == "__main__":
    if sys.argv[1:2] == ["decisions"]:
        sys.exit(subprocess.run([sys.executable, "-m", "tests.decisions", *sys.argv[2:]], check=False).returncode)
    else:
        main()
