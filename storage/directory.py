"""Importing the directory from customers.csv: all or nothing, with what would change shown before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import phonenumbers
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from storage.counters import next_numbers
from storage.customers import DIRECTORY
from storage.models import Customer, CustomerKey
from storage.naming import normal_name
from storage.tables import ADDRESS, BadCell, BadLine, BadTable, Row, address, cell, day, items, read_day, read_table
from storage.types import KeyKind

REQUIRED = (
    *("customer_id", "name", "aliases", "domains", "phone_numbers", "sms_sender_ids", "intake_alias"),
    *("order_address", "language", "contract_start", "contract_end"),
)
OPTIONAL = ("order_reference", "breach_address", "breach_telephone", "acknowledge")


class Key(NamedTuple):
    """An identifier of a customer, normalised, with the days on which it is valid."""

    kind: KeyKind
    value: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class Entry:
    """A customer as a line of the file describes it; `columns` are those of its row."""

    reference: str
    columns: dict[str, Any]
    keys: frozenset[Key]


@dataclass
class Changes:
    """What an import would do. Customers that the file does not name are left as they are."""

    added: list[Entry] = field(default_factory=list)
    changed: dict[str, tuple[Entry, list[str]]] = field(default_factory=dict)
    unchanged: int = 0
    absent: list[str] = field(default_factory=list)
    warnings: list[BadLine] = field(default_factory=list)


def read_customers(path: Path) -> tuple[list[Entry], list[BadLine]]:
    """The customers of a file, and warnings. Raises BadTable with every bad line."""
    entries: list[Entry] = []
    problems: list[BadLine] = []
    warnings: list[BadLine] = []
    seen: dict[str, int] = {}
    for line, row in read_table(path, problems, required=REQUIRED, optional=OPTIONAL):
        try:
            entry = _entry(row)
            _refuse_repeated(entry, seen, line)
        except BadCell as error:
            problems.append(BadLine(line, str(error)))
        else:
            entries.append(entry)
            warnings += [BadLine(line, warning) for warning in _doubts(entry)]
    if problems:
        raise BadTable(problems)
    return entries, warnings


def compare(session: Session, entries: Iterable[Entry]) -> Changes:
    """What importing these entries would change."""
    known = {customer.reference: customer for customer in session.scalars(select(Customer))}
    keys = _keys_by_customer(session)
    changes = Changes()
    for entry in entries:
        customer = known.pop(entry.reference, None)
        if customer is None:
            changes.added.append(entry)
        elif fields := _differences(customer, keys.get(customer.id, frozenset()), entry):
            changes.changed[entry.reference] = (entry, fields)
        else:
            changes.unchanged += 1
    changes.absent = sorted(known)
    return changes


def apply(session: Session, changes: Changes) -> None:
    """Write the changes, in bulk."""
    entries = [*changes.added, *(entry for entry, _ in changes.changed.values())]
    if changes.added:
        rows = [{"reference": entry.reference, **entry.columns} for entry in changes.added]
        session.execute(insert(Customer), rows)
    ids = _ids(session)
    changed = [{"id": ids[name], **entry.columns} for name, (entry, _) in changes.changed.items()]
    if changed:
        session.execute(update(Customer), changed)
        for row in changed:
            session.execute(delete(CustomerKey).where(CustomerKey.customer_id == row["id"]))
    keys = [
        {"customer_id": ids[entry.reference], **key._asdict()}
        for entry in entries
        for key in sorted(entry.keys, key=str)
    ]
    if keys:
        session.execute(insert(CustomerKey), keys)
    next_numbers(session, DIRECTORY, 1)


def _entry(row: Row) -> Entry:
    reference = cell(row, "customer_id").upper()
    if " " in reference or len(reference) > 32:
        raise BadCell("“customer_id” is at most 32 characters without spaces, such as C0412.")
    return Entry(reference, _columns(row), frozenset(_keys(row)))


def _columns(row: Row) -> dict[str, Any]:
    cell(row, "order_address")
    start, end = day(row, "contract_start"), day(row, "contract_end")
    if start and end and end < start:
        raise BadCell("“contract_end” lies before “contract_start”.")
    return {
        "name": cell(row, "name"),
        "request_address": address(row, "order_address"),
        "language": _language(row),
        "order_reference": row.get("order_reference") or None,
        "breach_address": address(row, "breach_address"),
        "breach_telephone": _telephone(row["breach_telephone"]) if row.get("breach_telephone") else None,
        "contract_start": start,
        "contract_end": end,
        "acknowledge": _acknowledge(row),
    }


def _acknowledge(row: Row) -> bool:
    """Whether people whose requests this customer gets are told that we have passed them on; yes unless it says no."""
    value = row.get("acknowledge", "").lower() or "yes"
    if value not in {"yes", "no"}:
        raise BadCell("“acknowledge” is yes or no.")
    return value == "yes"


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
    return Key(KeyKind.TELEPHONE, _telephone(number), valid_from, valid_to)


def _telephone(value: str) -> str:
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException as error:
        raise BadCell(f"{value[:30]} is no telephone number such as +33199000100.") from error
    if not phonenumbers.is_possible_number(number):
        raise BadCell(f"{value[:30]} cannot be a telephone number: its length is wrong.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _doubts(entry: Entry) -> Iterator[str]:
    for key in sorted(entry.keys, key=str):
        if key.kind is KeyKind.TELEPHONE and not phonenumbers.is_valid_number(phonenumbers.parse(key.value, None)):
            yield f"{key.value} is possible, but not a number in use; it was taken all the same."


def _refuse_repeated(entry: Entry, seen: dict[str, int], line: int) -> None:
    unique = [entry.reference, *(key.value for key in entry.keys if key.kind is KeyKind.INTAKE_ALIAS)]
    for value in unique:
        if seen.setdefault(value, line) != line:
            raise BadCell(f"{value} stands on line {seen[value]} already.")


def _differences(customer: Customer, keys: frozenset[Key], entry: Entry) -> list[str]:
    fields = [name for name, value in entry.columns.items() if getattr(customer, name) != value]
    kinds = {key.kind.value for key in keys ^ entry.keys}
    return fields + sorted(kinds - set(fields))


def _keys_by_customer(session: Session) -> dict[int, frozenset[Key]]:
    columns = (
        CustomerKey.customer_id,
        CustomerKey.kind,
        CustomerKey.value,
        CustomerKey.valid_from,
        CustomerKey.valid_to,
    )
    found: dict[int, set[Key]] = {}
    for customer_id, kind, value, valid_from, valid_to in session.execute(select(*columns)):
        found.setdefault(customer_id, set()).add(Key(kind, value, valid_from, valid_to))
    return {customer_id: frozenset(keys) for customer_id, keys in found.items()}


def _ids(session: Session) -> dict[str, int]:
    return {reference: number for number, reference in session.execute(select(Customer.id, Customer.reference))}
