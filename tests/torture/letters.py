"""Who writes to whom in the torture: customers with a mailbox each, and letters that differ only in their words."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from storage.database import Database
from storage.directory import apply as write_changes
from storage.directory import compare, read_customers
from tests.mail_support import COLUMNS, letter

_TOKEN = re.compile(rb"letter-token-([0-9a-f]{16})-end")


@dataclass(frozen=True)
class Client:
    """A customer: the address of ours that is its intake, and the address in its order."""

    reference: str
    intake: str
    address: str

    @property
    def line(self) -> str:
        """Its line of customers.csv."""
        language = "fr" if int(self.reference[1:]) % 2 else "en"
        return f"{self.reference},Client {self.reference},,,,,{self.intake},{self.address},{language},2023-01-01,,"


@dataclass(frozen=True)
class Posted:
    """A letter that must arrive at `client` exactly once; `token` stands in its body."""

    token: str
    client: Client
    raw: bytes


def make_clients(count: int, domain: str) -> list[Client]:
    """Customers whose intake addresses are plus-addresses of `privacy@domain`."""
    references = [f"C{number:04}" for number in range(1, count + 1)]
    return [Client(one, f"privacy+{one.lower()}@{domain}", f"dpo@{one.lower()}.{domain}") for one in references]


def import_clients(database: Database, clients: list[Client], folder: Path) -> None:
    table = folder / "customers.csv"
    table.write_text("\n".join([COLUMNS, *(client.line for client in clients), ""]), encoding="utf-8")
    entries, _ = read_customers(table)
    with database.begin() as session:
        write_changes(session, compare(session, entries))


def make_letters(count: int, clients: list[Client], chance: random.Random) -> list[Posted]:
    """All under one Message-ID, each from a sender of its own; some need care, one in fifty is large."""
    return [_make_letter(number, chance.choice(clients), chance) for number in range(count)]


def tokens_of(raw: bytes) -> set[str]:
    """The tokens of the letters whose words these bytes hold."""
    return {found.decode("ascii") for found in _TOKEN.findall(raw)}


def _make_letter(number: int, client: Client, chance: random.Random) -> Posted:
    token = f"{chance.getrandbits(64):016x}"
    body = f"Bonjour,\r\n\r\nEffacez toutes mes donnees.\r\nletter-token-{token}-end\r\n{_padding(number, chance)}"
    raw = letter(client.intake, sender=f"Personne {number} <p{number}@courriel.example>", body=body)
    return Posted(token, client, raw)


def _padding(number: int, chance: random.Random) -> str:
    """Nothing, 8-bit words, lines that begin with dots, a line too long for message/rfc822, or megabytes."""
    if number % 50 == 24:
        return "mot de passe oublié\r\n" * chance.choice([70_000, 250_000])
    return chance.choice(["", "", "données à caractère personnel\r\n", ".\r\n..\r\n.point\r\n", "x" * 1_500 + "\r\n"])
