"""Names as they are compared: lower case, without accents, one space between words. Nothing but letters and digits."""

import re
import unicodedata

_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u200c\u200d]")
_SPECIAL = {"ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "đ": "d"}
_WORD = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """Lower case, without accents, apostrophes alike."""
    lower = text.lower()
    for letter, letters in _SPECIAL.items():
        lower = lower.replace(letter, letters)
    return _MARKS.sub("", unicodedata.normalize("NFKD", lower).replace("\u2019", "'"))


def normal_name(name: str) -> str:
    """A customer's name as it is compared: "Cavaliéro-Fenêtres, S.A." -> "cavaliero fenetres s a"."""
    return " ".join(_WORD.findall(plain(name)))
