"""What in a letter may tell which customer it concerns: pure, and bounded whatever the letter.

Only what points at the company counts: the number that called, the sender of a text message, a web site, the campaign
mail that is quoted or attached. The writer's own telephone, address, employer and signature are no clue, and what
stands alone below a letter may be the writer's own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from itertools import accumulate, islice
from typing import NamedTuple

from mail.headers import first, read_addresses, split_head
from mail.letter import HEAD, Letter, read_letter
from mail.lexicon import plain
from mail.parts import read_parts
from mail.sections import Sections, split_sections
from mail.text import words_above_quotation
from mail.written_dates import find_days
from storage.types import KeyKind

MOST = 60
"""Clues of one kind in one text; a letter with more of them points nowhere."""

WORDS = 1200
"""Words among which customers' names are looked for."""

FEW = 40
"""Words to which somebody who sends a campaign mail back has little to add; who writes more may tell another story."""

SHOUTED = 4
"""Words in capitals that may still be senders of text messages."""

ATTACHED = 3
"""Attached mails that are read."""


class Source(StrEnum):
    """Where in a mail a clue stands."""

    WRITTEN = "written"
    QUOTED = "quoted"
    ATTACHED = "attached"


class Clue(NamedTuple):
    """Something by which a customer may be found: one of several `values`, for a number may be read in two ways."""

    kind: KeyKind
    values: tuple[str, ...]
    source: Source


class Clues(NamedTuple):
    """All of a letter. `words`: its writer's own, plain, in which names are looked for; `^` marks a capital letter.

    `wordless`: its writer says nothing below the subject; `chatty`: he says much. `own_domains`: those of the writer's
    addresses. `days`: those that stand near a number. `too_many`: there are more clues than a letter of a person has.
    `disguised`: it has words in letters of two alphabets. `denies`: it says of somebody that it was not him.
    """

    found: tuple[Clue, ...] = ()
    words: str = ""
    wordless: bool = False
    chatty: bool = False
    own_domains: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    too_many: bool = False
    disguised: bool = False
    denies: bool = False


NO_CLUES = Clues()


def find_clues(head: bytes, letter: Letter) -> Clues:
    """The clues of a mail, of which `head` are the first octets and `letter` is what it says."""
    sections = split_sections(f"{letter.subject}\n\n{letter.text}", letter.sender_name)
    attached = list(_attached_mails(head, letter))
    campaigns = "\n".join(_said_in(mail) for mail in attached)
    found = list(_distinct(_all_clues(letter, sections, attached)))
    days = [day for near in _near_numbers(sections.written) for day in find_days(plain(near))]
    counts = [sum(clue.kind is kind for clue in found) for kind in KeyKind]
    return Clues(
        found=tuple(found),
        words=_marked_words(f"{sections.written}\n{sections.quoted}\n{campaigns}"),
        wordless=not _LETTER.search(words_above_quotation(letter.text)),
        chatty=len(_WORDS_SAID.findall(words_above_quotation(letter.text))) > FEW,
        own_domains=tuple(_domain_of(one) for one in dict.fromkeys((letter.sender, letter.reply_to)) if one),
        days=tuple(dict.fromkeys(days)),
        too_many=any(count > MOST for count in counts) or _has_unread_mails(letter, len(attached)),
        disguised=_is_disguised(sections.written),
        denies=bool(_DENIES.search(plain(sections.written))),
    )


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _all_clues(letter: Letter, sections: Sections, attached: Sequence[bytes]) -> Iterator[Clue]:
    countries = COUNTRIES.get(letter.language, ())
    yield from _clues_in(sections.written, Source.WRITTEN, countries)
    if not _is_own_mail(sections.quoted, letter):
        yield from _clues_in(sections.quoted, Source.QUOTED, countries)
    for mail in attached:
        yield from _clues_of_campaign(mail, countries)


def _clues_in(text: str, source: Source, countries: tuple[str, ...]) -> Iterator[Clue]:
    kept = (numbers for numbers in _numbers(text, countries))
    yield from (Clue(KeyKind.TELEPHONE, numbers, source) for numbers in islice(kept, MOST + 1))
    yield from (Clue(KeyKind.DOMAIN, domains, source) for domains in islice(_domains(text), MOST + 1))
    yield from (Clue(KeyKind.SMS_SENDER, (sender,), source) for sender in islice(_sms_senders(text), MOST + 1))


