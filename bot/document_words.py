"""What Slack and the shell show of a breach's documents: number, type, size, hash, for whom; never a name or a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from storage import documents
from storage.breach_mails import documents_address
from storage.models import Breach, Customer, Document
from storage.outbox import Words
from templates import render

KINDS = frozenset(
    "application/pdf application/zip application/json application/msword application/vnd.ms-excel application/rtf "
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document "
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet "
    "application/vnd.openxmlformats-officedocument.presentationml.presentation "
    "application/vnd.oasis.opendocument.text application/vnd.oasis.opendocument.spreadsheet "
    "text/plain text/html text/csv text/calendar image/png image/jpeg image/gif image/webp image/tiff "
    "message/rfc822 audio/mpeg audio/wav video/mp4".split()
)
"""Types that Slack may show: whoever sends a file may write anything for its type."""
OTHER = "application/octet-stream"
SHOWN_HASH = 8
OPTIONS = 90
"""Documents that a select of Slack offers; it takes a hundred options."""


@dataclass(frozen=True)
class DocumentLine:
    """One document as Slack may show it; `customer` is the reference of the one that it is for."""

    number: int
    content_type: str
    size: int
    sha256: str | None
    received_at: datetime
    for_all: bool
    customer: str | None
    withdrawn: bool
    sent: bool
    executable: bool
    readable: bool


def show_documents(session: Session, breach: Breach) -> list[DocumentLine]:
    """A breach's documents, the first one first."""
    return [
        _show(session, breach, number, one) for number, one in enumerate(documents.documents_of(session, breach), 1)
    ]


def say_document(line: DocumentLine, language: str) -> str:
    """One line of mrkdwn."""
    size = size_in_words(line.size, language)
    return render("breach_document_line", language, "slack", one=line, size=size)


def size_in_words(octets: int, language: str) -> str:
    """Octets as people read them: "1,4 Mo"."""
    unit = "o" if language == "fr" else "B"
    for name, length in (("M", 1 << 20), ("k", 1 << 10)):
        if octets >= length:
            shown = f"{octets / length:.1f}".removesuffix(".0")
            return f"{shown.replace('.', ',') if language == 'fr' else shown} {name}{unit}"
    return f"{octets} {unit}"


def write_documents(
    breach: Breach,
    language: str,
    some: Sequence[tuple[int, Document]],
    part: int,
    *,
    address: str | None,
    listed: bool = True,
) -> Words:
    """The mail that brings them to a colleague: here with the names of their files. Not `listed`: only the address."""
    named = [{"number": number, "name": one.name, "content_type": one.content_type} for number, one in some]
    values = {"reference": breach.reference, "part": part}
    text = render("breach_documents_mailed", language, documents=named, address=address, listed=listed, **values)
    return Words(render("breach_documents_mailed_subject", language, **values), text)


def address_for(session: Session, breach: Breach, own_address: str | None, *, now: datetime) -> str | None:
    """Where its documents are mailed to; None where our own address is not known."""
    return documents_address(session, breach, own_address, now=now) if own_address else None


def _show(session: Session, breach: Breach, number: int, document: Document) -> DocumentLine:
    customer = session.get(Customer, document.customer_id) if document.customer_id else None
    return DocumentLine(
        number=number,
        content_type=document.content_type if document.content_type in KINDS else OTHER,
        size=document.size,
        sha256=document.sha256[:SHOWN_HASH] if document.sha256 else None,
        received_at=document.received_at or breach.opened_at,
        for_all=document.for_all,
        customer=customer.reference if customer else None,
        withdrawn=document.withdrawn_at is not None,
        sent=documents.was_sent(session, document),
        executable=documents.is_executable(document),
        readable=documents.is_readable(document),
    )
