"""Which customers a breach affects: pasted as references, read from a file, or all whose contract ran between two days.

Whatever the way: references that are not known are listed, and nothing is half done.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from storage.breach_errors import UnknownCustomers
from storage.breach_facts import Value
from storage.breach_types import DataKind, FactName
from storage.customers import find_customers
from storage.models import Breach, Customer
from storage.requests import DATA_HELD_AFTER_CONTRACT
from storage.tables import BadCell, BadLine, BadTable, Row, cell, items, read_table

WORD = re.compile(r"\w+(?:[.\-–]\w+)*")
"""A reference as people paste it; whatever stands between two is a separator."""
COLUMNS = ("data_kinds", "persons", "records")


@dataclass(frozen=True)
class Line:
    """A customer of the file, and what is known of it alone."""

    reference: str
    facts: Mapping[FactName, Value]


@dataclass(frozen=True)
class Active:
    """Customers whose contract ran on some day of the two and between; `held` ended shortly before: data still here."""

    customers: Sequence[Customer]
    held: int


def read_references(text: str) -> tuple[str, ...]:
    """The references in a pasted text, each once, as the directory spells them."""
    return tuple(dict.fromkeys(word.upper() for word in WORD.findall(text)))


def find_named(session: Session, references: Collection[str]) -> list[Customer]:
    """The customers with these references, in this order. Raises UnknownCustomers with all that are not known."""
    known = find_customers(session, references)
    if unknown := [one for one in references if one.strip().upper() not in known]:
        raise UnknownCustomers(tuple(unknown))
    return [known[one.strip().upper()] for one in references]


def find_active(session: Session, first: date, last: date) -> Active:
    """Who was a customer on any day from the first to the last, both included. An end that is not known is none."""
    ran = or_(Customer.contract_end.is_(None), Customer.contract_end >= first)
    held_since = first - min(DATA_HELD_AFTER_CONTRACT, first - date.min)
    kept = (Customer.contract_end < first, Customer.contract_end >= held_since)
    started = _started(last)
    found = session.scalars(select(Customer).where(started, ran).order_by(Customer.reference)).all()
    held = len(session.scalars(select(Customer.id).where(started, *kept)).all())
    return Active(found, held)


def count_new(breach: Breach, customers: Collection[Customer]) -> int:
    """How many of these the breach does not name yet."""
    return len({one.id for one in customers} - {one.customer_id for one in breach.affected})


def read_lines(session: Session, path: Path) -> list[Line]:
    """The customers of a CSV file with the column customer_id, and perhaps data_kinds (|), persons, records.

    Raises BadTable with every bad line.
    """
    problems: list[BadLine] = []
    rows = read_table(path, problems, required=("customer_id",), optional=COLUMNS)
    known = find_customers(session, [row["customer_id"] for _, row in rows])
    lines: dict[str, Line] = {}
    for number, row in rows:
        try:
            one = _line(row, known, lines)
        except BadCell as error:
            problems.append(BadLine(number, str(error)))
        else:
            lines[one.reference] = one
    if problems:
        raise BadTable(problems)
    return list(lines.values())


def _started(last: date) -> ColumnElement[bool]:
    return or_(Customer.contract_start.is_(None), Customer.contract_start <= last)


def _line(row: Row, known: Collection[str], before: Collection[str]) -> Line:
    reference = cell(row, "customer_id").upper()
    if reference not in known:
        raise BadCell(f"There is no customer {reference}.")
    if reference in before:
        raise BadCell(f"{reference} stands there twice.")
    return Line(reference, _facts(row))


def _facts(row: Row) -> dict[FactName, Value]:
    """What the line says; an empty cell says nothing."""
    facts: dict[FactName, Value] = {}
    if kinds := items(row, "data_kinds"):
        facts[FactName.DATA_KINDS] = tuple(_kind(one) for one in kinds)
    for name in (FactName.PERSONS, FactName.RECORDS):
        if row.get(name.value):
            facts[name] = _number(row, name.value)
    return facts


def _kind(text: str) -> str:
    try:
        return DataKind(text.lower()).value
    except ValueError as error:
        raise BadCell(f"“data_kinds” are {', '.join(DataKind)}, separated by |.") from error


def _number(row: Row, column: str) -> int:
    """A count, perhaps with spaces between its thousands."""
    digits = re.sub(r"[\s\u00a0\u202f']", "", row[column])
    if not re.fullmatch(r"[0-9]{1,15}", digits):
        raise BadCell(f"“{column}” is no number such as 1200.")
    return int(digits)
