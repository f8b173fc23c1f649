"""Words of a letter in which customers' names are looked for, with a mark on those that may be one. Pure."""

import re

from mail.lexicon import plain
from mail.sms import EVERYDAY

WORDS = 1200
"""Words among which names are looked for."""

_UPPER = "A-ZÀ-ÖØ-ÞŚŻŹĆŁŠŽČŘŤĎŇĂȘȚÎŐŰĞ"
_NO_ACRONYM = rf"(?!(?:{'|'.join(sorted(EVERYDAY))})\b)"
_CAPITAL = re.compile(
    rf"""(?:(?<=[a-zß-öø-ÿ0-9,;:)\]] )|(?<=['\u2019\u2018\u201c\u201e"«(])|(?<=« )|(?<=«\xa0))"""
    rf"{_NO_ACRONYM}(?=[{_UPPER}][^\W\d_])|"
    rf"(?<![\w^])(?=[{_UPPER}][\w'-]+(?: [{_UPPER}][\w'-]+){{0,4}} "
    r"(?:m['\u2019]|n['\u2019]|me |ne |nous |a |appell?e|call|keeps? |rings? |rang |text|hat |ruft |rief |llama|chiama|"
    r"belt |liga|dzwoni|sun[aă]))"
)
_CAPITALS = re.compile(rf"(?<![\w^]){_NO_ACRONYM}(?=[{_UPPER}]{{3,}}(?!\w))")
_MARKED = re.compile(r"\^?[^\W_]+")


def mark_words(text: str) -> str:
    """Plain words in their order. `^` marks what may be a name: with a capital that no sentence asks for."""
    marked = _CAPITAL.sub("^", text.replace("^", " "))
    marked = marked if text.isupper() else _CAPITALS.sub("^", marked)
    return " ".join(_MARKED.findall(plain(marked))[:WORDS])
