"""What points to customers in a letter: each clue that the directory knows, and whose it was on the days it names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from mail.callers import is_accused
from mail.clues import Clue, Clues, Source
from mail.hosts import with_parents
from mail.letter import Letter
from mail.rights import RightsRead
from storage.free_mail import FREE_MAIL
from storage.types import KeyKind, Kind

LONG_AGO = timedelta(days=730)
"""Days before are no days of a call: of birth, of a law."""

CAMPAIGN = "campaign"
"""How evidence from a campaign mail is called."""

CHANGED_HANDS = timedelta(days=90)
"""A number that another customer had so recently may have called then: the letter must say when."""


class CustomerLike(Protocol):
    """What deciding needs to know of a customer."""

    @property
    def reference(self) -> str: ...

    @property
    def contract_start(self) -> date | None: ...

    @property
    def contract_end(self) -> date | None: ...


class OwnerLike(Protocol):
    """A customer that has, or had, a number or a domain."""

    @property
    def customer(self) -> CustomerLike: ...

    def had_it(self, first: date, last: date) -> bool:
        """Whether it was this customer's on any of these days, both included."""


class Directory(Protocol):
    """Looks customers up by what a letter names."""

    def owners(self, kind: KeyKind, value: str) -> Sequence[OwnerLike]:
        """Whose this is, and was."""

    def named(self, clues: Clues) -> Mapping[str, Sequence[OwnerLike]]:
        """The names that stand in a letter's own words, and whose each is."""

    def is_distinctive(self, name: str) -> bool:
        """Whether nobody else can be meant by this name."""


@dataclass(frozen=True)
class Says:
    """A letter as far as it decides where it goes."""

    letter: Letter
    rights: RightsRead
    clues: Clues


@dataclass(frozen=True)
class Evidence:
    """A clue that the directory knows, and whose it is.

    `live` are those whose contract runs; `doubtful`: it may have been another's when he had it, whose contract ended.
    """

    name: str
    live: frozenset[str]
    owners: tuple[CustomerLike, ...]
    doubtful: bool


def find_evidence(says: Says, directory: Directory, today: date) -> Iterator[Evidence]:
    for address in says.letter.recipients:
        if owners := directory.owners(KeyKind.INTAKE_ALIAS, address):
            yield _known(f"{KeyKind.INTAKE_ALIAS}:{address}", owners, (today,), today)
    nobodys = FREE_MAIL.union(says.clues.own_domains)
    for clue in says.clues.found:
        if clue.kind is KeyKind.DOMAIN and not nobodys.isdisjoint(clue.values):
            continue
        value, owners = owners_of(clue, directory)
        if owners:
            yield _known(_name_of(clue, value), owners, says.clues.days, today)


def find_told_by_name(
    says: Says, names: Mapping[str, Sequence[OwnerLike]], directory: Directory, today: date
) -> Iterator[Evidence]:
    """The one customer who is named, by a name that nobody else can be meant by, as the one who called.

    Only in a letter that asks, and holds no number, domain or sender that nobody has: those may be another's.
    """
    employers, clues = employers_of(says, directory), says.clues
    others = {name: owners for name, owners in names.items() if not _are_all_in(owners, employers)}
    if says.rights.kind is not Kind.REQUEST or says.rights.flags or clues.found or len(others) != 1:
        return
    [(name, owners)] = others.items()
    one = len({owner.customer.reference for owner in owners}) == 1
    if one and is_accused(says.letter, name) and directory.is_distinctive(name):
        yield _known(name_told(name), owners, (), today)


def _are_all_in(owners: Sequence[OwnerLike], references: frozenset[str]) -> bool:
    return all(owner.customer.reference in references for owner in owners)


def owners_of(clue: Clue, directory: Directory) -> tuple[str, Sequence[OwnerLike]]:
    """Whose a clue is, in any of the ways in which it can be read."""
    found = {value: owners for value in clue.values if (owners := directory.owners(clue.kind, value))}
    return next(iter(found), ""), [owner for owners in found.values() for owner in owners]


def name_told(name: str) -> str:
    """How the evidence of a name is called: in one word, as labels are kept."""
    return f"{KeyKind.NAME}:{name.replace(' ', '_')}"


def _name_of(clue: Clue, value: str) -> str:
    """How the evidence is called: a domain in a mail that is quoted or attached is that of a campaign."""
    campaign = clue.kind is KeyKind.DOMAIN and clue.source is not Source.WRITTEN
    return f"{CAMPAIGN if campaign else clue.kind.value}:{value}"


def _known(name: str, owners: Sequence[OwnerLike], said: Sequence[date], today: date) -> Evidence:
    """Whose a clue was on the days that the letter names with it; without such days, in all that time."""
    days = [day for day in said if today - LONG_AGO <= day <= today]
    spans = [(day, day) for day in days] or [(today - LONG_AGO, today)]
    had = [owner.customer for owner in owners if any(_had_it(owner, *span) for span in spans)]
    live = frozenset(customer.reference for customer in had if is_live(customer, today))
    doubtful = any(_ended_lately(customer, days, today) for customer in had)
    return Evidence(name, live, tuple(had) or tuple(owner.customer for owner in owners), bool(live) and doubtful)


def _had_it(owner: OwnerLike, first: date, last: date) -> bool:
    """Whether it was this customer's on any of these days, and its contract had begun by then."""
    return owner.had_it(first, last) and (owner.customer.contract_start or first) <= last


def _ended_lately(customer: CustomerLike, said: Sequence[date], today: date) -> bool:
    """Whether the contract ended so recently that it may have run on the day in question."""
    end = customer.contract_end
    return end is not None and today - CHANGED_HANDS <= end < today and (not said or min(said) <= end)


def employers_of(says: Says, directory: Directory) -> frozenset[str]:
    """The customers whose domain the writer's own address has."""
    domains = [domain for own in says.clues.own_domains for domain in with_parents(own)]
    owners = (owner for domain in domains for owner in directory.owners(KeyKind.DOMAIN, domain))
    return frozenset(owner.customer.reference for owner in owners)


def is_live(customer: CustomerLike, today: date) -> bool:
    """Whether the contract runs; the first and the last day are of it."""
    return (customer.contract_start or today) <= today <= (customer.contract_end or today)
