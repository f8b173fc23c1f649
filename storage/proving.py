"""What every pack of evidence is made with: who somebody was, names for its files, and a mail of ours as it stands."""

import re
from collections import Counter

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.contents import Content
from storage.models import Delivery, Message, Staff
from storage.proof import Came, Went, Who
from storage.sightings import places_of
from storage.types import Correspondence

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class Naming:
    """Who staff are, and names of files: given once each, in the order of the record, nobody's name in them."""

    def __init__(self, session: Session) -> None:
        self._files: Counter[str] = Counter()
        self._staff = {one.slack_user: one.name for one in session.scalars(select(Staff))}

    def who(self, actor: str) -> Who:
        return Who(actor, self._staff.get(actor))

    def file(self, stem: str, ending: str = "eml") -> str:
        """A name of its own; `stem` may hold a folder."""
        folder, slash, name = stem.rpartition("/")
        stem = f"{folder}{slash}{_UNSAFE.sub('_', name)}"
        self._files[stem] += 1
        number = self._files[stem]
        return f"{stem}.{ending}" if number == 1 else f"{stem}-{number}.{ending}"


def went_of(sent: Delivery, *, file: str, customer: str | None, content: Content | None) -> Went:
    """An e-mail of ours, with the bytes that may be shown of it."""
    return Went(
        file=file,
        purpose=sent.purpose,
        customer=customer,
        recipient=sent.recipient,
        message_id=sent.message_id,
        queued_at=sent.queued_at,
        accepted_at=sent.accepted_at,
        refused_at=sent.refused_at,
        bounced_at=sent.bounced_at,
        bounce_status=sent.bounce_status,
        delayed_at=sent.delayed_at,
        withdrawn_at=sent.superseded_at,
        receipt_at=sent.receipt_at,
        attempts=sent.attempts,
        reply=sent.reply,
        sha256=sent.sha256,
        again=sent.attempt_of_id is not None,
        content=content,
    )


def came_of(
    session: Session,
    message: Message,
    content: Content,
    *,
    file: str,
    what: Correspondence | None = None,
    said: str | None = None,
    customer: str | None = None,
    with_sender: bool = True,
) -> Came:
    """A mail that came, with the bytes that may be shown of it."""
    return Came(
        file=file,
        what=what,
        said=said,
        customer=customer,
        received_at=message.received_at,
        kept_at=message.kept_at,
        sender=message.sender if with_sender else None,
        places=tuple(places_of(session, message.id)),
        content=content,
    )
