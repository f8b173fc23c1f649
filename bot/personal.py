"""Whether a typed text looks like it holds personal data (pure): it would stay in Slack, where it does not belong."""

import re
import unicodedata

from storage.errors import PersonalDataInText

_DATES = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d?(?:[:h]\d\d){1,2})?"
    r"|(?<![\d./])\d\d?[./]\d\d?[./]\d{2,4}(?![./]?\d)"
    r"|\b\d\d?\s?[:h]\s?\d\d\b"
)
_REFERENCES = re.compile(r"\b(?:DSR|BR|DRILL)-\d{4}-\d+\b|\bC\d{3,6}\b", re.IGNORECASE)
_LOOKS = {
    "e-mail": re.compile(r"[^\s@<>(]+\s?(?:@|\(at\)|\[at\])\s?[^\s@<>)]+\.[A-Za-z]{2,}", re.IGNORECASE),
    "iban": re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b", re.IGNORECASE),
    "ip": re.compile(
        r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)|(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])"
        r"|(?<![\w:])[0-9a-f]{1,4}::[0-9a-f]{1,4}(?![\w:])",
        re.IGNORECASE,
    ),
    "telephone": re.compile(r"(?:(?:\+|\b00)\(?|\b\(?0|\b(?=(?:\d[ .\-/()]{0,2}){9}))\d?(?:[ .\-/()]{0,3}\d){7,14}"),
}


def refuse_personal_data(text: str) -> None:
    """Raises PersonalDataInText, naming what the text seems to hold."""
    if found := find_personal_data(text):
        raise PersonalDataInText(found)


def find_personal_data(text: str) -> str | None:
    """What the text seems to hold: e-mail, iban, ip or telephone; None if nothing."""
    bare = _REFERENCES.sub(" · ", plainly(text))
    for name in ("e-mail", "iban", "ip"):
        if _LOOKS[name].search(bare):
            return name
    return "telephone" if _LOOKS["telephone"].search(_DATES.sub(" · ", bare)) else None


def plainly(text: str) -> str:
    """As it reads: what is copied from pages and telephones holds narrow spaces, other hyphens and invisible marks."""
    seen = unicodedata.normalize("NFKC", text.replace("\u2011", "-").replace("_", " "))
    return "".join(one for one in seen if unicodedata.category(one) != "Cf")
