"""What a customer means who replies to a forward. Doubt is OTHER, and a person reads it: pure and bounded.

Only the words above the quotation count, and of the subject only what is not our own. A sentence says one thing; a
reply that says two different things is in doubt.
"""

import re
from collections.abc import Iterator

from mail.letter import Letter
from mail.phrases import as_words, load_phrases, says_only
from mail.sections import split_sections
from mail.text import words_above_quotation
from storage.types import Said

READ = 4_000
"""Characters of a reply that are read."""

SHORT = 240
"""Characters of a reply that may be no more than a receipt."""

_AUTOMATIC = {"auto-submitted", "auto-reply", "null-sender"}
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"([^.!?;]+)([.!?;]*)")
_REPLYING = re.compile(r"^\s*(?:re|rép|rep|aw|antw|sv|r)\s?:", re.IGNORECASE)


def read_reply(letter: Letter) -> Said:
    """What is meant. An automatic answer counts as nothing, unless it says that nobody reads the address any more."""
    subject, text = as_words(letter.subject), words_above_quotation(letter.text[:READ])
    sentences = list(_sentences(letter.subject, text))
    signs = {sign for words, ending in sentences for sign in _signs(words, ending)}
    if _is_away(letter, subject, signs) and "not_ours" not in signs:
        return Said.OTHER if "gone" in signs else Said.OUT_OF_OFFICE
    return _weigh(signs, short=len(text) <= SHORT)


def read_deletion(letter: Letter) -> Said:
    """What a customer answers who was asked to delete what was not meant for it: done, or something to read."""
    written = split_sections(words_above_quotation(letter.text[:READ]), letter.sender_name).written
    said = as_words(written)
    if _is_away(letter, as_words(letter.subject), set(_signs(said, ""))):
        return Said.OUT_OF_OFFICE
    done = load_phrases("replies.toml")["deleted"].search(said)
    return Said.RECEIVED if done and says_only(said, "replies.toml", "deleted", "beside_deleted") else Said.OTHER


def _weigh(signs: set[str], *, short: bool) -> Said:
    """What the signs come to: a wrong recipient before all else, then what asks us for something."""
    if "not_ours" in signs:
        return Said.OTHER if signs & {"ours", "doubt"} else Said.NOT_OURS
    meant = signs & {Said.HELP, Said.INSTRUCTION, Said.ANSWER}
    if len(meant) > 1 or signs & {"must_not", "gone", "not_received"}:
        return Said.OTHER
    if meant:
        return Said(meant.pop())
    if "question" in signs:
        return Said.OTHER if "doubt" in signs else Said.HELP
    return Said.RECEIVED if "received" in signs and short and "doubt" not in signs else Said.OTHER


def _is_away(letter: Letter, subject: str, signs: set[str]) -> bool:
    """Whether nobody wrote this now: by its headers, its subject, or words that say nothing but that."""
    if letter.automatic in _AUTOMATIC or load_phrases("replies.toml")["away_subject"].search(subject):
        return True
    return "away" in signs and not signs & {Said.HELP, Said.INSTRUCTION, Said.ANSWER, Said.RECEIVED}


def _sentences(subject: str, text: str) -> Iterator[tuple[str, str]]:
    """The sentences as words, with what ends them; our own forward and what lawyers add below are left out."""
    phrases = load_phrases("replies.toml")
    title = as_words(_REPLYING.sub("", subject))
    is_ours = phrases["our_forward"].search(title) or _REPLYING.match(subject)
    is_told = phrases["not_ours"].search(title) and not phrases["our_deletion"].search(title)
    if not is_ours or is_told:
        yield title, ""
    said = as_words(_PARAGRAPH.sub(". ", text))
    quoted = phrases["our_forward"].search(said)
    for sentence in _SENTENCE.finditer(said[: quoted.start()] if quoted else said):
        if not phrases["disclaimer"].search(sentence[1]):
            yield sentence[1].strip(" :"), sentence[2]


def _signs(words: str, ending: str) -> Iterator[str]:
    """What a sentence says. One that asks says nothing else: `comment supprimer ?` is no order to erase."""
    phrases = load_phrases("replies.toml")
    found = [
        name for name in ("ours", "doubt", "must_not", "not_received", "away", "gone") if phrases[name].search(words)
    ]
    yield from found
    asks = "?" in ending
    if phrases["help"].search(words):
        yield Said.HELP
    elif phrases["asks_to_act"].search(words) and "must_not" not in found:
        yield Said.INSTRUCTION
    elif asks:
        yield from ["question", *(["doubt"] if phrases["not_ours"].search(words) else [])]
    elif meant := _statement(words, found):
        yield meant


def _statement(words: str, found: list[str]) -> str | None:
    lists = ("not_ours", "instruction", "answer", "received")
    said = next((name for name in lists if load_phrases("replies.toml")[name].search(words)), None)
    return None if said in {"instruction", "received"} and {"must_not", "not_received"} & set(found) else said
