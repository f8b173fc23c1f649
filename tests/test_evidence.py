"""Packs of evidence: what was received and sent, byte for byte, on a page that reads alone; and for whom not."""

import csv
import io
import json
import os
import quopri
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bot.commands import app
from storage import arrivals, failures, journal, misrouting, requests
from storage.clock import now
from storage.customers import get_customers
from storage.database import Database, open_database
from storage.messages import PART, add_part, begin_message, finish_message
from storage.models import Breach, Call, CaseMail, Delivery, Entry, Message, MessagePart, Request, Staff
from storage.outbox import Words
from storage.recording import begin_recording, finish_recording
from storage.sightings import Place
from storage.staff_mails import send_original
from storage.types import Actor, Channel, Hold, Kind, Means, Purpose, Role
from tests.mail_support import (
    GARAGE,
    HOTEL,
    JEANNE,
    TO_GARAGE,
    US,
    letter,
    mail_settings,
    opened_desk,
    running_mail,
)
from tests.playground.mailhost import MailHost
from tests.servers import Chromium, Dovecot, Exim, need, wait_until
from tests.storage_support import ANNE, NOW, add_customer, environment, forward, hours, keep_letter, receive

EIGHT_BIT = letter(body="Bonjour,\r\n\r\nEffacez toutes mes données, s'il vous plaît.\r\n.\r\n..points\r\n")


@contextmanager
def desk(host: MailHost, url: str, folder: Path, **changed: Any) -> Iterator[Database]:
    settings = mail_settings(url, imap_port=host.imap_port, smtp_port=host.smtp_port, **changed)
    with opened_desk(url, folder) as database, running_mail(database, settings):
        yield database


def wait_for(database: Database, purpose: Purpose, number: int = 1) -> None:
    def count() -> int:
        with database.reading() as session:
            wanted = select(Delivery.id).where(Delivery.purpose == purpose, Delivery.accepted_at.is_not(None))
            return len(session.scalars(wanted).all())

    wait_until(lambda: count() >= number, f"{number} accepted: {purpose}")


Packer = Callable[..., "Pack"]


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Packer:
    """Make a pack as a person types it: its files by name, the exit code, and where it is."""

    def make(url: str, *words: str, name: str = "proof.zip") -> "Pack":
        target = tmp_path / name
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(SystemExit) as end:
            app(["evidence", *words, "-o", str(target)], prog_name="python -m bot")
        return Pack(target, int(end.value.code or 0))

    return make


class Pack:
    """A pack as its reader has it."""

    def __init__(self, path: Path, code: int) -> None:
        self.path, self.code = path, code

    @cached_property
    def files(self) -> dict[str, bytes]:
        with ZipFile(self.path) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def page(self) -> str:
        return self.files["index.html"].decode()

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.files[name].decode())))

    def check(self, folder: Path) -> str:
        """What sha256sum says of it."""
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        done = subprocess.run(
            ["sha256sum", "-c", "--strict", "manifest.txt"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def test_a_pack_holds_the_letter_and_the_forward_byte_for_byte(
    mail_host: MailHost, database_url: str, tmp_path: Path, pack: Packer
) -> None:
    with desk(mail_host, database_url, tmp_path) as database:
        mail_host.send(EIGHT_BIT, JEANNE, TO_GARAGE)
        mail_host.wait_for_mail(GARAGE)
        wait_for(database, Purpose.ACKNOWLEDGEMENT)
        [reference] = references(database)

        made = pack(database_url, reference)

        [sent] = [one.raw for one in mail_host.accepted if one.rcpt_tos[0] == GARAGE]
        [received] = [one.raw for one in mail_host.accepted if one.rcpt_tos[0] == TO_GARAGE]
        assert made.code == 0
        assert made.files["forward-C0001.eml"] == sent
        assert made.files["original.eml"].endswith(received)
        with database.reading() as session:
            delivery = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.FORWARD)).one()
            original = session.get_one(Message, delivery.original_id)
        assert sha256(made.files["forward-C0001.eml"]).hexdigest() == delivery.sha256
        assert sha256(made.files["original.eml"]).hexdigest() == original.sha256
        assert set(made.files) == {
            *("original.eml", "forward-C0001.eml", "acknowledgement.eml", "deliveries.csv", "journal.csv"),
            *("journal-head.csv", "index.html", "manifest.txt"),
        }
        assert made.check(tmp_path / "unpacked").count(": OK") == 7
        assert delivery.reply
        assert delivery.reply in made.page
        assert "accord sur les données personnelles" in made.page
        assert "CMD-1001" in made.page
        assert made.path.stat().st_mode & 0o777 == 0o600


