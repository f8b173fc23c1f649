"""Whether a letter says of each number, web site and sender of text messages that it called or wrote. Pure.

"My doctor calls from …", "unlike acme.example you never ask", "I think it was …": such a letter is about somebody else,
or nobody knows. What is said in none of the ways of mail/passing.toml, or doubted there, is a person's decision.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from mail.hosts import find_hosts
from mail.numbers import SURE_END, find_places
from mail.phrases import as_words, load_phrases
from mail.sms import find_sms_places

PHRASES = "passing.toml"
STANDS_FOR = "acme"
"""Stands for a number, a site or a sender where phrases are looked for."""

FAR = 200
"""Characters around it in which it is said what it did."""

_CAME = (
    r"e-?mails?|mails?|courriels?|sms|textos?|messages?|newsletters?|pubs?|publicites?|spams?|offres?|appels?|calls?|"
    r"texts?|werbung|anrufe?|correos?|llamadas?|chiamate|messaggi|oproepen|telefony|wiadomosc\w*|mesaje\w*|"
    r"appelle\w*|appele\w*|contacte\w*|called|calling|rang|emailed|texted|harcel\w*|demarch\w*|angerufen|ruft|"
    r"llam\w+|chiam\w+|gebeld|dzwoni\w*|sunat?"
)
_GIVEN = (
    r"inscri\w*|registered|signed up|formulaire|compte|commande\w*|achete\w*|form|account|ordered|bought|konto|bestellt"
)
_WRITES = (
    r"ecri\w*|envoi\w*|envoy\w*|sends?|sent|writes?|wrote|schreib\w*|schick\w*|mand\w*|donnees|data|daten|datos|dati"
)
_FROM = r"de|du|d|par|depuis|from|by|von|da|dal|van|por|od|with|le|the|numero|number|nummer"
_THERE = r"sur|on|auf|at|bei|chez"
_SOME_WORDS = r"[^.!?;]{0,60} "
_ACCUSED = re.compile(
    rf"(?:\b(?:{_CAME}|{_GIVEN})\b{_SOME_WORDS}(?:{_FROM})|\b(?:{_GIVEN})\b{_SOME_WORDS}(?:{_THERE})|^(?:{_FROM}))"
    rf" (?:[^.!?;]{{0,25}} )?{STANDS_FOR}\b"
    rf"|\b(?:{_CAME}|{_GIVEN}) {STANDS_FOR}\b|^{STANDS_FOR}\b.*\b(?:{_CAME}|{_GIVEN}|{_WRITES})"
)
"""How a sentence begins that says what a web site did: it called or wrote, or the data was given to it."""


_NOUN = r"(?:messag|sms|text[os]?\b|telephone\b|phone\b|appels?\b|contact\b|coup|anruf)"
"""What may stand behind a number that somebody writes down, and is none of its doings."""

_GOES_ON = re.compile(
    r"\s*(?:c['\u2019 ](?:est|etait|était)|ce n|il s['\u2019]agit|it is|it's|it was|das (?:ist|war)|"
    r"es (?:mi|el|la)|è )",
    re.IGNORECASE,
)
"""How a sentence begins that says more of what was named last."""


class Mention(NamedTuple):
    """A sentence in plain words, in which STANDS_FOR stands for what it names."""

    sentence: str
    is_said: bool


def is_in_passing(written: str, countries: tuple[str, ...] = ()) -> bool:
    """Whether some number, site or sender in the writer's own words is not surely what the letter is about.

    `countries`: where a number without one may be (mail/numbers.py).
    """
    mentions = list(_mentions(written, countries))
    if mentions and load_phrases(PHRASES)["fakes"].search(as_words(written)):
        return True
    return any(not one.is_said or _is_doubtful(one.sentence) for one in mentions)


def is_doubtful(quoted: str, countries: tuple[str, ...]) -> bool:
    """Whether a quotation doubts some number that it names: answers are often written into it."""
    return any(_is_doubtful(_sentence(*place)) for place in find_places(quoted, countries))


def _mentions(written: str, countries: tuple[str, ...]) -> Iterator[Mention]:
    said = load_phrases(PHRASES)
    for text, start, end in find_places(written, countries):
        sentence = _sentence(text, start, end)
        yield Mention(sentence, bool(_called().search(sentence)) and not said["dialled"].search(sentence))
    for start, end in find_sms_places(written):
        sentence = _sentence(written, start, end)
        yield Mention(sentence, bool(said["texts"].search(sentence)))
    for host in find_hosts(written):
        sentence = _sentence(written, host.start(), host.end())
        yield Mention(sentence, "@" in host[0] or bool(_ACCUSED.search(sentence)))


def _is_doubtful(sentence: str) -> bool:
    """Whether the sentence doubts, denies or praises, asks, or speaks of somebody else."""
    lists = load_phrases(PHRASES)
    if "?" in sentence and not lists["asks"].search(sentence):
        return True
    complaint = lists["refusals"].sub(" ", sentence)
    return any(lists[name].search(complaint) for name in ("others", "doubts", "denials", "praise"))


def _sentence(text: str, start: int, end: int) -> str:
    """The sentence round what is named, with the "?" at its end; and the next one, if that is about it, too."""
    first, last = max(0, start - FAR), end + FAR
    begins = [found.end() for found in SURE_END.finditer(text, first, start)]
    ends = SURE_END.search(text, end, last)
    if ends and _GOES_ON.match(text, ends.end()):
        ends = SURE_END.search(text, ends.end(), last)
    before, behind = text[begins[-1] if begins else first : start], text[end : ends.end() if ends else last]
    return " ".join(as_words(f"{before} {STANDS_FOR} {behind}").replace(":", " ").split())


@cache
def _called() -> re.Pattern[str]:
    """A call from it; what it does; another way to say so; "Number: …" alone. "Je m'appelle" is no call."""
    said = load_phrases(PHRASES)
    calls, origin, between = (said[name].pattern for name in ("calls", "from", "between"))
    a_call = rf"(?<!je m )(?:{calls})"
    from_it = rf"{a_call} (?:[^.!?;]{{0,60}} )?{origin}"
    it_does = rf"\b{STANDS_FOR}(?:(?: {between}){{1,8}}|(?! {_NOUN})) {a_call}"
    label = rf"^(?:numero|number|nummer|numer|numar) {STANDS_FOR}[.!;]?$"
    return re.compile(rf"{from_it}|{it_does}|{said['says'].pattern}|{label}")
