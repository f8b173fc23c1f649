"""What is odd about a directory that is imported all the same: said before it is applied, for a person to look at."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from storage.customer_file import Entry, Key
from storage.free_mail import FREE_MAIL
from storage.naming import is_common
from storage.requests import DATA_HELD_AFTER_CONTRACT, is_ours
from storage.tables import BadLine
from storage.telephones import is_in_use
from storage.types import KeyKind

NOWHERE = frozenset({"invalid", "localhost", "local", "internal", "lan"})
"""Top-level domains to which no mail can be sent from outside (RFC 2606, RFC 6762)."""

NOBODY_READS = frozenset({"noreply", "no-reply", "donotreply", "do-not-reply", "nepasrepondre", "ne-pas-repondre"})
LONGEST_LABEL, LONGEST_DOMAIN = 63, 253
NAMED = 4
"""Customers that share something and are named."""

COMPARED = 100
"""Owners of one thing whose days are compared with each other; of more of them it is said that they share it."""

KINDS = {
    KeyKind.INTAKE_ALIAS: "intake alias",
    KeyKind.DOMAIN: "domain",
    KeyKind.TELEPHONE: "number",
    KeyKind.SMS_SENDER: "SMS sender",
    KeyKind.NAME: "name",
}


@dataclass(frozen=True)
class Doubt(BadLine):
    """A line that is taken, and what is odd about it; `kind` tells doubts of one sort from another."""

    kind: str = ""


def find_doubts(entries: Iterable[Entry]) -> list[Doubt]:
    """What is odd about single lines, whatever else is in the directory."""
    return [Doubt(entry.line, reason, kind) for entry in entries for kind, reason in _of_one(entry)]


def find_doubts_among(
    entries: Sequence[Entry], others: Iterable[Entry], *, own_address: str | None, today: date
) -> list[Doubt]:
    """What is odd today, and among customers; `others` stay although the file does not name them."""
    found = []
    for entry in entries:
        address, end = entry.columns["request_address"], entry.columns["contract_end"]
        if own_address and is_ours(address, own_address):
            reason = f"the order address {address} is one of ours: nothing can be forwarded to it."
            found.append(Doubt(entry.line, reason, "address"))
        if end is not None and end < today:
            found.append(Doubt(entry.line, _ended(entry.reference, end, today), "ended"))
    return [*found, *_shared([*entries, *others], today)]


def _of_one(entry: Entry) -> Iterator[tuple[str, str]]:
    if why := _cannot_receive(entry.columns["request_address"]):
        yield "address", f"the order address {entry.columns['request_address']} {why}"
    for key in entry.keys:
        if key.kind is KeyKind.TELEPHONE and not is_in_use(key.value):
            yield "number", f"{key.value} is possible, but not a number in use; it was taken all the same."
        elif key.kind is KeyKind.DOMAIN and key.value in FREE_MAIL:
            yield (
                "domain",
                f"at {key.value} everybody may have an address: it does not tell {entry.reference} from others.",
            )
        elif key.kind is KeyKind.NAME and is_common(key.value):
            yield "name", f"“{key.value}” is a common word: as a name it does not tell {entry.reference} from others."


def _cannot_receive(address: str) -> str | None:
    """Why mail to an address that looks like one does not arrive; None when nothing speaks against it."""
    local, _, domain = address.lower().rpartition("@")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        return "cannot receive mail: its dots are misplaced."
    if len(domain) > LONGEST_DOMAIN or any(len(label) > LONGEST_LABEL for label in domain.split(".")):
        return "cannot receive mail: its domain is too long."
    if domain.rpartition(".")[2] in NOWHERE:
        return "cannot receive mail: its domain is not on the internet."
    return "is read by nobody, as it says." if local in NOBODY_READS else None


def _ended(reference: str, end: date, today: date) -> str:
    until = end + DATA_HELD_AFTER_CONTRACT
    if today <= until:
        return f"the contract of {reference} ended on {end}; its data is held until {until}: a person decides."
    return f"the contract of {reference} ended on {end}: nothing is forwarded to it any more."


def _shared(entries: Iterable[Entry], today: date) -> Iterator[Doubt]:
    """What several live customers have at the same time."""
    owners: dict[tuple[KeyKind, str], list[tuple[Entry, Key]]] = defaultdict(list)
    for entry in entries:
        if (entry.columns["contract_end"] or today) >= today:
            for key in entry.keys:
                owners[key.kind, key.value].append((entry, key))
    for (kind, value), some in owners.items():
        if len(some) > 1 and (together := _at_the_same_time(some)):
            names = sorted({entry.reference for entry in together})
            line = min((entry.line for entry in together if entry.line), default=0)
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            sentence = f"{', '.join(names[:NAMED])}{more} share the {KINDS[kind]} {value}: it does not tell them apart."
            yield Doubt(line, sentence, "shared")


def _at_the_same_time(owners: Sequence[tuple[Entry, Key]]) -> list[Entry]:
    """Those of several customers who have it on a day on which another one has it, too."""
    always = all(key.valid_from is None and key.valid_to is None for _, key in owners)
    if always or len(owners) > COMPARED:
        return [entry for entry, _ in owners] if len({entry.reference for entry, _ in owners}) > 1 else []
    found = [
        entry
        for (one, key), (other, other_key) in combinations(owners, 2)
        if one.reference != other.reference and _overlap(key, other_key)
        for entry in (one, other)
    ]
    return list({entry.reference: entry for entry in found}.values())


def _overlap(one: Key, other: Key) -> bool:
    begin = max(one.valid_from or date.min, other.valid_from or date.min)
    return begin <= min(one.valid_to or date.max, other.valid_to or date.max)
