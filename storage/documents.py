"""The documents of a breach (agreement clause 6: "any useful documentation"), and for whom each is.

Staff mail them to the breach's own address. Nothing is attached to a notice before a person has said for which customer
it is, or that it is for all: that is asked, never assumed. Documents are numbered within their breach, from 1, as they
came; each is kept as a mail of its own, decoded, byte for byte.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from storage import journal, messages
from storage.breach_errors import DocumentSent, DocumentUnreadable, NotAffected, UnknownDocument
from storage.breaches import record, refuse_closed, take_turn_on
from storage.document_words import names_of_others
from storage.file_names import EXECUTABLE
from storage.models import Attachment, Breach, Customer, Delivery, Document
from storage.types import Actor, Purpose

MOST_BYTES = 20 << 20
"""Octets that a notice may have with all its documents: what many servers still take."""

IN_BASE64 = 78 / 57
"""Octets on the wire for each octet of a file (RFC 2045 section 6.8)."""


def documents_of(session: Session, breach: Breach) -> list[Document]:
    """All documents of a breach, withdrawn ones, too: the first one is number 1."""
    return list(session.scalars(select(Document).where(Document.breach_id == breach.id).order_by(Document.id)))


def get_document(session: Session, breach: Breach, number: int) -> Document:
    """A document by its number within the breach. Raises UnknownDocument."""
    found = documents_of(session, breach)
    if not 0 < number <= len(found):
        raise UnknownDocument(breach.reference)
    return found[number - 1]


def number_of(session: Session, document: Document) -> int:
    """Its number within its breach."""
    breach = session.get_one(Breach, document.breach_id)
    return [one.id for one in documents_of(session, breach)].index(document.id) + 1


def documents_for(session: Session, breach: Breach, customer: Customer) -> list[Document]:
    """What is marked for this customer, or for all, and not withdrawn, in the order in which it came."""
    marked = (one for one in documents_of(session, breach) if is_marked(one))
    return [one for one in marked if one.for_all or one.customer_id == customer.id]


def unmarked(session: Session, breach: Breach) -> list[Document]:
    """What nobody has said anything about: it goes to nobody."""
    return [one for one in documents_of(session, breach) if one.marked_at is None and one.withdrawn_at is None]


def is_marked(document: Document) -> bool:
    """Whether somebody has said for whom it is, and it was not withdrawn since."""
    return document.marked_at is not None and document.withdrawn_at is None


def is_executable(document: Document) -> bool:
    """Whether its name says that it is a program, or holds one: many servers take no mail that has it."""
    return bool(EXECUTABLE.search(document.name))


def is_readable(document: Document) -> bool:
    """Whether all of it came and could be decoded; what is not goes to nobody."""
    return document.sha256 is not None


def size_for(session: Session, breach: Breach, customer: Customer) -> int:
    """About how many octets the documents that go to this customer have on the wire; see MOST_BYTES."""
    return int(sum(one.size for one in documents_for(session, breach, customer)) * IN_BASE64)


def was_sent(session: Session, document: Document) -> bool:
    """Whether it is in a notice that left, or is about to."""
    notices = (Delivery.purpose == Purpose.NOTICE, Delivery.superseded_at.is_(None))
    attached = exists().where(Attachment.document_id == document.id, Delivery.id == Attachment.delivery_id, *notices)
    return bool(session.scalar(select(attached)))


def read_document(session: Session, document: Document) -> Iterator[bytes]:
    """Its bytes, decoded, at most 1 MiB at a time."""
    return messages.read_parts(session, document.message_id)


def named_in(session: Session, document: Document, others: Sequence[Customer]) -> list[Customer]:
    """Which of these customers it names."""
    return names_of_others(b"".join(read_document(session, document)), document.name, others)


def others_named(session: Session, breach: Breach, document: Document, *, given: Customer | None) -> list[Customer]:
    """Which affected customers it names beside the one that it is for; `given` None is for all, and each is another."""
    affected = [one.customer for one in breach.affected if given is None or one.customer_id != given.id]
    return named_in(session, document, affected)


def mark_document(
    session: Session, breach: Breach, number: int, customer: Customer | None, *, by: Actor, now: datetime
) -> Document:
    """Say that it is for this customer only, or for all (None); until it was sent that may be changed.

    Raises UnknownDocument, DocumentUnreadable, DocumentSent, NotAffected, BreachClosed.
    """
    document = _take(session, breach, number)
    if not is_readable(document):
        raise DocumentUnreadable(breach.reference, number)
    if customer is not None and not _is_affected(breach, customer):
        raise NotAffected(breach.reference, customer.name)
    of = customer.id if customer else None
    if is_marked(document) and (document.for_all, document.customer_id) == (customer is None, of):
        return document
    if was_sent(session, document):
        raise DocumentSent(breach.reference, number)
    document.for_all, document.customer_id = customer is None, of
    document.marked_at, document.marked_by, document.withdrawn_at = now, by.name, None
    whom = customer.reference if customer else None
    _record(session, breach, document, number, "document-marked", by=by, now=now, customer=whom)
    return document


def withdraw_document(session: Session, breach: Breach, number: int, *, by: Actor, now: datetime) -> Document:
    """It goes to nobody any more; what was sent with it stays sent. Raises UnknownDocument, BreachClosed."""
    document = _take(session, breach, number)
    if document.withdrawn_at is None:
        document.withdrawn_at = now
        _record(session, breach, document, number, "document-withdrawn", by=by, now=now)
    return document


def _take(session: Session, breach: Breach, number: int) -> Document:
    take_turn_on(session, breach)
    refuse_closed(breach)
    document = get_document(session, breach, number)
    session.refresh(document)
    return document


def _is_affected(breach: Breach, customer: Customer) -> bool:
    return any(one.customer_id == customer.id and one.excluded_at is None for one in breach.affected)


def _record(
    session: Session,
    breach: Breach,
    document: Document,
    number: int,
    action: str,
    *,
    by: Actor,
    now: datetime,
    **detail: journal.Detail,
) -> None:
    shown: dict[str, journal.Detail] = {"document": number, "sha256": document.sha256}
    record(session, breach, action, by=by, now=now, **(shown | detail))
