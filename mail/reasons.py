"""Why a letter goes where it goes, as facts for a person: each clue, its source, its strength, whom it points to.

Nothing is decided here: mail/routing.py decides, and this says what it had before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mail.clues import Clue, Source
from mail.evidence import CAMPAIGN, CHANGED_HANDS, Directory, OwnerLike, name_told
from mail.hosts import with_parents
from mail.reading import Effective
from mail.routing import Held, Route
from storage.customers import Owner
from storage.models import Customer
from storage.requests import is_ours
from storage.types import KeyKind

UNKNOWN_SHOWN = 5
"""Clues that nobody has, of a letter that names many."""


class Strength(StrEnum):
    """How much a clue says: it decides alone, it decides, it only confirms or contradicts, it is nobody's."""

    CERTAIN = "certain"
    STRONG = "strong"
    CONFIRMS = "confirms"
    LEFT_ASIDE = "left aside"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Pointed:
    """A customer that a clue points to, since when and until when it had it, and its contract."""

    reference: str
    name: str
    valid_from: date | None
    valid_to: date | None
    contract_start: date | None
    contract_end: date | None

    def counts(self, today: date) -> bool:
        """Whether its contract runs, and it has this or had it lately."""
        runs = (self.contract_start or today) <= today <= (self.contract_end or today)
        return runs and (self.valid_to or today) >= today - CHANGED_HANDS


@dataclass(frozen=True)
class Evidence:
    """A clue of a letter. `source`: where in the mail it stands; `kind` as evidence is called."""

    kind: str
    value: str
    source: str
    strength: Strength
    customers: tuple[Pointed, ...]


def find_evidence(says: Effective, directory: Directory, outcome: Route | Held) -> list[Evidence]:
    """Everything that may tell which customer a letter concerns, the strongest first."""
    found = [*_addresses(says, directory), *_clues(says, directory, outcome), *_names(says, directory, outcome)]
    order = list(Strength)
    return sorted(found, key=lambda one: order.index(one.strength))


def find_contradictions(
    says: Effective, directory: Directory, evidence: Sequence[Evidence], *, today: date
) -> list[str]:
    """What speaks against sending the letter on by itself; the words for each are the explanation's."""
    deciding = [one for one in evidence if one.strength in {Strength.CERTAIN, Strength.STRONG}]
    live = [{each.reference for each in one.customers if each.counts(today)} for one in deciding]
    pointed = {reference for some in live for reference in some}
    agreed = set.intersection(*live) if live else set()
    named = {each.reference for one in evidence if one.kind == KeyKind.NAME for each in one.customers}
    facts = {
        "several": len(pointed) > 1 and len(agreed) != 1,
        "named": bool(deciding) and bool(named - pointed),
        "denied": says.clues.denies,
        "hidden": says.letter.hidden,
        "disguised": says.clues.disguised,
        "too-many": says.clues.too_many,
        "employer": bool(pointed & _employers(says, directory)),
        "in-doubt": says.is_in_doubt,
        "shortened": says.letter.shortened,
        "unreadable": says.letter.unreadable is not None,
    }
    return [name for name, holds in facts.items() if holds]


def _addresses(says: Effective, directory: Directory) -> Iterator[Evidence]:
    for address in dict.fromkeys((*says.letter.recipients, *says.outer.recipients)):
        owners = directory.owners(KeyKind.INTAKE_ALIAS, address)
        if owners:
            yield Evidence(KeyKind.INTAKE_ALIAS, address, "recipient", Strength.CERTAIN, _pointed(owners))


def _clues(says: Effective, directory: Directory, outcome: Route | Held) -> Iterator[Evidence]:
    unknown = 0
    for clue in says.clues.found:
        value, owners = _owners_of(clue, directory)
        kind = _kind_of(clue)
        if owners:
            used = f"{kind}:{value}" in outcome.evidence
            strength = Strength.STRONG if used else Strength.LEFT_ASIDE
            yield Evidence(kind, value, clue.source.value, strength, _pointed(owners))
        elif clue.source is Source.WRITTEN and unknown < UNKNOWN_SHOWN:
            unknown += 1
            yield Evidence(kind, clue.values[0], clue.source.value, Strength.UNKNOWN, ())


def _names(says: Effective, directory: Directory, outcome: Route | Held) -> Iterator[Evidence]:
    for name, owners in directory.named(says.clues).items():
        if owners:
            customers, used = _pointed(owners), name_told(name) in outcome.evidence
            strength = Strength.STRONG if used else Strength.CONFIRMS
            yield Evidence(KeyKind.NAME, customers[0].name, "text", strength, customers)


def _owners_of(clue: Clue, directory: Directory) -> tuple[str, Sequence[OwnerLike]]:
    found = {value: owners for value in clue.values if (owners := directory.owners(clue.kind, value))}
    return next(iter(found), ""), [owner for owners in found.values() for owner in owners]


def _kind_of(clue: Clue) -> str:
    """A domain in a mail that is quoted or attached is that of a campaign."""
    return CAMPAIGN if clue.kind is KeyKind.DOMAIN and clue.source is not Source.WRITTEN else clue.kind.value


def _pointed(owners: Sequence[OwnerLike]) -> tuple[Pointed, ...]:
    return tuple(
        Pointed(
            reference=owner.customer.reference,
            name=_name_of(owner),
            valid_from=owner.valid_from if isinstance(owner, Owner) else None,
            valid_to=owner.valid_to if isinstance(owner, Owner) else None,
            contract_start=owner.customer.contract_start,
            contract_end=owner.customer.contract_end,
        )
        for owner in owners
    )


def _name_of(owner: OwnerLike) -> str:
    return owner.customer.name if isinstance(owner.customer, Customer) else owner.customer.reference


def _employers(says: Effective, directory: Directory) -> set[str]:
    """The customers whose domain the writer's own address has."""
    domains = [domain for own in says.clues.own_domains for domain in with_parents(own)]
    return {owner.customer.reference for domain in domains for owner in directory.owners(KeyKind.DOMAIN, domain)}


def unknown_intakes(says: Effective, directory: Directory, own_address: str | None) -> list[str]:
    """Plus-addresses of ours that the letter was sent to and that are no customer's."""
    ours = [one for one in says.letter.recipients if own_address and "+" in one and is_ours(one, own_address)]
    return [one for one in ours if not directory.owners(KeyKind.INTAKE_ALIAS, one)]
