"""Showing how far a long pass has come: a bar at a terminal, else exactly one line at the end."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class Counting:
    """How many are done, of how many; both may be changed from any thread while the bar is shown."""

    def __init__(self, total: int | None) -> None:
        self._lock = Lock()
        self._done, self._total = 0, total
        self._bar: Progress | None = None

    @property
    def done(self) -> int:
        return self._done

    @property
    def total(self) -> int | None:
        """None while it is not known."""
        return self._total

    @total.setter
    def total(self, total: int | None) -> None:
        with self._lock:
            self._total = total
            self._show()

    def advance(self, number: int = 1) -> None:
        """So many more are done."""
        with self._lock:
            self._done += number
            self._show()

    def _show(self) -> None:
        if self._bar is not None:
            for task in self._bar.task_ids:
                self._bar.update(task, completed=self._done, total=self._total)

    def show_on(self, bar: "Progress") -> None:
        with self._lock:
            self._bar = bar
            self._show()


@contextmanager
def progress(total: int | None, what: str) -> Iterator[Counting]:
    """Count something at the person's terminal (stderr): `what` is a plural, such as "mails compared".

    Without a terminal one line is written at the end, also when the pass is broken off.
    """
    counting, began = Counting(total), time.monotonic()
    if sys.stderr.isatty():
        with _bar(what) as bar:
            counting.show_on(bar)
            yield counting
        return
    try:
        yield counting
    finally:
        of = "" if counting.total in (None, counting.done) else f" of {counting.total}"
        print(f"{counting.done}{of} {what} in {time.monotonic() - began:.1f} s.", file=sys.stderr, flush=True)  # noqa: T201 - a command speaks to the person who typed it


@contextmanager
def _bar(what: str) -> Iterator["Progress"]:
    from rich.console import Console  # noqa: PLC0415 - slow, and only for a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        bar.add_task(what, total=None)
        yield bar
