"""The rows of a breach in the journal: each line about it carries the hashes of the rows that are new since the last.

So a claim, a fact, a call, an approved notice, a document or the breach itself cannot be changed, added or taken out
later without rewriting the whole chain. A line about what became of a notice carries the hash of what proves it. A
breach from before there were such lines is sealed with its next one. For the mails themselves see sealed_mails.py.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.models import Affected, Base, Breach, BreachFact, Call, Claim, Delivery, Document, Entry, Notice
from storage.types import Purpose

ROWS = "rows"
"""The field of a line's detail: `table:id:sha256`, and `table:id` for a table without new rows up to that id."""

SETTLED = "settled"
"""The field of a line that says what became of one notice: `delivery:id:sha256`."""

_HAS_ROWS, _HAS_SETTLED = (Entry.detail.contains(f'"{field}":', autoescape=True) for field in (ROWS, SETTLED))


@dataclass(frozen=True)
class Sealed:
    """A table whose rows are sealed. `when`: from when on a row does not change any more."""

    model: type[Base]
    columns: tuple[str, ...]
    of_breach: InstrumentedAttribute[Any]
    when: ColumnElement[bool] = true()  # noqa: RUF009 - a constant

    @property
    def shown(self) -> list[InstrumentedAttribute[Any]]:
        return _columns(self.model, ("id", *self.columns))

    def rows(self, *more: InstrumentedAttribute[Any]) -> Select[Any]:
        """Its rows that are final, in the order in which they came, and of breaches only."""
        wanted = select(*self.shown, *more).select_from(self.model)
        if self.of_breach.class_ is Affected:
            wanted = wanted.join(Affected, Affected.id == _columns(self.model, ("affected_id",))[0])
        return wanted.where(self.when).order_by(self.shown[0])


TABLES = {
    "claim": Sealed(Claim, ("breach_id", "what", "instant", "by", "claimed_at", "reason"), Claim.breach_id),
    "breach_fact": Sealed(BreachFact, ("breach_id", "affected_id", "name", "value", "by", "at"), BreachFact.breach_id),
    "call": Sealed(
        Call,
        (
            *("affected_id", "means", "reached", "by", "at", "recorded_at", "answered", "role", "call_reference"),
            *("person", "proof"),
        ),
        Affected.breach_id,
    ),
    "notice": Sealed(
        Notice,
        (
            *("breach_id", "version", "prepared_at", "prepared_by", "last_fact_id", "final", "approved_at"),
            *("approved_by", "alone_reason"),
        ),
        Notice.breach_id,
        Notice.approved_at.is_not(None),
    ),
}
NOTICES = Sealed(
    Delivery,
    (
        *("affected_id", "notice_id", "recipient", "message_id", "sha256", "reply", "accepted_at", "refused_at"),
        *("bounced_at", "bounce_status"),
    ),
    Affected.breach_id,
    and_(
        Delivery.purpose == Purpose.NOTICE,
        or_(Delivery.accepted_at.is_not(None), Delivery.refused_at.is_not(None), Delivery.bounced_at.is_not(None)),
    ),
)
"""What became of the notices, and what proves it."""

BREACH = (
    *("reference", "summary", "opened_at", "opened_by", "opened_through", "about", "deadline_at", "detected_at"),
    *("suspected_at", "told_at", "aware_at", "aware_by", "lead", "lead_at", "pace", "ladder", "closed_at", "closed_by"),
    *("no_breach_reason", "late_reason"),
)
AFFECTED = (
    *("customer_id", "added_at", "excluded_at", "excluded_by", "excluded_reason", "waived_at", "waived_by"),
    "waived_reason",
)
DOCUMENT = (
    *("message_id", "part", "name", "content_type", "size", "sha256", "received_at", "sent_by", "for_all"),
    *("customer_id", "marked_at", "marked_by", "withdrawn_at"),
)


def seal_rows(session: Session, breach: Breach) -> list[str]:
    """What the next line about a breach says of its rows. Call it in the transaction that changes them, at its end."""
    session.flush()
    known = _marks(session, breach.reference)
    said: list[str] = []
    for name, table in TABLES.items():
        mark = known.get(name, 0)
        new = session.execute(table.rows().where(table.of_breach == breach.id, table.shown[0] > mark)).all()
        said += [f"{name}:{row[0]}:{_hash(row)}" for row in new]
        said += [f"{name}:{mark}"] if mark and not new else []
    return [*said, *_itself(session, breach.id)]


def seal_notice(session: Session, delivery_id: int) -> dict[str, str]:
    """What a line says of a notice that the other side has taken, refused or sent back; nothing before."""
    session.flush()
    row = session.execute(NOTICES.rows().where(Delivery.id == delivery_id)).one_or_none()
    return {SETTLED: f"delivery:{delivery_id}:{_hash(row)}"} if row else {}


def verify_rows(session: Session) -> list[str]:
    """Compare every sealed row with its newest line; a sentence for each that differs."""
    seals, cases = _read_lines(session)
    found = {**dict(_all_rows(session)), **_breaches(session, cases)}
    problems = [
        f"{case}: {_say(key)} was {'changed' if key in found else 'deleted'} after entry {number}."
        for key, (digest, case, number) in seals.items()
        if key not in found or found[key].digest != digest
    ]
    return problems + [
        f"{row.case}: {_say(key)} is in no entry of the journal."
        for key, row in found.items()
        if key not in seals and row.case in cases
    ]


