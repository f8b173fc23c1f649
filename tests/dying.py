"""`python -m tests.dying POINT[@K] COMMAND…`: run the product and kill it just before or after one of its functions.

With @K it dies at the K-th time; at NOWHERE it lives on. The product has no hooks for this: its functions are wrapped
from here. A bot does not wait for its turn in Slack: 200 breaches would ring for an hour at one post a second.
"""

import importlib
import itertools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

POINTS = {
    "mail:before-keeping": ("mail.intake", "Intake", "_keep", "before"),
    "mail:kept": ("mail.intake", "Intake", "_keep", "after"),
    "mail:decided": ("mail.intake", "Intake", "_decide_about", "after"),
    "mail:moved": ("mail.intake", "Intake", "_move", "after"),
    "mail:sending": ("mail.carriers", "Carriers", "_outcome", "before"),
    "mail:final-dot": ("mail.smtp", "Relay", "_final_reply", "before"),
    "mail:accepted-unrecorded": ("mail.smtp", "Relay", "_final_reply", "after"),
    "mail:recorded": ("mail.recorder", "Recorder", "_write", "after"),
    "pages:set": ("mail.paging", None, "_try_to_set", "after"),
    "pages:kept": ("mail.paging", "Pages", "_keep", "after"),
    "commit:before": ("sqlalchemy.engine.default", "DefaultDialect", "do_commit", "before"),
    "commit:after": ("sqlalchemy.engine.default", "DefaultDialect", "do_commit", "after"),
    "wire:fetching": ("imapclient", "IMAPClient", "fetch", "before"),
    "wire:moving": ("imapclient", "IMAPClient", "move", "before"),
    "wire:moved": ("imapclient", "IMAPClient", "move", "after"),
    "wire:addressed": ("mail.smtp", None, "_exchange", "after"),
    "wire:data": ("mail.smtp", None, "dot_stuffed", "before"),
    "receipt:before": ("mail.intake", None, "note_receipts", "before"),
    "receipt:noted": ("mail.intake", None, "note_receipts", "after"),
    "receipt:settled": ("storage.outcomes", None, "settle_by_receipt", "after"),
    "bot:uncommitted": ("bot.reporting", "ReportListeners", "_open", "after"),
    "bot:committed": ("bot.reporting", None, "_say_reported", "before"),
    "bot:before-posting": ("bot.poster", "Poster", "_post", "before"),
    "bot:posted-unrecorded": ("bot.poster", "Poster", "_post", "after"),
    "bot:post-recorded": ("bot.poster", "Poster", "_finish", "after"),
    "bot:before-rung": ("bot.reminders", None, "ring_breach", "before"),
    "bot:rung-committed": ("bot.reminders", None, "ring_breach", "after"),
    "bot:date-uncommitted": ("bot.due", None, "_queue_rung", "after"),
    "bot:date-committed": ("bot.ladder", None, "ring_task", "after"),
    "bot:digest-uncommitted": ("bot.digest", None, "_queue_letter", "after"),
    "bot:digest-committed": ("bot.digest", None, "tell", "after"),
    "bot:rings-uncommitted": ("bot.ringing", None, "_write_all", "after"),
}


NOWHERE = "nowhere"
NOTHING: tuple[object, ...] = (0, [], set())
"""What a pass returns that found nothing to do: no moment to die."""


def die(*_: object) -> None:
    """At once, as by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


class NoSuchPoint(Exception):
    """The product has changed, and POINTS in tests/dying.py has not."""


def find_owner(point: str) -> Any:
    """The class or module whose function is wrapped for a point. Raises NoSuchPoint."""
    module_name, class_name, function_name, _ = POINTS[point]
    module = importlib.import_module(module_name)
    owner = getattr(module, class_name, None) if class_name else module
    if not callable(getattr(owner, function_name, None)):
        named = ".".join(filter(None, (module_name, class_name, function_name)))
        raise NoSuchPoint(f"{point}: there is no {named}: put its new name into POINTS of tests/dying.py.")
    return owner


def deadly(function: Callable[..., Any], moment: str, times: int) -> Callable[..., Any]:
    """The function, with death just before it or just after it did something, the `times`-th time."""
    passages = itertools.count(1)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if moment == "before" and next(passages) >= times:
            die()
        result = function(*args, **kwargs)
        if moment == "after" and result not in NOTHING and next(passages) >= times:
            die()
        return result

    return wrapped


def arm(point: str, times: int = 1) -> None:
    """Wrap the function of a point. Raises NoSuchPoint."""
    _, _, function_name, moment = POINTS[point]
    owner = find_owner(point)
    setattr(owner, function_name, deadly(getattr(owner, function_name), moment, times))


def hurry() -> None:
    """Post and update as fast as a workspace without Slack's limits takes it."""
    poster = importlib.import_module("bot.poster")
    poster.USUAL = replace(poster.USUAL, post=0.0, update=0.0)  # type: ignore[attr-defined]


def main() -> None:
    named, package, *words = sys.argv[1:]
    point, _, times = named.partition("@")
    if point != NOWHERE:
        arm(point, int(times or 1))
    if package == "bot":
        hurry()
    sys.argv = [package, *words]
    importlib.import_module(f"{package}.__main__").main()


if __name__ == "__main__":
    main()
