"""The further mails of a case: follow-ups, replies, reports about deliveries."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.models import CaseMail, Message, Request
from storage.types import Correspondence, Said


def attach(  # noqa: PLR0913 - a mail belongs to all of this; keyword-only
    session: Session,
    message: Message,
    what: Correspondence,
    *,
    now: datetime,
    request_id: int | None = None,
    forward_id: int | None = None,
    breach_id: int | None = None,
    affected_id: int | None = None,
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
        breach_id=breach_id,
        affected_id=affected_id,
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


def find_mails_of(session: Session, request_ids: Collection[int]) -> dict[int, list[CaseMail]]:
    """The same for many requests, by their ids, in one query; those without further mails are left out."""
    mails = select(CaseMail).where(CaseMail.request_id.in_(request_ids))
    found: dict[int, list[CaseMail]] = {}
    for mail in session.scalars(mails.order_by(CaseMail.at, CaseMail.message_id)):
        if mail.request_id is not None:
            found.setdefault(mail.request_id, []).append(mail)
    return found


def newest_letter(session: Session, request_id: int) -> CaseMail | None:
    """The newest mail of the case that a person should read: a reply or a follow-up."""
    read = (Correspondence.REPLY, Correspondence.FOLLOW_UP)
    return next((one for one in reversed(find_mails(session, request_id)) if one.what in read), None)


def find_case(session: Session, message_id: int) -> Request | None:
    """The request that a mail opened, or belongs to."""
    own = session.scalars(select(Request).where(Request.message_id == message_id)).first()
    if own is not None:
        return own
    further = session.get(CaseMail, message_id)
    return session.get(Request, further.request_id) if further and further.request_id else None


def find_followed(session: Session, message_ids: Collection[int]) -> list[tuple[int, Request]]:
    """Which of these mails are follow-ups, and of which requests, in the order in which they came."""
    followed = select(CaseMail.message_id, Request).join(Request, Request.id == CaseMail.request_id)
    ours = followed.where(CaseMail.message_id.in_(message_ids), CaseMail.what == Correspondence.FOLLOW_UP)
    return [(message_id, request) for message_id, request in session.execute(ours.order_by(CaseMail.message_id))]


def find_earlier(session: Session, internet_ids: Collection[str]) -> dict[tuple[str, str], int]:
    """The requests of mails with these Message-IDs, by Message-ID and sender: a Message-ID alone proves nothing."""
    request_id = func.coalesce(Request.id, CaseMail.request_id)
    mails = select(Message.internet_id, Message.sender, request_id).where(Message.internet_id.in_(internet_ids))
    known = mails.outerjoin(Request, Request.message_id == Message.id).outerjoin(
        CaseMail, CaseMail.message_id == Message.id
    )
    rows = session.execute(known.where(Message.sender.is_not(None), request_id.is_not(None)).order_by(Message.id))
    return {(internet_id, sender): number for internet_id, sender, number in rows if internet_id and sender}
