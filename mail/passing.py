"""Whether a letter says of each number, web site and sender of text messages that it called or wrote. Pure.

"My doctor calls from …", "unlike acme.example you never ask", "I think it was …": such a letter is about somebody else,
or nobody knows. What is said in none of the ways of mail/passing.toml, or doubted there, is a person's decision.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from typing import NamedTuple

from mail.hosts import find_hosts, with_parents
from mail.numbers import SURE_END, find_places
from mail.phrases import as_words, load_phrases
from mail.sms import find_sms_places

PHRASES = "passing.toml"
STANDS_FOR = "acme"
"""Stands for a number, a site or a sender where phrases are looked for; the letter's own is taken out."""

FAR = 200
"""Characters around it in which it is said what it did."""

_CAME = (
    r"e-?mails?|mails?|courriels?|sms|textos?|messages?|newsletters?|pubs?|publicites?|spams?|offres?|appels?|calls?|"
    r"texts?|werbung|anrufe?|correos?|llamadas?|chiamate|messaggi|oproepen|telefony|wiadomosc\w*|mesaje\w*|"
    r"appelle\w*|appele\w*|contacte\w*|called|calling|rang|emailed|texted|harcel\w*|demarch\w*|angerufen|ruft|"
    r"llam\w+|chiam\w+|gebeld|dzwoni\w*|sunat?|unsubscri\w*|desinscri\w*|desabonn\w*|abmeld\w*"
)
_GIVEN = (
    r"inscri\w*|registered|signed up|formulaire|compte|commande\w*|achete\w*|form|account|ordered|bought|konto|"
    r"bestellt|devis|coordonnees|quote"
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
"""What is said of a web site: it called or wrote, or the data was given to it."""

_NEUTRAL = frozenset(
    "cnil.fr bloctel.gouv.fr legifrance.gouv.fr service-public.fr 33700.fr europa.eu ico.org.uk avast.com".split()
)
"""Sites that complaints refer to, and those of programs that sign them."""

_NOUN = r"(?:messag|sms|text[os]?\b|telephone\b|phone\b|appels?\b|contact\b|coup|anruf)"
"""What may stand behind a number that somebody writes down, and is none of its doings."""


class Mention(NamedTuple):
    """Plain words, in which STANDS_FOR stands for what is named: its sentence, and that with the ones beside it."""

    sentence: str
    around: str
    is_said: bool


def is_in_passing(written: str, countries: tuple[str, ...] = ()) -> bool:
    """Whether some number, site or sender in the writer's own words is not surely what the letter is about.

    `countries`: those in which a number without a country code may be (mail/numbers.py).
    """
    mentions = list(_mentions(written, countries))
    if any(not one.is_said or _is_doubtful(one) for one in mentions):
        return True
    return bool(mentions) and bool(load_phrases(PHRASES)["fakes"].search(as_words(written)))


def is_doubtful(quoted: str, countries: tuple[str, ...]) -> bool:
    """Whether a quotation doubts some number that it names: answers are often written into it."""
    return any(_is_doubtful(_mention(*place)) for place in find_places(quoted, countries))


def _mentions(written: str, countries: tuple[str, ...]) -> Iterator[Mention]:
    said = load_phrases(PHRASES)
    for place in find_places(written, countries):
        yield _mention(*place, lambda one: bool(_called().search(one)) and not said["dialled"].search(one))
    for start, end in find_sms_places(written):
        yield _mention(written, start, end, lambda one: bool(said["texts"].search(one)))
    for host in find_hosts(written):
        if not _NEUTRAL.intersection(with_parents(host[1])):
            yield _mention(written, *host.span(), partial(_is_accused, "@" in host[0]))


def _is_accused(is_address: bool, sentence: str) -> bool:
    """An address is one that wrote (mail/hosts.py); of a site it must be said what it did."""
    return is_address or bool(_ACCUSED.search(sentence))


def _is_doubtful(mention: Mention) -> bool:
    """Whether it is asked, doubted, denied or praised, or said to be somebody else's, there or right beside it."""
    lists = load_phrases(PHRASES)
    if "?" in mention.sentence and not lists["asks"].search(mention.sentence):
        return True
    complaint = lists["refusals"].sub(" ", mention.around)
    return any(lists[name].search(complaint) for name in ("others", "doubts", "denials", "praise"))


def _mention(text: str, start: int, end: int, is_said: Callable[[str], bool] = bool) -> Mention:
    """What is named there: its sentence, with the "?" at its end, and the one before and the one behind."""
    first, last = max(0, start - FAR), end + FAR
    begins = [first, first, *(found.end() for found in SURE_END.finditer(text, first, start))]
    ends = [*(found.end() for found in islice(SURE_END.finditer(text, end, last), 2)), last, last]
    sentence = _with_stand_in(text[begins[-1] : start], text[end : ends[0]])
    around = _with_stand_in(text[begins[-2] : start], text[end : ends[1]])
    return Mention(sentence, around, is_said(sentence))


def _with_stand_in(before: str, behind: str) -> str:
    before, behind = (as_words(words).replace(STANDS_FOR, "") for words in (before, behind))
    return " ".join(f"{before} {STANDS_FOR} {behind}".replace(":", " ").split())


@cache
def _called() -> re.Pattern[str]:
    """A call from it; what it does; another way to say so; "Number: …" alone. "Je m'appelle" is no call."""
    said = load_phrases(PHRASES)
    calls, origin, between = (said[name].pattern for name in ("calls", "from", "between"))
    a_call = rf"(?<!je m )(?:{calls})"
    from_it = rf"{a_call} (?:[^.!?;]{{0,60}} )?{origin}"
    it_does = rf"\b{STANDS_FOR}(?:(?:(?> {between})){{1,8}}|(?! {_NOUN})) {a_call}"
    label = rf"^(?:numero|number|nummer|numer|numar) {STANDS_FOR}[.!;]?$"
    return re.compile(rf"{from_it}|{it_does}|{said['says'].pattern}|{label}")
