"""Putting the letters into the intake mailbox, little by little, so that every life has something to do."""

import random
import threading
import time
from collections.abc import Callable, Sequence

from tests.servers import Dovecot
from tests.torture.letters import Posted

PATIENCE = 2.5
"""Seconds after which a process that does not reach its point gets more letters, one every half second."""


class Postman:
    """Delivers by LMTP, as a last server does: with Delivered-To. Any thread may ask it."""

    def __init__(self, dovecot: Dovecot, letters: Sequence[Posted], deaths: int) -> None:
        self._dovecot, self._letters, self._deaths = dovecot, list(letters), deaths
        self.working = threading.RLock()
        """Held while a letter is being put into the mailbox."""
        self.posted: list[Posted] = []

    def post_one(self) -> None:
        with self.working:
            if len(self.posted) < len(self._letters):
                one = self._letters[len(self.posted)]
                self._dovecot.deliver(one.raw, "someone@courriel.example", one.client.intake)
                self.posted.append(one)

    def post_rest(self) -> None:
        while self.left:
            self.post_one()

    @property
    def left(self) -> int:
        return len(self._letters) - len(self.posted)

    def one_life(self, begun: Callable[[], int], chance: random.Random) -> Callable[[], None]:
        """What to do every few milliseconds of a life; `begun` tells how many lives have begun."""
        next_extra = time.monotonic() + PATIENCE

        def post_some() -> None:
            nonlocal next_extra
            if len(self.posted) * self._deaths < len(self._letters) * begun():
                if chance.random() < 0.2:
                    self.post_one()
            elif time.monotonic() > next_extra and self.left > self._deaths - begun():
                next_extra = time.monotonic() + 0.5
                self.post_one()

        return post_some
