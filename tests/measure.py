"""`python -m tests.measure`: how soon Slack is answered while a 10 MB mail is being kept in the same database.

`python -m tests.measure import`: how long 50,000 customers take to be imported, and how long others wait for it.
`python -m tests.measure breaches`: how soon `/breach` is answered with 10,000 open breaches, one of 300 customers.
`python -m tests.measure notices`: a breach of 300 customers: the approval, and from it to the last acceptance by Exim.
`python -m tests.measure decisions`: how quickly letters are decided about among them (tests/decisions.py).
`python -m tests.measure budget FOLDER`: the budget of speed, by the benchmark in that folder (tests/budget.py).
Prints figures for one machine at one moment; nothing here passes or fails.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.home import look, render_home
from storage import breach_opening, journal
from storage.bulk import insert_rows, insert_with_ids
from storage.clock import now
from storage.database import Database, open_database, upgrade
from storage.messages import PART, Place, add_part, begin_message, finish_message
from storage.models import Affected, Breach, Customer, Delivery, Notice
from storage.types import DESK
from tests import budget
from tests.bot_support import ANNE, BORIS, CARLA, Desk, running_desk
from tests.servers import Dovecot, Exim
from tests.storage_support import storage, write_csv
from tests.test_three_hundred import add_customers, is_settled, press, record_facts, whole_desk

CUSTOMERS = 50_000
PARTS = 10
COMMANDS = 30
BREACHES = 10_000


def main() -> None:
    if sys.argv[1:] == ["import"]:
        measure_imports()
    elif sys.argv[1:] == ["breaches"]:
        measure_breaches()
    elif sys.argv[1:] == ["notices"]:
        measure_notices()
    elif sys.argv[1:2] == ["budget"]:
        budget.main(Path(*sys.argv[2:3]))
    elif sys.argv[1:2] == ["decisions"]:
        sys.exit(subprocess.run([sys.executable, "-m", "tests.decisions", *sys.argv[2:]], check=False).returncode)
    else:
        measure_slack()


def measure_imports() -> None:
    """All new, all the same, and every tenth changed: by the real command, beside somebody who writes all the time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        upgrade(f"sqlite:///{folder}/desk.db")
        for what, changed in (("new", 0), ("unchanged", 0), ("a tenth changed", 10)):
            file = write_csv(folder / "customers.csv", (customer_of(n, changed) for n in range(1, CUSTOMERS + 1)))
            with waiting_writer(f"sqlite:///{folder}/desk.db") as waits:
                began, used = time.monotonic(), cpu_of_commands()
                said = storage("customers", "import", str(file), cwd=folder, database_url="sqlite:///desk.db")
                took, used = time.monotonic() - began, cpu_of_commands() - used
            sys.stdout.write(
                f"{CUSTOMERS} customers, {what}: {took:.1f} s, {used:.1f} s of CPU. Of {len(waits)} writes beside it "
                f"the slowest waited {max(waits):.2f} s, the median {statistics.median(waits) * 1000:.0f} ms.\n"
                f"  {said.stdout.splitlines()[-1]}\n"
            )


