"""Closing a breach: refused while a customer is not told, or owed documents; late ones need a reason."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from storage import outbox
from storage.breach_errors import CustomersNotTold, DocumentsOwed, NobodyAffected, NothingDecided, WhyLateMissing
from storage.breach_rows import is_late
from storage.breaches import record, refuse_closed, take_turn_on
from storage.ledger import Row, read_ledger
from storage.models import Breach, Delivery
from storage.notice_queueing import withdraw_unsent
from storage.reasons import read_reason
from storage.types import Actor, Role


def close_breach(session: Session, breach: Breach, *, late_reason: str | None = None, by: Actor, now: datetime) -> None:
    """Close a breach; `late_reason` says why customers were told late, if any were.

    Raises what `refuse_unfinished` raises, WhyLateMissing, and ReasonTooShort.
    """
    take_turn_on(session, breach)
    late = refuse_unfinished(breach)
    if late and not (late_reason or "").strip():
        raise WhyLateMissing(breach.reference, _names(late))
    breach.late_reason = read_reason(breach.reference, late_reason or "") if late else None
    breach.closed_at, breach.closed_by = now, by.name
    record(session, breach, "breach-closed", by=by, now=now, late=[row.customer.reference for row in late])
    outbox.supersede_reminders(session, breach.reference, now=now)


def role_to_rule_out(breach: Breach) -> Role:
    """Who may say that it was no breach: of a mere doubt a handler.

    Once somebody was aware, or when a request went to a wrong customer, only the dpo.
    """
    astray = "/" in (breach.about or "")
    return Role.DPO if breach.aware_at is not None or astray else Role.HANDLER


def refuse_unfinished(breach: Breach) -> list[Row]:
    """What forbids to close it, whatever is said; else the rows of the customers that were told late.

    Raises BreachClosed, NobodyAffected, CustomersNotTold, DocumentsOwed, NothingDecided.
    """
    refuse_closed(breach)
    rows = read_ledger(breach)
    if not rows:
        raise NobodyAffected(breach.reference)
    if waiting := _names(row for row in rows if row.waits):
        raise CustomersNotTold(breach.reference, waiting)
    if owed := _names(row for row in rows if row.owed):
        raise DocumentsOwed(breach.reference, owed)
    if breach.aware_at is None and all(row.excluded for row in rows):
        raise NothingDecided(breach.reference)
    return [row for row in rows if is_late(row)]


def close_as_no_breach(session: Session, breach: Breach, reason: str, *, by: Actor, now: datetime) -> None:
    """It was no breach after all: closed with the reason, and kept; notices that have not left are withdrawn.

    Raises ReasonMissing, ReasonTooShort, BreachClosed.
    Whether this person may say so is for the caller to see (`role_to_rule_out`).
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    why = read_reason(breach.reference, reason)
    breach.closed_at, breach.closed_by, breach.no_breach_reason = now, by.name, why
    withdrawn = withdraw_unsent(session, Delivery.case == breach.reference, now=now)
    record(session, breach, "breach-closed", by=by, now=now, no_breach=True, withdrawn=withdrawn)
    outbox.supersede_reminders(session, breach.reference, now=now)


def _names(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(row.customer.name for row in rows)
