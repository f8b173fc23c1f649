"""Splicing: how the original of a forward and our own words are joined to what goes over the wire (RFC 2045, 2046).

The sender joins them while it sends; whoever must show years later what was sent joins them in the same way.
"""

import binascii
from collections.abc import Iterable, Iterator
from enum import StrEnum

CRLF = b"\r\n"
LINE_LIMIT = 998
"""Octets in a line, without CRLF (RFC 5322 section 2.1.1)."""

BASE64_OCTETS = 57
BASE64_LINE = 76


class Form(StrEnum):
    """How an original may travel: message/rfc822 as it is, or as a file in base64 (RFC 2046 section 5.2.1)."""

    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    BASE64 = "base64"


def boundary_of(message_id: str) -> str:
    """The MIME boundary of a message of ours: signed as its Message-ID is, so that no letter can hold it."""
    return f"kavkom-{message_id[1:].partition('@')[0]}"


def is_spliced(content: bytes, boundary: str) -> bool:
    """Whether a message that was composed with this boundary is one that an original is spliced into."""
    return f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n'.encode("ascii") in content


def splice(content: bytes, original: Iterable[bytes], form: Form, *, boundary: str) -> Iterator[bytes]:
    """The whole message with its original, in chunks: what goes over the wire before dot-stuffing."""
    if form is Form.EIGHT_BIT:
        yield b"Content-Transfer-Encoding: 8bit\r\n"
    yield content
    yield _part_head(form, boundary)
    yield from base64_of(original) if form is Form.BASE64 else original
    yield f"\r\n--{boundary}--\r\n".encode("ascii")


def form_of(original: Iterable[bytes]) -> Form:
    """How these raw bytes may travel. NUL, lone CR or LF and long lines do not survive as message/rfc822."""
    plain, unfinished, last = True, 0, b""
    for chunk in filter(None, original):
        if b"\0" in chunk or _has_lone_ending(last, chunk):
            return Form.BASE64
        unfinished = _unfinished_line(chunk, unfinished)
        if unfinished > LINE_LIMIT + 1:
            return Form.BASE64
        plain, last = plain and chunk.isascii(), chunk[-1:]
    if last == b"\r" or unfinished > LINE_LIMIT:
        return Form.BASE64
    return Form.SEVEN_BIT if plain else Form.EIGHT_BIT


def allowed(form: Form, *, eight_bit: bool) -> Form:
    """The form for a relay that may lack 8BITMIME."""
    return Form.BASE64 if form is Form.EIGHT_BIT and not eight_bit else form


def _has_lone_ending(last: bytes, chunk: bytes) -> bool:
    """Whether a CR or LF stands alone, here or where this chunk joins the one before. One at its end is still open."""
    pairs = chunk.count(CRLF)
    returns = pairs + chunk.endswith(b"\r")
    feeds = pairs + (last == b"\r")
    if last == b"\r" and not chunk.startswith(b"\n"):
        return True
    return chunk.count(b"\n") != feeds or chunk.count(b"\r") != returns


def _unfinished_line(chunk: bytes, before: int) -> int:
    """Octets since the last LF, `before` of them in earlier chunks; more than LINE_LIMIT + 1 if any line is too long.

    It leaps from line end to line end as far apart as they may be: 40 MB take some milliseconds.
    """
    start = -before
    while len(chunk) - start > LINE_LIMIT + 1:
        end = chunk.rfind(b"\n", max(start, 0), start + LINE_LIMIT + 2)
        if end < 0:
            return LINE_LIMIT + 2
        start = end + 1
    end = chunk.rfind(b"\n", max(start, 0))
    return len(chunk) - (end + 1 if end >= 0 else start)


def _part_head(form: Form, boundary: str) -> bytes:
    kind = "application/octet-stream; name=original.eml" if form is Form.BASE64 else "message/rfc822"
    head = (
        f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {form}\r\n"
        "Content-Disposition: attachment; filename=original.eml\r\n\r\n"
    )
    return head.encode("ascii")


def base64_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Bytes that come in chunks, in base64 lines."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = len(data) - len(data) % BASE64_OCTETS
        rest = data[cut:]
        yield _base64_lines(data[:cut])
    yield _base64_lines(rest)


def _base64_lines(data: bytes) -> bytes:
    encoded = binascii.b2a_base64(data, newline=False)
    lines = [encoded[at : at + BASE64_LINE] for at in range(0, len(encoded), BASE64_LINE)]
    return CRLF.join([*lines, b""])
