"""One group of mails is read, and another decided about, while the next one is fetched: nobody waits for the others."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from mail.reading import MailRead

Read = Callable[[], list[MailRead]]
Decide = Callable[[Read], None]
AT_ONCE = 2
"""Groups under way at most: one is read while the one before is decided about."""


@contextmanager
def one_ahead(groups: int) -> Iterator[Callable[[Read, Decide], None]]:
    """A way to hand over groups: how one is read, and what decides about it. They are decided in order.

    When there are several, that is done in threads of their own: handing over one too many waits for the first, and
    raises what that raised; after a failure none is decided any more. At the end all is done.
    """
    if groups < 2:
        yield lambda read, decide: decide(read)
        return
    under_way: list[Future[None]] = []

    def hand_over(read: Read, decide: Decide) -> None:
        if len(under_way) == AT_ONCE:
            under_way.pop(0).result()
        before = under_way[-1] if under_way else None
        under_way.append(deciding.submit(_decide_after, before, decide, reading.submit(read).result))

    with ThreadPoolExecutor(1, "decide") as deciding, ThreadPoolExecutor(1, "read") as reading:
        yield hand_over
    for last in under_way:
        last.result()


def _decide_after(before: Future[None] | None, decide: Decide, read: Read) -> None:
    """Decide, unless the decision about the group before has failed: then raise what that raised."""
    if before is not None:
        before.result()
    decide(read)
