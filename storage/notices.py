"""Notices of a breach, in numbered versions (GDPR 33(4)): prepared by one person, approved by another, sent to each.

A draft holds no words: they are rendered when it is approved, outside the transaction, from a snapshot that the
transaction reads again. Whoever approves has seen exactly what goes out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import journal, staff
from storage.breach_errors import (
    LeadOnly,
    MentionsNotSeen,
    NobodyToNotify,
    NoticeApproved,
    NoticeChanged,
    NoticeNeedsSecond,
    NoticeNotPrepared,
    TooEarlyAlone,
)
from storage.breach_facts import last_fact
from storage.breaches import record, refuse_closed, take_turn_on
from storage.models import Breach, Notice, Staff
from storage.notice_queueing import queue_notices
from storage.notice_reading import find_draft, list_notices, newest_approved, read_for_added, read_next
from storage.notice_types import Checked, Edition
from storage.reasons import read_reason
from storage.types import SHELL, Actor

ALONE_AFTER = timedelta(minutes=60)
"""How long a second person is waited for."""
ALONE_BEFORE = timedelta(hours=3)
"""How long before the deadline nobody is waited for any more."""


@dataclass(frozen=True)
class Approval:
    """What was approved: the version, and to how many customers it goes."""

    notice: Notice
    customers: int


def prepare_notice(session: Session, breach: Breach, *, final: bool, by: Actor, now: datetime) -> Notice:
    """Draft the next version from all that is known now; a draft about which nothing changed stays as it is.

    But one of an account that nobody of the staff has passes to the colleague who prepares it again: as it was, nobody
    could be known to be a second person. Raises BreachClosed.
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    draft, last = find_draft(session, breach), last_fact(session, breach)
    if draft and (draft.last_fact_id, draft.final) == (last, final) and not _passes_to(session, draft, by, now=now):
        return draft
    if draft is None:
        draft = Notice(breach_id=breach.id, version=len(list_notices(session, breach)) + 1, prepared_at=now)
        session.add(draft)
    draft.prepared_at, draft.prepared_by, draft.last_fact_id, draft.final = now, by.name, last, final
    session.flush()
    record(session, breach, "notice-prepared", by=by, now=now, version=draft.version, final=final)
    return draft


def _passes_to(session: Session, draft: Notice, by: Actor, *, now: datetime) -> bool:
    return staff.is_known(session, by.name, now=now) and not staff.is_known(session, draft.prepared_by, now=now)


def ask_approval(session: Session, breach: Breach, *, by: Actor, now: datetime) -> Notice:
    """Colleagues are asked to approve the draft; the caller tells them. Raises NoticeNotPrepared, BreachClosed."""
    take_turn_on(session, breach)
    refuse_closed(breach)
    draft = find_draft(session, breach)
    if draft is None:
        raise NoticeNotPrepared(breach.reference)
    record(session, breach, "notice-approval-asked", by=by, now=now, version=draft.version)
    return draft


def approve_notice(
    session: Session, breach: Breach, checked: Checked, *, own_address: str | None, seen: bool, by: Actor, now: datetime
) -> Approval:
    """A second person approves it: one mail to each customer is queued. `seen`: that it names another customer.

    Raises NoticeApproved, NoticeChanged, NoticeNeedsSecond, MentionsNotSeen, NobodyToNotify, BreachClosed.
    """
    notice = _take_draft(session, breach, checked.edition, own_address, now=now)
    if not staff.are_two(session, notice.prepared_by, by, now=now):
        raise NoticeNeedsSecond(breach.reference, alone_at(breach, notice))
    return _approve(session, breach, notice, checked, seen=seen, by=by, now=now)


def approve_alone(
    session: Session,
    breach: Breach,
    checked: Checked,
    reason: str,
    *,
    own_address: str | None,
    seen: bool,
    by: Actor,
    now: datetime,
) -> Approval:
    """The lead approves it without a second person, with a reason, once nobody came for ALONE_AFTER or time is short.

    At a shell it may be any colleague who may decide, for the day when Slack is down. Raises as
    `approve_notice`, and LeadOnly, TooEarlyAlone, ReasonMissing, ReasonTooShort.
    """
    notice = _take_draft(session, breach, checked.edition, own_address, now=now)
    if by.origin != SHELL and by.name != breach.lead:
        raise LeadOnly(breach.reference)
    if now < alone_at(breach, notice):
        raise TooEarlyAlone(breach.reference, alone_at(breach, notice))
    notice.alone_reason = read_reason(breach.reference, reason)
    return _approve(session, breach, notice, checked, seen=seen, by=by, now=now)


