"""`status`: last contacts, what waits, what is held, sent and failing; counts and references only."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from storage import heartbeats, outbox, requests
from storage.clock import in_paris
from storage.types import Medium


def status(session: Session, *, now: datetime) -> Iterator[tuple[str, str]]:
    """Rows of a name and a sentence."""
    beats = heartbeats.last_beats(session)
    yield "mailbox", _seen(beats.get("contact:privacy"), now)
    yield "mail process", _seen(beats.get("mail"), now)
    yield "bot process", _seen(beats.get("bot"), now)
    count, oldest = requests.count_waiting(session)
    yield "held", f"{count} requests" + (f", the oldest since {in_paris(oldest)}" if oldest else "")
    for medium in Medium:
        yield from _backlog(medium, outbox.backlog(session, medium), outbox.count_accepted(session, medium))


def _backlog(medium: Medium, backlog: outbox.Backlog, accepted: int) -> Iterator[tuple[str, str]]:
    yield f"{medium} sent", str(accepted)
    next_try = f", next try {in_paris(backlog.next_try)}" if backlog.next_try else ""
    yield f"{medium} waiting", f"{backlog.waiting}, of which {backlog.failing} tried before{next_try}"
    if backlog.refused:
        yield f"{medium} refused", f"{backlog.refused}: a person must decide, see /dsr"


def _seen(beat: datetime | None, now: datetime) -> str:
    if beat is None:
        return "never"
    return f"last contact {in_paris(beat)}, {max(0, int((now - beat).total_seconds()))} s ago"
