"""Telephone numbers in a letter: those that called its writer, in all spellings. Pure, and bounded.

The writer's own number is none of them, nor one that stands alone, nor one of which nothing says that it called.
"""

import re
from collections.abc import Iterator
from itertools import accumulate, islice

from mail.lexicon import plain, plain_words

MOST = 60
"""Clues of one kind in one text at most; a letter with more of them points nowhere."""

COUNTRIES = {
    "fr": ("32", "41", "352"),
    "en": ("44", "353"),
    "de": ("49", "43", "41"),
    "es": ("34",),
    "it": ("39", "41"),
    "nl": ("31", "32"),
    "pt": ("351",),
    "pl": ("48",),
    "he": ("972",),
    "ro": ("40",),
    "cs": ("420",),
    "sv": ("46",),
    "da": ("45",),
    "el": ("30",),
}
"""Where a number without a country may be, by the letter's language; in France it may always be."""

WITH_ZERO = frozenset({"39"})
"""Countries in which the first zero is part of the number."""

SHORTEST, LONGEST = 8, 15
"""Digits of a number (ITU-T E.164)."""

_BETWEEN_DIGITS = r"(?!\s\s)[ \t\xa0\u2009\u202f().\-/\u2010-\u2015]{0,3}"
_MORE_DIGITS = rf"(?:{_BETWEEN_DIGITS}\d){{6,16}}"
_RUN = re.compile(
    rf"[+(03](?<![\w+.,/-].)(?:(?<=[+0]){_MORE_DIGITS}|(?<=\()0{_MORE_DIGITS}|(?<=3)3[1-79]\d{{8}})(?![\w-]?\d)"
)
"""Its first character comes first, and what stands before it after it: so all others are passed over quickly."""

_LINE_ENDS_WITHIN = re.compile(r"\n(?:(?<=\d\n)|(?<=\d \n))\d")
_LINE_END = re.compile(r"(?<!\n)\n(?!\n)")
_GAP = r"(?:[ .\xa0\u202f-]| ?\n)?"
_OVER_LINES = re.compile(rf"(?<![\w+.,/-])(?:0|(?:\+|00)33{_GAP})[1-9](?:{_GAP}\d\d){{4}}(?![\w-]?\d)")
_FRENCH = re.compile(rf"(?<!\d)(?=((?:0|(?:\+|00)33{_GAP}(?:\(0\))?{_GAP})[1-9](?:{_GAP}\d\d){{4}})(?!\d))[+0]")
_NO_DIGIT = re.compile(r"\D")
_DIGITS = re.compile(r"\d+")
_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)?\d\d(?!\d)(?![/.-]\d)")
BESIDE_FRANCE = frozenset({"32", "41", "352"})
"""Countries where French is written; ten digits in a French letter are French."""

FRENCH = 10
"""Digits of a French number as it is dialled in France."""

_TIME_FOLLOWS = re.compile(r"\s?\d{1,2}$")
NEAR, FAR = 120, 200
"""Characters around a number in which it is said that it called; of its sentence before it."""

