"""Letters written to teach the reading of letters: what each asks, of what kind it is, what else it tells.

`python -m tests.lessons` learns mail/model.json from them; add a line where a letter was misread, and run it again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
FLAGS = ("possible_breach", "press", "misrouted", "deadline", "minor", "agent", "own")


@dataclass(frozen=True)
class Lesson:
    """A letter and its right reading; `also_ok` are rights that may be read in it or not."""

    language: str
    subject: str
    body: str
    kind: str
    rights: frozenset[str]
    also_ok: frozenset[str]
    flags: frozenset[str]

    @property
    def asks(self) -> bool:
        """Whether it is a request, or a further letter about one."""
        return self.kind in {"request", "follow_up"}


def read_lessons() -> list[Lesson]:
    """All of them, by file."""
    return [lesson for path in sorted(FOLDER.glob("*.jsonl")) for lesson in read_file(path)]


def read_file(path: Path) -> Iterator[Lesson]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Lesson(
            row["lang"],
            row["subject"],
            row["body"],
            row["kind"],
            frozenset(row["rights"]),
            frozenset(row.get("also_ok", ())),
            frozenset(row.get("flags", ())),
        )
