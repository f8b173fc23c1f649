"""A letter's text in sections: what the writer wrote, what is quoted below, and the signature, which says nothing."""

import re
from typing import NamedTuple

from mail.lexicon import plain
from mail.text import words_above_quotation

SIGNATURE_LINES = 8
SHORT_LINE = 60

_DASHES = re.compile(r"\n-- ?\n")
_CLOSING = re.compile(
    r"^\W*(?:(?:bien |tres |sinceres? )?(?:cordialement|cdt|cdlt|salutations?)|cordiales? salutations|"
    r"merci(?: d avance)?|(?:kind |best |warm )?regards|sincerely|yours \w+|thanks|thank you|cheers|"
    r"(?:mit )?(?:freundliche[nr]?|beste[nr]?|viele[nr]?) gru(?:ss|sse|sse?n)|mfg|lg|saludos|atentamente|un saludo|"
    r"cordiali saluti|distinti saluti|grazie|met vriendelijke groet(?:en)?|mvg|groeten|atenciosamente|obrigad[oa]|"
    r"pozdrawiam|z powazaniem|cu stima|multumesc)\W*$"
)
_SENTENCE_ENDS = re.compile(r"[.!?]\s*$")


class Sections(NamedTuple):
    """Each may be empty."""

    written: str
    quoted: str
    signature: str


def split_sections(text: str, sender_name: str) -> Sections:
    """Split a letter whose writer calls himself `sender_name`."""
    above = words_above_quotation(_without_dashes(text))
    own = set(above.splitlines())
    quoted = "\n".join(line for line in _without_dashes(text).splitlines() if line not in own)
    lines = above.splitlines()
    at = _signature_begins(lines, sender_name)
    return Sections("\n".join(lines[:at]), quoted, "\n".join(lines[at:]))


def _without_dashes(text: str) -> str:
    """Without what stands below "-- ", up to a quotation."""
    found = _DASHES.search(text)
    if found is None:
        return text
    below = text[found.end() :]
    quotation = re.search(r"\n(?=>|-{3,}|[^\n]{0,200}:\s*\n>)", below)
    return text[: found.start()] + (below[quotation.start() :] if quotation else "")


def _signature_begins(lines: list[str], sender_name: str) -> int:
    """The first line of the signature: below a closing, or the writer's name among short lines at the end."""
    names = set(re.findall(r"[^\W\d_]{2,}", plain(sender_name)))
    begins, last = len(lines), max(2, len(lines) - SIGNATURE_LINES)
    for at in range(len(lines) - 1, last - 1, -1):
        line = plain(lines[at]).strip()
        if _CLOSING.match(line):
            return at
        if len(line) > SHORT_LINE or _SENTENCE_ENDS.search(line):
            break
        words = set(re.findall(r"[^\W\d_]{2,}", line))
        if words and names and words <= names:
            begins = at
    return begins
