"""A kept mail, read: its letter, what that asks, and what tells it from other mails. Pure: no SQL, any bytes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from mail.bounce import Report, read_report
from mail.clues import NO_CLUES, Clues, find_clues
from mail.colleagues import find_enclosed, unwrap
from mail.copies import author_digest
from mail.letter import HEAD, Letter, read_letter
from mail.rights import RightsRead, read_rights
from storage.types import Channel, Kind

UNREAD = RightsRead(Kind.REQUEST, (), (), ())
"""What is known of a letter that its reader could not take."""


@dataclass(frozen=True)
class Effective:
    """What a mail says. When a colleague sent a letter on, `letter` is that one and `outer` the colleague's mail.

    `is_in_doubt`: a colleague wrote it, and it holds no letter that can surely be told. `enclosed`: the bytes of the
    letter, where the colleague attached it and all of it is here.
    """

    letter: Letter
    outer: Letter
    rights: RightsRead
    clues: Clues = NO_CLUES
    is_in_doubt: bool = False
    enclosed: bytes | None = None

    @property
    def channel(self) -> Channel:
        """How the letter reached us."""
        return Channel.MAIL if self.letter is self.outer else Channel.COLLEAGUE


@dataclass(frozen=True)
class Parsed:
    """All that is read in a mail. `report`: what it reports on a delivery.

    `author_sha256` tells its letter from others (mail/copies.py): None where that cannot be, or where it is not whole.
    """

    says: Effective
    report: Report | None
    author_sha256: str | None


@dataclass(frozen=True)
class MailRead:
    """A kept mail and what was read in it. `head` are its first octets; `junk`: it was seen in no other folder."""

    message_id: int
    received_at: datetime
    sha256: str | None
    author_sha256: str | None
    head: bytes
    junk: bool
    says: Effective
    report: Report | None

    @property
    def letter(self) -> Letter:
        """The data subject's letter."""
        return self.says.letter


def parse_mail(head: bytes, whole: bool, *, own_domains: Collection[str], own_address: str | None) -> Parsed:
    """Read everything in a mail from its head; see `read_mail`."""
    says = read_mail(head, whole=whole, own_domains=own_domains, own_address=own_address)
    return Parsed(says, read_report(head), author_digest([head] if whole else []))


def read_mail(
    head: bytes,
    *,
    whole: bool,
    own_domains: Collection[str] = (),
    own_address: str | None = None,
    to_decide: bool = True,
) -> Effective:
    """Read a mail from its head. Whatever it does to its reader, it has a letter that a person can be asked about.

    Mail from `own_domains` is a colleague's, unless it comes from our intake address `own_address`. What it asks and
    whom it concerns is read `to_decide` about it: who only wants the words need not wait for that.
    """
    outer = read_letter(head[:HEAD], truncated=not whole or len(head) > HEAD)
    try:
        inner = _unwrapped(head, outer, own_domains, own_address)
        letter = inner or outer
        in_doubt = inner is None and _is_colleague(outer, own_domains)
        enclosed = find_enclosed(head) if inner and whole else None
        rights = read_rights(letter.subject, letter.text) if to_decide else UNREAD
        clues = find_clues(enclosed or head, letter) if to_decide else NO_CLUES
        return Effective(letter, outer, rights, clues, in_doubt, enclosed)
    except Exception:  # noqa: BLE001 - the poison guard: it is kept, and held for a person
        unread = Letter(unreadable="rights")
        return Effective(unread, unread, UNREAD)


def _unwrapped(head: bytes, outer: Letter, own_domains: Collection[str], own_address: str | None) -> Letter | None:
    if not _is_colleague(outer, own_domains):
        return None
    return unwrap(head, outer, own_domains=own_domains, intake=[own_address] if own_address else [])


def _is_colleague(letter: Letter, own_domains: Collection[str]) -> bool:
    return bool(letter.sender) and (letter.sender or "").rpartition("@")[2].lower() in own_domains
