"""`python -m tests.dying POINT COMMAND…`: run the product and kill it just before or after one of its functions.

The product has no hooks for this: its functions are wrapped from here.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

POINTS = {
    "mail:before-keeping": ("mail.intake", "Intake", "_keep", "before"),
    "mail:kept": ("mail.intake", "Intake", "_keep", "after"),
    "mail:decided": ("mail.intake", "Intake", "_decide", "after"),
    "mail:moved": ("mail.intake", "Intake", "_move", "after"),
    "mail:sending": ("mail.sender", "Sender", "_begin", "after"),
    "mail:final-dot": ("mail.smtp", "Relay", "_final_reply", "before"),
    "mail:accepted-unrecorded": ("mail.smtp", "Relay", "_final_reply", "after"),
    "mail:recorded": ("mail.recorder", "Recorder", "_write", "after"),
    "bot:uncommitted": ("bot.breach", "BreachListeners", "_open", "after"),
    "bot:committed": ("bot.breach", None, "_say_reported", "before"),
    "bot:before-posting": ("bot.poster", "Poster", "_post", "before"),
    "bot:posted-unrecorded": ("bot.poster", "Poster", "_post", "after"),
    "bot:post-recorded": ("bot.poster", "Poster", "_finish", "after"),
    "bot:before-rung": ("bot.reminders", None, "ring_breach", "before"),
    "bot:rung-committed": ("bot.reminders", None, "ring_breach", "after"),
}


def die(*_: object) -> None:
    """At once, as by a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(function: Callable[..., Any], moment: str) -> Callable[..., Any]:
    """The function, with death just before it or just after it did something."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if moment == "before":
            die()
        result = function(*args, **kwargs)
        if result not in (0, []):  # a pass that found nothing to do is no moment to die
            die()
        return result

    return wrapped


def arm(point: str) -> None:
    """Wrap the function of a point."""
    module_name, class_name, function_name, moment = POINTS[point]
    module = importlib.import_module(module_name)
    owner = getattr(module, class_name) if class_name else module
    setattr(owner, function_name, deadly(getattr(owner, function_name), moment))


def main() -> None:
    point, package, *words = sys.argv[1:]
    arm(point)
    sys.argv = [package, *words]
    importlib.import_module(f"{package}.__main__").main()


if __name__ == "__main__":
    main()
