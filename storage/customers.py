"""The directory of customers: looking them up, by reference, by what people type, by what a letter names."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, or_, select
from sqlalchemy.orm import Session

from storage.counters import last_number
from storage.errors import UnknownCustomer
from storage.models import Customer, CustomerKey
from storage.naming import normal_name
from storage.types import KeyKind

DIRECTORY = "directory"
"""The counter of the changes of the directory."""

AT_ONCE = 500
"""Values in one look-up, for databases bound how many a statement may hold; and rows that are read at once."""


def get_customer(session: Session, reference: str) -> Customer:
    """The customer with this reference. Raises UnknownCustomer."""
    found = session.scalars(select(Customer).where(Customer.reference == reference.strip().upper())).first()
    if found is None:
        raise UnknownCustomer(reference.strip())
    return found


def get_customers(session: Session, references: Collection[str]) -> list[Customer]:
    """The customers with these references, in this order. Raises UnknownCustomer."""
    known = find_customers(session, references)
    for reference in references:
        if reference.strip().upper() not in known:
            raise UnknownCustomer(reference.strip())
    return [known[reference.strip().upper()] for reference in references]


def find_customers(session: Session, references: Collection[str]) -> dict[str, Customer]:
    """The customers with these references, by reference as the directory spells it; those that are not known miss."""
    wanted = list(dict.fromkeys(reference.strip().upper() for reference in references))
    found: dict[str, Customer] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = select(Customer).where(Customer.reference.in_(wanted[start : start + AT_ONCE]))
        found |= {one.reference: one for one in session.scalars(some)}
    return found


@dataclass(frozen=True)
class Owner:
    """A customer that has, or had, something by which it is recognised, on these days, both included."""

    customer: Customer
    valid_from: date | None = None
    valid_to: date | None = None

    def had_it(self, first: date, last: date) -> bool:
        """Whether it was this customer's on any of these days, both included."""
        return (self.valid_from or last) <= last and first <= (self.valid_to or first)


def find_owners(session: Session, kind: KeyKind, values: Collection[str]) -> dict[str, list[Owner]]:
    """Whose these are, by value, as the directory spells them.

    A sender may name thousands, and characters that no database keeps.
    """
    wanted = [value for value in values if value.isprintable()]
    found: dict[str, list[Owner]] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = {"kind": kind, "values": wanted[start : start + AT_ONCE]}
        for value, first, last, customer in session.execute(_owned(), some):
            found.setdefault(value, []).append(Owner(customer, first, last))
    return found


@cache
def _owned() -> Select[str, date | None, date | None, Customer]:
    keys = select(CustomerKey.value, CustomerKey.valid_from, CustomerKey.valid_to, Customer).join(
        Customer, Customer.id == CustomerKey.customer_id
    )
    of_kind = CustomerKey.kind == bindparam("kind", type_=CustomerKey.kind.type)
    return keys.where(of_kind, CustomerKey.value.in_(bindparam("values", expanding=True)))


def version(session: Session) -> int:
    """A number that changes whenever the directory does."""
    return last_number(session, DIRECTORY)


def list_names(session: Session) -> Iterator[str]:
    """All names and aliases, as they are compared; what several customers are called comes several times."""
    names = select(CustomerKey.value).where(CustomerKey.kind == KeyKind.NAME)
    yield from session.scalars(names.execution_options(yield_per=AT_ONCE))


def names_with_owners(session: Session) -> Iterator[tuple[str, int]]:
    """The same, each with the id of its customer."""
    names = select(CustomerKey.value, CustomerKey.customer_id).where(CustomerKey.kind == KeyKind.NAME)
    yield from session.execute(names.execution_options(yield_per=AT_ONCE))


def suggest(session: Session, typed: str, *, limit: int = 20) -> list[Customer]:
    """Customers whose name, alias or reference contains what a colleague typed; those that begin with it first."""
    some = select(Customer).where(is_called(typed)).order_by(Customer.name, Customer.id).limit(limit * 5)
    found = session.scalars(some).all()
    return sorted(found, key=lambda customer: not normal_name(customer.name).startswith(normal_name(typed)))[:limit]


def is_called(typed: str) -> ColumnElement[bool]:
    """Whether a customer's name, alias or reference contains what a colleague typed."""
    pattern, name = _escaped(typed.strip()), normal_name(typed)
    named = select(CustomerKey.customer_id).where(
        CustomerKey.kind == KeyKind.NAME, CustomerKey.value.like(f"%{name}%"), literal(bool(name))
    )
    spelled = func.lower(Customer.name).like(f"%{pattern.lower()}%", escape="\\")
    return or_(Customer.id.in_(named), spelled, Customer.reference.like(f"{pattern.upper()}%", escape="\\"))


def list_customers(session: Session) -> list[Customer]:
    """All customers by reference."""
    return list(session.scalars(select(Customer).order_by(Customer.reference)))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def telephones_of(session: Session, customer: Customer) -> list[str]:
    """The numbers at which the directory says a customer may be reached: its contact for breaches, then its lines.

    What it had until some day may be another's by now.
    """
    lines = select(CustomerKey.value).where(
        CustomerKey.customer_id == customer.id, CustomerKey.kind == KeyKind.TELEPHONE, CustomerKey.valid_to.is_(None)
    )
    contact = [customer.breach_telephone] if customer.breach_telephone else []
    return list(dict.fromkeys([*contact, *session.scalars(lines.order_by(CustomerKey.value))]))
