"""One IMAP connection to one mailbox, kept open (RFC 9051, IDLE RFC 2177, MOVE RFC 6851, UIDPLUS RFC 4315).

It decides nothing and remembers nothing: SQL is the truth, the mailbox a spool. On any error the connection is dropped
and the caller resumes from SQL. A connection belongs to one thread.
"""

import imaplib
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mail.accounts import MailboxSettings
from mail.connecting import drop, open_connection, tokens_for
from mail.folders import Folders, read_folders
from mail.listening import IDLE_AT_MOST, changes_told, listen
from mail.losing import LoginRefused, MailboxLost, NoSuchFolder, is_for_now, losing, lost
from mail.moving import move
from mail.oauth import Tokens
from mail.uidsets import Moved, chunked
from storage.clock import now
from storage.messages import PART

__all__ = ["IDLE_AT_MOST", "Found", "LoginRefused", "Mailbox", "MailboxLost", "Moved", "NoSuchFolder", "Selected"]
PROCESSED = "Processed"
ADDRESSED = "BODY.PEEK[HEADER.FIELDS (DELIVERED-TO X-ORIGINAL-TO ENVELOPE-TO TO MESSAGE-ID)]<0.65536>"
ADDRESSED_ANSWER = b"BODY[HEADER.FIELDS"


@dataclass(frozen=True)
class Selected:
    """The folder that is open. `uidnext` is None where the server does not say."""

    uidvalidity: int
    uidnext: int | None
    read_only: bool


@dataclass(frozen=True)
class Found:
    """A mail as the server announces it; `size` in octets is a hint, not a fact, and 0 where it is not said.

    `head`: the lines that say to whom it came and its Message-ID, where they were asked for.
    """

    uid: int
    size: int
    received_at: datetime
    head: bytes = b""


