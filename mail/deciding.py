"""What becomes of kept mails: read, matched with their case or the directory, forwarded, held or attached."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from mail.acknowledging import acknowledge_received
from mail.clues import Clues
from mail.copying import Copies
from mail.documents import settle_documents
from mail.enclosing import attach_covers, open_enclosed
from mail.evidence import Says
from mail.flooding import find_flooding
from mail.hosts import with_parents
from mail.letter import Letter
from mail.names import is_distinctive, known_names, rare_words
from mail.reading import Effective, MailRead
from mail.routing import Candidate, Held, Route, find_route, kinds_of
from mail.settings import MailSettings, ReadingSettings
from mail.threads import Threads
from storage import arrivals, facts, messages, requests
from storage.arrivals import Arrival, Opened, Reading
from storage.customers import Owner, find_owners
from storage.database import take_the_floor
from storage.deadlines import PARIS
from storage.messages import Kept
from storage.models import Customer, Request
from storage.proposals import MOST, CandidateFound
from storage.types import Actor, Channel, Hold, KeyKind, Kind

INTAKE = Actor("desk", "mail")
UNREAD = Reading(Kind.REQUEST, (), "fr")
"""What is said of a mail that nobody could read: a person will."""


@dataclass(frozen=True)
class Considered:
    """What a letter is, what it asks, and where it goes or why it does not."""

    reading: Reading
    because: tuple[str, ...]
    outcome: Route | Held


class RecordedDirectory:
    """The directory as it is recorded, looked up once for all that a group of letters names."""

    def __init__(self, session: Session, mails: Iterable[Effective]) -> None:
        wanted: dict[KeyKind, set[str]] = {kind: set() for kind in KeyKind}
        self._session = session
        self._names, self._named = known_names(session), dict[str, list[str]]()
        for says in mails:
            self._note(says, wanted)
        self._owners = {kind: find_owners(session, kind, values) for kind, values in wanted.items() if values}
        found = (owner for owners in self._owners.values() for some in owners.values() for owner in some)
        self._customers = {owner.customer.reference: owner.customer for owner in found}

    def owners(self, kind: KeyKind, value: str) -> Sequence[Owner]:
        return self._owners.get(kind, {}).get(value, ())

    def named(self, clues: Clues) -> Mapping[str, Sequence[Owner]]:
        return {name: self.owners(KeyKind.NAME, name) for name in self._named.get(clues.words, ())}

    def is_distinctive(self, name: str) -> bool:
        return is_distinctive(name, self._names, rare_words(self._session))

    def customer(self, reference: str) -> Customer:
        """One of the customers that were found."""
        return self._customers[reference]

    def _note(self, says: Effective, wanted: Mapping[KeyKind, set[str]]) -> None:
        """What is to be looked up for a letter."""
        clues = says.clues
        wanted[KeyKind.INTAKE_ALIAS].update(address for one in (says.letter, says.outer) for address in one.recipients)
        for clue in clues.found:
            wanted[clue.kind].update(clue.values)
        wanted[KeyKind.TELEPHONE].update(clues.beside)
        wanted[KeyKind.DOMAIN].update(domain for own in clues.own_domains for domain in with_parents(own))
        self._named[clues.words] = list(dict.fromkeys(self._names.find_in(clues.words)))
        wanted[KeyKind.NAME].update(self._named[clues.words])


def consider(
    says: Effective, directory: RecordedDirectory, *, settings: ReadingSettings, junk: bool, today: date
) -> Considered:
    """Find the customer of a letter that was read; writes nothing."""
    outcome = find_route(
        Says(_addressed(says), says.rights, says.clues),
        directory,
        automatic=settings.automatic_forwarding,
        junk=junk,
        today=today,
        own_address=settings.mail_address,
    )
    if isinstance(outcome, Route) and (says.is_in_doubt or _is_for_a_person(says, outcome)):
        outcome = Held(Hold.COLLEAGUE, (_as_candidate(outcome),), outcome.evidence)
    if isinstance(outcome, Held) and outcome.hold is Hold.NOT_A_REQUEST and says.is_in_doubt:
        outcome = replace(outcome, hold=Hold.COLLEAGUE)
    rights = says.rights
    return Considered(Reading(rights.kind, rights.rights, says.letter.language, rights.flags), rights.because, outcome)


def _as_candidate(route: Route) -> Candidate:
    return Candidate(route.customer, kinds_of(route.evidence))


def _is_for_a_person(says: Effective, outcome: Route) -> bool:
    """Whether a colleague sent the letter on, and did not himself say to whom, or not all of it can be shown."""
    if says.channel is not Channel.COLLEAGUE:
        return False
    addressed = {f"intake-alias:{address}" for address in says.outer.recipients}
    return addressed.isdisjoint(outcome.evidence) or (says.enclosed is None and says.letter.shortened)


def _addressed(says: Effective) -> Letter:
    """A letter that a colleague sends on to a customer's intake address is addressed to it, too."""
    if says.channel is Channel.MAIL:
        return says.letter
    outer = says.outer
    everybody = tuple(dict.fromkeys((*says.letter.recipients, *outer.recipients)))
    return replace(says.letter, recipients=everybody, automatic=outer.automatic, received_lines=outer.received_lines)


