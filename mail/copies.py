"""Whether two mails are copies of one letter: equal in everything from the author's headers on (mail.md rule 5).

A mail that took two ways has two sets of transport headers (Received, Delivered-To, ARC, spam marks) and one author.
A list's footer or a relay that codes the body anew makes another digest: then two letters are kept, as before.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from operator import itemgetter

from mail.letter import HEAD

STEP = 256 * 1024
"""Octets that are normalised at once: a mail of any size costs no more memory than this."""

_FIELD = re.compile(rb"^([CDFIMRSTcdfimrst][A-Za-z-]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_NAMES = frozenset(
    b"from sender reply-to to cc date subject message-id in-reply-to references mime-version content-type "
    b"content-transfer-encoding content-disposition content-id content-description content-language".split()
)


class AuthorDigest:
    """SHA-256 of what the author wrote, fed with the mail's octets in chunks of any size."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._head: bytearray | None = bytearray()
        self._told_apart = False
        self._carriage_return = False
        self._blank_lines = 0

    def update(self, chunk: bytes) -> None:
        """Take the next octets of the mail."""
        if self._head is None:
            self._take_body(chunk)
        elif len(self._head) < HEAD:
            self._take_head(self._head, chunk)

    def hexdigest(self) -> str | None:
        """The digest so far; None when the mail cannot be told from another one with the same words.

        That is when it has neither Message-ID nor Date, or no end of its headers within HEAD octets.
        """
        return self._hash.hexdigest() if self._told_apart else None

    def _take_head(self, head: bytearray, chunk: bytes) -> None:
        known, room = len(head), HEAD - len(head)
        head += chunk[:room]
        body = _body_of(head, max(0, known - 2))
        if body:
            self._head = None
            self._add_authors_headers(bytes(head[:body]))
            self._take_body(bytes(head[body:]))
            self._take_body(chunk, room)

    def _add_authors_headers(self, head: bytes) -> None:
        """By name, unfolded, white space collapsed: a relay may put them in another order or fold them anew."""
        lines = head.replace(b"\r\n", b"\n").replace(b"\r", b" ")
        found = [] if lines.startswith(b"\n") else [(field[1].lower(), field[2]) for field in _FIELD.finditer(lines)]
        fields = sorted((field for field in found if field[0] in _NAMES), key=itemgetter(0))
        self._told_apart = any(name in {b"message-id", b"date"} and value.strip() for name, value in fields)
        self._hash.update(b"".join(b"%s:%s\n" % (name, b" ".join(value.split())) for name, value in fields) + b"\n")

    def _take_body(self, chunk: bytes, start: int = 0) -> None:
        for at in range(start, len(chunk), STEP):
            self._add_lines(chunk[at : at + STEP])

    def _add_lines(self, data: bytes) -> None:
        """Line ends as LF; those at the end wait until something follows them."""
        if self._carriage_return:
            data = b"\r" + data
        self._carriage_return = data.endswith(b"\r")
        lines = data[: len(data) - self._carriage_return].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        words = lines.rstrip(b"\n")
        if words:
            self._add_blank_lines()
            self._hash.update(words)
        self._blank_lines += len(lines) - len(words)

    def _add_blank_lines(self) -> None:
        while self._blank_lines:
            few = min(self._blank_lines, STEP)
            self._hash.update(b"\n" * few)
            self._blank_lines -= few


def author_digest(chunks: Iterable[bytes]) -> str | None:
    """Of the octets of one mail, in their order."""
    digest = AuthorDigest()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _body_of(head: bytearray, start: int) -> int:
    """Where the body begins, after the first blank line from `start` on; 0 when there is none yet."""
    ends_crlf = head.find(b"\n\r\n", start)
    ends_lf = head.find(b"\n\n", start, ends_crlf + 1 if ends_crlf >= 0 else len(head))
    if ends_lf >= 0:
        return ends_lf + 2
    return ends_crlf + 3 if ends_crlf >= 0 else 0
