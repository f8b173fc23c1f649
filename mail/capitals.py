"""Words of a letter in which customers' names are looked for, with a mark on those that may be one. Pure."""

import re
from functools import cache

from mail.latin import Table
from mail.lexicon import plain
from mail.sms import EVERYDAY
from storage.naming import plain as plain_of_any

WORDS = 1200
"""Words among which names are looked for."""

_LONG = 64
"""Letters of a word in a name at most: what has no end is looked through once for each of its letters."""

_UPPER = "A-ZÀ-ÖØ-ÞŚŻŹĆŁŠŽČŘŤĎŇĂȘȚÎŐŰĞ"
_NO_ACRONYM = rf"(?<!(?=(?:{'|'.join(sorted(EVERYDAY))})\b).)"
_WITHIN = r"""(?:(?<=[a-zß-öø-ÿ0-9,;:)\]] .)|(?<=['\u2019\u2018\u201c\u201e"«(].)|(?<=« .)|(?<=«\xa0.))"""
_SHOUTED = rf"(?=[{_UPPER}]{{2,}}(?!\w))"
_CALLS = (
    rf"(?=[\w'-]{{1,{_LONG}}}+(?: [{_UPPER}][\w'-]{{1,{_LONG}}}+){{0,4}}+ "
    r"(?:m['\u2019]|n['\u2019]|me |ne |nous |a |appell?e|call|keeps? |rings? |rang |text|hat |ruft |rief |llama|chiama|"
    r"belt |liga|dzwoni|sun[aă]))"
)
# The capital comes first, and what must stand around it after it: so all other characters are passed over quickly.
_BEGINS_WORD = rf"[{_UPPER}](?<!\w.)"
_CAPITAL = re.compile(rf"{_BEGINS_WORD}(?:(?=[^\W\d_]){_NO_ACRONYM}(?:{_WITHIN}|{_SHOUTED})|{_CALLS})")
_CAPITAL_AMONG_CAPITALS = re.compile(rf"{_BEGINS_WORD}(?:(?=[^\W\d_]){_NO_ACRONYM}{_WITHIN}|{_CALLS})")
_MARKED = re.compile(r"\^?[^\W_]+")
_BESIDE_WORDS = re.compile(r"[^\w^]|_")


def mark_words(text: str) -> str:
    """Plain words in their order. `^` marks what may be a name: with a capital that no sentence asks for."""
    pattern = _CAPITAL_AMONG_CAPITALS if text.isupper() else _CAPITAL
    marked = pattern.sub(r"^\g<0>", text.replace("^", " "))
    return " ".join(_plain_words(marked)[:WORDS])


def _plain_words(marked: str) -> list[str]:
    words = _words_table().apply(marked)
    return _MARKED.findall(plain(marked)) if words is None else words.split()


@cache
def _words_table() -> Table:
    return Table(lambda character: _BESIDE_WORDS.sub(" ", plain_of_any(character)))
