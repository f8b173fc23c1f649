"""The record of a breach in full, for the shell: its lead, every claim, every fact, the clocks beside the 48 hours."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from bot.fact_kinds import WORDS
from bot.shell import shown
from bot.words import word
from storage.breach_claims import list_claims
from storage.breach_facts import BreachFacts, facts_of_all, known_facts
from storage.breach_record import wanted_facts
from storage.breach_types import IN_ENGLISH, ONGOING, FactName, TelecomOperator
from storage.breaches import find_source
from storage.models import Breach, Claim
from storage.second_clocks import RESTORATION, SecondClock, second_clocks

ENGLISH = "en"


def describe_record(session: Session, breach: Breach, telecom: TelecomOperator) -> Iterator[str]:
    """Line by line, in English as all the shell says; what staff typed stands here in full."""
    lines = [f"lead: {breach.lead or 'nobody yet'}{f' since {shown(breach.lead_at)}' if breach.lead_at else ''}"]
    if source := find_source(session, breach.reference):
        lines.append(f"reported from {source}")
    lines.append(f"reported: {breach.summary}")
    lines += [f"  {_describe_claim(claim)}" for claim in list_claims(session, breach)]
    facts = known_facts(session, breach)
    lines += [f"{_name(name)}: {describe_fact(name, facts)}" for name in wanted_facts(facts, telecom)]
    lines += [f"{_name(name)}: {describe_fact(name, facts)}" for name in IN_ENGLISH.values() if facts.knows(name)]
    lines += _describe_own(session, breach, facts)
    lines += [_describe_clock(clock) for clock in second_clocks(breach, facts, telecom)]
    if telecom is TelecomOperator.UNKNOWN:
        lines.append(
            "TELECOM_OPERATOR is not settled: a declared operator itself tells the French authority, CNIL, within 24 h."
        )
    if breach.no_breach_reason:
        lines.append(f"not a breach, as {breach.closed_by} decided: {breach.no_breach_reason}")
    return iter(lines)


def describe_fact(name: FactName, facts: BreachFacts) -> str:
    """A fact in words; "not known yet" where it is not."""
    value = getattr(facts, name.value)
    if value is None:
        return word(ENGLISH, "fact.unknown")
    if isinstance(value, tuple):
        return ", ".join(word(ENGLISH, f"{WORDS[name]}.{one}") for one in value or ("none",))
    if isinstance(value, datetime):
        return shown(value)
    if name in WORDS:
        return word(ENGLISH, f"{WORDS[name]}.{value}")
    return word(ENGLISH, "ended.ongoing") if value == ONGOING and name is FactName.ENDED_AT else str(value)


def _describe_own(session: Session, breach: Breach, facts: BreachFacts) -> Iterator[str]:
    """What is known of one customer and differs from what holds for all."""
    of_each = facts_of_all(session, breach)
    for affected in breach.affected:
        own = of_each[affected.id]
        for name in FactName:
            if getattr(own, name.value) != getattr(facts, name.value):
                yield f"{affected.customer.reference}: {_name(name)}: {describe_fact(name, own)}"


def _name(name: FactName) -> str:
    said = word(ENGLISH, f"fact.{name}").lower()
    for proper in ("CNIL", "Kavkom", "English", "French"):
        said = said.replace(proper.lower(), proper)
    return said


def _describe_claim(claim: Claim) -> str:
    reason = f", because: {claim.reason}" if claim.reason else ""
    return f"{claim.what.value} {shown(claim.instant)}, said by {claim.by} at {shown(claim.claimed_at)}{reason}"


def _describe_clock(clock: SecondClock) -> str:
    done = "done" if clock.done else "not done yet"
    if clock.name == RESTORATION:
        since = "when it was noticed" if clock.assumed else "the start of the outage"
        return f"goal: access restored by {shown(clock.ends_at)}, 24 hours from {since}: {done}"
    return f"as a declared operator Kavkom tells the French authority, CNIL, by {shown(clock.ends_at)}: {done}"
