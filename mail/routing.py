"""Which customer a letter concerns: certain, or held with the reason why not.

One kind of evidence decides: an intake plus-address of exactly one live customer, on a letter that is not automatic.
A request sent to the wrong customer is a breach; a request held costs a colleague a minute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mail.letter import Letter
from storage.requests import is_ours
from storage.types import Hold

MAX_RECEIVED = 25
"""More Received lines than this are a loop (mail.md rule 10)."""


class CustomerLike(Protocol):
    """What deciding needs to know of a customer."""

    @property
    def reference(self) -> str: ...

    @property
    def contract_end(self) -> date | None: ...


class Directory(Protocol):
    """Looks customers up by what a letter names."""

    def by_alias(self, addresses: Sequence[str]) -> Mapping[str, Sequence[CustomerLike]]:
        """For each of our intake addresses, the customers it belongs to."""


@dataclass(frozen=True)
class Route:
    """It goes to this customer, because of this evidence ("intake-alias:privacy+acme@…")."""

    customer: CustomerLike
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A person decides, for this reason; the candidates and the evidence are what was found all the same."""

    hold: Hold
    candidates: tuple[CustomerLike, ...] = ()
    evidence: tuple[str, ...] = ()


def find_route(
    letter: Letter, directory: Directory, *, automatic: bool, junk: bool, today: date, own_address: str | None
) -> Route | Held:
    """Find the one customer. `automatic` is False where nothing may be forwarded without a person."""
    found = {address: owners for address, owners in directory.by_alias(letter.recipients).items() if owners}
    candidates = tuple({one.reference: one for owners in found.values() for one in owners}.values())
    evidence = tuple(f"intake-alias:{address}" for address in found)
    if hold := _reason(letter, candidates, junk=junk, today=today, own_address=own_address):
        return Held(hold, candidates, evidence)
    if not automatic:
        return Held(Hold.AUTOMATIC_FORWARDING_OFF, candidates, evidence)
    return Route(candidates[0], evidence)


def _reason(
    letter: Letter, candidates: Sequence[CustomerLike], *, junk: bool, today: date, own_address: str | None
) -> Hold | None:
    """Why this letter is held, the gravest reason first. A body that cannot be read does not hide its address."""
    reasons = {
        Hold.JUNK: junk,
        Hold.OWN_MAIL: letter.received_lines > MAX_RECEIVED or _is_own(letter.sender, own_address),
        Hold.AUTOMATIC_MAIL: letter.automatic is not None,
        Hold.UNREADABLE: letter.unreadable is not None and not candidates,
        Hold.NO_EVIDENCE: not candidates,
        Hold.SEVERAL_CUSTOMERS: len(candidates) > 1,
        Hold.CONTRACT_ENDED: any(_has_ended(one.contract_end, today) for one in candidates),
    }
    return next((hold for hold, holds in reasons.items() if holds), None)


def _has_ended(contract_end: date | None, today: date) -> bool:
    """Stricter than `storage.requests.is_contract_over`: while the data is still held, a person decides."""
    return contract_end is not None and today > contract_end


def _is_own(sender: str | None, own_address: str | None) -> bool:
    return bool(sender and own_address) and is_ours(sender or "", own_address or "")
