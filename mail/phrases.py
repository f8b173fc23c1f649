"""Lists of phrases, as a person writes them down, to patterns: the words of reports, replies and complaints.

One phrase a line, in lower case and without accents, apostrophes as spaces. `*` ends a word anyhow, `...` is up to
sixty characters of the same sentence, `(a|b)` a choice of words, `(a|b)?` the same or nothing, with a space and more
behind it.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from mail.lexicon import plain

_OPTIONAL = re.compile(r"\(([^()]+)\)\? ")
_A_WORD = re.compile(r"\w+\*?")
_LETTERS = re.compile(r"[^\W\d_]+")
_NO_WORD = re.compile(r"[^\w.!?;:]+")


def as_words(text: str) -> str:
    """A text as phrases are written: lower case, without accents, nothing between its words but one space."""
    return _NO_WORD.sub(" ", plain(text)).strip()


@cache
def load_phrases(file: str) -> Mapping[str, re.Pattern[str]]:
    """The lists of a TOML file of this package, a pattern for each."""
    lists = tomllib.loads((resources.files("mail") / file).read_text(encoding="utf-8"))
    return {name: _pattern(lines) for name, lines in lists.items()}


@cache
def load_words(file: str, *names: str) -> re.Pattern[str]:
    """The words of which the phrases of some lists are made, one by one: what stands for `...` is none of them."""
    lists = tomllib.loads((resources.files("mail") / file).read_text(encoding="utf-8"))
    words = sorted({word for name in names for word in _A_WORD.findall(lists[name])})
    return re.compile("|".join(word.replace("*", r"\w*") for word in words))


def says_only(said: str, file: str, *names: str, also: str = "") -> bool:
    """Whether all words of a text (as `as_words` gives them) stand in these lists, or `also`; numbers say nothing."""
    known, more = load_words(file, *names), set(_LETTERS.findall(also))
    return all(word in more or known.fullmatch(word) for word in _LETTERS.findall(said))


def _pattern(lines: str) -> re.Pattern[str]:
    phrases = filter(None, map(str.strip, lines.splitlines()))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(_phrase, phrases))})(?!\w)")


def _phrase(line: str) -> str:
    choices = _OPTIONAL.sub(r"<<\1> >?", line).replace("(", "<").replace("<", "(?:").replace(">", ")")
    return choices.replace("*", r"\w*").replace(" ... ", r"(?: [^.!?;]{0,60})? ")
