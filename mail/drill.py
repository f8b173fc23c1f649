"""In a drill nothing reaches anybody but DRILL_ADDRESS: who gets an e-mail on the wire is decided here, and only here.

The relay is told no other recipient than this, besides our own address for the receipt copy; whom it is meant for
stands as text in a header field.
"""

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from mail.settings import MailSettings
from storage.breaches import is_drill
from storage.models import Affected, Customer, Delivery
from storage.requests import is_ours

NO_ADDRESS = "not sent: a drill, and DRILL_ADDRESS is not set"
A_CUSTOMERS = "not sent: a drill, and DRILL_ADDRESS is a customer's address or our own"


@dataclass(frozen=True)
class Wire:
    """Whom the relay is told. `meant_for`: in a drill, whom it would go to; `refusal`: why it is not sent at all."""

    recipient: str
    meant_for: str | None = None
    refusal: str | None = None


def address_on_wire(session: Session, delivery: Delivery, settings: MailSettings) -> Wire:
    """Who gets this e-mail."""
    if not _is_of_drill(session, delivery):
        return Wire(delivery.recipient)
    address = settings.drill_address
    if address is None:
        return Wire("", refusal=NO_ADDRESS)
    if is_ours(address, settings.mail_address) or _is_customers(session, address):
        return Wire("", refusal=A_CUSTOMERS)
    return Wire(address, meant_for=delivery.recipient)


def _is_of_drill(session: Session, delivery: Delivery) -> bool:
    """By its case; and whatever its case says, by the breach whose customer it would tell."""
    if is_drill(delivery.case):
        return True
    affected = session.get(Affected, delivery.affected_id) if delivery.affected_id else None
    return affected is not None and is_drill(affected.breach.reference)


def _is_customers(session: Session, address: str) -> bool:
    """Whether a customer's mail goes there in earnest."""
    known = or_(
        *(func.lower(column) == address.lower() for column in (Customer.request_address, Customer.breach_address))
    )
    return session.scalar(select(Customer.id).where(known).limit(1)) is not None
