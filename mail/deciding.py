"""What becomes of kept mails: read, matched with the directory, recorded as requests, forwarded or held."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from mail.letter import Letter
from mail.reading import MailRead
from mail.rights import RightsRead
from mail.routing import Held, Route, find_route
from mail.settings import Automatic, ReadingSettings
from storage import customers, messages, requests
from storage.deadlines import PARIS
from storage.models import Customer
from storage.requests import Arrival, Opened, Reading
from storage.types import Actor, Hold

INTAKE = Actor("desk", "mail")


@dataclass(frozen=True)
class Considered:
    """What a letter is, what it asks, and where it goes or why it does not."""

    reading: Reading
    because: tuple[str, ...]
    outcome: Route | Held


class RecordedDirectory:
    """The directory as it is recorded, looked up once for all the addresses of a group of letters."""

    def __init__(self, session: Session, letters: Iterable[Letter]) -> None:
        addresses = {address for letter in letters for address in letter.recipients}
        self._by_alias = customers.find_by_alias(session, addresses)
        self._customers = {one.reference: one for found in self._by_alias.values() for one in found}

    def by_alias(self, addresses: Sequence[str]) -> Mapping[str, Sequence[Customer]]:
        return {address: found for address in addresses if (found := self._by_alias.get(address))}

    def customer(self, reference: str) -> Customer:
        """One of the customers that were found."""
        return self._customers[reference]


def consider(
    letter: Letter,
    rights: RightsRead,
    directory: RecordedDirectory,
    *,
    settings: ReadingSettings,
    junk: bool,
    today: date,
) -> Considered:
    """Find the customer of a letter that was read; writes nothing."""
    outcome = find_route(
        letter,
        directory,
        automatic=settings.automatic_forwarding is not Automatic.OFF,
        junk=junk,
        today=today,
        own_address=settings.mail_address,
    )
    reading = Reading(rights.kind, rights.rights, letter.language, rights.flags)
    return Considered(reading, rights.because, outcome)


def decide_all(
    session: Session, mails: Sequence[MailRead], *, settings: ReadingSettings, now: datetime
) -> list[Opened]:
    """Open a case for each mail and forward it where that is certain; the rest is held."""
    messages.record_read(session, [_facts(mail) for mail in mails])
    directory = RecordedDirectory(session, (mail.letter for mail in mails))
    arrivals = [_arrival(mail, directory, settings=settings, now=now) for mail in mails]
    return requests.receive_all(session, arrivals, by=INTAKE, now=now)


def _facts(mail: MailRead) -> messages.Facts:
    sender = mail.letter.sender
    return messages.Facts(mail.message_id, mail.author_sha256, mail.letter.message_id, sender and sender.lower())


def _arrival(mail: MailRead, directory: RecordedDirectory, *, settings: ReadingSettings, now: datetime) -> Arrival:
    today = now.astimezone(PARIS).date()
    considered = consider(mail.letter, mail.rights, directory, settings=settings, junk=mail.junk, today=today)
    outcome = considered.outcome
    customer = directory.customer(outcome.customer.reference) if isinstance(outcome, Route) else None
    hold = outcome.hold if isinstance(outcome, Held) else None
    if customer and requests.why_not_forwarded(customer, settings.mail_address, now):
        customer, hold = None, Hold.OWN_MAIL
    return Arrival(
        mail.message_id,
        mail.received_at,
        mail.sha256,
        considered.reading,
        hold=hold,
        customer=customer,
        evidence=outcome.evidence,
    )
