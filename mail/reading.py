"""A kept mail, read: its letter, what that asks, and what tells it from other mails. Pure: no SQL, any bytes."""

from dataclasses import dataclass
from datetime import datetime

from mail.letter import HEAD, Letter, read_letter
from mail.rights import RightsRead, read_rights
from storage.types import Kind

UNREAD = RightsRead(Kind.REQUEST, (), (), ())
"""What is known of a letter that its reader could not take."""


@dataclass(frozen=True)
class MailRead:
    """A kept mail and what was read in it. `head` are its first octets; `junk`: it was seen in no other folder."""

    message_id: int
    received_at: datetime
    sha256: str | None
    author_sha256: str | None
    head: bytes
    junk: bool
    letter: Letter
    rights: RightsRead


def read_mail(head: bytes, *, whole: bool) -> tuple[Letter, RightsRead]:
    """Read a mail from its head. Whatever it does to its reader, it has a letter that a person can be asked about."""
    letter = read_letter(head[:HEAD], truncated=not whole or len(head) > HEAD)
    try:
        return letter, read_rights(letter.subject, letter.text)
    except Exception:  # noqa: BLE001 - the poison guard: it is kept, and held for a person
        return Letter(unreadable="rights"), UNREAD
