"""Whether a letter says of one company that it called, or has the data: then its name alone may decide.

Pure, and meant to refuse. The name stands whole in the writer's own words, in one of the ways of mail/callers.toml, in
a short letter that names nobody else, doubts nothing and denies nothing. All else is a person's decision.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from mail.language import is_small
from mail.letter import Letter
from mail.lexicon import plain
from mail.names import everyday_words
from mail.phrases import as_words, load_phrases, load_words
from mail.sections import Sections, split_sections
from mail.text import DEVICE
from storage.naming import normal_name

PHRASES = "callers.toml"
STANDS_FOR = "acme"
"""Stands for the company's name where phrases are looked for."""

MOST_WORDS = 80
"""Words of a letter in which a name may decide: who writes more may tell another story."""

MOST_CHARACTERS = 2_000

TOPIC = 2
"""Words of a subject that only say what it is about."""

_FOOTER = re.compile(r"\|| [-–—•·] |@|www\.|https?:|\n[^\S\n]*[-_=*]{3,}")
"""What stands in signatures and in advertisements, and hardly in a short letter."""

_TOKEN = re.compile(r"[^\W_]+")
_WITHIN = re.compile(r"[ \xa0\n]|['\u2019-]|[ ]?&[ ]?")
_JOINS = frozenset("@&/\\-_+.'\u2019|–—*#%$=~^<>")
_PAUSE = re.compile(r"[.,;:!?)\]\"»”]+(?:\s|$)|\s*$|\s*\n\s*\n|['\u2019]s\s")
_SENTENCE_BEGINS = re.compile(r"(?:^|[.!?:;]\s*|\n\s*)$")
_TITLES = frozenset(
    "que qu la le les l der die das la el il de het a o firma societe entreprise agence company firm".split()
)
_ADDRESSES = frozenset(
    "bonjour bonsoir salut cher chere chers cheres monsieur madame mademoiselle mr mrs ms mme m mlle dr docteur maitre "
    "dear hello hi hey herr frau lieber liebe hallo hola estimado estimados salve gentile beste geachte prezado "
    "famille family familie groupe group gruppe grupo gruppo cabinet agence banque".split()
)


def is_accused(letter: Letter, name: str) -> bool:
    """Whether the letter says of the company of this name, as names are compared, and of no other, that it called."""
    if letter.sender is None or len(letter.text) > MOST_CHARACTERS or STANDS_FOR in plain(letter.text + letter.subject):
        return False
    sections = split_sections(f"{letter.subject or '-'}\n\n{letter.text}", letter.sender_name)
    subject, _, body = sections.written.partition("\n\n")
    words = name.split()
    if _has_more(sections, body.replace(letter.sender, "")) or _is_writers_own(letter, sections.signature, words):
        return False
    told = body if len(_TOKEN.findall(subject)) <= TOPIC else sections.written
    return (
        _stands_whole(body, words)
        and _is_said(body, words)
        and _says_no_more(sections.written, words, letter)
        and _is_harmless(told, words, letter)
    )


def _has_more(sections: Sections, body: str) -> bool:
    """Whether there is something beside a short letter: a quotation, a footer, many words."""
    quoted = DEVICE.sub("", f"\n{sections.quoted}").strip()
    return bool(quoted or _FOOTER.search(body)) or len(_TOKEN.findall(body)) > MOST_WORDS


def _is_writers_own(letter: Letter, signature: str, words: list[str]) -> bool:
    """Whether the writer signs with a word of the name, or writes from an address that has one."""
    telling = [word for word in words if not is_small(word)]
    signed = set(normal_name(f"{letter.sender_name}\n{signature}").split())
    address = normal_name(f"{letter.sender} {letter.reply_to or ''}").replace(" ", "")
    return not signed.isdisjoint(telling) or any(word in address for word in telling)


# --- the name ---


def _tokens(text: str) -> list[re.Match[str]]:
    return list(_TOKEN.finditer(text))


def _places(text: str, words: list[str]) -> Iterator[tuple[int, int]]:
    """Where the name stands in a text: its first and last character, whatever is around it."""
    tokens = _tokens(text)
    spelled = [normal_name(token[0]) for token in tokens]
    for at in range(len(tokens) - len(words) + 1):
        if spelled[at : at + len(words)] == words:
            yield tokens[at].start(), tokens[at + len(words) - 1].end()


def _stands_whole(text: str, words: list[str]) -> bool:
    """Whether the name is there, and each time whole: written large, in its own words, and not part of a longer one."""
    places = list(_places(text, words))
    return bool(places) and all(
        _is_large(text[start:end]) and _is_tight(text[start:end]) and _ends(text, end) and _begins(text, start)
        for start, end in places
    )


def _is_large(name: str) -> bool:
    """Whether the words of a name that tell have a capital."""
    telling = [word for word in _TOKEN.findall(name) if not is_small(plain(word))]
    return bool(telling) and all(word[0].isupper() for word in telling)


def _is_tight(name: str) -> bool:
    return all(_WITHIN.fullmatch(name[one.end() : other.start()]) for one, other in pairwise(_tokens(name)))


