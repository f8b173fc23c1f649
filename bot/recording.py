"""A letter, a call, a mail that a colleague saved: into the record with its real date, as if it had come by mail.

A saved mail is kept byte for byte. Any other file is put into a plain message of ours, so that the record, the forward
and "Read it" know one form only. The same file recorded twice gives the same bytes, and so is seen.
"""

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Group
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path

from bot.desk import Desk
from bot.refusals import FileEmpty, FileTooLarge, FileUnreadable
from bot.ways import Way
from storage import recording
from storage.messages import PART, add_part
from storage.tables import ADDRESS
from storage.types import Actor
from templates import LANGUAGES, render

LIMIT = 25 << 20
"""Octets of a file: more is not taken by most customers' servers."""

GROUP = 4 * PART
"""Octets written in one transaction."""

_HEAD = 256 * 1024
_FIELD = re.compile(rb"(?:From [^\r\n]*\r?\n)?[!-9;-~]+[ \t]*:")
_FROM = re.compile(rb"^from[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_ONE_MAILBOX = re.compile(rf"(?:[^<>@]*<)?\s*({ADDRESS.pattern})\s*>?")


@dataclass(frozen=True)
class Recording:
    """What will be kept. `sender` is the data subject's address, if one is known."""

    raw: bytes
    received_at: datetime
    way: Way
    sender: str | None


def prepare(
    path: Path, *, received_at: datetime, way: Way | None, sender: str | None, own_address: str | None
) -> Recording:
    """Read a file and give it the form of a mail. Raises FileUnreadable, FileEmpty, FileTooLarge."""
    content = _read(path)
    if _is_mail(path, content):
        return Recording(content, received_at, way or Way.EMAIL, sender or find_sender(content))
    kept = Recording(content, received_at, way or Way.LETTER, sender)
    return Recording(wrap(kept, _shown_name(path), own_address=own_address), received_at, kept.way, sender)


def preview(desk: Desk, prepared: Recording, *, now: datetime) -> None:
    """Change nothing; raise what `record` would raise."""
    with desk.database.reading() as session:
        recording.refuse_recording(session, prepared.raw, received_at=prepared.received_at, now=now)


def record(desk: Desk, prepared: Recording, *, by: Actor, now: datetime) -> str:
    """Keep it, and hold a request for it; the reference. Raises InstantInFuture, AlreadyRecorded."""
    with desk.database.begin() as session:
        recording.refuse_recording(session, prepared.raw, received_at=prepared.received_at, now=now)
        message_id = recording.begin_recording(
            session, received_at=prepared.received_at, size=len(prepared.raw), sender=prepared.sender
        )
    for group in _groups(prepared.raw):
        with desk.database.begin() as session:
            for ordinal, part in group:
                add_part(session, message_id, ordinal, part)
    with desk.decide() as session:
        return recording.finish_recording(session, message_id, means=prepared.way.value, by=by, now=now).reference


def wrap(kept: Recording, name: str, *, own_address: str | None) -> bytes:
    """A message of ours with the file attached; a text also stands in the body, where it can be read on a telephone."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = kept.sender or Group("Unknown", ())
    if own_address:
        message["Sender"] = message["To"] = own_address
    message["Date"] = format_datetime(kept.received_at)
    message["Subject"] = _said("recorded_subject", kept, name, " / ")
    message.set_content(f"{_said('recorded', kept, name)}\n\n{_text_of(name, kept.raw)}".rstrip() + "\n")
    main, _, sub = _content_type(name).partition("/")
    message.add_attachment(kept.raw, maintype=main, subtype=sub, filename=name)
    message.set_boundary(f"recorded-{sha256(kept.raw).hexdigest()[:32]}")
    return message.as_bytes()


def find_sender(raw: bytes) -> str | None:
    """The address of a saved mail's From, if it plainly gives one."""
    head = re.split(rb"\r?\n\r?\n", raw[:_HEAD], maxsplit=1)[0]
    found = _FROM.findall(head)
    mailbox = _ONE_MAILBOX.fullmatch(" ".join(found[0].decode("utf-8", "replace").split())) if len(found) == 1 else None
    return mailbox[1].lower() if mailbox else None


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LIMIT else b""
    except OSError as error:
        raise FileUnreadable(path.name, error.strerror or type(error).__name__) from error
    if size > LIMIT:
        raise FileTooLarge(path.name, f"{size / (1 << 20):.0f}", f"{LIMIT >> 20}")
    if not content.strip():
        raise FileEmpty(path.name)
    return content


def _shown_name(path: Path) -> str:
    """The file's name as a mail can say it, whatever bytes the file system holds."""
    name = path.name.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _is_mail(path: Path, content: bytes) -> bool:
    return path.suffix.lower() == ".eml" and _FIELD.match(content) is not None


def _said(template: str, kept: Recording, name: str, between: str = "\n") -> str:
    """In French and English: who will read it is not known yet."""
    values = {"way": kept.way.value, "received_at": kept.received_at, "name": name}
    return between.join(render(template, language, **values) for language in LANGUAGES)


def _text_of(name: str, content: bytes) -> str:
    if _content_type(name) != "text/plain" or b"\0" in content:
        return ""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _content_type(name: str) -> str:
    """By the file's name; what mail gives a meaning of its own travels as a plain file."""
    guessed, encoding = mimetypes.guess_type(name)
    plain = guessed is None or encoding is not None or guessed.startswith(("message/", "multipart/"))
    return "application/octet-stream" if plain or guessed is None else guessed


def _groups(raw: bytes) -> Iterator[list[tuple[int, bytes]]]:
    """The parts of a letter with their ordinals, by transaction."""
    for start in range(0, len(raw), GROUP):
        ends = range(start, min(start + GROUP, len(raw)), PART)
        yield [(at // PART, raw[at : at + PART]) for at in ends]
