"""The scheduler, which only ticks: nothing due is ever kept in it, and it may be started anew at any time."""

import time
from collections.abc import Callable

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


class Ticker:
    """APScheduler, which only ticks; `age` is how long ago it last did, on the monotonic clock."""

    def __init__(self, every: float = 1.0) -> None:
        self._every = every
        self._jobs: list[tuple[Callable[[], None], float]] = []
        self._last = time.monotonic()
        self._ticked = True
        self._scheduler: BackgroundScheduler | None = None

    def add(self, job: Callable[[], None], *, every: float | None = None) -> None:
        """Have `job` called every so many seconds from the next start on."""
        self._jobs.append((job, every or self._every))

    @property
    def has_ticked(self) -> bool:
        """Whether it has ticked since it was last started."""
        return self._ticked

    @property
    def age(self) -> float:
        return time.monotonic() - self._last

    def start(self) -> None:
        """Start, or start anew when the ticks have stayed away."""
        self.stop(wait=False)
        self._last, self._ticked = time.monotonic(), False
        scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(4)})
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(self._tick, "interval", seconds=self._every, **options)
        for job, seconds in self._jobs:
            scheduler.add_job(job, "interval", seconds=seconds, **options)
        scheduler.start()
        self._scheduler = scheduler

    def stop(self, *, wait: bool = True) -> None:
        """Tick no more; `wait` for the tick under way."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=wait)
            self._scheduler = None

    def _tick(self) -> None:
        self._last, self._ticked = time.monotonic(), True
