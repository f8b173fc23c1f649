"""What is mailed to a colleague of a breach: its newest reply, its documents, and the address that takes documents.

It goes to the colleague's own address, from the staff table, and each time into the journal.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import journal, tokens
from storage.breach_errors import NothingToRead
from storage.breaches import CLAUSE
from storage.documents import IN_BASE64, MOST_BYTES, documents_of
from storage.models import Attachment, Breach, CaseMail, Document, Staff
from storage.outbox import Words
from storage.staff_mails import queue_to, send_original
from storage.types import Actor, Correspondence, Purpose

LETTERS = (Correspondence.REPLY, Correspondence.DOCUMENTS)


@dataclass
class Bundle:
    """Documents that fit into one mail, with their numbers."""

    documents: list[tuple[int, Document]] = field(default_factory=list)
    octets: int = 0


def newest_letter(session: Session, breach: Breach) -> CaseMail | None:
    """The newest mail of a breach that a person may have to read: a reply, or what came to its documents address."""
    mails = select(CaseMail).where(CaseMail.breach_id == breach.id, CaseMail.what.in_(LETTERS))
    return session.scalars(mails.order_by(CaseMail.at.desc(), CaseMail.message_id.desc()).limit(1)).first()


def count_letters(session: Session, breach_ids: Collection[int]) -> dict[int, int]:
    """How many such mails these breaches have, by their ids."""
    letters = select(CaseMail.breach_id, func.count()).where(CaseMail.what.in_(LETTERS))
    found = letters.where(CaseMail.breach_id.in_(breach_ids)).group_by(CaseMail.breach_id)
    return {breach_id: count for breach_id, count in session.execute(found) if breach_id is not None}


def count_unmarked(session: Session, breach_ids: Collection[int]) -> dict[int, int]:
    """How many of their documents nobody has marked yet."""
    unmarked = (Document.marked_at.is_(None), Document.withdrawn_at.is_(None), Document.sha256.is_not(None))
    found = select(Document.breach_id, func.count()).where(Document.breach_id.in_(breach_ids), *unmarked)
    return {row[0]: row[1] for row in session.execute(found.group_by(Document.breach_id))}


def send_newest(session: Session, breach: Breach, colleague: Staff, *, gesture: str, by: Actor, now: datetime) -> None:
    """Queue the newest letter, as it came, to a colleague. Raises NothingToRead."""
    newest = newest_letter(session, breach)
    if newest is None:
        raise NothingToRead(breach.reference)
    send_original(session, colleague, breach.reference, newest.message_id, gesture=gesture, by=by, now=now)


def documents_address(session: Session, breach: Breach, own_address: str, *, now: datetime) -> str:
    """The breach's own signed address: what known staff mail there becomes its documents."""
    tokens.ensure_secret(session, now=now)
    return tokens.plus_address(own_address, tokens.sign(session, "d", breach.id))


def send_documents(
    session: Session,
    breach: Breach,
    colleague: Staff,
    write: Callable[[Sequence[tuple[int, Document]], int], Words],
    *,
    gesture: str,
    with_documents: bool = True,
    by: Actor,
    now: datetime,
) -> int:
    """Queue a breach's documents to a colleague, in as many mails as they need; how many. `write` gives each its words.

    What was withdrawn or could not be read is left out. Without documents one mail says so.
    """
    bundles = _bundle(session, breach) if with_documents else [Bundle()]
    new = 0
    for part, bundle in enumerate(bundles, 1):
        words = write(bundle.documents, part)
        new += _queue(session, breach, colleague, bundle, words, f"{gesture}:{part}", now=now)
    if new:
        journal.record(session, "documents-sent-to-staff", by=by, now=now, case=breach.reference, clause=CLAUSE)
    return len(bundles)


def _bundle(session: Session, breach: Breach) -> list[Bundle]:
    bundles = [Bundle()]
    for number, document in enumerate(documents_of(session, breach), 1):
        if document.withdrawn_at is not None or document.sha256 is None:
            continue
        octets = int(document.size * IN_BASE64)
        if bundles[-1].documents and bundles[-1].octets + octets > MOST_BYTES:
            bundles.append(Bundle())
        bundles[-1].documents.append((number, document))
        bundles[-1].octets += octets
    return bundles


def _queue(
    session: Session, breach: Breach, colleague: Staff, bundle: Bundle, words: Words, gesture: str, *, now: datetime
) -> bool:
    delivery_id = queue_to(
        session,
        colleague,
        "documents",
        breach.reference,
        gesture=gesture,
        purpose=Purpose.PREVIEW,
        topic="breach_documents",
        words=words,
        now=now,
    )
    if delivery_id is not None:
        session.add_all(
            Attachment(
                delivery_id=delivery_id,
                ordinal=number,
                name=document.name or f"document-{number}",
                content_type=document.content_type,
                document_id=document.id,
            )
            for number, document in bundle.documents
        )
    return delivery_id is not None