class Mailbox:
    """An open, logged-in connection. Raises MailboxLost from any method, LoginRefused when made.

    `tokens` outlive it, so that the next connection need not ask for a new one; folders may be named as in the
    settings or as the server names them.
    """

    def __init__(self, settings: MailboxSettings, *, tokens: Tokens | None = None) -> None:
        self._client, token = open_connection(settings, tokens or tokens_for(settings))
        self._renew_at = token.renew_at if token else None
        self._selected: Selected | None = None
        self._as_opened: tuple[int | None, int] = (None, 0)
        self._leaves = False
        self._can_delete = False
        try:
            with losing():
                self._can = frozenset(self._client.capabilities())
                self._folders = read_folders(self._client)
        except BaseException:
            self.close()
            raise

    @property
    def folders(self) -> Folders:
        """The folders that were there when the connection was made."""
        return self._folders

    @property
    def can_idle(self) -> bool:
        return b"IDLE" in self._can

    @property
    def can_move(self) -> bool:
        """MOVE; without it there may be COPY and UID EXPUNGE."""
        return b"MOVE" in self._can

    @property
    def can_expunge(self) -> bool:
        """UID EXPUNGE: of exactly the mails that are named."""
        return b"UIDPLUS" in self._can

    @property
    def renew_at(self) -> float | None:
        """When this connection is to give way to one with a fresh token, on the monotonic clock; None for never."""
        return self._renew_at

    @property
    def must_renew(self) -> bool:
        """Whether it is time to close this connection and open another."""
        return self._renew_at is not None and time.monotonic() >= self._renew_at

    def select(self, folder: str) -> Selected:
        """Open a folder, for reading only where it cannot be changed. Raises NoSuchFolder."""
        name = self._folders.own(folder)
        try:
            self._selected = self._open(name)
        except imaplib.IMAP4.abort as error:
            raise lost(error) from error
        except imaplib.IMAP4.error as error:
            if "command error: BAD" in str(error) or is_for_now(str(error)):
                raise lost(error) from error
            raise NoSuchFolder(folder) from error
        except (OSError, LookupError, ValueError, TypeError) as error:
            raise lost(error) from error
        return self._selected

    def uids_after(self, last: int) -> list[int]:
        """The UIDs above `last`, rising. A range always matches the newest mail too, so they are filtered."""
        with losing():
            found = self._client.search(["UID", f"{last + 1}:*"])
            return sorted(uid for uid in found if uid > last)

    def uids_between(self, first: int, last: int) -> list[int]:
        """The UIDs from `first` to `last`, rising; what a server adds is left out."""
        with losing():
            found = self._client.search(["UID", f"{first}:{last}"])
            return sorted(uid for uid in found if first <= uid <= last)

    def has_message_id(self, message_id: str) -> bool:
        """Whether a mail with this Message-ID stands in the open folder."""
        with losing():
            return bool(self._client.search(["HEADER", "Message-ID", message_id]))

    def describe(self, uids: Sequence[int], *, addressed: bool = False) -> list[Found]:
        """Size and INTERNALDATE of mails; one that vanished meanwhile is left out."""
        answers = self._fetch(uids, ["RFC822.SIZE", "INTERNALDATE", *[ADDRESSED] * addressed])
        return [_found(uid, answers[uid]) for uid in uids if uid in answers]

    def fetch(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The first PART octets of mails, by UID; `fetch_part` goes on where there are as many.

        Nothing is marked as seen; a mail that vanished is left out.
        """
        answers = self._fetch(uids, [f"BODY.PEEK[]<0.{PART}>"])
        parts = {uid: _part(answers[uid], 0, PART) for uid in uids if uid in answers}
        return {uid: part for uid, part in parts.items() if part is not None}

    def fetch_part(self, uid: int, *, start: int, length: int) -> bytes | None:
        """`length` octets of a mail from `start`; empty past its end, None when the mail has vanished."""
        answer = self._fetch([uid], [f"BODY.PEEK[]<{start}.{length}>"]).get(uid)
        return None if answer is None else _part(answer, start, length) or b""

    def fetch_head(self, uid: int) -> bytes:
        """The header lines of a mail, at most PART octets of them; empty when it has vanished."""
        answer = self._fetch([uid], [f"BODY.PEEK[HEADER]<0.{PART}>"]).get(uid, {})
        return answer.get(b"BODY[HEADER]<0>") or b""

    def move(self, uids: Sequence[int], folder: str = PROCESSED) -> Moved | None:
        """Move mails away where the server lets us, and say where to; None when they stay. Losing it is harmless."""
        if not uids or self._leaves or not self._can_delete or (self._selected and self._selected.read_only):
            return None
        with losing():
            moved = move(self._client, uids, self._folders.own(folder), can=self._can)
        self._leaves = moved is None
        return moved

    def ensure_folder(self, folder: str = PROCESSED) -> None:
        """Make a folder if it is not there, where the server lets us."""
        if self._folders.find(folder):
            return
        with losing():
            try:
                self._client.create_folder(self._folders.own(folder))
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                self._leaves = "exist" not in str(error).lower()

    def is_junk(self, folder: str) -> bool:
        """Whether a folder is where the provider puts what it takes for spam."""
        return self._folders.is_junk(folder)

    def sent_folder(self) -> str | None:
        """The folder that holds what was sent."""
        return self._folders.sent()

    def wait(self, seconds: float) -> None:
        """Wait by IDLE until the server says something, at most `seconds`, and not beyond the token.

        Not at all when it has told of changes since the folder was opened: it will not tell of them again.
        """
        if changes_told(self._client) != self._as_opened:
            return
        left = seconds if self._renew_at is None else min(seconds, self._renew_at - time.monotonic())
        with losing():
            if not listen(self._client, left):
                self._can -= {b"IDLE"}

    def interrupt(self) -> None:
        """End a `wait` from another thread: it ends with MailboxLost."""
        with suppress(OSError):
            self._client.socket().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Drop the connection without a word."""
        drop(self._client)

    def _open(self, name: str) -> Selected:
        """imaplib refuses to open for writing what the server opens for reading only."""
        read_only = False
        try:
            answer = self._client.select_folder(name)
        except imaplib.IMAP4.readonly:
            read_only = True
            answer = self._client.select_folder(name, readonly=True)
        self._as_opened = changes_told(self._client)
        self._can_delete = b"\\Deleted" in answer.get(b"PERMANENTFLAGS", (b"\\Deleted",))
        return Selected(int(answer[b"UIDVALIDITY"]), answer.get(b"UIDNEXT"), read_only)

    def _fetch(self, uids: Sequence[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        answers: dict[int, dict[bytes, Any]] = {}
        with losing():
            for some in chunked(uids):
                answers |= self._client.fetch(some, items)
        return answers


def _part(answer: dict[bytes, Any], start: int, length: int) -> bytes | None:
    """`length` octets from `start`, also from a server that sends more than it was asked for, or the whole mail."""
    key = f"BODY[]<{start}>".encode()
    if key in answer:
        return (answer[key] or b"")[:length]
    return (answer[b"BODY[]"] or b"")[start : start + length] if b"BODY[]" in answer else None


def _found(uid: int, answer: dict[bytes, Any]) -> Found:
    size, received = answer.get(b"RFC822.SIZE"), answer.get(b"INTERNALDATE")
    head = next((value for key, value in answer.items() if key.startswith(ADDRESSED_ANSWER)), None)
    return Found(
        uid, size if isinstance(size, int) else 0, _instant(received), head if isinstance(head, bytes) else b""
    )


def _instant(received: object) -> datetime:
    """INTERNALDATE, or now where there is none that makes sense."""
    try:
        return received.astimezone(UTC) if isinstance(received, datetime) and received.tzinfo else now()
    except OverflowError:
        return now()
