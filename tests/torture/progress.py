"""How far it is: a bar in a terminal, a line now and then elsewhere."""

import sys
import time

WIDTH = 30
EVERY = 15.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Shows how many of something are done, beside a sentence."""

    def __init__(self, total: int) -> None:
        self._total, self._bar, self._next = max(total, 1), sys.stdout.isatty(), 0.0

    def show(self, sentence: str, done: int) -> None:
        if self._bar:
            filled = WIDTH * min(done, self._total) // self._total
            sys.stdout.write(f"\r\033[K[{'#' * filled}{'.' * (WIDTH - filled)}] {sentence}")
            sys.stdout.flush()
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self._say(sentence)

    def end(self) -> None:
        if self._bar:
            self._say("")

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
