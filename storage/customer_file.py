"""customers.csv: what its lines say of customers, every bad line with its reason; and customers back into lines."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from storage.naming import normal_name
from storage.progress import Counting
from storage.tables import ADDRESS, BadCell, BadLine, BadTable, Row, address, cell, day, items, read_day, read_table
from storage.telephones import is_number, read_number
from storage.types import KeyKind

REQUIRED = (
    *("customer_id", "name", "aliases", "domains", "phone_numbers", "sms_sender_ids", "intake_alias"),
    *("order_address", "language", "contract_start", "contract_end"),
)
OPTIONAL = ("order_reference", "breach_address", "breach_telephone", "acknowledge")
UNSAID: Mapping[str, Any] = dict.fromkeys(OPTIONAL) | {"acknowledge": True}
"""What is recorded of a new customer where the file has no such column."""

SAID_EVERY = 500
"""Lines after which a bar moves on."""


class Key(NamedTuple):
    """An identifier of a customer, normalised, with the days on which it is valid, both included."""

    kind: KeyKind
    value: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class Entry:
    """A customer as a line of the file describes it, or as it is recorded; `columns` are those of its row.

    A column that the file does not have is not among them: it says nothing of the customer.
    """

    reference: str
    columns: Mapping[str, Any]
    keys: frozenset[Key]
    line: int = field(default=0, compare=False)


def read_entries(path: Path, counting: Counting, *, own_address: str | None = None) -> list[Entry]:
    """The customers of a file, none of which has our own domain. Raises BadTable with every bad line."""
    own_domain = (own_address or "").lower().rpartition("@")[2]
    entries: list[Entry] = []
    problems: list[BadLine] = []
    seen: dict[str, int] = {}
    rows = read_table(path, problems, required=REQUIRED, optional=OPTIONAL)
    counting.total = len(rows)
    for number, (line, row) in enumerate(rows, 1):
        try:
            entry = _entry(row, line)
            _refuse_own(entry, own_domain)
            _refuse_repeated(entry, seen)
        except BadCell as error:
            problems.append(BadLine(line, str(error)))
        else:
            entries.append(entry)
        if number % SAID_EVERY == 0 or number == len(rows):
            counting.advance(number - counting.done)
    if problems:
        raise BadTable(problems)
    return entries


def write_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Write such a file, which must not exist and only we may read. Raises OSError."""
    with open(path, "x", encoding="utf-8", newline="", opener=_private) as file:
        csv.writer(file).writerows(rows_of(entries))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def rows_of(entries: Iterable[Entry]) -> Iterator[list[str]]:
    """The header and the lines that describe these customers: importing them again changes nothing.

    Aliases are those by which a customer is recognised, as they are compared.
    """
    yield [*REQUIRED, *OPTIONAL]
    for entry in entries:
        row = _row_of(entry)
        yield [row[column] for column in (*REQUIRED, *OPTIONAL)]


def _entry(row: Row, line: int) -> Entry:
    reference = cell(row, "customer_id").upper()
    if " " in reference or len(reference) > 32:
        raise BadCell("“customer_id” is at most 32 characters without spaces, such as C0412.")
    return Entry(reference, _columns(row), frozenset(_keys(row)), line)


def _columns(row: Row) -> dict[str, Any]:
    cell(row, "order_address")
    start, end = day(row, "contract_start"), day(row, "contract_end")
    if start and end and end < start:
        raise BadCell("“contract_end” lies before “contract_start”.")
    return {
        "name": cell(row, "name"),
        "request_address": address(row, "order_address"),
        "language": _language(row),
        "contract_start": start,
        "contract_end": end,
        **{column: read(row) for column, read in _OPTIONAL.items() if column in row},
    }


def _acknowledge(row: Row) -> bool:
    """Whether people whose requests this customer gets are told that we have passed them on; yes unless it says no."""
    value = row.get("acknowledge", "").lower() or "yes"
    if value not in {"yes", "no"}:
        raise BadCell("“acknowledge” is yes or no.")
    return value == "yes"


_OPTIONAL: dict[str, Callable[[Row], Any]] = {
    "order_reference": lambda row: row["order_reference"] or None,
    "breach_address": lambda row: address(row, "breach_address"),
    "breach_telephone": lambda row: _telephone(row["breach_telephone"]) if row["breach_telephone"] else None,
    "acknowledge": _acknowledge,
}


