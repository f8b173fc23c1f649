"""`python -m tests.lessons`: learn mail/model.json anew from tests/lessons, and say how well and what has changed."""

import random
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import mail.model
from mail.model import Model
from mail.rights import RightsRead, read_rights
from storage.types import Right
from tests.lessons import Lesson, read_lessons
from tests.lessons.learning import learn, write

FILE = Path(mail.model.__file__).with_name("model.json")
FOLDS = 5
SHOWN = 20
"""Letters at most that are shown of those now read otherwise."""

Reading = tuple[Lesson, RightsRead]


def main() -> None:
    lessons = read_lessons()
    before = read_all(lessons) if FILE.exists() else []
    sys.stdout.write(f"{len(lessons)} letters.\n")
    with ProcessPoolExecutor() as pool:
        unseen = [one for fold in pool.map(read_unseen, range(FOLDS)) for one in fold]
    for language in (None, "fr", "en"):
        some = [one for one in unseen if language in {None, one[0].language}]
        sys.stdout.write(f"Not seen while learning{f', {language}' if language else ''}: {describe(some)}\n")
    taught = learn(lessons)
    FILE.write_text(write(taught), encoding="utf-8")
    after = read_all(lessons, taught)
    sys.stdout.write(f"Seen: {describe(after)}\n")
    changed = [new for old, new in zip(before, after, strict=False) if _labels(old[1]) != _labels(new[1])]
    sys.stdout.write(f"{len(changed)} are read otherwise now.\n")
    for lesson, read in changed[:SHOWN]:
        sys.stdout.write(
            f"  {lesson.language} {lesson.subject[:40]!r}: {read.kind}, {', '.join(read.rights) or 'no right'}\n"
        )


def read_all(lessons: Sequence[Lesson], model: Model | None = None) -> list[Reading]:
    return [(lesson, read_rights(lesson.subject, lesson.body, model=model)) for lesson in lessons]


def read_unseen(fold: int) -> list[Reading]:
    """A fifth of the letters, read by a model that learned from the others."""
    lessons = read_lessons()
    random.Random(3).shuffle(lessons)  # noqa: S311 - the order of lessons is no secret
    apart = lessons[fold::FOLDS]
    taught = learn([lesson for number, lesson in enumerate(lessons) if number % FOLDS != fold])
    return read_all(apart, taught)


def _labels(read: RightsRead) -> tuple[object, ...]:
    return read.kind, read.rights, read.flags


def describe(read: Sequence[Reading]) -> str:
    """Macro-F1 over the rights, and how many are rightly taken for a request or not."""
    f1 = [_f1(right.value, read) for right in Right]
    asks = sum(lesson.asks == (found.kind in {"request", "follow_up"}) for lesson, found in read)
    kinds = sum(lesson.kind == found.kind for lesson, found in read)
    return (
        f"macro-F1 {sum(f1) / len(f1):.3f}, request or not {asks / len(read):.3f}, kind {kinds / len(read):.3f} "
        f"({len(read)} letters)"
    )


def _f1(right: str, read: Iterable[Reading]) -> float:
    hits = misses = alarms = 0
    for lesson, found in read:
        hits += right in lesson.rights and right in found.rights
        misses += right in lesson.rights and right not in found.rights
        alarms += right in found.rights and right not in lesson.rights | lesson.also_ok
    return 2 * hits / (2 * hits + misses + alarms) if hits else 0.0


if __name__ == "__main__":
    main()
