"""Header fields as bytes to what they say. Everything here takes any bytes and never more time than their length.

Not `email.policy.default`: each access to a header can raise, and costs twenty times as much.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from mail.text import decode, one_line

Fields = Mapping[str, list[bytes]]
"""Wanted header fields by lower-case name, in the order in which they stand, the topmost first; unfolded."""

VALUE_LIMIT = 64 * 1024
_BY_LAST_SERVER = frozenset({b"delivered-to", b"x-original-to", b"return-path"})
"""What our own server writes stands above its Received line; below it, the sender may have written it."""

_LINE_ENDS = (b"\n", b"\r\n")
_EMPTY_HEAD = re.compile(rb"\r?\n(?:\r?\n)?")
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:[ \t]*+([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_ENCODED = re.compile(rb"=\?([\w.:+-]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?\n]*+)\?=")
_BETWEEN = re.compile(rb"(\?=)[ \t\n]+(?==\?)")
_LISTED = re.compile("[,;]")
_ASIDE = re.compile(r'\\.|"(?:[^"\\]|\\.)*+"(?!@)|\((?:[^()\\]|\\.|\([^()]*+\))*+\)')
_ADDRESS = re.compile(
    r"""(?:[^\s<>()\[\],;:\\"@]{1,64}|"[^"\\\s]{1,62}")@[^\s<>()\[\],;:\\"@.][^\s<>()\[\],;:\\"@]{0,253}"""
)
_ANGLE = re.compile(r"[^<>]*+<\s*([^<>]*?)\s*>\s*")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,995}>")


class Mailbox(NamedTuple):
    """One address and the name its owner gives himself."""

    name: str
    address: str


def split_head(raw: bytes, wanted: frozenset[bytes]) -> tuple[dict[str, list[bytes]], int]:
    """The wanted fields of a head, and where the body begins."""
    end, body = _head_end(raw)
    head = raw[:end].replace(b"\r\n", b"\n").replace(b"\r", b" ")
    fields: dict[str, list[bytes]] = {}
    for field in _FIELD.finditer(head):
        name = field[1].lower()
        if name in wanted and not (name in _BY_LAST_SERVER and "received" in fields):
            fields.setdefault(name.decode("ascii"), []).append(field[2][:VALUE_LIMIT])
    return fields, body


def _head_end(raw: bytes) -> tuple[int, int]:
    """Where the head ends, and where the body begins, after the first empty line."""
    if empty := _EMPTY_HEAD.match(raw):
        return empty.span()
    end = raw.find(b"\n")
    while end >= 0:
        if raw.startswith(_LINE_ENDS, end + 1):
            body = raw.index(b"\n", end + 1) + 1
            return end - (raw[end - 1 : end] == b"\r"), body
        end = raw.find(b"\n", end + 1)
    return len(raw), len(raw)


def first(fields: Fields, name: str) -> bytes:
    """The topmost value of a field, or nothing."""
    return fields.get(name, [b""])[0]


def read_words(value: bytes, limit: int) -> str:
    """Text of an unstructured field, encoded words decoded (RFC 2047), in one line."""
    return one_line(_decode_words(value[: limit * 16]), limit)


def read_mailboxes(value: bytes) -> list[Mailbox] | None:
    """The mailboxes of an address field. None when a part of it that looks like an address is not exactly one.

    Comments and quoted names are no addresses; `alice@example.org)bob@evil.test` is none either.
    """
    text = _ASIDE.sub(_placeholder, decode(value, None).replace("\n", " ").replace("\0", " "))
    found = [_read_mailbox(piece) for piece in _LISTED.split(text) if "@" in piece or "<" in piece]
    return None if None in found else [one for one in found if one]


def read_addresses(value: bytes) -> Iterator[str]:
    """All well-formed addresses of a field, in lower case; what is malformed is left out."""
    text = _ASIDE.sub(" ", decode(value, None).replace("\n", " "))
    for piece in _LISTED.split(text):
        if mailbox := _read_mailbox(piece):
            yield mailbox.address.lower()


def sender_name(value: bytes) -> str:
    """The display name of the first mailbox, as its writer gives it."""
    head, angle, _ = value.partition(b"<")
    return read_words(head.strip().strip(b'"'), 200) if angle else ""


def read_date(value: bytes) -> datetime | None:
    """An instant, or None; without a zone it is read as UTC (RFC 5322 section 3.3)."""
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        read = parsedate_to_datetime(value[:200].decode("ascii", "replace"))
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    return None


def read_ids(value: bytes) -> tuple[str, ...]:
    """The message identifiers of a field, each once. `< >` is none."""
    return tuple(dict.fromkeys(_MESSAGE_ID.findall(value.decode("ascii", "replace"))))


def read_parameter(value: bytes, name: str) -> str | None:
    """A parameter of a structured field such as Content-Type, RFC 2231 included."""
    quick = re.search(
        rb';[ \t\n]*%s[ \t]*=[ \t]*(?:"([^"\\]*)"|([^\s;"]+))' % name.encode("ascii"), value, re.IGNORECASE
    )
    if quick:
        return decode(quick[1] if quick[1] is not None else quick[2], None)
    return _read_parameter_rfc2231(value, name) if f"{name}*".encode("ascii") in value.lower() else None


def _read_parameter_rfc2231(value: bytes, name: str) -> str | None:
    message = Message()
    message["Content-Type"] = decode(value[:4096], None).replace("\n", " ")
    with suppress(Exception):  # the standard library raises what it likes here
        found = message.get_param(name)
        if isinstance(found, tuple):
            return decode(found[2].encode("latin-1", "replace"), found[0])
        return found
    return None


def _decode_words(value: bytes) -> str:
    """Neighbours in the same charset are joined before decoding: writers cut inside characters."""
    if b"=?" not in value:
        return decode(value, None)
    parts: list[tuple[bytes, str | None]] = []
    position, joined = 0, _BETWEEN.sub(rb"\1", value)
    for word in _ENCODED.finditer(joined):
        if word.start() > position:
            parts.append((joined[position : word.start()], None))
        data, charset = _decode_word(word[2], word[3]), word[1].decode("ascii").lower()
        if parts and parts[-1][1] == charset:
            data = parts.pop()[0] + data
        parts.append((data, charset))
        position = word.end()
    parts.append((joined[position:], None))
    return "".join(decode(data, charset) for data, charset in parts)


def _decode_word(encoding: bytes, data: bytes) -> bytes:
    if encoding in b"bB":
        return decode_base64(data)
    return binascii.a2b_qp(data, header=True)


def decode_base64(data: bytes) -> bytes:
    """Whatever can be decoded of it; foreign characters and a missing end are forgiven."""
    letters = re.sub(rb"[^A-Za-z0-9+/]+", b"", data)
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _read_mailbox(piece: str) -> Mailbox | None:
    piece = piece.rpartition(":")[2] if "<" not in piece.partition(":")[0] else piece
    angle = _ANGLE.fullmatch(piece)
    address = angle[1] if angle else piece.replace("\0", " ").strip()
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        return None
    name = piece.partition("<")[0] if angle else ""
    return None if "@" in name and name.strip() != address else Mailbox(name, address)


def _placeholder(aside: re.Match[str]) -> str:
    return "\0" if aside[0].startswith('"') else " "
