"""Learning the model of mail/model.py: a logistic regression for each label, by stochastic gradients (AdaGrad)."""

import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mail.model import ASKS, Model, features_of, pack, unpack
from mail.rights import own_text, points_in
from storage.types import Kind, Right
from tests.lessons import FLAGS, Lesson

RIGHTS = tuple(right.value for right in Right)
KINDS = tuple(kind.value for kind in Kind)
LABELS = (*RIGHTS, *(f"kind:{kind}" for kind in KINDS), *(f"flag:{flag}" for flag in FLAGS), ASKS)
EPOCHS = 15
RATE = 0.25
SHRINK = 2e-5
"""By how much a weight shrinks at each step: most features should have little to say."""

SEEN, PIECE_SEEN = 2, 4
"""Letters in which a feature must stand to be learned, and a piece of a word."""

KEPT = 80
"""Hundredths below which a weight is not worth keeping."""


@dataclass
class _Line:
    """The weights of one label while they are learned, and the squares of their gradients."""

    size: int
    bias: float = -1.0
    bias_squares: float = 1e-8
    weights: list[float] = field(init=False)
    squares: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.weights, self.squares = [0.0] * self.size, [1e-8] * self.size

    def step(self, known: Sequence[int], wanted: int, share: float) -> None:
        """Move towards the right answer for one letter."""
        weights, squares = self.weights, self.squares
        total = self.bias + share * sum([weights[at] for at in known])
        wrong = 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))) - wanted
        if abs(wrong) < 0.01:
            return
        self.bias_squares += wrong * wrong
        self.bias -= RATE * wrong / math.sqrt(self.bias_squares)
        slope = wrong * share
        for at in known:
            squares[at] += slope * slope
            moved = weights[at] - RATE * slope / math.sqrt(squares[at])
            weights[at] = moved - SHRINK if moved > SHRINK else moved + SHRINK if moved < -SHRINK else 0.0


def learn(lessons: Sequence[Lesson], *, seed: int = 1, labels: tuple[str, ...] = LABELS) -> Model:
    """The model that these letters teach; the same for the same letters, and each label for itself."""
    found = [look_at(lesson) for lesson in lessons]
    counts = Counter(feature for features in found for feature in features)
    ids = {name: at for at, name in enumerate(sorted(name for name, seen in counts.items() if seen >= _enough(name)))}
    known = [sorted(ids[feature] for feature in features if feature in ids) for features in found]
    wanted = [list(_answers(lesson, labels)) for lesson in lessons]
    lines = [_Line(len(ids)) for _ in labels]
    order, chance = list(range(len(lessons))), random.Random(seed)  # noqa: S311 - the order of lessons is no secret
    for _ in range(EPOCHS):
        chance.shuffle(order)
        for number in order:
            share = 1 / math.sqrt(len(known[number]) + 1)
            for label, answer in wanted[number]:
                lines[label].step(known[number], answer, share)
    weights = {
        name: packed for name, at in ids.items() if (packed := pack(_row(_kept(line.weights[at]) for line in lines)))
    }
    return Model(labels, tuple(round(line.bias, 3) for line in lines), weights)


def _enough(name: str) -> int:
    return PIECE_SEEN if name.startswith("#") else SEEN


def look_at(lesson: Lesson) -> set[str]:
    """The features of a letter."""
    own = own_text(lesson.subject, lesson.body)
    return features_of(own, points_in(own))


def write(model: Model) -> str:
    """The model as its file holds it: a feature a line, so that a change can be read."""
    rows = ((name, _row(unpack(packed, len(model.labels)))) for name, packed in sorted(model.weights.items()))
    lines = ",\n".join(f"{_json(name)}:{_json(row)}" for name, row in rows)
    head = f'"labels":{_json(model.labels)},\n"bias":{_json(model.bias)}'
    return f'{{{head},\n"weights":{{\n{lines}\n}}}}\n'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _answers(lesson: Lesson, labels: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Each label that the lesson has an opinion about."""
    said = {*lesson.rights, f"kind:{lesson.kind}", *(f"flag:{flag}" for flag in lesson.flags)}
    said |= {ASKS} if lesson.asks else set()
    for at, label in enumerate(labels):
        if label not in lesson.also_ok:
            yield at, int(label in said)


def _kept(weight: float) -> int:
    """A weight in hundredths, if it is worth keeping."""
    hundredths = round(weight * 100)
    return hundredths if abs(hundredths) >= KEPT else 0


def _row(weights: Iterable[int]) -> list[int]:
    """Label and weight in turn."""
    return [one for labelled in enumerate(weights) if labelled[1] for one in labelled]
