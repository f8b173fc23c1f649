"""Which customer a letter concerns: certain, or held with the reason why not.

Intake addresses, telephone numbers, senders of text messages, domains and campaign mails decide, when all of them agree
on one live customer; a name contradicts. Where a setting allows it, a distinctive name decides of which a letter that
has no other evidence says that it called (mail/callers.py). A request sent to the wrong customer is a breach; a request
held costs a colleague a minute.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from mail.clues import Source
from mail.evidence import (
    CAMPAIGN,
    CustomerLike,
    Directory,
    Evidence,
    Says,
    employers_of,
    find_evidence,
    find_told_by_name,
    is_live,
    owners_of,
)
from mail.letter import Letter
from mail.settings import Automatic
from storage.requests import DATA_HELD_AFTER_CONTRACT, is_ours
from storage.types import Hold, KeyKind, Kind

MAX_RECEIVED = 25
"""More Received lines than this are a loop (mail.md rule 10)."""

_RESERVED = re.compile(r"\+[bcdr]\.")
"""How tags of our own begin in a plus-address."""


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


def find_route(
    says: Says, directory: Directory, *, automatic: Automatic, junk: bool, today: date, own_address: str | None
) -> Route | Held:
    """Find the one customer. `automatic` says which evidence may send a request on without a person."""
    found = list(find_evidence(says, directory, today))
    names = directory.named(says.clues)
    named = [[owner.customer for owner in owners] for owners in names.values()]
    if automatic is Automatic.EVIDENCE and not found:
        found += find_told_by_name(says, names, directory, today)
    evidence = tuple(one.name for one in found)
    hold = _reason(says, found, named, directory, junk=junk, today=today, own_address=own_address)
    if hold is None and not _suffices(found, automatic):
        hold = Hold.AUTOMATIC_FORWARDING_OFF
    if hold:
        return Held(hold, tuple(_candidates(found, named, today)), evidence)
    return Route(_agreed_customer(found), evidence)


def _suffices(found: Sequence[Evidence], automatic: Automatic) -> bool:
    if automatic is Automatic.INTAKE_ADDRESS:
        return _is_addressed(found)
    return automatic is not Automatic.OFF


def _reason(
    says: Says,
    found: Sequence[Evidence],
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
        or _contradicted(agreed, [*named, *_numbered(says, directory)], employers_of(says, directory))
        or _is_to_nobody(letter, directory, own_address),
        Hold.WRITERS_OWN: _may_be_writers_own(agreed, found, employers_of(says, directory)),
    }
    return next((hold for hold, holds in reasons.items() if holds), None)


def _sends_campaign_on(says: Says, found: Sequence[Evidence]) -> bool:
    """Whether the writer sends on a customer's campaign mail without a word: he wants no more of them."""
    return says.clues.wordless and any(one.name.startswith(CAMPAIGN) for one in found)


# --- agreement and candidates ---


def _agreed(found: Sequence[Evidence]) -> frozenset[str]:
    """The customers that all evidence points to."""
    return frozenset.intersection(*(one.live for one in found)) if found else frozenset()


def _agreed_customer(found: Sequence[Evidence]) -> CustomerLike:
    """The one customer that all evidence points to."""
    [reference] = _agreed(found)
    return next(customer for one in found for customer in one.owners if customer.reference == reference)


def kinds_of(evidence: Iterable[str]) -> tuple[str, ...]:
    """What of evidence may be told where no personal data may go: "telephone:+33199000100" -> "telephone"."""
    return tuple(dict.fromkeys(one.partition(":")[0] for one in evidence))


def _candidates(found: Iterable[Evidence], named: Iterable[Iterable[CustomerLike]], today: date) -> Iterator[Candidate]:
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
    found: Iterable[Evidence], named: Iterable[Iterable[CustomerLike]]
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


def _none_live(found: Sequence[Evidence], today: date) -> bool:
    """Stricter than `storage.requests.is_contract_over`: while the data is still held, a person decides."""
    owners = [customer for one in found for customer in one.owners]
    return bool(owners) and not any(is_live(customer, today) for customer in owners)


def _contradicted(agreed: frozenset[str], named: Sequence[Sequence[CustomerLike]], employers: frozenset[str]) -> bool:
    """Whether the letter names a customer, or a number of one: not the one of the evidence, nor the writer's own."""
    names = [frozenset(customer.reference for customer in customers) for customers in named]
    return any(not (agreed & name) and not (employers & name) for name in names if name)


def _numbered(says: Says, directory: Directory) -> Iterator[list[CustomerLike]]:
    """Whose the numbers are that stand in the letter, whatever is said of them."""
    for number in says.clues.beside:
        yield [owner.customer for owner in directory.owners(KeyKind.TELEPHONE, number)]


def _is_to_nobody(letter: Letter, directory: Directory, own_address: str | None) -> bool:
    """Whether it was sent to an intake address that is no customer's: whose it was meant to be nobody knows."""
    intake = [one for one in letter.recipients if own_address and "+" in one and is_ours(one, own_address)]
    return any(not _RESERVED.search(one) and not directory.owners(KeyKind.INTAKE_ALIAS, one) for one in intake)


def _may_be_writers_own(agreed: frozenset[str], found: Sequence[Evidence], employers: frozenset[str]) -> bool:
    """Whether a number or domain may be that of the company in which the writer works."""
    return bool(agreed & employers) and not _is_addressed(found)


def _is_addressed(found: Sequence[Evidence]) -> bool:
    """Whether it was sent to a customer's intake address."""
    return any(one.name.startswith(KeyKind.INTAKE_ALIAS) for one in found)


def _is_another_story(says: Says, found: Sequence[Evidence], directory: Directory) -> bool:
    """Whether only a domain points to the customer, and the letter may be about somebody else.

    That is when it names a number that called, and that nobody has; or when it says much about a mail that it quotes.
    """
    domains = (KeyKind.DOMAIN.value, CAMPAIGN)
    if not found or not all(one.name.partition(":")[0] in domains for one in found):
        return False
    written = [clue for clue in says.clues.found if clue.source is Source.WRITTEN]
    unknown = [one for one in written if one.kind is KeyKind.TELEPHONE and not owners_of(one, directory)[1]]
    quoted_only = not any(clue.kind is KeyKind.DOMAIN for clue in written)
    return bool(unknown) or (quoted_only and says.clues.chatty)


def _is_own(sender: str | None, own_address: str | None) -> bool:
    return bool(sender and own_address) and is_ours(sender or "", own_address or "")
