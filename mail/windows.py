"""All mails of a folder, some thousands at a time: a folder of 200,000 is never in memory as a whole."""

from collections.abc import Iterator, Sequence

from mail.mailbox import Mailbox

WINDOW = 5_000
"""UIDs that are asked for at once; more where few of them are there."""

Window = tuple[int, int | None, Sequence[int]]
"""First and last UID that were asked for (None: to the end), and those that are there."""


def windows(mailbox: Mailbox, uidnext: int | None) -> Iterator[Window]:
    """The UIDs of the open folder. The last window is open: what came meanwhile is in it, and what UIDNEXT hides."""
    first, width = 1, WINDOW
    while uidnext is not None and first + width < uidnext:
        present = mailbox.uids_between(first, first + width - 1)
        yield first, first + width - 1, present
        first, width = first + width, WINDOW if len(present) > WINDOW // 8 else width * 8
    yield first, None, mailbox.uids_after(first - 1)
