"""Customers' names in a letter's own words: the name of another customer is a contradiction.

Only one that is distinctive over the whole directory may ever decide (AUTOMATIC_FORWARDING=evidence).

The names of the whole directory are remembered as hashes, so that 50,000 of them take a few megabytes; what seems to be
one is looked up. A name of one word that tells counts only if it is marked: customers are called Contact, and Le Point.
"""

import string
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from mail.language import is_small
from storage import customers

LONGEST = 9
"""Words in a name that is found at most."""

RARE = 5
"""Letters of a word that may be rare."""

ALONE = 8
"""Letters of a rare word that may be a name by itself."""


class Names:
    """The names of a directory."""

    def __init__(self, names: Iterable[str]) -> None:
        self._whole, self._firsts = set[int](), set[str]()
        for name in names:
            self._whole.add(hash(name))
            self._firsts.add(name.partition(" ")[0])

    def find_in(self, marked: str) -> Iterator[str]:
        """The names in marked words (see mail/clues.py), at each place the longest."""
        words = marked.replace("^", "").split()
        firsts = self._firsts.intersection(words)
        if firsts:
            yield from self._find(marked.split(), words, firsts)

    def _find(self, marked: Sequence[str], words: Sequence[str], firsts: Collection[str]) -> Iterator[str]:
        behind = 0
        for at in [at for at, word in enumerate(words) if word in firsts]:
            length = self._longest(words, at) if at >= behind else 0
            telling = [word for word in marked[at : at + length] if not is_small(word)]
            if len(telling) > 1 or any(word.startswith("^") for word in telling):
                yield " ".join(words[at : at + length])
            behind = max(behind, at + length)

    def has(self, name: str) -> bool:
        """Whether this is somebody's name."""
        return hash(name) in self._whole

    def _longest(self, words: Sequence[str], at: int) -> int:
        for length in range(min(LONGEST, len(words) - at), 0, -1):
            if hash(" ".join(words[at : at + length])) in self._whole:
                return length
        return 0


_KNOWN: WeakKeyDictionary[Engine, tuple[int, Names]] = WeakKeyDictionary()


def known_names(session: Session) -> Names:
    """The names of the directory as it is now; read again when it has changed."""
    engine, version = session.connection().engine, customers.version(session)
    known = _KNOWN.get(engine)
    if known is None or known[0] != version:
        known = _KNOWN[engine] = (version, Names(customers.list_names(session)))
    return known[1]


# --- names that may decide ---

_LETTERS = string.ascii_lowercase + string.digits
_SEVERAL = -1


class RareWords:
    """Words by which one customer can be told from all others of a directory, and from what everybody may say."""

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        self._owners = dict[int, int]()
        for name, customer in names:
            for word in name.split():
                owner = self._owners.setdefault(hash(word), customer)
                if owner != customer:
                    self._owners[hash(word)] = _SEVERAL

    def find_in(self, name: str) -> list[str]:
        return [word for word in name.split() if self._is_rare(word)]

    def _is_rare(self, word: str) -> bool:
        """Whether one customer has it, and neither another nor everyday speech a word within a letter of it."""
        owner = self._owners.get(hash(word), _SEVERAL)
        if owner == _SEVERAL or len(word) < RARE or not (word.isascii() and word.isalpha()):
            return False
        everyday = everyday_words()
        return word not in everyday and all(
            self._owners.get(hash(near), owner) == owner and near not in everyday for near in _near(word)
        )


def is_distinctive(name: str, names: Names, rare: RareWords) -> bool:
    """Whether nobody else can be meant by a name: several words, or one long one, of which one at least is rare.

    None of its parts without a rare word is itself a name. (A part with one can only be the same customer's.)
    """
    words, telling = name.split(), rare.find_in(name)
    if not telling or (len(words) == 1 and len(name) < ALONE):
        return False
    parts = (words[first:last] for first in range(len(words)) for last in range(first + 1, len(words) + 1))
    return not any(set(part).isdisjoint(telling) and names.has(" ".join(part)) for part in parts)


def _near(word: str) -> Iterator[str]:
    """All that is within a letter of a word: one missing, added, changed, or two turned round."""
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield from (f"{before}{letter}{after}" for letter in _LETTERS)
        if after:
            yield before + after[1:]
            yield from (f"{before}{letter}{after[1:]}" for letter in _LETTERS)
        if len(after) > 1:
            yield f"{before}{after[1]}{after[0]}{after[2:]}"


@cache
def everyday_words() -> frozenset[str]:
    """What is no rare word, see mail/everyday.txt."""
    lines = (resources.files("mail") / "everyday.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


_RARE: WeakKeyDictionary[Engine, tuple[int, RareWords]] = WeakKeyDictionary()


def rare_words(session: Session) -> RareWords:
    """The rare words of the directory as it is now: read when a name may decide, and again when it has changed."""
    engine, version = session.connection().engine, customers.version(session)
    known = _RARE.get(engine)
    if known is None or known[0] != version:
        known = _RARE[engine] = (version, RareWords(customers.names_with_owners(session)))
    return known[1]
