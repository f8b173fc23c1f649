"""Finding the phrases of the lexicon (mail/lexicon.toml) in a text: pure, and quick where there is nothing to find.

`*` ends a word anyhow, `...` is up to five words within a sentence, `(a|b)` a choice, `(a|b)?` also nothing.
A pattern is tried only if the text has a word of each choice that it demands, and only where its first word stands and
soon after it one of the words that must follow.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from importlib import resources
from operator import or_

from mail.latin import Table
from storage.naming import plain as plain_of_any
from storage.types import Right

HOMONYM = "homonym"
FAR = 5
"""Words that `...` is at most."""

_KEY = 4
"""Letters by which a first word that may end anyhow is looked up."""


_WORD = re.compile(r"\w+")
_FIRST = re.compile(r"(\w+)(\*?)")
_NO_WORD = re.compile(r"\W")
_BETWEEN = r"[^\w.!?;]{1,40}+"
_PIECE = re.compile(r"\([^()]+\)\??|\S+")
_LEADING_CHOICE = re.compile(r"\(([^()]+)\)(.*)")
_PLAIN_CHOICE = re.compile(r"[\w |-]+")
_RIGHTS = frozenset(right.value for right in Right)


@dataclass(frozen=True)
class Found:
    """A phrase of the lexicon in a text: what it tells of, how much it weighs, and the text's own words."""

    label: str
    points: int
    words: str


@dataclass(frozen=True, eq=False, slots=True)
class _Phrase:
    """`order`: homonyms first. `needs`: the choices it cannot do without, a bit for each.

    `soon`: of these, if there are any, one is among the next `reach` words.
    """

    order: int
    label: str
    points: int
    spelled: str
    needs: int
    soon: frozenset[str]
    reach: int


@dataclass(frozen=True)
class _Lexicon:
    """`firsts`: phrases by their first word. `beginnings`: by four letters, those whose first word may end anyhow.

    `meets`: which choices a word meets, a bit for each.
    """

    firsts: dict[str, list[_Phrase]] = field(default_factory=dict)
    beginnings: dict[str, list[tuple[str, _Phrase]]] = field(default_factory=dict)
    meets: dict[str, int] = field(default_factory=dict)


def find_phrases(text: str) -> Iterator[Found]:
    """The phrases in a plain text, each once. What a homonym covers is not read for rights."""
    flat = f" {_flat(text)} "
    words = flat.split()
    possible, covered, done = _possible(set(words)), 0, set[_Phrase]()
    start = -1
    for at, word in enumerate(words):
        if word not in possible:
            continue
        start = flat.find(f" {word} ", start + 1)
        for phrase in possible[word]:
            if phrase in done or (start < covered and phrase.label in _RIGHTS) or _breaks_off(phrase, words, at):
                continue
            if match := _pattern(phrase.spelled).match(text, start):
                if phrase.label == HOMONYM:
                    covered = max(covered, match.end())
                else:
                    done.add(phrase)
                    yield Found(phrase.label, phrase.points, " ".join(match[0].split())[:60])


def _breaks_off(phrase: _Phrase, words: Sequence[str], at: int) -> bool:
    """Whether what must follow its first word is not there: told in a tenth of the time of its pattern."""
    return bool(phrase.soon) and phrase.soon.isdisjoint(words[at + 1 : at + 1 + phrase.reach])


def plain(text: str) -> str:
    """Lower case, without accents, apostrophes alike: as the lexicon is written."""
    if text.isascii():
        return text.lower()
    changed = _plain_table().apply(text)
    return plain_of_any(text) if changed is None else changed


def plain_words(text: str) -> str:
    """The text plain, with one space between words, however its lines are broken."""
    return " ".join(plain(text).split())


def _flat(text: str) -> str:
    """The text, as long as it was, with a space for all that is not of a word."""
    changed = _flat_table().apply(text)
    return _NO_WORD.sub(" ", text) if changed is None else changed


@cache
def _plain_table() -> Table:
    return Table(plain_of_any)


@cache
def _flat_table() -> Table:
    return Table(lambda character: _NO_WORD.sub(" ", character))


