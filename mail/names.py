"""Customers' names in a letter's own words: they never decide, but the name of another customer is a contradiction.

The names of the whole directory are remembered as hashes, so that 50,000 of them take a few megabytes; what seems to be
one is looked up. A name of one word counts only with a capital where no sentence begins: customers are called Contact.
"""

from collections.abc import Iterable, Iterator, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage import customers

LONGEST = 9
"""Words in a name that is found at most."""


class Names:
    """The names of a directory."""

    def __init__(self, names: Iterable[str]) -> None:
        self._whole, self._firsts = set[int](), set[int]()
        for name in names:
            self._whole.add(hash(name))
            self._firsts.add(hash(name.partition(" ")[0]))

    def find_in(self, words: Sequence[str]) -> Iterator[str]:
        """The names in marked words (see mail/clues.py), at each place the longest."""
        plain = [word.removeprefix("^") for word in words]
        at = 0
        while at < len(plain):
            length = self._longest(plain, at) if hash(plain[at]) in self._firsts else 0
            if length > 1 or (length == 1 and words[at] != plain[at]):
                yield " ".join(plain[at : at + length])
            at += max(1, length)

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
