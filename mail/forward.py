"""Composing what we send: a new message from us, and the original spliced in byte for byte (RFC 5322, 2045, 2046).

A message is composed once, when it is first tried, and kept: `content` is all of it but the original, which is added
while sending, in the form that it and the relay allow (storage/splicing.py).
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr
from functools import lru_cache

from storage.outbox import Words
from storage.splicing import CRLF, Form, allowed, form_of, is_spliced, splice

__all__ = ["Envelope", "Form", "allowed", "compose", "form_of", "is_spliced", "one_line", "splice"]

ENCODED_WORD = 39
"""Octets in an encoded word: as 52 letters, with all around them, they stay under 76."""

_TEXT_HEAD = b"Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Envelope:
    """The head of a message of ours. `fields` stand in place of the usual References and Auto-Submitted.

    `meant_for`: in a drill, whom it would go to in earnest.
    """

    company: str
    sender: str
    recipient: str
    reply_to: str
    message_id: str
    language: str
    queued_at: datetime
    original_sha256: str | None = None
    meant_for: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


def compose(words: Words, envelope: Envelope, *, boundary: str, mixed: bool) -> bytes:
    """The bytes of a message, up to where its original or its files are joined, if there are any. All of it is 7bit."""
    body = _body(words, f"{boundary}-a")
    head = _head(words.subject, envelope)
    if not mixed:
        return head + body
    part = f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'
    return head + part.encode("ascii") + body


def one_line(text: str) -> str:
    """Text without line breaks and control characters: nothing that could begin another header."""
    return _CONTROL.sub(" ", text).strip()


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
    if envelope.meant_for:
        fields.append(("X-Drill-For", one_line(envelope.meant_for)))
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
