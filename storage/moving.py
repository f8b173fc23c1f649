"""Identifiers without dates that a file takes from one customer and gives to another: the past stays as it was.

A letter about a call of last month concerns whoever had the number then. So the one who loses it has had it until
yesterday, and the other has it from today on; a file that goes on naming it without dates changes nothing of that.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from storage.customer_file import Entry, Key
from storage.doubts import KINDS, NAMED, Doubt
from storage.types import KeyKind

Keys = frozenset[Key]
Thing = tuple[KeyKind, str]
"""What is identified by: +33199000100 as a number."""

MOVING = frozenset({KeyKind.TELEPHONE, KeyKind.DOMAIN, KeyKind.SMS_SENDER})
"""What letters name of a day that has passed."""


@dataclass
class Move:
    """Who gives something up, and who gets it, at `line`."""

    losers: set[str] = field(default_factory=set)
    gainers: set[str] = field(default_factory=set)
    line: int = 0


def as_recorded(before: Keys, said: Keys, *, today: date) -> Keys:
    """What a file says of a customer, where the record knows more of the days.

    Without dates it may be had since a day; and what was had until a day that has passed stays, unless the file itself
    gives it days, or says that it is had always.
    """
    if before == said:
        return said
    since = {_thing(key): key for key in before if _is_open(key) and key.valid_from and key.valid_from <= today}
    keys = frozenset(since.get(_thing(key), key) if _is_undated(key) else key for key in said)
    dated = {_thing(key) for key in said if not _is_undated(key)}
    named = dated | {_thing(key) for key in keys if _is_undated(key)}
    return keys | {key for key in _past(before, today) if _thing(key) not in named}


def find_moves(pairs: Iterable[tuple[Keys, Entry]]) -> dict[Thing, Move]:
    """What goes from one customer to another without dates; each pair is what was recorded, and what would be."""
    moves: dict[Thing, Move] = defaultdict(Move)
    for before, entry in pairs:
        if before == entry.keys:
            continue
        for key in _lost(before, entry.keys):
            moves[_thing(key)].losers.add(entry.reference)
        for key in _gained(before, entry.keys):
            moves[_thing(key)].gainers.add(entry.reference)
            moves[_thing(key)].line = entry.line
    return {thing: move for thing, move in moves.items() if move.losers and move.gainers}


def with_days(before: Keys, keys: Keys, moves: Mapping[Thing, Move], *, today: date) -> Keys:
    """The keys of a customer, where what moves is had until yesterday, or from today on."""
    if before == keys or not moves:
        return keys
    yesterday = today - timedelta(days=1)
    gained = [key for key in _gained(before, keys) if _thing(key) in moves]
    lost = [key for key in _lost(before, keys) if _thing(key) in moves]
    closed = {key._replace(valid_to=yesterday) for key in lost if (key.valid_from or date.min) <= yesterday}
    things = {_thing(key) for key in gained}
    had_before = {key for key in _past(before, today) if _thing(key) in things}
    return (keys - set(gained)) | {key._replace(valid_from=today) for key in gained} | closed | had_before


def doubts_of(moves: Mapping[Thing, Move], *, today: date) -> list[Doubt]:
    """What a person should look at: the file may have meant another day."""
    return [Doubt(move.line, _sentence(thing, move, today), "moved") for thing, move in moves.items()]


def _sentence(thing: Thing, move: Move, today: date) -> str:
    kind, value = thing
    losers, gainers = (", ".join(sorted(some)[:NAMED]) for some in (move.losers, move.gainers))
    return f"the {KINDS[kind]} {value} moves from {losers} to {gainers} without dates: it does so on {today}."


def _lost(before: Keys, keys: Keys) -> list[Key]:
    """What goes, and of which the file does not say until when it was had."""
    anew = {_thing(key) for key in keys - before}
    return [key for key in before - keys if _is_open(key) and _thing(key) not in anew]


def _gained(before: Keys, keys: Keys) -> list[Key]:
    return [key for key in keys - before if key.kind in MOVING and _is_undated(key)]


def _past(keys: Keys, today: date) -> Keys:
    return frozenset(key for key in keys if key.kind in MOVING and key.valid_to is not None and key.valid_to < today)


def _is_open(key: Key) -> bool:
    return key.kind in MOVING and key.valid_to is None


def _is_undated(key: Key) -> bool:
    return key.valid_from is None and key.valid_to is None


def _thing(key: Key) -> Thing:
    return key.kind, key.value
