"""Deciding about one group of mails while the next one is fetched: the server's time is not ours to wait for."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

Work = Callable[[], None]


@contextmanager
def one_ahead(groups: int) -> Iterator[Callable[[Work], None]]:
    """A way to hand over work, done in order, in a thread of its own when there are several groups.

    No more than one piece waits: handing over the next waits for the one before, and raises what that raised. At the
    end all is done.
    """
    if groups < 2:
        yield lambda work: work()
        return
    under_way: list[Future[None]] = []

    def hand_over(work: Work) -> None:
        while under_way:
            under_way.pop().result()
        under_way.append(executor.submit(work))

    with ThreadPoolExecutor(1, thread_name_prefix="decide") as executor:
        yield hand_over
    for last in under_way:
        last.result()
