"""A letter as the page shows it: never raising, whatever was sent."""

import re
from collections.abc import Iterator
from contextlib import suppress
from email import policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from typing import Any

Json = dict[str, Any]
SHOWN = ("From", "To", "Cc", "Reply-To", "Subject", "Date")
MOST_TEXT = 200_000


def parse(raw: bytes) -> Message:
    return BytesParser(policy=policy.compat32).parsebytes(raw)


def field(letter: Message, name: str) -> str:
    """A header's text, decoded if it can be."""
    value = str(letter.get(name, ""))
    with suppress(LookupError, ValueError):
        value = str(make_header(decode_header(value)))
    return re.sub(r"[\r\n]+\s*", " ", value)


def describe(letter: Message) -> Json:
    text, html = _find_body(letter, "text/plain"), _find_body(letter, "text/html")
    return {
        "headers": [[name, field(letter, name)] for name in SHOWN if letter.get(name)],
        "id": field(letter, "Message-ID"),
        "text": _read_text(text)[:MOST_TEXT] if text is not None else "",
        "html": html is not None,
        "parts": [_describe_part(number, part) for number, part in enumerate(attachments(letter))],
    }


def attachments(letter: Message) -> list[Message]:
    shown = {id(_find_body(letter, "text/plain")), id(_find_body(letter, "text/html"))}
    return [part for part in _leaves(letter) if id(part) not in shown]


def attached_letter(part: Message) -> Message | None:
    inner = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    if isinstance(inner, list) and inner and isinstance(inner[0], Message):
        return inner[0]
    if (part.get_filename() or "").endswith(".eml"):
        return parse(content(part))
    return None


def content(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else part.as_bytes()


def html(letter: Message) -> str:
    part = _find_body(letter, "text/html")
    return _read_text(part) if part is not None else ""


def _leaves(part: Message) -> Iterator[Message]:
    """The parts, not looking into attached letters."""
    inside = part.get_payload() if part.get_content_maintype() == "multipart" else None
    if not isinstance(inside, list):
        yield part
        return
    for each in inside:
        if isinstance(each, Message):
            yield from _leaves(each)


def _find_body(letter: Message, kind: str) -> Message | None:
    for part in _leaves(letter):
        if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
            return part
    return None


def _read_text(part: Message) -> str:
    raw = content(part)
    for charset in ("utf-8", part.get_content_charset() or "windows-1252"):
        try:
            return raw.decode(charset)
        except (LookupError, UnicodeDecodeError):
            continue
    return raw.decode("windows-1252", "replace")


def _describe_part(number: int, part: Message) -> Json:
    inner = attached_letter(part)
    name = field(inner, "Subject") if inner is not None and not part.get_filename() else part.get_filename()
    return {
        "number": number,
        "name": name or "attachment",
        "type": part.get_content_type(),
        "size": len(part.as_bytes()) if inner is not None else len(content(part)),
        "letter": inner is not None,
    }
