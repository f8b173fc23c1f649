"""Sets of UIDs, and what a server says about where moved mails went (COPYUID, RFC 4315)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

AT_ONCE = 500
"""UIDs in one command: some servers take lines of 8 KB only."""

COPYUID = re.compile(rb"([0-9]{1,10}) ([0-9:,]+) ([0-9:,]+)")
RANGE = re.compile(rb"([0-9]{1,10})(?::([0-9]{1,10}))?")
T = TypeVar("T")


@dataclass(frozen=True)
class Moved:
    """Where mails went, old UID to new; without UIDVALIDITY the server did not say, and `uids` is empty."""

    uidvalidity: int | None = None
    uids: dict[int, int] = field(default_factory=dict)


def chunked(items: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    """At most `size` at once."""
    step = size or AT_ONCE
    for start in range(0, len(items), step):
        yield items[start : start + step]


def read_copyuid(answers: Sequence[bytes | None], asked: Sequence[int]) -> Moved:
    """What the COPYUID answers to a MOVE or COPY of these UIDs say; what makes no sense is left out."""
    uidvalidity: int | None = None
    uids: dict[int, int] = {}
    for answer in answers:
        match = COPYUID.fullmatch(answer.strip()) if answer else None
        pairs = _pairs(match[2], match[3], most=len(asked)) if match else {}
        if match and pairs:
            uidvalidity = int(match[1])
            uids |= pairs
    wanted = set(asked)
    return Moved(uidvalidity, {old: new for old, new in uids.items() if old in wanted})


def _pairs(old: bytes, new: bytes, *, most: int) -> dict[int, int]:
    olds, news = read_uids(old, most=most), read_uids(new, most=most)
    return dict(zip(olds, news, strict=True)) if len(olds) == len(news) else {}


def read_uids(text: bytes, *, most: int) -> list[int]:
    """The UIDs of a set such as 304,319:320, each range rising; [] when it is none, or longer than `most`."""
    found: list[int] = []
    for part in text.split(b","):
        match = RANGE.fullmatch(part)
        if not match:
            return []
        first, last = sorted((int(match[1]), int(match[2] or match[1])))
        if len(found) + last - first + 1 > most:
            return []
        found.extend(range(first, last + 1))
    return found
