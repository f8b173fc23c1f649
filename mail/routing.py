"""Which customer a letter concerns: certain, or held with the reason why not.

Intake addresses, telephone numbers, senders of text messages, domains and campaign mails decide, when all of them agree
on one live customer; a name only contradicts. A request sent to the wrong customer is a breach; a request held costs a
colleague a minute.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from mail.clues import Clue, Clues, Source
from mail.hosts import with_parents
from mail.letter import Letter
from mail.rights import RightsRead
from mail.settings import Automatic
from storage.requests import DATA_HELD_AFTER_CONTRACT, is_ours
from storage.types import Hold, KeyKind, Kind

MAX_RECEIVED = 25
"""More Received lines than this are a loop (mail.md rule 10)."""

LONG_AGO = timedelta(days=730)
"""Days before are no days of a call: of birth, of a law."""

_RESERVED = re.compile(r"\+[bcdr]\.")
"""How tags of our own begin in a plus-address."""

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

    def named(self, clues: Clues) -> Sequence[Sequence[OwnerLike]]:
        """Whose each of the names is that stand in a letter's own words."""


@dataclass(frozen=True)
class Says:
    """A letter as far as it decides where it goes."""

    letter: Letter
    rights: RightsRead
    clues: Clues


@dataclass(frozen=True)
class Route:
    """It goes to this customer, because of this evidence ("intake-alias:privacy+acme@…")."""

    customer: CustomerLike
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A customer that a letter may concern, and the kinds of evidence that point to it ("telephone", "name")."""

    customer: CustomerLike
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A person decides, for this reason; the candidates, likeliest first, and the evidence were found all the same."""

    hold: Hold
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Evidence:
    """A clue that the directory knows, and whose it is.

    `live` are those whose contract runs; `doubtful`: it may have been another's when he had it, whose contract ended.
    """

    name: str
    live: frozenset[str]
    owners: tuple[CustomerLike, ...]
    doubtful: bool


def find_route(
    says: Says, directory: Directory, *, automatic: Automatic, junk: bool, today: date, own_address: str | None
) -> Route | Held:
    """Find the one customer. `automatic` says which evidence may send a request on without a person."""
    found = list(_evidence(says, directory, today))
    named = [[owner.customer for owner in owners] for owners in directory.named(says.clues)]
    evidence = tuple(one.name for one in found)
    hold = _reason(says, found, named, directory, junk=junk, today=today, own_address=own_address)
    if hold is None and not _suffices(found, automatic):
        hold = Hold.AUTOMATIC_FORWARDING_OFF
    if hold:
        return Held(hold, tuple(_candidates(found, named, today)), evidence)
    return Route(_agreed_customer(found), evidence)


def _suffices(found: Sequence[_Evidence], automatic: Automatic) -> bool:
    if automatic is Automatic.INTAKE_ADDRESS:
        return _is_addressed(found)
    return automatic is not Automatic.OFF


def _reason(
    says: Says,
    found: Sequence[_Evidence],
    named: Sequence[Sequence[CustomerLike]],
    directory: Directory,
    *,
    junk: bool,
    today: date,
    own_address: str | None,
) -> Hold | None:
    """Why this letter is held, the gravest reason first. A body that cannot be read, or not all, hides no address."""
    letter, rights = says.letter, says.rights
    is_read = letter.unreadable is None and not letter.shortened
    agreed = _agreed(found)
    reasons = {
        Hold.JUNK: junk,
        Hold.OWN_MAIL: letter.received_lines > MAX_RECEIVED or _is_own(letter.sender, own_address),
        Hold.AUTOMATIC_MAIL: letter.automatic is not None,
        Hold.AUTHORITY: letter.unreadable is None and rights.kind is Kind.AUTHORITY,
        Hold.CONTROLLER: letter.unreadable is None and rights.kind is Kind.CONTROLLER,
        Hold.POSSIBLE_BREACH: "possible_breach" in rights.flags,
        Hold.UNREADABLE: not is_read and not _is_addressed(found),
        Hold.NO_EVIDENCE: not found,
        Hold.NOT_A_REQUEST: is_read and rights.kind is Kind.NOT_REQUEST and not _sends_campaign_on(says, found),
        Hold.DISGUISED: letter.hidden or says.clues.disguised or says.clues.too_many,
        Hold.CONTRACT_ENDED: _none_live(found, today),
        Hold.SEVERAL_CUSTOMERS: len(agreed) != 1
        or any(one.doubtful for one in found)
        or says.clues.denies
        or _is_another_story(says, found, directory)
        or _contradicted(agreed, named, _employers(says, directory))
        or _is_to_nobody(letter, directory, own_address),
        Hold.WRITERS_OWN: _may_be_writers_own(agreed, found, _employers(says, directory)),
    }
    return next((hold for hold, holds in reasons.items() if holds), None)