_MASKED = re.compile(r"[\s.\-/]{0,2}(?:[xX•#]|\*(?![\s.,;:!?)*]|$)|\?\?)")
_NUMBER_WORDS = (
    r"numeros?|n°|no|num|tel|telephone|portable|mobile|fixe|ligne(?: directe)?|phone|number|cell|line|landline|desk|"
    r"standard|switchboard|accueil|bureau|office|poste|durchwahl|zentrale|centralita|centralino|centrale|"
    r"extension|nummer|handy\w*|telefon\w*|festnetz\w*|telefono|movil|cellulare|celular|telemovel|numer\w*|"
    r"komork\w*|numar\w*"
)
OWNERS = (
    r"mon|ma|mes|notre|nos|my|our|meine?[rmn]?|unser\w*|mi|mis|nuestro|il\smio|la\smia|mio|mia|mijn|onze|o\smeu|"
    r"a\sminha|meu|minha|moj\w*|numarul\smeu"
)
_OWN_BEFORE = re.compile(
    rf"(?:\b(?:{OWNERS})\s(?:\w+\s){{0,2}}(?:{_NUMBER_WORDS})\b[^.!?\n]{{0,20}}|"
    r"\b(?:joignable|reach\sme|call\sme(?:\sback)?|contact\sme|rappele[rz][\s-]moi|contacte[rz][\s-]moi|erreichbar|"
    r"contactarme|llamarme|contattarmi|bereikbaar)\b[^.!?\n]{0,24}|"
    rf"\b(?:sur|on|auf|su|op|na|au|at|al|unter|onder|aan|pe|ao)\s(?:(?:le|la|l|the|il|het|{OWNERS})\s)?"
    rf"(?:(?:{_NUMBER_WORDS})\s)?(?:\W{{0,3}})|"
    r"\b(?:retir|supprim|effac|enlev|remov|delet|eras|losch|borr|cancell|verwijder|elimin|usun)\w*\s(?:\w+\s){0,4}|"
    r"\b(?:stop\scalling|not\scall|don't\scall|cease\scalling|plus\sappeler|cesse[rz]\sd'appeler|"
    r"arrete[rz]\sd'appeler)\s(?:\w+\s)?)$"
)
_REFERENCE = re.compile(
    r"\b(?:factures?|references?|ref|dossiers?|commandes?|contrats?|clients?|iban|siret|siren|orders?|invoices?|account|"
    r"case|ticket|rechnung\w*|kundennummer|vertrag\w*|pedido|factura|fattura|ordine|factuur|n° d\w*)\b[^.!?\n]{0,16}$"
)
_CALLED = re.compile(
    r"appel|mapel|chamad|\bvola|samtal|opkald|kontaktier|\u03ba\u03bb\u03b7\u03c3|\u03ba\u03b1\u03bb\u03bf\u03c5|"
    r"sonn|vocal|message|importun|vendre|krijg|telefoont|\bcall|\bring|\brang|\bphon|\btelephon|harcel|demarch|"
    r"derang|manque|missed|affich|depuis|\bsms\b|texto|\btext|"
    r"numeros? |numero\b|\bnumber|\bnummer|\bwho is|\bqui est|anruf|angeruf|\bruf|\brief|llam|chiam|telefon|\bbel|"
    r"gebel|\bliga|ligou|dzwon|\bapel|\bsuna|prospect|vendeur|robot|voicemail|\bfrom\b|\bspam|"
    r"\u05d4\u05ea\u05e7\u05e9|\u05e9\u05d9\u05d7|\u05de\u05ea\u05e7\u05e9|\u05e6\u05dc\u05e6|"
    r"\u0627\u062a\u0635|\u062a\u062a\u0635|\u0645\u0643\u0627\u0644|\u064a\u062a\u0635"
)
"""What is said of a number that called: without such a word near it nobody knows whose it is."""

_OWN_LABEL = re.compile(
    r"(?:^|\n)\W{0,3}(?:(?:tel|telephone|phone|mobile|mob|portable|port|fixe|fax|gsm|handy|telefon|telefono|cell|cel|tlf|"
    r"tfno|movil|mobiel|telnr|whatsapp|contact|ligne|direct|directe|standard|bureau|office|work|home|domicile|pro|perso|"
    r"privat|dienstlich|durchwahl|zentrale|switchboard|ufficio|oficina|kantoor|number|[mtpfhw])[ \t./:)-]*){1,3}$"
)
_OWN_AFTER = re.compile(
    rf"[\s,(:]{{0,3}}(?:(?:est|is|ist|es|e|c'est)\s)?(?:{OWNERS})\s(?:\w+\s)?(?:{_NUMBER_WORDS})\b|"
    r"[\s,(]{0,3}(?:(?:which|that)\s)?(?:dont\sje\ssuis|qui\sest\sl[ae]\smien|est\sl[ae]\smien|est\sa\smoi|"
    r"m'appartient|is\smine|belongs\sto\sme|gehort\smir)"
)
_LETTER = re.compile(r"[^\W\d_]")
SENTENCE = re.compile(r"\.\s|!\s|\?\s|\n")
SURE_END = re.compile(r"\.(?<!\.\.\.)\s|!\s|\?\s|\n\s*\n")
"""What surely ends a sentence. After "..." it may go on, and lines are often broken where no more words fitted."""


Run = tuple[re.Match[str], tuple[str, ...]]
"""Where a number stands, and how it may be read."""