def _language(row: Row) -> str:
    value = cell(row, "language").lower()
    if not (len(value) == 2 and value.isascii() and value.isalpha()):
        raise BadCell("“language” is no two-letter code such as fr or en.")
    return value


def _keys(row: Row) -> Iterator[Key]:
    names = map(normal_name, (cell(row, "name"), *items(row, "aliases")))
    yield from (Key(KeyKind.NAME, name) for name in names if name)
    yield from (Key(KeyKind.DOMAIN, _domain(value)) for value in items(row, "domains"))
    yield from (Key(KeyKind.SMS_SENDER, value.upper()) for value in items(row, "sms_sender_ids"))
    yield from (_number(value) for value in items(row, "phone_numbers"))
    for value in items(row, "intake_alias"):
        if not ADDRESS.fullmatch(value) or "+" not in value.partition("@")[0]:
            raise BadCell("“intake_alias” is no address such as privacy+acme@kavkom.example.")
        yield Key(KeyKind.INTAKE_ALIAS, value.lower())


def _domain(value: str) -> str:
    if not ADDRESS.fullmatch(f"x@{value}"):
        raise BadCell(f"“domains” holds {value[:60]}, which is no domain such as example.org.")
    return value.lower()


def _number(value: str) -> Key:
    number, at, days = value.partition("@")
    first, dots, last = days.partition("..")
    if at and not dots:
        raise BadCell("“phone_numbers”: a period is written +33199000100@2025-01-01..2026-03-31.")
    valid_from = read_day(first, "phone_numbers") if first else None
    valid_to = read_day(last, "phone_numbers") if last else None
    if valid_from and valid_to and valid_to < valid_from:
        raise BadCell(f"“phone_numbers”: the period of {number[:30]} ends before it begins.")
    return Key(KeyKind.TELEPHONE, _telephone(number), valid_from, valid_to)


def _telephone(value: str) -> str:
    number = read_number(value)
    if number is None and is_number(value):
        raise BadCell(f"{value[:30]} cannot be a telephone number: its length is wrong.")
    if number is None:
        raise BadCell(f"{value[:30]} is no telephone number such as +33199000100.")
    return number


def _refuse_own(entry: Entry, own_domain: str) -> None:
    """A letter that only quotes our address would be taken for this customer's."""
    if own_domain and Key(KeyKind.DOMAIN, own_domain) in entry.keys:
        raise BadCell(f"“domains” holds {own_domain}, which is our own.")


def _refuse_repeated(entry: Entry, seen: dict[str, int]) -> None:
    unique = [entry.reference, *(key.value for key in entry.keys if key.kind is KeyKind.INTAKE_ALIAS)]
    for value in unique:
        if seen.setdefault(value, entry.line) != entry.line:
            raise BadCell(f"{value} stands on line {seen[value]} already.")


def _row_of(entry: Entry) -> Row:
    columns = entry.columns
    name = normal_name(columns["name"])
    lists = {
        "aliases": [key for key in _of_kind(entry, KeyKind.NAME) if key != name],
        "domains": _of_kind(entry, KeyKind.DOMAIN),
        "phone_numbers": _of_kind(entry, KeyKind.TELEPHONE),
        "sms_sender_ids": _of_kind(entry, KeyKind.SMS_SENDER),
        "intake_alias": _of_kind(entry, KeyKind.INTAKE_ALIAS),
    }
    plain = {column: str(columns[column] or "") for column in ("name", "language", "contract_start", "contract_end")}
    contacts = {column: columns[column] or "" for column in ("order_reference", "breach_address", "breach_telephone")}
    named = {column: "|".join(values) for column, values in lists.items()}
    own = {"customer_id": entry.reference, "order_address": columns["request_address"]}
    return own | plain | named | contacts | {"acknowledge": "yes" if columns["acknowledge"] else "no"}


def _of_kind(entry: Entry, kind: KeyKind) -> list[str]:
    """Only numbers have days in the file: of the rest it names what is had still."""
    if kind is KeyKind.TELEPHONE:
        return sorted(written(key) for key in entry.keys if key.kind is kind)
    return sorted(key.value for key in entry.keys if key.kind is kind and key.valid_to is None)


def written(key: Key) -> str:
    """An identifier as it is written in the file: with its days where it has any."""
    if key.valid_from is None and key.valid_to is None:
        return key.value
    return f"{key.value}@{key.valid_from or ''}..{key.valid_to or ''}"
