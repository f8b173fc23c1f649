"""What is typed about a breach in the shell, read as facts (pure)."""

from collections.abc import Mapping
from datetime import datetime

from bot.fact_kinds import MANY, NUMBERS, ONE, UNKNOWN, labels_of, order
from storage.breach_facts import INSTANTS, Value
from storage.breach_types import ONGOING, FactName
from storage.clock import UnreadableInstant, read_instant


class UnreadableFact(ValueError):
    """What was typed is none of what this field takes; the sentence says what it takes."""


def read_facts(typed: Mapping[FactName, str | list[str] | None]) -> dict[FactName, Value]:
    """The facts that were given; "unknown" is "not known yet". Raises UnreadableFact."""
    return {name: read_fact(name, text) for name, text in typed.items() if text not in (None, [])}


def read_fact(name: FactName, text: str | list[str] | None) -> Value:
    """One of them. Several labels are given one by one, or with commas between. Raises UnreadableFact."""
    words = [one.strip() for part in ([text] if isinstance(text, str) else text or []) for one in part.split(",")]
    plain = str(text).strip() if isinstance(text, str) else ",".join(words)
    if plain.lower() == UNKNOWN:
        return None
    if name in MANY:
        return order(name, {_label(name, one) for one in words})
    if name in ONE:
        return _label(name, plain)
    if name in NUMBERS:
        return _number(name, plain)
    return _instant(name, plain) if name in INSTANTS else plain


def _label(name: FactName, typed: str) -> str:
    label = typed.lower().replace("-", "_").replace(" ", "_")
    if label not in labels_of(name):
        raise UnreadableFact(f"{name.value} is one of: {', '.join((*labels_of(name), UNKNOWN))}.")
    return label


def _number(name: FactName, typed: str) -> int:
    digits = typed.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise UnreadableFact(f"{name.value} is a whole number, such as 120, or {UNKNOWN}.")
    return int(digits)


def _instant(name: FactName, typed: str) -> datetime | str:
    if name is FactName.ENDED_AT and typed.lower() == ONGOING:
        return ONGOING
    try:
        return read_instant(typed)
    except UnreadableInstant as error:
        ongoing = f", {ONGOING}" if name is FactName.ENDED_AT else ""
        raise UnreadableFact(
            f"{name.value} is a time in Paris such as 2026-10-23T17:40{ongoing}, or {UNKNOWN}."
        ) from error
