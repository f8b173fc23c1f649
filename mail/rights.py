"""What a text asks (pure): a first reading by a lexicon of patterns, each with its weight (mail/lexicon.toml).

It says why ("because"), and it is for the customer to judge: a reading is a label, never a decision.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from storage.types import Kind, Right

ENOUGH = 2
READ = 8_000
"""Characters that are read for rights."""

_QUOTED = re.compile(
    r"(?im)^\s*>.*$|^\s*(le .{5,80} a ecrit|on .{5,80} wrote|am .{5,80} schrieb|el .{5,80} escribio|il .{5,80} ha scritto)"
    r"\s*:\s*$|^-{2,}\s*(message d'origine|original message|message transfere|forwarded message)\s*-*$"
)
_SIGNATURE = re.compile(r"(?m)^-- ?$")


@dataclass(frozen=True)
class RightsRead:
    """The kind of a letter, the rights it seems to exercise, flags, and the words that say so."""

    kind: Kind
    rights: tuple[str, ...]
    flags: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True)
class _Lexicon:
    rights: dict[str, list[tuple[int, re.Pattern[str]]]]
    kinds: dict[str, list[tuple[int, re.Pattern[str]]]]
    flags: dict[str, list[tuple[int, re.Pattern[str]]]]
    homonyms: re.Pattern[str]


def read_rights(subject: str, text: str) -> RightsRead:
    """Read a letter's subject and text. Quotations and signatures are not its writer's words."""
    own = plain(f"{subject}\n{own_words(text)}"[:READ])
    lexicon = _lexicon()
    meant = lexicon.homonyms.sub(" ", own)
    rights = _score(lexicon.rights, meant)
    kinds = _score(lexicon.kinds, own)
    flags = _score(lexicon.flags, own)
    because = [word for words in (*rights.values(), *flags.values()) for word in words]
    found = tuple(right.value for right in Right if right.value in rights)
    return RightsRead(_kind(found, kinds), found, tuple(sorted(flags)), tuple(dict.fromkeys(because))[:8])


def own_words(text: str) -> str:
    """What the writer wrote: without quoted lines, what follows an attribution, and the signature.

    A letter that is nothing but quotation is read whole.
    """
    before = text[: found.start()] if (found := _SIGNATURE.search(text)) else text
    lines = [line for line in before.split("\n") if not line.lstrip().startswith(">")]
    kept: list[str] = []
    for line in lines:
        if _QUOTED.match(plain(line)):
            break
        kept.append(line)
    own = "\n".join(kept).strip()
    return own or text


def plain(text: str) -> str:
    """Lower case, without accents, apostrophes alike: as the lexicon is written."""
    apart = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _kind(rights: tuple[str, ...], kinds: dict[str, list[str]]) -> Kind:
    if Kind.AUTHORITY in kinds:
        return Kind.AUTHORITY
    return Kind.REQUEST if rights else Kind.NOT_REQUEST


def _score(table: dict[str, list[tuple[int, re.Pattern[str]]]], text: str) -> dict[str, list[str]]:
    """For each label that has enough points, the words found."""
    scores = {label: list(_found(patterns, text)) for label, patterns in table.items()}
    return {
        label: [words for _, words in found] for label, found in scores.items() if sum(p for p, _ in found) >= ENOUGH
    }


def _found(patterns: Iterable[tuple[int, re.Pattern[str]]], text: str) -> Iterator[tuple[int, str]]:
    for points, pattern in patterns:
        if match := pattern.search(text):
            yield points, " ".join(match[0].split())[:60]


@cache
def _lexicon() -> _Lexicon:
    data = tomllib.loads((resources.files("mail") / "lexicon.toml").read_text(encoding="utf-8"))
    homonyms = re.compile("|".join(f"(?:{pattern})" for pattern in data["homonyms"]["patterns"]))
    return _Lexicon(_compiled(data["rights"]), _compiled(data["kinds"]), _compiled(data["flags"]), homonyms)


def _compiled(table: dict[str, dict[str, list[Any]]]) -> dict[str, list[tuple[int, re.Pattern[str]]]]:
    """One pattern per label and weight, alternatives joined: a label needs one pass over the text."""
    return {
        label: [
            (int(points), re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.MULTILINE))
            for points, patterns in weights.items()
        ]
        for label, weights in table.items()
    }
