"""Hostile mail, generated and collected: kept byte for byte, forwarded byte for byte, and nothing stands still.

`DESK_MAIL_CORPUS=/folder` adds every file of a folder and of its subfolders to what goes through the real servers.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import func, select

from mail.forward import Envelope, allowed, compose, form_of, splice
from mail.letter import read_letter
from mail.rights import read_rights
from mail.settings import MailSettings
from mail.words import forward_words
from storage import customers, requests
from storage.clock import now
from storage.database import Database, open_database
from storage.messages import read_parts
from storage.models import Customer, Forward, Message, Request
from storage.types import Actor
from tests.corpora import bounce_folder
from tests.hostile import mails, sample
from tests.mail_support import US, environ_for, letter, mail_settings
from tests.received import original_of, promised_sha256
from tests.servers import Dovecot, Exim
from tests.torture.deaths import UNHARMED, living
from tests.torture.letters import Client, import_clients, make_clients
from tests.torture.outcome import empty_queue, reported_by, wait_until_settled

ROOT = Path(__file__).parent.parent
BOUNDARY = "kavkom-m.1.abc"
GENERATED = 150
COLLEAGUE = Actor("U01ANNE", "slack")
derandomized = settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), print_blob=False
)


# --- pure ---


def composed(raw: bytes) -> bytes:
    """The forward of a mail, as the product makes it, up to the wire and back."""
    read = read_letter(raw)
    rights = read_rights(read.subject, read.text)
    at = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    customer = Customer(reference="C0001", name="Garage", request_address="dpo@garage.example", language="fr")
    request = Request(
        reference="DSR-2026-0001",
        message_id=1,
        received_at=at,
        kind=rights.kind,
        language=read.language,
        hold=None,
        rights=rights.rights,
    )
    forward = Forward(
        request=request,
        customer=customer,
        address="dpo@garage.example",
        order_reference=None,
        language="fr",
        evidence=(f"intake-alias:{US}",),
        routed_by="desk",
        routed_at=at,
    )
    words = forward_words(forward, read, company="Kavkom")
    envelope = Envelope(
        "Kavkom", US, forward.address, US, "<m.1.abc@kavkom.example>", "fr", at, sha256(raw).hexdigest()
    )
    content = compose(words, envelope, boundary=BOUNDARY, mixed=True)
    form = allowed(form_of([raw]), eight_bit=True)
    return b"".join(splice(content, [raw], form, boundary=BOUNDARY))


@derandomized
@given(mails())
def test_no_mail_breaks_its_reading_and_its_forward_holds_it_whole(raw: bytes) -> None:
    forward = composed(raw)

    assert sha256(original_of(forward)).hexdigest() == promised_sha256(forward) == sha256(raw).hexdigest()


@derandomized
@given(mails())
def test_what_people_are_shown_of_any_mail_is_bounded_and_clean(raw: bytes) -> None:
    read = read_letter(raw)

    assert len(read.text) <= 20_000
    assert len(read.subject) <= 500
    shown = read.subject + read.sender_name + "".join(one.name for one in read.attachments)
    assert not set(shown) & {"\0", "\r", "\n", "\u202e", "\u2028"}


@derandomized
@given(mails())
def test_our_own_words_of_any_mail_are_seven_bit_lines_that_any_relay_takes(raw: bytes) -> None:
    head = composed(raw).partition(b"filename=original.eml")[0]

    assert head.isascii()
    assert b"\0" not in head
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in head.split(b"\r\n"))


def test_no_mail_takes_for_ever() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.hostile"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert told.returncode == 0, told.stdout[-500:] + told.stderr[-500:]


# --- real ---


def collected() -> list[bytes]:
    """The interpreter's own test mails and the fetched bounces, where they are, and the files of DESK_MAIL_CORPUS."""
    spec = find_spec("test.test_email")
    folders = [Path(spec.origin).parent / "data"] if spec and spec.origin else []
    folders += [folder for folder in [bounce_folder()] if folder]
    folders += [Path(os.environ["DESK_MAIL_CORPUS"])] if os.environ.get("DESK_MAIL_CORPUS") else []
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.read_bytes() for path in paths]