def find_numbers(text: str, countries: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The numbers in a text that are not its writer's own, each in all ways in which it may be read (E.164)."""
    return (values for _, values in _numbers_of_others(text, countries))


def find_places(text: str, countries: tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
    """Where they stand: a text as it was read, and the first and last character in that."""
    return ((run.string, run.start(), run.end()) for run, _ in _numbers_of_others(text, countries))


def french_numbers(text: str) -> Iterator[str]:
    """All that may be one and are not labelled as the writer's own, also where several stand close together (E.164)."""
    spelled = plain(text)
    for found in islice(_FRENCH.finditer(spelled), MOST):
        if not _is_labelled(spelled, *found.span(1)):
            yield f"+33{_NO_DIGIT.sub('', found[1])[-9:]}"


def _numbers_of_others(text: str, countries: tuple[str, ...]) -> Iterator[Run]:
    text = _on_one_line(text)
    if not (runs := _runs(text, countries)):
        return
    spelled = plain(text)
    if len(spelled) != len(text):  # "…" is three dots, and an accent may have been a character of its own
        runs = _runs(spelled, countries)
    for run, values in runs:
        if not _MASKED.match(spelled, run.end()) and not _is_own(spelled, run.start(), run.end()):
            yield run, values


def _on_one_line(text: str) -> str:
    """The text, as long as it was, without line ends within French numbers."""
    if not _LINE_ENDS_WITHIN.search(text):
        return text
    return _OVER_LINES.sub(lambda number: number[0].replace(" \n", " -").replace("\n", " "), text)


def _runs(text: str, countries: tuple[str, ...]) -> list[Run]:
    return [(run, values) for run in islice(_RUN.finditer(text), MOST + 1) if (values := _values_of(run, countries))]


def _values_of(run: re.Match[str], countries: tuple[str, ...]) -> tuple[str, ...]:
    is_before_time = run.string.startswith((":", "h"), run.end())
    digits = _TIME_FOLLOWS.sub("", run[0]) if is_before_time else run[0]
    return tuple(dict.fromkeys(_readings(digits, countries)))


def near_numbers(text: str) -> list[str]:
    """The sentences in which numbers stand, each once and in plain words: cut before, for "…" is no end."""
    text = _on_one_line(text)
    cut = dict.fromkeys(_around(text, run) for run in islice(_RUN.finditer(text), MOST))
    return [plain_words(sentence) for sentence in cut]


def _around(text: str, run: re.Match[str]) -> str:
    before, behind = _in_its_sentence(text, *run.span(), SURE_END, NEAR)
    return before + run[0] + behind[:NEAR]


def _in_its_sentence(text: str, start: int, end: int, breaks: re.Pattern[str], far: int) -> tuple[str, str]:
    """What stands there before a number, as far as `far`, and behind it."""
    first = max(0, start - far)
    begins = [first, *(found.end() for found in breaks.finditer(text, first, start))]
    ends = breaks.search(text, end)
    return text[begins[-1] : start], text[end : ends.start() if ends else len(text)]


def _is_own(text: str, start: int, end: int) -> bool:
    """Whether a number is the writer's own: labelled so, or alone below the letter; or nothing says that it called."""
    if _is_labelled(text, start, end):
        return True
    return _stands_alone(text, start, end) or not _CALLED.search(text, max(0, start - NEAR), end + NEAR)


def _is_labelled(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - 60) : start]
    flowing = _LINE_END.sub(" ", before)
    if _OWN_LABEL.search(before) or _OWN_BEFORE.search(flowing) or _REFERENCE.search(flowing):
        return True
    return bool(_OWN_AFTER.match(text, end))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether there is nothing but the number in its sentence, in a text that says something elsewhere."""
    before, after = _in_its_sentence(text, start, end, SENTENCE, FAR)
    if _LETTER.search(before) or _LETTER.search(after) or text[:start].rstrip().endswith(":"):
        return False
    return bool(_LETTER.search(text))


def _readings(run: str, countries: tuple[str, ...]) -> Iterator[str]:
    """E.164, the likeliest first. A count or a time may follow within the run: so its beginnings are read, too.

    That a number of another country is by chance the French one of a customer is a matter of one in ten thousand.
    """
    if _DATE.match(run):
        return
    digits = list(accumulate(_DIGITS.findall(run if run.startswith("(0") else run.replace("(0)", " "))))
    whole = [one for one in reversed(digits) if len(one) >= SHORTEST]
    if run.startswith("+") or not run.lstrip("(").startswith("0") or digits[0].startswith("00"):
        found = [one.removeprefix("00") for one in whole]
    else:
        found = [f"33{one[1:]}" for one in whole if len(one) == FRENCH]
        found += [
            f"{country}{one if country in WITH_ZERO else one[1:]}"
            for one in whole
            for country in countries
            if not (found and country in BESIDE_FRANCE)
        ]
    yield from (f"+{one}" for one in found if SHORTEST < len(one) <= LONGEST)
