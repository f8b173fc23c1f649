"""Slack on a bad day: refusals on request, throttling, rate limits."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .refusals import Refused

# calls, within seconds
VIEWS_A_MINUTE = (100, 60.0)
UPDATES_A_MINUTE = (50, 60.0)
POSTS_A_CHANNEL = (4, 4.0)


@dataclass
class _Fault:
    refusal: Refused
    left: int | None


@dataclass
class Faults:
    """`limits` switches Slack's own rate limits on; the rest is asked for by a test."""

    limits: bool = False
    failing: float = 0.0
    """How many of all posts and updates fail, by chance."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no secret
    clock: Callable[[], float] = time.monotonic
    _asked: dict[str, _Fault] = field(default_factory=dict)
    _seen: dict[str, deque[float]] = field(default_factory=dict)

    def ask(self, method: str, refusal: Refused, times: int | None) -> None:
        self._asked[method] = _Fault(refusal, times)

    def forgive(self, method: str) -> None:
        self._asked.pop(method, None)

    def check(self, method: str, channel: str) -> None:
        self._check_asked(method)
        if method.startswith("chat.") and self.chance.random() < self.failing:
            raise Refused("internal_error", status=503)
        if not self.limits:
            return
        if method == "chat.postMessage":
            self._count(f"{method} {channel}", *POSTS_A_CHANNEL)
        elif method == "chat.update":
            self._count(method, *UPDATES_A_MINUTE)
        elif method.startswith("views."):
            self._count(method, *VIEWS_A_MINUTE)

    def _check_asked(self, method: str) -> None:
        fault = self._asked.get(method)
        if fault is None:
            return
        if fault.left is not None:
            fault.left -= 1
            if fault.left <= 0:
                del self._asked[method]
        raise fault.refusal

    def _count(self, key: str, most: int, seconds: float) -> None:
        now, seen = self.clock(), self._seen.setdefault(key, deque())
        while seen and seen[0] <= now - seconds:
            seen.popleft()
        if len(seen) >= most:
            raise too_fast(max(1, round(seen[0] + seconds - now + 0.5)))
        seen.append(now)


def too_fast(retry_after: int) -> Refused:
    return Refused("ratelimited", status=429, retry_after=retry_after)
