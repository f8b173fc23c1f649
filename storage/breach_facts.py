"""What is known of a breach, append-only: every field takes "not known yet", and the newest word on each counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.breach_types import IN_ENGLISH, ONGOING, DataKind, FactName, SensitiveKind
from storage.bulk import insert_rows
from storage.models import Affected, Breach, BreachFact

Value = str | int | datetime | tuple[str, ...] | None
COUNTS = (FactName.PERSONS, FactName.RECORDS)
INSTANTS = frozenset({FactName.STARTED_AT, FactName.ENDED_AT, FactName.CNIL_TOLD_AT})


_WORDINGS = frozenset(IN_ENGLISH.values())
_SAME_TEXT = IN_ENGLISH | {english: french for french, english in IN_ENGLISH.items()}


@dataclass(frozen=True, kw_only=True)
class BreachFacts:
    """What is known; None is "not known yet". `ended_at` is an instant or ONGOING; labels are those of breach_types.

    `of_all`: the numbers that count all affected customers together, where this is about one of several.
    """

    account: str | None = None
    nature: tuple[str, ...] | None = None
    origin: str | None = None
    origin_other: str | None = None
    cause: str | None = None
    data_kinds: tuple[str, ...] | None = None
    data_other: str | None = None
    sensitive_kinds: tuple[str, ...] | None = None
    person_kinds: tuple[str, ...] | None = None
    persons_other: str | None = None
    persons: int | None = None
    records: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | str | None = None
    discovery: str | None = None
    measures_before: str | None = None
    measures_after: str | None = None
    consequences: str | None = None
    other_bodies: str | None = None
    cnil_told_at: datetime | None = None
    account_en: str | None = None
    origin_other_en: str | None = None
    data_other_en: str | None = None
    persons_other_en: str | None = None
    discovery_en: str | None = None
    measures_before_en: str | None = None
    measures_after_en: str | None = None
    consequences_en: str | None = None
    other_bodies_en: str | None = None
    of_all: tuple[str, ...] = ()

    @property
    def is_ongoing(self) -> bool:
        return self.ended_at == ONGOING

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of what is not known yet; a text is known in either language."""
        return tuple(name.value for name in FactName if name not in _WORDINGS and not self.knows(name))

    def knows(self, name: FactName) -> bool:
        """Whether this is known, a text in either language."""
        return any(getattr(self, one) is not None for one in (name, IN_ENGLISH.get(name, name)))

    def text(self, name: str, language: str) -> tuple[str, str] | None:
        """A text and the language that it is in: the reader's if it has that wording, else the other; None for none."""
        wordings = {"fr": getattr(self, name), "en": getattr(self, IN_ENGLISH[FactName(name)])}
        for one in (language, *wordings):
            if typed := (wordings[one] or "").strip():
                return typed, one
        return None


def append_facts(
    session: Session,
    breach: Breach,
    values: Mapping[FactName, Value],
    *,
    affected: Affected | None = None,
    by: str,
    now: datetime,
) -> tuple[FactName, ...]:
    """Write down what differs from what is known, of the breach or of one customer in it; the names that were new.

    The caller has the breach's turn and writes the journal.
    """
    of = affected.id if affected else None
    return tuple(name for _, name in _append(session, breach, {of: values}, by=by, now=now))


def append_customer_facts(
    session: Session, breach: Breach, values: Mapping[int, Mapping[FactName, Value]], *, by: str, now: datetime
) -> list[tuple[int | None, FactName]]:
    """The same for many customers at once, by `Affected.id`: which of whose were new."""
    return _append(session, breach, values, by=by, now=now)


def _append(
    session: Session,
    breach: Breach,
    values: Mapping[Any, Mapping[FactName, Value]],
    *,
    by: str,
    now: datetime,
) -> list[tuple[int | None, FactName]]:
    known = _newest(session, breach, None)
    given = {(of, name): _written(value) for of, some in values.items() for name, value in some.items()}
    new = {key: value for key, value in given.items() if known.get(key, "null") != value}
    rows = [
        {"breach_id": breach.id, "affected_id": of, "name": name, "value": value, "by": by, "at": now}
        for (of, name), value in new.items()
    ]
    insert_rows(session, BreachFact, rows)
    return list(new)


