"""Senders of text messages in a letter: words in capitals near which such are spoken of. Pure, and bounded."""

import re
from collections.abc import Iterator
from itertools import islice

from mail.lexicon import plain
from mail.numbers import MOST

SHOUTED = 4
"""Words in capitals that may still be senders of text messages."""

_SENDER = re.compile(r"[A-Z](?<![\w.@].)(?<![a-zA-Z0-9]-.)[A-Z0-9]{3,10}(?![\w@])")
_IS_A_NAME = re.compile(r"\b(?:[A-ZÀ-Þ][a-zß-ÿ'-]+|soussignée?|Mme|Mr?s?|M|Mlle|Herr|Frau|Sra?|Sig)\.?\s$")
_TEXT_MESSAGE = re.compile(
    r"\b(?:sms\w*|textos?|texts?|texted|texting|text messages?|mms|whatsapp)\b|\bstop (?:\d+ \w+ )?(?:a|to)\b"
)
EVERYDAY = frozenset(
    "STOP CNIL RGPD GDPR DSGVO DPO SMS MMS SPAM PROMO INFO INFOS URGENT ALERTE AVIS MERCI RAPPEL CONTACT RETRAIT "
    "SERVICE CLIENT DEMANDE JAMAIS NEVER BONJOUR HELLO HELP URGENCE EFFACEZ SUPPRIMEZ ARRETEZ".split()
)


def find_sms_senders(text: str) -> Iterator[str]:
    """Words in capitals near which text messages are spoken of; many of them are only somebody who shouts."""
    return (text[start:end] for start, end in find_sms_places(text))


def find_sms_places(text: str) -> Iterator[tuple[int, int]]:
    """Where they stand."""
    found = [sender for sender in islice(_SENDER.finditer(text), MOST + 1) if sender[0] not in EVERYDAY]
    for sender in found if len(found) <= SHOUTED else ():
        near = text[max(0, sender.start() - 60) : sender.end() + 60]
        if _TEXT_MESSAGE.search(plain(near)) and not _IS_A_NAME.search(
            text, max(0, sender.start() - 40), sender.start()
        ):
            yield sender.span()
