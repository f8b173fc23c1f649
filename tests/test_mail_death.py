"""kill -9 wherever a commit or a send has just happened or is about to: nothing lost, at most one repeat."""

import email
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import journal
from storage.database import Database
from storage.models import Delivery, Forward, Message, Request
from storage.types import Medium
from tests.dying import POINTS
from tests.mail_support import GARAGE, JEANNE, TO_GARAGE, environ_for, letter, mail_settings, opened_desk
from tests.playground.mailhost import MailHost
from tests.servers import wait_until

ROOT = Path(__file__).parent.parent
MAY_REPEAT = {"mail:final-dot", "mail:accepted-unrecorded"}


@contextmanager
def process(environ: dict[str, str], *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    everything = {**os.environ, **environ}
    running = subprocess.Popen([sys.executable, "-m", *words], env=everything, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def settled(database: Database) -> bool:
    """Everything e-mailed and recorded."""
    with database.reading() as session:
        waiting = session.scalar(
            select(func.count()).where(Delivery.medium == Medium.EMAIL, Delivery.due_at.is_not(None))
        )
        accepted = session.scalar(select(func.count()).where(Delivery.accepted_at.is_not(None)))
    return waiting == 0 and bool(accepted)


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("mail:")])
def test_a_death_loses_nothing_and_repeats_at_most_once(
    mail_host: MailHost, database_url: str, tmp_path: Path, point: str
) -> None:
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)
    environ = environ_for(settings)
    with opened_desk(database_url, tmp_path) as database:
        mail_host.send(letter(), JEANNE, TO_GARAGE)
        with process(environ, "tests.dying", point, "mail") as doomed:
            assert doomed.wait(30) == -signal.SIGKILL

        with process(environ, "mail"):
            wait_until(lambda: settled(database), "the forward accepted and recorded")

        forwards = mail_host.mailbox(GARAGE)
        assert len(forwards) in ((1, 2) if point in MAY_REPEAT else (1,))
        assert len({email.message_from_bytes(forward)["Message-ID"] for forward in forwards}) == 1
        with database.reading() as session:
            for table in (Message, Request, Forward):
                assert session.scalar(select(func.count()).select_from(table)) == 1
            assert journal.verify(session) == []
