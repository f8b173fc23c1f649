"""Our pages as PDF, set in a process of its own that ends with its work. Needs the extra `pdf`.

One that stalls or dies costs the PDF, and never the mail.
"""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import resources
from importlib.util import find_spec
from typing import Any

from mail.pages import NotAPage, read_page

PATIENCE = 5.0
"""Seconds for a group of pages on top of EACH; one takes a fiftieth of a second."""
EACH = 0.25
TRIES = 2
"""How many processes may die over a group before the rest of it is left as it is."""
STALLED = "it stalled"
"""The fault of a page over which the process had to be killed."""


@dataclass(frozen=True)
class Approved:
    """A page in HTML, and the instant that its PDF names as its own: the same page has the same bytes, always."""

    html: bytes
    at: datetime


@dataclass(frozen=True)
class Typeset:
    """A page as PDF; or None, and why, in no word of the page."""

    pdf: bytes | None
    fault: str = ""


def is_installed() -> bool:
    """Whether the extra `pdf` is there."""
    return find_spec("typst") is not None


def say_whether() -> str:
    """For `check`: whether notices carry their page as PDF. One that cannot be set is no reason to stop."""
    if not is_installed():
        return "Notices: their page goes as HTML; as PDF with the extra pdf (pip install '.[pdf]')."
    [tried] = set_pages([Approved(_TRIAL, datetime.now(UTC))])
    return "Notices: their page goes as PDF." if tried.pdf else f"Notices: no PDF can be made here ({tried.fault})."


_TRIAL = b'<html lang="en"><head><title>Trial</title></head><body><p>Trial</p></body></html>'


def set_pages(pages: Sequence[Approved], *, patience: float = PATIENCE) -> list[Typeset]:
    """Each as PDF, in this order. Never raises for a page."""
    done: list[Typeset] = []
    for _ in range(TRIES):
        left = pages[len(done) :]
        answers, fault = _ask(left, patience) if left else ([], "")
        done += answers
        if len(answers) < len(left):  # it died over the next one
            done.append(Typeset(None, fault))
    return [*done, *(Typeset(None, "not tried") for _ in pages[len(done) :])]


def _ask(pages: Sequence[Approved], patience: float) -> tuple[list[Typeset], str]:
    """What a process answers before it ends, and how it ended."""
    whole = patience + EACH * len(pages)
    lines = "\n".join(
        [
            str(whole),
            *(json.dumps({"html": one.html.decode("utf-8", "replace"), "at": one.at.timestamp()}) for one in pages),
        ]
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mail.typesetting"],
            input=lines.encode("ascii"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what typst prints may hold words of the page
            timeout=whole,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return _read_answers(late.stdout or b""), STALLED
    except OSError as error:
        return [], type(error).__name__
    return _read_answers(done.stdout), f"it ended with {done.returncode}"


def _read_answers(said: bytes) -> list[Typeset]:
    """The whole lines: a last one that was cut off is no answer."""
    answers = [json.loads(line) for line in said.split(b"\n")[:-1]]
    return [Typeset(base64.b64decode(one["pdf"]) if one["pdf"] else None, one["fault"]) for one in answers]


def main() -> None:
    """Set what stands on the standard input. Who stops the desk stops its parent; what stalls, a clock ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    whole, *lines = sys.stdin.buffer.read().splitlines()
    signal.setitimer(signal.ITIMER_REAL, 2 * float(whole) + 1)
    template = resources.files("mail").joinpath("page.typ").read_bytes()
    for line in lines:
        sys.stdout.write(f"{json.dumps(_answer(template, json.loads(line)))}\n")
        sys.stdout.flush()


def _answer(template: bytes, page: dict[str, Any]) -> dict[str, str]:
    """The PDF in base64, or the name of what went wrong: no word of a page."""
    try:
        pdf = _set(template, page["html"], datetime.fromtimestamp(int(page["at"]), UTC))
    except NotAPage as error:
        return {"pdf": "", "fault": f"{type(error).__name__}: {error}"}
    except Exception as error:  # noqa: BLE001 - whatever typst finds, the others are set all the same
        return {"pdf": "", "fault": type(error).__name__}
    return {"pdf": base64.b64encode(pdf).decode("ascii"), "fault": ""}


def _set(template: bytes, html: str, at: datetime) -> bytes:
    """The words come as data, never as markup; no font, file or package of this machine is looked at.

    PDF/A-2a and PDF/UA-1: to be kept for years, and to be read aloud. What no font of typst has is refused, not left
    out.
    """
    import typst  # noqa: PLC0415 - an extra, and only ever here

    page = json.dumps(asdict(read_page(html)))
    pdf: bytes = typst.compile(
        template, sys_inputs={"page": page}, ignore_system_fonts=True, timestamp=at, pdf_standards=["a-2a", "ua-1"]
    )
    return pdf


if __name__ == "__main__":
    main()
