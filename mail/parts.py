"""The parts of a mail (RFC 2046), found without a parser that could be led astray: bounded in number and depth."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mail.headers import Fields, decode_base64, first, read_parameter, read_words, split_head

MAX_PARTS = 100
MAX_DEPTH = 20

WANTED = frozenset({b"content-type", b"content-transfer-encoding", b"content-disposition"})
_TYPE = re.compile(rb"\s*([\w.+-]{1,80}/[\w.+-]{1,80})")
_MARK_END = re.compile(rb"(--)?[ \t]*(?=\r?\n|\Z)")
_NAME_LIMIT = 120
_SEPARATOR = re.compile(r"[/\\:]")


@dataclass(frozen=True)
class Part:
    """A part that holds no others. `body` is as it travels; `complete`: its end was seen."""

    content_type: str
    charset: str | None
    encoding: bytes
    disposition: bytes
    name: str
    body: bytes
    complete: bool

    @property
    def is_attached(self) -> bool:
        """Whether it is something beside the letter's own words."""
        return self.disposition == b"attachment" or bool(self.name) or not self.is_words

    @property
    def is_words(self) -> bool:
        """Whether it can be the letter itself."""
        return self.content_type in {"text/plain", "text/html"}

    @property
    def size(self) -> int:
        """About how many octets it has, once decoded; of a part cut off, those that were seen."""
        return len(self.body) * 3 // 4 if self.encoding == b"base64" else len(self.body)

    def content(self) -> bytes:
        """The decoded octets, whatever can be decoded of them."""
        if self.encoding == b"base64":
            return decode_base64(self.body)
        return binascii.a2b_qp(self.body) if self.encoding == b"quoted-printable" else self.body


@dataclass(frozen=True)
class Parts:
    """All parts in order; `overflow` says which bound was reached, if one was."""

    leaves: tuple[Part, ...]
    overflow: str | None


def read_parts(fields: Fields, body: bytes, *, truncated: bool) -> Parts:
    """The leaves of a mail. Attached mails stay closed."""
    waiting, leaves, overflow = [(fields, body, 0, not truncated)], list[Part](), None
    while waiting:
        own, content, depth, complete = waiting.pop()
        inside = _split(own, content, complete=complete)
        if inside and depth >= MAX_DEPTH:
            overflow = "too-deep"
        elif inside:
            waiting.extend((part, text, depth + 1, whole) for part, text, whole in reversed(inside))
        else:
            leaves.append(_leaf(own, content, complete=complete))
        if len(leaves) >= MAX_PARTS:
            return Parts(tuple(leaves), "too-many-parts")
    return Parts(tuple(leaves), overflow)


def content_type_of(fields: Fields) -> str:
    """Type and subtype in lower case; text/plain when there is none that makes sense (RFC 2045 section 5.2)."""
    found = _TYPE.match(first(fields, "content-type"))
    return found[1].decode("ascii", "replace").lower() if found else "text/plain"


def _split(fields: Fields, body: bytes, *, complete: bool) -> list[tuple[Fields, bytes, bool]]:
    """What stands inside a multipart; nothing when it is none, or has no boundary that occurs."""
    if not content_type_of(fields).startswith("multipart/"):
        return []
    boundary = read_parameter(first(fields, "content-type"), "boundary")
    if not boundary:
        return []
    return _between(b"--" + boundary.encode("utf-8", "replace"), body, complete=complete)


def _between(delimiter: bytes, body: bytes, *, complete: bool) -> list[tuple[Fields, bytes, bool]]:
    found, start = list[tuple[Fields, bytes, bool]](), -1
    for before, after, closes in _marks(delimiter, body):
        if start >= 0:
            found.append(_inside(body[start:before], complete=True))
        start = -1 if closes else after
        if start < 0 or len(found) > MAX_PARTS:
            return found
    return [*found, _inside(body[start:], complete=complete)] if start >= 0 else found


def _marks(delimiter: bytes, body: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where each delimiter line begins, with the line end before it, where it ends, and whether it is the last one."""
    at = body.find(delimiter)
    while at >= 0:
        before, rest = _line_before(body, at), _MARK_END.match(body, at + len(delimiter))
        if before >= 0 and rest:
            yield before, rest.end(), bool(rest[1])
        at = body.find(delimiter, at + 1)


def _line_before(body: bytes, start: int) -> int:
    """Where the line before `start` ends, without its line end; -1 when no line begins there."""
    if start == 0:
        return 0
    if body[start - 1] != 0x0A:
        return -1
    return start - 1 - (start > 1 and body[start - 2] == 0x0D)


def _inside(part: bytes, *, complete: bool) -> tuple[Fields, bytes, bool]:
    fields, body = split_head(part.removeprefix(b"\r").removeprefix(b"\n"), WANTED)
    return fields, part.removeprefix(b"\r").removeprefix(b"\n")[body:], complete


def _leaf(fields: Fields, body: bytes, *, complete: bool) -> Part:
    kind, disposition = first(fields, "content-type"), first(fields, "content-disposition")
    content_type = content_type_of(fields)
    return Part(
        content_type="text/plain" if content_type.startswith("multipart/") else content_type,
        charset=read_parameter(kind, "charset"),
        encoding=first(fields, "content-transfer-encoding").strip().lower(),
        disposition=disposition.partition(b";")[0].strip().lower(),
        name=_file_name(read_parameter(disposition, "filename") or read_parameter(kind, "name") or ""),
        body=body,
        complete=complete,
    )


def _file_name(name: str) -> str:
    """A name that is only a name: no path, no control or bidirectional characters."""
    words = read_words(name[:2000].encode("utf-8", "replace"), 500)
    return _SEPARATOR.split(words)[-1].strip(". ")[-_NAME_LIMIT:]
