"""One life of a `mail` process: started with an appointed death, ended by it, or killed at a random instant."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dying import NOWHERE, POINTS
from tests.servers import STEP, wait_until

ROOT = Path(__file__).parent.parent.parent
RANDOM, AT_START, LATE = "a random instant", "a random instant of the start", "its point not reached"
WINDOW = "mail:final-dot"
"""Between our final dot and their 250: nobody knows whether it was accepted."""

STARTED = {"mail": b"mail-started", "bot": b"bot started"}
"""What they log once they are at work."""
STARTING = 60.0
"""Seconds a start may take on a busy machine."""

LONGEST = 6.0
"""Seconds a started process lives when its appointed death does not come."""

NAMED = tuple(point for point in POINTS if point.partition(":")[0] in {"mail", "commit", "wire", "receipt"})


@dataclass(frozen=True)
class Doom:
    """How a life is to end: at the k-th passage of a point, or so many seconds after it began."""

    point: str
    times: int = 1
    seconds: float = LONGEST
    package: str = "mail"

    @property
    def command(self) -> list[str]:
        named = f"{self.point}@{self.times}" if self.point in POINTS else NOWHERE
        return [sys.executable, "-m", "tests.dying", named, self.package]


UNHARMED = Doom(NOWHERE)


@dataclass(frozen=True)
class Death:
    """A process that died; `where` is a point, or how else it was killed."""

    pid: int
    where: str


class UnexpectedEnd(Exception):
    """A process ended by itself: it did not survive what it met."""


def choose_doom(chance: random.Random, points: Sequence[str] = ()) -> Doom:
    """A third at random instants, one in seven in the undecidable window, the others around commits and the wire;
    where `points` are given, at one of these."""
    if points:
        return Doom(chance.choice(points))
    kind = chance.random()
    if kind < 0.05:
        return Doom(AT_START, seconds=chance.uniform(0.1, 1.2))
    if kind < 0.33:
        return Doom(RANDOM, seconds=chance.uniform(0.0, 2.0))
    if kind < 0.48:
        return Doom(WINDOW, chance.randint(1, 2))
    point = chance.choice(NAMED)
    return Doom(point, chance.randint(1, 12 if point.startswith("commit:") else 2))


@contextmanager
def living(doom: Doom, environ: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, at work until the end of the block at the latest; what it says is appended to `log`."""
    everything = {**os.environ, **environ, **_with_bytecode(log.parent)}
    with log.open("ab") as errors:
        process = subprocess.Popen(doom.command, env=everything, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=errors)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _with_bytecode(folder: Path) -> dict[str, str]:
    """Where Python writes no bytecode every start compiles all it imports, 4 s: write it into a folder of ours."""
    wanted = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    return wanted if sys.dont_write_bytecode else {}


def see_it_die(process: "subprocess.Popen[bytes]", doom: Doom, log: Path, meanwhile: Callable[[], None]) -> Death:
    """Wait for the appointed death, doing `meanwhile` every few milliseconds. Raises UnexpectedEnd."""
    if doom.point != AT_START:
        wait_for_start(process, log, doom.package)
    until = time.monotonic() + doom.seconds
    while process.poll() is None and time.monotonic() < until:
        meanwhile()
        time.sleep(STEP)
    return _end(process, doom)


def wait_for_start(process: "subprocess.Popen[bytes]", log: Path, package: str = "mail") -> None:
    """Until it is at work, or dead."""
    seen, started = log.stat().st_size, STARTED[package]
    at_work = f"the start of {package}"
    wait_until(lambda: process.poll() is not None or started in _said(log, seen), at_work, STARTING)


def _said(log: Path, start: int) -> bytes:
    with log.open("rb") as said:
        said.seek(start)
        return said.read()


def _end(process: "subprocess.Popen[bytes]", doom: Doom) -> Death:
    by_itself = process.poll() is not None
    process.kill()
    code = process.wait()
    if code != -signal.SIGKILL:
        raise UnexpectedEnd(f"{doom.package} ended by itself with {code} before {doom.point}.")
    if doom.point in POINTS and not by_itself:
        return Death(process.pid, LATE)
    return Death(process.pid, doom.point)
