"""Importing the directory: what a file would change is compared outside, and written in one stroke.

What is to be written is put into temporary tables first, which nobody waits for. Then two statements copy it: of 50,000
new customers with 400,000 identifiers others wait less than a second (SQLite; on PostgreSQL nobody waits).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Integer, MetaData, Table, Text, delete, insert, select, update
from sqlalchemy.orm import Session

from storage import moving
from storage.bulk import table_of
from storage.clock import PARIS, now
from storage.counters import next_numbers
from storage.customer_file import UNSAID, Entry, Key, read_entries
from storage.customers import DIRECTORY
from storage.doubts import Doubt, find_doubts
from storage.models import Customer, CustomerKey
from storage.naming import normal_name
from storage.progress import Counting
from storage.types import KeyKind

COLUMNS = (
    *("name", "request_address", "language", "order_reference", "breach_address", "breach_telephone"),
    *("contract_start", "contract_end", "acknowledge"),
)
"""What a file says of a customer itself."""

HEALTH = ("address_bounced_at", "address_asked_at", "address_confirmed_at")
"""What is known of an address, and nothing of the next one."""


@dataclass(frozen=True)
class Difference:
    """What changes about a customer: a column from `old` to `new`, or identifiers of one kind lost and gained."""

    what: str
    old: tuple[Any, ...]
    new: tuple[Any, ...]


@dataclass(frozen=True)
class Changed:
    """A customer that is recorded otherwise than the file has it; `lost` are the ids of keys that go."""

    id: int
    entry: Entry
    differences: tuple[Difference, ...]
    gained: frozenset[Key]
    lost: tuple[int, ...]

    @property
    def fields(self) -> list[str]:
        """Which columns, then which kinds of identifiers."""
        return list(dict.fromkeys(one.what for one in self.differences))


@dataclass
class Changes:
    """What an import would do. Customers that the file does not name, `others`, are left as they are.

    `moved`: what goes from one to another without dates (storage/moving.py).
    """

    added: list[Entry] = field(default_factory=list)
    changed: dict[str, Changed] = field(default_factory=dict)
    unchanged: int = 0
    others: list[Entry] = field(default_factory=list)
    moved: list[Doubt] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.added or self.changed)

    @property
    def absent(self) -> list[str]:
        """The references of the others."""
        return [entry.reference for entry in self.others]


@dataclass(frozen=True)
class Recorded:
    """A customer as it is recorded, and the rows of its keys."""

    id: int
    entry: Entry
    rows: Mapping[Key, Sequence[int]]


class ChangedMeanwhile(Exception):
    """Somebody else imported since this was compared: the transaction is to be undone."""


def read_customers(
    path: Path, counting: Counting | None = None, *, own_address: str | None = None
) -> tuple[list[Entry], list[Doubt]]:
    """The customers of a file, and what is odd about single lines. Raises BadTable with every bad line.

    `own_address`: MAIL_ADDRESS, where that is known; its domain is no customer's.
    """
    entries = read_entries(path, counting or Counting(None), own_address=own_address)
    return entries, find_doubts(entries)


def find_recorded(session: Session) -> dict[str, Recorded]:
    """The whole directory, by reference and in its order."""
    rows = _keys_by_customer(session)
    named = select(Customer.id, Customer.reference, *(getattr(Customer, column) for column in COLUMNS))
    found = {}
    for id_, reference, *values in session.execute(named.order_by(Customer.reference)):
        keys = rows.get(id_, {})
        entry = Entry(reference, dict(zip(COLUMNS, values, strict=True)), frozenset(keys))
        found[reference] = Recorded(id_, entry, keys)
    return found


def compare(session: Session, entries: Iterable[Entry], *, today: date | None = None) -> Changes:
    """What importing these entries would change, on this day in Paris."""
    today = today or now().astimezone(PARIS).date()
    known = find_recorded(session)
    pairs = [_merged(known.pop(said.reference, None), said, today) for said in entries]
    moves = moving.find_moves((_keys_before(before), entry) for before, entry in pairs)
    changes = Changes(moved=moving.doubts_of(moves, today=today))
    for before, said in pairs:
        keys = moving.with_days(_keys_before(before), said.keys, moves, today=today)
        entry = said if keys == said.keys else replace(said, keys=keys)
        if before is None:
            changes.added.append(entry)
        elif differences := tuple(_differences(before.entry, entry)):
            changes.changed[entry.reference] = _changed(before, entry, differences)
        else:
            changes.unchanged += 1
    changes.others = [one.entry for one in known.values()]
    return changes


def _merged(before: Recorded | None, said: Entry, today: date) -> tuple[Recorded | None, Entry]:
    """What is recorded of a customer, and what would be: the file, and what it says nothing of."""
    if before is None:
        return None, replace(said, columns={**UNSAID, **said.columns})
    keys = moving.as_recorded(before.entry.keys, said.keys, today=today)
    return before, replace(said, columns={**before.entry.columns, **said.columns}, keys=keys)


def _keys_before(before: Recorded | None) -> frozenset[Key]:
    return before.entry.keys if before else frozenset()


def apply(session: Session, changes: Changes) -> None:
    """Write the changes within a transaction that is open already; others wait for all of it."""
    stage(session.connection(), changes)
    write_staged(session)
    for table in _staging().values():
        table.drop(session.connection())


def stage(connection: Connection, changes: Changes) -> None:
    """Put what is to be written into temporary tables of this connection: that locks nothing."""
    tables = _staging()
    for table in tables.values():
        table.create(connection)
    for name, rows in _staged_rows(changes).items():
        if rows:
            connection.execute(insert(tables[name]), rows)


def write_staged(session: Session, *, expected: int | None = None) -> None:
    """Write what was staged on the connection of this session.

    Raises ChangedMeanwhile when that does not make the `expected` version of the directory.
    """
    [version] = next_numbers(session, DIRECTORY, 1)
    if expected is not None and version != expected:
        raise ChangedMeanwhile
    connection, tables = session.connection(), _staging()
    customer, key = table_of(Customer), table_of(CustomerKey)
    added, changed, gained, lost = (tables[name] for name in ("added", "changed", "gained", "lost"))
    names = ("reference", *COLUMNS)
    connection.execute(insert(customer).from_select(names, select(*(added.c[name] for name in names))))
    elsewhere = select(changed.c.id).where(changed.c.readdressed)
    connection.execute(update(customer).where(customer.c.id.in_(elsewhere)).values(dict.fromkeys(HEALTH)))
    anew = update(customer).where(customer.c.id == changed.c.id)
    connection.execute(anew.values({name: changed.c[name] for name in COLUMNS}))
    connection.execute(delete(key).where(key.c.id.in_(select(lost.c.id))))
    owned = select(customer.c.id, gained.c.kind, gained.c.value, gained.c.valid_from, gained.c.valid_to)
    rows = owned.join(gained, gained.c.reference == customer.c.reference)
    connection.execute(insert(key).from_select(("customer_id", "kind", "value", "valid_from", "valid_to"), rows))
    session.expire_all()


def _staged_rows(changes: Changes) -> dict[str, list[dict[str, Any]]]:
    """Keys stand in the order of their index, which is quicker to grow that way."""
    changed = changes.changed.values()
    gained = [(entry.reference, entry.keys) for entry in changes.added]
    gained += [(one.entry.reference, one.gained) for one in changed]
    owned = [(key, reference) for reference, keys in gained for key in keys]
    return {
        "added": [{"reference": entry.reference, **entry.columns} for entry in changes.added],
        "changed": [
            {"id": one.id, "readdressed": "request_address" in one.fields, **one.entry.columns} for one in changed
        ],
        "gained": [
            {"reference": reference, "kind": kind.value, "value": value, "valid_from": first, "valid_to": last}
            for (kind, value, first, last), reference in sorted(owned, key=lambda one: one[0][:2])
        ],
        "lost": [{"id": id_} for one in changed for id_ in one.lost],
    }


@cache
def _staging() -> dict[str, Table]:
    """The temporary tables: their columns as those they are copied to."""
    customer, key = table_of(Customer), table_of(CustomerKey)
    of_customer = [(name, customer.c[name].type) for name in COLUMNS]
    of_key = [("kind", Text()), *((name, key.c[name].type) for name in ("value", "valid_from", "valid_to"))]
    columns: dict[str, list[tuple[str, Any]]] = {
        "added": [("reference", Text()), *of_customer],
        "changed": [("id", Integer()), ("readdressed", Boolean()), *of_customer],
        "gained": [("reference", Text()), *of_key],
        "lost": [("id", Integer())],
    }
    metadata = MetaData()
    return {
        name: Table(f"import_{name}", metadata, *(Column(*one) for one in found), prefixes=["TEMPORARY"])
        for name, found in columns.items()
    }


def _changed(before: Recorded, entry: Entry, differences: tuple[Difference, ...]) -> Changed:
    lost = [id_ for key in before.entry.keys - entry.keys for id_ in before.rows[key]]
    return Changed(before.id, entry, differences, entry.keys - before.entry.keys, tuple(sorted(lost)))


def _differences(before: Entry, entry: Entry) -> Iterator[Difference]:
    for name, value in entry.columns.items():
        if before.columns[name] != value:
            yield Difference(name, (before.columns[name],), (value,))
    own = {Key(KeyKind.NAME, normal_name(one.columns["name"])) for one in (before, entry)}
    renamed = own if before.columns["name"] != entry.columns["name"] else frozenset()
    lost = sorted(before.keys - entry.keys - renamed, key=str)
    gained = sorted(entry.keys - before.keys - renamed, key=str)
    for kind in sorted({key.kind for key in (*lost, *gained)}):
        of_kind = [tuple(key for key in keys if key.kind is kind) for keys in (lost, gained)]
        yield Difference(kind.value, *of_kind)


def _keys_by_customer(session: Session) -> dict[int, dict[Key, list[int]]]:
    names = (CustomerKey.kind, CustomerKey.value, CustomerKey.valid_from, CustomerKey.valid_to)
    found: dict[int, dict[Key, list[int]]] = defaultdict(lambda: defaultdict(list))
    for customer_id, id_, *values in session.execute(select(CustomerKey.customer_id, CustomerKey.id, *names)):
        found[customer_id][Key._make(values)].append(id_)
    return found
