"""What was just read, kept for a moment: the sender need not read and parse a letter again that came a second ago."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from mail.letter import Letter

AT_MOST = 300
"""Letters; at a few kilobytes each."""

LARGEST = 64 * 1024
"""Octets of a mail that is worth keeping in memory."""


@dataclass(frozen=True)
class Recent:
    """A letter and, where it is small, all its raw bytes."""

    letter: Letter
    raw: bytes


class RecentLetters:
    """By message id; the oldest go first. Used from several threads; forgetting is always harmless."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Recent] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, message_id: int, letter: Letter, raw: bytes) -> None:
        """Remember a whole mail, if it is small."""
        if len(raw) <= LARGEST:
            with self._lock:
                self._kept[message_id] = Recent(letter, raw)
                if len(self._kept) > AT_MOST:
                    self._kept.popitem(last=False)

    def find(self, message_id: int | None) -> Recent | None:
        """The letter, if it is remembered."""
        with self._lock:
            return self._kept.get(message_id) if message_id else None
