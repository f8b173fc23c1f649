"""What a text asks (pure): a first reading by a lexicon of phrases, each with its weight (mail/lexicon.toml).

It says why ("because"), and it is for the customer to judge: a reading is a label, never a decision.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mail.text import own_words
from storage.types import Kind, Right

ENOUGH = 2
READ = 6_000
"""Characters that are read."""

SHORT = 6
"""In a letter of no more words, one that only supports is enough: "Stop"."""

HOMONYM = "homonym"
_KEY = 3
"""A phrase is looked up by the first letters of its first word."""

_ABBREVIATED = re.compile(r"\b(art|cl)\.")
_WORD = re.compile(r"\w+")
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u200c\u200d]")
_SPECIAL = str.maketrans({"ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "đ": "d"})
_BETWEEN = r"[^\w.!?;]{1,40}+"
_PIECE = re.compile(r"\([^()]+\)\??|\S+")
_LEADING_CHOICE = re.compile(r"\(([^()]+)\)(.*)")
_RIGHTS = frozenset(right.value for right in Right)
_QUIET = frozenset({Kind.AUTHORITY.value, Kind.CONTROLLER.value, Kind.NOT_REQUEST.value})


@dataclass(frozen=True)
class RightsRead:
    """The kind of a letter, the rights it seems to exercise, flags, and the words that say so."""

    kind: Kind
    rights: tuple[str, ...]
    flags: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Phrase:
    label: str
    points: int
    spelled: str


@dataclass(frozen=True)
class _Found:
    label: str
    points: int
    words: str


def read_rights(subject: str, text: str) -> RightsRead:
    """Read a letter's subject and text, in whatever language. Quotations and signatures are not its writer's words."""
    own = plain(f"{subject[:500]}\n. {own_words(text[: 2 * READ])}"[:READ])
    found = list(_find(_ABBREVIATED.sub(r"\1 ", own)))
    scores = _scores(found, enough=ENOUGH if own.count(" ") > SHORT else 1)
    kind = _kind(scores)
    rights = () if kind in _QUIET else tuple(right.value for right in Right if right in scores)
    flags = tuple(sorted(label.removeprefix("flag:") for label in scores if label.startswith("flag:")))
    told = {*rights, *(f"flag:{flag}" for flag in flags), kind.value}
    return RightsRead(kind, rights, flags, tuple(dict.fromkeys(one.words for one in found if one.label in told))[:8])


def plain(text: str) -> str:
    """Lower case, without accents, apostrophes alike: as the lexicon is written."""
    lower = text.lower()
    if lower.isascii():
        return lower
    return _MARKS.sub("", unicodedata.normalize("NFKD", lower.translate(_SPECIAL)).replace("\u2019", "'"))


def _kind(scores: Mapping[str, int]) -> Kind:
    """A letter of an authority or a customer is that, whatever rights it names; else what weighs most."""
    asked = max((scores.get(right, 0) for right in Right), default=0)
    asked = max(asked, scores.get(Kind.REQUEST, 0))
    if scores.get(Kind.NOT_REQUEST, 0) > asked:
        found = [Kind.AUTHORITY, Kind.CONTROLLER, Kind.NOT_REQUEST]
    else:
        found = [Kind.AUTHORITY, Kind.CONTROLLER, Kind.FOLLOW_UP]
    return next((kind for kind in found if kind in scores), Kind.REQUEST if asked else Kind.NOT_REQUEST)


def _scores(found: list[_Found], *, enough: int) -> dict[str, int]:
    """The points of each label that has enough of them: every phrase counts once."""
    scores: dict[str, int] = {}
    for one in found:
        scores[one.label] = scores.get(one.label, 0) + one.points
    return {label: points for label, points in scores.items() if points >= enough}


def _find(text: str) -> Iterator[_Found]:
    """The phrases of the lexicon in a text. What a homonym covers is not read for rights."""
    phrases, covered, done = _lexicon(), 0, set[_Phrase]()
    for word in _WORD.finditer(text):
        for phrase in phrases.get(word[0][:_KEY], ()):
            if phrase in done or (word.start() < covered and phrase.label in _RIGHTS):
                continue
            if match := _pattern(phrase.spelled).match(text, word.start()):
                if phrase.label == HOMONYM:
                    covered = max(covered, match.end())
                else:
                    done.add(phrase)
                yield _Found(phrase.label, phrase.points, " ".join(match[0].split())[:60])


@cache
def _lexicon() -> dict[str, tuple[_Phrase, ...]]:
    """The phrases by the first letters of their first word, homonyms first."""
    data = tomllib.loads((resources.files("mail") / "lexicon.toml").read_text(encoding="utf-8"))
    index: dict[str, list[_Phrase]] = {}
    for label, weights in data.items():
        for points, phrases in weights.items():
            for spelled in _spellings(phrases):
                key = _WORD.findall(spelled)[0][:_KEY]
                index.setdefault(key, []).append(_Phrase(label, int(points), spelled))
    return {key: tuple(sorted(found, key=lambda one: one.label != HOMONYM)) for key, found in index.items()}


def _spellings(phrases: str) -> Iterator[str]:
    """One phrase a line; one that begins with a choice, once for each."""
    for phrase in filter(None, map(str.strip, plain(phrases).splitlines())):
        if choice := _LEADING_CHOICE.fullmatch(phrase):
            yield from (f"{first}{choice[2]}" for first in choice[1].split("|"))
        else:
            yield phrase


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    """Compiled when it is first needed: all of them together take a quarter of a second.

    `*` ends a word anyhow, `...` is up to five words within a sentence, `(a|b)` a choice, `(a|b)?` also nothing.
    """
    first, *rest = _PIECE.findall(phrase.replace("'", " "))
    return re.compile(_choice(first) + "".join(_following(piece) for piece in rest))


def _following(piece: str) -> str:
    if piece == "...":
        return rf"(?:{_BETWEEN}\w++){{0,5}}?"
    if piece.endswith("?"):
        return f"(?:{_BETWEEN}{_choice(piece[:-1])})?"
    return _BETWEEN + _choice(piece)


def _choice(piece: str) -> str:
    words = piece.strip("()").replace(" ", _BETWEEN)
    return "(?:" + words.replace("*", "\\w*") + ")\\b"
