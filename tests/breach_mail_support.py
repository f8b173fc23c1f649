"""A breach with a notice on its way: what the tests of the mail side of breaches share."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import outbox
from storage.breaches import get_breach
from storage.database import Database
from storage.ledger import Row, read_row
from storage.models import Affected, Attachment, Breach, Delivery, Document, Notice
from storage.outbox import Words
from storage.types import Medium, Purpose
from tests.storage_support import NOW

WORDS = Words(
    "Violation de données concernant votre entreprise – Kavkom, message n° 1",
    "Bonjour,\n\nUn ordinateur a été volé.\n",
    "<html><body class='x'><p>Un ordinateur a été volé.</p></body></html>",
)
OWN = "Détails de la violation.html"


def queue_notice(
    session: Session,
    affected: Affected,
    *documents: Document,
    recipient: str | None = None,
    words: Words = WORDS,
    content: bytes = b"<h1>Annexe</h1>",
) -> Delivery:
    """What approving a notice queues for one customer: its words, our own document, and those of staff."""
    breach = affected.breach
    version = (session.scalar(select(func.max(Notice.version)).where(Notice.breach_id == breach.id)) or 0) + 1
    notice = Notice(breach_id=breach.id, version=version, prepared_at=NOW, approved_at=NOW, approved_by="U01ANNE")
    session.add(notice)
    session.flush()
    key = f"notice:{notice.id}:{affected.id}"
    outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=Purpose.NOTICE,
        topic="notice",
        recipient=recipient or affected.customer.breach_address or affected.customer.request_address,
        language=affected.customer.language,
        case=breach.reference,
        words=words,
        affected_id=affected.id,
        notice_id=notice.id,
        now=NOW,
    )
    delivery = session.scalars(select(Delivery).where(Delivery.key == key)).one()
    attach(session, delivery, *documents, content=content)
    session.refresh(affected, ["deliveries"])
    return delivery


def attach(session: Session, delivery: Delivery, *documents: Document, content: bytes) -> None:
    rows = [Attachment(delivery_id=delivery.id, ordinal=0, name=OWN, content_type="text/html", content=content)]
    for ordinal, one in enumerate(documents, 1):
        rows.append(
            Attachment(
                delivery_id=delivery.id,
                ordinal=ordinal,
                name=one.name,
                content_type=one.content_type,
                document_id=one.id,
            )
        )
    session.add_all(rows)
    session.flush()


def the_breach(session: Session) -> Breach:
    return get_breach(session, session.scalars(select(Breach.reference)).one())


def row_of(session: Session, reference: str = "C0001") -> Row:
    """How far a customer of the one breach has come, as the record has it now."""
    session.flush()
    session.expire_all()
    return read_row(next(one for one in the_breach(session).affected if one.customer.reference == reference))


def announced(session: Session, recipient: str | None = None) -> list[str]:
    """The topics of what is said in Slack, or of what is said to one recipient, in order."""
    said = select(Delivery.topic).where(Delivery.medium == Medium.SLACK, Delivery.purpose != Purpose.CARD)
    wanted = said if recipient is None else said.where(Delivery.recipient == recipient)
    return list(session.scalars(wanted.order_by(Delivery.id)))


def notices(database: Database) -> list[Delivery]:
    """Every notice in the outbox, oldest first."""
    with database.reading() as session:
        found = list(session.scalars(select(Delivery).where(Delivery.purpose == Purpose.NOTICE).order_by(Delivery.id)))
        session.expunge_all()
        return found
