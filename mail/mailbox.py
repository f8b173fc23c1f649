"""One IMAP connection to one mailbox, kept open (RFC 9051, IDLE RFC 2177, MOVE RFC 6851).

It decides nothing and remembers nothing: SQL is the truth, the mailbox a spool. On any error the connection is dropped
and the caller resumes from SQL. A connection belongs to one thread.
"""

import imaplib
import select
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from mail.settings import MailSettings, Security
from mail.tls import verified_context

CONNECT_TIMEOUT = 15
READ_TIMEOUT = 60
IDLE_AT_MOST = 240
"""Seconds: servers may drop an IDLE after 30 minutes, middleboxes much sooner; only ending it shows a black hole."""

PROCESSED = "Processed"
DEFAULT_PORTS = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}


class MailboxLost(Exception):
    """The connection is gone or the server does not make sense: drop it and resume from SQL."""


class LoginRefused(Exception):
    """The server does not accept user and password."""


class NoSuchFolder(Exception):
    """The mailbox has no such folder."""


@dataclass(frozen=True)
class Found:
    """A mail as the server announces it; `size` in octets is a hint, not a fact."""

    uid: int
    size: int
    received_at: datetime


@contextmanager
def _losing() -> Iterator[None]:
    """Whatever goes wrong on the wire becomes MailboxLost."""
    try:
        yield
    except LoginError as error:
        raise LoginRefused from error
    except (imaplib.IMAP4.error, OSError, ValueError, LookupError, TypeError, AssertionError) as error:
        raise MailboxLost(type(error).__name__) from error


class Mailbox:
    """An open, logged-in connection. Raises MailboxLost from any method, LoginRefused when made."""

    def __init__(self, settings: MailSettings) -> None:
        with _losing():
            self._client = _connect(settings)
            try:
                self._client.login(settings.imap_user, settings.imap_password.get_secret_value())
                self._can = frozenset(self._client.capabilities())
            except BaseException:
                self.close()
                raise

    def select(self, folder: str) -> int:
        """Open a folder; its UIDVALIDITY. Raises NoSuchFolder."""
        try:
            return int(self._client.select_folder(folder)[b"UIDVALIDITY"])
        except imaplib.IMAP4.abort as error:
            raise MailboxLost("abort") from error
        except imaplib.IMAP4.error as error:
            raise NoSuchFolder(folder) from error
        except (OSError, LookupError, ValueError) as error:
            raise MailboxLost(type(error).__name__) from error

    def uids_after(self, last: int) -> list[int]:
        """The UIDs above `last`, rising. A range always matches the newest mail too, so they are filtered."""
        with _losing():
            found = self._client.search(["UID", f"{last + 1}:*"])
            return sorted(uid for uid in found if uid > last)

    def describe(self, uids: Sequence[int]) -> list[Found]:
        """Size and INTERNALDATE of mails; one that vanished meanwhile is left out."""
        with _losing():
            answers = self._client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
            return [_found(uid, answers[uid]) for uid in uids if b"RFC822.SIZE" in answers.get(uid, {})]

    def fetch(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The raw bytes of small mails, by UID; nothing is marked as seen."""
        with _losing():
            answers = self._client.fetch(uids, ["BODY.PEEK[]"])
            return {uid: answers[uid][b"BODY[]"] or b"" for uid in uids if b"BODY[]" in answers.get(uid, {})}

    def fetch_part(self, uid: int, *, start: int, length: int) -> bytes | None:
        """`length` octets of a mail from `start`; empty past its end, None when the mail has vanished."""
        with _losing():
            answer = self._client.fetch([uid], [f"BODY.PEEK[]<{start}.{length}>"]).get(uid)
            return None if answer is None else answer.get(f"BODY[]<{start}>".encode(), b"") or b""

    def move(self, uids: Sequence[int], folder: str = PROCESSED) -> None:
        """Move mails away, where the server can; losing this is harmless."""
        if uids and b"MOVE" in self._can:
            with _losing():
                self._client.move(uids, folder)

    def ensure_folder(self, folder: str = PROCESSED) -> None:
        """Make a folder if it is not there."""
        with _losing():
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)

    @property
    def can_idle(self) -> bool:
        return b"IDLE" in self._can

    def wait(self, seconds: float) -> None:
        """Wait by IDLE until the server says something, at most `seconds`."""
        with _losing():
            self._client.idle()
            try:
                self._listen(min(seconds, IDLE_AT_MOST))
            finally:
                self._client.idle_done()

    def interrupt(self) -> None:
        """End a `wait` from another thread: it ends with MailboxLost."""
        with suppress(OSError):
            self._client.socket().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Drop the connection without a word: LOGOUT could hang."""
        with suppress(Exception):
            self._client.shutdown()

    def _listen(self, seconds: float) -> None:
        """Return when there is something to read, already buffered or newly arrived.

        IMAPClient's own idle_check() swallows the end of a connection and misses what came with "+ idling".
        """
        connection = self._client.socket()
        connection.settimeout(0)
        try:
            if not self._is_buffered():
                _poll(connection, seconds)
        finally:
            connection.settimeout(READ_TIMEOUT)

    def _is_buffered(self) -> bool:
        try:
            return bool(self._client._imap.file.peek(1))  # the only way to see what imaplib has read ahead
        except (BlockingIOError, ssl.SSLWantReadError):
            return False


def _poll(connection: socket.socket, seconds: float) -> None:
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    poller.poll(seconds * 1000)


def _connect(settings: MailSettings) -> IMAPClient:
    security = settings.imap_security
    context = None if security is Security.NONE else verified_context(settings.tls_ca_file)
    client = IMAPClient(
        settings.imap_host,
        settings.imap_port or DEFAULT_PORTS[security],
        ssl=security is Security.TLS,
        ssl_context=context if security is Security.TLS else None,
        timeout=SocketTimeout(CONNECT_TIMEOUT, READ_TIMEOUT),
    )
    client.normalise_times = False
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if security is Security.STARTTLS:
        client.starttls(context)
    return client


def _found(uid: int, answer: dict[bytes, Any]) -> Found:
    received = answer.get(b"INTERNALDATE")
    received_at = received.astimezone(UTC) if isinstance(received, datetime) and received.tzinfo else datetime.now(UTC)
    return Found(uid, int(answer[b"RFC822.SIZE"]), received_at)
