"""A case's lines of the journal as evidence: each with its hash, checked, and the head of the whole chain."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import journal
from storage.models import Customer, Entry
from storage.sealing import ROWS

WITHHELD = "withheld"
"""Stands in place of what a line says of another customer, or of no customer at all."""

FOR_ANY_CUSTOMER = frozenset(
    {"request-recorded", "not-acknowledged", "breach-opened", "breach-instant", "breach-awareness"}
)
"""Lines that name no customer and are shown to each."""

WITHOUT_DETAIL = "request-received"
"""The line whose detail says how the request was read, and whether several customers came into question."""


@dataclass(frozen=True)
class ChainLine:
    """An entry. `is_genuine`: its hash is that of what it says and what the next line follows.

    `is_withheld`: some or all of it is not for the customer who reads it.
    """

    number: int
    at: datetime
    actor: str
    origin: str
    case: str
    action: str
    clause: str | None
    detail: str
    previous: str
    hash: str
    is_genuine: bool
    is_withheld: bool = False

    @property
    def readable(self) -> str:
        """What its detail says, in letters instead of escapes."""
        return json.dumps(_read(self.detail), ensure_ascii=False)

    def withheld(self) -> "ChainLine":
        """The same without its words: its place and hash stay."""
        return replace(
            self,
            actor=WITHHELD,
            origin=WITHHELD,
            action=WITHHELD,
            clause=WITHHELD,
            detail=WITHHELD,
            is_withheld=True,
        )


@dataclass(frozen=True)
class Chain:
    """The lines of one case, and the number and hash of the journal's newest line."""

    lines: tuple[ChainLine, ...]
    head_number: int
    head_hash: str

    @property
    def changed(self) -> tuple[int, ...]:
        """The numbers of the lines that were changed after they were written."""
        return tuple(line.number for line in self.lines if not line.is_genuine)

    def find(self, action: str, field: str) -> str | None:
        """A field of the first line with this action, where that can be read."""
        line = next((one for one in self.lines if one.action == action), None)
        detail = _read(line.detail) if line else None
        value = detail.get(field) if isinstance(detail, dict) else None
        return value if isinstance(value, str) else None


def chain_of(session: Session, case: str, *, only: str | None) -> Chain:
    """What the journal says of a case; `only`: only what names this customer, and what is for any, is shown."""
    entries = journal.entries_of(session, case)
    followed = journal.hashes_followed(session, case)
    lines = [_line(one, followed.get(one.number)) for one in entries]
    if only:
        others = _customers_in(session, entries) - {only}
        lines = [_shown(line, only, others) for line in lines]
    return Chain(tuple(lines), *journal.head(session))


def _line(entry: Entry, followed: str | None) -> ChainLine:
    """`followed`: the hash that the next line names, None for the journal's last line."""
    return ChainLine(
        number=entry.number,
        at=entry.at,
        actor=entry.actor,
        origin=entry.origin,
        case=entry.case or "",
        action=entry.action,
        clause=entry.clause,
        detail=entry.detail,
        previous=entry.previous,
        hash=entry.hash,
        is_genuine=entry.hash == journal.hash_of(entry) == (followed or entry.hash),
    )


def _shown(line: ChainLine, only: str, others: set[str | None]) -> ChainLine:
    """A line as one customer may read it: its place and hash stay."""
    words = set(_words_in(_read(line.detail)))
    if others.isdisjoint(words):
        if only in words or line.action in FOR_ANY_CUSTOMER:
            return line
        if line.action == WITHOUT_DETAIL:
            return replace(line, detail=WITHHELD, is_withheld=True)
    return line.withheld()


def _customers_in(session: Session, entries: list[Entry]) -> set[str | None]:
    """The customers that the details name, under whatever word."""
    words = {word for entry in entries for word in _words_in(_read(entry.detail))}
    return set(session.scalars(select(Customer.reference).where(Customer.reference.in_(words))))


def _read(detail: str) -> Any:
    """A detail that somebody has broken is taken apart into its words."""
    try:
        return json.loads(detail)
    except ValueError:
        return re.findall(r"[\w.-]+", detail)


def _words_in(detail: Any) -> Iterator[str]:
    if isinstance(detail, str):
        yield detail
    elif isinstance(detail, dict | list):
        values = [one for name, one in detail.items() if name != ROWS] if isinstance(detail, dict) else detail
        for value in values:
            yield from _words_in(value)
