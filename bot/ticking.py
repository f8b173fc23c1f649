"""The scheduler, which only ticks: nothing due is ever kept in it, and it may be started anew at any time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

THREADS = 6
"""Jobs that run at the same time at most: one that hangs does not keep the others from their turns."""


class Ticker:
    """APScheduler, which only ticks. `age` is how long ago the vital job that is furthest behind last ended, in seconds
    on the monotonic clock: the tick itself, and those that were added as vital."""

    def __init__(self, every: float = 1.0) -> None:
        self._every = every
        self._jobs: list[tuple[Callable[[], None], float]] = []
        self._ended: dict[int, float] = {}
        self._since_start: set[int] = set()
        self._scheduler: BackgroundScheduler | None = None
        self.add(lambda: None, vital=True)

    def add(self, job: Callable[[], None], *, every: float | None = None, vital: bool = False) -> None:
        """Have `job` called with the first tick after a start, and every so many seconds from then on."""
        if vital:
            self._ended[len(self._ended)] = time.monotonic()
            job = self._noted(job, len(self._ended) - 1)
        self._jobs.append((job, every or self._every))

    @property
    def age(self) -> float:
        return time.monotonic() - min(self._ended.values())

    @property
    def has_ticked(self) -> bool:
        """Whether every vital job has ended once since it was last started."""
        return self._since_start == self._ended.keys()

    def start(self) -> None:
        """Start, or start anew when the ticks have stayed away."""
        self.stop(wait=False)
        self._ended, self._since_start = dict.fromkeys(self._ended, time.monotonic()), set()
        scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(THREADS)})
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        first = datetime.now(UTC) + timedelta(seconds=self._every)
        for job, seconds in self._jobs:
            scheduler.add_job(job, "interval", seconds=seconds, next_run_time=first, **options)
        scheduler.start()
        self._scheduler = scheduler

    def stop(self, *, wait: bool = True) -> None:
        """Tick no more; `wait` for the tick under way."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None and scheduler.running:
            scheduler.shutdown(wait=wait)

    def _noted(self, job: Callable[[], None], number: int) -> Callable[[], None]:
        def run() -> None:
            job()
            self._ended[number] = time.monotonic()
            self._since_start.add(number)

        return run
