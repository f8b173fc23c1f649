"""What can go wrong with a mailbox, and what servers say when they want to be left alone for a while."""

import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mail.oauth import TokenUnavailable

SUGGESTED = re.compile(r"Suggested Backoff Time: *([0-9]{1,9}) *milliseconds", re.IGNORECASE)
"""Microsoft's own words for a throttled session."""

CODE = re.compile(r"\[(THROTTLED|LIMIT|UNAVAILABLE|INUSE|SERVERBUG)\]", re.IGNORECASE)
"""RFC 5530, and Gmail's and Yahoo's own."""

FOR_GOOD = re.compile(r"\[(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|NONEXISTENT|NOPERM)\]", re.IGNORECASE)

FOR_NOW = re.compile(
    r"too many|exceeded|throttled|try again later|temporar|unavailable|server busy|not connected", re.IGNORECASE
)
"""What servers that give no code say: of connections, of bandwidth, of a store that is down."""

CALM = 30.0
"""Seconds to leave a server alone that asks for it and does not say how long."""

LONGEST = 900.0


class MailboxLost(Exception):
    """The connection is gone or the server does not make sense: drop it and resume from SQL.

    `retry_after`: how many seconds the server wants to be left alone, where it says so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class LoginRefused(Exception):
    """The server does not accept user and password, or token."""


class NoSuchFolder(Exception):
    """The mailbox has no such folder."""


def calm_after(text: str) -> float | None:
    """How many seconds a server that said this wants to be left alone; None when it did not ask for it."""
    if found := SUGGESTED.search(text):
        return min(int(found[1]) / 1000, LONGEST)
    return CALM if CODE.search(text) else None


def is_for_now(text: str) -> bool:
    """Whether a refusal is about the server's troubles, not about what it was asked."""
    return any(said.search(text) for said in (SUGGESTED, CODE)) or bool(
        FOR_NOW.search(text) and not FOR_GOOD.search(text)
    )


def lost(error: Exception) -> MailboxLost:
    """The loss that an error on the wire means. The server's words stay out of it: they may name somebody."""
    if isinstance(error, TokenUnavailable):
        return MailboxLost(str(error), error.retry_after)
    code = CODE.search(str(error))
    return MailboxLost(code[1].upper() if code else type(error).__name__, calm_after(str(error)))


@contextmanager
def losing() -> Iterator[None]:
    """Whatever goes wrong on the wire becomes MailboxLost."""
    try:
        yield
    except (imaplib.IMAP4.error, OSError, ValueError, LookupError, TypeError, AssertionError, ArithmeticError) as error:
        raise lost(error) from error