def cpu_of_commands() -> float:
    """Seconds of CPU that finished commands have used: the machine may be busy with something else."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def customer_of(number: int, changed: int) -> str:
    """A line with eight identifiers; every `changed`th has another address and another number."""
    other = 1 if changed and number % changed == 0 else 0
    names = f"C{number:05},Société {number} Martin,Martin {number}|SM {number},c{number}.example"
    keys = f"+331{number:08}|+33{4 + other}{number:08},S{number},privacy+c{number}@kavkom.example"
    return f"{names},{keys},dpo{other or ''}@c{number}.example,fr,2024-01-01,"


@contextmanager
def waiting_writer(url: str) -> Iterator[list[float]]:
    """Somebody who writes a line into the journal fifty times a second: how long each time took, in seconds."""
    stop, database, waits = threading.Event(), open_database(url), [0.0]

    def write() -> None:
        while not stop.wait(0.02):
            began = time.monotonic()
            with database.begin() as session:
                journal.record(session, "measured", by=DESK, now=now())
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join()
        database.dispose()


def measure_slack() -> None:
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


def measure_breaches() -> None:
    """The form, the list, one breach of 300 customers, and Home, as a person waits for them; nothing else runs."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        url = f"sqlite:///{name}/desk.db"
        upgrade(url)
        with running_desk(url, Path(name), patch) as desk:
            desk.bot.ticker.stop()
            large = open_breaches(desk)
            desk.workspace.command(ANNE, "/breach")
            for line in ("/breach", "/breach list", f"/breach {large}"):
                took = sorted(desk.workspace.command(ANNE, line).latency_ms for _ in range(COMMANDS))
                sys.stdout.write(f"{line}: median {statistics.median(took):.0f} ms, worst {took[-1]:.0f} ms\n")
            took = sorted(time_home(desk) for _ in range(COMMANDS))
            sys.stdout.write(f"Home: median {statistics.median(took):.0f} ms, worst {took[-1]:.0f} ms\n")


def measure_notices() -> None:
    """Shown for approval, approved, accepted: three hundred notices, four to each domain, through Dovecot and Exim."""
    with (
        tempfile.TemporaryDirectory() as name,
        pytest.MonkeyPatch.context() as patch,
        Dovecot() as dovecot,
        Exim(dovecot) as exim,
    ):
        url = f"sqlite:///{name}/desk.db"
        upgrade(url)
        with whole_desk(url, Path(name), dovecot, exim, patch) as desk:
            addresses = add_customers(desk.database, "w")
            reference = desk.open_breach(*addresses)
            record_facts(desk, reference)
            press(desk, BORIS, reference, "breach_notice", notice_step="ask")
            shown = press(desk, CARLA, reference, "breach_notice", notice_step="approve")
            began = time.monotonic()
            approved = desk.workspace.submit(CARLA, shown.view)
            while not is_settled(desk):
                time.sleep(0.05)
            settled = time.monotonic() - began
            with desk.database.reading() as session:
                both = select(func.max(Delivery.accepted_at), func.min(Notice.approved_at))
                took = both.join(Notice, Notice.id == Delivery.notice_id)
                accepted_at, approved_at = session.execute(took).one()
            assert accepted_at is not None
            assert approved_at is not None
    sys.stdout.write(
        f"{len(addresses)} customers: the notice shown for approval in {shown.latency_ms:.0f} ms, approved in "
        f"{approved.latency_ms:.0f} ms; the last acceptance after {(accepted_at - approved_at).total_seconds():.1f} s, "
        f"the last bounce after {settled:.1f} s\n"
    )


def time_home(desk: Desk) -> float:
    """Milliseconds to read and write what Home shows."""
    began = time.monotonic()
    render_home(look(desk.bot.desk, ANNE), "en")
    return (time.monotonic() - began) * 1000


def open_breaches(desk: Desk) -> str:
    """BREACHES open ones, three customers in each, and one of 300; its reference."""
    at = now()
    with desk.bot.desk.decide() as session:
        some = [
            Customer(reference=f"C1{n:03}", name=f"Shop {n}", request_address=f"a@shop{n}.example", language="en")
            for n in range(300)
        ]
        session.add_all(some)
        session.flush()
        large = breach_opening.open_breach(session, summary="A test", customers=some, aware_at=at, by=DESK, now=at)
        rows = [row_of(n, at) for n in range(BREACHES - 1)]
        ids = insert_with_ids(session, Breach, rows)
        known = {"added_at": at}
        insert_rows(
            session, Affected, [known | {"breach_id": id_, "customer_id": one.id} for id_ in ids for one in some[:3]]
        )
        return large.reference


def row_of(number: int, at: datetime) -> dict[str, object]:
    """An open breach, its deadline some minutes later than the one before."""
    return {
        "reference": f"BR-2025-{number:05}",
        "summary": "A test",
        "opened_at": at,
        "opened_by": "root",
        "aware_at": at,
        "deadline_at": at + timedelta(hours=48, minutes=number),
        "pace": 1,
    }


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
    main()
