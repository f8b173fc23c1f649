"""A scheduler that has stopped is started anew; when that does not help, the process ends and is started anew."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from bot import running
from bot.running import EX_SOFTWARE
from bot.ticking import THREADS, Ticker
from tests.bot_support import Desk, running_desk
from tests.servers import wait_until
from tests.storage_support import ROOT
from tests.test_bot_death import prepared

PATIENCE = 1.0


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(running, "SILENCE", PATIENCE)
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@contextmanager
def ticking(ticker: Ticker) -> Iterator[Ticker]:
    ticker.start()
    try:
        yield ticker
    finally:
        ticker.stop(wait=False)


def hang(until: Event) -> None:
    """A job that does not end by itself."""
    until.wait()


@contextmanager
def watching(desk: Desk) -> Iterator[list[int]]:
    """The bot's own watch, in a thread; its exit codes."""
    stop, codes = Event(), list[int]()
    watch = Thread(target=lambda: codes.append(desk.bot.watch(stop)))
    watch.start()
    try:
        yield codes
    finally:
        stop.set()
        watch.join()


def test_a_scheduler_whose_thread_has_ended_is_started_anew(desk: Desk) -> None:
    scheduler = desk.bot.ticker._scheduler
    assert scheduler is not None
    wait_until(lambda: desk.bot.ticker.has_ticked, "the first ticks")
    scheduler.shutdown(wait=True)

    with watching(desk) as codes:
        wait_until(lambda: desk.bot.ticker._scheduler is not scheduler, "another scheduler")
        wait_until(lambda: desk.bot.ticker.has_ticked, "ticks again")

    assert codes == [0]


def test_a_ticker_whose_vital_job_hangs_grows_old_while_the_others_go_on() -> None:
    ticker, hanging, others = Ticker(0.01), Event(), list[float]()
    ticker.add(lambda: hang(hanging), vital=True)
    ticker.add(lambda: others.append(ticker.age))

    with ticking(ticker):
        wait_until(lambda: len(others) > 5, "the other job")
        assert not ticker.has_ticked
        assert sorted(others) == others
        hanging.set()
        wait_until(lambda: ticker.has_ticked, "the vital job")


def test_what_is_done_seldom_is_done_with_the_first_tick_too() -> None:
    ticker, done = Ticker(0.01), list[float]()
    ticker.add(lambda: done.append(ticker.age), every=3600)

    with ticking(ticker):
        wait_until(lambda: bool(done), "the first time")


def test_when_starting_anew_does_not_help_the_bot_gives_up(desk: Desk) -> None:
    begun, over = Event(), Event()
    for _ in range(THREADS):
        desk.bot.ticker.add(lambda: hang(over) if begun.is_set() else None, every=0.01)
    desk.bot.ticker.start()
    first = desk.bot.ticker._scheduler
    wait_until(lambda: desk.bot.ticker.has_ticked, "the first ticks")
    begun.set()

    try:
        with watching(desk) as codes:
            wait_until(lambda: bool(codes), "the end")
    finally:
        over.set()

    assert codes == [EX_SOFTWARE]
    assert desk.bot.ticker._scheduler is not first


HANGING = """
import threading, time
from bot import breach_ladder, running
running.SILENCE = 0.5
breach_ladder.BreachLadder.tick = lambda *_, **__: threading.Event().wait()
from bot.__main__ import main
main()
"""


def test_the_process_ends_with_70_although_its_clock_hangs(sqlite_url: str, tmp_path: Path) -> None:
    with prepared(sqlite_url, tmp_path) as (_, workspace, environ):
        start = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", HANGING],
            env={**environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == EX_SOFTWARE, ended.stderr
    assert "ticker stopped" in ended.stderr
    assert time.monotonic() - start < 50
    assert workspace.messages() == []
