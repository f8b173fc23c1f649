"""The files that went with e-mails of a breach, as bytes: documents that staff mailed, and what was written here."""

from collections.abc import Callable, Sequence
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.breach_proof import Enclosed, Filed
from storage.contents import Content, State
from storage.documents import read_document
from storage.messages import parts_kept
from storage.models import Attachment, Customer, Delivery, Document, Message
from storage.proving import Naming

ENDINGS = {
    "application/pdf": "pdf",
    "text/html": "html",
    "text/plain": "txt",
    "text/csv": "csv",
    "image/png": "png",
    "image/jpeg": "jpg",
    "application/zip": "zip",
}
"""How files are named by their kind, whatever they were called by whoever sent them."""


class Filing:
    """Names each file once: the same document to three hundred customers is one file of the pack.

    `shown` says which texts may be read; None stands for one that may not.
    """

    def __init__(self, session: Session, naming: Naming, shown: Callable[[str | None], str | None]) -> None:
        self._session, self._naming, self._shown = session, naming, shown
        self._by_hash: dict[str, str] = {}
        self.files: list[Filed] = []
        self.enclosed: list[Enclosed] = []

    def add_document(self, document: Document) -> None:
        """A document that staff mailed to the breach."""
        content = document_content(self._session, document)
        customer = self._session.get(Customer, document.customer_id) if document.customer_id else None
        file = self._file("documents/document", document.content_type, document.sha256 or f"document {document.id}")
        who = self._naming.who
        self.files.append(
            Filed(
                file=file,
                name=self._shown(document.name),
                content_type=document.content_type,
                size=document.size,
                sha256=document.sha256,
                customer=customer.reference if customer else None,
                is_marked=document.marked_at is not None,
                received_at=document.received_at,
                sent_by=who(document.sent_by) if document.sent_by else None,
                marked_at=document.marked_at,
                marked_by=who(document.marked_by) if document.marked_by else None,
                withdrawn_at=document.withdrawn_at,
                content=content,
            )
        )

    def add_enclosures(self, sent: Delivery, mail: str, enclosures: Sequence[Attachment]) -> None:
        """What went with one e-mail; documents are added before."""
        for one in enclosures:
            document = self._session.get(Document, one.document_id) if one.document_id else None
            digest = (document.sha256 or "") if document else sha256(one.content or b"").hexdigest()
            key = digest or f"document {one.document_id}"
            if document is None and key not in self._by_hash:
                self._add_written(sent, one, digest)
            row = Enclosed(
                mail, one.ordinal, self._shown(one.name), one.content_type, digest, self._by_hash.get(key, "")
            )
            self.enclosed.append(row)

    def _add_written(self, sent: Delivery, one: Attachment, digest: str) -> None:
        content = one.content or b""
        self.files.append(
            Filed(
                file=self._file("attachments/file", one.content_type, digest),
                name=self._shown(one.name),
                content_type=one.content_type,
                size=len(content),
                sha256=digest,
                customer=None,
                is_marked=True,
                received_at=sent.queued_at,
                sent_by=None,
                marked_at=None,
                marked_by=None,
                withdrawn_at=None,
                content=Content(State.WHOLE, len(content), digest, lambda: iter([content])),
            )
        )

    def _file(self, stem: str, content_type: str, key: str) -> str:
        name = self._naming.file(stem, ENDINGS.get(content_type, "bin"))
        return self._by_hash.setdefault(key, name)


def enclosures_of(session: Session, sent: Sequence[Delivery]) -> dict[int, list[Attachment]]:
    """What went with each of these, by the delivery's id, in its order."""
    found: dict[int, list[Attachment]] = {}
    ids = [one.id for one in sent]
    for start in range(0, len(ids), 500):
        some = select(Attachment).where(Attachment.delivery_id.in_(ids[start : start + 500]))
        for one in session.scalars(some.order_by(Attachment.delivery_id, Attachment.ordinal)):
            found.setdefault(one.delivery_id, []).append(one)
    return found


def document_content(session: Session, document: Document) -> Content:
    """A document's bytes as they came out of the mail; ERASED when they are gone."""
    message = session.get_one(Message, document.message_id)
    state = State.WHOLE if parts_kept(session, message) else State.ERASED
    return Content(state, message.size, document.sha256, lambda: read_document(session, document))
