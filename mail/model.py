"""A small linear model of what letters ask (mail/model.json), learned from the letters in tests/lessons.

It knows words and pairs of words in fourteen languages, and what the lexicon found; each has a weight for each label.
`python -m tests.lessons` learns it anew and says what has changed.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

LONG = 5
"""Letters of the beginning that inflected words have in common."""

LONGEST = 6
"""The length of a letter is known by powers of two, up to this one."""

MOST_POINTS = 4
_SENTENCE_END = re.compile(r"[.!?;\n]+")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Model:
    """`weights`: for each feature, label and weight in turn, in hundredths; `bias`: of each label, as they stand."""

    labels: tuple[str, ...]
    bias: tuple[float, ...]
    weights: Mapping[str, tuple[int, ...]]

    def score(self, features: Collection[str]) -> dict[str, float]:
        """How much speaks for each label: above 0 it is more likely than not."""
        known = [row for one in features if (row := self.weights.get(one)) is not None]
        totals = [0] * len(self.labels)
        for row in known:
            for at in range(0, len(row), 2):
                totals[row[at]] += row[at + 1]
        share = 1 / (100 * math.sqrt(len(known) + 1))
        return {label: self.bias[at] + totals[at] * share for at, label in enumerate(self.labels)}

    def because(self, features: Collection[str], labels: Collection[str], *, most: int) -> list[str]:
        """The words that speak most for any of these labels."""
        wanted = {self.labels.index(label) for label in labels if label in self.labels}
        said = [one for one in features if one[:1].isalnum() and not one.isupper() and not one.endswith("*")]
        weighed = [(self._weight(one, wanted), one) for one in said]
        return [one for weight, one in sorted(weighed, reverse=True)[:most] if weight > 0]

    def _weight(self, feature: str, wanted: Collection[int]) -> int:
        row = self.weights.get(feature, ())
        return sum(row[at + 1] for at in range(0, len(row), 2) if row[at] in wanted)


@cache
def load_model() -> Model:
    """The model that is shipped."""
    read = json.loads((resources.files("mail") / "model.json").read_text(encoding="utf-8"))
    return Model(
        tuple(read["labels"]), tuple(read["bias"]), {name: tuple(row) for name, row in read["weights"].items()}
    )


def features_of(plain_text: str, points: Mapping[str, int]) -> set[str]:
    """What the model looks at in a plain text in which the lexicon found so many `points` for each label."""
    found, words = set(_levels(points)), 0
    for sentence in _SENTENCE_END.split(plain_text):
        said = ["NUM" if word.isdigit() else word for word in _WORD.findall(sentence)]
        words += len(said)
        found.update(said)
        found.update(_pairs(said))
        found.update(f"{word[:LONG]}*" for word in said if len(word) > LONG + 1)
    found.add(f"LEN{min(LONGEST, int(math.log2(words + 1)))}")
    return found


def _levels(points: Mapping[str, int]) -> Iterator[str]:
    for label, most in points.items():
        yield from (f"LEX:{label}>={level}" for level in range(1, min(most, MOST_POINTS) + 1))


def _pairs(words: list[str]) -> Iterator[str]:
    return (f"{first} {second}" for first, second in pairwise(words))
