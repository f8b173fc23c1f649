"""What was just read, kept for a moment: the sender need not read and parse a letter again that came a second ago."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from mail.reading import Effective

AT_MOST = 6 << 20
"""Octets of raw mail that are remembered altogether."""

LARGEST = 64 * 1024
"""Octets of a mail that is worth remembering."""


@dataclass(frozen=True)
class Recent:
    """What a mail says, and all its raw bytes."""

    says: Effective
    raw: bytes


class RecentLetters:
    """By message id; the oldest go first. Used from several threads; forgetting is always harmless."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Recent] = OrderedDict()
        self._octets = 0
        self._lock = threading.Lock()

    def keep(self, message_id: int, says: Effective, raw: bytes) -> None:
        """Remember a whole mail that is about to be sent on, if it is small."""
        if len(raw) > LARGEST:
            return
        with self._lock:
            self._kept[message_id] = Recent(says, raw)
            self._octets += len(raw)
            while self._octets > AT_MOST:
                self._octets -= len(self._kept.popitem(last=False)[1].raw)

    def find(self, message_id: int | None) -> Recent | None:
        """The letter, if it is remembered."""
        with self._lock:
            return self._kept.get(message_id) if message_id else None

    def forget(self, message_id: int | None) -> None:
        """It has been composed: nobody will ask again."""
        with self._lock:
            if message_id and (found := self._kept.pop(message_id, None)):
                self._octets -= len(found.raw)
