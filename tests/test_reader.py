"""Mails are read in a process of its own: one that stalls is killed, one that dies is replaced, and nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mail.reader import NotRead, Raw, Reader
from mail.reading import parse_mail
from storage.database import Database
from storage.models import Request
from storage.requests import find_waiting
from storage.types import Hold
from tests.mail_support import JEANNE, TO_GARAGE, letter, mail_settings, open_intake, opened_desk
from tests.playground.mailhost import MailHost
from tests.servers import wait_until
from tests.storage_support import ROOT

MAILS = [Raw(letter(subject=f"Effacez mes donnees {number}"), whole=True) for number in range(3)]


@pytest.fixture
def own() -> Iterator[Reader]:
    with Reader(patience=20) as made:
        yield made


def read(reader: Reader, mails: list[Raw]) -> list[str]:
    return [one.says.letter.subject for one in reader.read_all(mails, own_domains=(), own_address=None)]


def is_running(pid: int) -> bool:
    """Whether it is a process that has not ended; one that nobody has waited for has."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


def test_it_says_what_one_reads_oneself(own: Reader) -> None:
    here = [parse_mail(*mail, own_domains=(), own_address=None) for mail in MAILS]

    assert own.read_all(MAILS, own_domains=(), own_address=None) == here


def test_one_that_died_is_replaced(own: Reader) -> None:
    own._process.kill()

    assert read(own, MAILS) == [f"Effacez mes donnees {number}" for number in range(3)]


def test_one_whose_own_files_are_missing_says_so_at_once(tmp_path: Path) -> None:
    for package in ("mail", "storage", "templates"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "mail" / "lexicon.toml").unlink()

    ended = subprocess.run(
        [sys.executable, "-m", "mail.reader", "0", "1"], cwd=tmp_path, stderr=subprocess.PIPE, timeout=30, check=False
    )

    assert ended.returncode
    assert b"lexicon.toml" in ended.stderr


def test_one_that_stalls_is_killed_and_replaced() -> None:
    with Reader(patience=2.0) as hasty:
        stalled = hasty._process.pid
        os.kill(stalled, signal.SIGSTOP)

        with pytest.raises(NotRead):
            read(hasty, [Raw(b"Subject: x\r\n\r\n" + b"x" * (1 << 20), whole=False)])
        assert not is_running(stalled)
        wait_until(lambda: reads_at_last(hasty), "the next reader")


def reads_at_last(reader: Reader) -> bool:
    try:
        return len(read(reader, MAILS)) == len(MAILS)
    except NotRead:  # on a busy machine a new process may need longer than this hasty one waits
        return False


def test_an_answer_that_was_not_heard_is_nobodys(own: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    receive, failures = own._receive, iter([True])

    def fail_once() -> Any:
        if next(failures, False):
            raise MemoryError
        return receive()

    monkeypatch.setattr(own, "_receive", fail_once)
    with pytest.raises(MemoryError):
        read(own, MAILS[:1])

    assert read(own, MAILS[1:2]) == ["Effacez mes donnees 1"]


def test_it_is_not_stopped_by_what_stops_the_process_that_made_it(own: Reader) -> None:
    assert len(read(own, MAILS)) == len(MAILS)
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(own._process.pid, number)

    pid = own._process.pid
    assert len(read(own, MAILS)) == len(MAILS)
    assert own._process.pid == pid


def test_one_that_stalls_when_nobody_is_left_ends_by_itself() -> None:
    code = (
        "import os, sys, time; import mail.reader as r; reader = r.Reader(patience=0.1); "
        "print(reader._process.pid, flush=True); "
        "reader._connection.send((['not a mail'] * 10**7, (), None)); time.sleep(9)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        pid = int(maker.stdout.readline())
        maker.kill()

        wait_until(lambda: not is_running(pid), "the end of the reader")


def test_it_ends_with_the_process_that_made_it() -> None:
    code = "import sys, time; from mail.reader import Reader; print(Reader()._process.pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as maker:
        assert maker.stdout is not None
        pid = int(maker.stdout.readline())
        assert is_running(pid)
        maker.kill()

        wait_until(lambda: not is_running(pid), "the end of the reader")


def test_a_mail_that_no_reader_survives_is_held_and_the_others_go_on(
    mail_host: MailHost, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is killed whenever it is given that mail: it dies at the same place again and again."""
    monkeypatch.setattr(Reader, "_ask", killed_over(b"Mortel", Reader._ask))
    with opened_desk(database_url, tmp_path) as database:
        for subject in ("Un", "Mortel", "Deux"):
            mail_host.send(letter(subject=subject), JEANNE, TO_GARAGE)
        ports = {"imap_port": mail_host.imap_port, "smtp_port": mail_host.smtp_port}
        with open_intake(database, mail_settings(database_url, **ports)) as intake:
            assert intake.sweep("INBOX") == 3

        assert [one.hold for one in waiting(database)] == [Hold.UNREADABLE]
        assert sent_on(database) == 2


def killed_over(subject: bytes, ask: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(self: Reader, mails: list[Raw], *own: object, **how: bool) -> Any:
        if any(subject in mail.head for mail in mails):
            if self._connection.closed:
                self._process, self._connection = self._start()
            self._process.kill()
        return ask(self, mails, *own, **how)

    return wrapped


def waiting(database: Database) -> list[Request]:
    with database.reading() as session:
        return find_waiting(session)


def sent_on(database: Database) -> int:
    with database.reading() as session:
        return sum(bool(one.forwards) for one in session.query(Request))
