"""What somebody should know before a notice goes out. Nothing here blocks it: what is not known is said to be so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.addresses import Health, health_of
from storage.breach_facts import BreachFacts
from storage.breach_types import IN_ENGLISH, FactName
from storage.models import Breach, Document
from storage.notice_reading import newest_approved
from storage.notice_types import Edition, Mention


class Doubt(StrEnum):
    """Kinds of warnings."""

    NOBODY = "nobody"
    NOT_CERTAIN = "not_certain"
    MISSING = "missing"
    NO_TELEPHONE = "no_telephone"
    NO_DPO = "no_dpo"
    UNADDRESSED = "unaddressed"
    CAME_BACK = "came_back"
    UNCONFIRMED = "unconfirmed"
    UNMARKED = "unmarked"
    MENTIONS = "mentions"
    WORDS = "words"
    NO_ENGLISH = "no_english"
    """Customers who read English, and texts that are in French only."""
    NO_FRENCH = "no_french"
    AFTER_FINAL = "after_final"


WANTED = tuple(
    "account nature data_kinds person_kinds persons records started_at ended_at origin cause consequences "
    "measures_after".split()
)
"""What GDPR 33(3) and the French authority's form ask first; what is not known of it the notice names, and so do the
warnings before it, in Slack and in the shell."""
TYPED = tuple("account discovery measures_before measures_after consequences other_bodies".split())
NEVER = tuple(
    phrase.strip()
    for phrase in "aucun risque, incident mineur, par précaution, vous devez notifier, urgent, vos données sont en "
    "sécurité, no risk, minor incident, as a precaution, you must notify, your data is safe".split(",")
)
"""What a notice never says: it plays down, or decides what is the customer's to decide."""


@dataclass(frozen=True)
class Warned:
    """A warning: the customers that it is about, by reference; the facts, by name; or how many things."""

    kind: Doubt
    customers: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    count: int = 0


def find_warnings(
    session: Session,
    breach: Breach,
    edition: Edition,
    mentions: Sequence[Mention],
    *,
    telephone: str | None,
    dpo: str | None,
    now: datetime,
) -> tuple[Warned, ...]:
    """All of them, the gravest first. `telephone`: the one that is answered now; `dpo`: any way to reach one."""
    every = (
        *_of_customers(breach, edition, mentions, now),
        *_of_contents(edition),
        *([] if telephone else [Warned(Doubt.NO_TELEPHONE)]),
        *([] if dpo else [Warned(Doubt.NO_DPO)]),
        *_of_record(session, breach, edition),
    )
    return tuple(sorted(every, key=lambda one: list(Doubt).index(one.kind)))


def _of_customers(breach: Breach, edition: Edition, mentions: Sequence[Mention], now: datetime) -> Iterator[Warned]:
    if not edition.addressees:
        yield Warned(Doubt.NOBODY)
    if edition.unaddressed:
        yield Warned(Doubt.UNADDRESSED, edition.unaddressed)
    for kind, health in ((Doubt.CAME_BACK, Health.CAME_BACK), (Doubt.UNCONFIRMED, Health.UNCONFIRMED)):
        if customers := _with_health(breach, edition, health, now):
            yield Warned(kind, customers)
    if mentions:
        yield Warned(Doubt.MENTIONS, tuple(dict.fromkeys(one.of for one in mentions)))


def _with_health(breach: Breach, edition: Edition, health: Health, now: datetime) -> tuple[str, ...]:
    """Customers whose order address is in this state; nothing is known of another one."""
    told = {one.affected_id: one.address for one in edition.addressees}
    known = (one.customer for one in breach.affected if told.get(one.id) == one.customer.request_address)
    wanted = {health, Health.ASKED} if health is Health.UNCONFIRMED else {health}
    return tuple(one.reference for one in known if health_of(one, now=now) in wanted)


def _of_contents(edition: Edition) -> Iterator[Warned]:
    if edition.aware_at is None:
        yield Warned(Doubt.NOT_CERTAIN)
    unknown = {name for one in edition.addressees for name in one.facts.unknown}
    if missing := tuple(name for name in WANTED if name in unknown):
        yield Warned(Doubt.MISSING, facts=missing)
    if said := tuple(name for name in TYPED if any(_says_never(one.facts, name) for one in edition.addressees)):
        yield Warned(Doubt.WORDS, facts=said)
    for language, kind in (("en", Doubt.NO_ENGLISH), ("fr", Doubt.NO_FRENCH)):
        readers = [one for one in edition.addressees if one.language == language]
        foreign = {one.customer: _foreign(one.facts, language) for one in readers}
        if customers := tuple(one for one, names in foreign.items() if names):
            names = tuple(name.value for name in IN_ENGLISH if any(name in each for each in foreign.values()))
            yield Warned(kind, customers, names)


def _foreign(facts: BreachFacts, language: str) -> set[FactName]:
    """The texts that this reader gets in the other language."""
    return {name for name in IN_ENGLISH if (found := facts.text(name, language)) and found[1] != language}


def _says_never(facts: BreachFacts, name: str) -> bool:
    typed = f"{getattr(facts, name) or ''}\n{getattr(facts, IN_ENGLISH[FactName(name)]) or ''}".lower()
    return any(phrase in typed for phrase in NEVER)


def _of_record(session: Session, breach: Breach, edition: Edition) -> Iterator[Warned]:
    unmarked = select(func.count()).select_from(Document).where(Document.breach_id == breach.id)
    unmarked = unmarked.where(Document.marked_at.is_(None), Document.withdrawn_at.is_(None))
    if count := session.scalar(unmarked):
        yield Warned(Doubt.UNMARKED, count=count)
    before = newest_approved(session, breach)
    if before is not None and before.final and before.version < edition.version:
        yield Warned(Doubt.AFTER_FINAL)
