"""A letter's text in sections: what the writer wrote, what is quoted below, and the signature, which says nothing."""

import re
from typing import NamedTuple

from mail.lexicon import plain
from mail.text import words_above_quotation

SIGNATURE_LINES = 8
CLOSING_LINES = 30
SHORT_LINE = 60

_DASHES = re.compile(r"\n--[ \xa0]?\n")
_CLOSING = re.compile(
    r"^\W*(?:(?:bien |tres |sinceres? )?(?:cordialement|cdt|cdlt|salutations?)|cordiales? salutations|"
    r"merci(?: d avance| par avance)?|bien a vous|respectueusement|sentiments distingues|dans l attente[^.]{0,40}|"
    r"veuillez agreer[^.]{0,80}|je vous prie d agreer[^.]{0,80}|"
    r"(?:kind |best |warm )?regards|sincerely|yours \w+|thanks|thank you|cheers|"
    r"(?:mit )?(?:freundliche[nr]?|beste[nr]?|viele[nr]?) gru(?:ss|sse|sse?n)|mfg|lg|saludos|atentamente|un saludo|"
    r"cordiali saluti|distinti saluti|grazie|met vriendelijke groet(?:en)?|mvg|groeten|atenciosamente|obrigad[oa]|"
    r"pozdrawiam|z powazaniem|cu stima|multumesc)\W*$"
)
_RULE = re.compile(r"\s*[_=*-]{6,}\s*$")
_POSTSCRIPT = re.compile(r"\W*(?:p\.? ?s\b|n\.? ?b\b|post[- ]?scriptum)", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_]{2,}")
_SENTENCE_ENDS = re.compile(r"[.!?]\s*$")


class Sections(NamedTuple):
    """Each may be empty."""

    written: str
    quoted: str
    signature: str


def split_sections(text: str, sender_name: str) -> Sections:
    """Split a letter whose writer calls himself `sender_name`."""
    text = _without_dashes(text)
    lines = words_above_quotation(text).splitlines()
    own = set(lines)
    quoted = "\n".join(line for line in text.splitlines() if line not in own)
    at = _signature_begins(lines, sender_name)
    more = next((one for one in range(at, len(lines)) if _POSTSCRIPT.match(lines[one])), len(lines))
    return Sections("\n".join(lines[:at] + lines[more:]), quoted, "\n".join(lines[at:more]))


def _without_dashes(text: str) -> str:
    """Without what stands below "-- ", up to a quotation."""
    found = _DASHES.search(text)
    if found is None:
        return text
    below = text[found.end() :]
    quotation = re.search(r"\n(?=>|-{3,}|[^\n]{0,200}:\s*\n>)", below)
    return text[: found.start()] + (below[quotation.start() :] if quotation else "")


def _signature_begins(lines: list[str], sender_name: str) -> int:
    """The first line of the signature: a closing, or the writer's name among short lines at the end."""
    last = max(2, len(lines) - CLOSING_LINES)
    closing = next((at for at in range(last, len(lines)) if _is_closing(lines[at])), len(lines))
    return min(closing, _name_stands_at(lines[:closing], sender_name))


def _is_closing(line: str) -> bool:
    return bool(line) and bool(_RULE.match(line) or _CLOSING.match(plain(line).strip().replace("'", " ")))


def _name_stands_at(lines: list[str], sender_name: str) -> int:
    names = set(_NAME.findall(plain(sender_name)))
    begins = len(lines)
    for at in range(len(lines) - 1, max(2, len(lines) - SIGNATURE_LINES) - 1, -1):
        line = plain(lines[at]).strip()
        if len(line) > SHORT_LINE or _SENTENCE_ENDS.search(line):
            break
        words = set(_NAME.findall(line))
        if words and words <= names:
            begins = at
    return begins
