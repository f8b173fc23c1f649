"""`explain`: decide about mails in files, without writing or sending, and say why."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from mail.deciding import Considered, RecordedDirectory, consider
from mail.reading import read_mail
from mail.routing import Held, Route
from mail.settings import ReadingSettings
from storage.deadlines import PARIS
from storage.proposals import MOST
from storage.types import Hold, Kind

HUMAN = "human"


@dataclass(frozen=True)
class Explained:
    """The decision about one file."""

    file: str
    considered: Considered

    @property
    def customers(self) -> list[str] | str:
        """Who would get it: references, a person's decision, or nobody for what is no request."""
        outcome = self.considered.outcome
        if isinstance(outcome, Route):
            return [outcome.customer.reference]
        automatic = outcome.hold is Hold.AUTOMATIC_MAIL and self.considered.reading.kind is Kind.NOT_REQUEST
        return [] if automatic else HUMAN

    @property
    def why(self) -> str:
        """The deciding evidence, or why it is held."""
        outcome = self.considered.outcome
        return ", ".join(outcome.evidence) if isinstance(outcome, Route) else f"held: {outcome.hold}"


def explain(session: Session, path: Path, *, settings: ReadingSettings, at: datetime) -> Explained:
    """Read one file as if it had arrived in INBOX at `at`. Raises OSError."""
    own = settings.mail_address
    domains = {own.rpartition("@")[2].lower()} if own else set()
    says = read_mail(path.read_bytes(), whole=True, own_domains=domains, own_address=own)
    directory, today = RecordedDirectory(session, [says]), at.astimezone(PARIS).date()
    return Explained(str(path), consider(says, directory, settings=settings, junk=False, today=today))


def as_json(explained: Explained) -> str:
    """The contract's line for one file."""
    reading, outcome = explained.considered.reading, explained.considered.outcome
    return json.dumps(
        {
            "file": explained.file,
            "kind": reading.kind,
            "flags": list(reading.flags),
            "rights": list(reading.rights),
            "language": reading.language,
            "customers": explained.customers,
            "why": explained.why,
            "evidence": list(outcome.evidence),
        },
        ensure_ascii=False,
    )


def as_text(explained: Explained) -> str:
    """The decision for a person at a shell."""
    reading = explained.considered.reading
    goes = explained.customers
    where = "to a person" if goes == HUMAN else "to nobody" if not goes else f"to {', '.join(goes)}"
    rights = ", ".join(reading.rights) or "none"
    words = f" (because: {', '.join(explained.considered.because)})" if explained.considered.because else ""
    asked = f"{explained.file}: {reading.kind}, {reading.language}, rights: {rights}{words}"
    return f"{asked}; {where}, {explained.why}{_candidates(explained.considered.outcome)}"


def _candidates(outcome: Route | Held) -> str:
    """Whom a held letter may concern, and what points there."""
    if isinstance(outcome, Route) or not outcome.candidates:
        return ""
    named = ", ".join(f"{one.customer.reference} ({', '.join(one.kinds)})" for one in outcome.candidates[:MOST])
    return f"; perhaps {named}"
