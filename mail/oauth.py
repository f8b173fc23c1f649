"""Access tokens for logins by XOAUTH2: asked for at the provider, kept in memory, renewed before they expire.

Neither a token nor a secret stands in a log or in the message of an exception.
"""

import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

from mail.oauth_settings import GoogleOAuth, MicrosoftOAuth, as_json_object
from mail.tls import verified_context
from storage.clock import real_now

TIMEOUT = 15
LARGEST_ANSWER = 1 << 16
EARLY = 300.0
"""Seconds before its end at which a token is renewed; a tenth of its life when that is shorter."""

UNSAID_LIFE = 600.0
"""Seconds that a token is trusted for whose answer does not say how long (RFC 6749 section 5.1 only recommends it)."""

MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
GOOGLE_SCOPE = "https://mail.google.com/"
BY_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")


class TokenRefused(Exception):
    """The token endpoint refuses us for good; `code` is its word for it, such as invalid_client (RFC 6749 5.2)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TokenUnavailable(OSError):
    """The token endpoint gives no token now. A kind of OSError: it is the network's fault, and it passes."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Token:
    """Its instants are on the monotonic clock: when it was asked for, when a new one should be, and when it ends."""

    value: str = field(repr=False)
    asked_at: float
    renew_at: float
    expires_at: float


class Tokens:
    """The tokens of one login, shared by threads; one of them renews at a time."""

    def __init__(self, oauth: MicrosoftOAuth | GoogleOAuth, *, subject: str, ca_file: str | None = None) -> None:
        self._oauth = oauth
        self._subject = subject
        self._ca_file = ca_file
        self._renewing = threading.Lock()
        self._token: Token | None = None

    def get(self) -> Token:
        """A token that is valid now. Raises TokenRefused, TokenUnavailable."""
        token = self._token
        if token and time.monotonic() < token.renew_at:
            return token
        if token and time.monotonic() < token.expires_at and self._renewing.locked():
            return _prolonged(token)
        with self._renewing:
            return self._renew(token)

    def forget(self, token: Token) -> None:
        """Never hand out this one again: a server refused it."""
        with self._renewing:
            if self._token is token:
                self._token = None

    def _renew(self, before: Token | None) -> Token:
        """A new token, unless another thread has just renewed; the old one while it lasts and no new one is given."""
        if self._token and self._token is not before:
            return self._token
        try:
            self._token = self._request()
        except (TokenUnavailable, TokenRefused):
            if not before or time.monotonic() >= before.expires_at:
                raise
            self._token = _prolonged(before)
        return self._token

    def _request(self) -> Token:
        asked_at = time.monotonic()
        answer = _post(self._oauth.token_url, _form(self._oauth, self._subject), verified_context(self._ca_file))
        value, life = answer.get("access_token"), _life(answer.get("expires_in"))
        if not isinstance(value, str) or not TOKEN.fullmatch(value):
            raise TokenUnavailable("the token endpoint's answer holds no token")
        return Token(value, asked_at, asked_at + life - min(EARLY, life / 10), asked_at + life)


def _prolonged(token: Token) -> Token:
    """The same for a while longer, so that nobody asks again and again."""
    left = token.expires_at - time.monotonic()
    return replace(token, renew_at=min(token.expires_at, time.monotonic() + max(1.0, left / 2)))


def log_in_by(tokens: Tokens, attempt: Callable[[Token], bool]) -> bool:
    """Try a login with the token at hand and, when the server refuses one that we kept, with a fresh one. Whether in.

    Raises TokenRefused, TokenUnavailable.
    """
    begun_at = time.monotonic()
    token = tokens.get()
    if attempt(token):
        return True
    tokens.forget(token)
    return token.asked_at < begun_at and attempt(tokens.get())


def xoauth2(user: str, token: str) -> str:
    """What the mechanism XOAUTH2 sends first (Google's protocol, which Microsoft follows)."""
    return f"user={user}\1auth=Bearer {token}\1\1"


def _form(oauth: MicrosoftOAuth | GoogleOAuth, subject: str) -> dict[str, str]:
    if isinstance(oauth, MicrosoftOAuth):
        return {
            "grant_type": "client_credentials",
            "client_id": oauth.client_id,
            "client_secret": oauth.client_secret.get_secret_value(),
            "scope": MICROSOFT_SCOPE,
        }
    from mail.assertion import read_service_account, sign_assertion  # noqa: PLC0415 - slow, and for Google only

    account = read_service_account(oauth.service_account.get_secret_value())
    signed = sign_assertion(account, subject=subject, scope=GOOGLE_SCOPE, audience=oauth.token_url, now=real_now())
    return {"grant_type": BY_ASSERTION, "assertion": signed}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A secret goes to the endpoint that was set, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _post(url: str, form: dict[str, str], context: ssl.SSLContext) -> dict[str, Any]:
    handlers = [_NoRedirect(), urllib.request.HTTPSHandler(context=context)]
    if url.startswith("http://"):  # within this machine: no proxy may see it
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, urlencode(form).encode(), {"Accept": "application/json"})  # noqa: S310 - https, or loopback: mail/oauth_settings.py
    try:
        with opener.open(request, timeout=TIMEOUT) as reply:
            return as_json_object(reply.read(LARGEST_ANSWER).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error) from None
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = type(cause).__name__ if isinstance(cause, Exception) else "no answer"
        raise TokenUnavailable(f"the token endpoint cannot be reached: {reason}") from (
            cause if isinstance(cause, Exception) else None
        )


def _refusal(error: urllib.error.HTTPError) -> TokenRefused | TokenUnavailable:
    if error.code in (408, 429) or not 400 <= error.code < 500:
        waiting = error.headers.get("Retry-After", "")
        after = float(waiting) if waiting.isascii() and waiting.isdigit() and len(waiting) < 5 else None
        return TokenUnavailable(f"the token endpoint answers {error.code}", after)
    try:
        code = as_json_object(error.read(LARGEST_ANSWER).decode("utf-8", "replace")).get("error")
    except (OSError, HTTPException, ValueError):
        code = None
    is_word = isinstance(code, str) and re.fullmatch("[a-z_]{1,40}", code)
    return TokenRefused(str(code) if is_word else str(error.code))


def _life(seconds: object) -> float:
    """Microsoft says a number, others a text."""
    try:
        life = float(str(seconds))
    except ValueError:
        return UNSAID_LIFE
    return life if 0 < life < 1e6 else UNSAID_LIFE
