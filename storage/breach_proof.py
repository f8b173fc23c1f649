"""What a pack of evidence holds of a breach: facts as the record has them, mails and documents as bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.breach_facts import BreachFacts
from storage.chain import Chain
from storage.contents import Content
from storage.deadlines import earliest
from storage.proof import Came, Went, Who


@dataclass(frozen=True)
class Claimed:
    """Somebody named an instant: detected, suspected, told or aware."""

    what: str
    instant: datetime
    by: Who
    claimed_at: datetime
    reason: str | None


@dataclass(frozen=True)
class Known:
    """Something was written down. `value` is JSON; `customer`: of whom it is known, None for the whole breach."""

    name: str
    value: str
    customer: str | None
    by: Who
    at: datetime


@dataclass(frozen=True)
class Approved:
    """One version of the notice: who prepared and who approved it, and why alone. `sent`: how many of these have it."""

    version: int
    prepared_at: datetime
    prepared_by: Who
    final: bool
    approved_at: datetime | None
    approved_by: Who | None
    alone_reason: str | None
    sent: int


@dataclass(frozen=True)
class Called:
    """A customer was spoken to, or could not be, or was told by other means than our mail."""

    customer: str
    name: str
    means: str
    reached: bool
    answered: str | None
    at: datetime
    by: Who
    recorded_at: datetime
    role: str | None
    person: str | None
    call_reference: str | None
    proof: str | None


@dataclass(frozen=True)
class Filed:
    """A document, or a file written here, that went with e-mails. `customer` None: for all; `name`: as it was sent."""

    file: str
    name: str | None
    content_type: str
    size: int
    sha256: str | None
    customer: str | None
    is_marked: bool
    received_at: datetime | None
    sent_by: Who | None
    marked_at: datetime | None
    marked_by: Who | None
    withdrawn_at: datetime | None
    content: Content


@dataclass(frozen=True)
class Enclosed:
    """Which file went with which e-mail."""

    mail: str
    ordinal: int
    name: str | None
    content_type: str
    sha256: str
    file: str


@dataclass(frozen=True)
class Line:
    """One customer of the breach. `took`: from when Kavkom knew, or first doubted, to when it was told; `late`: after
    the deadline, or not yet although that has passed. `version`: the newest notice its server has."""

    customer: str
    name: str
    added_at: datetime
    state: str
    told_at: datetime | None
    means: str | None
    took: timedelta | None
    late: bool
    version: int | None
    accepted_at: datetime | None
    received_at: datetime | None
    bounced_at: datetime | None
    refused_at: datetime | None
    calls: int
    role: str | None
    call_reference: str | None
    owed: bool
    waived_at: datetime | None
    waived_by: Who | None
    waived_reason: str | None
    excluded_at: datetime | None
    excluded_by: Who | None
    excluded_reason: str | None


@dataclass(frozen=True)
class Rang:
    """A rung of the ladder."""

    rung: str
    due_at: datetime
    rung_at: datetime


@dataclass(frozen=True)
class BreachEvidence:
    """All of it. `only`: the customer whom it is for, None when it is for ourselves.

    What a customer's pack leaves out is None or empty: the summary, how many others there are, the reminders.
    """

    reference: str
    drill: bool
    pace: int
    only: str | None
    made_at: datetime
    opened_at: datetime
    opened_by: Who
    summary: str | None
    about: str | None
    detected_at: datetime | None
    suspected_at: datetime | None
    told_at: datetime | None
    aware_at: datetime | None
    aware_by: Who | None
    deadline_at: datetime
    lead: Who | None
    lead_at: datetime | None
    closed_at: datetime | None
    closed_by: Who | None
    no_breach_reason: str | None
    late_reason: str | None
    claims: tuple[Claimed, ...]
    known: BreachFacts
    facts: tuple[Known, ...]
    notices: tuple[Approved, ...]
    lines: tuple[Line, ...]
    calls: tuple[Called, ...]
    sent: tuple[Went, ...]
    came: tuple[Came, ...]
    documents: tuple[Filed, ...]
    enclosed: tuple[Enclosed, ...]
    reminders: tuple[Rang, ...]
    chain: Chain

    @property
    def known_since(self) -> datetime:
        """The instant from which the 48 hours run: awareness, or the first doubt."""
        doubt = earliest(self.suspected_at, self.told_at, self.detected_at)
        return self.aware_at or doubt or self.opened_at

    @property
    def concerned(self) -> tuple[Line, ...]:
        """The customers that were not excluded."""
        return tuple(line for line in self.lines if line.excluded_at is None)

    @property
    def late(self) -> tuple[Line, ...]:
        return tuple(line for line in self.concerned if line.late)

    @property
    def untold(self) -> tuple[Line, ...]:
        return tuple(line for line in self.concerned if line.told_at is None)

    @property
    def in_time(self) -> int:
        """How many were told before the deadline."""
        return sum(line.told_at is not None and not line.late for line in self.concerned)

    @property
    def first_told_at(self) -> datetime | None:
        return min((line.told_at for line in self.concerned if line.told_at), default=None)

    @property
    def last_told_at(self) -> datetime | None:
        """When the last one was told, once all are."""
        told = [line.told_at for line in self.concerned if line.told_at]
        return max(told) if told and not self.untold else None

    @property
    def mails(self) -> Iterator[Came | Went]:
        yield from self.sent
        yield from self.came

    @property
    def size(self) -> int:
        """About how many octets the bytes in it take."""
        parts = [mail.content.size for mail in self.mails if mail.content]
        return sum(parts) + sum(one.content.size for one in self.documents)
