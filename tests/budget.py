"""`python -m tests.measure budget FOLDER`: the budget of speed, by the project's benchmark in that folder.

Runs `python -m bench` side by side with what it compares us to, and prints a table: measured, wanted, kept or missed.
Ratios within one run are worth something, on a machine that does nothing else; nothing here passes or fails.
It needs what the benchmark needs: Dovecot, gcc, fetchmail.
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

ALONE, ALONE_LARGE = "1.2,2.0", "4,5"
"""Seconds between mails, at least and at most: each finds the one before sent, and Dovecot holding nothing back."""

BIG = 40
"""Megabytes of the large mail."""

Result = Mapping[str, Any]


class Row(NamedTuple):
    """A line of the table. `most`: whether `wanted` is the most that is allowed, or the least."""

    what: str
    measured: float
    wanted: float
    unit: str
    most: bool = True
    digits: int = 2

    def __str__(self) -> str:
        measured = round(self.measured, self.digits)
        kept = measured <= self.wanted if self.most else measured >= self.wanted
        sign = "≤" if self.most else "≥"
        return f"| {self.what} | {measured:.{self.digits}f} {self.unit} | {sign} {self.wanted:g} | {_verdict(kept)} |"


def _verdict(kept: bool) -> str:
    return "kept" if kept else "**missed**"


def main(folder: Path) -> None:
    """Print the table, line by line as it is measured: about six minutes. Raises SystemExit with what went wrong."""
    if not (folder / "bench" / "__main__.py").is_file():
        sys.exit(f"There is no benchmark in {folder}: name the folder in which `python -m bench` runs.")
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
        """The results by system, ours as "desk". Raises SystemExit where one of them failed."""
        systems = [part for name in ("desk", *beside) for part in ("--sut", name)]
        command = [sys.executable, "-m", "bench", what, "--mix", mix, "-n", str(number), "--runs", "1", *systems]
        out = ["--out", str(self._cache / "results.jsonl"), *options]
        ours = {"PROJECT": str(ROOT), "PROJECT_PYTHON": sys.executable, "BENCH_CACHE": str(self._cache)}
        env = {**os.environ, **ours}
        done = subprocess.run([*command, *out], cwd=self._folder, env=env, check=False, stdout=subprocess.PIPE)
        results = {one["system"]: one for one in map(json.loads, _objects(done.stdout))}
        failed = {name: one["error"] for name, one in results.items() if "error" in one}
        if failed or done.returncode:
            sys.exit(f"The benchmark failed: {failed or done.returncode}")
        return results

    def drain(self, mix: str, number: int, *options: str, beside: tuple[str, ...] = ()) -> dict[str, Result]:
        """A backlog. `expected` of ours: how many have a customer, and are to be forwarded."""
        results = self.run("drain", mix, number, *options, beside=beside)
        truth = json.loads((self._cache / f"{mix}-{number}" / "index.json").read_text(encoding="utf-8"))["truth"]
        results["desk"] = {**results["desk"], "expected": sum(customer is not None for customer in truth.values())}
        return results

    def arriving(self, mix: str, number: int, *, gap: str) -> Result:
        """Mails that come one by one to ours, which waits for them; those that name no customer go nowhere."""
        with watching_memory(self.largest):
            return self.run("latency", mix, number, "--gap", gap, "--timeout", "10")["desk"]


def _objects(output: bytes) -> list[bytes]:
    return [line for line in output.splitlines() if line.startswith(b"{")]


@contextmanager
def watching_memory(largest: dict[str, float]) -> Iterator[None]:
    """Note what each process of ours takes at most, in megabytes of resident memory, until the end."""
    largest.clear()
    ended = threading.Event()
    thread = threading.Thread(target=_watch_memory, args=(largest, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch_memory(largest: dict[str, float], ended: threading.Event) -> None:
    while not ended.wait(0.25):
        for process in psutil.Process().children(recursive=True):
            _note_memory(process, largest)


def _note_memory(process: psutil.Process, largest: dict[str, float]) -> None:
    """Of `mail` and its reader; a process that has ended meanwhile had been looked at before."""
    try:
        command, memory = process.cmdline(), process.memory_info().rss / 2**20
    except psutil.Error:
        return
    for module in {"mail", "mail.reader"} & set(command[2:3]):
        largest[module] = max(memory, largest.get(module, 0))


def measured(bench: Bench) -> Iterator[str]:
    """The lines of the table."""
    yield from map(str, plain_mails(bench.drain("plain", 5000, beside=("raw-commit2", "fetchmail"))))
    mixed = bench.drain("real", 1000, beside=("raw-batch",))
    yield str(Row("1,000 mixed mails with attachments", pace(mixed, "raw-batch"), 1.0, "x raw-batch", most=False))
    yield correctness("of these", mixed["desk"])
    slow = bench.drain("plain", 600, "--delay-ms", "50")["desk"]
    relay = "through a relay that takes 50 ms a mail (600)"
    yield str(Row(relay, slow["steady_msg_s"], 150, "a second", most=False, digits=0))
    failing = bench.drain("plain", 500, "--fail-every", "7")["desk"]
    yield correctness("a relay that answers 451 to every 7th mail (500)", failing)
    yield from map(str, single_mails(bench))
    for name in ("mail", "bot", "storage"):
        yield str(Row(f"`python -m {name} --help`", help_seconds(name), 0.5, "s"))


def plain_mails(results: Mapping[str, Result]) -> Iterator[Row | str]:
    """A backlog of plain mails: its pace, what it costs, how soon it began, and whether each went where it must."""
    yield Row("5,000 plain mails", pace(results, "raw-commit2"), 0.6, "x raw-commit2", most=False)
    yield Row("the same", pace(results, "fetchmail"), 1.2, "x fetchmail", most=False)
    yield Row("CPU a plain mail, all in", ratio(results, "cpu_ms_msg", "raw-commit2"), 3, "x raw-commit2", digits=1)
    yield correctness("of these", results["desk"])
    yield Row("start to first forward", results["desk"]["startup_s"], 1.5, "s")


def single_mails(bench: Bench) -> Iterator[Row | str]:
    """Mails that come one by one to a process that waits for them: small ones, then large ones."""
    alone = bench.arriving("plain", 60, gap=ALONE)
    count = f"{alone['arrived']} mails that come alone"
    yield Row(
        f"own time from notice to accepted forward, median of {count}", alone["p50"] - IDLE_HELD, 20, "ms", digits=0
    )
    yield Row("the slowest of these", alone["max"] - IDLE_HELD, 100, "ms", digits=0)
    before = dict(bench.largest)
    for name, memory in before.items():
        yield Row(f"memory of `{name}` at most, 50,000 customers", memory, 96, "MB", digits=0)
    large = bench.arriving("big", 3, gap=ALONE_LARGE)
    yield Row(f"a mail of {BIG} MB to a process that waits", (large["p50"] - IDLE_HELD) / 1000, 1.2, "s")
    yield Row("memory that it adds", bench.largest["mail"] - before["mail"], 24, "MB", digits=0)


def pace(results: Mapping[str, Result], other: str) -> float:
    """Mails a second once started, as many times those of the other system. Of ours only the forwarded ones count."""
    return ratio(results, "steady_msg_s", other)


def ratio(results: Mapping[str, Result], figure: str, other: str) -> float:
    """How many times that of the other system."""
    return float(results["desk"][figure]) / float(results[other][figure])


def correctness(what: str, ours: Result) -> str:
    """How many went to the right customer, how many that name none are held; and what must never happen."""
    faults = {"lost": ours["expected"] - ours["right"] - ours["wrong"], "not looked at": ours["unacked"]}
    faults |= {"wrong": ours["wrong"], "twice": ours["twice"]}
    told = ", ".join(f"{number} {fault}" for fault, number in faults.items())
    right = f"{ours['right']} to their customer, {ours['undecided']} held; {told}"
    return f"| {what} | {right} | none | {_verdict(not any(faults.values()))} |"


def help_seconds(module: str) -> float:
    """The quickest of three: the first one reads the files."""
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return min(took)
