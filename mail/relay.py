"""Opening a connection to our relay and logging in: by password or by XOAUTH2 (RFC 4954)."""

import base64
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from mail.oauth import Token, TokenRefused, Tokens, log_in_by, xoauth2
from mail.settings import MailSettings, Security
from mail.tls import verified_context

CONNECT_TIMEOUT = 15
READ_TIMEOUT = 60
DEFAULT_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


def tokens_for_relay(settings: MailSettings) -> Tokens | None:
    """Where the relay's tokens come from, one for all connections; None without OAuth."""
    if settings.smtp_oauth is None:
        return None
    return Tokens(settings.smtp_oauth, subject=settings.smtp_user or "", ca_file=settings.tls_ca_file)


def open_relay(settings: MailSettings, tokens: Tokens | None) -> tuple[smtplib.SMTP, Token | None]:
    """A connection that is logged in, and the token it lives by.

    Raises what smtplib and the socket raise, SMTPAuthenticationError for a refused login only; and TokenUnavailable.
    """
    if tokens is None:
        return _opened(settings, lambda smtp: _say_password(smtp, settings)), None
    return _with_token(settings, tokens)


def must_renew(token: Token | None) -> bool:
    """Whether a connection that lives by this token is to give way to another."""
    return token is not None and time.monotonic() >= token.renew_at


def _with_token(settings: MailSettings, tokens: Tokens) -> tuple[smtplib.SMTP, Token]:
    opened: list[tuple[smtplib.SMTP, Token]] = []
    refusals: list[smtplib.SMTPAuthenticationError] = []

    def attempt(token: Token) -> bool:
        try:
            smtp = _opened(settings, lambda smtp: _say_token(smtp, settings.smtp_user or "", token))
        except smtplib.SMTPAuthenticationError as error:
            refusals.append(error)
            return False
        opened.append((smtp, token))
        return True

    try:
        if log_in_by(tokens, attempt):
            return opened[0]
    except TokenRefused as error:
        raise smtplib.SMTPAuthenticationError(535, "no token") from error
    raise refusals[-1]


def _opened(settings: MailSettings, log_in: Callable[[smtplib.SMTP], None]) -> smtplib.SMTP:
    security = settings.smtp_security
    host, port = settings.smtp_host, settings.smtp_port or DEFAULT_PORTS[security]
    context = None if security is Security.NONE else verified_context(settings.tls_ca_file)
    smtp: smtplib.SMTP
    if security is Security.TLS and context:
        smtp = smtplib.SMTP_SSL(host, port, settings.domain, timeout=CONNECT_TIMEOUT, context=context)
    else:
        smtp = smtplib.SMTP(host, port, settings.domain, timeout=CONNECT_TIMEOUT)
    try:
        _greet(smtp, security, context)
        log_in(smtp)
        cast("socket.socket", smtp.sock).settimeout(READ_TIMEOUT)
    except smtplib.SMTPAuthenticationError as error:
        smtp.close()
        if 400 <= error.smtp_code < 500:  # a login that may succeed later (RFC 4954 section 6)
            raise smtplib.SMTPResponseException(error.smtp_code, error.smtp_error) from error
        raise
    except BaseException:
        smtp.close()
        raise
    return smtp


def _greet(smtp: smtplib.SMTP, security: Security, context: ssl.SSLContext | None) -> None:
    cast("socket.socket", smtp.sock).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if security is Security.STARTTLS:
        smtp.starttls(context=context)
    smtp.ehlo_or_helo_if_needed()


def _say_password(smtp: smtplib.SMTP, settings: MailSettings) -> None:
    """smtplib's own login() takes ASCII only."""
    if not settings.smtp_user or not settings.smtp_password:
        return
    user, password = settings.smtp_user, settings.smtp_password.get_secret_value()
    if (user + password).isascii():
        smtp.login(user, password)
    else:
        _require(smtp, "PLAIN")
        _judge(*smtp.docmd("AUTH", f"PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}"))


def _say_token(smtp: smtplib.SMTP, user: str, token: Token) -> None:
    """The token; an empty line to the challenge that says why it was refused (Google's protocol)."""
    _require(smtp, "XOAUTH2")
    code, text = smtp.docmd("AUTH", f"XOAUTH2 {_base64(xoauth2(user, token.value))}")
    if code == 334:
        with suppress(smtplib.SMTPServerDisconnected):
            code, text = smtp.docmd("")
        code = code if code >= 400 else 535
    _judge(code, text)


def _require(smtp: smtplib.SMTP, mechanism: str) -> None:
    if mechanism not in smtp.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError(f"AUTH {mechanism} is not offered")


def _judge(code: int, text: bytes) -> None:
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
