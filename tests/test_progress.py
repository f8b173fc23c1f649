"""A long pass shows how far it has come: a bar at a terminal, one line otherwise."""

import os
import pty
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from storage.progress import progress
from tests.storage_support import environment

PASS = """
from storage.progress import progress
with progress(None, "mails compared") as counting:
    counting.total = 40
    for _ in range(8):
        counting.advance(5)
"""


def test_without_a_terminal_it_is_exactly_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3, "mails received") as counting:
        counting.advance()
        counting.advance(2)

    said = capsys.readouterr()
    assert re.fullmatch(r"3 mails received in \d+\.\d s\.\n", said.err)
    assert said.out == ""


def test_a_pass_broken_off_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    with suppress(OSError), progress(30, "mails received") as counting:
        counting.advance(2)
        raise OSError

    assert capsys.readouterr().err.startswith("2 of 30 mails received in ")


def test_several_threads_count_together(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(None, "mails sent") as counting, ThreadPoolExecutor(8) as pool:
        for _ in range(500):
            pool.submit(counting.advance)

    assert counting.done == 500
    assert capsys.readouterr().err.startswith("500 mails sent")


def test_at_a_terminal_it_is_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PASS], stderr=theirs, cwd=tmp_path, env=environment(None, TERM="xterm")
    ) as running:
        os.close(theirs)
        shown = read_all(ours)

    assert running.returncode == 0, shown
    assert b"mails compared" in shown
    assert b"40/40" in shown
    assert b" s." not in shown


def read_all(terminal: int) -> bytes:
    """All that is written to a terminal until its other side is closed, which Linux reports as an error."""
    shown = b""
    with suppress(OSError):
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    return shown
