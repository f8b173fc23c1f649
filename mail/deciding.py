"""What becomes of kept mails: read, matched with their case or the directory, forwarded, held or attached."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from mail.acknowledging import acknowledge_received
from mail.copying import Copies
from mail.letter import Letter
from mail.reading import Effective, MailRead
from mail.routing import Held, Route, find_route
from mail.settings import Automatic, MailSettings, ReadingSettings
from mail.threads import Threads
from storage import customers, messages, requests
from storage.deadlines import PARIS
from storage.models import Customer, Request
from storage.requests import Arrival, Opened, Reading
from storage.types import Actor, Channel, Hold

INTAKE = Actor("desk", "mail")
FLOOD = 20
"""Letters of one sender within FLOOD_TIME; more than that, and a person is asked before anything is forwarded."""

FLOOD_TIME = timedelta(hours=2)


@dataclass(frozen=True)
class Considered:
    """What a letter is, what it asks, and where it goes or why it does not."""

    reading: Reading
    because: tuple[str, ...]
    outcome: Route | Held


class RecordedDirectory:
    """The directory as it is recorded, looked up once for all the addresses of a group of letters."""

    def __init__(self, session: Session, mails: Iterable[Effective]) -> None:
        addresses = {address for says in mails for one in (says.letter, says.outer) for address in one.recipients}
        self._by_alias = customers.find_by_alias(session, addresses)
        self._customers = {one.reference: one for found in self._by_alias.values() for one in found}

    def by_alias(self, addresses: Sequence[str]) -> Mapping[str, Sequence[Customer]]:
        return {address: found for address in addresses if (found := self._by_alias.get(address))}

    def customer(self, reference: str) -> Customer:
        """One of the customers that were found."""
        return self._customers[reference]


def consider(
    says: Effective, directory: RecordedDirectory, *, settings: ReadingSettings, junk: bool, today: date
) -> Considered:
    """Find the customer of a letter that was read; writes nothing."""
    outcome = find_route(
        _addressed(says),
        directory,
        automatic=settings.automatic_forwarding is not Automatic.OFF,
        junk=junk,
        today=today,
        own_address=settings.mail_address,
    )
    if says.is_in_doubt and isinstance(outcome, Route):
        outcome = Held(Hold.COLLEAGUE, (outcome.customer,), outcome.evidence)
    rights = says.rights
    return Considered(Reading(rights.kind, rights.rights, says.letter.language, rights.flags), rights.because, outcome)


def _addressed(says: Effective) -> Letter:
    """A letter that a colleague sends on to a customer's intake address is addressed to it, too."""
    if says.channel is Channel.MAIL:
        return says.letter
    outer = says.outer
    everybody = tuple(dict.fromkeys((*says.letter.recipients, *outer.recipients)))
    return replace(says.letter, recipients=everybody, automatic=outer.automatic, received_lines=outer.received_lines)


def decide_all(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> list[Opened]:
    """Attach each mail to its case, or open one for it and forward it where that is certain; the rest is held."""
    messages.record_read(session, [_facts(mail) for mail in mails])
    copies = Copies(session, mails)
    threads = Threads(session, mails, settings, by=INTAKE, now=now)
    new = [mail for mail in mails if not copies.is_copy(mail) and not threads.settle(mail)]
    opened = _open(session, new, settings=settings, now=now)
    again = [mail for mail in mails if copies.is_copy(mail)]
    return opened + _open_apart(session, copies, again, settings=settings, now=now)


def _open(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> list[Opened]:
    directory = RecordedDirectory(session, (mail.says for mail in mails))
    flooding = _find_flooding(session, mails)
    arrivals = [_arrival(mail, directory, flooding, settings=settings, now=now) for mail in mails]
    opened = requests.receive_all(session, arrivals, by=INTAKE, now=now)
    if settings.acknowledge:
        _acknowledge(session, mails, opened, settings=settings, now=now)
    return opened


def _open_apart(
    session: Session, copies: Copies, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime
) -> list[Opened]:
    """Second copies belong to the first one's case. One that came for another customer is a person's business."""
    apart = []
    directory = RecordedDirectory(session, (mail.says for mail in mails))
    for mail in mails:
        arrival = _arrival(mail, directory, frozenset(), settings=settings, now=now)
        if copies.settle(mail, arrival, own_address=settings.mail_address, by=INTAKE, now=now):
            continue
        apart.append(replace(arrival, hold=Hold.SEVERAL_CUSTOMERS, customer=None))
    return requests.receive_all(session, apart, by=INTAKE, now=now)


def _facts(mail: MailRead) -> messages.Facts:
    sender = mail.letter.sender
    return messages.Facts(mail.message_id, mail.author_sha256, mail.letter.message_id, sender and sender.lower())


def _find_flooding(session: Session, mails: Sequence[MailRead]) -> frozenset[str]:
    """The senders of so many letters that a person is asked first (mail.md rule 8)."""
    if not mails:
        return frozenset()
    senders = {mail.letter.sender.lower() for mail in mails if mail.letter.sender}
    since = min(mail.received_at for mail in mails) - FLOOD_TIME
    counts = messages.count_from(session, senders, since=since)
    return frozenset(sender for sender, count in counts.items() if count > FLOOD)


def _arrival(
    mail: MailRead,
    directory: RecordedDirectory,
    flooding: frozenset[str],
    *,
    settings: ReadingSettings,
    now: datetime,
) -> Arrival:
    today = now.astimezone(PARIS).date()
    considered = consider(mail.says, directory, settings=settings, junk=mail.junk, today=today)
    outcome = considered.outcome
    customer = directory.customer(outcome.customer.reference) if isinstance(outcome, Route) else None
    hold = outcome.hold if isinstance(outcome, Held) else None
    if customer and requests.why_not_forwarded(customer, settings.mail_address, now):
        customer, hold = None, Hold.OWN_MAIL
    if customer and (mail.letter.sender or "").lower() in flooding:
        customer, hold = None, Hold.TOO_MANY
    return Arrival(
        mail.message_id,
        mail.received_at,
        mail.sha256,
        considered.reading,
        hold=hold,
        customer=customer,
        evidence=outcome.evidence,
        channel=mail.says.channel,
    )


def _acknowledge(
    session: Session, mails: Sequence[MailRead], opened: Sequence[Opened], *, settings: MailSettings, now: datetime
) -> None:
    for mail, one in zip(mails, opened, strict=True):
        request = session.get_one(Request, one.id)
        acknowledge_received(session, request, mail.letter, junk=mail.junk, settings=settings, by=INTAKE, now=now)
