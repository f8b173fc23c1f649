"""Signed addresses: `privacy+c.<number>.<hmac>@…` is ours, and nobody else can make one.

Lower-case base32, because some servers change the case of a local part; the tags b, c, r and d are reserved.
"""

import hmac
import secrets
from base64 import b32encode
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Secret

SIGNATURE_LENGTH = 20
"""Characters of base32: 100 bits."""


def ensure_secret(session: Session, *, now: datetime) -> None:
    """Make the signing key at the first start."""
    if not _keys(session):
        session.add(Secret(key=secrets.token_bytes(32), made_at=now))
        session.flush()


def sign(session: Session, tag: str, number: int) -> str:
    """The signed tag, such as c.42.mzxw6ytboi3dqnrs."""
    return f"{tag}.{number}.{_signature(_keys(session)[0], tag, number)}"


def read(session: Session, signed: str) -> tuple[str, int] | None:
    """The tag and number of a signed tag, or None when we did not make it."""
    tag, _, rest = signed.lower().partition(".")
    number, _, signature = rest.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    genuine = any(_same(_signature(key, tag, int(number)), signature) for key in _keys(session))
    return (tag, int(number)) if genuine else None


def plus_address(address: str, tag: str) -> str:
    """privacy@kavkom.example and c.42.abc -> privacy+c.42.abc@kavkom.example."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{tag}@{domain}"


def _signature(key: bytes, tag: str, number: int) -> str:
    digest = hmac.digest(key, f"{tag}.{number}".encode(), sha256)
    return b32encode(digest).decode("ascii").lower()[:SIGNATURE_LENGTH]


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "replace"))


def _keys(session: Session) -> list[bytes]:
    newest_first = select(Secret.key).order_by(Secret.retired_at.is_not(None), Secret.id.desc())
    return list(session.scalars(newest_first))
