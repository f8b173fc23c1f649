"""Kept mails open cases (agreement clause 4): each on its way to its customer at once, or held for a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from storage import announcements, journal, ringing
from storage.bulk import Row, insert_with_ids, update_rows
from storage.counters import next_references
from storage.models import Customer, Message, Request
from storage.proposals import CandidateFound, add_candidates
from storage.requests import CLAUSE, Routed, add_forwards, routed_line
from storage.types import Actor, Channel, Hold, Kind


@dataclass(frozen=True)
class Reading:
    """What a first reading found in a letter."""

    kind: Kind
    rights: tuple[str, ...]
    language: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrival:
    """A kept mail that opens a case: what was read in it, and where it goes at once or why it waits for a person."""

    message_id: int
    received_at: datetime
    sha256: str | None
    reading: Reading
    hold: Hold | None = None
    customer: Customer | None = None
    evidence: tuple[str, ...] = ()
    channel: Channel = Channel.MAIL
    recorded_by: str | None = None
    candidates: tuple[CandidateFound, ...] = ()
    """Whom a held one may concern, the likeliest first."""


@dataclass(frozen=True)
class Opened:
    """A case that was opened: the row of its request and what people call it."""

    id: int
    reference: str
    arrival: Arrival


def receive_all(session: Session, arrivals: Sequence[Arrival], *, by: Actor, now: datetime) -> list[Opened]:
    """Open a case for each mail, in this order; those that name a customer are on their way to it at once.

    The caller has asked `why_not_forwarded` before it names a customer.
    """
    if not arrivals:
        return []
    references = next_references(session, "DSR", len(arrivals), now=now)
    rows = [_request_row(one, reference) for one, reference in zip(arrivals, references, strict=True)]
    ids = insert_with_ids(session, Request, rows)
    opened = [Opened(*row) for row in zip(ids, references, arrivals, strict=True)]
    update_rows(session, Message, [{"id": one.message_id, "decided_at": now} for one in arrivals])
    add_candidates(session, [(one.id, one.arrival.candidates) for one in opened if not one.arrival.customer])
    routed = [
        Routed(one.id, one.reference, one.arrival.message_id, one.arrival.customer, one.arrival.evidence)
        for one in opened
        if one.arrival.customer
    ]
    add_forwards(session, routed, by=by, now=now)
    _record_arrivals(session, opened, by=by, now=now)
    ringing.ring_letters(session, [_came(one) for one in opened], by=by, now=now)
    return opened


def _came(one: Opened) -> ringing.Came:
    reading = one.arrival.reading
    return ringing.Came(one.reference, one.arrival.message_id, reading.kind, reading.flags)


def _request_row(arrival: Arrival, reference: str) -> Row:
    return {
        "reference": reference,
        "message_id": arrival.message_id,
        "received_at": arrival.received_at,
        **vars(arrival.reading),
        "hold": arrival.hold,
        "channel": arrival.channel,
        "recorded_by": arrival.recorded_by,
    }


def _record_arrivals(session: Session, opened: Sequence[Opened], *, by: Actor, now: datetime) -> None:
    """Two lines for what goes at once, and one card each."""
    lines = [line for one in opened for line in _arrival_lines(one)]
    entries = {entry.case: entry for entry in journal.record_all(session, lines, by=by, now=now)}
    announcements.show_cards(session, list(entries.values()))


def _arrival_lines(one: Opened) -> Iterator[journal.Line]:
    arrival = one.arrival
    detail: dict[str, journal.Detail] = {"sha256": arrival.sha256, "hold": arrival.hold}
    yield journal.Line("request-received", one.reference, CLAUSE, detail)
    if arrival.customer:
        yield routed_line(one.reference, arrival.customer, arrival.evidence)


def receive_request(
    session: Session, message: Message, reading: Reading, *, hold: Hold | None, by: Actor, now: datetime
) -> Request:
    """Open a case for one kept mail. `hold` says why it waits for a person, None when it can be forwarded at once."""
    session.flush()
    arrival = Arrival(message.id, message.received_at, message.sha256, reading, hold)
    [opened] = receive_all(session, [arrival], by=by, now=now)
    session.expire(message)
    return session.get_one(Request, opened.id)