def _written(value: Value) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def known_facts(
    session: Session, breach: Breach, affected: Affected | None = None, *, until: int | None = None
) -> BreachFacts:
    """What is known of the breach; with `affected` what is known of that customer goes before.

    `until` is a fact's id: what was known then. Call recordings always carry that anything may have been said.
    """
    newest = _newest(session, breach, until)
    return _facts(newest, affected.id if affected else None)


def facts_of_all(session: Session, breach: Breach, *, until: int | None = None) -> dict[int, BreachFacts]:
    """The same for every affected customer, by `Affected.id`, with one query."""
    newest = _newest(session, breach, until)
    several = sum(affected.excluded_at is None for affected in breach.affected) > 1
    return {one.id: _of_one(newest, one.id, several=several) for one in breach.affected}


def facts_of_breaches(session: Session, ids: Sequence[int]) -> dict[int, BreachFacts]:
    """What is known of each of several breaches, by `Breach.id`, with one query; their customers' own facts aside."""
    rows = select(BreachFact.breach_id, BreachFact.name, BreachFact.value).where(
        BreachFact.breach_id.in_(ids), BreachFact.affected_id.is_(None)
    )
    newest: dict[int, dict[tuple[int | None, FactName], str]] = {breach: {} for breach in ids}
    for breach, name, value in session.execute(rows.order_by(BreachFact.id)):
        newest[breach][None, name] = value
    return {breach: _facts(found, None) for breach, found in newest.items()}


def last_fact(session: Session, breach: Breach) -> int:
    """The id of the newest fact, 0 when there is none."""
    newest = select(BreachFact.id).where(BreachFact.breach_id == breach.id).order_by(BreachFact.id.desc())
    return session.scalar(newest.limit(1)) or 0


def _newest(session: Session, breach: Breach, until: int | None) -> dict[tuple[int | None, FactName], str]:
    """The newest value of each name, of the breach (None) and of each customer."""
    rows = select(BreachFact.affected_id, BreachFact.name, BreachFact.value).where(BreachFact.breach_id == breach.id)
    rows = rows if until is None else rows.where(BreachFact.id <= until)
    return {(of, name): value for of, name, value in session.execute(rows.order_by(BreachFact.id))}


def _of_one(newest: Mapping[tuple[int | None, FactName], str], of: int, *, several: bool) -> BreachFacts:
    facts = _facts(newest, of)
    shared = (name.value for name in COUNTS if newest.get((of, name), "null") == "null")
    return replace(facts, of_all=tuple(name for name in shared if several and getattr(facts, name) is not None))


def _facts(newest: Mapping[tuple[int | None, FactName], str], of: int | None) -> BreachFacts:
    """A customer's own text goes before that of all, also before one that is in its language."""
    values: dict[str, Any] = {}
    for name in FactName:
        own = any(newest.get((of, one), "null") != "null" for one in (name, _SAME_TEXT.get(name, name)))
        values[name.value] = _read(name, newest.get((of if own else None, name), "null"))
    return BreachFacts(**_with_conversations(values))


def _with_conversations(values: dict[str, Any]) -> dict[str, Any]:
    if DataKind.CONVERSATIONS not in (values["data_kinds"] or ()):
        return values
    kinds = values["sensitive_kinds"] or ()
    return values | {"sensitive_kinds": tuple(dict.fromkeys((*kinds, SensitiveKind.ANYTHING_SAID.value)))}


def _plain(value: Value) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _read(name: FactName, value: str) -> Any:
    found = json.loads(value)
    if isinstance(found, list):
        return tuple(found)
    return datetime.fromisoformat(found) if name in INSTANTS and found not in (None, ONGOING) else found
