"""What the tests about a breach's customers share: a notice that was sent, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import outbox
from storage.models import Affected, Attachment, Breach, CaseMail, Delivery, Notice
from storage.outbox import Words
from storage.types import Correspondence, Medium, Purpose, Said
from tests.storage_support import keep_letter


def send_notice(
    session: Session, breach: Breach, affected: Affected, *, at: datetime, version: int = 1, **became: Any
) -> Delivery:
    """A version to one customer, approved and queued at `at`; `became` are columns of the delivery, as later facts."""
    known = select(Notice).where(Notice.breach_id == breach.id, Notice.version == version)
    notice = session.scalars(known).first() or Notice(
        breach_id=breach.id, version=version, prepared_at=at, approved_at=at, approved_by="U01ANNE"
    )
    session.add(notice)
    session.flush()
    key = f"notice:{notice.id}:{affected.id}"
    outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=Purpose.NOTICE,
        topic="notice",
        recipient=affected.customer.request_address,
        language=affected.customer.language,
        case=breach.reference,
        words=Words(f"Notice {version}", f"What happened, {affected.customer.name}", "<p>What happened</p>"),
        affected_id=affected.id,
        notice_id=notice.id,
        now=at,
    )
    delivery = session.scalars(select(Delivery).where(Delivery.key == key)).one()
    session.add(
        Attachment(delivery_id=delivery.id, ordinal=0, name="notice.html", content_type="text/html", content=b"<p>")
    )
    become(session, delivery, **became)
    session.refresh(affected, ["deliveries"])
    return delivery


def become(session: Session, delivery: Delivery, **columns: Any) -> None:
    """What became of a delivery: nothing is due any more once there is an outcome."""
    for name, value in columns.items():
        setattr(delivery, name, value)
    if columns.keys() & {"accepted_at", "refused_at", "bounced_at"}:
        delivery.due_at = None
    session.flush()


def reply(session: Session, affected: Affected, *, at: datetime, said: Said = Said.RECEIVED) -> None:
    """The customer answers a notice."""
    raw = f"From: c@example.org\r\nSubject: Re {affected.id} {at}\r\n\r\n{said.value}\r\n".encode()
    letter = keep_letter(session, raw, at=at)
    mail = CaseMail(message_id=letter.id, what=Correspondence.REPLY, at=at, said=said)
    mail.breach_id, mail.affected_id = affected.breach_id, affected.id
    session.add(mail)
    session.flush()
    session.refresh(affected, ["mails"])
