"""What becomes of a kept mail: read, matched with the directory, recorded as a request, forwarded or held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mail.composing import read_kept_letter
from mail.letter import Letter
from mail.rights import read_rights
from mail.routing import Held, Route, find_route
from mail.settings import Automatic, ReadingSettings
from storage import customers, requests
from storage.deadlines import PARIS
from storage.errors import Refused
from storage.models import Customer, Message, Request
from storage.requests import Reading
from storage.types import Actor, Hold, Kind

INTAKE = Actor("desk", "mail")
log = structlog.get_logger()


@dataclass(frozen=True)
class Considered:
    """What a letter is, what it asks, and where it goes or why it does not."""

    reading: Reading
    because: tuple[str, ...]
    outcome: Route | Held


class RecordedDirectory:
    """The directory as it is recorded, for `find_route`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def by_alias(self, addresses: Sequence[str]) -> Mapping[str, Sequence[Customer]]:
        return customers.find_by_alias(self._session, addresses)


def consider(session: Session, letter: Letter, *, settings: ReadingSettings, junk: bool, today: date) -> Considered:
    """Read a letter and find its customer; writes nothing."""
    found = read_rights(letter.subject, letter.text)
    outcome = find_route(
        letter,
        RecordedDirectory(session),
        automatic=settings.automatic_forwarding is not Automatic.OFF,
        junk=junk,
        today=today,
        own_address=settings.mail_address,
    )
    reading = Reading(found.kind, found.rights, letter.language, found.flags)
    return Considered(reading, found.because, outcome)


def decide(session: Session, message: Message, *, junk: bool, settings: ReadingSettings, now: datetime) -> Request:
    """Open a request for a kept mail and forward it where that is certain; else it is held."""
    considered = _consider_guarded(session, message, junk=junk, settings=settings, now=now)
    outcome = considered.outcome
    hold = outcome.hold if isinstance(outcome, Held) else None
    request = requests.receive_request(session, message, considered.reading, hold=hold, by=INTAKE, now=now)
    if isinstance(outcome, Route):
        _forward(session, request, outcome, settings=settings, now=now)
    return request


def _consider_guarded(
    session: Session, message: Message, *, junk: bool, settings: ReadingSettings, now: datetime
) -> Considered:
    """The poison guard: whatever a letter does to its reader, it is held, and the next one gets its turn."""
    letter = read_kept_letter(session, message.id)
    try:
        return consider(session, letter, settings=settings, junk=junk, today=now.astimezone(PARIS).date())
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - the poison guard
        log.warning("letter-unreadable", message=message.id, fault=error)
        return Considered(Reading(Kind.REQUEST, (), "fr"), (), Held(Hold.UNREADABLE))


def _forward(session: Session, request: Request, route: Route, *, settings: ReadingSettings, now: datetime) -> None:
    customer = customers.get_customer(session, route.customer.reference)
    try:
        requests.forward_request(
            session,
            request,
            customer,
            evidence=route.evidence,
            own_address=settings.mail_address,
            by=INTAKE,
            now=now,
        )
    except Refused:
        request.hold = Hold.OWN_MAIL
