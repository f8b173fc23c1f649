"""A small linear model of what letters ask (mail/model.json), learned from the letters in tests/lessons.

It knows words, pairs and pieces of words in fourteen languages, and what the lexicon found; each has a weight for each
label. Pieces of words bear misspelling and inflection; they are never given as a reason.
`python -m tests.lessons` learns it anew and says what has changed.
"""

import json
import math
import re
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import pairwise

from mail.latin import Table

ASKS = "asks"
"""The label of what is a request, or a further letter about one."""

LONG = 5
"""Letters of the beginning that inflected words have in common."""

PIECE, WORD = 4, 20
"""Letters of a piece of a word; and of a word that are looked at for them."""

LONGEST = 6
"""The length of a letter is known by powers of two, up to this one."""

MOST_POINTS = 4
_BITS = 32
_WEIGHT = (1 << _BITS) - 1
_ZERO = 1 << _BITS - 1
"""What is added to a sum of weights lest it be negative; no letter has features enough to reach it."""

_SENTENCE_END = re.compile(r"[.!?;\n]+")
_END = "."
_BESIDE_WORDS = re.compile(r"[^\w.]|_")


@dataclass(frozen=True)
class Model:
    """`weights`: those of each feature for all labels, in hundredths, in one number (see `pack`); `bias`: as it is."""

    labels: tuple[str, ...]
    bias: tuple[float, ...]
    weights: Mapping[str, int]

    def score(self, features: Iterable[str]) -> dict[str, float]:
        """How much speaks for each label: above 0 it is more likely than not."""
        known = [packed for packed in map(self.weights.get, features) if packed is not None]
        totals, share = unpack(sum(known), len(self.labels)), 1 / (100 * math.sqrt(len(known) + 1))
        return {label: self.bias[at] + totals[at] * share for at, label in enumerate(self.labels)}

    def because(self, features: Iterable[str], labels: Collection[str], *, most: int) -> list[str]:
        """The words that speak most for any of these labels."""
        wanted = [_BITS * at for at, label in enumerate(self.labels) if label in labels]
        said = [one for one in features if one[:1].isalnum() and not one.isupper() and not one.endswith("*")]
        above_zero, zero = _zero(len(self.labels)), _ZERO * len(wanted)
        rows = [(packed + above_zero, one) for one in said if (packed := self.weights.get(one))]
        weighed = [(sum([row >> at & _WEIGHT for at in wanted]) - zero, one) for row, one in rows]
        return [one for weight, one in sorted(weighed, reverse=True)[:most] if weight > 0]


def pack(row: Sequence[int]) -> int:
    """A row of labels, each with its weight, in one number: who adds up numbers adds up the weights of each label."""
    return sum([weight << _BITS * label for label, weight in zip(row[::2], row[1::2], strict=True)])


def unpack(packed: int, labels: int) -> tuple[int, ...]:
    """The weights in a number for so many labels, or the sums of weights."""
    above_zero = packed + _zero(labels)
    return tuple(weight - _ZERO for weight in struct.unpack(f"<{labels}I", above_zero.to_bytes(4 * labels, "little")))


@cache
def _zero(labels: int) -> int:
    return sum(_ZERO << _BITS * label for label in range(labels))


@cache
def load_model() -> Model:
    """The model that is shipped."""
    read = json.loads((resources.files("mail") / "model.json").read_text(encoding="utf-8"))
    return Model(tuple(read["labels"]), tuple(read["bias"]), {name: pack(row) for name, row in read["weights"].items()})


def features_of(plain_text: str, points: Mapping[str, int]) -> set[str]:
    """What the model looks at in a plain text in which the lexicon found so many `points` for each label."""
    said = ["NUM" if word.isdigit() else word for word in _words(plain_text)]
    pairs, words = set(pairwise(said)), set(said)
    words.discard(_END)
    length = int(math.log2(len(said) - said.count(_END) + 1))
    found = {*words, *_levels(points), f"LEN{min(LONGEST, length)}"}
    found.update(*map(_parts, {word[:WORD] for word in words}))
    found.update([f"{first} {second}" for first, second in pairs if first != _END != second])
    return found


@lru_cache(maxsize=4096)
def _parts(word: str) -> tuple[str, ...]:
    """ "effac*", "#_eff", "#effa" … of "effacez": what stays when a word is misspelt or inflected."""
    edged, inflected = f"_{word}_", [f"{word[:LONG]}*"] if len(word) > LONG + 1 else []
    return (*inflected, *[f"#{edged[at : at + PIECE]}" for at in range(len(edged) - PIECE + 1)])


def _words(plain_text: str) -> list[str]:
    """The words of a text, and in their order the ends of its sentences."""
    changed = _words_table().apply(plain_text)
    return (_only_words(plain_text) if changed is None else changed).replace(_END, f" {_END} ").split()


def _only_words(text: str) -> str:
    """Nothing but letters and digits, ends of sentences, and spaces."""
    return _BESIDE_WORDS.sub(" ", _SENTENCE_END.sub(_END, text))


@cache
def _words_table() -> Table:
    return Table(_only_words)


def _levels(points: Mapping[str, int]) -> Iterator[str]:
    for label, most in points.items():
        yield from (f"LEX:{label}>={level}" for level in range(1, min(most, MOST_POINTS) + 1))
