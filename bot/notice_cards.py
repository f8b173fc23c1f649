"""All that Slack can ever show of a notice; as in bot/cards.py: labels, counts, references, instants, staff."""

from dataclasses import dataclass
from datetime import datetime

NOTICE = "breach_notice"
"""The button of a breach's card."""
PREVIEW, ASK, APPROVE, ALONE, ADDED = "preview", "ask", "approve", "alone", "added"
"""What a person may choose to do with a notice."""
SENDING = (APPROVE, ALONE, ADDED)
"""What sends it, and is asked once more."""


@dataclass(frozen=True)
class NoticeLine:
    """The newest version on a breach's card: a draft while `approved_at` is None."""

    version: int
    final: bool
    prepared_at: datetime
    prepared_by: str
    approved_at: datetime | None
    approved_by: str | None


@dataclass(frozen=True)
class WarningLine:
    """A warning: its kind, the customers that it is about (references), the facts (names), or how many things."""

    kind: str
    customers: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class NoticeSheet:
    """The next version, as whoever opens it may see it and send it.

    `fresh`: it is prepared, and nothing has changed since. `second`: the reader is not the one who prepared it.
    `added`: customers that were named since the newest version went out.
    """

    reference: str
    drill: bool
    version: int
    final: bool
    notice_id: int | None
    prepared_at: datetime | None
    prepared_by: str | None
    fresh: bool
    customers: tuple[tuple[str, str], ...]
    known: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[WarningLine, ...]
    added: int
    lead: bool
    second: bool
    alone_at: datetime | None

    @property
    def steps(self) -> tuple[str, ...]:
        """What the reader may choose."""
        preview = (PREVIEW,) if self.customers else ()
        send = (APPROVE,) if self.second else (ALONE,) if self.lead else ()
        return (*preview, ASK, *(send if self.fresh and self.customers else ()), *((ADDED,) if self.added else ()))


@dataclass(frozen=True)
class SendingSheet:
    """What is about to be sent, to be confirmed: a version, and to how many customers.

    `mentions`: a notice seems to name another customer. `seen` is the version's mark (Edition.seen).
    """

    reference: str
    drill: bool
    step: str
    version: int
    final: bool
    customers: int
    warnings: tuple[WarningLine, ...]
    mentions: bool
    notice_id: int
    seen: str
