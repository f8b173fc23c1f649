"""Requests that reached us otherwise than by our mailbox: any channel counts (agreement clause 4).

They are kept like mails, in parts, without a sighting; staff choose the customer.
"""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import arrivals, journal, messages
from storage.arrivals import Reading
from storage.errors import AlreadyRecorded, InstantInFuture
from storage.models import Message, Request
from storage.types import Actor, Channel, Hold, Kind

READING = Reading(Kind.REQUEST, (), "fr")
"""A person has said that this is a request; which rights, its reader judges."""


def refuse_recording(session: Session, raw: bytes, *, received_at: datetime, now: datetime) -> None:
    """What forbids recording these bytes. Raises InstantInFuture, AlreadyRecorded."""
    if received_at > now:
        raise InstantInFuture(received_at)
    same = select(Request.reference).join(Message, Message.id == Request.message_id)
    if reference := session.scalars(same.where(Message.sha256 == sha256(raw).hexdigest())).first():
        raise AlreadyRecorded(reference)


def begin_recording(session: Session, *, received_at: datetime, size: int, sender: str | None) -> int:
    """Start keeping a letter that was received at this instant; the id that its parts are added to."""
    message = Message(received_at=received_at, size=size, sender=sender and sender.lower())
    session.add(message)
    session.flush()
    return message.id


def finish_recording(session: Session, message_id: int, *, means: str, by: Actor, now: datetime) -> Request:
    """All parts are here: a request, held for a person. `means` is the journal's word for how it came."""
    messages.finish_message(session, message_id, now=now)
    message = session.get_one(Message, message_id)
    request = arrivals.receive_request(session, message, READING, hold=Hold.NO_EVIDENCE, by=by, now=now)
    request.channel, request.recorded_by = Channel.RECORDED, by.name
    recorded: dict[str, journal.Detail] = {"means": means, "sha256": message.sha256}
    journal.record(session, "request-recorded", by=by, now=now, case=request.reference, clause="4", **recorded)
    return request
