"""A customer's documented instructions (agreement clauses 2 and 9); another address only as one of these."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import journal, requests
from storage.errors import CustomerAddressIsOurs, MalformedAddress
from storage.models import Customer, Instruction, Message
from storage.tables import ADDRESS
from storage.types import Actor

LONGEST_ADDRESS = 254


def read_address(customer: Customer, address: str, own_address: str | None) -> str:
    """The address that a colleague typed. Raises MalformedAddress, CustomerAddressIsOurs."""
    typed = address.strip()
    if not ADDRESS.fullmatch(typed) or len(typed) > LONGEST_ADDRESS:
        raise MalformedAddress
    if own_address and requests.is_ours(typed, own_address):
        raise CustomerAddressIsOurs(customer.reference, customer.name)
    return typed


def record_instruction(
    session: Session, customer: Customer, case: str, address: str, note: str, *, by: Actor, now: datetime
) -> None:
    """Keep who of the customer named the address, when and how; the journal tells only that it was."""
    _keep(session, customer, case, address=address, note=note, by=by, now=now)


def keep_instruction(
    session: Session, message: Message, customer: Customer, case: str, *, by: Actor, now: datetime
) -> None:
    """The mail itself is the documented instruction."""
    _keep(session, customer, case, message=message, by=by, now=now)


def instructed_addresses(session: Session, case: str) -> dict[int, str]:
    """By `Customer.id`, the address that a customer last named for the mails of a case; one query."""
    named = select(Instruction.customer_id, Instruction.address).where(Instruction.case == case)
    found = session.execute(named.where(Instruction.address.is_not(None)).order_by(Instruction.id))
    return {customer_id: address for customer_id, address in found if address}


def _keep(
    session: Session,
    customer: Customer,
    case: str,
    *,
    address: str | None = None,
    note: str | None = None,
    message: Message | None = None,
    by: Actor,
    now: datetime,
) -> None:
    instruction = Instruction(
        customer_id=customer.id,
        case=case,
        recorded_at=now,
        recorded_by=by.name,
        message_id=message.id if message else None,
        address=address,
        note=note,
    )
    session.add(instruction)
    shown: dict[str, journal.Detail] = {"customer": customer.reference}
    shown |= {"sha256": message.sha256} if message else {}
    journal.record(session, "instruction-recorded", by=by, now=now, case=case, clause="2", **shown)
