"""What the tests of the record share: a few rows to begin with, threads that start together, the real commands."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from storage import arrivals, breach_opening, calls, outbox, requests
from storage.arrivals import Reading
from storage.clock import now
from storage.database import Database
from storage.ledger import read_row
from storage.messages import Place, find_kept, keep_message
from storage.models import Breach, Customer, Forward, Message, Request
from storage.types import Actor, Hold, Kind, Medium, Purpose

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 10, 23, 15, 40, tzinfo=UTC)
ANNE, BORIS = Actor("U01ANNE", "slack"), Actor("U02BORIS", "slack")
HEADER = (
    "customer_id,name,aliases,domains,phone_numbers,sms_sender_ids,intake_alias,order_address,language,"
    "contract_start,contract_end"
)
STAFF_HEADER = "slack_user,name,email,role,language,active_from,active_until"
Got = TypeVar("Got")
_numbers = count(1)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def add_customer(session: Session, reference: str = "C0001", **columns: Any) -> Customer:
    known = {"name": f"Customer {reference}", "request_address": f"{reference.lower()}@example.org", "language": "fr"}
    customer = Customer(reference=reference, **known | columns)
    session.add(customer)
    session.flush()
    return customer


def keep_letter(
    session: Session, raw: bytes = b"From: a@example.org\r\n\r\nHello\r\n", *, at: datetime = NOW
) -> Message:
    """A letter; one whose bytes are kept already gets another number on its envelope."""
    place = Place("privacy", "INBOX", 1, next(_numbers))
    if find_kept(session, [sha256(raw).hexdigest()]):
        raw = b"X-Number: %d\r\n" % place.uid + raw
    return keep_message(session, place, raw, received_at=at, now=at)


def receive(session: Session, *, at: datetime = NOW) -> Request:
    """A held request for access."""
    reading = Reading(Kind.REQUEST, ("access",), "fr")
    return arrivals.receive_request(
        session, keep_letter(session, at=at), reading, hold=Hold.NO_EVIDENCE, by=ANNE, now=at
    )


def forward(session: Session, request: Request, customer: Customer, *, at: datetime = NOW) -> Forward:
    return requests.forward_request(
        session, request, customer, evidence=("chosen",), own_address="privacy@kavkom.example", by=ANNE, now=at
    )


def open_breach(session: Session, *customers: Customer, now: datetime = NOW, **known: Any) -> Breach:
    """A breach of which we are aware since now, unless told otherwise."""
    known = known or {"aware_at": now}
    return breach_opening.open_breach(session, summary="A lost laptop", customers=customers, by=ANNE, now=now, **known)


def waive_all(session: Session, breach: Breach) -> None:
    """Nothing in writing is owed to those who were spoken to."""
    for one in [one for one in breach.affected if read_row(one).owed]:
        calls.waive_documents(session, breach, one.customer, "They want none", by=ANNE, now=now())


def queue(
    session: Session,
    key: str,
    *,
    purpose: Purpose = Purpose.ANNOUNCEMENT,
    case: str = "BR-2026-0001",
    recipient: str = "direction@kavkom.example",
) -> bool:
    return outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=purpose,
        topic="test",
        recipient=recipient,
        language="fr",
        case=case,
        now=NOW,
    )


def together(number: int, act: Callable[[int], Got]) -> list[Got]:
    """What `act(0)`, `act(1)` … return, or raise as the first of them did, started at the same instant."""
    start = Barrier(number)

    def begin(which: int) -> Got:
        start.wait(10)
        return act(which)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


def waits_for_a_lock(database: Database) -> bool:
    """Whether a transaction of this PostgreSQL database waits for another one."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.reading() as session:
        return bool(session.scalar(text(waiting)))


def write_csv(path: Path, lines: Iterable[str], *, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join([header, *lines, ""]), encoding=encoding)
    return path


def customer_line(number: int, *, name: str | None = None, telephone: str = "") -> str:
    """A good line of customers.csv."""
    alias, address = f"privacy+c{number}@kavkom.example", f"dpo@c{number}.example"
    return (
        f"C{number:04},{name or f'Customer {number}'},,c{number}.example,{telephone},,{alias},{address},fr,2024-01-01,"
    )


def environment(database_url: str | None, **settings: str) -> dict[str, str]:
    """The environment of a command: this one without our settings, and these."""
    foreign = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    own = {name: os.environ[name] for name in foreign if name in os.environ}
    return own | ({"DATABASE_URL": database_url} if database_url else {}) | settings


def python(
    *arguments: str, cwd: Path, database_url: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run this Python in another folder, with these settings and no others."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(database_url, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def storage(*arguments: str, cwd: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    """`python -m storage …` as a person types it."""
    return python("-m", "storage", *arguments, cwd=cwd, **settings)


@contextmanager
def queries(database: Database) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    asked: list[str] = []

    def note(*args: object) -> None:
        asked.append(str(args[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine, "before_cursor_execute", note)
