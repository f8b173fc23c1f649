"""The clocks beside the 48 hours: access restored (clause 5), and the CNIL told by a declared operator itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from storage.breach_facts import BreachFacts
from storage.breach_types import Nature, TelecomOperator
from storage.deadlines import earliest, restoration_goal, telecom_deadline
from storage.models import Breach

RESTORATION, TELECOM = "restoration", "telecom"


@dataclass(frozen=True)
class SecondClock:
    """One of them: RESTORATION or TELECOM; `done` once the fact that ends it is known.

    `assumed`: the start of the outage is not known, so the clock is counted from when somebody noticed.
    """

    name: str
    ends_at: datetime
    done: bool
    assumed: bool = False


def second_clocks(breach: Breach, facts: BreachFacts, telecom: TelecomOperator) -> tuple[SecondClock, ...]:
    """Those of this breach, by what is known now; in a drill they run at its pace."""
    return (*_restoration(breach, facts), *_telecom(breach, facts, telecom))


def _restoration(breach: Breach, facts: BreachFacts) -> Iterator[SecondClock]:
    """Of a breach of availability, until the outage has an end."""
    start = facts.started_at or found_at(breach)
    if start is not None and Nature.AVAILABILITY in (facts.nature or ()):
        goal = restoration_goal(start, pace=breach.pace)
        done = facts.ended_at is not None and not facts.is_ongoing
        yield SecondClock(RESTORATION, goal, done, assumed=facts.started_at is None)


def _telecom(breach: Breach, facts: BreachFacts, telecom: TelecomOperator) -> Iterator[SecondClock]:
    """Of a declared operator, until the CNIL was told; from a mere suspicion it is precautionary."""
    found = breach.aware_at or found_at(breach)
    if telecom is TelecomOperator.YES and found is not None:
        ends_at = telecom_deadline(found, pace=breach.pace)
        yield SecondClock(TELECOM, ends_at, facts.cnil_told_at is not None)


def found_at(breach: Breach) -> datetime | None:
    """When it was first noticed, by the earliest of the instants that somebody named."""
    return earliest(breach.detected_at, breach.suspected_at, breach.told_at, breach.aware_at)