def test_what_the_customers_own_server_received_is_in_the_pack(
    dovecot: Dovecot, exim: Exim, database_url: str, tmp_path: Path, pack: Packer
) -> None:
    ours = f"privacy{tmp_path.name.lower()}@kavkom.example".replace("_", "")
    settings = mail_settings(
        database_url,
        imap_port=dovecot.imap_port,
        smtp_port=exim.smtp_port,
        mail_address=ours,
        imap_user=ours,
        imap_password=dovecot.password,
    )
    before = len(dovecot.mailbox(GARAGE))
    with opened_desk(database_url, tmp_path) as database, running_mail(database, settings):
        exim.send(EIGHT_BIT, JEANNE, ours)
        [arrived] = dovecot.wait_for_mail(GARAGE, before + 1)[before:]
        wait_for(database, Purpose.FORWARD)

        made = pack(database_url, *references(database))

    ours_below = arrived[arrived.index(b"Content-Transfer-Encoding: 8bit\r\nFrom: ") :]
    assert made.files["forward-C0001.eml"] == ours_below
    assert b"Received: " in arrived.removesuffix(ours_below)


def test_a_forward_that_travelled_as_base64_is_shown_as_it_travelled(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, pack: Packer
) -> None:
    mail_host.smtp.eight_bit = False
    with desk(mail_host, sqlite_url, tmp_path) as database:
        mail_host.append(US, "INBOX", EIGHT_BIT.replace(US.encode(), TO_GARAGE.encode()))
        wait_for(database, Purpose.ACKNOWLEDGEMENT)

        made = pack(sqlite_url, *references(database), "--language", "en")

    [sent] = [one.raw for one in mail_host.accepted if one.rcpt_tos[0] == GARAGE]
    assert b"application/octet-stream; name=original.eml" in sent
    assert made.files["forward-C0001.eml"] == sent
    assert made.page.count("The same as recorded") == 3, "the letter, the forward and the acknowledgement"


# --- a case in which much happened ---


def references(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Request.reference).order_by(Request.id)))


def route(database: Database, *customers: str) -> None:
    with database.begin() as session:
        [reference] = session.scalars(select(Request.reference))
        request = requests.get_request(session, reference, to_change=True)
        for customer in get_customers(session, customers):
            requests.forward_request(
                session, request, customer, evidence=("staff",), own_address=US, by=ANNE, now=now()
            )


def deliveries(database: Database, purpose: Purpose, recipient: str) -> list[Delivery]:
    with database.reading() as session:
        wanted = select(Delivery).where(Delivery.purpose == purpose, Delivery.recipient == recipient)
        found = list(session.scalars(wanted.order_by(Delivery.id)))
        session.expunge_all()
        return found


def again(database: Database, customer: str) -> None:
    with database.begin() as session:
        [reference] = session.scalars(select(Request.reference))
        request = requests.get_request(session, reference, to_change=True)
        failures.send_again(session, request, *get_customers(session, [customer]), by=ANNE, now=now())


def come_back(database: Database, customer: str) -> None:
    """The newest forward to a customer comes back from its server."""
    with database.begin() as session:
        [one] = get_customers(session, [customer])
        newest = select(Delivery).where(Delivery.purpose == Purpose.FORWARD, Delivery.recipient == one.request_address)
        delivery = session.scalars(newest.order_by(Delivery.id.desc())).first()
        assert delivery is not None
        report = keep_letter(session, b"From: mailer-daemon@relay.example\r\n\r\nIt came back.\r\n", at=now())
        failures.record_bounce(session, delivery, status="5.2.2", reason="full", message=report, by=ANNE, now=now())


