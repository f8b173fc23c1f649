"""What in a letter may tell which customer it concerns: pure, and bounded whatever the letter.

Only what points at the company counts: the number that called, the sender of a text message, a web site, the campaign
mail that is quoted or attached. The writer's own telephone, address, employer and signature are no clue, and what
stands alone below a letter may be the writer's own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from mail.capitals import mark_words
from mail.headers import first, read_addresses, split_head
from mail.hosts import find_domains, with_parents
from mail.latin import is_latin
from mail.letter import HEAD, Letter, read_letter
from mail.lexicon import plain, plain_words
from mail.numbers import COUNTRIES, MOST, find_numbers, french_numbers, near_numbers
from mail.parts import read_parts
from mail.passing import is_doubtful, is_in_passing
from mail.sections import Sections, split_sections
from mail.sms import find_sms_senders
from mail.text import words_above_quotation
from mail.written_dates import find_days
from storage.types import KeyKind

FEW = 40
"""Words to which somebody who sends a campaign mail back has little to add; who writes more may tell another story."""

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
    `beside`: all French numbers that are not labelled as his own, by which another customer may be told.
    `disguised`: it has words in letters of two alphabets. `denies`: it says of somebody that it was not him, or
    names somebody in passing.
    """

    found: tuple[Clue, ...] = ()
    words: str = ""
    wordless: bool = False
    chatty: bool = False
    own_domains: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    beside: tuple[str, ...] = ()
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
    near = near_numbers(sections.written)
    counts = [sum(clue.kind is kind for clue in found) for kind in KeyKind]
    said = words_above_quotation(letter.text)
    return Clues(
        found=tuple(found),
        words=mark_words(f"{sections.written}\n{sections.quoted}\n{campaigns}"),
        wordless=not any(map(str.isalpha, said)),
        chatty=any(islice(_WORDS_SAID.finditer(said), FEW, None)),
        own_domains=tuple(_domain_of(one) for one in dict.fromkeys((letter.sender, letter.reply_to)) if one),
        days=tuple(dict.fromkeys(day for sentence in near for day in find_days(sentence))),
        beside=tuple(dict.fromkeys(french_numbers(f"{letter.subject}\n{said}"))),
        too_many=any(count > MOST for count in counts) or _has_unread_mails(letter, len(attached)),
        disguised=_is_disguised(sections.written),
        denies=_denies(sections, COUNTRIES.get(letter.language, ())),
    )


def _denies(sections: Sections, countries: tuple[str, ...]) -> bool:
    return (
        bool(_DENIES.search(plain_words(sections.written)))
        or is_in_passing(sections.written, countries)
        or is_doubtful(sections.quoted, countries)
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
    yield from (Clue(KeyKind.TELEPHONE, numbers, source) for numbers in find_numbers(text, countries))
    yield from (Clue(KeyKind.DOMAIN, domains, source) for domains in find_domains(text))
    yield from (Clue(KeyKind.SMS_SENDER, (sender,), source) for sender in find_sms_senders(text))


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


# --- what the letter says of itself ---

_GREEK_OR_CYRILLIC = re.compile("[\u0370-\u04ff]")
_TWO_ALPHABETS = re.compile(
    r"\b\w*(?:[a-zA-Z]\w{0,40}?[\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff]\w{0,40}?[a-zA-Z])\w*\b"
)


def _is_disguised(text: str) -> bool:
    return not is_latin(text) and bool(_GREEK_OR_CYRILLIC.search(text)) and bool(_TWO_ALPHABETS.search(text))


_WRITTEN_BY = re.compile(
    r"^[> \t]*((?:De|From|Von|Da|Van)[ \xa0]?:[^\n]{3,200}|[^\n]{3,200}"
    r"(?:a écrit|wrote|schrieb|escribi[óo]|ha scritto|schreef|escreveu|napisał|skrev)[^\n]{0,20})$",
    re.MULTILINE,
)
_DENIES = re.compile(
    r"pas (?:eux|lui|elle|cette (?:societe|entreprise)|vous qui)\b|rien a voir avec|pas a l'origine|ne vient pas d|"
    r"n(?:ot|'t|\u2019t) (?:them|him|her|that company|from them)\b|nothing to do with|"
    r"nicht (?:die|von denen|sie gewesen)\b|no (?:fueron|son) ellos|non (?:sono|erano) loro|niet van hen"
)
_WORDS_SAID = re.compile(r"[^\W_]+")
