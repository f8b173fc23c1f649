"""The pieces of Block Kit: each object with the keys it may have, those it must have, and how long they may be."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

Problems = Iterator[str]
Check = Callable[[Any, str], Problems]


@dataclass(frozen=True)
class Shape:
    """What one kind of object may hold; anything else is refused."""

    optional: dict[str, Check]
    required: dict[str, Check] = field(default_factory=dict)

    def __call__(self, value: Any, at: str) -> Problems:
        if not isinstance(value, dict):
            yield f"must be an object [json-pointer:{at}]"
            return
        known = self.optional | self.required
        yield from (f"missing required field: {key} [json-pointer:{at}]" for key in self.required if key not in value)
        for key, part in value.items():
            if key not in known:
                yield f"additional properties are not allowed: {key} [json-pointer:{at}]"
            else:
                yield from known[key](part, f"{at}/{key}")


def text(most: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Problems:
        if not isinstance(value, str):
            yield f"must be a string [json-pointer:{at}]"
        elif len(value) < least:
            yield f"must be more than {least - 1} characters [json-pointer:{at}]"
        elif len(value) > most:
            yield f"must be less than {most + 1} characters [json-pointer:{at}]"

    return check


def whole(least: int, most: int) -> Check:
    def check(value: Any, at: str) -> Problems:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            yield f"must be a whole number from {least} to {most} [json-pointer:{at}]"

    return check


def flag(value: Any, at: str) -> Problems:
    if not isinstance(value, bool):
        yield f"must be a boolean [json-pointer:{at}]"


def one_of(*words: str) -> Check:
    def check(value: Any, at: str) -> Problems:
        if value not in words:
            yield f"must be one of {', '.join(words)} [json-pointer:{at}]"

    return check


def several(each: Check, most: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Problems:
        if not isinstance(value, list):
            yield f"must be a list [json-pointer:{at}]"
            return
        if not least <= len(value) <= most:
            yield f"must have {least} to {most} items, not {len(value)} [json-pointer:{at}]"
        for index, part in enumerate(value):
            yield from each(part, f"{at}/{index}")

    return check


def words(most: int, *kinds: str) -> Check:
    """A text object of one of the given kinds (plain_text, mrkdwn)."""

    def check(value: Any, at: str) -> Problems:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in kinds:
            yield f"must be a text object of type {' or '.join(kinds)} [json-pointer:{at}]"
            return
        extra: dict[str, Check] = {"emoji": flag} if kind == "plain_text" else {"verbatim": flag}
        yield from Shape(extra, {"type": one_of(*kinds), "text": text(most)})(value, at)

    return check


def plain(most: int) -> Check:
    return words(most, "plain_text")


def rich(most: int) -> Check:
    return words(most, "plain_text", "mrkdwn")


def day(value: Any, at: str) -> Problems:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        yield f"must be a date such as 2026-10-25 [json-pointer:{at}]"


def link(value: Any, at: str) -> Problems:
    yield from text(3000)(value, at)
    if isinstance(value, str) and not value.startswith(("https://", "http://", "mailto:")):
        yield f"must be a URL [json-pointer:{at}]"


IDENT = text(255)
CONFIRM = Shape(
    {"style": one_of("primary", "danger")},
    {"title": plain(100), "text": rich(300), "confirm": plain(30), "deny": plain(30)},
)
OPTION = Shape({"description": plain(75)}, {"text": plain(75), "value": text(75)})
RICH_OPTION = Shape({"description": rich(75)}, {"text": rich(75), "value": text(75)})
GROUP = Shape({}, {"label": plain(75), "options": several(OPTION, 100)})
