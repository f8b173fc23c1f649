"""A mail's bytes, read: pure, bounded, and never raising, whatever the bytes.

Only what the author and the last server wrote counts as an address: To, Cc, and the topmost Delivered-To and
X-Original-To, which stand above the first Received line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from mail.headers import (
    Fields,
    first,
    read_addresses,
    read_date,
    read_ids,
    read_mailboxes,
    read_words,
    sender_name,
    split_head,
)
from mail.language import guess_language
from mail.latin import Table
from mail.markup import HTML_LIMIT, read_html
from mail.parts import Part, Parts, content_type_of, read_parts
from mail.text import TEXT_LIMIT, clean, decode, decode_head, own_words, shorten
from storage.file_names import EXECUTABLE

HEAD = 256 * 1024
"""Octets of a mail that are parsed; all of it is kept and forwarded."""

_WANTED = frozenset(
    name.encode("ascii")
    for name in (
        "subject from reply-to date message-id in-reply-to references to cc delivered-to x-original-to return-path "
        "received auto-submitted x-autoreply x-autorespond precedence list-id list-unsubscribe content-type "
        "content-transfer-encoding content-disposition"
    ).split()
)
_MACHINE = re.compile(
    r"(?:mailer-daemon|postmaster|(?:.*[-_.])?(?:no|do-?not|ne-?pas)[-_.]?(?:reply|repl|repondre|responder|antworten))"
    r"(?:[-_.+].*)?"
)
_IDENTITY = re.compile(
    r"carte.?(?:nationale)?.?d?.?identit|pi[eè]ce.?(?:d.?)?identit|passe?.?port|(?<![a-z])(?:cni|dni|nie)(?![a-z])|"
    r"id.?card|identity|identit[aéey]|permis|driving.?licen|titre.?de.?s[eé]jour|ausweis|f[uü]hrerschein|paspoort|"
    r"rijbewijs|pasaporte|passaporte|patente|dowod",
    re.IGNORECASE,
)
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_WORD = re.compile(r"\w{2,}")
_NAME = re.compile(r"\b[A-Z\u00c0-\u00de]\w{4,}")
_LINK_TEXT = re.compile(r"\[[^\]\n]{0,300}\]|<[^>\n]{0,300}>|https?:\S{1,500}|(?<!\S)\S{1,64}@\S{1,200}")
"""What stands in a text for the images and the links of its HTML."""

_IN_WORD = re.compile(r"\w")
_LONG_NUMBER = re.compile(r"\d(?:[ \t.\-/()\xa0\u202f]{0,3}\d){7,14}")
_NO_DIGIT = re.compile(r"\D+")


@dataclass(frozen=True)
class Attachment:
    """A part that is not the letter's own words. `size` is about right; `flags`: executable, identity."""

    name: str
    content_type: str
    size: int
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """What can be read of a mail. `sender` is None unless From gives exactly one mailbox.

    `automatic` says why it is automatic mail (RFC 3834), `unreadable` why it could not be read; None when it is not so.
    `hidden`: its HTML has words that nobody sees, or says something else than its text. `shortened`: the text is cut.
    `return_path` is the envelope's sender as our server noted it: None without a note, "" when it cannot be read.
    """

    subject: str = ""
    sender: str | None = None
    sender_name: str = ""
    reply_to: str | None = None
    reply_unclear: bool = False
    return_path: str | None = None
    date: datetime | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    text: str = ""
    language: str = "fr"
    automatic: str | None = None
    attachments: tuple[Attachment, ...] = ()
    received_lines: int = 0
    shortened: bool = False
    hidden: bool = False
    unreadable: str | None = None


def read_letter(raw: bytes, *, truncated: bool = False) -> Letter:
    """Read a mail from its first HEAD octets; `truncated` when `raw` is not all of it. Never raises."""
    head, truncated = _without_envelope_line(raw[:HEAD]), truncated or len(raw) > HEAD
    letter = Letter(unreadable="headers")
    try:
        fields, body = split_head(head, _WANTED)
        if fields:
            letter = _read_headers(fields)
            letter = _read_body(letter, fields, head[body:], truncated=truncated)
    except Exception:  # noqa: BLE001 - the promise above; nothing is known to raise, and the mail is kept whatever happens
        return replace(letter, unreadable=letter.unreadable or "body")
    return letter


def _without_envelope_line(head: bytes) -> bytes:
    """Without the line that begins a mail in an mbox file."""
    return head.partition(b"\n")[2] if head.startswith((b"From ", b">From ")) else head


# --- headers ---


def _read_headers(fields: Fields) -> Letter:
    references, sender = read_ids(first(fields, "references")), _only_mailbox(fields, "from")
    reply_to = _only_mailbox(fields, "reply-to")
    return Letter(
        subject=read_words(first(fields, "subject"), 500),
        sender=sender,
        sender_name=sender_name(first(fields, "from")),
        reply_to=reply_to,
        reply_unclear="reply-to" in fields and reply_to is None,
        return_path=(_only_mailbox(fields, "return-path") or "") if "return-path" in fields else None,
        date=read_date(first(fields, "date")),
        message_id=next(iter(read_ids(first(fields, "message-id"))), None),
        in_reply_to=next(iter(read_ids(first(fields, "in-reply-to"))), None),
        references=references[-50:],
        recipients=_recipients(fields),
        automatic=_automatic(fields, sender or ""),
        received_lines=len(fields.get("received", [])),
    )


