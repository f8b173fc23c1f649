"""What a pack of evidence holds of a request: facts as the record has them, and mails as bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.chain import Chain
from storage.contents import Content
from storage.sightings import Place
from storage.types import DESK, Channel, Correspondence, Purpose


@dataclass(frozen=True)
class Who:
    """Who did something: as the record notes it, by name where the staff table has one, or the desk by itself."""

    id: str
    name: str | None

    @property
    def is_desk(self) -> bool:
        return self.id == DESK.name


@dataclass(frozen=True)
class Came:
    """A mail that came: `what` is None for the letter itself. `places`: where in our mailboxes it was seen."""

    file: str
    what: Correspondence | None
    said: str | None
    customer: str | None
    received_at: datetime
    kept_at: datetime | None
    sender: str | None
    places: tuple[Place, ...]
    content: Content


@dataclass(frozen=True)
class Went:
    """An e-mail of ours, sent or not. `file` is empty where the pack holds no bytes of it; `again`: a further try.

    `reply` is the other server's, word for word; `receipt_at`: when the copy to ourselves came home.
    """

    file: str
    purpose: Purpose
    customer: str | None
    recipient: str
    message_id: str | None
    queued_at: datetime
    accepted_at: datetime | None
    refused_at: datetime | None
    bounced_at: datetime | None
    bounce_status: str | None
    delayed_at: datetime | None
    withdrawn_at: datetime | None
    receipt_at: datetime | None
    attempts: int
    reply: str | None
    sha256: str | None
    again: bool
    content: Content | None


@dataclass(frozen=True)
class Spoken:
    """The customer was told, or could not be reached, by other means than our mail."""

    means: str
    reached: bool
    by: Who
    at: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class Instructed:
    """What the customer instructed, with the address that it named, if any."""

    by: Who
    at: datetime
    address: str | None
    note: str | None


@dataclass(frozen=True)
class Passed:
    """The request and one customer. `met_at`: when its server accepted for good, or when it was told otherwise."""

    customer: str
    name: str
    address: str
    order_reference: str | None
    evidence: tuple[tuple[str, str], ...]
    routed_by: Who
    routed_at: datetime
    misrouted_at: datetime | None
    met_at: datetime | None
    took: timedelta | None
    mails: tuple[Went, ...]
    calls: tuple[Spoken, ...]
    instructions: tuple[Instructed, ...]

    @property
    def attempts(self) -> tuple[Went, ...]:
        """The tries at the forward itself, oldest first."""
        return tuple(one for one in self.mails if one.purpose is Purpose.FORWARD)


@dataclass(frozen=True)
class Evidence:
    """All of it. `only`: the customer whom it is for, None when it is for ourselves.

    `letter` is None where the letter itself is not for this customer: it stood in a colleague's mail.
    `astray`: that customer is the wrong one, and gets nothing of the letter.
    """

    reference: str
    only: str | None
    made_at: datetime
    received_at: datetime
    channel: Channel
    recorded_by: Who | None
    way: str | None
    kind: str
    rights: tuple[str, ...]
    flags: tuple[str, ...]
    language: str
    hold: str | None
    set_aside_at: datetime | None
    set_aside_reason: str | None
    astray: bool
    letter: Came | None
    came: tuple[Came, ...]
    passed: tuple[Passed, ...]
    others: tuple[Went, ...]
    breaches: tuple[str, ...]
    chain: Chain

    @property
    def mails(self) -> Iterator[Came | Went]:
        """Every mail, the letter first."""
        yield from [self.letter] if self.letter else []
        for passed in self.passed:
            yield from passed.mails
        yield from self.others
        yield from self.came

    @property
    def size(self) -> int:
        """About how many octets the mails take."""
        return sum(mail.content.size for mail in self.mails if mail.content)