def _is_own_mail(quoted: str, letter: Letter) -> bool:
    """Whether what is quoted was written by the writer himself."""
    names = set(_WORDS_SAID.findall(plain(letter.sender_name)))
    for line in islice(_WRITTEN_BY.findall(quoted), ATTACHED):
        words = set(_WORDS_SAID.findall(plain(line)))
        if (letter.sender and letter.sender.lower() in line.lower()) or (len(names) > 1 and names <= words):
            return True
    return False


def _distinct(clues: Iterable[Clue]) -> Iterator[Clue]:
    """Each once, in the writer's own words before all others."""
    seen = set[tuple[KeyKind, tuple[str, ...]]]()
    for clue in clues:
        if (clue.kind, clue.values) not in seen:
            seen.add((clue.kind, clue.values))
            yield clue


# --- telephone numbers ---

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
_RUN = re.compile(rf"(?<![\w+.,/-])(?:(?:\+|\(?0)(?:{_BETWEEN_DIGITS}\d){{6,16}}|33[1-79]\d{{8}})(?![\w-]?\d)")
_DIGITS = re.compile(r"\d+")
_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)?\d\d(?!\d)(?![/.-]\d)")
BESIDE_FRANCE = frozenset({"32", "41", "352"})
"""Countries where French is written; ten digits in a French letter are French."""

FRENCH = 10
"""Digits of a French number as it is dialled in France."""

_TIME_FOLLOWS = re.compile(r"\s?\d{1,2}$")
NEAR = 120
"""Characters around a number in which it is said that it called."""

_MASKED = re.compile(r"[\s.\-/]{0,2}(?:[xX*•#]|\?\?)")
_NUMBER_WORDS = (
    r"numeros?|n°|no|num|tel|telephone|portable|mobile|fixe|ligne(?: directe)?|phone|number|cell|line|landline|desk|"
    r"standard|switchboard|accueil|bureau|office|poste|durchwahl|zentrale|centralita|centralino|centrale|"
    r"extension|nummer|handy\w*|telefon\w*|festnetz\w*|telefono|movil|cellulare|celular|telemovel|numer\w*|komork\w*|numar\w*"
)
_OWNERS = (
    r"mon|ma|mes|notre|nos|my|our|meine?[rmn]?|unser\w*|mi|mis|nuestro|il mio|la mia|mio|mia|mijn|onze|o meu|a minha|"
    r"meu|minha|moj\w*|numarul meu"
)
_OWN_BEFORE = re.compile(
    rf"(?:\b(?:{_OWNERS})\s(?:\w+\s){{0,2}}(?:{_NUMBER_WORDS})\b[^.!?\n]{{0,20}}|"
    r"\b(?:joignable|reach me|call me(?: back)?|contact me|rappele[rz][ -]moi|contacte[rz][ -]moi|erreichbar|"
    r"contactarme|llamarme|contattarmi|bereikbaar)\b[^.!?\n]{0,24}|"
    rf"\b(?:sur|on|auf|su|op|na|au|at|al|unter|onder|aan|pe|ao)\s(?:(?:le|la|l|the|il|het|{_OWNERS})\s)?"
    rf"(?:(?:{_NUMBER_WORDS})\s)?(?:\W{{0,3}})|"
    r"\b(?:retir|supprim|effac|enlev|remov|delet|eras|losch|borr|cancell|verwijder|elimin|usun)\w*\s(?:\w+\s){0,4}|"
    r"\b(?:stop calling|not call|don't call|cease calling|plus appeler|cesse[rz] d'appeler|arrete[rz] d'appeler)\s"
    r"(?:\w+\s)?)$"
)
_REFERENCE = re.compile(
    r"\b(?:factures?|references?|ref|dossiers?|commandes?|contrats?|clients?|iban|siret|siren|orders?|invoices?|account|"
    r"case|ticket|rechnung\w*|kundennummer|vertrag\w*|pedido|factura|fattura|ordine|factuur|n° d\w*)\b[^.!?\n]{0,16}$"
)
_CALLED = re.compile(
    r"appel|\bcall|\bring|\brang|\bphon|\btelephon|harcel|demarch|derang|manque|missed|affich|depuis|\bsms\b|texto|\btext|"
    r"numeros? |numero\b|\bnumber|\bnummer|\bwho is|\bqui est|anruf|angeruf|\bruf|\brief|llama|chiam|telefon|\bbel|"
    r"gebel|\bliga|ligou|dzwon|\bapel|\bsuna|prospect|vendeur|robot|messagerie|voicemail|\bfrom\b|\bdepuis\b|\bspam|"
    r"\u05d4\u05ea\u05e7\u05e9|\u05e9\u05d9\u05d7|\u05de\u05ea\u05e7\u05e9|\u05e6\u05dc\u05e6|\u0627\u062a\u0635|\u062a\u062a\u0635|\u0645\u0643\u0627\u0644|\u064a\u062a\u0635"
)
"""What is said of a number that called: without such a word near it nobody knows whose it is."""

