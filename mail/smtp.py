"""One SMTP connection to our relay, kept open (RFC 5321). The reply's text is kept: it is our evidence."""

import re
import smtplib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from mail.forward import one_line
from mail.oauth import Token, Tokens
from mail.relay import must_renew, open_relay, tokens_for_relay
from mail.settings import MailSettings
from storage.logs import Condition

if TYPE_CHECKING:
    import socket

LOGIN_WANTED = (530, 534, 535, 538)
"""Replies about our own login (RFC 4954 section 6): the mail is not at fault."""

_ENHANCED = re.compile(r"\d{3} (\d\.\d{1,3}\.\d{1,3})(?!\S)")
OCTETS_A_SECOND = 200_000
"""A relay that looks for viruses before its 250 needs longer for a large mail."""

FINAL_DOT = (b".\r\n", b"\r\n.\r\n")


class Refused(Exception):
    """The relay will never take this mail (5xx). `at_recipient`: it said so to RCPT, which speaks of a mailbox."""

    def __init__(self, reply: str, *, at_recipient: bool = False) -> None:
        super().__init__(reply[:3])
        self.reply = reply
        self._at_recipient = at_recipient

    @property
    def is_too_large(self) -> bool:
        """Whether its size is what it was refused for (RFC 1870, RFC 3463).

        A plain 552 says so, too, but to RCPT it means a mailbox that is full (RFC 5321 section 4.2.2).
        """
        if found := _ENHANCED.match(self.reply):
            return found[1] in {"5.2.3", "5.3.4"} or (found[0] == "552 5.0.0" and not self._at_recipient)
        return self.reply.startswith("552") and not self._at_recipient


class NotNow(Exception):
    """The relay does not take it now (4xx), or cannot be reached: try again later. It certainly does not have it.

    `general`: the relay itself is unwell; what is wrong has nothing to do with this mail.
    """

    def __init__(self, reply: str, *, general: bool = False) -> None:
        super().__init__(reply[:3])
        self.reply = reply
        self.general = general


class Uncertain(Exception):
    """The whole mail was sent and no reply came: it may have been accepted (RFC 1047)."""


class LoginRefused(Exception):
    """The relay does not accept user and password."""


@dataclass(frozen=True)
class Transmission:
    """One mail for the wire. `sender` is the envelope's, and may be empty; `receipt`: our address that gets a copy.

    `envelope_id` comes back in delivery reports (RFC 3461); `size` in octets is about right.
    """

    sender: str
    recipient: str
    content: Iterable[bytes]
    receipt: str | None = None
    envelope_id: str | None = None
    eight_bit: bool = False
    size: int = 0


