"""One SMTP connection to our relay, kept open (RFC 5321). The reply's text is kept: it is our evidence."""

import smtplib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from mail.oauth import Token, Tokens
from mail.relay import must_renew, open_relay, tokens_for_relay
from mail.settings import MailSettings

if TYPE_CHECKING:
    import socket

LOGIN_WANTED = (530, 534, 535, 538)
"""Replies about our own login (RFC 4954 section 6): the mail is not at fault."""

FINAL_DOT = (b".\r\n", b"\r\n.\r\n")


class Refused(Exception):
    """The relay will never take this mail (5xx)."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply[:3])
        self.reply = reply


class NotNow(Exception):
    """The relay does not take it now (4xx), or cannot be reached: try again later."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply[:3])
        self.reply = reply


class Uncertain(Exception):
    """The whole mail was sent and no reply came: it may have been accepted (RFC 1047)."""


class LoginRefused(Exception):
    """The relay does not accept user and password."""


class Relay:
    """A connection that opens when it is needed and stays open. It belongs to one thread."""

    def __init__(self, settings: MailSettings, *, tokens: Tokens | None = None) -> None:
        self._settings = settings
        self._tokens = tokens or tokens_for_relay(settings)
        self._smtp: smtplib.SMTP | None = None
        self._token: Token | None = None

    def connect(self) -> None:
        """Open and log in, if not open yet or with a token that is about to end. Raises NotNow, LoginRefused."""
        if must_renew(self._token):
            self.quit()
        if self._smtp is not None:
            return
        try:
            self._smtp, self._token = open_relay(self._settings, self._tokens)
        except smtplib.SMTPAuthenticationError as error:
            raise LoginRefused from error
        except smtplib.SMTPResponseException as error:
            raise NotNow(_text(error.smtp_code, error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotNow(f"no connection: {type(error).__name__}") from error

    @property
    def takes_eight_bit(self) -> bool:
        """Whether the relay offers 8BITMIME (RFC 6152). Raises as `connect`."""
        self.connect()
        return cast("smtplib.SMTP", self._smtp).has_extn("8bitmime")

    def transmit(self, *, sender: str, recipient: str, content: Iterable[bytes], eight_bit: bool) -> str:
        """Send one mail; the relay's 250 text. Raises Refused, NotNow, Uncertain, LoginRefused."""
        options = ("BODY=8BITMIME",) if eight_bit else ()
        self._address(sender, recipient, options)
        smtp = cast("smtplib.SMTP", self._smtp)
        chunk = b""
        try:
            self._expect(smtp.docmd("DATA"), 354)
            for chunk in dot_stuffed(content):
                cast("socket.socket", smtp.sock).sendall(chunk)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            if chunk in FINAL_DOT:
                raise Uncertain from error
            raise NotNow(f"connection lost: {type(error).__name__}") from error
        return self._final_reply(smtp)

    def close(self) -> None:
        """Drop the connection."""
        if self._smtp is not None:
            self._smtp.close()
        self._smtp = self._token = None

    def quit(self) -> None:
        """Say good-bye and drop the connection."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.quit()
        self.close()

    def _address(self, sender: str, recipient: str, options: tuple[str, ...]) -> None:
        """MAIL and RCPT; a connection that went stale while idle is opened once more."""
        fresh = self._smtp is None
        self.connect()
        smtp = cast("smtplib.SMTP", self._smtp)
        try:
            self._expect(smtp.mail(sender, options), 250)
            self._expect(smtp.rcpt(recipient), 250, 251)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            if fresh:
                raise NotNow(f"connection lost: {type(error).__name__}") from error
            self._address(sender, recipient, options)

    def _expect(self, reply: tuple[int, bytes], *wanted: int) -> None:
        code, text = reply
        if code in wanted:
            return
        if code == 421 or code < 0:
            self.close()
        else:
            self._reset()
        sentence = _text(code, text)
        raise Refused(sentence) if 500 <= code < 600 and code not in LOGIN_WANTED else NotNow(sentence)

    def _reset(self) -> None:
        try:
            cast("smtplib.SMTP", self._smtp).rset()
        except (OSError, smtplib.SMTPException):
            self.close()

    def _final_reply(self, smtp: smtplib.SMTP) -> str:
        try:
            code, text = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Uncertain from error
        self._expect((code, text), 250)
        return _text(code, text)


def dot_stuffed(content: Iterable[bytes]) -> Iterator[bytes]:
    """The content as DATA wants it: a dot before each line that begins with one, and the final dot (RFC 5321 4.5.2)."""
    last = b"\r\n"
    for chunk in content:
        if not chunk:
            continue
        stuffed = chunk.replace(b"\n.", b"\n..") if b"\n." in chunk else chunk
        yield b"." + stuffed if chunk.startswith(b".") and last.endswith(b"\n") else stuffed
        last = (last + chunk)[-2:]
    yield FINAL_DOT[0] if last == b"\r\n" else FINAL_DOT[1]


def _text(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"[:500]
