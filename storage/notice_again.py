"""A notice that did not arrive goes out again: to the same address, to the one on record, or as the customer instructs.

Its words were approved by a second person when they first went out: nobody approves them anew.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.attached import copy_attachments
from storage.attempts import repeat, withdraw_idle
from storage.breach_errors import NothingSent, NoticeNotFailed
from storage.breaches import record
from storage.calls import refuse_settled, take_affected
from storage.errors import InstructionMissing
from storage.instructed import read_address, record_instruction
from storage.ledger import notices_of, read_row
from storage.models import Affected, Breach, Customer, Delivery, Notice
from storage.notice_reading import find_addresses
from storage.types import Actor, Purpose


def send_notice_again(
    session: Session,
    breach: Breach,
    customer: Customer,
    *,
    to_recorded: bool = False,
    own_address: str | None = None,
    by: Actor,
    now: datetime,
) -> Delivery:
    """Send the newest notice once more to the address that it was refused by or came back from.

    With `to_recorded` to the one that stands on record by now: the customer's instruction about this breach, else the
    directory's. Raises NotAffected, BreachClosed, NothingSent, NoticeNotFailed, MalformedAddress and
    CustomerAddressIsOurs.
    """
    affected = take_affected(session, breach, customer)
    before = _newest(affected)
    if not _is_lost(before):
        raise NoticeNotFailed(breach.reference, customer.name)
    _refuse_over(affected, now)
    recorded = find_addresses(session, breach)[affected.id] if to_recorded else None
    recipient = before.recipient if recorded is None else read_address(customer, recorded, own_address)
    attempt = _queue_attempt(session, affected, before, recipient, now=now)
    _record(session, affected, attempt, "notice-sent-again", by=by, now=now)
    return attempt


def redirect_notice(
    session: Session,
    breach: Breach,
    customer: Customer,
    address: str,
    *,
    instruction: str,
    own_address: str | None,
    by: Actor,
    now: datetime,
) -> Delivery:
    """Send the newest notice to another address, only as the customer's recorded instruction (clauses 2 and 9).

    An attempt that is still waiting is withdrawn. Raises NotAffected, BreachClosed, InstructionMissing, NothingSent,
    MalformedAddress, CustomerAddressIsOurs, NoticeNotFailed when the notice is at that address, or on its way there.
    """
    affected = take_affected(session, breach, customer)
    address = read_address(customer, address, own_address)
    if not instruction.strip():
        raise InstructionMissing(breach.reference, customer.name)
    before = _newest(affected)
    if before.recipient.lower() == address.lower() and not _is_lost(before):
        raise NoticeNotFailed(breach.reference, customer.name)
    _refuse_over(affected, now)
    # the deliveries before the journal, as who sends them takes them: else each might wait for the other
    withdraw_idle(session, Delivery.affected_id == affected.id, Delivery.purpose == Purpose.NOTICE, now=now)
    record_instruction(session, customer, breach.reference, address, instruction.strip(), by=by, now=now)
    attempt = _queue_attempt(session, affected, before, address, now=now)
    _record(session, affected, attempt, "notice-redirected", by=by, now=now)
    return attempt


def _newest(affected: Affected) -> Delivery:
    notices = notices_of(affected)
    if not notices:
        raise NothingSent(affected.breach.reference, affected.customer.name)
    return notices[-1]


def _refuse_over(affected: Affected, now: datetime) -> None:
    """After closing what is owed to a customer that was telephoned still goes out. Raises BreachClosed."""
    if affected.breach.no_breach_reason is not None or not read_row(affected).owed:
        refuse_settled(affected, now)


def _is_lost(delivery: Delivery) -> bool:
    return delivery.refused_at is not None or delivery.bounced_at is not None


def _queue_attempt(
    session: Session, affected: Affected, before: Delivery, recipient: str, *, now: datetime
) -> Delivery:
    """The same words and attachments again."""
    tried = select(func.count()).where(
        Delivery.affected_id == affected.id,
        Delivery.notice_id == before.notice_id,
        Delivery.attempt_of_id.is_not(None),
    )
    key = f"notice:{before.notice_id}:{affected.id}:again:{(session.scalar(tried) or 0) + 1}"
    attempt, _ = repeat(session, before, key, recipient=recipient, original_id=before.original_id, now=now)
    copy_attachments(session, before, attempt)
    session.refresh(affected, ["deliveries"])
    return attempt


def _record(session: Session, affected: Affected, attempt: Delivery, action: str, *, by: Actor, now: datetime) -> None:
    notice = session.get(Notice, attempt.notice_id) if attempt.notice_id else None
    version, customer = notice.version if notice else None, affected.customer.reference
    record(session, affected.breach, action, by=by, now=now, customer=customer, version=version)
