"""Packs of evidence: what was received and sent, byte for byte, on a page that reads alone; and for whom not."""

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import delete, select, update

from bot.commands import app
from storage import failures, journal, messages, outbox, requests
from storage.clock import now
from storage.customers import get_customer
from storage.database import Database
from storage.models import Delivery, Entry, Message, MessagePart, Request
from storage.types import Means, Medium, Purpose
from tests.mail_support import (
    GARAGE,
    HOTEL,
    JEANNE,
    TO_GARAGE,
    TO_HOTEL,
    US,
    letter,
    mail_settings,
    opened_desk,
    running_mail,
)
from tests.playground.mailhost import MailHost
from tests.servers import Dovecot, Exim, wait_until
from tests.storage_support import ANNE

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


def reference_of(database: Database) -> str:
    with database.reading() as session:
        return session.scalars(select(Request.reference).order_by(Request.id)).one()


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Make a pack as a person types it: its files by name, the exit code, and where it is."""

    def make(url: str, *words: str, name: str = "proof.zip", **environ: str) -> "Pack":
        target = tmp_path / name
        monkeypatch.chdir(tmp_path)
        for key, value in ({"DATABASE_URL": url} | environ).items():
            monkeypatch.setenv(key, value)
        with pytest.raises(SystemExit) as end:
            app(["evidence", *words, "-o", str(target)], prog_name="python -m bot")
        return Pack(target, int(end.value.code or 0))

    return make


class Pack:
    """A pack as its reader has it."""

    def __init__(self, path: Path, code: int) -> None:
        self.path, self.code = path, code
        self.files: dict[str, bytes] = {}
        if path.exists():
            with ZipFile(path) as archive:
                assert archive.testzip() is None
                self.files = {name: archive.read(name) for name in archive.namelist()}

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
    mail_host: MailHost, database_url: str, tmp_path: Path, pack: Any
) -> None:
    with desk(mail_host, database_url, tmp_path) as database:
        mail_host.send(EIGHT_BIT, JEANNE, TO_GARAGE)
        mail_host.wait_for_mail(GARAGE)
        wait_for(database, Purpose.ACKNOWLEDGEMENT)
        reference = reference_of(database)

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
