"""What becomes of notices (agreement clause 6): taken, refused, returned, delayed, or too large for the server.

A customer whose newest notice is lost must be told otherwise, and that rings at once; also after the breach was closed,
which opens it again where the customer is not told any more: its clock goes on.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from storage import announcements, journal, outbox
from storage.attached import copy_attachments
from storage.attempts import repeat
from storage.breach_rungs import DEADLINE
from storage.breaches import CLAUSE, is_ringing, record, take_turn_on, whole_breaches
from storage.correspondence import attach
from storage.ledger import read_row
from storage.models import Affected, Attachment, Breach, Delivery, Message, Notice
from storage.notice_ringing import ring
from storage.reported import TOO_LARGE, note_bounce, note_delay
from storage.sealing import seal_notice
from storage.sent import Sent
from storage.types import Actor, Correspondence, Purpose

WITHOUT_DOCUMENTS = "without-documents-"
"""What stands in the key of an attempt that leaves them out."""


def record_notified(session: Session, sent: Sequence[Sent], *, by: Actor, now: datetime) -> None:
    """Customers' servers took notices: into the journal with what proves it, and the card shows it.

    A breach of which everybody is told now rings no more. Other deliveries are passed over.
    """
    notices = sorted((one for one in sent if one.purpose is Purpose.NOTICE), key=lambda one: (one.case, one.id))
    for case, some in groupby(notices, key=lambda one: one.case):
        *_, last = note_taken(session, list(some), by=by, now=now)
        announcements.show_card(session, last)
        silence(session, case, now=now)


def note_taken(session: Session, sent: Sequence[Sent], *, by: Actor, now: datetime) -> list[journal.Recorded]:
    """The lines of the journal alone."""
    lines = [_taken_line(session, one, "notice-accepted") for one in sent if one.purpose is Purpose.NOTICE]
    return journal.record_all(session, lines, by=by, now=now)


def record_better_proof(session: Session, sent: Sequence[Sent], *, by: Actor, now: datetime) -> None:
    """The server's own answer, after the receipt copy of a notice had shown that it was taken: it counts from here."""
    lines = [_taken_line(session, one, "notice-answered") for one in sent if one.purpose is Purpose.NOTICE]
    journal.record_all(session, lines, by=by, now=now)


def record_bounce(
    session: Session,
    delivery: Delivery,
    *,
    status: str | None,
    reason: str,
    message: Message | None,
    by: Actor,
    now: datetime,
) -> None:
    """A notice came back. See reported.note_bounce."""
    affected = _take(session, delivery)
    _keep_report(session, delivery, message, now=now)
    if not note_bounce(session, delivery, status=status, reason=reason, by=by, now=now):
        return
    entry = _record(session, delivery, affected, "notice-bounced", by=by, now=now, status=status, report=message)
    if status in TOO_LARGE and queue_without_documents(session, delivery, by=by, now=now):
        return
    _follow_loss(session, entry, affected, delivery, "breach_notice_bounced", by=by, now=now)


def record_delay(
    session: Session,
    delivery: Delivery,
    *,
    status: str | None,
    reason: str,  # noqa: ARG001 - as in record_bounce; a delay's own words prove nothing
    message: Message | None,
    by: Actor,
    now: datetime,
) -> None:
    """The customer's server is still being tried: it is not told meanwhile. Shown, and said once."""
    affected = _take(session, delivery)
    _keep_report(session, delivery, message, now=now)
    if not note_delay(delivery, now=now):
        return
    entry = _record(session, delivery, affected, "notice-delayed", by=by, now=now, status=status, report=message)
    announcements.announce(session, entry, "breach_notice_delayed", affected_id=affected.id)
    _reopen(session, affected, by=by, now=now)


