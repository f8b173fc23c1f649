"""Reading mails in a process of its own: what a hostile mail does to its reader, it does not do to the poller.

A regular expression that finds no end holds up every thread of its process. So a reader that stalls is killed, and one
that died is replaced. Reading is also what costs most, and here it takes place on another processor.
"""

import math
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

from mail.clues import find_clues
from mail.letter import read_letter
from mail.reading import Parsed, parse_mail
from mail.rights import read_rights

PATIENCE = 60.0
"""Seconds for which a group of mails may be read; they take a tenth of a second."""

TRIAL = """From: Anna <anna@person.example>
Subject: Mes données, my data

Bonjour, le 3 mai 2026 le 01 23 45 67 89 m'a appelée, et www.acme.example m'a écrit. Veuillez effacer mes données.
I was called on 3 May 2026 from 01 23 45 67 89. Please send me a copy of my personal data, and erase it.
""".encode()
"""A letter that nobody sent: over the first that is read, patterns are compiled, which takes a tenth of a second."""


class Raw(NamedTuple):
    """A mail to read: its first octets, and whether that is all of it."""

    head: bytes
    whole: bool


class NotRead(Exception):
    """The reader stalled or died over one of these mails; the message says how."""


class Reader:
    """A process that reads, for several threads. It ends with ours, however that ends.

    Made before anything else it is ready when the first mail comes.
    """

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._turn = threading.Lock()
        self._process, self._connection = self._start()

    def read_all(self, mails: Sequence[Raw], *, own_domains: Collection[str], own_address: str | None) -> list[Parsed]:
        """What each of these mails says, in this order. Raises NotRead; OSError where no process can be started."""
        with self._turn:
            try:
                answer = self._ask(mails, own_domains, own_address)
            except EOFError:  # it was killed by somebody, perhaps over other mails: one that dies again is at fault
                answer = self._ask(mails, own_domains, own_address, last=True)
        if isinstance(answer, str):
            raise NotRead(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(
        self, mails: Sequence[Raw], own_domains: Collection[str], own_address: str | None, *, last: bool = False
    ) -> list[Parsed] | str:
        """The answer to this question and no other: whatever goes wrong, the connection that it could come on ends."""
        if self._connection.closed:
            self._process, self._connection = self._start()
        try:
            self._connection.send((mails, own_domains, own_address))
            return self._receive()
        except (EOFError, ConnectionError) as error:
            self._end()
            if last:
                raise NotRead("the reader died over these mails") from error
            raise EOFError from error
        except OSError as error:
            self._end()
            raise NotRead("the reader was killed because it stalled") from error
        except BaseException:
            self._end()
            raise

    def _receive(self) -> list[Parsed] | str:
        if not self._connection.poll(self._patience):
            raise TimeoutError
        answer: list[Parsed] | str = self._connection.recv()
        return answer

    def _start(self) -> tuple["subprocess.Popen[bytes]", Connection]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for waiting in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                ours.setsockopt(socket.SOL_SOCKET, waiting, struct.pack("ll", math.ceil(self._patience), 0))
            command = [sys.executable, "-m", "mail.reader", str(theirs.fileno()), str(self._patience)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])  # noqa: S603 - us
            return process, Connection(ours.detach())

    def _end(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Read what comes, until the process that sends it has ended: it is that one which is told to stop.

    A reader that stalls when nobody is left to kill it is killed by its own alarm.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    descriptor, patience = int(sys.argv[1]), float(sys.argv[2])
    _read_trial()
    with Connection(descriptor) as connection, suppress(EOFError, OSError):
        while True:
            question = connection.recv()
            signal.setitimer(signal.ITIMER_REAL, 2 * patience + 1)
            connection.send(_answer(*question))
            signal.setitimer(signal.ITIMER_REAL, 0)


def _read_trial() -> None:
    """Make everything ready. Raises what is wrong with our own files: over a mail it would be swallowed."""
    letter = read_letter(TRIAL)
    read_rights(letter.subject, letter.text)
    find_clues(TRIAL, letter)
    parse_mail(TRIAL, True, own_domains=(), own_address=None)


def _answer(mails: Sequence[Raw], own_domains: Collection[str], own_address: str | None) -> list[Parsed] | str:
    """What the mails say, or the name of what went wrong: no word of a mail."""
    try:
        return [parse_mail(*mail, own_domains=own_domains, own_address=own_address) for mail in mails]
    except Exception as error:  # noqa: BLE001 - nothing is known to raise; the others must be read all the same
        return type(error).__name__


if __name__ == "__main__":
    main()
