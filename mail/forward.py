"""Composing what we send: a new message from us, and the original spliced in byte for byte (RFC 5322, 2045, 2046).

A message is composed once, when it is first tried, and kept: `content` is all of it but the original, which is added
while sending, in the form that it and the relay allow.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr
from enum import StrEnum
from functools import lru_cache

from storage.outbox import Words

CRLF = b"\r\n"
LINE_LIMIT = 998
"""Octets in a line, without CRLF (RFC 5322 section 2.1.1)."""

BASE64_OCTETS = 57
BASE64_LINE = 76
ENCODED_WORD = 39
"""Octets in an encoded word: as 52 letters, with all around them, they stay under 76."""

_TEXT_HEAD = b"Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Form(StrEnum):
    """How an original may travel: message/rfc822 as it is, or as a file in base64 (RFC 2046 section 5.2.1)."""

    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    BASE64 = "base64"


@dataclass(frozen=True)
class Envelope:
    """The head of a message of ours. `fields` stand in place of the usual References and Auto-Submitted."""

    company: str
    sender: str
    recipient: str
    reply_to: str
    message_id: str
    language: str
    queued_at: datetime
    original_sha256: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


def compose(words: Words, envelope: Envelope, *, boundary: str, with_original: bool) -> bytes:
    """The bytes of a message, up to where its original is spliced in, if there is one. All of it is 7bit."""
    body = _body(words, f"{boundary}-a")
    head = _head(words.subject, envelope)
    if not with_original:
        return head + body
    mixed = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'
    return head + mixed.encode("ascii") + body


def is_spliced(content: bytes, boundary: str) -> bool:
    """Whether a message that was composed with this boundary is one that an original is spliced into."""
    return f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n'.encode("ascii") in content


def splice(content: bytes, original: Iterable[bytes], form: Form, *, boundary: str) -> Iterator[bytes]:
    """The whole message with its original, in chunks: what goes over the wire before dot-stuffing."""
    if form is Form.EIGHT_BIT:
        yield b"Content-Transfer-Encoding: 8bit\r\n"
    yield content
    yield _part_head(form, boundary)
    yield from _base64(original) if form is Form.BASE64 else original
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


def one_line(text: str) -> str:
    """Text without line breaks and control characters: nothing that could begin another header."""
    return _CONTROL.sub(" ", text).strip()


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


def _head(subject: str, envelope: Envelope) -> bytes:
    name = one_line(envelope.company)
    fields = [
        ("From", _mailbox(name, envelope.sender)),
        ("To", envelope.recipient),
        ("Reply-To", envelope.reply_to),
        ("Subject", _encoded(one_line(subject))),
        ("Date", format_datetime(envelope.queued_at)),
        ("Message-ID", envelope.message_id),
        *(envelope.fields or _usual_fields(envelope)),
        ("Content-Language", envelope.language),
        ("MIME-Version", "1.0"),
    ]
    if envelope.original_sha256:
        fields.append(("X-Kavkom-Original-SHA256", envelope.original_sha256))
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")


@lru_cache(maxsize=16)
def _mailbox(name: str, address: str) -> str:
    return formataddr((name, address))


def _usual_fields(envelope: Envelope) -> list[tuple[str, str]]:
    """Some relays replace Message-ID and keep References."""
    return [("References", envelope.message_id), ("Auto-Submitted", "auto-generated")]


def _encoded(text: str) -> str:
    """Text for a header, in lines of one encoded word each unless it is ASCII (RFC 2047)."""
    if text.isascii():
        return text
    words = ["=?utf-8?b?" + binascii.b2a_base64(word, newline=False).decode("ascii") + "?=" for word in _cut(text)]
    return "\r\n ".join(words)


def _cut(text: str) -> Iterator[bytes]:
    """UTF-8 in pieces that fill a line of 76 octets behind "Subject: ", never cut inside a character."""
    data, start = text.encode("utf-8", "replace"), 0
    while start < len(data):
        end = start + ENCODED_WORD
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[start:end]
        start = end


def _body(words: Words, boundary: str) -> bytes:
    plain = _text_part(b"plain", words.text)
    if words.html is None:
        return plain
    mark = boundary.encode("ascii")
    head = b'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n' % mark
    html = _text_part(b"html", words.html)
    return head + b"--%s\r\n%s\r\n--%s\r\n%s\r\n--%s--\r\n" % (mark, plain, mark, html, mark)


def _text_part(subtype: bytes, text: str) -> bytes:
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    return _TEXT_HEAD % subtype + _quoted_printable(lines.encode("utf-8", "replace"))


def _quoted_printable(text: bytes) -> bytes:
    """RFC 2045 section 6.7; a line that begins with a dot or "From " is protected from meddling servers."""
    encoded = CRLF + binascii.b2a_qp(text, istext=True)
    return encoded.replace(b"\n.", b"\n=2E").replace(b"\nFrom ", b"\n=46rom ")[2:]


def _part_head(form: Form, boundary: str) -> bytes:
    kind = "application/octet-stream; name=original.eml" if form is Form.BASE64 else "message/rfc822"
    head = (
        f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {form}\r\n"
        "Content-Disposition: attachment; filename=original.eml\r\n\r\n"
    )
    return head.encode("ascii")


def _base64(original: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in original:
        data = rest + chunk
        cut = len(data) - len(data) % BASE64_OCTETS
        rest = data[cut:]
        yield _base64_lines(data[:cut])
    yield _base64_lines(rest)


def _base64_lines(data: bytes) -> bytes:
    encoded = binascii.b2a_base64(data, newline=False)
    lines = [encoded[at : at + BASE64_LINE] for at in range(0, len(encoded), BASE64_LINE)]
    return CRLF.join([*lines, b""])
