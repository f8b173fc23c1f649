"""What may have gone out in the life of this record that is lost, and a person's word on it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from storage import announcements, journal, pauses
from storage.holding import leaves_the_house
from storage.models import Affected, Customer, Delivery, Forward, Message, Pause, Request, Sighting
from storage.types import Actor, Purpose

INBOX = "INBOX"
CLAUSE = "4"


@dataclass(frozen=True)
class Unsent:
    """An e-mail that this record would send; `customer` is the reference, empty for a mail to the data subject."""

    delivery_id: int
    reference: str
    customer: str
    customer_name: str
    purpose: Purpose
    queued_at: datetime


@dataclass(frozen=True)
class TakenAgain:
    """A request whose letter stood among those that were dealt with, and was unknown here."""

    reference: str
    received_at: datetime


@dataclass(frozen=True)
class MayHaveGoneOut:
    """E-mails that would be sent, and requests taken in again; `waiting` counts e-mails that only wait."""

    deliveries: tuple[Unsent, ...]
    requests: tuple[TakenAgain, ...]
    waiting: int

    @property
    def references(self) -> frozenset[str]:
        return frozenset(one.reference for one in self.deliveries)


class ListGrew(Exception):
    """More may have gone out than the person was shown."""


def may_have_gone_out(session: Session, pause: Pause) -> MayHaveGoneOut:
    """By what is unsent here and was queued before the pause, or is about a letter that was dealt with before it."""
    if pause.reason != pauses.RESTORED:
        return MayHaveGoneOut((), (), pauses.count_held(session))
    requests = _taken_again(session, pause)
    deliveries = _unsent(session, pause, {one.reference for one in requests})
    return MayHaveGoneOut(deliveries, requests, pauses.count_held(session) - len(deliveries))


def resume(
    session: Session, *, shown: MayHaveGoneOut, withhold: Collection[str], by: Actor, now: datetime
) -> list[Pause]:
    """End the pause; what the person knows to have gone out is superseded. Raises ListGrew.

    `shown` is the list that the person saw: nothing is sent, or withheld, that was not on it.
    """
    if (pause := pauses.is_paused(session)) is None:
        return []
    if set(may_have_gone_out(session, pause).deliveries) - set(shown.deliveries):
        raise ListGrew
    for delivery in shown.deliveries:
        if delivery.reference in withhold:
            _withhold(session, delivery, by=by, now=now)
    return pauses.resume_sending(session, by=by, now=now)


def _withhold(session: Session, unsent: Unsent, *, by: Actor, now: datetime) -> None:
    still = update(Delivery).where(Delivery.id == unsent.delivery_id, Delivery.due_at.is_not(None))
    done = still.values(superseded_at=now, due_at=None, leased_by=None, leased_until=None).returning(Delivery.id)
    if session.execute(done.execution_options(synchronize_session=False)).first() is None:
        return
    told = {"customer": unsent.customer or None, "purpose": unsent.purpose.value}
    entry = journal.record(session, "delivery-withheld", by=by, now=now, case=unsent.reference, clause=CLAUSE, **told)
    announcements.show_card(session, entry)


def _unsent(session: Session, pause: Pause, again: Collection[str]) -> tuple[Unsent, ...]:
    columns = (Delivery.id, Delivery.case, Customer.reference, Customer.name, Delivery.purpose, Delivery.queued_at)
    of_forward = select(*columns).outerjoin(Forward, Delivery.forward_id == Forward.id)
    of_notice = of_forward.outerjoin(Affected, Delivery.affected_id == Affected.id)
    whose = func.coalesce(Forward.customer_id, Affected.customer_id)
    unsent = of_notice.outerjoin(Customer, Customer.id == whose)
    doubtful = or_(Delivery.queued_at <= pause.since_at, Delivery.case.in_(again))
    rows = session.execute(
        unsent.where(leaves_the_house(), Delivery.due_at.is_not(None), doubtful).order_by(Delivery.case, Delivery.id)
    )
    return tuple(
        Unsent(number, case, customer or "", name or "", purpose, queued_at)
        for number, case, customer, name, purpose, queued_at in rows
    )


def _taken_again(session: Session, pause: Pause) -> tuple[TakenAgain, ...]:
    """Letters received before the pause, unknown until then, and seen first where the lost life had put them."""
    old = (Message.kept_at >= pause.since_at, Message.received_at <= pause.since_at)
    rows = select(Request.reference, Request.received_at).join(Message, Message.id == Request.message_id)
    found = session.execute(rows.where(*old, _first_seen_elsewhere()).order_by(Request.reference))
    return tuple(TakenAgain(*row) for row in found)


def _first_seen_elsewhere() -> ColumnElement[bool]:
    """Not in the INBOX, where only what is new stands: in Processed, or in Junk, out of which nothing is moved."""
    sightings = select(func.upper(Sighting.folder)).where(Sighting.message_id == Message.id).correlate(Message)
    folder = sightings.order_by(Sighting.id).limit(1).scalar_subquery()
    return folder != INBOX
