"""What an import changes and what is odd about it, as lines for the person at the shell."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from storage.customer_file import Key, written
from storage.directory import Changes, Difference
from storage.doubts import Doubt

SHOWN = 20
"""New, changed and absent customers that are named; the others are counted."""

SHOWN_DOUBTS = 10
"""Doubts of one kind that are said."""

LABELS = {"request_address": "order address"}
KEYS = {"name": "alias", "sms-sender": "SMS sender", "intake-alias": "intake alias"}


def change_lines(changes: Changes) -> Iterator[str]:
    """The first of each: + is new, ~ is changed."""
    for entry in changes.added[:SHOWN]:
        yield f"+ {entry.reference} {entry.columns['name']}"
    yield from _more("+", len(changes.added))
    for reference, one in list(changes.changed.items())[:SHOWN]:
        yield f"~ {reference} {'; '.join(map(_difference, one.differences))}"
    yield from _more("~", len(changes.changed))
    if absent := changes.absent:
        more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
        yield f"Not in the file, left as they are: {', '.join(absent[:SHOWN])}{more}"


def counts(changes: Changes) -> str:
    """2 new, 1 changed, 0 not in the file, 7 unchanged."""
    return (
        f"{len(changes.added)} new, {len(changes.changed)} changed, {len(changes.others)} not in the file, "
        f"{changes.unchanged} unchanged"
    )


def doubt_lines(doubts: Sequence[Doubt]) -> Iterator[str]:
    """The first of each kind, by line."""
    ordered = sorted(doubts, key=lambda doubt: (doubt.kind, doubt.line, doubt.reason))
    for _, of_kind in groupby(ordered, lambda doubt: doubt.kind):
        some = list(of_kind)
        yield from (f"Warning, {doubt}" for doubt in some[:SHOWN_DOUBTS])
        if len(some) > SHOWN_DOUBTS:
            yield f"Warning, … and {len(some) - SHOWN_DOUBTS} more such lines"


def _more(sign: str, count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"{sign} … and {count - SHOWN} more"


def _difference(one: Difference) -> str:
    if any(isinstance(value, Key) for value in (*one.old, *one.new)):
        label = KEYS.get(one.what, one.what)
        signed = [*(f"{written(key)} added" for key in one.new), *(f"{written(key)} removed" for key in one.old)]
        return f"{label}: {', '.join(signed)}"
    label = LABELS.get(one.what, one.what.replace("_", " "))
    return f"{label}: {_value(one.old[0])} -> {_value(one.new[0])}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value not in (None, "") else "none"
