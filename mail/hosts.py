"""Web sites and addresses in a letter: those that somebody used who is not its writer. Pure, and bounded."""

import re
from collections.abc import Iterator
from itertools import islice

from mail.lexicon import plain, plain_words
from mail.numbers import MOST, OWNERS

UNSEEN = "\u0300-\u036f\u200c\u200d\ufe00-\ufe0f"
"""Characters that lie on the one before them, or are not seen: no name ends with them."""

_HOST = re.compile(
    r"(?<![\w.@%+=/#&?-])(?:https?://|www\.)?(?:[\w.+-]{1,64}@)?"
    rf"((?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,9}}[a-z]{{2,24}})(?![\w@{UNSEEN}-]|\.[\w{UNSEEN}])",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"[^\s/?#<>\"']{0,200}(?:@|%40)")
"""What follows a host that is none, but the name of a user at another one (RFC 3986 section 3.2.1)."""

_DOT_WITHIN = re.compile(r"\.(?<=[a-z0-9].)[a-z]{2}", re.IGNORECASE)
_OWN_MAIL = re.compile(
    rf"\b(?:{OWNERS})\s(?:\w+\s){{0,2}}(?:e-?mail|mail|adresse|address|courriel|correo|indirizzo|site|website|web|page|"
    r"boutique|shop|entreprise|societe|company|firma|empresa|azienda|bedrijf)\b[^.!?\n]{0,24}$"
)
_FROM = re.compile(
    r"(?:\b(?:de|du|d|from|by|par|von|vom|da|dal|dalla|van|por|od|do|sender|expediteur|absender|mittente|remitente|"
    r"afzender|nadawca|remetente|expeditor|news)|\u05de|\u05de\u05d0\u05ea|\u0645\u0646)[ \t]?[:\-\u05be]?[ \t]?"
    r"[\"'<(\[]{0,2}(?:mailto:)?$|"
    r"\n[> \t*]*(?:de|from|von|da|van|od|expediteur|sender|absender|mittente|remitente|afzender)\*?[ \t]?:"
    r"[^\n@<>]{0,60}[<\[(](?:mailto:)?$|"
    r"\b(?:e-?mails?|mails?|courriels?|messages?|spams?|newsletters?|pubs?|publicites?)\b[^\n@<>.!?]{0,20}"
    r"\b(?:de|du|d|from|by|par|von|da|dal|van)\b[^\n@<>]{0,40}[<\[(](?:mailto:)?$"
)
"""What stands before the address of somebody who wrote; any other address may be the writer's own."""

_PARAGRAPH = re.compile(r"\n\s*\n")
_WROTE = re.compile(
    r"[>\])]{0,2}\s{0,3}(?:a écrit|m'a écrit|m'écrit|wrote|schrieb|escribi[óo]|ha scritto|schreef|escreveu|napisał|"
    r"skrev)"
)


def find_domains(text: str) -> Iterator[tuple[str, ...]]:
    """The hosts that a text names, each with the domains that it lies in."""
    yield from (with_parents(host[1]) for host in find_hosts(text))


def find_hosts(text: str) -> Iterator[re.Match[str]]:
    """Where they stand: web sites that are not its writer's, and addresses of whoever wrote."""
    lines = f"\n{text}"
    for host in islice(_hosts(text), MOST + 1):
        before = lines[max(0, host.start() - 60) : host.start() + 1]
        wrote = bool(_FROM.search(plain(before))) or bool(_WROTE.match(text, host.end()))
        if _USERINFO.match(text, host.end()):
            continue
        if wrote if "@" in host[0] else not _OWN_MAIL.search(plain_words(_PARAGRAPH.split(before)[-1])):
            yield host


def _hosts(text: str) -> Iterator[re.Match[str]]:
    """Where hosts stand. Only there is looked where a dot stands within a word."""
    end = 0
    for dot in _DOT_WITHIN.finditer(text):
        if dot.start() >= end:
            begin, end = text.rfind(" ", 0, dot.start()) + 1, text.find(" ", dot.end())
            end = end if end >= 0 else len(text)
            yield from _HOST.finditer(text, begin, end)


def with_parents(host: str) -> tuple[str, ...]:
    """A host, and the domains that it lies in, but for the last: mail.acme.example, acme.example."""
    labels = host.lower().split(".")
    return tuple(".".join(labels[at:]) for at in range(len(labels) - 1))