@dataclass(frozen=True)
class _Row:
    digest: str
    case: str


Key = tuple[str, int]


def _marks(session: Session, case: str) -> dict[str, int]:
    """Up to which id the rows of each table are in the journal."""
    newest = select(Entry.detail).where(Entry.case == case, _HAS_ROWS).order_by(Entry.number.desc()).limit(1)
    marks: dict[str, int] = {}
    for name, number, _ in _parse(session.scalar(newest)):
        marks[name] = max(marks.get(name, 0), number)
    return marks


def _read_lines(session: Session) -> tuple[dict[Key, tuple[str, str, int]], set[str]]:
    """The newest hash of every row with its case and line, and the cases that have such lines."""
    seals: dict[Key, tuple[str, str, int]] = {}
    cases: set[str] = set()
    wanted = select(Entry.case, Entry.detail, Entry.number).where(or_(_HAS_ROWS, _HAS_SETTLED))
    lines = wanted.order_by(Entry.number)
    for of_case, detail, number in session.execute(lines.execution_options(yield_per=1000)):
        case = of_case or ""
        for name, row_id, digest in _parse(detail):
            cases.add(case)
            if digest:
                seals[name, row_id] = (digest, case, number)
    return seals, cases


def _parse(detail: str | None) -> Iterator[tuple[str, int, str]]:
    said = as_detail(detail or "{}")
    rows = said.get(ROWS)
    yield from _split([*(rows if isinstance(rows, list) else ()), said.get(SETTLED)])


def _split(said: Sequence[Any]) -> Iterator[tuple[str, int, str]]:
    for one in said:
        with suppress(ValueError, AttributeError):
            name, number, digest = (*one.split(":"), "")[:3]
            yield name, int(number), digest


def as_detail(text: str) -> dict[str, Any]:
    """The detail of a line. One that somebody has broken says nothing: the chain itself shows that."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _all_rows(session: Session) -> Iterator[tuple[Key, _Row]]:
    references = {row[0]: row[1] for row in session.execute(select(Breach.id, Breach.reference))}
    for name, table in (TABLES | {"delivery": NOTICES}).items():
        for row in session.execute(table.rows(table.of_breach).execution_options(yield_per=1000)):
            yield (name, row[0]), _Row(_hash(row[:-1]), references[row[-1]])


def _breaches(session: Session, cases: set[str]) -> dict[Key, _Row]:
    """The breaches that have such lines, their affected customers together, and their documents."""
    found: dict[Key, _Row] = {}
    for breach_id, reference in session.execute(select(Breach.id, Breach.reference)):
        for name, number, digest in _split(_itself(session, breach_id)):
            if reference in cases:
                found[name, number] = _Row(digest, reference)
    return found


def _itself(session: Session, breach_id: int) -> list[str]:
    """The breach's own row, the list of its customers, and that of its documents if there are any."""
    own = session.execute(select(*_columns(Breach, BREACH)).where(Breach.id == breach_id)).one()
    said = [f"breach:{breach_id}:{_hash(own)}", f"affected:{breach_id}:{_hash(_customers(session, breach_id))}"]
    shown = select(*_columns(Document, DOCUMENT)).where(Document.breach_id == breach_id)
    documents = session.execute(shown.order_by(Document.id)).all()
    return [*said, f"documents:{breach_id}:{_hash(documents)}"] if documents else said


def _customers(session: Session, breach_id: int) -> list[Any]:
    """Who they are, since when, and who is excluded or waived."""
    of_it = Affected.breach_id == breach_id
    named = session.execute(select(Affected.id, Affected.customer_id).where(of_it).order_by(Affected.id))
    who = " ".join([f"{number}:{customer}" for number, customer in named])
    since = select(Affected.added_at, func.count(), func.min(Affected.id), func.max(Affected.id)).where(of_it)
    added = session.execute(since.group_by(Affected.added_at).order_by(Affected.added_at))
    changed = select(Affected.id, *_columns(Affected, AFFECTED)).where(of_it)
    changed = changed.where(or_(Affected.excluded_at.is_not(None), Affected.waived_at.is_not(None)))
    rows = session.execute(changed.order_by(Affected.id))
    return [who, *(list(map(list, some)) for some in (added, rows))]


def _columns(model: type[Base], names: Sequence[str]) -> list[InstrumentedAttribute[Any]]:
    return [getattr(model, name) for name in names]


def _hash(row: Sequence[Any]) -> str:
    """SHA-256 (hex) of the columns as JSON: instants in ISO 8601 and UTC, enumerations as their words."""
    return sha256(json.dumps(_plain(row), ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | bool | None):
        return value
    return [_plain(one) for one in value]


def _say(key: Key) -> str:
    """The table and the row, as people find them in the database."""
    name, number = key
    what: Mapping[str, str] = {
        "breach": "its own row",
        "affected": "the list of its customers",
        "documents": "the list of its documents",
    }
    return what.get(name, f"row {number} of {name}")
