"""Opening an IMAP connection and logging in: by password (RFC 9051, PLAIN of RFC 4616) or by XOAUTH2."""

import imaplib
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from mail.accounts import MailboxSettings, Security
from mail.losing import LoginRefused, is_for_now, losing, lost
from mail.oauth import Token, TokenRefused, Tokens, log_in_by, xoauth2
from mail.tls import verified_context
from storage.messages import PART

CONNECT_TIMEOUT = 15
READ_TIMEOUT = 60
LONGEST_LINE = 16 << 20
"""Octets. imaplib's own limit of a million is met by a SEARCH in a folder of 130,000 mails."""

LARGEST_LITERAL = 2 * PART
"""Octets: twice what is ever asked for at once, so that no server can fill our memory."""

DEFAULT_PORTS = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}


def tokens_for(settings: MailboxSettings) -> Tokens | None:
    """Where this mailbox's tokens come from; None when it is logged in to by password."""
    if settings.oauth is None:
        return None
    return Tokens(settings.oauth, subject=settings.user, ca_file=settings.ca_file)


def open_connection(settings: MailboxSettings, tokens: Tokens | None) -> tuple[IMAPClient, Token | None]:
    """A connection that is logged in, and the token it lives by. Raises MailboxLost, LoginRefused."""
    with losing():
        if tokens is None:
            return _with_password(settings), None
        return _with_token(settings, tokens)


def _with_password(settings: MailboxSettings) -> IMAPClient:
    client = _connect(settings)
    if not _log_in(client, lambda: _say_password(client, settings)):
        raise LoginRefused
    return client


def _with_token(settings: MailboxSettings, tokens: Tokens) -> tuple[IMAPClient, Token]:
    opened: list[tuple[IMAPClient, Token]] = []

    def attempt(token: Token) -> bool:
        client = _connect(settings)
        well = _log_in(client, lambda: client.sasl_login("XOAUTH2", _answers(settings.user, token)))
        if well:
            opened.append((client, token))
        return well

    try:
        if not log_in_by(tokens, attempt):
            raise LoginRefused
    except TokenRefused as error:
        raise LoginRefused from error
    return opened[0]


def _connect(settings: MailboxSettings) -> IMAPClient:
    security = settings.security
    context = None if security is Security.NONE else verified_context(settings.ca_file)
    client = IMAPClient(
        settings.host,
        settings.port or DEFAULT_PORTS[security],
        ssl=security is Security.TLS,
        ssl_context=context if security is Security.TLS else None,
        timeout=SocketTimeout(CONNECT_TIMEOUT, READ_TIMEOUT),
    )
    client.normalise_times = False
    try:
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if security is Security.STARTTLS:
            client.starttls(context)
        _bound(client._imap)
    except BaseException:
        drop(client)
        raise
    return client


def drop(client: IMAPClient) -> None:
    """End the connection without a word: LOGOUT could hang. What went wrong before is not hidden by this."""
    with suppress(Exception):
        client.shutdown()


def _bound(imap: imaplib.IMAP4) -> None:
    """Bound what a server can make us read, and let nothing of it be formatted for a log that nobody reads."""

    def readline() -> bytes:
        line: bytes = imap.file.readline(LONGEST_LINE)  # type: ignore[assignment]  # typeshed takes it for text
        if len(line) >= LONGEST_LINE:
            raise imap.abort("line too long")
        return line

    def read(size: int) -> bytes:
        if size > LARGEST_LITERAL:
            raise imap.abort("more than was asked for")
        return imap.file.read(size)  # type: ignore[return-value]  # the same

    imap.debug = 0
    imap.readline, imap.read = readline, read  # type: ignore[method-assign]  # the only way in: IMAPClient makes it


def _log_in(client: IMAPClient, say: Callable[[], object]) -> bool:
    """Whether the server lets us in. Raises MailboxLost when it is about something else."""
    try:
        say()
    except LoginError as error:
        drop(client)
        before = error.__context__  # IMAPClient calls the end of a connection a refused login, too
        if isinstance(before, imaplib.IMAP4.abort):
            raise lost(before) from before
        if is_for_now(str(error)):
            raise lost(error) from error
        return False
    except BaseException:
        drop(client)
        raise
    return True


def _say_password(client: IMAPClient, settings: MailboxSettings) -> None:
    """LOGIN cannot carry an é, and some servers want PLAIN."""
    user, password = settings.user, settings.password.get_secret_value() if settings.password else ""
    can = client.capabilities()
    if b"AUTH=PLAIN" in can and (b"LOGINDISABLED" in can or not (user + password).isascii()):
        client.plain_login(user, password)
    else:
        client.login(_quoted(user), password)


def _quoted(user: str) -> str:
    """imaplib quotes the password only."""
    return '"{}"'.format(user.replace("\\", "\\\\").replace('"', '\\"'))


def _answers(user: str, token: Token) -> Callable[[bytes], Any]:
    """The token first; then an empty line to the challenge that says why it was refused (RFC 7628 section 3.2.3)."""
    words = [xoauth2(user, token.value)]
    return lambda _challenge: words.pop() if words else ""