def decide_all(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> list[Opened]:
    """Attach each mail to its case, or open one for it and forward it where that is certain; the rest is held.

    Nobody else decides meanwhile: two mailboxes may bring two copies of one letter in the same instant.
    """
    take_the_floor(session)
    undecided = messages.still_undecided(session, [mail.message_id for mail in mails])
    waiting = [mail for mail in mails if mail.message_id in undecided]
    waiting = [mail for mail in waiting if not settle_documents(session, mail, by=INTAKE, now=now)]
    letters, covers = open_enclosed(session, waiting, now=now)
    opened = _decide(session, letters, settings=settings, now=now)
    attach_covers(session, covers, now=now)
    return opened


def hold_unread(session: Session, kept: Kept, *, now: datetime) -> list[Opened]:
    """A case for a mail that could not be read, or is not whole: nothing is known but that it is here."""
    take_the_floor(session)
    if kept.message_id not in messages.still_undecided(session, [kept.message_id]):
        return []
    arrival = Arrival(kept.message_id, kept.received_at, kept.sha256, UNREAD, hold=Hold.UNREADABLE)
    return arrivals.receive_all(session, [arrival], by=INTAKE, now=now)


def arrivals_of(
    session: Session, mails: Sequence[MailRead], *, settings: ReadingSettings, now: datetime
) -> list[Arrival]:
    """What becomes of each letter if it opens a case now."""
    directory = RecordedDirectory(session, (mail.says for mail in mails))
    flooding = find_flooding(session, mails)
    return [_arrival(mail, directory, flooding, settings=settings, now=now) for mail in mails]


def _decide(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> list[Opened]:
    facts.record_read(session, [_facts(mail) for mail in mails])
    copies = Copies(session, mails)
    threads = Threads(session, mails, settings, by=INTAKE, now=now)
    threads.take_turns()
    new = [mail for mail in mails if not copies.is_copy(mail) and not threads.settle(mail)]
    opened = _open(session, new, settings=settings, now=now)
    again = [mail for mail in mails if copies.is_copy(mail)]
    return opened + _open_apart(session, copies, again, settings=settings, now=now)


def _open(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> list[Opened]:
    arrived = arrivals_of(session, mails, settings=settings, now=now)
    opened = arrivals.receive_all(session, arrived, by=INTAKE, now=now)
    if settings.acknowledge:
        _acknowledge(session, mails, opened, settings=settings, now=now)
    return opened


def _open_apart(
    session: Session, copies: Copies, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime
) -> list[Opened]:
    """Second copies belong to the first one's case. One that came for another customer is a person's business."""
    if not mails:
        return []
    apart = []
    directory = RecordedDirectory(session, (mail.says for mail in mails))
    for mail in mails:
        arrival = _arrival(mail, directory, (), settings=settings, now=now)
        if copies.settle(mail, arrival, own_address=settings.mail_address, by=INTAKE, now=now):
            continue
        apart.append(_held_apart(arrival))
    return arrivals.receive_all(session, apart, by=INTAKE, now=now)


def _held_apart(arrival: Arrival) -> Arrival:
    candidates = arrival.candidates
    if arrival.customer:
        candidates = (CandidateFound(arrival.customer, kinds_of(arrival.evidence)),)
    return replace(arrival, hold=Hold.SEVERAL_CUSTOMERS, customer=None, candidates=candidates)


def _facts(mail: MailRead) -> facts.Facts:
    sender = mail.letter.sender
    return facts.Facts(mail.message_id, mail.author_sha256, mail.letter.message_id, sender and sender.lower())


def _arrival(
    mail: MailRead,
    directory: RecordedDirectory,
    flooding: Collection[int],
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
    if customer and mail.message_id in flooding:
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
        candidates=() if customer else _found(outcome, directory),
    )


def _found(outcome: Route | Held, directory: RecordedDirectory) -> tuple[CandidateFound, ...]:
    """Whom a letter that is held may concern: also whom it may not be forwarded to, or not now."""
    candidates = outcome.candidates if isinstance(outcome, Held) else (_as_candidate(outcome),)
    return tuple(CandidateFound(directory.customer(one.customer.reference), one.kinds) for one in candidates[:MOST])


def _acknowledge(
    session: Session, mails: Sequence[MailRead], opened: Sequence[Opened], *, settings: MailSettings, now: datetime
) -> None:
    for mail, one in zip(mails, opened, strict=True):
        request = session.get_one(Request, one.id)
        acknowledge_received(session, request, mail.letter, junk=mail.junk, settings=settings, by=INTAKE, now=now)
