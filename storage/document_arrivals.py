"""Documents that staff mail to a breach's own address, and whatever else comes there: nothing of it is dropped.

Only what a known colleague sent, with at least one file, to an open breach becomes documents; the rest is kept with the
breach, and a person reads it. Nothing is attached to a notice from here: somebody marks it first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import announcements, messages, staff, tasks
from storage.breaches import record
from storage.correspondence import attach
from storage.models import Breach, CaseMail, Document, Message, Staff
from storage.types import Actor, Correspondence, TaskKind

CAME, TO_READ = "breach_documents_came", "breach_mail_to_read"


@dataclass(frozen=True)
class File:
    """A file in a mail; `part` is its place among the mail's parts. `content` is None when it cannot be read."""

    part: int
    name: str
    content_type: str
    content: bytes | None


def find_sender(session: Session, address: str, *, now: datetime) -> Staff | None:
    """The colleague, active today, whose address in the staff table this is."""
    wanted = select(Staff).where(func.lower(Staff.email) == address.lower()).order_by(Staff.id)
    active = {one.id for one in staff.active_staff(session, now=now)}
    return next((one for one in session.scalars(wanted) if one.id in active), None)


def keep_documents(
    session: Session,
    breach: Breach,
    message: Message,
    files: Sequence[File],
    colleague: Staff,
    *,
    by: Actor,
    now: datetime,
) -> list[Document]:
    """Keep each file of a colleague's mail as a document that nobody has marked; staff are told how many came.

    The same file again, byte for byte, is a document already, and is not kept twice.
    """
    if not attach(session, message, Correspondence.DOCUMENTS, breach_id=breach.id, now=now):
        return []
    known = set(session.scalars(select(Document.sha256).where(Document.breach_id == breach.id)))
    kept: list[Document] = []
    for file in files:
        digest = sha256(file.content).hexdigest() if file.content else None
        if digest is None or digest not in known:
            kept.append(_keep(session, breach, message, file, digest, colleague, now=now))
            known.add(digest)
    session.flush()
    entry = record(
        session,
        breach,
        "documents-received",
        by=by,
        now=now,
        sender=colleague.slack_user,
        mail_sha256=message.sha256,
        sha256=[one.sha256 or "unreadable" for one in kept],
    )
    if kept:
        announcements.announce(session, entry, CAME)
    return kept


def keep_to_read(session: Session, breach: Breach, message: Message, why: str, *, by: Actor, now: datetime) -> None:
    """Keep with the breach what makes no documents, and why (a code); somebody reads it."""
    if attach(session, message, Correspondence.DOCUMENTS, breach_id=breach.id, now=now):
        entry = record(session, breach, "breach-mail-kept", by=by, now=now, why=why, sha256=message.sha256)
        announcements.announce(session, entry, TO_READ)
        tasks.open_task(session, breach.reference, TaskKind.READ, message=message, by=by, now=now)


def keep_aside(session: Session, breach: Breach, message: Message, what: Correspondence, *, now: datetime) -> None:
    """Keep with the breach what nobody needs to read: an automatic answer, or a second copy."""
    attach(session, message, what, breach_id=breach.id, now=now)


def is_documents_mail(session: Session, message_id: int, breach: Breach) -> bool:
    """Whether this mail is one of the breach's that was looked at."""
    mail = session.get(CaseMail, message_id)
    return mail is not None and mail.what is Correspondence.DOCUMENTS and mail.breach_id == breach.id


def _keep(
    session: Session,
    breach: Breach,
    message: Message,
    file: File,
    digest: str | None,
    colleague: Staff,
    *,
    now: datetime,
) -> Document:
    content = file.content or b""
    document = Document(
        breach_id=breach.id,
        message_id=messages.keep_file(session, content, received_at=message.received_at, now=now),
        part=file.part,
        name=file.name,
        content_type=file.content_type,
        size=len(content),
        sha256=digest,
        received_at=message.received_at,
        sent_by=colleague.slack_user,
    )
    session.add(document)
    return document