def _only_mailbox(fields: Fields, name: str) -> str | None:
    """The address of a field that gives exactly one mailbox; anything else is ambiguous."""
    values = fields.get(name, [])
    found = read_mailboxes(values[0]) if len(values) == 1 else None
    return found[0].address if found and len(found) == 1 else None


def _recipients(fields: Fields) -> tuple[str, ...]:
    values = [first(fields, "delivered-to"), first(fields, "x-original-to")]
    values += [*fields.get("to", []), *fields.get("cc", [])]
    return tuple(dict.fromkeys(address for value in values for address in read_addresses(value)))


def _automatic(fields: Fields, sender: str) -> str | None:
    """Why this is automatic mail (RFC 3834 section 2, RFC 2919, RFC 2369), or None.

    X-Autoreply, X-Autorespond and Precedence: auto_reply are what responders wrote before RFC 3834, and still do.
    X-Auto-Response-Suppress is no reason: Exchange puts it on what people write.
    """
    submitted = first(fields, "auto-submitted").partition(b";")[0].split()
    precedence = first(fields, "precedence").strip().lower()
    reasons = {
        "auto-submitted": submitted and submitted[0].lower() != b"no",
        "auto-reply": "x-autoreply" in fields or "x-autorespond" in fields or precedence == b"auto_reply",
        "null-sender": first(fields, "return-path").strip() == b"<>",
        "list": "list-id" in fields or "list-unsubscribe" in fields,
        "bulk": precedence in {b"bulk", b"list", b"junk"},
        "report": content_type_of(fields) == "multipart/report",
        "machine-sender": _MACHINE.fullmatch(sender.rpartition("@")[0].lower()),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


# --- body ---


def _read_body(letter: Letter, fields: Fields, body: bytes, *, truncated: bool) -> Letter:
    parts = read_parts(fields, body, truncated=truncated)
    words = _own_parts(parts)
    plain = clean("\n".join(_text_of(part) for part in words if part.content_type == "text/plain"))
    seen = [read_html(_text_of(part)[:HTML_LIMIT]) for part in words if part.content_type == "text/html"]
    html = clean("\n".join(one.text for one in seen))
    text, cut = shorten(plain if _WORD.search(plain) or not html else html)
    return replace(
        letter,
        text=text,
        language=guess_language(f"{letter.subject}\n{own_words(text[:2000])[:1000]}"),
        attachments=tuple(_attachments(parts.leaves)),
        shortened=cut or any(not part.complete for part in words),
        hidden=any(one.hidden for one in seen) or _disagree(plain, html),
        unreadable=_unreadable(fields, parts, text, truncated=truncated),
    )


def _own_parts(parts: Parts) -> list[Part]:
    """What the letter itself says; a text that only has a name is that too, when there is no other."""
    texts = [part for part in parts.leaves if part.is_words and part.disposition != b"attachment"]
    return [part for part in texts if not part.name] or texts


def _text_of(part: Part) -> str:
    return decode(part.content(), part.charset) if part.complete else decode_head(part.content(), part.charset)


def _disagree(plain: str, html: str) -> bool:
    """Whether two texts that should be one differ: in numbers, in names, or in most of the shorter one's words.

    The first is the one that is read: what it says alone, nobody sees who looks at the other.
    """
    if not html or not plain:
        return False
    first_numbers, second_numbers = set(_numbers(plain)), set(_numbers(html))
    if first_numbers and first_numbers != second_numbers:
        return True
    first_words, second_words = _words_of(plain), _words_of(html)
    if not first_words <= second_words and not _names_of(plain) <= second_words:
        return True
    fewer = min(len(first_words), len(second_words))
    return fewer >= 8 and len(first_words & second_words) * 3 < fewer


def _names_of(text: str) -> set[str]:
    """The longer words with a capital in what is read of a text, in lower case."""
    return {name.lower() for name in _NAME.findall(_LINK_TEXT.sub(" ", text[:TEXT_LIMIT]))}


def _words_of(text: str) -> set[str]:
    """Its words of two letters or more, in lower case."""
    words = _words_table().apply(text)
    return {word for word in set(_WORD.findall(text.lower()) if words is None else words.split()) if len(word) > 1}


@cache
def _words_table() -> Table:
    return Table(lambda character: character.lower() if _IN_WORD.match(character) else " ")


def _numbers(text: str) -> Iterator[str]:
    """The digits of what may be telephone numbers."""
    return (_NO_DIGIT.sub("", number) for number in _LONG_NUMBER.findall(text))


def _attachments(leaves: tuple[Part, ...]) -> Iterator[Attachment]:
    for part in leaves:
        if part.is_attached:
            name = part.name or part.content_type.replace("/", ".")
            yield Attachment(name, part.content_type, part.size, tuple(_flags(name)))


def _flags(name: str) -> Iterator[str]:
    if EXECUTABLE.search(name):
        yield "executable"
    if _IDENTITY.search(name):
        yield "identity"


def _unreadable(fields: Fields, parts: Parts, text: str, *, truncated: bool) -> str | None:
    if content_type_of(fields) in _ENCRYPTED:
        return "encrypted"
    if parts.overflow or text.strip():
        return parts.overflow
    return "too-large" if truncated else None
