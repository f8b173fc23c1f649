"""What a text asks (pure): the phrases of a lexicon (mail/lexicon.toml) and a model that was learned (mail/model.py).

The lexicon knows demands in so many words, however long the letter; the model knows how people write. It says why
("because"), and it is for the customer to judge: a reading is a label, never a decision.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mail.lexicon import Found, find_phrases, plain
from mail.model import ASKS, Model, features_of, load_model
from mail.text import own_words
from storage.types import Kind, Right

READ = 6_000
"""Characters that are read."""

DEMAND = 2
"""Points of the lexicon for a demand of the writer's own: it counts whatever the model says."""

POINTS = 9
"""Points of the lexicon at most for a label."""

FOR_KIND, FOR_RIGHT, DOUBT = 0.5, 0.4, 0.5
"""What a point of the lexicon adds for a kind, for a right, and what the model's word for a right needs besides."""

LIKELY = -1.5
"""A request must ask something: where no right is sure, the likeliest counts from here on."""

FOR_ASKING, FOR_LEAD = 2, 0.4
"""How much the model's word that something is asked weighs, and the lead of the likeliest kind that asks."""

FLAGGED = 2
"""Points of the lexicon that raise a flag."""

SAID = 8
"""Words at most that are given as the reason."""

_ABBREVIATED = {word: re.compile(rf"{word}\.(?<!\w{word}\.)") for word in ("art", "cl")}
_RIGHTS = tuple(right.value for right in Right)
_KINDS = {kind: f"kind:{kind}" for kind in Kind}
_ASKING = (Kind.REQUEST, Kind.FOLLOW_UP)
_OTHER = tuple(kind for kind in Kind if kind not in _ASKING)


@dataclass(frozen=True)
class RightsRead:
    """The kind of a letter, the rights it seems to exercise, flags, and the words that say so."""

    kind: Kind
    rights: tuple[str, ...]
    flags: tuple[str, ...]
    because: tuple[str, ...]


def read_rights(subject: str, text: str, *, model: Model | None = None) -> RightsRead:
    """Read a letter's subject and text, in whatever language. Quotations and signatures are not its writer's words.

    `model` is the one that is shipped, unless another is given.
    """
    model = model or load_model()
    own = own_text(subject, text)
    found = list(find_phrases(_without_dots(own)))
    points = _points(found)
    features = features_of(own, points)
    scores = model.score(features)
    kind = _kind(scores, points)
    rights = _exercised(kind, scores, points)
    flags = _flags(scores, points)
    told = {*rights, *(f"flag:{flag}" for flag in flags), kind.value}
    phrases = [one.words for one in found if one.label in told]
    words = model.because(features, {*rights, f"kind:{kind}"}, most=SAID) if not phrases else []
    return RightsRead(kind, rights, flags, tuple(dict.fromkeys([*phrases, *words]))[:SAID])


def own_text(subject: str, text: str) -> str:
    """What is read of a letter: plain, its writer's own words, the subject first."""
    return plain(f"{subject[:500]}\n. {own_words(text[: 2 * READ])}"[:READ])


def points_in(own: str) -> dict[str, int]:
    """What the lexicon finds in a text, by label."""
    return _points(find_phrases(_without_dots(own)))


def _points(found: Iterable[Found]) -> dict[str, int]:
    """Every phrase counts once."""
    points: dict[str, int] = {}
    for one in found:
        points[one.label] = min(POINTS, points.get(one.label, 0) + one.points)
    return points


def _without_dots(text: str) -> str:
    """ "Art. 15" without the dot that would end a sentence. As "\\b(art|cl)\\." it takes a fifth of all the time."""
    for word, dotted in _ABBREVIATED.items():
        if f"{word}." in text:
            text = dotted.sub(f"{word} ", text)
    return text


def _kind(scores: Mapping[str, float], points: Mapping[str, int]) -> Kind:
    """What most speaks for, among the kinds that ask something or among those that do not."""
    found = dict(points)
    found[Kind.REQUEST] = max([points.get(label, 0) for label in (*_RIGHTS, Kind.REQUEST)])
    total = {kind: scores[label] + FOR_KIND * found.get(kind, 0) for kind, label in _KINDS.items()}
    asking, other = (max(kinds, key=total.__getitem__) for kinds in (_ASKING, _OTHER))
    lead = FOR_ASKING * scores[ASKS] + FOR_LEAD * (total[asking] - total[other])
    return asking if lead > 0 else other


def _exercised(kind: Kind, scores: Mapping[str, float], points: Mapping[str, int]) -> tuple[str, ...]:
    """The rights that a letter of this kind exercises. A request exercises at least the likeliest, unless it is far."""
    if kind not in _ASKING:
        return ()
    total = {right: scores[right] + FOR_RIGHT * points.get(right, 0) for right in _RIGHTS}
    sure = tuple(right for right in _RIGHTS if points.get(right, 0) >= DEMAND or total[right] > DOUBT)
    likeliest = max(_RIGHTS, key=total.__getitem__)
    return (likeliest,) if kind is Kind.REQUEST and not sure and total[likeliest] > LIKELY else sure


def _flags(scores: Mapping[str, float], points: Mapping[str, int]) -> tuple[str, ...]:
    """What either of the two notices."""
    said = {label for label, found in points.items() if found >= FLAGGED}
    said |= {label for label, score in scores.items() if score > 0}
    return tuple(sorted(label.removeprefix("flag:") for label in said if label.startswith("flag:")))
