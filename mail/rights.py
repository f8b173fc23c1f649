"""What a text asks (pure): a first reading by a lexicon of phrases, each with its weight (mail/lexicon.toml).

It says why ("because"), and it is for the customer to judge: a reading is a label, never a decision.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mail.lexicon import Found, find_phrases, plain
from mail.text import own_words
from storage.types import Kind, Right

ENOUGH = 2
READ = 6_000
"""Characters that are read."""

SHORT = 6
"""In a letter of no more words, one that only supports is enough: "Stop"."""

_ABBREVIATED = {word: re.compile(rf"{word}\.(?<!\w{word}\.)") for word in ("art", "cl")}
_QUIET = frozenset({Kind.AUTHORITY.value, Kind.CONTROLLER.value, Kind.NOT_REQUEST.value})


@dataclass(frozen=True)
class RightsRead:
    """The kind of a letter, the rights it seems to exercise, flags, and the words that say so."""

    kind: Kind
    rights: tuple[str, ...]
    flags: tuple[str, ...]
    because: tuple[str, ...]


def read_rights(subject: str, text: str) -> RightsRead:
    """Read a letter's subject and text, in whatever language. Quotations and signatures are not its writer's words."""
    own = plain(f"{subject[:500]}\n. {own_words(text[: 2 * READ])}"[:READ])
    found = list(find_phrases(_without_dots(own)))
    scores = _scores(found, enough=ENOUGH if own.count(" ") > SHORT else 1)
    kind = _kind(scores)
    rights = () if kind in _QUIET else tuple(right.value for right in Right if right in scores)
    flags = tuple(sorted(label.removeprefix("flag:") for label in scores if label.startswith("flag:")))
    told = {*rights, *(f"flag:{flag}" for flag in flags), kind.value}
    return RightsRead(kind, rights, flags, tuple(dict.fromkeys(one.words for one in found if one.label in told))[:8])


def _without_dots(text: str) -> str:
    """ "Art. 15" without the dot that would end a sentence. As "\\b(art|cl)\\." it takes a fifth of all the time."""
    for word, dotted in _ABBREVIATED.items():
        if f"{word}." in text:
            text = dotted.sub(f"{word} ", text)
    return text


def _kind(scores: Mapping[str, int]) -> Kind:
    """A letter of an authority or a customer is that, whatever rights it names; else what weighs most."""
    asked = max((scores.get(right, 0) for right in Right), default=0)
    asked = max(asked, scores.get(Kind.REQUEST, 0))
    if scores.get(Kind.NOT_REQUEST, 0) > asked:
        found = [Kind.AUTHORITY, Kind.CONTROLLER, Kind.NOT_REQUEST]
    else:
        found = [Kind.AUTHORITY, Kind.CONTROLLER, Kind.FOLLOW_UP]
    return next((kind for kind in found if kind in scores), Kind.REQUEST if asked else Kind.NOT_REQUEST)


def _scores(found: list[Found], *, enough: int) -> dict[str, int]:
    """The points of each label that has enough of them: every phrase counts once."""
    scores: dict[str, int] = {}
    for one in found:
        scores[one.label] = scores.get(one.label, 0) + one.points
    return {label: points for label, points in scores.items() if points >= enough}
