"""A customer, and whose something is, as lines for the person at the shell."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from storage.addresses import Health, health_of
from storage.clock import in_paris
from storage.customer_file import Key
from storage.customer_sheet import Sheet
from storage.models import Customer
from storage.requests import DATA_HELD_AFTER_CONTRACT
from storage.whose import Holder

Row = tuple[str, str]


def sheet_rows(sheet: Sheet, *, today: date) -> Iterator[Row]:
    """Rows of a word and a sentence."""
    customer = sheet.customer
    yield customer.reference, customer.name
    yield "order", f"{customer.order_reference or 'its reference is not recorded'}"
    yield "order address", f"{customer.request_address}: {health_words(customer, sheet.health)}"
    yield "breach contact", _breach_contact(customer)
    yield "language", f"{customer.language}, written to in {'French' if customer.language == 'fr' else 'English'}"
    yield "contract", contract_words(customer, today)
    yield from _key_rows(sheet.keys, today)
    yield "acknowledgements", _acknowledgements(customer)
    yield "requests", _requests(sheet)
    yield "breaches", _breaches(sheet)


def health_words(customer: Customer, health: Health) -> str:
    """How well the address is, and since when that is known."""
    confirmed, asked = customer.address_confirmed_at, customer.address_asked_at
    said = f"confirmed {in_paris(confirmed)}" if confirmed else "never confirmed"
    if health is Health.CAME_BACK and customer.address_bounced_at:
        return f"SOMETHING CAME BACK {in_paris(customer.address_bounced_at)}; {said}"
    if health is Health.CONFIRMED or asked is None or (confirmed and asked < confirmed):
        return said
    return f"{said}, asked {in_paris(asked)}"


def unwell_rows(customers: Sequence[Customer], *, now: datetime) -> Iterator[tuple[str, ...]]:
    """Customers whose address is not known to be well."""
    for one in customers:
        yield one.reference, one.name, one.request_address, health_words(one, health_of(one, now=now))


def contract_words(customer: Customer, today: date) -> str:
    """From when to when; and, for a while after it ended, until when the data is held."""
    start, end = customer.contract_start, customer.contract_end
    since = f"since {start}" if start else "its beginning is not recorded"
    if end is None:
        return f"{since}, begins then" if start and start > today else since
    until = end + DATA_HELD_AFTER_CONTRACT
    held = "" if today <= end else f", its data is held until {until}" if today <= until else ", its data is deleted"
    return f"{f'from {start} ' if start else ''}to {end}{held}"


def holder_row(one: Holder, *, day: date) -> tuple[str, ...]:
    """Who it is, by what, and in which days."""
    customer = one.customer
    return (
        customer.reference,
        customer.name,
        one.what,
        days_words(one.valid_from, one.valid_to, day),
        _live(customer, day),
    )


def days_words(first: date | None, last: date | None, day: date) -> str:
    """from 2025-01-01 to 2026-03-31; "always" without either."""
    parts = [f"from {first}" * (first is not None), f"to {last}" * (last is not None)]
    words = " ".join(filter(None, parts)) or "always"
    if last is not None and last < day:
        return f"{words}, no longer"
    return f"{words}, not yet" if first is not None and first > day else words


def _live(customer: Customer, day: date) -> str:
    begun, ended = (customer.contract_start or day) <= day, (customer.contract_end or day) < day
    if ended:
        return f"contract ended {customer.contract_end}"
    return "" if begun else f"contract begins {customer.contract_start}"


def _key_rows(keys: Sequence[Key], today: date) -> Iterator[Row]:
    name = "recognised by"
    for key in keys:
        days = days_words(key.valid_from, key.valid_to, today)
        yield name, f"{key.kind.value.replace('-', ' ')} {key.value}{'' if days == 'always' else f', {days}'}"
        name = ""
    if not keys:
        yield name, "nothing: a person must find its requests"


def _breach_contact(customer: Customer) -> str:
    contact = ", ".join(filter(None, (customer.breach_address, customer.breach_telephone)))
    return contact or "none of its own: the order address"


def _acknowledgements(customer: Customer) -> str:
    if customer.acknowledge:
        return "on: people are told that their request was passed on"
    return "off: people are not told that their request was passed on"


def _requests(sheet: Sheet) -> str:
    if sheet.last_forward is None or sheet.last_forward_at is None:
        return "none forwarded"
    failed = f"; NOT RECEIVED: {', '.join(sheet.failed)}" if sheet.failed else ""
    return f"{sheet.forwards} forwarded, the last {sheet.last_forward}, {in_paris(sheet.last_forward_at)}{failed}"


def _breaches(sheet: Sheet) -> str:
    if not sheet.breaches:
        return "none"
    still = f", open: {', '.join(sheet.open_breaches)}" if sheet.open_breaches else ", all closed"
    return f"{len(sheet.breaches)}, the last {sheet.breaches[-1]}{still}"
