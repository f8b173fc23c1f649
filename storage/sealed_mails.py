"""The mails of breaches compared with the journal: notices byte for byte, documents, and what customers answered.

A line about a mail that came holds its SHA-256, and so does the row of each; see sealing.py for the rows.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.contents import Content, State, digest_of, kept_content, sent_content
from storage.models import Breach, CaseMail, Delivery, Document, Entry, Message
from storage.sealing import as_detail
from storage.types import Correspondence, Purpose

IN_LINES = frozenset({Correspondence.REPLY, Correspondence.DOCUMENTS})
"""Mails that prove something: each is in a line of the journal."""

NAMED_IN = {
    "customer-replied": "sha256",
    "customer-absent": "sha256",
    "breach-mail-kept": "sha256",
    "documents-received": "mail_sha256",
    "notice-bounced": "report_sha256",
    "notice-delayed": "report_sha256",
}
"""The lines that tell of a mail that came, and the field with its SHA-256."""

_MAILS = (
    select(CaseMail, Message, Breach.reference)
    .join(Message, Message.id == CaseMail.message_id)
    .join(Breach, Breach.id == CaseMail.breach_id)
    .order_by(CaseMail.message_id)
)


class Told(NamedTuple):
    """What a line says of a mail: its breach, its SHA-256 (hex), and how it was understood."""

    case: str
    sha256: str | None
    said: str | None


def verify_mails(session: Session) -> Iterator[str]:
    """A sentence for each mail or document of a breach that was changed, added or taken out."""
    yield from _came(session)
    yield from _documents(session)
    yield from _went(session)


def _came(session: Session) -> Iterator[str]:
    told, found = dict(_lines(session)), set[Told]()
    cases = {one.case for one in told}
    for mail, message, case in session.execute(_MAILS):
        found.add(as_told := Told(case, message.sha256, mail.said.value if mail.said else None))
        if not _holds(kept_content(session, message)):
            yield f"{case}: mail {mail.message_id} was changed after it came."
        if mail.what in IN_LINES and case in cases and as_told not in told:
            yield f"{case}: mail {mail.message_id} is in no entry of the journal."
    for one in told.keys() - found:
        yield f"{one.case}: the mail of entry {told[one]} was changed or deleted."


def _lines(session: Session) -> Iterator[tuple[Told, int]]:
    """The mails of which the lines of breaches tell, each with its line's number."""
    entries = select(Entry).join(Breach, Breach.reference == Entry.case).where(Entry.action.in_(NAMED_IN))
    for entry in session.scalars(entries.order_by(Entry.number).execution_options(yield_per=1000)):
        detail = as_detail(entry.detail)
        digest, said = detail.get(NAMED_IN[entry.action]), detail.get("said")
        if isinstance(digest, str) and isinstance(said, str | None):
            yield Told(entry.case or "", digest, said), entry.number


def _documents(session: Session) -> Iterator[str]:
    of_breaches = select(Document, Message, Breach.reference).join(Message, Message.id == Document.message_id)
    for document, message, case in session.execute(of_breaches.join(Breach, Breach.id == Document.breach_id)):
        if document.sha256 and not _holds(replace(kept_content(session, message), recorded=document.sha256)):
            yield f"{case}: document {document.id} was changed after it came."


def _went(session: Session) -> Iterator[str]:
    notices = select(Delivery).where(Delivery.purpose == Purpose.NOTICE, Delivery.sha256.is_not(None))
    for delivery in session.scalars(notices.order_by(Delivery.id)):
        content = sent_content(session, delivery)
        if content and not _holds(content):
            yield f"{delivery.case}: the bytes of delivery {delivery.id} were changed after they were sent."


def _holds(content: Content) -> bool:
    """Whether the bytes are those that were noted. What was erased, all or in part, cannot be compared."""
    return content.state is not State.WHOLE or content.recorded in (None, digest_of(content.read()))