@pytest.fixture(scope="module")
def busy_file(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A held letter that went to two customers: one came back and went again, the other was refused and telephoned;
    the person wrote again, and the garage replied."""
    folder = tmp_path_factory.mktemp("busy")
    url = f"sqlite:///{shutil.copy(migrated_sqlite, folder / 'desk.db')}"
    with MailHost() as host, desk(host, url, folder) as database:
        host.smtp.refused = {HOTEL}
        host.append(US, "INBOX", letter(US))
        wait_for(database, Purpose.ACKNOWLEDGEMENT)
        route(database, "C0001", "C0002")
        wait_for(database, Purpose.FORWARD)
        wait_until(lambda: bool(deliveries(database, Purpose.FORWARD, HOTEL)[0].refused_at), "the refusal")
        come_back(database, "C0001")
        again(database, "C0001")
        wait_for(database, Purpose.FORWARD, 2)
        with database.begin() as session:
            request = requests.get_request(session, *session.scalars(select(Request.reference)), to_change=True)
            [hotel] = get_customers(session, ["C0002"])
            failures.record_reached(session, request, hotel, means=Means.TELEPHONE, at=now(), by=ANNE, now=now())
        host.smtp.refused = set()
        follow_up = letter(US, body="Toujours rien ?\r\n", headers="In-Reply-To: <one@courriel.example>\r\n")
        host.append(US, "INBOX", follow_up.replace(b"<one@courriel.example>", b"<two@courriel.example>", 1))
        wait_for(database, Purpose.FOLLOW_UP, 2)
        [_, forwarded] = deliveries(database, Purpose.FORWARD, GARAGE)
        reply = f"In-Reply-To: {forwarded.message_id}\r\n"
        host.append(US, "INBOX", letter(US, sender=GARAGE, body="Bien recu, merci.\r\n", headers=reply))
        wait_until(lambda: mails_of(database) == 3, "the report, the follow-up and the reply")
    return folder / "desk.db"


def mails_of(database: Database) -> int:
    with database.reading() as session:
        return len(session.scalars(select(CaseMail)).all())


@pytest.fixture
def busy_url(busy_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(busy_file, tmp_path / 'busy.db')}"


@pytest.fixture
def busy(busy_url: str) -> Iterator[Database]:
    database = open_database(busy_url)
    yield database
    database.dispose()


BOTH = ("fr", "en")


@pytest.mark.parametrize("language", BOTH)
def test_everything_of_a_case_is_on_its_page_and_beside_it(busy_url: str, language: str, pack: Packer) -> None:
    made = pack(busy_url, "DSR-2026-0001", "--language", language)

    assert set(made.files) == {
        *("original.eml", "forward-C0001.eml", "forward-C0001-2.eml", "forward-C0002.eml", "follow-up-C0001.eml"),
        *("follow-up-C0002.eml", "acknowledgement.eml", "received-follow-up.eml", "received-reply-C0001.eml"),
        *("received-report-C0001.eml", "deliveries.csv", "journal.csv", "journal-head.csv", "index.html"),
        "manifest.txt",
    }
    for words in ("Garage Dupont", "Hotel Bellevue", "Anne Moreau", GARAGE, HOTEL, "CMD-1001", "5.2.2", JEANNE):
        assert words in made.page
    assert "550 5.1.1 No such mailbox here" in made.page
    assert "None" not in made.page
    expected = {
        "fr": (
            "Revenu comme non distribuable",
            "prévenu par téléphone",
            "confirme la réception",
            "heure de Paris",
            "s après",
        ),
        "en": (
            "Came back as undeliverable",
            "was told by telephone",
            "confirms receipt",
            "Paris time",
            "s after receipt",
        ),
    }
    for words in expected[language]:
        assert words in made.page
    assert f'<html lang="{language}">' in made.page
    assert "http" not in made.page.replace("http://www.w3.org/2000/svg", ""), "it needs nothing from elsewhere"


def test_the_tables_hold_every_mail_and_every_line(busy: Database, busy_url: str, pack: Packer) -> None:
    made = pack(busy_url, "DSR-2026-0001")

    [refused] = [row for row in made.rows("deliveries.csv") if row["refused_at"]]
    assert (refused["customer"], refused["reply"], refused["sha256"]) == ("C0002", "550 5.1.1 No such mailbox here", "")
    with busy.reading() as session:
        entries = journal.entries_of(session, "DSR-2026-0001")
        number, head = journal.head(session)
    rows = made.rows("journal.csv")
    assert [row["action"] for row in rows] + ["evidence-exported"] == [entry.action for entry in entries]
    for row in rows:
        columns: list[Any] = [int(row["number"]), *(row[name] or None for name in list(row)[1:-1])]
        text = json.dumps(columns, separators=(",", ":"), ensure_ascii=True)
        assert sha256(text.encode()).hexdigest() == row["hash"], "as the page says that it is to be checked"
    [shown] = made.rows("journal-head.csv")
    assert (int(shown["number"]), number) == (entries[-1].number - 1, entries[-1].number)
    assert shown["hash"] == entries[-1].previous
    assert head == entries[-1].hash


def test_that_a_pack_was_made_is_in_the_journal_with_its_hash(busy: Database, busy_url: str, pack: Packer) -> None:
    made = pack(busy_url, "DSR-2026-0001", "--customer", "C0001")

    with busy.reading() as session:
        entry = journal.entries_of(session, "DSR-2026-0001")[-1]
        assert journal.verify(session) == []
    assert (entry.action, entry.clause, entry.origin) == ("evidence-exported", "7", "shell")
    assert json.loads(entry.detail) == {
        "customer": "C0001",
        "files": len(made.files),
        "sha256": sha256(made.path.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize("language", BOTH)
def test_the_page_fits_a_desk_and_a_telephone(busy_url: str, tmp_path: Path, language: str, pack: Packer) -> None:
    need(Chromium)
    page = tmp_path / "index.html"
    page.write_text(pack(busy_url, "DSR-2026-0001", "--language", language).page, encoding="utf-8")

    with Chromium() as browser:
        browser.driver.get(page.as_uri())
        for width in (1200, 360):
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= width
            marks = browser.driver.execute_script(
                "return [...document.querySelectorAll('.drawing svg svg > :first-child')]"
                ".map(mark => mark.getBoundingClientRect()).map(box => [box.left, box.right])"
            )
            listed = browser.driver.execute_script("return document.querySelectorAll('.steps li').length")
            assert len(marks) == listed > 15
            assert all(0 <= left < right <= width for left, right in marks)


NOT_SENT = {
    "fr": ("un membre de notre équipe doit décider", "rien n’a été transmis"),
    "en": ("has to decide", "nothing was sent on"),
}
BEFELL = {
    "fr": (
        *("par la poste", "le compte «\u00a0root\u00a0»", "Retardé en chemin", "Retiré avant l’envoi", "Nouvel envoi"),
        *("n’a pas pu être joint par un portail", "Peut-être pas le bon client"),
    ),
    "en": (
        *("by post", "the account “root”", "Delayed on its way", "Withdrawn before it was sent", "Sent again to"),
        *("could not be reached through a portal", "Perhaps the wrong customer"),
    ),
}


def url_of(session: Session) -> str:
    return session.get_bind().engine.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("language", BOTH)
def test_a_letter_that_nobody_has_yet_says_so(database: Database, language: str, pack: Packer) -> None:
    with database.begin() as session:
        held, aside = receive(session), receive(session)
        requests.set_aside(session, aside, "other: <b>spam</b>", by=ANNE, now=NOW + hours(2))
        told, url = aside.reference, url_of(session)
        waiting = held.reference

    pages = [pack(url, one, "--language", language, name=f"{one}.zip").page for one in (waiting, told)]

    for page, words in zip(pages, NOT_SENT[language], strict=True):
        assert words in page
    other = {"fr": "autre motif\u00a0:", "en": "another reason:"}[language]
    assert f"({other} &lt;b&gt;spam&lt;/b&gt;)" in pages[1]
    assert "2026-10-23 17:40:00 UTC" in pages[1]


@pytest.mark.parametrize("language", BOTH)
def test_a_letter_by_post_and_everything_that_may_befall_a_forward_has_its_words(
    database: Database, language: str, pack: Packer
) -> None:
    with database.begin() as session:
        number = begin_recording(session, received_at=NOW, size=3, sender=None)
        add_part(session, number, 0, b"pdf")
        request = finish_recording(session, number, means="letter", by=Actor("root", "shell"), now=NOW + hours(1))
        customer = add_customer(session, name="Garage <du> Lac", order_reference="CMD & 7")
        sent = forward(session, request, customer, at=NOW + hours(2))
        [delivery] = sent.deliveries
        failures.record_delay(session, delivery, status=None, reason="", message=None, by=ANNE, now=NOW + hours(3))
        failures.redirect(
            session,
            request,
            customer,
            "autre@garage.example",
            instruction="M. Lac, au téléphone",
            own_address=US,
            by=ANNE,
            now=NOW + hours(4),
        )
        sent.misrouted_at, sent.misrouted_by = NOW + hours(9), "U01ANNE"
        session.add(
            Call(forward=sent, means=Means.PORTAL, reached=False, by="root", at=NOW + hours(5), recorded_at=NOW)
        )
        send_original(
            session, Staff(slack_user="U1", name="B", email="b@kavkom.example", role=Role.DPO, language="fr"),
            request.reference, request.message_id, gesture="1", by=ANNE, now=NOW + hours(6),
        )  # fmt: skip
        session.add(Breach(
            reference="BR-2026-0001", summary="", opened_at=NOW, opened_by="x", deadline_at=NOW, about=request.reference
        ))  # fmt: skip
        reference, url = request.reference, url_of(session)

    made = pack(url, reference, "--language", language)
    theirs = pack(url, reference, "--language", language, "--customer", "C0001", name="theirs.zip")

    for words in (*BEFELL[language], "Garage &lt;du&gt; Lac", "CMD &amp; 7", "autre@garage.example", "M. Lac, au"):
        assert words in made.page
    assert "BR-2026-0001" in made.page
    assert "BR-2026-0001" not in theirs.page
    assert "b@kavkom.example" in made.files["deliveries.csv"].decode()
    assert b"b@kavkom.example" not in b"".join(theirs.files.values())


# --- for one customer ---

CANARIES = ("Hotel", "Bellevue", "C0002", "hotel-bellevue", "550 5.1.1 No such mailbox")


@pytest.mark.parametrize("language", BOTH)
def test_a_pack_for_one_customer_tells_nothing_of_another(busy_url: str, language: str, pack: Packer) -> None:
    assert pack(busy_url, "DSR-2026-0001", "--customer", "C0002", name="theirs.zip").code == 0
    made = pack(busy_url, "DSR-2026-0001", "--customer", "C0001", "--language", language)

    assert {name for name in made.files if name.endswith(".eml")} == {
        *("original.eml", "forward-C0001.eml", "forward-C0001-2.eml", "follow-up-C0001.eml", "acknowledgement.eml"),
        *("received-follow-up.eml", "received-reply-C0001.eml", "received-report-C0001.eml"),
    }
    for name, content in made.files.items():
        for canary in CANARIES:
            assert canary.encode() not in content + quopri.decodestring(content), f"{canary} in {name}"
            assert canary not in name
    withheld = [row for row in made.rows("journal.csv") if row["action"] == "withheld"]
    assert {row["detail"] for row in withheld} == {"withheld"}
    assert len(withheld) >= 4, "routed, refused, told, and the pack that was made for it"
    assert all(len(row["hash"]) == 64 for row in withheld)


def test_a_colleagues_mail_around_a_letter_is_not_for_a_customer(database: Database, pack: Packer) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session)
        request.channel = Channel.COLLEAGUE
        forward(session, request, customer)
        reference, url = request.reference, url_of(session)

    ours = pack(url, reference)
    theirs = pack(url, reference, "--customer", "C0001", "--language", "en", name="theirs.zip")

    assert "original.eml" in ours.files
    assert "original.eml" not in theirs.files
    assert "which is not for customers" in theirs.page


# --- a wrong customer, and what is of no customer ---


def went_astray(session: Session, *, hold: Hold = Hold.SEVERAL_CUSTOMERS) -> tuple[Request, str]:
    """A request that reached C0001, which it did not concern, and then went to C0002; the breach's reference."""
    reading = arrivals.Reading(Kind.REQUEST, ("access",), "fr")
    message = keep_letter(session, b"From: jeanne@courriel.example\r\n\r\nC'est moi.\r\n")
    request = arrivals.receive_request(session, message, reading, hold=hold, by=ANNE, now=NOW)
    wrong, right = add_customer(session, "C0001"), add_customer(session, "C0002")
    [sent] = forward(session, request, wrong).deliveries
    sent.content, sent.message_id = b"Subject: A request\r\n\r\nC'est moi.\r\n", "<one@kavkom.example>"
    sent.sending_at, sent.accepted_at, sent.due_at = NOW, NOW, None
    wording = misrouting.Wording(Words("s", "t", "h"), "Sent to a wrong customer")
    done = misrouting.record_misrouted(session, request, wrong, wording=wording, lead=None, by=ANNE, now=NOW + hours(1))
    forward(session, request, right, at=NOW + hours(2))
    assert done.breach is not None
    return request, done.breach.reference


@pytest.mark.parametrize("language", BOTH)
def test_the_breach_of_a_request_that_went_astray_is_on_our_page(
    database: Database, language: str, pack: Packer
) -> None:
    with database.begin() as session:
        request, breach = went_astray(session)
        reference, url = request.reference, url_of(session)

    assert breach in pack(url, reference, "--language", language).page


@pytest.mark.parametrize("language", BOTH)
def test_a_wrong_customer_gets_nothing_of_the_letter_again(database: Database, language: str, pack: Packer) -> None:
    said = {"fr": "ne sont pas dans ce dossier", "en": "are not in this pack"}[language]
    with database.begin() as session:
        request, _ = went_astray(session)
        reference, url = request.reference, url_of(session)

    ours = pack(url, reference, "--language", language)
    theirs = pack(url, reference, "--customer", "C0001", "--language", language, name="theirs.zip")

    assert {"original.eml", "forward-C0001.eml"} <= set(ours.files)
    assert [name for name in theirs.files if name.endswith(".eml")] == []
    for content in theirs.files.values():
        assert b"C'est moi" not in content
        assert b"jeanne" not in content
    assert said in theirs.page
    assert said not in ours.page
    assert theirs.code == 0


@pytest.mark.parametrize("language", BOTH)
def test_the_page_claims_no_more_than_what_was_done(database: Database, language: str, pack: Packer) -> None:
    claim = {"fr": "transmise à l’entreprise qu’elle concerne", "en": "sent on to the company it concerns"}[language]
    with database.begin() as session:
        request, _ = went_astray(session)
        right = next(one for one in request.forwards if not one.misrouted_at)
        reference, url = request.reference, url_of(session)
    waiting = pack(url, reference, "--language", language)
    astray = pack(url, reference, "--language", language, "--customer", "C0001", name="astray.zip")
    with database.begin() as session:
        met = session.scalars(select(Delivery).where(Delivery.forward_id == right.id)).one()
        met.sending_at = met.accepted_at = NOW + hours(3)
        met.due_at = None

    done = pack(url, reference, "--language", language, name="done.zip")

    assert claim in done.page
    assert claim not in waiting.page
    assert claim not in astray.page


def test_a_customers_journal_does_not_tell_that_others_came_into_question(database: Database, pack: Packer) -> None:
    with database.begin() as session:
        request = receive(session)
        requests.set_aside(session, request, "other: not theirs", by=ANNE, now=NOW)
        requests.take_back(session, request, by=ANNE, now=NOW)
        request.hold = Hold.SEVERAL_CUSTOMERS
        forward(session, request, add_customer(session))
        reference, url = request.reference, url_of(session)

    theirs = pack(url, reference, "--customer", "C0001", name="theirs.zip")
    ours = pack(url, reference)

    lines = theirs.rows("journal.csv")
    assert [row["action"] for row in lines] == ["request-received", "withheld", "withheld", "request-routed"]
    assert [row["detail"] == "withheld" for row in lines] == [True, True, True, False]
    assert [row["hash"] for row in lines] == [row["hash"] for row in ours.rows("journal.csv")][:4]
    assert "no_evidence" in ours.rows("journal.csv")[0]["detail"].replace("-", "_")


@pytest.mark.parametrize("language", BOTH)
def test_a_line_changed_together_with_its_hash_does_not_fit_the_next_one(
    database: Database, language: str, pack: Packer
) -> None:
    with database.begin() as session:
        request = receive(session)
        forward(session, request, add_customer(session))
        entry = session.scalars(select(Entry).where(Entry.action == "request-received")).one()
        entry.actor = "U99EVIL"
        entry.hash, number = journal.hash_of(entry), entry.number
        reference, url = request.reference, url_of(session)

    made = pack(url, reference, "--language", language)

    assert made.code == 65
    assert {"fr": f"LA LIGNE {number} DU", "en": f"LINE {number} OF THE"}[language] in made.page


@pytest.mark.parametrize(("language", "words"), [("fr", "(message indésirable)"), ("en", "(spam)")])
def test_why_a_request_was_set_aside_is_said_in_words(
    database: Database, language: str, words: str, pack: Packer
) -> None:
    with database.begin() as session:
        request = receive(session)
        requests.set_aside(session, request, "spam", by=ANNE, now=NOW)
        reference, url = request.reference, url_of(session)

    assert pack(url, reference, "--language", language).page.count(words) == 2


# --- what is not as it was ---


def test_a_letter_that_was_erased_is_missed_loudly(
    busy: Database, busy_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    with busy.begin() as session:
        message_id = session.scalars(select(Request.message_id)).one()
        recorded = session.get_one(Message, message_id).sha256
        session.execute(delete(MessagePart).where(MessagePart.message_id == message_id))
        session.execute(update(Message).where(Message.id == message_id).values(sender=None, internet_id=None))

    made = pack(busy_url, "DSR-2026-0001", "--language", "en")

    said = capsys.readouterr().err
    assert made.code == 0
    assert "original.eml" not in made.files
    assert "forward-C0001-without-letter.eml" in made.files
    assert "original.eml: its text was erased" in said
    assert "forward-C0001-without-letter.eml: the letter inside it was erased" in said
    assert "Read this first" in made.page
    assert f"Erased; recorded was <code>{recorded}</code>" in made.page


def test_a_forward_of_which_nothing_is_left_keeps_its_hash(busy: Database, busy_url: str, pack: Packer) -> None:
    with busy.begin() as session:
        session.execute(update(Delivery).values(content=None))

    made = pack(busy_url, "DSR-2026-0001", "--language", "en")

    [accepted] = [row["sha256"] for row in made.rows("deliveries.csv") if row["file"] == "forward-C0001-2.eml"]
    assert "forward-C0001-2.eml" not in made.files
    assert f"Erased; recorded was <code>{accepted}</code>" in made.page


def test_a_changed_letter_is_said_loudly_and_by_the_exit_code(
    busy: Database, busy_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    with busy.begin() as session:
        message_id = session.scalars(select(Request.message_id)).one()
        part = session.get_one(MessagePart, (message_id, 0))
        part.content = part.content.replace(b"Effacez", b"Gardez ")

    made = pack(busy_url, "DSR-2026-0001", "--language", "en")

    said = capsys.readouterr().err
    assert made.code == 65
    assert b"Gardez" in made.files["original.eml"]
    assert "original.eml: THIS IS NOT WHAT WAS RECORDED" in said
    assert "original.eml IS NOT WHAT WAS RECORDED" in made.page
    assert "forward-C0001.eml IS NOT WHAT WAS RECORDED" in made.page


def test_a_changed_line_of_the_journal_is_said_loudly(
    busy: Database, busy_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    with busy.begin() as session:
        entry = session.scalars(select(Entry).where(Entry.action == "request-received")).one()
        entry.detail, number = "not even JSON: C0002", entry.number

    made = pack(busy_url, "DSR-2026-0001", "--customer", "C0001", "--language", "en")

    assert made.code == 65
    assert f"LINE {number} OF THE JOURNAL WAS CHANGED" in capsys.readouterr().err
    assert f"LINE {number} OF THE JOURNAL WAS CHANGED" in made.page
    assert made.rows("journal.csv")[0]["detail"] == "withheld"


# --- the file ---


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["DSR-2026-0404"], "There is no case DSR-2026-0404."),
        (["BR-2026-0007"], "BR-2026-0007"),
        (["dsr-2026-0001", "--customer", "C0003"], "was never forwarded to Ancien Client"),
        (["DSR-2026-0001", "--customer", "C9"], "no customer C9"),
    ],
)
def test_what_cannot_be_proved_gets_a_sentence(
    busy_url: str, pack: Packer, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = pack(busy_url, *words)

    assert made.code == 1
    assert sentence in capsys.readouterr().err
    assert not made.path.exists()
    assert list(made.path.parent.glob(".evidence-*")) == []


def test_a_file_that_is_there_is_overwritten_only_if_told_to(
    busy_url: str, tmp_path: Path, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "proof.zip").write_bytes(b"mine")

    assert pack(busy_url, "DSR-2026-0001", name="other.zip").code == 0
    with pytest.raises(SystemExit) as end:
        app(["evidence", "DSR-2026-0001", "-o", str(tmp_path / "proof.zip")], prog_name="python -m bot")

    assert end.value.code == 1
    assert "proof.zip exists already" in capsys.readouterr().err
    assert (tmp_path / "proof.zip").read_bytes() == b"mine"
    made = pack(busy_url, "DSR-2026-0001", "--force")
    assert made.code == 0
    assert "index.html" in made.files


def test_a_place_that_cannot_be_written_to_gets_a_sentence(
    busy: Database, busy_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    made = pack(busy_url, "DSR-2026-0001", name="nowhere/proof.zip")

    assert made.code == 1
    assert "proof.zip cannot be written there (No such file or directory)" in capsys.readouterr().err
    with busy.reading() as session:
        assert "evidence-exported" not in {entry.action for entry in journal.entries_of(session, "DSR-2026-0001")}


# --- large letters ---


def large_case(database: Database, size: int) -> str:
    """A request with a letter of so many parts, forwarded and not sent yet."""
    with database.begin() as session:
        place = Place("privacy", "INBOX", 7, 7)
        message = begin_message(session, place, received_at=now(), size=size * PART, now=now())
        for ordinal in range(size):
            add_part(session, message.id, ordinal, os.urandom(PART))
        finish_message(session, message.id, now=now())
        reading = arrivals.Reading(Kind.REQUEST, ("access",), "fr")
        request = arrivals.receive_request(session, message, reading, hold=Hold.NO_EVIDENCE, by=ANNE, now=now())
        return request.reference


def test_a_large_letter_takes_little_memory(sqlite_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]) -> None:
    database = open_database(sqlite_url)
    reference = large_case(database, 40)
    database.dispose()
    tracemalloc.start()
    made = pack(sqlite_url, reference)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert made.path.stat().st_size > 40 * PART
    assert peak < 16 * PART
    assert "MB written in" in capsys.readouterr().err


def test_a_death_leaves_no_half_pack(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url)
    reference = large_case(database, 60)
    words = [sys.executable, "-m", "bot", "evidence", reference, "-o", "proof.zip"]
    root = {"PYTHONPATH": str(Path(__file__).parent.parent)}

    process = subprocess.Popen(words, cwd=tmp_path, env=environment(sqlite_url, **root), stderr=subprocess.PIPE)
    wait_until(lambda: any(one.stat().st_size > PART for one in tmp_path.glob(".evidence-*.part")), "it is writing")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)

    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "proof.zip").exists()
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in tmp_path.glob(".evidence-*.part"))
    with database.reading() as session:
        assert "evidence-exported" not in {entry.action for entry in journal.entries_of(session, reference)}
    database.dispose()
