"""`python -m tests.measure decisions [CUSTOMERS]`: how quickly letters are decided about among 50,000 customers.

Prints what one letter takes to be read, and its customer to be found, in each mode of AUTOMATIC_FORWARDING, in groups
as they come from a mailbox; and what remembering the directory takes of memory. Nothing here passes or fails.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from mail.deciding import RecordedDirectory, consider
from mail.names import known_names, rare_words
from mail.reading import Effective, read_mail
from mail.routing import Route
from mail.settings import Automatic, ReadingSettings
from storage.database import Database, open_database
from tests.deciding_support import TODAY, US, line_of, mail_of
from tests.storage_support import ROOT, storage, write_csv

CUSTOMERS = 50_000
LETTERS = 2_000
GROUP = 100
"""Letters decided about in one transaction (mail.md: what one FETCH brought)."""

TRADES = "Mutuelle Optique Piscines Courtage Isolation Formation Voyages Immobilier Chauffage Dentaire".split()
SYLLABLES = "ba ke ri lo mu ta ve si no du gra pel zor quil tran vic mor bec lan fou".split()


def measure(customers: int) -> Iterator[str]:
    """The lines of the report."""
    with tempfile.TemporaryDirectory() as name:
        url, folder = f"sqlite:///{name}/desk.db", Path(name)
        yield _filled(url, folder, customers)
        database = open_database(url)
        try:
            yield from _memory(database)
            letters = [_letter(number, customers) for number in range(LETTERS)]
            started = time.perf_counter()
            read = [read_mail(raw, whole=True, own_domains=("kavkom.example",), own_address=US) for raw in letters]
            reading = time.perf_counter() - started
            yield f"{LETTERS} letters, {customers} customers: read in {_ms(reading)} ms each"
            for automatic in Automatic:
                yield _decided(database, read, automatic, reading)
        finally:
            database.dispose()


def _filled(url: str, folder: Path, customers: int) -> str:
    """Import the directory as a company does, in processes that end."""
    table = write_csv(folder / "customers.csv", map(_line, range(1, customers + 1)))
    started = time.perf_counter()
    for command in (["upgrade"], ["customers", "import", str(table)]):
        storage(*command, cwd=ROOT, database_url=url).check_returncode()
    return f"{customers} customers imported in {time.perf_counter() - started:.1f} s"


def _memory(database: Database) -> Iterator[str]:
    """Only what is kept: the directory itself stays in its tables."""
    with database.reading() as session:
        before = _resident()
        known_names(session)
        names = _resident()
        rare_words(session).find_in("quillivic mutuelle")
        rare = _resident()
    yield f"resident: {before} MB, {names} MB with the names, {rare} MB with the rare words (evidence only)"


def _decided(database: Database, read: Sequence[Effective], automatic: Automatic, reading: float) -> str:
    settings = ReadingSettings(database_url="sqlite:///desk.db", mail_address=US, automatic_forwarding=automatic)
    forwarded, worst, started = 0, 0.0, time.perf_counter()
    for first in range(0, len(read), GROUP):
        group, began = read[first : first + GROUP], time.perf_counter()
        with database.reading() as session:
            directory = RecordedDirectory(session, group)
            for says in group:
                found = consider(says, directory, settings=settings, junk=False, today=TODAY).outcome
                forwarded += isinstance(found, Route)
        worst = max(worst, (time.perf_counter() - began) / len(group))
    finding = time.perf_counter() - started
    return (
        f"{automatic}: found in {_ms(finding)} ms each (worst group {worst * 1000:.2f} ms), "
        f"{len(read) / (reading + finding):.0f} decisions/s with reading, {forwarded} forwarded"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000 / LETTERS:.2f}"


def _resident() -> int:
    """MB of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 // 2**20


def _name(number: int) -> str:
    word = "".join(SYLLABLES[number // 20**at % 20] for at in range(4)).capitalize()
    return f"{word} {TRADES[number % len(TRADES)]}"


def _line(number: int) -> str:
    domain = f"{_name(number).lower().replace(' ', '-')}-{number}.example"
    return line_of(f"C{number:05}", _name(number), domain=domain, number=f"+3317{number:07}")


def _letter(number: int, customers: int) -> bytes:
    """Numbers, domains, names and nothing, in turn."""
    which = 1 + number * 7919 % customers
    digits = f"017{which:07}"
    said = (
        f"Le {' '.join(digits[at : at + 2] for at in range(0, 10, 2))} m'appelle tous les jours.",
        f"Je reçois des publicités de www.{_name(which).lower().replace(' ', '-')}-{which}.example.",
        f"{_name(which)} m'appelle tous les jours.",
        "On m'appelle tous les jours.",
    )[number % 4]
    return mail_of(f"Madame, Monsieur,\n\n{said} Je vous demande d'effacer mes données.\n\nJeanne Martin")


def main(arguments: Sequence[str]) -> None:
    for line in measure(int(arguments[0]) if arguments else CUSTOMERS):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
