"""Signed addresses: `privacy+c.<number>.<hmac>@…` is ours, and nobody else can make one.

Lower-case base32, because some servers change the case of a local part; the tags b, c, r and d are reserved.

When a backup was restored, ids are given out anew, and what was signed since the backup would name other rows. So the
key is retired then, together with the newest ids that it can have signed: beyond them its tokens are of a lost life.
"""

import hmac
import json
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from storage.models import Breach, Delivery, Mark, Request, Secret

SIGNATURE_LENGTH = 20
"""Characters of base32: 100 bits."""

SIGNED_OCTETS = 13
"""Octets of the digest in which these bits are."""

_SIGNING = "signing-key"
"""Where a session remembers the key that it signs with: it lives no longer than a transaction."""

NUMBERED: dict[str, type[Delivery | Request | Breach]] = {
    "b": Delivery,
    "r": Delivery,
    "m": Delivery,
    "c": Request,
    "d": Breach,
}
"""Whose id a tag carries: bounce, receipt, Message-ID, case, documents of a breach."""


@dataclass(frozen=True)
class _Signed:
    """A token that one of our keys made."""

    tag: str
    number: int
    key_id: int
    is_retired: bool


def ensure_secret(session: Session, *, now: datetime) -> None:
    """Make the signing key at the first start."""
    if session.scalar(_keys().limit(1)) is None:
        _make_key(session, now)


def replace_secret(session: Session, *, now: datetime) -> None:
    """Retire the signing key, with the newest ids that its tokens can rightly name, and sign with a new one."""
    ceilings = {table.__tablename__: session.scalar(select(func.max(table.id))) or 0 for table in NUMBERED.values()}
    for key in session.scalars(_keys().where(Secret.retired_at.is_(None))):
        key.retired_at = now
        session.add(Mark(name=_ceiling_of(key.id), value=json.dumps(ceilings), at=now))
    _make_key(session, now)


def sign(session: Session, tag: str, number: int) -> str:
    """The signed tag, such as c.42.mzxw6ytboi3dqnrs."""
    key = session.info.get(_SIGNING) or session.scalars(_keys().limit(1)).one().key
    session.info[_SIGNING] = key
    return f"{tag}.{number}.{_signature(key, tag, number)}"


def read(session: Session, signed: str) -> tuple[str, int] | None:
    """The tag and number of a signed tag; None when we did not make it, or in a life that is lost."""
    found = _find_signed(session, signed)
    return None if found is None or _is_beyond(session, found) else (found.tag, found.number)


def read_lost(session: Session, signed: str) -> tuple[str, int] | None:
    """The tag and number of what we signed in a life that is lost: a restored backup never knew that row."""
    found = _find_signed(session, signed)
    if found is None or not (_is_beyond(session, found) or _is_unheard_of(session, found)):
        return None
    return found.tag, found.number


def is_current(session: Session, signed: str) -> bool:
    """Whether the key that we sign with today made this tag."""
    found = _find_signed(session, signed)
    return found is not None and not found.is_retired


def plus_address(address: str, tag: str) -> str:
    """privacy@kavkom.example and c.42.abc -> privacy+c.42.abc@kavkom.example."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{tag}@{domain}"


def _find_signed(session: Session, signed: str) -> _Signed | None:
    tag, _, rest = signed.lower().partition(".")
    number, _, signature = rest.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    for key in session.scalars(_keys()):
        if _same(_signature(key.key, tag, int(number)), signature):
            return _Signed(tag, int(number), key.id, key.retired_at is not None)
    return None


def _is_beyond(session: Session, signed: _Signed) -> bool:
    """Whether a retired key signed a row that was not there yet, or only in the lost life, when it was retired."""
    mark = session.get(Mark, _ceiling_of(signed.key_id)) if signed.is_retired else None
    table = NUMBERED.get(signed.tag)
    return mark is not None and table is not None and signed.number > json.loads(mark.value)[table.__tablename__]


def _is_unheard_of(session: Session, signed: _Signed) -> bool:
    """Whether the row would be newer than any in this record. An older one that is missing was only purged."""
    table = NUMBERED.get(signed.tag)
    return table is not None and signed.number > (session.scalar(select(func.max(table.id))) or 0)


def _make_key(session: Session, now: datetime) -> None:
    session.info.pop(_SIGNING, None)
    session.add(Secret(key=secrets.token_bytes(32), made_at=now))
    session.flush()


def _ceiling_of(key_id: int) -> str:
    return f"key-{key_id}"


def _signature(key: bytes, tag: str, number: int) -> str:
    digest = hmac.digest(key, f"{tag}.{number}".encode(), sha256)
    return b32encode(digest[:SIGNED_OCTETS]).decode("ascii").lower()[:SIGNATURE_LENGTH]


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "replace"))


def _keys() -> Select[Secret]:
    """The newest first: it signs, all of them read."""
    return select(Secret).order_by(Secret.retired_at.is_not(None), Secret.id.desc())
