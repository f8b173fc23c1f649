"""The further mails of a case: follow-ups, replies, reports about deliveries."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import CaseMail, Message
from storage.types import Correspondence, Said


def attach(
    session: Session,
    message: Message,
    what: Correspondence,
    *,
    now: datetime,
    request_id: int | None = None,
    forward_id: int | None = None,
    delivery_id: int | None = None,
    said: Said | None = None,
) -> bool:
    """Note which case a mail belongs to, which decides it. False when that was noted before."""
    if session.get(CaseMail, message.id) is not None:
        return False
    mail = CaseMail(
        message_id=message.id,
        what=what,
        at=message.received_at,
        request_id=request_id,
        forward_id=forward_id,
        delivery_id=delivery_id,
        said=said,
    )
    session.add(mail)
    message.decided_at = message.decided_at or now
    session.flush()
    return True


def find_mails(session: Session, request_id: int) -> list[CaseMail]:
    """The further mails of a request, in the order in which they came."""
    mails = select(CaseMail).where(CaseMail.request_id == request_id)
    return list(session.scalars(mails.order_by(CaseMail.at, CaseMail.message_id)))


def newest_letter(session: Session, request_id: int) -> CaseMail | None:
    """The newest mail of the case that a person should read: a reply or a follow-up."""
    read = (Correspondence.REPLY, Correspondence.FOLLOW_UP)
    return next((one for one in reversed(find_mails(session, request_id)) if one.what in read), None)
