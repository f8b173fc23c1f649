"""`python -m tests.measure budget FOLDER`: the whole budget of speed, by the project's benchmark in that folder.

Runs `python -m bench` side by side with what it compares us to, and prints a table: measured, wanted, kept or missed.
Ratios within one run are worth something, on a machine that does nothing else; nothing here passes or fails.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.storage_support import ROOT

IDLE_HELD = 500.0
"""Milliseconds for which Dovecot holds back what it tells a waiting client."""

BIG = 40
"""Megabytes of the large mail."""

Result = Mapping[str, Any]


class Row(NamedTuple):
    """A line of the budget. `most`: whether `wanted` is the most that is allowed, or the least."""

    what: str
    measured: float
    wanted: float
    unit: str
    most: bool = True

    def __str__(self) -> str:
        kept = self.measured <= self.wanted if self.most else self.measured >= self.wanted
        sign, verdict = "≤" if self.most else "≥", "kept" if kept else "missed"
        return f"| {self.what} | {self.measured:.3g} {self.unit} | {sign} {self.wanted:g} {self.unit} | {verdict} |"


def main(folder: Path) -> None:
    """Print the table, line by line as it is measured: about five minutes."""
    sys.stdout.write("| | measured | wanted | |\n|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as cache:
        Path(cache).chmod(0o755)  # Dovecot's own users look in
        for line in measured(Bench(folder, Path(cache))):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


class Bench:
    """The benchmark. `largest`: megabytes of each process of ours, when mails last came one by one."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder, self._cache = folder, cache
        self.largest: dict[str, float] = {}

    def run(self, what: str, mix: str, number: int, *options: str, beside: tuple[str, ...] = ()) -> dict[str, Result]:
        """The results by system, ours as "desk"."""
        systems = [part for name in ("desk", *beside) for part in ("--sut", name)]
        command = [sys.executable, "-m", "bench", what, "--mix", mix, "-n", str(number), "--runs", "1", *systems]
        ours = {"PROJECT": str(ROOT), "PROJECT_PYTHON": sys.executable, "BENCH_CACHE": str(self._cache)}
        out = ["--out", str(self._cache / "results.jsonl"), *options]
        env = {**os.environ, **ours}
        done = subprocess.run([*command, *out], cwd=self._folder, env=env, check=True, stdout=subprocess.PIPE)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        return {line["system"]: line for line in lines}

    def arriving(self, mix: str, number: int) -> Result:
        """Mails that come one by one to ours, which waits for them; those that name no customer go nowhere."""
        with watching_memory(self.largest):
            return self.run("latency", mix, number, "--timeout", "10")["desk"]


@contextmanager
def watching_memory(largest: dict[str, float]) -> Iterator[None]:
    """Note what each process of ours takes at most, in megabytes of resident memory, until the end."""
    largest.clear()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.25):
            for process in psutil.Process().children(recursive=True):
                note_memory(process, largest)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def note_memory(process: psutil.Process, largest: dict[str, float]) -> None:
    """Of `mail` and its reader; a process that has ended meanwhile had been looked at before."""
    try:
        command, memory = process.cmdline(), process.memory_info().rss / 2**20
    except psutil.Error:
        return
    for module in {"mail", "mail.reader"} & set(command[2:3]):
        largest[module] = max(memory, largest.get(module, 0))


def measured(bench: Bench) -> Iterator[str]:
    """The lines of the table."""
    yield from map(str, plain_mails(bench.run("drain", "plain", 5000, beside=("raw-commit2", "fetchmail"))))
    mixed = bench.run("drain", "real", 1000, beside=("raw-batch",))
    yield str(Row("1,000 mixed mails", ratio(mixed, "steady_msg_s", "raw-batch"), 1.0, "x raw-batch", most=False))
    slow = bench.run("drain", "plain", 600, "--delay-ms", "50")["desk"]
    yield str(Row("through a relay of 50 ms", slow["steady_msg_s"], 150, "mails/s", most=False))
    failing = bench.run("drain", "plain", 500, "--fail-every", "7")["desk"]
    yield correctness("a relay that answers 451 to every 7th of 500", failing)
    yield from map(str, single_mails(bench))
    for name in ("mail", "bot", "storage"):
        yield str(Row(f"`python -m {name} --help`", help_seconds(name), 0.5, "s"))


def plain_mails(results: Mapping[str, Result]) -> Iterator[Row | str]:
    """A backlog of plain mails: its pace, what it costs, how soon it began, and whether each went where it must."""
    for other, wanted in (("raw-commit2", 0.6), ("fetchmail", 1.2)):
        yield Row("5,000 plain mails", ratio(results, "steady_msg_s", other), wanted, f"x {other}", most=False)
    yield Row("CPU a plain mail", ratio(results, "cpu_ms_msg", "raw-commit2"), 3, "x raw-commit2")
    yield Row("start to first forward", results["desk"]["startup_s"], 1.5, "s")
    yield correctness("of the 5,000", results["desk"])


def single_mails(bench: Bench) -> Iterator[Row]:
    """Mails that come one by one to a process that waits for them: small ones, then large ones."""
    alone = bench.arriving("plain", 60)
    yield Row("own time from notice to acceptance, median", alone["p50"] - IDLE_HELD, 20, "ms")
    yield Row("the same, p99", alone["p99"] - IDLE_HELD, 100, "ms")
    before = dict(bench.largest)
    for name, memory in before.items():
        yield Row(f"memory of `{name}` among 50,000 customers", memory, 96, "MB")
    large = bench.arriving("big", 3)
    yield Row(f"a mail of {BIG} MB, to acceptance", (large["p50"] - IDLE_HELD) / 1000, 1.2, "s")
    yield Row(f"memory that a mail of {BIG} MB adds", bench.largest["mail"] - before["mail"], 24, "MB")


def ratio(results: Mapping[str, Result], figure: str, other: str) -> float:
    """How many times that of the other system."""
    return float(results["desk"][figure]) / float(results[other][figure])


def correctness(what: str, ours: Result) -> str:
    """How many went to the right customer, to a wrong one, twice, or wait for a person."""
    counts = ", ".join(f"{ours[name]} {name}" for name in ("right", "undecided", "wrong", "twice"))
    kept = ours["right"] + ours["undecided"] == ours["n"] and not ours["wrong"] + ours["twice"]
    return f"| {what} | {counts} | none lost, wrong or twice | {'kept' if kept else 'missed'} |"


def help_seconds(module: str) -> float:
    """The quickest of three: the first one reads the files."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return min(took)
