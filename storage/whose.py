"""Whose something is: a number, domain, address, SMS sender or name as a colleague types it, on a day and before."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from storage.customers import find_owners
from storage.models import Customer
from storage.naming import normal_name
from storage.tables import ADDRESS
from storage.telephones import HOME, read_number
from storage.types import KeyKind

_DIALLED = re.compile(r"\+?[\d\s().\-/]+")
MOST_LABELS = 10
"""Parts of a domain that are looked at: a.b.example.org lies in example.org."""


@dataclass(frozen=True)
class Holder:
    """A customer that has, or had, what was asked for. `what` it is, as it is recorded; both days are included."""

    customer: Customer
    what: str
    value: str
    valid_from: date | None = None
    valid_to: date | None = None

    def has_it(self, day: date) -> bool:
        """Whether it is this customer's on that day, and its contract runs."""
        customer = self.customer
        runs = (customer.contract_start or day) <= day <= (customer.contract_end or day)
        return runs and (self.valid_from or day) <= day <= (self.valid_to or day)


def find_holders(session: Session, typed: str) -> list[Holder]:
    """Everybody whose it is or was, the one who has had it since latest first."""
    found = [*_by_keys(session, typed), *_by_addresses(session, typed)]
    return sorted(found, key=lambda one: (one.valid_from or date.min, one.customer.reference), reverse=True)


def readings(typed: str) -> Iterator[tuple[KeyKind, str]]:
    """In which ways it may be meant, each spelled as the directory spells it."""
    text = typed.strip()
    if number := _number(text):
        yield KeyKind.TELEPHONE, number
    if ADDRESS.fullmatch(text):
        yield KeyKind.INTAKE_ALIAS, text.lower()
    yield from ((KeyKind.DOMAIN, domain) for domain in _domains(text))
    yield KeyKind.SMS_SENDER, text.upper()
    if name := normal_name(text):
        yield KeyKind.NAME, name


def join_typed(words: list[str]) -> list[str]:
    """What a shell has split: `01 99 00 01 00` is one number; else each word stands for itself."""
    joined = " ".join(words)
    return [joined] if len(words) > 1 and _number(joined) else words


def _number(text: str) -> str | None:
    """What is written as a number and nothing else."""
    return read_number(text, country=HOME) if _DIALLED.fullmatch(text) else None


def _by_keys(session: Session, typed: str) -> Iterator[Holder]:
    for kind, value in readings(typed):
        for owner in find_owners(session, kind, [value]).get(value, []):
            yield Holder(owner.customer, kind.value, value, owner.valid_from, owner.valid_to)


def _by_addresses(session: Session, typed: str) -> Iterator[Holder]:
    """The order and breach addresses are nobody's identifiers, and worth knowing all the same."""
    address = typed.strip().lower()
    theirs = or_(func.lower(Customer.request_address) == address, func.lower(Customer.breach_address) == address)
    for customer in session.scalars(select(Customer).where(theirs).order_by(Customer.id)):
        is_order = customer.request_address.lower() == address
        yield Holder(customer, "order address" if is_order else "breach address", address)


def _domains(text: str) -> Iterator[str]:
    """The domain of an address or a link, and those that it lies in."""
    host = text.lower().partition("://")[2] or text.lower()
    host = host.partition("/")[0].rpartition("@")[2].partition(":")[0].rstrip(".")
    labels = host.split(".")
    if 1 < len(labels) <= MOST_LABELS:
        yield from (".".join(labels[at:]) for at in range(len(labels) - 1))
