"""The directory of customers: looking them up, by reference, by what people type, by what a letter names."""

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage.errors import UnknownCustomer
from storage.models import Customer, CustomerKey
from storage.types import KeyKind

AT_ONCE = 500
"""Values in one look-up: databases bound how many a statement may hold."""


def get_customer(session: Session, reference: str) -> Customer:
    """The customer with this reference. Raises UnknownCustomer."""
    found = session.scalars(select(Customer).where(Customer.reference == reference.strip().upper())).first()
    if found is None:
        raise UnknownCustomer(reference.strip())
    return found


def get_customers(session: Session, references: Collection[str]) -> list[Customer]:
    """The customers with these references, in this order. Raises UnknownCustomer."""
    return [get_customer(session, reference) for reference in references]


def find_by_alias(session: Session, addresses: Collection[str]) -> dict[str, list[Customer]]:
    """For each of our intake addresses (lower case), the customers it belongs to.

    A sender may name thousands of addresses, and characters that no database keeps.
    """
    keys = select(CustomerKey.value, Customer).join(Customer, Customer.id == CustomerKey.customer_id)
    wanted = [address for address in addresses if address.isprintable()]
    found: dict[str, list[Customer]] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = CustomerKey.value.in_(wanted[start : start + AT_ONCE])
        for value, customer in session.execute(keys.where(CustomerKey.kind == KeyKind.INTAKE_ALIAS, some)):
            found.setdefault(value, []).append(customer)
    return found


def suggest(session: Session, typed: str, *, limit: int = 20) -> list[Customer]:
    """Customers whose name, alias or reference contains what a colleague typed; those that begin with it first."""
    pattern = _escaped(typed.strip().lower())
    named = select(CustomerKey.customer_id).where(
        CustomerKey.kind == KeyKind.NAME, CustomerKey.value.like(f"%{pattern}%", escape="\\")
    )
    like = or_(Customer.id.in_(named), Customer.reference.like(f"{pattern.upper()}%", escape="\\"))
    found = session.scalars(select(Customer).where(like).order_by(Customer.name, Customer.id).limit(limit * 5)).all()
    return sorted(found, key=lambda customer: not customer.name.lower().startswith(typed.strip().lower()))[:limit]


def list_customers(session: Session) -> list[Customer]:
    """All customers by reference."""
    return list(session.scalars(select(Customer).order_by(Customer.reference)))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def telephones_of(session: Session, customer: Customer) -> list[str]:
    """The numbers at which the directory says a customer may be reached: its contact for breaches, then its lines."""
    lines = select(CustomerKey.value).where(
        CustomerKey.customer_id == customer.id, CustomerKey.kind == KeyKind.TELEPHONE
    )
    contact = [customer.breach_telephone] if customer.breach_telephone else []
    return list(dict.fromkeys([*contact, *session.scalars(lines.order_by(CustomerKey.id))]))
