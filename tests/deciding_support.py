"""Letters decided about as they come, against a directory that is recorded, in any AUTOMATIC_FORWARDING mode."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from mail.deciding import RecordedDirectory, consider
from mail.reading import Effective, read_mail
from mail.routing import Held, Route
from mail.settings import Automatic, ReadingSettings
from storage.database import Database, open_database
from storage.directory import apply as write_changes
from storage.directory import compare, read_customers
from tests.storage_support import HEADER

US = "privacy@kavkom.example"
TODAY = date(2026, 11, 24)


def line_of(
    reference: str, name: str, *, aliases: str = "", domain: str = "", number: str = "", sms: str = "", end: str = ""
) -> str:
    """A line of customers.csv; its intake alias is privacy+<reference>@."""
    alias, order = f"privacy+{reference.lower()}@kavkom.example", f"dpo@{reference.lower()}.example"
    return f"{reference},{name},{aliases},{domain},{number},{sms},{alias},{order},fr,2020-01-01,{end}"


@contextmanager
def directory_of(lines: Sequence[str], migrated_sqlite: Path, folder: Path) -> Iterator[Database]:
    """A database in this folder that knows these customers."""
    table = folder / "customers.csv"
    table.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    entries, _ = read_customers(table)
    database = open_database(f"sqlite:///{shutil.copy(migrated_sqlite, folder / 'desk.db')}")
    try:
        with database.begin() as session:
            write_changes(session, compare(session, entries))
        yield database
    finally:
        database.dispose()


def decide(database: Database, raw: bytes, automatic: Automatic = Automatic.IDENTIFIERS) -> Route | Held:
    """What becomes of a mail that came today."""
    return decide_all(database, [raw], automatic)[0]


def decide_all(database: Database, mails: Iterable[bytes], automatic: Automatic) -> list[Route | Held]:
    """What becomes of mails that came together, today."""
    read = [_read(raw) for raw in mails]
    with database.reading() as session:
        directory = RecordedDirectory(session, read)
        return [_considered(one, directory, automatic) for one in read]


def decide_in_all_modes(database: Database, raw: bytes) -> dict[Automatic, Route | Held]:
    """What becomes of a mail that came today, in each mode."""
    says = _read(raw)
    with database.reading() as session:
        directory = RecordedDirectory(session, [says])
        return {automatic: _considered(says, directory, automatic) for automatic in Automatic}


def _read(raw: bytes) -> Effective:
    return read_mail(raw, whole=True, own_domains=("kavkom.example",), own_address=US)


def _considered(says: Effective, directory: RecordedDirectory, automatic: Automatic) -> Route | Held:
    settings = ReadingSettings(database_url="sqlite:///desk.db", mail_address=US, automatic_forwarding=automatic)
    return consider(says, directory, settings=settings, junk=False, today=TODAY).outcome


def goes_to(outcome: Route | Held) -> str | None:
    return outcome.customer.reference if isinstance(outcome, Route) else None


def mail_of(
    body: str, *, subject: str = "Mes données", sender: str = "Jeanne Martin <jeanne.martin@courriel.example>"
) -> bytes:
    """A plain letter in UTF-8."""
    head = f"From: {sender}\r\nTo: {US}\r\nSubject: {subject}\r\nMessage-ID: <one@courriel.example>\r\n"
    kind = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    return f"{head}{kind}\r\n{body}\r\n".encode()