_OWN_LABEL = re.compile(
    r"(?:^|\n)\W{0,3}(?:(?:tel|telephone|phone|mobile|mob|portable|port|fixe|fax|gsm|handy|telefon|telefono|cell|cel|tlf|"
    r"tfno|movil|mobiel|telnr|whatsapp|contact|ligne|direct|directe|standard|bureau|office|work|home|domicile|pro|perso|"
    r"privat|dienstlich|durchwahl|zentrale|switchboard|ufficio|oficina|kantoor|number|[mtpfhw])[ \t./:)-]*){1,3}$"
)
_OWN_AFTER = re.compile(
    rf"[\s,(:]{{0,3}}(?:(?:est|is|ist|es|e|c'est)\s)?(?:{_OWNERS})\s(?:\w+\s)?(?:{_NUMBER_WORDS})\b|"
    r"[\s,(]{0,3}(?:dont je suis|qui est l[ae] mien|est l[ae] mien|est a moi|m'appartient|is mine|belongs to me|"
    r"gehort mir)"
)
_LETTER = re.compile(r"[^\W\d_]")
_SENTENCE = re.compile(r"[.!?]\s|\n")


def _numbers(text: str, countries: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The numbers in a text that are not its writer's own, each in all ways in which it may be read (E.164)."""
    if not any(character.isdigit() for character in text):
        return
    spelled = plain(text) if len(plain(text)) == len(text) else text.lower()
    for run in islice(_RUN.finditer(text), MOST + 1):
        if _MASKED.match(text, run.end()) or _is_own(spelled, run.start(), run.end()):
            continue
        digits = _TIME_FOLLOWS.sub("", run[0]) if text[run.end() : run.end() + 1] in (":", "h") else run[0]
        if values := tuple(dict.fromkeys(_readings(digits, countries))):
            yield values


def _near_numbers(text: str) -> Iterator[str]:
    """The sentences in which numbers stand."""
    for run in islice(_RUN.finditer(text), MOST):
        begins = [found.end() for found in _SENTENCE.finditer(text, max(0, run.start() - NEAR), run.start())]
        ends = _SENTENCE.search(text, run.end())
        first = begins[-1] if begins else max(0, run.start() - NEAR)
        yield text[first : min(ends.start() if ends else len(text), run.end() + NEAR)]


def _is_own(text: str, start: int, end: int) -> bool:
    """Whether a number is the writer's own: labelled so, or alone below the letter."""
    before = text[max(0, start - 60) : start]
    labels = (_OWN_BEFORE, _OWN_LABEL, _REFERENCE)
    if any(label.search(before) for label in labels) or _OWN_AFTER.match(text, end):
        return True
    return _stands_alone(text, start, end) or not _CALLED.search(text, max(0, start - NEAR), end + NEAR)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether there is nothing but the number in its sentence, in a text that says something elsewhere."""
    begins = [found.end() for found in _SENTENCE.finditer(text, max(0, start - 200), start)]
    ends = _SENTENCE.search(text, end)
    before = text[begins[-1] if begins else max(0, start - 200) : start]
    after = text[end : ends.start() if ends else len(text)]
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


# --- domains, senders of text messages ---

_HOST = re.compile(
    r"(?<![\w.@%+=/-])(?:https?://|www\.)?(?:[\w.+-]{1,64}@)?"
    r"((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,9}[a-z]{2,24})(?![\w@-]|\.\w)",
    re.IGNORECASE,
)
_DOT_WITHIN = re.compile(r"[a-z0-9]\.[a-z]{2}", re.IGNORECASE)
_OWN_MAIL = re.compile(
    rf"\b(?:{_OWNERS})\s(?:\w+\s){{0,2}}(?:e-?mail|mail|adresse|address|courriel|correo|indirizzo|site|website|web|page|"
    r"boutique|shop|entreprise|societe|company|firma|empresa|azienda|bedrijf)\b[^.!?\n]{0,24}$"
)
_FROM = re.compile(
    r"(?:\b(?:de|du|d|from|by|par|von|vom|da|dal|dalla|van|por|od|do|sender|expediteur|absender|mittente|remitente|"
    r"afzender|nadawca|remetente|expeditor|news|mailto)|\u05de|\u0645\u0646)[ \t]?[:\-\u05be]?[ \t]?[\"'<(\[]{0,2}"
    r"(?:[^\n@<>]{0,40}[<\[(]|mailto:)?$"
)
"""What stands before the address of somebody who wrote; any other address may be the writer's own."""

_WROTE = re.compile(
    r"[>\])]{0,2}\s{0,3}(?:a écrit|m'a écrit|m'écrit|wrote|schrieb|escribi[óo]|ha scritto|schreef|escreveu|napisał|"
    r"skrev)"
)
_SENDER = re.compile(r"(?<![\w.@])(?<![a-zA-Z0-9]-)[A-Z][A-Z0-9]{3,10}(?![\w@])")
_IS_A_NAME = re.compile(r"\b(?:[A-ZÀ-Þ][a-zß-ÿ'-]+|soussignée?|Mme|Mr?s?|M|Mlle|Herr|Frau|Sra?|Sig)\.?\s$")
_TEXT_MESSAGE = re.compile(
    r"\b(?:sms\w*|textos?|texts?|texted|text messages?|mms|whatsapp)\b|\bstop (?:\d+ \w+ )?(?:a|to)\b"
)
_NO_SENDER = frozenset(
    "STOP CNIL RGPD GDPR DSGVO DPO SMS MMS SPAM PROMO INFO INFOS URGENT ALERTE AVIS MERCI RAPPEL CONTACT RETRAIT "
    "SERVICE CLIENT DEMANDE BONJOUR HELLO HELP URGENCE EFFACEZ SUPPRIMEZ ARRETEZ".split()
)


def _domains(text: str) -> Iterator[tuple[str, ...]]:
    """The hosts that a text names, each with the domains that it lies in."""
    if not _DOT_WITHIN.search(text):
        return
    for host in islice(_HOST.finditer(text), MOST + 1):
        before = plain(text[max(0, host.start() - 60) : host.start()])
        wrote = bool(_FROM.search(before)) or bool(_WROTE.match(text, host.end()))
        if wrote if "@" in host[0] else not _OWN_MAIL.search(before):
            yield with_parents(host[1])


def with_parents(host: str) -> tuple[str, ...]:
    """A host, and the domains that it lies in, but for the last: mail.acme.example, acme.example."""
    labels = host.lower().split(".")
    return tuple(".".join(labels[at:]) for at in range(len(labels) - 1))


def _sms_senders(text: str) -> Iterator[str]:
    """Words in capitals near which text messages are spoken of; many of them are only somebody who shouts."""
    found = [sender for sender in islice(_SENDER.finditer(text), MOST + 1) if sender[0] not in _NO_SENDER]
    for sender in found if len(found) <= SHOUTED else ():
        near = text[max(0, sender.start() - 60) : sender.end() + 60]
        if _TEXT_MESSAGE.search(plain(near)) and not _IS_A_NAME.search(
            text, max(0, sender.start() - 40), sender.start()
        ):
            yield sender[0]


# --- the campaign mail that is attached ---

_CAMPAIGN = frozenset({b"from", b"list-unsubscribe", b"message-id"})
_FORWARDED = frozenset({"message/rfc822", "message/global"})
_MAIL_FIELDS = frozenset({b"content-type", b"content-transfer-encoding", b"content-disposition"})


def _attached_mails(head: bytes, letter: Letter) -> Iterator[bytes]:
    if not any(one.content_type in _FORWARDED for one in letter.attachments):
        return
    fields, body = split_head(head[:HEAD], _MAIL_FIELDS)
    leaves = read_parts(fields, head[body:HEAD], truncated=len(head) > HEAD).leaves
    mails = (part for part in leaves if part.content_type in _FORWARDED)
    yield from (part.content() for part in islice(mails, ATTACHED))


def _clues_of_campaign(mail: bytes, countries: tuple[str, ...]) -> Iterator[Clue]:
    """From whom it came, and what it names."""
    fields, _ = split_head(mail, _CAMPAIGN)
    for address in islice(read_addresses(first(fields, "from")), 2):
        yield Clue(KeyKind.DOMAIN, with_parents(address.rpartition("@")[2]), Source.ATTACHED)
    yield from _clues_in(_said_in(mail), Source.ATTACHED, countries)


def _said_in(mail: bytes) -> str:
    said = read_letter(mail)
    return f"{said.subject}\n\n{said.text}"


def _has_unread_mails(letter: Letter, read: int) -> bool:
    """Whether mails are attached that were not read: they might contradict."""
    mails = [one for one in letter.attachments if one.content_type in _FORWARDED or one.name.endswith((".eml", ".msg"))]
    return len(mails) > read


# --- words ---

_GREEK_OR_CYRILLIC = re.compile("[\u0370-\u04ff]")
_TWO_ALPHABETS = re.compile(
    r"\b\w*(?:[a-zA-Z]\w{0,40}?[\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff]\w{0,40}?[a-zA-Z])\w*\b"
)


def _is_disguised(text: str) -> bool:
    return bool(_GREEK_OR_CYRILLIC.search(text)) and bool(_TWO_ALPHABETS.search(text))


_WRITTEN_BY = re.compile(
    r"^[> \t]*((?:De|From|Von|Da|Van)[ \xa0]?:[^\n]{3,200}|[^\n]{3,200}"
    r"(?:a écrit|wrote|schrieb|escribi[óo]|ha scritto|schreef|escreveu|napisał|skrev)[^\n]{0,20})$",
    re.MULTILINE,
)
_DENIES = re.compile(
    r"pas (?:eux|lui|elle|cette (?:societe|entreprise)|vous qui)\b|rien a voir avec|pas a l'origine|ne vient pas d|"
    r"(?:not|n't|n\u2019t) (?:them|him|her|that company|from them)\b|nothing to do with|"
    r"nicht (?:die|von denen|sie gewesen)\b|no (?:fueron|son) ellos|non (?:sono|erano) loro|niet van hen"
)
_WORDS_SAID = re.compile(r"[^\W_]+")
_UPPER = "A-ZÀ-ÖØ-ÞŚŻŹĆŁŠŽČŘŤĎŇĂȘȚÎŐŰĞ"
_NO_ACRONYM = rf"(?!(?:{'|'.join(sorted(_NO_SENDER))})\b)"
_CAPITAL = re.compile(
    rf"""(?:(?<=[a-zß-öø-ÿ0-9,;:)\]] )|(?<=['\u2019\u2018\u201c\u201e"«(])|(?<=« )|(?<=«\xa0))"""
    rf"{_NO_ACRONYM}(?=[{_UPPER}][^\W\d_])|"
    rf"(?<![\w^])(?=[{_UPPER}][\w'-]+(?: [{_UPPER}][\w'-]+){{0,4}} "
    r"(?:m['\u2019]|n['\u2019]|me |ne |nous |a |appell?e|call|keeps? |rings? |rang |text|hat |ruft |rief |llama|chiama|"
    r"belt |liga|dzwoni|sun[aă]))"
)
_CAPITALS = re.compile(rf"(?<![\w^]){_NO_ACRONYM}(?=[{_UPPER}]{{3,}}(?!\w))")
_MARKED = re.compile(r"\^?[^\W_]+")


def _marked_words(text: str) -> str:
    """Plain words in their order. `^` marks what may be a name: with a capital that no sentence asks for."""
    marked = _CAPITAL.sub("^", text.replace("^", " "))
    marked = marked if text.isupper() else _CAPITALS.sub("^", marked)
    return " ".join(_MARKED.findall(plain(marked))[:WORDS])
