"""Composing what we send: a new message from us, and the original spliced in byte for byte (RFC 5322, 2045, 2046).

A message is composed once, when it is first tried, and kept: `content` is all of it but the original, which is added
while sending, in the form that it and the relay allow.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from enum import StrEnum

from storage.outbox import Words

CRLF = b"\r\n"
LINE_LIMIT = 998
"""Octets in a line, without CRLF (RFC 5322 section 2.1.1)."""

BASE64_LINE = 57
_TOO_LONG = re.compile(rb"[^\r\n]{%d}" % (LINE_LIMIT + 1))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Form(StrEnum):
    """How an original may travel: message/rfc822 as it is, or as a file in base64 (RFC 2046 section 5.2.1)."""

    SEVEN_BIT = "7bit"
    EIGHT_BIT = "8bit"
    BASE64 = "base64"


@dataclass(frozen=True)
class Envelope:
    """The head of a message of ours."""

    company: str
    sender: str
    recipient: str
    reply_to: str
    message_id: str
    language: str
    queued_at: datetime
    original_sha256: str | None = None


def compose(words: Words, envelope: Envelope, *, boundary: str, with_original: bool) -> bytes:
    """The bytes of a message, up to where its original is spliced in, if there is one. All of it is 7bit."""
    body = _body(words, f"{boundary}-a")
    head = _head(words.subject, envelope)
    if not with_original:
        return head + body
    mixed = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'
    return head + mixed.encode("ascii") + body


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
    rest, plain = b"", True
    for chunk in original:
        text = rest + chunk
        lines, ending, last = text.rpartition(CRLF)
        whole, rest = lines + ending, last
        if len(rest) > LINE_LIMIT + 1 or _needs_base64(whole):
            return Form.BASE64
        plain = plain and chunk.isascii()
    if _needs_base64(rest):
        return Form.BASE64
    return Form.SEVEN_BIT if plain else Form.EIGHT_BIT


def allowed(form: Form, *, eight_bit: bool) -> Form:
    """The form for a relay that may lack 8BITMIME."""
    return Form.BASE64 if form is Form.EIGHT_BIT and not eight_bit else form


def one_line(text: str) -> str:
    """Text without line breaks and control characters: nothing that could begin another header."""
    return _CONTROL.sub(" ", text).strip()


def _needs_base64(text: bytes) -> bool:
    lines = text.count(CRLF)
    return b"\0" in text or text.count(b"\n") != lines or text.count(b"\r") != lines or bool(_TOO_LONG.search(text))


def _head(subject: str, envelope: Envelope) -> bytes:
    name = one_line(envelope.company)
    fields = [
        ("From", formataddr((name, envelope.sender))),
        ("To", envelope.recipient),
        ("Reply-To", envelope.reply_to),
        ("Subject", _encoded(one_line(subject), 9)),
        ("Date", format_datetime(envelope.queued_at)),
        ("Message-ID", envelope.message_id),
        ("References", envelope.message_id),  # some relays replace Message-ID and keep this
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", envelope.language),
        ("MIME-Version", "1.0"),
    ]
    if envelope.original_sha256:
        fields.append(("X-Kavkom-Original-SHA256", envelope.original_sha256))
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")


def _encoded(text: str, used: int) -> str:
    return Header(text, "utf-8", header_name=" " * used).encode(linesep="\r\n") if not text.isascii() else text


def _body(words: Words, boundary: str) -> bytes:
    plain = _text_part("plain", words.text)
    if words.html is None:
        return plain
    mark = boundary.encode("ascii")
    head = b'Content-Type: multipart/alternative; boundary="%s"\r\n\r\n' % mark
    html = _text_part("html", words.html)
    return head + b"--%s\r\n%s\r\n--%s\r\n%s\r\n--%s--\r\n" % (mark, plain, mark, html, mark)


def _text_part(subtype: str, text: str) -> bytes:
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    return head.encode("ascii") + _quoted_printable(lines.encode("utf-8", "replace"))


def _quoted_printable(text: bytes) -> bytes:
    """RFC 2045 section 6.7; a line that begins with a dot or "From " is protected from meddling servers."""
    encoded = binascii.b2a_qp(text, istext=True)
    return re.sub(rb"(?m)^(?:\.|F(?=rom ))", lambda found: b"=%02X" % found[0][0], encoded)


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
        cut = len(data) - len(data) % BASE64_LINE
        rest = data[cut:]
        yield b"".join(_base64_line(data[at : at + BASE64_LINE]) for at in range(0, cut, BASE64_LINE))
    yield _base64_line(rest) if rest else b""


def _base64_line(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False) + CRLF