def _ends(text: str, end: int) -> bool:
    """Whether a name is over here: a pause follows, or a small word, which begins no name."""
    if _PAUSE.match(text, end):
        return True
    if text[end] in _JOINS:
        return False
    follows = [one[0] for one in islice(_TOKEN.finditer(text, end), 2)]
    if not follows or text[end : text.find(follows[0], end)].strip(" \n\xa0"):
        return False
    if plain(follows[0]) in _AND:
        return len(follows) > 1 and follows[1].islower() and is_small(plain(follows[1]))
    return not follows[0][0].isupper() and _may_follow(plain(follows[0]))


_AND = frozenset("et and und y e en i si ou or oder o of lub sau".split())


def _may_follow(word: str) -> bool:
    """Whether a word begins no further part of a name: it is small, or a verb, or not written in our letters."""
    if word.isascii():
        return is_small(word) or load_phrases(PHRASES)["follows"].fullmatch(word) is not None
    return word.isalpha()


def _begins(text: str, start: int) -> bool:
    """Whether a name begins here: no other name stands before it."""
    if start and text[start - 1] in _JOINS - {"'", "\u2019"}:
        return False
    near = text[max(0, start - 60) : start]
    before = _tokens(near)
    if not before or near[before[-1].end() :].strip(" \xa0'\u2019-\u05be"):
        return True
    word = plain(before[-1][0])
    return word in _TITLES or (not before[-1][0][0].isupper() and word not in _ADDRESSES)


def _with_stand_in(text: str, words: list[str]) -> str:
    for start, end in reversed(list(_places(text, words))):
        text = f"{text[:start]} {STANDS_FOR} {text[end:]}"
    return text


# --- what is said ---


def _is_said(body: str, words: list[str]) -> bool:
    said = _as_said(body, words)
    return any(_said_in(said))


def _as_said(text: str, words: list[str]) -> str:
    return as_words(_PAUSES.sub("; ", _with_stand_in(text, words)))


def _said_in(said: str) -> Iterator[re.Match[str]]:
    """The phrases by which the company is said to have called."""
    phrases = load_phrases(PHRASES)
    yield from phrases["says"].finditer(said)
    yield from (found for found in phrases["calls"].finditer(said) if _is_subject(said[: found.start()]))


def _is_harmless(written: str, words: list[str], letter: Letter) -> bool:
    """Whether there is nothing beside but a plain request, the writer's own name, numbers and address."""
    phrases, of_phrases = load_phrases(PHRASES), load_words(PHRASES, "calls", "says")
    said = _as_said(written.replace(letter.sender or "", " "), words)
    for found in list(_said_in(said)):
        left = (word if of_phrases.fullmatch(word) is None else "" for word in found[0].split())
        said = f"{said[: found.start()]}{' '.join(left):;<{len(found[0])}}{said[found.end() :]}"
    said = phrases["refusals"].sub(" ; ", phrases["asked"].sub(" ; ", said))
    own = {STANDS_FOR, *words, *normal_name(letter.sender_name).split()}
    rest = (word for word in _TOKEN.findall(said) if word not in own and not word.isdecimal())
    return all(phrases["harmless"].fullmatch(word) for word in rest)


def _is_subject(before: str) -> bool:
    """Whether a company of which it is said that it does something does it itself: not somebody "of" it."""
    last = _BREAK.split(before)[-1].split()
    allowed = load_phrases(PHRASES)["before"]
    return not last or any(
        allowed.fullmatch(" ".join(last[-count:])) and not _OF.intersection(last[-count - 1 : -count])
        for count in (1, 2, 3)
    )


_OF = frozenset("de d du des chez par avec pour a au of from by with for to von bei der di da van z od".split())
_ASKS = re.compile(rf"{STANDS_FOR}[^.!;?]*\?")
_PAUSES = re.compile(r",|\n[^\S\n]*\n")
_BREAK = re.compile(r"[.!?;:]")


def _says_no_more(written: str, words: list[str], letter: Letter) -> bool:
    """Whether nothing is doubted or denied, and no name stands there but the company's and the writer's own."""
    phrases, without_name = load_phrases(PHRASES), _with_stand_in(written, words)
    said = as_words(without_name)
    if (
        _ASKS.search(said)
        or phrases["doubts"].search(said)
        or phrases["negations"].search(phrases["refusals"].sub(" ", said))
    ):
        return False
    own = {*words, *normal_name(letter.sender_name).split()}
    return without_name.upper() != without_name and own.issuperset(_other_names(without_name))


def _other_names(text: str) -> Iterator[str]:
    """Words with a capital that no sentence asks for; of its first words only those that everybody says are none."""
    ordinary = load_phrases(PHRASES)["plain_capitals"]
    for token in _tokens(text):
        word = normal_name(token[0])
        if token[0][0].isupper() and not ordinary.fullmatch(word):
            begins = _SENTENCE_BEGINS.search(text, max(0, token.start() - 20), token.start())
            if not begins or not _is_ordinary(word) or _CALLS.match(text, token.end()):
                yield word


def _is_ordinary(word: str) -> bool:
    harmless = load_phrases(PHRASES)["harmless"].fullmatch(word) is not None
    return harmless or is_small(word) or word in everyday_words()


_CALLS = re.compile(
    r"\s(?:[mn]['\u2019]|me |ne |nous |a |appell?e|call|keep|r[ai]ng|phone|text|has |have |hat |ruft |mi |ma )"
)
