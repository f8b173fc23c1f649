"""A number or a web site that is named in passing: not as the one that called, wrote or has the data. Pure.

"My doctor calls from …", "unlike acme.example you never ask": such a letter is about somebody else, or nobody knows.
"""

import re
from collections.abc import Iterable

from mail.hosts import find_hosts
from mail.lexicon import plain_words
from mail.numbers import SURE_END
from mail.sms import find_sms_senders

NEAR = 160
"""Characters around a host in which it is said what it did."""

_RELATIVES = (
    r"employeur|mari|femme|conjoint|fils|fille|mere|pere|assureur|avocat|syndic|comptable|banque|medecin|proprietaire|"
    r"doctor|landlord|boss|bank|lawyer|employer|husband|wife|abogado|medico|banco|jefe|werkgever|arzt|anwalt|chef|"
    r"office|bureau|buronummer"
)
_SOMEBODY_ELSES = re.compile(
    rf"\b(?:mon|ma|my|mein\w*|mi|mijn|mio|mia)\s(?:\w+\s)?(?:{_RELATIVES})\b|"
    r"\b(?:sortant|j'appelle le|je rappelle|j'ai appele|pour me rappeler|ne bloquez pas|do not call|ne l'appelez|"
    r"aucun souci|that is fine|tres bien|rien contre|usurpe|conseille|me dit|ancien|nouveau|deja|work|travaille|unlike|"
    r"contrairement|a vous|selon un article|j'ai trouve|tres correct\w*|very good|alors qu\w*|tandis qu\w*|whereas|"
    r"(?:un|une) (?:autre|inconnu\w*)|quelqu'un d'autre|(?:some(?:body|one)|any(?:body|one)) else|another company|"
    r"signale)\b"
)
"""Words of a sentence that is about another number or site than the one complained of."""

_WHAT_CAME = (
    r"e-?mails?|mails?|courriels?|sms|textos?|messages?|newsletters?|pubs?|publicites?|spams?|offres?|appels?|calls?|"
    r"texts?|werbung|anrufe?|correos?|llamadas?|chiamate|messaggi|oproepen|telefony|wiadomosc\w*|mesaje\w*"
)
_WHAT_WAS_DONE = (
    r"appelle\w*|appele\w*|contacte\w*|called|calling|calls|rang|emailed|texted|harcel\w*|demarch\w*|inscri\w*|"
    r"registered|signed up|formulaire|compte|commande\w*|achete\w*|form|account|ordered|bought|"
    r"angerufen|ruft|llam\w+|chiam\w+|gebeld|dzwoni\w*|sunat?"
)
_FROM = r"\b(?:de|du|d|par|depuis|from|by|von|da|dal|van|por|od|sur|on|at|with|le|the|auf|bei|numero|number|nummer)\b"
_ACCUSED = re.compile(
    rf"(?:\b(?:{_WHAT_CAME}|{_WHAT_WAS_DONE})\b[^.!?\n]{{0,60}}|^\W*)(?:{_FROM}|[:'(])[^.!?\n]{{0,25}}$|^$"
)
"""How a sentence begins that says what a web site did: it called or wrote, or the data was given to it."""


def is_in_passing(written: str, near: Iterable[str]) -> bool:
    """Whether some number or host in the writer's own words is not said to be what the letter is about.

    `near`: the sentences in which numbers stand (`near_numbers`). Where the sender of a text message is named, all are
    looked at.
    """
    if any(map(_SOMEBODY_ELSES.search, near)):
        return True
    if next(find_sms_senders(written), None) and _SOMEBODY_ELSES.search(plain_words(written)):
        return True
    return any(_is_named_in_passing(written, host) for host in find_hosts(written))


def _is_named_in_passing(written: str, host: re.Match[str]) -> bool:
    """An address is one that wrote (mail/hosts.py); of a site it must be said what it did."""
    before, after = _around(written, host)
    return bool(_SOMEBODY_ELSES.search(f"{before}{after}")) or ("@" not in host[0] and not _ACCUSED.search(before))


def _around(written: str, host: re.Match[str]) -> tuple[str, str]:
    """What stands before and behind a host in its sentence."""
    first, last = max(0, host.start() - NEAR), host.end() + NEAR
    begins = [found.end() for found in SURE_END.finditer(written, first, host.start())]
    ends = SURE_END.search(written, host.end(), last)
    behind = written[host.end() : ends.start() if ends else last]
    return plain_words(written[begins[-1] if begins else first : host.start()]), plain_words(behind)
