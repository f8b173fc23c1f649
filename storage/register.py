"""The register of breaches: kept to show how clause 6 is met (GDPR art. 28(3)(f) and (h), 33(2)); drills stand apart.

Its queries do not grow in number with the breaches.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.breach_types import FactName
from storage.breaches import is_drill, whole_breaches
from storage.deadlines import earliest
from storage.ledger import Row, read_ledger
from storage.models import Breach, BreachFact

SHOWN = (FactName.NATURE, FactName.DATA_KINDS, FactName.PERSON_KINDS, FactName.ORIGIN)
"""What the register says of what happened: labels only."""


@dataclass(frozen=True)
class Registered:
    """One breach, or drill. `to_first`: from when Kavkom knew, or first doubted, to the first customer told.

    `late` are those told after the deadline or, once that has passed, not at all.
    """

    reference: str
    opened_at: datetime
    detected_at: datetime | None
    suspected_at: datetime | None
    told_at: datetime | None
    aware_at: datetime | None
    deadline_at: datetime
    closed_at: datetime | None
    nature: tuple[str, ...]
    origin: tuple[str, ...]
    data_kinds: tuple[str, ...]
    person_kinds: tuple[str, ...]
    customers: int
    told: int
    in_time: int
    late: int
    excluded: int
    first_told_at: datetime | None
    last_told_at: datetime | None
    to_first: timedelta | None
    late_reason: str | None
    no_breach_reason: str | None

    @property
    def drill(self) -> bool:
        return is_drill(self.reference)

    @property
    def decided(self) -> str:
        """How it stands: one of open, closed, no-breach."""
        if self.closed_at is None:
            return "open"
        return "no-breach" if self.no_breach_reason is not None else "closed"


def read_register(session: Session, *, now: datetime) -> list[Registered]:
    """All breaches, then all drills, each the oldest first."""
    found = list(session.scalars(whole_breaches().order_by(Breach.id)))
    known = _labels(session)
    rows = [_registered(one, known.get(one.id, {}), now) for one in found]
    return sorted(rows, key=lambda row: row.drill)


def _labels(session: Session) -> dict[int, dict[FactName, tuple[str, ...]]]:
    """The newest word on what is shown, by breach."""
    facts = select(BreachFact.breach_id, BreachFact.name, BreachFact.value).where(BreachFact.affected_id.is_(None))
    found: dict[int, dict[FactName, tuple[str, ...]]] = {}
    for breach_id, name, value in session.execute(facts.where(BreachFact.name.in_(SHOWN)).order_by(BreachFact.id)):
        found.setdefault(breach_id, {})[name] = _as_labels(json.loads(value))
    return found


def _as_labels(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (str(value),)


def _registered(breach: Breach, known: Mapping[FactName, tuple[str, ...]], now: datetime) -> Registered:
    ledger = read_ledger(breach)
    rows = [row for row in ledger if not row.excluded]
    told = [row.told_at for row in rows if row.told_at]
    return Registered(
        reference=breach.reference,
        opened_at=breach.opened_at,
        detected_at=breach.detected_at,
        suspected_at=breach.suspected_at,
        told_at=breach.told_at,
        aware_at=breach.aware_at,
        deadline_at=breach.deadline_at,
        closed_at=breach.closed_at,
        nature=known.get(FactName.NATURE, ()),
        origin=known.get(FactName.ORIGIN, ()),
        data_kinds=known.get(FactName.DATA_KINDS, ()),
        person_kinds=known.get(FactName.PERSON_KINDS, ()),
        customers=len(rows),
        told=len(told),
        in_time=sum(at <= breach.deadline_at for at in told),
        late=_late(rows, breach, now),
        excluded=len(ledger) - len(rows),
        first_told_at=min(told, default=None),
        last_told_at=max(told) if told and len(told) == len(rows) else None,
        to_first=max(min(told) - _since(breach), timedelta()) if told else None,
        late_reason=breach.late_reason,
        no_breach_reason=breach.no_breach_reason,
    )


def _late(rows: Iterable[Row], breach: Breach, now: datetime) -> int:
    """Of a suspicion that was none nobody had to be told."""
    ended = now if breach.no_breach_reason is None else breach.opened_at
    return sum((row.told_at or ended) > breach.deadline_at for row in rows)


def _since(breach: Breach) -> datetime:
    doubt = earliest(breach.suspected_at, breach.told_at, breach.detected_at)
    return breach.aware_at or doubt or breach.opened_at