def as_delivered(raw: bytes, to: str, number: int) -> bytes:
    """As a last server leaves it in a mailbox; the number makes each of them another mail."""
    return b"Return-Path: <p@courriel.example>\r\nDelivered-To: %s\r\nX-Number: %d\r\n%s" % (to.encode(), number, raw)


@dataclass
class Desk:
    """A mailbox of our own in Dovecot, and customers, of this test alone."""

    dovecot: Dovecot
    exim: Exim
    database: Database
    domain: str

    @property
    def ours(self) -> str:
        return f"privacy@{self.domain}"

    @cached_property
    def clients(self) -> list[Client]:
        return make_clients(3, self.domain)

    def settings(self, database_url: str) -> MailSettings:
        return mail_settings(
            database_url,
            imap_port=self.dovecot.imap_port,
            smtp_port=self.exim.smtp_port,
            mail_address=self.ours,
            imap_user=self.ours,
            imap_password=self.dovecot.password,
        )

    def feed(self, raws: Sequence[bytes]) -> list[bytes]:
        """Put them into the mailbox, by LMTP and by APPEND in turn; what the mailbox then holds."""
        for number, raw in enumerate(raws):
            to = self.clients[number % len(self.clients)].intake
            if number % 2:
                self.dovecot.deliver(b"X-Number: %d\r\n" % number + raw, "p@courriel.example", to)
            else:
                self.dovecot.append(self.ours, "INBOX", as_delivered(raw, to, number))
        return self.dovecot.mailbox(self.ours)

    def forwards(self) -> list[bytes]:
        return [mail for client in self.clients for mail in self.dovecot.mailbox(client.address)]

    def kept(self) -> list[bytes]:
        with self.database.reading() as session:
            return [b"".join(read_parts(session, one)) for one in session.scalars(select(Message.id))]

    def route_what_is_held(self) -> None:
        """A colleague sends on what does not read like a request: also such bytes must arrive as they are."""
        with self.database.begin() as session:
            client, *_ = customers.list_customers(session)
            for request in requests.find_waiting(session):
                requests.forward_request(
                    session, request, client, evidence=("staff",), own_address=self.ours, by=COLLEAGUE, now=now()
                )

    def routed(self) -> int:
        """How many forwards the record has; what is held, or no request, has none."""
        with self.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Forward)) or 0


@pytest.fixture
def desk(dovecot: Dovecot, exim: Exim, sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    database = open_database(sqlite_url)
    made = Desk(dovecot, exim, database, f"n{time.monotonic_ns()}.example")
    import_clients(database, made.clients, tmp_path)
    yield made
    database.dispose()


def test_hostile_mail_is_kept_and_forwarded_byte_for_byte_and_the_next_letter_goes_through(
    desk: Desk, sqlite_url: str, tmp_path: Path
) -> None:
    present = desk.feed([*sample(mails(), GENERATED), *collected(), letter("privacy@elsewhere.example")])
    log = tmp_path / "mail.log"

    with living(UNHARMED, environ_for(desk.settings(sqlite_url)), log) as process:
        wait_until_settled(desk.database, len(present))
        desk.route_what_is_held()
        wait_until_settled(desk.database, len(present))
        still_running = process.poll() is None

    assert still_running
    assert reported_by([log]) == Counter()
    assert Counter(map(digest, desk.kept())) == Counter(map(digest, present))
    assert desk.routed() > GENERATED
    empty_queue(desk.exim)
    forwards = desk.forwards()
    assert len(forwards) == desk.routed()
    assert all(digest(original_of(one)) == promised_sha256(one) for one in forwards)
    assert set(map(promised_sha256, forwards)) <= set(map(digest, present))
    assert any(digest(present[-1]) == promised_sha256(one) for one in forwards)


def digest(raw: bytes) -> str:
    return sha256(raw).hexdigest()
