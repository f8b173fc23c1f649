"""Recording what is known of a breach (GDPR 33(3), the French authority's form): only what is new is written down."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from storage.breach_errors import EndedBeforeStart
from storage.breach_facts import INSTANTS, BreachFacts, Value, append_facts, known_facts
from storage.breach_types import IN_ENGLISH, DataKind, FactName, Origin, PersonKind, TelecomOperator
from storage.breaches import record, refuse_closed, refuse_future, take_turn_on
from storage.models import Affected, Breach
from storage.types import Actor

_WITH_OTHER = {
    FactName.ORIGIN_OTHER: ("origin", Origin.OTHER),
    FactName.DATA_OTHER: ("data_kinds", DataKind.OTHER),
    FactName.PERSONS_OTHER: ("person_kinds", PersonKind.OTHER),
}
"""Texts that are asked for only when *other* was chosen."""


def record_facts(
    session: Session,
    breach: Breach,
    values: Mapping[FactName, Value],
    *,
    affected: Affected | None = None,
    by: Actor,
    now: datetime,
) -> tuple[FactName, ...]:
    """Write down what is known of the breach, or of one customer in it; None is "not known yet". What was new.

    The journal holds the names only. Raises BreachClosed, InstantInFuture, EndedBeforeStart.
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    for name in INSTANTS & values.keys():
        instant = values[name]
        refuse_future(instant if isinstance(instant, datetime) else None, now)
    new = append_facts(session, breach, values, affected=affected, by=by.name, now=now)
    if not new:
        return ()
    _refuse_backwards(breach, known_facts(session, breach, affected))
    customer = affected.customer.reference if affected else None
    record(session, breach, "breach-facts", by=by, now=now, facts=[name.value for name in new], customer=customer)
    return new


def wanted_facts(facts: BreachFacts, telecom: TelecomOperator) -> tuple[FactName, ...]:
    """What this breach's record should come to hold, in the order of the form."""
    return tuple(name for name in FactName if _is_wanted(name, facts, telecom))


def unknown_facts(facts: BreachFacts, telecom: TelecomOperator) -> tuple[FactName, ...]:
    """What of it is not known yet."""
    return tuple(name for name in wanted_facts(facts, telecom) if not facts.knows(name))


def _is_wanted(name: FactName, facts: BreachFacts, telecom: TelecomOperator) -> bool:
    if name in IN_ENGLISH.values():
        return False
    if name is FactName.CNIL_TOLD_AT:
        return telecom is TelecomOperator.YES
    if name not in _WITH_OTHER:
        return True
    chosen, other = _WITH_OTHER[name]
    found = getattr(facts, chosen)
    return found == other if isinstance(found, str) else other in (found or ())


def _refuse_backwards(breach: Breach, facts: BreachFacts) -> None:
    ended_at = facts.ended_at
    if facts.started_at and isinstance(ended_at, datetime) and ended_at < facts.started_at:
        raise EndedBeforeStart(breach.reference, facts.started_at)
