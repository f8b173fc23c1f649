"""A letter that was held because it lay in Junk, and that somebody put into an intake folder, is decided anew."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mail.deciding import INTAKE, arrivals_of
from mail.reading import MailRead
from mail.settings import MailSettings
from storage import correspondence, decisions, proposals, requests
from storage.arrivals import Arrival
from storage.models import Request, Sighting
from storage.types import Hold

Held = Request.hold == Hold.JUNK, Request.set_aside_at.is_(None), ~Request.forwards.any()


def find_in_junk(session: Session, messages: Collection[int]) -> set[int]:
    """Which of these mails opened a request that is held for no other reason than Junk."""
    return set(session.scalars(select(Request.message_id).where(Request.message_id.in_(messages), *Held)))


def find_put_back(session: Session, account: str, is_intake: Callable[[str], bool]) -> list[int]:
    """The mails of such requests that were seen in an intake folder since: what a crash may have left undone."""
    seen = select(Request.message_id, Sighting.folder).join(Sighting, Sighting.message_id == Request.message_id)
    rows = session.execute(seen.where(Sighting.account == account, *Held).order_by(Request.id))
    return list(dict.fromkeys(message_id for message_id, folder in rows if is_intake(folder)))


def reconsider_all(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> None:
    """Forward what is certain, and say of the rest why it is held now. These mails are no junk."""
    for mail, arrival in zip(mails, arrivals_of(session, mails, settings=settings, now=now), strict=True):
        request = correspondence.find_case(session, mail.message_id)
        if request is not None and request.hold is Hold.JUNK:
            decide_anew(session, request, arrival, settings=settings, now=now)


def decide_anew(session: Session, request: Request, arrival: Arrival, *, settings: MailSettings, now: datetime) -> bool:
    """Forward a held request if that is certain now, with what the person wrote since; else say why it is held."""
    requests.hold_anew(session, request, arrival.hold, by=INTAKE, now=now)
    proposals.keep_candidates(session, request.id, arrival.candidates)
    if not arrival.customer:
        return False
    forward = decisions.forward_found(
        session,
        request,
        arrival.customer,
        evidence=arrival.evidence,
        own_address=settings.mail_address,
        by=INTAKE,
        now=now,
    )
    return forward is not None