def record_refused(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """The server will never take it, which the delivery says already."""
    affected = _take(session, delivery)
    entry = _record(session, delivery, affected, "notice-refused", by=by, now=now)
    _follow_loss(session, entry, affected, delivery, "breach_notice_refused", by=by, now=now)


def send_without_documents(
    session: Session, delivery: Delivery, *, reply: str, by: Actor, now: datetime
) -> Delivery | None:
    """The server finds a notice too large (552): the refusal is recorded, and it goes again without the documents.

    None when it has none: then it is refused like any other.
    """
    affected = _take(session, delivery)
    if not _has_documents(session, delivery):
        return None
    outbox.record_refused(delivery, reply=reply, now=now)
    _record(session, delivery, affected, "notice-refused", by=by, now=now)
    return queue_without_documents(session, delivery, by=by, now=now)


def queue_without_documents(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> Delivery | None:
    """The same notice with nothing but our own document; staff are told that the others are owed. None without any."""
    if not _has_documents(session, delivery):
        return None
    affected = session.get_one(Affected, delivery.affected_id)
    attempt = _queue_attempt(session, delivery, now=now)
    session.refresh(affected, ["deliveries"])
    entry = _record(session, attempt, affected, "notice-without-documents", by=by, now=now)
    announcements.announce(session, entry, "breach_notice_too_large", affected_id=affected.id)
    return attempt


def leaves_out_documents(session: Session, delivery: Delivery) -> bool:
    """Whether it repeats a notice without the documents that were too large for the customer's server."""
    attempt: Delivery | None = delivery
    while attempt is not None and not _has_documents(session, attempt):
        if WITHOUT_DOCUMENTS in attempt.key:
            return True
        attempt = session.get(Delivery, attempt.attempt_of_id) if attempt.attempt_of_id else None
    return False


def _queue_attempt(session: Session, before: Delivery, *, now: datetime) -> Delivery:
    """One only, however often it is asked for."""
    key = f"notice:{before.notice_id}:{before.affected_id}:again:{WITHOUT_DOCUMENTS}{before.id}"
    attempt, new = repeat(session, before, key, recipient=before.recipient, original_id=None, now=now)
    if new:
        copy_attachments(session, before, attempt, Attachment.document_id.is_(None))
    return attempt


def _has_documents(session: Session, delivery: Delivery) -> bool:
    documents = exists().where(Attachment.delivery_id == delivery.id, Attachment.document_id.is_not(None))
    return bool(session.scalar(select(documents)))


def _take(session: Session, delivery: Delivery) -> Affected:
    """The customer's row as it is now; nobody else decides about its breach meanwhile."""
    affected = session.get_one(Affected, delivery.affected_id)
    take_turn_on(session, affected.breach)
    session.refresh(affected, ["deliveries", "calls", "mails"])
    return affected


def _keep_report(session: Session, delivery: Delivery, message: Message | None, *, now: datetime) -> None:
    if message is not None:
        attach(
            session,
            message,
            Correspondence.REPORT,
            breach_id=session.get_one(Affected, delivery.affected_id).breach_id,
            affected_id=delivery.affected_id,
            delivery_id=delivery.id,
            now=now,
        )


def _follow_loss(
    session: Session,
    entry: journal.Recorded,
    affected: Affected,
    delivery: Delivery,
    topic: str,
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Ring, unless the customer has a newer notice, was reached otherwise since, or is not affected."""
    session.flush()
    row = read_row(affected)
    is_newest = row.attempt is not None and row.attempt.id == delivery.id
    if row.waits or (row.failed and is_newest):
        ring(session, entry, affected, topic, now=now)
    _reopen(session, affected, by=by, now=now)


def _reopen(session: Session, affected: Affected, *, by: Actor, now: datetime) -> None:
    """A closed breach with a customer that is not told any more is open again, and its clock rings."""
    session.flush()
    breach = affected.breach
    if breach.closed_at is None or breach.no_breach_reason is not None or not read_row(affected).waits:
        return
    breach.closed_at = breach.closed_by = None
    entry = record(session, breach, "breach-reopened", by=by, now=now, customer=affected.customer.reference)
    announcements.announce(session, entry, "breach_reopened", affected_id=affected.id)


def silence(session: Session, case: str, *, now: datetime) -> None:
    """Reminders that were not sent yet are withdrawn where nobody waits any more."""
    unsent = (Delivery.case == case, Delivery.purpose == Purpose.REMINDER, Delivery.due_at.is_not(None))
    if not session.scalar(select(exists().where(*unsent))):
        return
    whole = whole_breaches().where(Breach.reference == case).execution_options(populate_existing=True)
    breach = session.scalars(whole).one()
    take_turn_on(session, breach)
    if not is_ringing(breach):
        outbox.supersede_reminders(session, case, about=DEADLINE, now=now)


def _taken_line(session: Session, sent: Sent, action: str) -> journal.Line:
    delivery = session.get_one(Delivery, sent.id)
    affected = session.get_one(Affected, delivery.affected_id)
    proof: dict[str, journal.Detail] = {"customer": affected.customer.reference, "version": _version(session, delivery)}
    proof |= {"sha256": sent.sha256, "message_id": sent.message_id, **seal_notice(session, sent.id)}
    return journal.Line(action, sent.case, CLAUSE, proof)


def _version(session: Session, delivery: Delivery) -> int | None:
    return session.scalar(select(Notice.version).where(Notice.id == delivery.notice_id))


def _record(
    session: Session,
    delivery: Delivery,
    affected: Affected,
    action: str,
    *,
    by: Actor,
    now: datetime,
    status: str | None = None,
    report: Message | None = None,
) -> journal.Recorded:
    proof: dict[str, journal.Detail] = {"customer": affected.customer.reference, "version": _version(session, delivery)}
    if report is not None:
        proof |= {"status": status, "sha256": delivery.sha256, "report_sha256": report.sha256}
    proof |= seal_notice(session, delivery.id)
    return record(session, affected.breach, action, by=by, now=now, **proof)