def _possible(words: set[str]) -> dict[str, list[_Phrase]]:
    """The phrases that these words may spell, by their first word."""
    lexicon = _lexicon()
    met = reduce(or_, map(lexicon.meets.__getitem__, lexicon.meets.keys() & words), 0)
    possible = dict[str, list[_Phrase]]()
    for word in lexicon.firsts.keys() & words:
        if spelled := [phrase for phrase in lexicon.firsts[word] if phrase.needs & met == phrase.needs]:
            possible[word] = spelled
    for word in [word for word in words if word[:_KEY] in lexicon.beginnings]:
        begun = [phrase for beginning, phrase in lexicon.beginnings[word[:_KEY]] if word.startswith(beginning)]
        if begun:
            possible[word] = sorted([*possible.get(word, []), *begun], key=lambda phrase: phrase.order)
    return possible


# --- the lexicon ---


@cache
def _lexicon() -> _Lexicon:
    lexicon, bits = _Lexicon(), dict[frozenset[str], int]()
    homonyms_first = sorted(phrases(), key=lambda one: one[0] != HOMONYM)
    for order, (label, points, spelled) in enumerate(homonyms_first):
        needs = reduce(or_, (bits.setdefault(need, 1 << len(bits)) for need in _demanded(spelled)), 0)
        phrase, first = _Phrase(order, label, points, spelled, needs, *_soon(spelled)), _FIRST.search(spelled)
        if first and first[2]:
            lexicon.beginnings.setdefault(first[1][:_KEY], []).append((first[1], phrase))
        elif first:
            lexicon.firsts.setdefault(first[1], []).append(phrase)
    for need, bit in bits.items():
        for word in need:
            lexicon.meets[word] = lexicon.meets.get(word, 0) | bit
    return lexicon


def phrases() -> Iterator[tuple[str, int, str]]:
    """What the lexicon holds: label, points and spelling."""
    data = tomllib.loads((resources.files("mail") / "lexicon.toml").read_text(encoding="utf-8"))
    for label, weights in data.items():
        for points, phrases in weights.items():
            for spelled in _spellings(phrases):
                yield label, int(points), spelled


def _spellings(phrases: str) -> Iterator[str]:
    """One phrase a line; one that begins with a choice, once for each."""
    for phrase in filter(None, map(str.strip, plain(phrases).splitlines())):
        if choice := _LEADING_CHOICE.fullmatch(phrase):
            yield from (f"{first}{choice[2]}" for first in choice[1].split("|"))
        else:
            yield phrase


def _demanded(phrase: str) -> Iterator[frozenset[str]]:
    """For each further piece that must occur: words of which the text has one, if the phrase is in it."""
    for piece in _pieces(phrase)[1:]:
        choice = piece.strip("()")
        words = choice.split("|")
        if piece != "..." and not piece.endswith("?") and _PLAIN_CHOICE.fullmatch(choice) and all(words):
            yield frozenset(max(_WORD.findall(one), key=len) for one in words)


def _soon(phrase: str) -> tuple[frozenset[str], int]:
    """Words of which one stands among so many after the first, if the phrase does; none where any may."""
    first, *rest = _pieces(phrase)
    words, reach = set[str](), 1
    for piece in rest if _FIRST.fullmatch(first) else ():
        choice = piece.removesuffix("?").strip("()")
        if piece == "...":
            reach += FAR
        elif not _PLAIN_CHOICE.fullmatch(choice):
            break
        else:
            words.update(_WORD.findall(one)[0] for one in choice.split("|"))
            if not piece.endswith("?"):
                return frozenset(words), reach
    return frozenset(), 0


def _pieces(phrase: str) -> list[str]:
    return _PIECE.findall(phrase.replace("'", " "))


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    """Compiled when it is first needed: all of them together take a quarter of a second."""
    first, *rest = _pieces(phrase)
    return re.compile(_choice(first) + "".join(_following(piece) for piece in rest))


def _following(piece: str) -> str:
    if piece == "...":
        return rf"(?:{_BETWEEN}\w++){{0,{FAR}}}?"
    if piece.endswith("?"):
        return f"(?:{_BETWEEN}{_choice(piece[:-1])})?"
    return _BETWEEN + _choice(piece)


def _choice(piece: str) -> str:
    words = piece.strip("()").replace(" ", _BETWEEN)
    return "(?:" + words.replace("*", "\\w*") + ")\\b"