def _sends_campaign_on(says: Says, found: Sequence[_Evidence]) -> bool:
    """Whether the writer sends on a customer's campaign mail without a word: he wants no more of them."""
    return says.clues.wordless and any(one.name.startswith(CAMPAIGN) for one in found)


# --- evidence ---


def _evidence(says: Says, directory: Directory, today: date) -> Iterator[_Evidence]:
    for address in says.letter.recipients:
        if owners := directory.owners(KeyKind.INTAKE_ALIAS, address):
            yield _known(f"{KeyKind.INTAKE_ALIAS}:{address}", owners, (today,), today)
    for clue in says.clues.found:
        if clue.kind is KeyKind.DOMAIN and not set(says.clues.own_domains).isdisjoint(clue.values):
            continue
        value, owners = _owners_of(clue, directory)
        if owners:
            yield _known(_name_of(clue, value), owners, says.clues.days, today)


def _owners_of(clue: Clue, directory: Directory) -> tuple[str, Sequence[OwnerLike]]:
    """Whose a clue is, in any of the ways in which it can be read."""
    found = {value: owners for value in clue.values if (owners := directory.owners(clue.kind, value))}
    return next(iter(found), ""), [owner for owners in found.values() for owner in owners]


def _name_of(clue: Clue, value: str) -> str:
    """How the evidence is called: a domain in a mail that is quoted or attached is that of a campaign."""
    campaign = clue.kind is KeyKind.DOMAIN and clue.source is not Source.WRITTEN
    return f"{CAMPAIGN if campaign else clue.kind.value}:{value}"


def _known(name: str, owners: Sequence[OwnerLike], said: Sequence[date], today: date) -> _Evidence:
    """Whose a clue was on the days that the letter names with it; without such days, lately."""
    days = [day for day in said if today - LONG_AGO <= day <= today]
    spans = [(day, day) for day in days] or [(today - CHANGED_HANDS, today)]
    had = [owner.customer for owner in owners if any(owner.had_it(*span) for span in spans)]
    live = frozenset(customer.reference for customer in had if _is_live(customer, today))
    doubtful = any(_ended_lately(customer, days, today) for customer in had)
    return _Evidence(name, live, tuple(had) or tuple(owner.customer for owner in owners), bool(live) and doubtful)


def _ended_lately(customer: CustomerLike, said: Sequence[date], today: date) -> bool:
    """Whether the contract ended so recently that it may have run on the day in question."""
    end = customer.contract_end
    return end is not None and today - CHANGED_HANDS <= end < today and (not said or min(said) <= end)


def _agreed(found: Sequence[_Evidence]) -> frozenset[str]:
    """The customers that all evidence points to."""
    return frozenset.intersection(*(one.live for one in found)) if found else frozenset()


def _agreed_customer(found: Sequence[_Evidence]) -> CustomerLike:
    """The one customer that all evidence points to."""
    [reference] = _agreed(found)
    return next(customer for one in found for customer in one.owners if customer.reference == reference)


def kinds_of(evidence: Iterable[str]) -> tuple[str, ...]:
    """What of evidence may be told where no personal data may go: "telephone:+33199000100" -> "telephone"."""
    return tuple(dict.fromkeys(one.partition(":")[0] for one in evidence))


