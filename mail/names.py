"""Customers' names in a letter's own words: they never decide, but the name of another customer is a contradiction.

The names of the whole directory are remembered as hashes, so that 50,000 of them take a few megabytes; what seems to be
one is looked up. A name of one word that tells counts only if it is marked: customers are called Contact, and Le Point.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from mail.language import is_small
from storage import customers

LONGEST = 9
"""Words in a name that is found at most."""


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
