"""What a person wrote to us: "I wrote last week". That somebody looked is on record (agreement clause 2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import journal
from storage.models import CaseMail, Delivery, Message, Request
from storage.types import Actor, Correspondence, Medium, Purpose


@dataclass(frozen=True)
class SentOn:
    """A further letter and one customer it was sent on to."""

    customer: str
    name: str
    queued_at: datetime
    accepted_at: datetime | None
    failed_at: datetime | None


@dataclass(frozen=True)
class Written:
    """A mail that came from an address. `what` is None for a letter that opened its request.

    `reference` is None where it belongs to no request; `acknowledged_at`: when the person's server took our answer.
    """

    received_at: datetime
    what: Correspondence | None
    reference: str | None
    decided_at: datetime | None
    acknowledged_at: datetime | None = None
    sent_on: tuple[SentOn, ...] = ()


def find_written(session: Session, address: str) -> list[Written]:
    """Every mail whose sender is this address, oldest first: letters, further ones, copies."""
    of_sender = select(Message).where(Message.sender == address.strip().lower())
    letters = session.scalars(of_sender.order_by(Message.received_at, Message.id))
    return [_written(session, message) for message in letters]


def record_looked_up(session: Session, found: Sequence[Written], *, by: Actor, now: datetime) -> None:
    """Somebody looked for a person's mails: into the journal, by reference only."""
    references = list(dict.fromkeys(one.reference for one in found if one.reference))
    journal.record(session, "requests-looked-up", by=by, now=now, clause="2", references=references)


def _written(session: Session, message: Message) -> Written:
    opened = session.scalars(select(Request).where(Request.message_id == message.id)).first()
    if opened is not None:
        at = _acknowledged_at(session, opened.reference)
        return Written(message.received_at, None, opened.reference, message.decided_at, acknowledged_at=at)
    mail = session.get(CaseMail, message.id)
    request = session.get(Request, mail.request_id) if mail and mail.request_id else None
    return Written(
        message.received_at,
        mail.what if mail else None,
        request.reference if request else None,
        message.decided_at,
        sent_on=tuple(_sent_on(session, message)),
    )


def _acknowledged_at(session: Session, reference: str) -> datetime | None:
    """A case has one acknowledgement at most; one that came back says nothing."""
    answer = (Delivery.case == reference, Delivery.purpose == Purpose.ACKNOWLEDGEMENT, Delivery.bounced_at.is_(None))
    return session.scalars(select(Delivery.accepted_at).where(*answer)).first()


def _sent_on(session: Session, message: Message) -> Iterable[SentOn]:
    """The newest try for each customer."""
    sent = select(Delivery).where(
        Delivery.original_id == message.id, Delivery.purpose == Purpose.FOLLOW_UP, Delivery.medium == Medium.EMAIL
    )
    newest: dict[str, SentOn] = {}
    for one in session.scalars(sent.order_by(Delivery.id)):
        if one.forward is not None:
            customer, failed_at = one.forward.customer, one.bounced_at or one.refused_at
            newest[customer.reference] = SentOn(
                customer.reference, customer.name, one.queued_at, one.accepted_at, failed_at
            )
    return newest.values()