def send_to_added(
    session: Session, breach: Breach, checked: Checked, *, own_address: str | None, seen: bool, by: Actor, now: datetime
) -> Approval:
    """Send the newest version to the customers added since it went out, as a person has confirmed.

    Raises NoticeNotPrepared when none went out, NoticeChanged, MentionsNotSeen, NobodyToNotify, BreachClosed.
    """
    take_turn_on(session, breach)
    refuse_closed(breach)
    notice, edition = newest_approved(session, breach), checked.edition
    if notice is None:
        raise NoticeNotPrepared(breach.reference)
    if read_for_added(session, breach, notice, own_address=own_address, now=edition.at) != edition:
        raise NoticeChanged(breach.reference)
    _refuse_unseen(checked, seen=seen)
    return _send(session, breach, notice, checked, "notice-sent-to-added", by=by, now=now)


def record_preview(
    session: Session, breach: Breach, edition: Edition, customer: str, *, by: Actor, now: datetime
) -> None:
    """Somebody had the notice of one customer sent to their own company address."""
    detail: dict[str, journal.Detail] = {"customer": customer, "version": edition.version}
    journal.record(session, "notice-preview-sent", by=by, now=now, case=breach.reference, clause="2", **detail)


def alone_at(breach: Breach, notice: Notice) -> datetime:
    """From when on the lead may send it alone; a drill's shorter hours count as hours."""
    waited = notice.prepared_at + ALONE_AFTER / breach.pace
    return min(waited, breach.deadline_at - ALONE_BEFORE / breach.pace)


def refuse_approved(session: Session, breach: Breach, notice: Notice | None, *, now: datetime) -> None:
    """Whoever comes second reads who came first. Raises NoticeApproved."""
    if notice is not None and notice.approved_at is not None:
        who = notice.approved_by or ""
        name = session.scalars(select(Staff.name).where(Staff.slack_user == who)).first()
        actor = staff.read_roster(session, now=now).user_of(who) or who
        raise NoticeApproved(breach.reference, name or who, notice.approved_at, actor)


def _take_draft(
    session: Session, breach: Breach, edition: Edition, own_address: str | None, *, now: datetime
) -> Notice:
    """The draft of this edition, if nothing has changed since it was read; others wait until the transaction ends."""
    take_turn_on(session, breach)
    refuse_closed(breach)
    notice = next((one for one in list_notices(session, breach) if one.id == edition.notice_id), None)
    if notice is None:
        raise NoticeNotPrepared(breach.reference)
    refuse_approved(session, breach, notice, now=now)
    now_known = read_next(session, breach, own_address=own_address, now=edition.at)
    if now_known != edition or notice.last_fact_id != edition.last_fact_id:
        raise NoticeChanged(breach.reference)
    return notice


def _approve(
    session: Session, breach: Breach, notice: Notice, checked: Checked, *, seen: bool, by: Actor, now: datetime
) -> Approval:
    _refuse_unseen(checked, seen=seen)
    notice.approved_at, notice.approved_by = now, by.name
    return _send(session, breach, notice, checked, "notice-approved", by=by, now=now)


def _refuse_unseen(checked: Checked, *, seen: bool) -> None:
    if checked.mentions and not seen:
        raise MentionsNotSeen(checked.edition.reference, tuple(dict.fromkeys(one.of for one in checked.mentions)))


def _send(
    session: Session, breach: Breach, notice: Notice, checked: Checked, action: str, *, by: Actor, now: datetime
) -> Approval:
    if not checked.rendered:
        raise NobodyToNotify(breach.reference)
    session.flush()
    queue_notices(session, notice, checked)
    detail: dict[str, journal.Detail] = {
        "version": notice.version,
        "final": notice.final,
        "alone": notice.alone_reason is not None,
        "customers": [one.addressee.customer for one in checked.rendered],
        "unaddressed": list(checked.edition.unaddressed),
        "mentions_seen": [f"{one.of}: {one.names}" for one in checked.mentions],
        "sha256": _hash(checked),
        "minutes_since_aware": (now - breach.aware_at) // timedelta(minutes=1) if breach.aware_at else None,
    }
    record(session, breach, action, by=by, now=now, **detail)
    return Approval(notice, len(checked.rendered))


def _hash(checked: Checked) -> str:
    """SHA-256, hex, over everything that was queued, so that the journal proves what was approved."""
    whole = sha256()
    for one in checked.rendered:
        for text in (one.addressee.customer, one.addressee.address, *one.texts()):
            whole.update(sha256(text.encode()).digest())
    return whole.hexdigest()
