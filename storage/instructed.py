"""Another address for a customer: only as its recorded instruction (agreement clauses 2 and 9)."""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import journal, requests
from storage.errors import CustomerAddressIsOurs, MalformedAddress
from storage.models import Customer, Instruction
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
    instruction = Instruction(
        customer_id=customer.id,
        case=case,
        recorded_at=now,
        recorded_by=by.name,
        address=address,
        note=note,
    )
    session.add(instruction)
    session.flush()
    of = customer.reference
    journal.record(session, "instruction-recorded", by=by, now=now, case=case, clause="2", customer=of)
