"""A backup is restored under the running mail half: nothing goes out a second time, and what waited goes on."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select, update

from mail.settings import MailSettings
from storage import home, journal, pauses, restored
from storage.backup import back_up
from storage.database import Database, open_current
from storage.gone_out import may_have_gone_out
from storage.models import Delivery, Heartbeat, Request
from storage.types import Medium
from tests.mail_support import GARAGE, JEANNE, TO_GARAGE, letter, mail_settings, opened_desk, receiver_of, running_mail
from tests.playground.mailhost import MailHost
from tests.servers import wait_until
from tests.storage_support import storage


def write(mail_host: MailHost, subject: str) -> None:
    mail_host.send(letter(subject=subject), JEANNE, TO_GARAGE)


def accepted(database: Database) -> int:
    with database.reading() as session:
        gone = select(func.count()).where(Delivery.medium == Medium.EMAIL, Delivery.accepted_at.is_not(None))
        return session.scalar(gone) or 0


def requests_known(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(Request)) or 0


def compared(database: Database) -> bool:
    with database.reading() as session:
        pause = pauses.is_paused(session)
        return pause is not None and not restored.not_compared(session, pause)


def take_in_without_sending(database: Database, settings: MailSettings) -> None:
    receiver_of(database, settings).receive_all()


def free_mailbox(database: Database) -> None:
    """What the end of a process does: the next poller, here in the same process, need not wait for the lease."""
    with database.begin() as session:
        session.execute(update(Heartbeat).values(holder=None, held_until=None))


@contextmanager
def started(url: str) -> Iterator[Database]:
    """As `python -m mail` starts and ends."""
    database = open_current(url)
    try:
        with restored.at_home(database):
            yield database
    finally:
        database.dispose()


def restore(copy: Path, file: Path) -> None:
    """As the README says."""
    for name in ("-wal", "-shm"):
        file.with_name(f"{file.name}{name}").unlink(missing_ok=True)
    shutil.copyfile(copy, file)


def test_a_restored_backup_sends_nothing_twice_and_goes_on_after_a_person_says_so(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    ports = {"imap_port": mail_host.imap_port, "smtp_port": mail_host.smtp_port}
    settings = mail_settings(sqlite_url, **ports, acknowledge=False)
    file, copy = Path(sqlite_url.removeprefix("sqlite:///")), tmp_path / "copy.db"
    with opened_desk(sqlite_url, tmp_path) as database:
        restored.look_for_restore(database)
        with running_mail(database, settings):
            write(mail_host, "before")
            wait_until(lambda: accepted(database) == 1, "the first forward")
        free_mailbox(database)
        write(mail_host, "queued when the backup is taken")
        take_in_without_sending(database, settings)
        free_mailbox(database)
        back_up(database, copy)
        with running_mail(database, settings):
            write(mail_host, "after the backup")
            wait_until(lambda: accepted(database) == 3, "all three forwards")
        home.note_progress(database)
    restore(copy, file)

    with started(sqlite_url) as database, running_mail(database, settings):
        write(mail_host, "while it is paused")
        wait_until(lambda: requests_known(database) == 4, "the letters after the backup taken in")
        wait_until(lambda: accepted(database) == 2, "what its receipt copy proves")
        wait_until(lambda: compared(database), "the mailbox compared")

        with database.reading() as session:
            pause = pauses.is_paused(session)
            assert pause is not None
            in_doubt = may_have_gone_out(session, pause)
            newest = session.scalar(select(func.max(Request.reference)))
        assert [(one.customer, one.purpose.value) for one in in_doubt.deliveries] == [("C0001", "forward")]
        assert in_doubt.waiting == 1
        assert newest is not None
        assert newest.endswith("-0202")
        assert len(mail_host.mailbox(GARAGE)) == 3

        said = storage("resume", "--withhold-all", "--yes", cwd=tmp_path, database_url=sqlite_url)

        assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "Sending goes on.")
        wait_until(lambda: len(mail_host.mailbox(GARAGE)) == 4, "what only waited")
        wait_until(lambda: accepted(database) == 3, "its acceptance recorded")
        with database.reading() as session:
            assert journal.verify(session) == []
    assert len(mail_host.mailbox(GARAGE)) == 4
