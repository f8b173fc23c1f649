"""A pack of evidence: that a request was sent on, or a breach told (clauses 4, 6 and 7), to be read years from now.

It is made from one state of the record and streamed, so that a letter of any size takes little memory. That it was made
is in the journal before the file has its name.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy.orm import Session

from bot.breach_pack import fill_breach
from bot.desk import Desk
from bot.evidence_page import render_page
from bot.packing import TROUBLES, Packing, Written, digest_of_file, drafted, packing, put_in_place, refuse_existing
from bot.tables import cells, head_table, table
from storage.breach_evidence import gather_breach
from storage.breach_proof import BreachEvidence
from storage.breaches import is_breach
from storage.evidence import gather, record_exported
from storage.progress import Counting, progress
from storage.proof import Evidence, Went
from storage.types import Actor

Proof = Evidence | BreachEvidence
LARGE = 20_000_000
"""Octets from which on it is shown how far writing has come."""

MEGABYTE = 1_000_000
SENT = (
    *("file", "purpose", "customer", "recipient", "message_id", "queued_at", "accepted_at", "refused_at", "bounced_at"),
    *("bounce_status", "delayed_at", "withdrawn_at", "receipt_at", "attempts", "reply", "sha256"),
)
LINES = ("number", "at", "actor", "origin", "case", "action", "clause", "detail", "previous", "hash")
"""The columns of the journal in the order in which they are hashed, and their hash."""


@dataclass(frozen=True)
class Made:
    """A pack that is in its place."""

    reference: str
    sha256: str
    size: int
    files: tuple[Written, ...]
    changed_lines: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many files are in it."""
        return sum(bool(one.sha256) for one in self.files)

    @property
    def troubles(self) -> tuple[Written, ...]:
        """The mails that are not as they were."""
        return tuple(one for one in self.files if one.verdict in TROUBLES)


def make_pack(
    desk: Desk,
    reference: str,
    target: Path,
    *,
    customer: str | None,
    language: str,
    force: bool,
    by: Actor,
    now: datetime,
) -> Made:
    """Write the pack of a case, for ourselves or for one customer. The target is there whole or not at all.

    Raises FileExists, FileNotWritten, and what `storage.evidence.gather` and `gather_breach` raise.
    """
    if not force:
        refuse_existing(target)
    with drafted(target) as draft:
        with desk.database.reading() as session:
            evidence = _gather(session, reference, customer=customer, now=now)
            files = _write(draft, evidence, company=desk.settings.company_name, language=language, by=by)
        made = Made(evidence.reference, digest_of_file(draft), draft.stat().st_size, files, evidence.chain.changed)
        with desk.database.begin() as session:
            record_exported(session, evidence, sha256=made.sha256, files=made.count, by=by, now=now)
        put_in_place(draft, target, force=force)
    return made


@dataclass(frozen=True)
class InMemory:
    """A pack that is small enough to be sent."""

    evidence: Proof
    content: bytes
    files: int

    def note(self, session: Session, *, by: Actor, now: datetime) -> None:
        """That it was made, into the journal."""
        digest = sha256(self.content).hexdigest()
        record_exported(session, self.evidence, sha256=digest, files=self.files, by=by, now=now)


def pack_in_memory(
    desk: Desk, reference: str, *, language: str, most: int, by: Actor, now: datetime
) -> InMemory | None:
    """A pack for ourselves of at most so many octets, on no disk; None when it is larger."""
    with desk.database.reading() as session:
        evidence = _gather(session, reference, customer=None, now=now)
        if evidence.size > 3 * most:
            return None
        buffer = BytesIO()
        with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
            pack = Packing(archive, evidence.made_at, lambda _: None)
            files = _put(pack, evidence, company=desk.settings.company_name, language=language, by=by)
    content = buffer.getvalue()
    return InMemory(evidence, content, sum(bool(one.sha256) for one in files)) if len(content) <= most else None


def _gather(session: Session, reference: str, *, customer: str | None, now: datetime) -> Proof:
    if is_breach(reference.strip()):
        return gather_breach(session, reference, customer=customer, now=now)
    return gather(session, reference, customer=customer, now=now)


def _write(draft: Path, evidence: Proof, *, company: str, language: str, by: Actor) -> tuple[Written, ...]:
    total = evidence.size
    if total < LARGE:
        return _fill(draft, evidence, company=company, language=language, by=by, counting=None)
    with progress(total // MEGABYTE, "MB written") as counting:
        return _fill(draft, evidence, company=company, language=language, by=by, counting=counting)


def _fill(
    draft: Path, evidence: Proof, *, company: str, language: str, by: Actor, counting: Counting | None
) -> tuple[Written, ...]:
    written = [0]
    with packing(draft, at=evidence.made_at, advance=partial(_advance, written, counting)) as pack:
        return _put(pack, evidence, company=company, language=language, by=by)


def _put(pack: Packing, evidence: Proof, *, company: str, language: str, by: Actor) -> tuple[Written, ...]:
    """All files, the page after what it speaks of, the manifest last."""
    if isinstance(evidence, BreachEvidence):
        return fill_breach(pack, evidence, company=company, language=language, by=by)
    for mail in evidence.mails:
        if mail.content:
            pack.add_mail(mail.file, mail.content)
    _add_tables(pack, evidence)
    page = render_page(evidence, tuple(pack.files), company=company, by=by, language=language)
    pack.add_text("index.html", f"{page}\n")
    pack.add_manifest("manifest.txt")
    return tuple(pack.files)


def _add_tables(pack: Packing, evidence: Evidence) -> None:
    sent = [mail for mail in evidence.mails if isinstance(mail, Went)]
    pack.add_text("deliveries.csv", table(SENT, [cells(mail, SENT) for mail in sent]))
    pack.add_text("journal.csv", table(LINES, [cells(line, LINES) for line in evidence.chain.lines]))
    pack.add_text("journal-head.csv", head_table(evidence.chain, evidence.made_at))


def _advance(written: list[int], counting: Counting | None, octets: int) -> None:
    written[0] += octets
    if counting is not None:
        counting.advance(written[0] // MEGABYTE - counting.done)
