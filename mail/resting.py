"""What is left alone for a while: the relay as a whole, a number of connections too many, a destination. In memory: a
restart asks again, and each delivery's own next try is in SQL.

What failed is tried by one mail over one connection before it gets more.
"""

import random
import threading
import time
from dataclasses import dataclass

LONGEST = 60.0
"""Seconds; a relay that comes back is used within a minute."""

FEWER_FOR = 60.0


@dataclass
class _Rest:
    failures: int = 0
    until: float = 0.0

    def prolong(self, now: float) -> None:
        """One failure more; what was under way when the rest began is no news."""
        if now < self.until:
            return
        self.failures += 1
        self.until = now + min(LONGEST, 0.5 * 2.0 ** min(self.failures, 10)) * random.uniform(0.7, 1.0)  # noqa: S311 - no secret


class Resting:
    """Shared by all connections. Times are monotonic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._general = _Rest()
        self._destinations: dict[str, _Rest] = {}
        self._fewer: tuple[int, float] = (0, 0.0)

    def is_general(self) -> bool:
        """Whether nothing at all is to be sent now."""
        return time.monotonic() < self._general.until

    def destinations(self) -> set[str]:
        """The destinations that are left alone now."""
        now = time.monotonic()
        with self._lock:
            return {name for name, rest in self._destinations.items() if now < rest.until}

    def unwell(self) -> set[str]:
        """The destinations that took nothing the last time, resting or not."""
        with self._lock:
            return set(self._destinations)

    def connections(self, most: int) -> int:
        """How many connections are to be open at most."""
        if self._general.failures:
            return 1
        limit, until = self._fewer
        return max(1, min(most, limit)) if time.monotonic() < until else most

    def went_well(self, destination: str) -> None:
        """The relay, and this destination, take mail."""
        if self._general.failures or destination in self._destinations:
            with self._lock:
                self._general = _Rest()
                self._destinations.pop(destination, None)

    def answered(self) -> None:
        """The relay is well, whatever it said to a mail."""
        if self._general.failures:
            with self._lock:
                self._general = _Rest()

    def want_fewer(self, open_now: int) -> None:
        """The relay takes no connection more than these for the moment."""
        with self._lock:
            self._fewer = (open_now, time.monotonic() + FEWER_FOR)

    def rest(self) -> None:
        """The relay as a whole is unwell."""
        with self._lock:
            self._fewer = (0, 0.0)
            self._general.prolong(time.monotonic())

    def rest_destination(self, destination: str) -> None:
        """A destination takes nothing now."""
        with self._lock:
            self._destinations.setdefault(destination, _Rest()).prolong(time.monotonic())
