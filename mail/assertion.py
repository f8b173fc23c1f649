"""The signed assertion by which a Google service account asks for a token in a mailbox user's name (RFC 7523)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mail.oauth_settings import as_json_object

LIFE = timedelta(hours=1)
"""The longest that Google accepts."""


@dataclass(frozen=True)
class ServiceAccount:
    email: str
    key_id: str | None
    key: RSAPrivateKey = field(repr=False)


def read_service_account(text: str) -> ServiceAccount:
    """The JSON key as Google's console hands it out. Raises ValueError without quoting it."""
    found = as_json_object(text)
    email, pem, key_id = (found.get(name) for name in ("client_email", "private_key", "private_key_id"))
    if not isinstance(email, str) or not isinstance(pem, str):
        raise ValueError("is no service account's JSON key")  # noqa: TRY004 - pydantic wants a ValueError
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("holds a private key that cannot be read") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("holds a private key that is not RSA")  # noqa: TRY004 - pydantic wants a ValueError
    return ServiceAccount(email, key_id if isinstance(key_id, str) else None, key)


def sign_assertion(account: ServiceAccount, *, subject: str, scope: str, audience: str, now: datetime) -> str:
    """A JWT by RS256: this account asks `audience` for `scope` on behalf of `subject`."""
    issued = int(now.timestamp())
    head = {"alg": "RS256", "typ": "JWT"} | ({"kid": account.key_id} if account.key_id else {})
    claims = {
        "iss": account.email,
        "sub": subject,
        "scope": scope,
        "aud": audience,
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
    }
    signed = f"{_encoded(head)}.{_encoded(claims)}"
    return f"{signed}.{_base64(account.key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _encoded(part: Mapping[str, object]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
