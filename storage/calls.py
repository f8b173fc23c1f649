"""Telling a customer by other means than our mail (agreement clause 6: "in particular e-mail or telephone").

Only who was reached was told: a voicemail and an unanswered call are kept as attempts. After a call the documents are
still owed, until a notice was accepted or somebody says why none need be sent.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.breach_errors import BreachClosed, DocumentsNotOwed, NotAffected, ProofMissing
from storage.breach_rungs import DEADLINE
from storage.breach_types import Answered
from storage.breaches import is_ringing, record, refuse_future, take_turn_on
from storage.errors import ToldBeforeNoticed
from storage.ledger import read_row
from storage.models import Affected, Breach, Call, Customer
from storage.reasons import read_reason
from storage.second_clocks import found_at
from storage.types import SPOKEN, Actor, Means

NEEDS_PROOF = frozenset(Means) - SPOKEN
"""Nobody was spoken to: that it reached the customer must be shown, by the number of the letter for example. Of our own
mail the outbox knows; an e-mail from elsewhere is only what somebody says."""


def record_told(  # noqa: PLR0913 - a call is all of this; keyword-only
    session: Session,
    breach: Breach,
    customer: Customer,
    *,
    means: Means,
    at: datetime,
    by: Actor,
    now: datetime,
    answered: Answered = Answered.REACHED,
    role: str | None = None,
    call_reference: str | None = None,
    person: str | None = None,
    proof: str | None = None,
) -> Affected:
    """Record that a customer was told, or that somebody tried; telling twice keeps both records.

    `role` is that of who was reached, `call_reference` the telephone system's, `person` a name, which never goes to
    Slack, `proof` what shows that something in writing arrived. When the last customer is told, reminders end.
    Raises NotAffected, BreachClosed, InstantInFuture, ToldBeforeNoticed, ProofMissing.
    """
    affected = take_affected(session, breach, customer)
    if affected.excluded_at is not None:
        raise NotAffected(breach.reference, customer.name)
    refuse_settled(affected, now)
    _refuse_instant(breach, at, now)
    reached = answered is Answered.REACHED
    if reached and means in NEEDS_PROOF and not (proof or "").strip():
        raise ProofMissing(breach.reference, customer.name)
    call = Call(affected=affected, means=means, reached=reached, by=by.name, at=at, recorded_at=now, answered=answered)
    call.role, call.call_reference, call.person, call.proof = map(_bare, (role, call_reference, person, proof))
    session.add(call)
    told: dict[str, journal.Detail] = {"customer": customer.reference, "means": means, "told_at": at.isoformat()}
    tried: dict[str, journal.Detail] = {} if reached else {"answered": answered.value}
    record(session, breach, "customer-told" if reached else "customer-called", by=by, now=now, **told, **tried)
    if reached and not is_ringing(breach):
        outbox.supersede_reminders(session, breach.reference, about=DEADLINE, now=now)
    return affected


def waive_documents(
    session: Session, breach: Breach, customer: Customer, reason: str, *, by: Actor, now: datetime
) -> Affected:
    """Say why a customer that was only spoken to need be sent nothing in writing: it asked for nothing, for example.

    Raises NotAffected, ReasonMissing, ReasonTooShort, DocumentsNotOwed.
    """
    affected = take_affected(session, breach, customer)
    why = read_reason(breach.reference, reason)
    if not read_row(affected).owed:
        raise DocumentsNotOwed(breach.reference, customer.name)
    affected.waived_reason, affected.waived_at, affected.waived_by = why, now, by.name
    record(session, breach, "documents-waived", by=by, now=now, customer=customer.reference)
    return affected


def take_affected(session: Session, breach: Breach, customer: Customer) -> Affected:
    """Take the breach's turn; its row of this customer. Raises NotAffected."""
    take_turn_on(session, breach)
    found = next((one for one in breach.affected if one.customer_id == customer.id), None)
    if found is None:
        raise NotAffected(breach.reference, customer.name)
    return found


def refuse_settled(affected: Affected, now: datetime) -> None:
    """A closed breach is over, but for a customer whose notice did not arrive after all. Raises BreachClosed."""
    breach, row = affected.breach, read_row(affected)
    reopened = breach.no_breach_reason is None and (row.waits or row.must_be_called(now))
    if breach.closed_at is not None and not reopened:
        raise BreachClosed(breach.reference)


def _refuse_instant(breach: Breach, at: datetime, now: datetime) -> None:
    """Minutes are what people name. Raises InstantInFuture, ToldBeforeNoticed."""
    refuse_future(at, now)
    noticed_at = found_at(breach) or breach.opened_at
    if at < noticed_at.replace(second=0, microsecond=0):
        raise ToldBeforeNoticed(breach.reference, noticed_at)


def _bare(text: str | None) -> str | None:
    return (text or "").strip() or None
