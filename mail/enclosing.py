"""The letter that a colleague attached is a mail of its own in the record: what goes to the customer is that alone.

The colleague's mail, which may hold words that are not for the customer, stays in the case beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from mail.bounce import read_report
from mail.copies import author_digest
from mail.reading import MailRead
from storage import correspondence, facts, messages
from storage.messages import PART
from storage.models import Message
from storage.types import Correspondence


def open_enclosed(
    session: Session, mails: Sequence[MailRead], *, now: datetime
) -> tuple[list[MailRead], Mapping[int, int]]:
    """The mails to decide about, enclosed letters in place of what they came in, and the covering mails of these.

    A letter that is known already is not kept again: then the colleague's mail counts as a further copy of it.
    """
    digests = {mail.message_id: author_digest([mail.says.enclosed]) for mail in mails if mail.says.enclosed}
    known = facts.find_first(session, {one for one in digests.values() if one})
    opened, covers = [], dict[int, int]()
    for mail in mails:
        enclosed, digest = mail.says.enclosed, digests.get(mail.message_id)
        if not enclosed or digest is None:
            opened.append(mail)
            continue
        inner = replace(mail, author_sha256=digest)
        if digest not in known:
            inner = _keep(session, inner, enclosed, now=now)
            covers[inner.message_id] = mail.message_id
            known = {**known, digest: inner.message_id}
        opened.append(inner)
    return opened, covers


def attach_covers(session: Session, covers: Mapping[int, int], *, now: datetime) -> None:
    """Each colleague's mail belongs to the case of the letter that it brought."""
    for inner, cover in covers.items():
        request = correspondence.find_case(session, inner)
        message = session.get_one(Message, cover)
        number = request.id if request else None
        correspondence.attach(session, message, Correspondence.COVERING, request_id=number, now=now)


def _keep(session: Session, mail: MailRead, enclosed: bytes, *, now: datetime) -> MailRead:
    number = messages.keep_enclosed(session, enclosed, received_at=mail.received_at, now=now)
    head = enclosed[:PART]
    return replace(mail, message_id=number, sha256=sha256(enclosed).hexdigest(), head=head, report=read_report(head))
