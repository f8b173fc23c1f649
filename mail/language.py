"""Which language a letter is in, by its commonest small words, or by its alphabet; French when it cannot be told."""

import re
from functools import cache

from mail.latin import Table

FALLBACK = "fr"
_WORD = re.compile(r"[^\W\d_]+")
_ALPHABETS = (
    ("el", "\u0370", "\u03ff"),
    ("ru", "\u0400", "\u04ff"),
    ("he", "\u0590", "\u05ff"),
    ("ar", "\u0600", "\u06ff"),
    ("ja", "\u3040", "\u30ff"),
    ("zh", "\u4e00", "\u9fff"),
    ("ko", "\uac00", "\ud7af"),
)
_SMALL_WORDS = {
    "fr": "le la les des du un une et est je vous de ne pas que qui mes votre vos pour sur dans au aux ce cette avec "
    "plus mon ma nous merci bonjour par être été madame monsieur suis avez toutes données demande svp numéro",
    "en": "the and of to you your my me is are this that have has not for with please from all any which would i on by "
    "do data it be was about dear hello stop calling number delete calls",
    "de": "der die das und ist ich sie nicht mit von zu den auf meine meiner bitte ihre ihr sehr geehrte dass wird "
    "ein eine daten mir habe haben werden über alle guten tag woher",
    "es": "el los las y es que de una por para con mis mi sus no usted ustedes datos todos señores estimados del al lo "
    "solicito hola quiero está",
    "it": "il gli che di una per con sono mi miei mio non vostra vostro dati del della dei tutti chiedo ho signori la "
    "e vorrei buongiorno",
    "nl": "de het een en van ik niet mijn u uw dat is met voor op aan gegevens graag hebben alle geen naar jullie mij",
    "pt": "os as um uma que não meus meu dados para com por do da dos das você seus todos solicito e o quero",
    "pl": "i w z na się nie jest że do moje moich mój danych proszę państwa mnie o oraz dzień dobry jakie",
    "cs": "a v na se je že do mé mých údajů prosím tímto jsem o podle nebo dobrý den osobních",
    "ro": "și în la nu este că de pe mele datele meu vă rog pentru îmi sunt mesaje",
    "sv": "och att det är inte jag mina mig ni på för av med som den hej vänligen",
    "da": "og at det er ikke jeg mine mig på for af med som den hej venligst",
}


def guess_language(text: str) -> str:
    """A two-letter code (ISO 639-1)."""
    scores = dict.fromkeys(_SMALL_WORDS, 0.0)
    shares = _shares()
    for word in filter(shares.__contains__, _words(text)[:150]):
        for language, share in shares[word]:
            scores[language] += share
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] else _by_alphabet(text)


def is_small(word: str) -> bool:
    """Whether it is one of the commonest small words of some language."""
    return word in _shares()


def _words(text: str) -> list[str]:
    letters = _letters().apply(text)
    return _WORD.findall(text.lower()) if letters is None else letters.split()


@cache
def _letters() -> Table:
    return Table(lambda character: character.lower() if _WORD.match(character) else " ")


@cache
def _shares() -> dict[str, tuple[tuple[str, float], ...]]:
    """How much each small word speaks for each language that has it."""
    owners: dict[str, list[str]] = {}
    for language, words in _SMALL_WORDS.items():
        for word in words.split():
            owners.setdefault(word, []).append(language)
    return {word: tuple((language, 1 / len(having)) for language in having) for word, having in owners.items()}


def _by_alphabet(text: str) -> str:
    counts = {code: sum(low <= letter <= high for letter in text[:500]) for code, low, high in _ALPHABETS}
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] else FALLBACK
