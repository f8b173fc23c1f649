"""Mails to a breach's own address, `privacy+d.<breach>.<signature>@…`: the documents that staff send for its notices.

Who sends is known as a colleague is elsewhere: by the one mailbox in From, which must be in the staff table; and the
signed address itself is told to staff only. What a stranger sends there, or a colleague without a file, a person reads.
"""

import binascii
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from mail.headers import split_head
from mail.parts import WANTED, Part, read_parts
from mail.reading import MailRead
from mail.tags import tagged
from storage import document_arrivals, facts, messages, tokens
from storage.breaches import whole_breaches
from storage.document_arrivals import File
from storage.models import Breach, Message
from storage.types import Actor, Correspondence

SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
"""What mail programs add that is no document."""


def settle_documents(session: Session, mail: MailRead, *, by: Actor, now: datetime) -> bool:
    """Record a mail to a breach's own address; False when it came to none."""
    breach = _breach_of(session, mail)
    if breach is None:
        return False
    message = session.get_one(Message, mail.message_id)
    facts.record_read(session, [facts.Facts(mail.message_id, mail.author_sha256, mail.says.outer.message_id, None)])
    if mail.says.outer.automatic is not None:
        document_arrivals.keep_aside(session, breach, message, Correspondence.AUTOMATIC, now=now)
    elif _is_copy(session, mail, breach):
        document_arrivals.keep_aside(session, breach, message, Correspondence.COPY, now=now)
    else:
        _keep(session, mail, breach, message, by=by, now=now)
    return True


def _keep(session: Session, mail: MailRead, breach: Breach, message: Message, *, by: Actor, now: datetime) -> None:
    sender = mail.says.outer.sender
    colleague = document_arrivals.find_sender(session, sender, now=now) if sender and not mail.junk else None
    if colleague is None or breach.closed_at is not None:
        why = "stranger" if colleague is None else "closed"
        document_arrivals.keep_to_read(session, breach, message, why, by=by, now=now)
        return
    raw = b"".join(messages.read_parts(session, message.id))
    fields, body = split_head(raw, WANTED)
    parts = read_parts(fields, raw[body:], truncated=False)
    files = list(_files(parts.leaves))
    if not files or parts.overflow:
        document_arrivals.keep_to_read(session, breach, message, "no-file", by=by, now=now)
        return
    document_arrivals.keep_documents(session, breach, message, files, colleague, by=by, now=now)


def _files(leaves: tuple[Part, ...]) -> Iterator[File]:
    for number, part in enumerate(leaves):
        if part.is_attached and part.content_type not in SIGNATURES:
            yield File(number, part.name, part.content_type, _content_of(part))


def _content_of(part: Part) -> bytes | None:
    """What was attached; None where it does not end, says nothing, or is no base64 at all."""
    try:
        content = part.content()
    except (binascii.Error, ValueError):
        return None
    return content if part.complete and content else None


def _breach_of(session: Session, mail: MailRead) -> Breach | None:
    for signed in tagged(mail.says.outer.recipients, "d"):
        if token := tokens.read(session, signed):
            return session.scalars(whole_breaches().where(Breach.id == token[1])).first()
    return None


def _is_copy(session: Session, mail: MailRead, breach: Breach) -> bool:
    """Whether the same mail was taken already: it came to two mailboxes, or twice."""
    first = facts.find_first(session, [mail.author_sha256] if mail.author_sha256 else [])
    return any(document_arrivals.is_documents_mail(session, one, breach) for one in first.values())