class Relay:
    """A connection that opens when it is needed and stays open. It belongs to one thread."""

    def __init__(
        self, settings: MailSettings, *, tokens: Tokens | None = None, receipts: Condition | None = None
    ) -> None:
        self._settings = settings
        self._tokens = tokens or tokens_for_relay(settings)
        self._smtp: smtplib.SMTP | None = None
        self._token: Token | None = None
        self._receipts = receipts or Condition("receipt-copies")

    def connect(self) -> smtplib.SMTP:
        """Open and log in, if not open yet or with a token that is about to end. Raises NotNow, LoginRefused."""
        if must_renew(self._token):
            self.quit()
        if self._smtp is None:
            try:
                self._smtp, self._token = open_relay(self._settings, self._tokens)
            except smtplib.SMTPAuthenticationError as error:
                raise LoginRefused from error
            except smtplib.SMTPResponseException as error:
                raise NotNow(_text(error.smtp_code, error.smtp_error), general=True) from error
            except (OSError, smtplib.SMTPException) as error:
                raise NotNow(f"no connection: {type(error).__name__}", general=True) from error
        return self._smtp

    @property
    def is_open(self) -> bool:
        return self._smtp is not None

    @property
    def takes_eight_bit(self) -> bool:
        """Whether the relay offers 8BITMIME (RFC 6152). Raises as `connect`."""
        return self.connect().has_extn("8bitmime")

    def transmit(self, mail: Transmission) -> str:
        """Send one mail; the relay's 250 text. Raises Refused, NotNow, Uncertain, LoginRefused."""
        self._refuse_too_large(mail)
        smtp, is_last = self._address(mail), False
        try:
            for chunk in dot_stuffed(mail.content):
                is_last = chunk in FINAL_DOT
                cast("socket.socket", smtp.sock).sendall(chunk)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            if is_last:
                raise Uncertain from error
            raise NotNow(f"connection lost: {type(error).__name__}") from error
        except BaseException:
            self.close()
            raise
        return self._final_reply(smtp, patience=mail.size / OCTETS_A_SECOND)

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

    def _refuse_too_large(self, mail: Transmission) -> None:
        """What the relay says it will not take (RFC 1870) need not be tried."""
        limit = self.connect().esmtp_features.get("size", "")
        if limit.isdigit() and 0 < int(limit) < mail.size:
            raise Refused(f"552 5.3.4 larger than the {limit} octets that the relay takes")

    def _address(self, mail: Transmission) -> smtplib.SMTP:
        """MAIL, RCPT and DATA; a connection that went stale while idle is opened once more."""
        fresh = not self.is_open
        smtp = self.connect()
        try:
            self._begin(smtp, mail)
        except (OSError, smtplib.SMTPServerDisconnected) as error:
            self.close()
            if fresh:
                if isinstance(error, Closing):
                    raise NotNow(str(error), general=True) from error
                raise NotNow(f"connection lost: {type(error).__name__}") from error
            return self._address(mail)
        return smtp

    def _begin(self, smtp: smtplib.SMTP, mail: Transmission) -> None:
        commands = list(_commands(smtp, mail))
        replies = _exchange(smtp, commands)
        for command, reply in zip(commands, replies, strict=False):
            if reply[0] in command.wanted:
                continue
            if command.is_needed:
                is_ready = len(replies) == len(commands) and replies[-1][0] == 354
                self._fail(reply, ready=is_ready, at_recipient=command.text.startswith("RCPT"))
            self._receipts.failed(f"the relay refuses copies to ourselves: {reply[0]}")

    def _fail(self, reply: tuple[int, bytes], *, ready: bool = False, at_recipient: bool = False) -> None:
        """Raise what a reply means. A relay that is ready for data all the same must not get any: drop it."""
        code, text = reply
        if ready:
            self.close()
        else:
            self._reset()
        sentence = _text(code, text)
        if 500 <= code < 600 and code not in LOGIN_WANTED:
            raise Refused(sentence, at_recipient=at_recipient)
        raise NotNow(sentence, general=code in LOGIN_WANTED)

    def _reset(self) -> None:
        try:
            if self._smtp:
                self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            self.close()

    def _final_reply(self, smtp: smtplib.SMTP, *, patience: float) -> str:
        """The reply to the final dot. One that is no reply says nothing; a 421 does: the relay has not taken it."""
        try:
            code, text = _reply_within(smtp, patience)
        except Closing as error:
            self.close()
            raise NotNow(str(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Uncertain from error
        if not 200 <= code < 300:
            self._fail((code, text))
        return _text(code, text)


@dataclass(frozen=True)
class _Command:
    text: str
    wanted: tuple[int, ...] = (250,)
    is_needed: bool = True


def _commands(smtp: smtplib.SMTP, mail: Transmission) -> Iterator[_Command]:
    """MAIL, RCPT and DATA with what the relay offers: SIZE, 8BITMIME, reports on failure and delay (RFC 3461)."""
    dsn = smtp.has_extn("dsn")
    options = [f"SIZE={mail.size}"] if mail.size and smtp.has_extn("size") else []
    options += ["BODY=8BITMIME"] if mail.eight_bit else []
    options += [f"RET=HDRS ENVID={mail.envelope_id}"] if dsn and mail.envelope_id else []
    yield _Command(" ".join([f"MAIL FROM:<{mail.sender}>", *options]))
    reports = " NOTIFY=FAILURE,DELAY" if dsn and mail.sender else ""
    yield _Command(f"RCPT TO:<{mail.recipient}>{reports}", (250, 251))
    if mail.receipt:
        yield _Command(f"RCPT TO:<{mail.receipt}>{' NOTIFY=NEVER' if dsn else ''}", (250, 251), is_needed=False)
    yield _Command("DATA", (354,))


def _exchange(smtp: smtplib.SMTP, commands: Sequence[_Command]) -> list[tuple[int, bytes]]:
    """The replies; commands go together where the relay allows that (RFC 2920), else up to the first that fails."""
    if smtp.has_extn("pipelining"):
        smtp.send("".join(f"{command.text}\r\n" for command in commands))
        return [_reply(smtp) for _ in commands]
    replies = []
    for command in commands:
        smtp.putcmd(command.text)
        replies.append(_reply(smtp))
        if command.is_needed and replies[-1][0] not in command.wanted:
            break
    return replies


class Closing(smtplib.SMTPServerDisconnected):
    """The relay says that it closes the connection (421)."""


def _reply(smtp: smtplib.SMTP) -> tuple[int, bytes]:
    """The next reply. Raises SMTPServerDisconnected, also for what is no reply at all, and Closing."""
    code, text = smtp.getreply()
    if 200 <= code < 600 and code != 421:
        return code, text
    smtp.close()
    raise (Closing if code == 421 else smtplib.SMTPServerDisconnected)(_text(code, text))


def _reply_within(smtp: smtplib.SMTP, patience: float) -> tuple[int, bytes]:
    """The next reply, so many seconds later than usual."""
    sock = cast("socket.socket", smtp.sock)
    usual = sock.gettimeout() or 0
    sock.settimeout(usual + patience)
    code, text = _reply(smtp)
    sock.settimeout(usual)
    return code, text


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
    return one_line(f"{code} {words}")[:500]
