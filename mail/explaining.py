"""`explain`: decide about mails in files, without writing or sending, and say why: as the contract's JSON.

What a person reads is mail/telling.py.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from mail.deciding import Considered, RecordedDirectory, consider
from mail.reading import Effective, read_mail
from mail.reasons import Evidence, find_contradictions, find_evidence, unknown_intakes
from mail.routing import Route
from mail.settings import Automatic, ReadingSettings
from storage.deadlines import PARIS
from storage.types import Hold, Kind

HUMAN = "human"


@dataclass(frozen=True)
class Explained:
    """The decision about one file on a day, and what it rests on. `automatic`: which evidence may decide."""

    file: str
    considered: Considered
    says: Effective
    today: date
    automatic: Automatic
    evidence: tuple[Evidence, ...]
    contradictions: tuple[str, ...]
    unknown_intakes: tuple[str, ...]

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
    considered = consider(says, directory, settings=settings, junk=False, today=today)
    evidence = find_evidence(says, directory, considered.outcome)
    return Explained(
        file=str(path),
        considered=considered,
        says=says,
        today=today,
        automatic=settings.automatic_forwarding,
        evidence=tuple(evidence),
        contradictions=tuple(find_contradictions(says, directory, evidence, today=today)),
        unknown_intakes=tuple(unknown_intakes(says, directory, own)),
    )


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