def _candidates(
    found: Iterable[_Evidence], named: Iterable[Iterable[CustomerLike]], today: date
) -> Iterator[Candidate]:
    """Everybody that anything points to, whom most points to first; names count least, and old contracts come last."""
    every: dict[str, CustomerLike] = {}
    kinds: dict[str, list[str]] = {}
    points: dict[str, int] = {}
    for kind, customer, weight in _pointers(found, named):
        every.setdefault(customer.reference, customer)
        kinds.setdefault(customer.reference, []).append(kind)
        points[customer.reference] = points.get(customer.reference, 0) + weight
    likeliest = sorted(every, key=lambda reference: (_is_gone(every[reference], today), -points[reference]))
    yield from (Candidate(every[reference], kinds_of(kinds[reference])) for reference in likeliest)


def _pointers(
    found: Iterable[_Evidence], named: Iterable[Iterable[CustomerLike]]
) -> Iterator[tuple[str, CustomerLike, int]]:
    """What points to whom, and how much that weighs."""
    for one in found:
        yield from ((one.name, customer, 2 + (customer.reference in one.live)) for customer in one.owners)
    for customers in named:
        yield from ((KeyKind.NAME.value, customer, 1) for customer in customers)


def _is_gone(customer: CustomerLike, today: date) -> bool:
    """Whether the contract ended so long ago that the data is gone."""
    end = customer.contract_end
    return end is not None and today > end + DATA_HELD_AFTER_CONTRACT


# --- doubts ---


def _none_live(found: Sequence[_Evidence], today: date) -> bool:
    """Stricter than `storage.requests.is_contract_over`: while the data is still held, a person decides."""
    owners = [customer for one in found for customer in one.owners]
    return bool(owners) and not any(_is_live(customer, today) for customer in owners)


def _contradicted(agreed: frozenset[str], named: Sequence[Sequence[CustomerLike]], employers: frozenset[str]) -> bool:
    """Whether the letter names a customer, and not the one that the evidence points to, nor the writer's own."""
    names = [frozenset(customer.reference for customer in customers) for customers in named]
    return any(not (agreed & name) and not (employers & name) for name in names if name)


def _is_to_nobody(letter: Letter, directory: Directory, own_address: str | None) -> bool:
    """Whether it was sent to an intake address that is no customer's: whose it was meant to be nobody knows."""
    intake = [one for one in letter.recipients if own_address and "+" in one and is_ours(one, own_address)]
    return any(not _RESERVED.search(one) and not directory.owners(KeyKind.INTAKE_ALIAS, one) for one in intake)


def _may_be_writers_own(agreed: frozenset[str], found: Sequence[_Evidence], employers: frozenset[str]) -> bool:
    """Whether a number or domain may be that of the company in which the writer works."""
    return bool(agreed & employers) and not _is_addressed(found)


def _is_addressed(found: Sequence[_Evidence]) -> bool:
    """Whether it was sent to a customer's intake address."""
    return any(one.name.startswith(KeyKind.INTAKE_ALIAS) for one in found)


def _is_another_story(says: Says, found: Sequence[_Evidence], directory: Directory) -> bool:
    """Whether only a domain points to the customer, and the letter may be about somebody else.

    That is when it names a number that called, and that nobody has; or when it says much about a mail that it quotes.
    """
    domains = (KeyKind.DOMAIN.value, CAMPAIGN)
    if not found or not all(one.name.partition(":")[0] in domains for one in found):
        return False
    written = [clue for clue in says.clues.found if clue.source is Source.WRITTEN]
    unknown = [one for one in written if one.kind is KeyKind.TELEPHONE and not _owners_of(one, directory)[1]]
    quoted_only = not any(clue.kind is KeyKind.DOMAIN for clue in written)
    return bool(unknown) or (quoted_only and says.clues.chatty)


def _employers(says: Says, directory: Directory) -> frozenset[str]:
    """The customers whose domain the writer's own address has."""
    domains = [domain for own in says.clues.own_domains for domain in with_parents(own)]
    owners = (owner for domain in domains for owner in directory.owners(KeyKind.DOMAIN, domain))
    return frozenset(owner.customer.reference for owner in owners)


def _is_live(customer: CustomerLike, today: date) -> bool:
    """Whether the contract runs; the first and the last day are of it."""
    return (customer.contract_start or today) <= today <= (customer.contract_end or today)


def _is_own(sender: str | None, own_address: str | None) -> bool:
    return bool(sender and own_address) and is_ours(sender or "", own_address or "")
