"""A pack of evidence: that a request was received and sent on (agreement clauses 4 and 7), to be read years from now.

It is made from one state of the record and streamed, so that a letter of any size takes little memory. That it was made
is in the journal before the file has its name.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import StringIO
from pathlib import Path

from bot.desk import Desk
from bot.evidence_page import render_page
from bot.packing import TROUBLES, Packing, Written, digest_of_file, drafted, packing, put_in_place, refuse_existing
from bot.refusals import RequestsOnly
from storage.chain import Chain
from storage.evidence import gather, record_exported
from storage.progress import Counting, progress
from storage.proof import Evidence, Went
from storage.types import Actor

BREACHES = ("BR-", "DRILL-")
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
    """Write the pack of a request, for ourselves or for one customer. The target is there whole or not at all.

    Raises RequestsOnly, FileExists, FileNotWritten, and what `storage.evidence.gather` raises.
    """
    if reference.strip().upper().startswith(BREACHES):
        raise RequestsOnly(reference.strip().upper())
    if not force:
        refuse_existing(target)
    with drafted(target) as draft:
        with desk.database.reading() as session:
            evidence = gather(session, reference, customer=customer, now=now)
            files = _write(draft, evidence, company=desk.settings.company_name, language=language, by=by)
        made = Made(evidence.reference, digest_of_file(draft), draft.stat().st_size, files, evidence.chain.changed)
        with desk.database.begin() as session:
            record_exported(session, evidence, sha256=made.sha256, files=made.count, by=by, now=now)
        put_in_place(draft, target, force=force)
    return made


def _write(draft: Path, evidence: Evidence, *, company: str, language: str, by: Actor) -> tuple[Written, ...]:
    total = sum(mail.content.size for mail in evidence.mails if mail.content)
    if total < LARGE:
        return _fill(draft, evidence, company=company, language=language, by=by, counting=None)
    with progress(total // MEGABYTE, "MB written") as counting:
        return _fill(draft, evidence, company=company, language=language, by=by, counting=counting)


def _fill(
    draft: Path, evidence: Evidence, *, company: str, language: str, by: Actor, counting: Counting | None
) -> tuple[Written, ...]:
    written = [0]
    with packing(draft, at=evidence.made_at, advance=partial(_advance, written, counting)) as pack:
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
    pack.add_text("deliveries.csv", _table(SENT, [_cells(mail, SENT) for mail in sent]))
    pack.add_text("journal.csv", _table(LINES, [_cells(line, LINES) for line in evidence.chain.lines]))
    pack.add_text("journal-head.csv", _head(evidence.chain, evidence.made_at))


def _head(chain: Chain, at: datetime) -> str:
    return _table(("number", "hash", "as_of"), [[str(chain.head_number), chain.head_hash, at.isoformat()]])


def _cells(row: object, columns: Iterable[str]) -> list[str]:
    return [_cell(getattr(row, column)) for column in columns]


def _cell(value: object) -> str:
    """Instants in UTC as the journal hashes them; an empty cell is nothing."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _advance(written: list[int], counting: Counting | None, octets: int) -> None:
    written[0] += octets
    if counting is not None:
        counting.advance(written[0] // MEGABYTE - counting.done)
