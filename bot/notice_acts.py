"""What is done with a notice, from Slack or from a shell: looked at, previewed, prepared, approved, sent.

A version is rendered and looked through from a snapshot, outside the transaction; the transaction that approves it
reads the record again and refuses what has changed meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot import telling
from bot.desk import Desk
from bot.notice_cards import ADDED, ALONE, NoticeSheet, SendingSheet, WarningLine
from bot.notice_words import SAID, render_all, say_dpo
from bot.settings import DeskSettings
from bot.who import Names
from storage import breaches, notice_reading, notices, staff
from storage.breach_errors import NoDrillAddress, NoticeChanged, NoticeNotPrepared
from storage.clock import now as desk_now
from storage.models import Breach, Notice
from storage.notice_checks import check_all, suspect_mentions
from storage.notice_types import Checked, Edition, Mention
from storage.notice_warnings import WANTED, find_warnings
from storage.notices import Approval
from storage.types import SHELL, Actor, Role

TRIES = 3
"""How often a version is rendered anew when a customer's row moves on while it is rendered."""
TOPICS = {ADDED: "breach_notice_sent_to_added"}


@dataclass(frozen=True)
class Wish:
    """What somebody wants to send; `notice_id` and `seen` are those of what they were shown, if anything was."""

    reference: str
    step: str
    notice_id: int | None = None
    seen: str = ""
    reason: str = ""
    mentions_seen: bool = False


def look(desk: Desk, reference: str, *, by: Actor, now: datetime) -> NoticeSheet:
    """The next version as it stands now. Raises UnknownCase."""
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        draft = notice_reading.find_draft(session, breach)
        edition = _read_next(session, breach, desk.settings, now)
        mentions = suspect_mentions(edition)
        added = _read_added(session, breach, desk.settings, now)
        return NoticeSheet(
            reference=breach.reference,
            drill=edition.drill,
            version=edition.version,
            final=edition.final,
            notice_id=edition.notice_id,
            prepared_at=draft.prepared_at if draft else None,
            prepared_by=Names(session).show(draft.prepared_by) if draft else None,
            fresh=draft is not None and draft.last_fact_id == edition.last_fact_id,
            customers=tuple((one.customer, one.name) for one in edition.addressees),
            known=_known(edition),
            missing=tuple(name for name in WANTED if name not in _known(edition)),
            warnings=_warnings(session, breach, edition, mentions, desk.settings, now),
            added=len(added.addressees) if added else 0,
            lead=by.origin == SHELL or by.name == breach.lead,
            second=draft is not None and staff.are_two(session, draft.prepared_by, by, now=now),
            alone_at=notices.alone_at(breach, draft) if draft else None,
        )


def look_at_sending(desk: Desk, reference: str, step: str, *, now: datetime) -> SendingSheet:
    """What would be sent by this step. Raises NoticeNotPrepared, NoticeChanged, NoDrillAddress."""
    checked = _prepare_sending(desk, Wish(reference, step), now=now)
    edition = checked.edition
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        warnings = _warnings(session, breach, edition, checked.mentions, desk.settings, now)
    return SendingSheet(
        reference=edition.reference,
        drill=edition.drill,
        step=step,
        version=edition.version,
        final=edition.final,
        customers=len(edition.addressees),
        warnings=warnings,
        mentions=bool(checked.mentions),
        notice_id=edition.notice_id or 0,
        seen=edition.seen,
    )


def prepare_and_ask(session: Session, breach: Breach, *, final: bool, by: Actor, now: datetime) -> Notice:
    """Prepare the next version from all that is known, and ask colleagues to approve it, in the thread and directly."""
    notices.prepare_notice(session, breach, final=final, by=by, now=now)
    draft = notices.ask_approval(session, breach, by=by, now=now)
    telling.tell_thread(session, breach.reference, "breach_notice_asked", now=now)
    for colleague in staff.active_staff(session, now=now):
        if colleague.role is not Role.VIEWER and colleague.slack_user != by.name:
            telling.tell_colleague(session, breach.reference, "breach_notice_asked", colleague, now=now)
    return draft


def send(desk: Desk, wish: Wish, *, by: Actor, admit: Callable[[Session], bool] = lambda _: True) -> Approval | None:
    """Approve and send; None when `admit`, asked in the transaction, says that this was done already.

    Raises what storage/notices.py refuses.
    """
    for _ in range(TRIES - 1):
        try:
            return _send_once(desk, wish, by=by, admit=admit)
        except NoticeChanged:
            continue  # what somebody was shown is compared again, before anything is rendered
    return _send_once(desk, wish, by=by, admit=admit)


def _send_once(desk: Desk, wish: Wish, *, by: Actor, admit: Callable[[Session], bool]) -> Approval | None:
    checked = _prepare_sending(desk, wish, now=desk_now())
    with desk.decide() as session:
        if not admit(session):
            return None
        breach = breaches.get_breach(session, wish.reference, to_change=True)
        approval = _move(session, breach, checked, wish, desk.settings.mail_address, by)
        topic = TOPICS.get(wish.step, "breach_notice_approved")
        telling.tell_thread(session, breach.reference, topic, now=checked.edition.at)
        return approval


def _move(
    session: Session, breach: Breach, checked: Checked, wish: Wish, own_address: str | None, by: Actor
) -> Approval:
    """The move of the record that a step stands for, at the instant that the notices name themselves."""
    seen, at = wish.mentions_seen, checked.edition.at
    if wish.step == ALONE:
        return notices.approve_alone(
            session, breach, checked, wish.reason, own_address=own_address, seen=seen, by=by, now=at
        )
    move = notices.send_to_added if wish.step == ADDED else notices.approve_notice
    return move(session, breach, checked, own_address=own_address, seen=seen, by=by, now=at)


def _prepare_sending(desk: Desk, wish: Wish, *, now: datetime) -> Checked:
    """Read, compare with what was shown, render and look through. Raises NoticeChanged, NoticeApproved and others."""
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, wish.reference)
        breaches.refuse_closed(breach)
        if wish.step == ADDED:
            edition = _read_added(session, breach, desk.settings, now)
        else:
            shown = session.get(Notice, wish.notice_id) if wish.notice_id else None
            notices.refuse_approved(session, breach, shown, now=now)
            edition = _read_draft(session, breach, desk.settings, now)
    if edition is None:
        raise NoticeNotPrepared(wish.reference)
    if wish.seen and wish.seen != edition.seen:
        raise NoticeChanged(edition.reference)
    if edition.drill and desk.settings.drill_address is None:
        raise NoDrillAddress(edition.reference)
    return _check(edition, desk.settings)


def _read_next(session: Session, breach: Breach, settings: DeskSettings, now: datetime) -> Edition:
    return notice_reading.read_next(session, breach, own_address=settings.mail_address, now=now)


def _read_draft(session: Session, breach: Breach, settings: DeskSettings, now: datetime) -> Edition | None:
    """The draft, None without one. Raises NoticeChanged when more is known than it was prepared from."""
    draft = notice_reading.find_draft(session, breach)
    if draft is None:
        return None
    edition = _read_next(session, breach, settings, now)
    if draft.last_fact_id != edition.last_fact_id:
        raise NoticeChanged(breach.reference)
    return edition


def _read_added(session: Session, breach: Breach, settings: DeskSettings, now: datetime) -> Edition | None:
    """The newest version that went out, for the customers that do not have it; None while none did."""
    notice = notice_reading.newest_approved(session, breach)
    if notice is None:
        return None
    return notice_reading.read_for_added(session, breach, notice, own_address=settings.mail_address, now=now)


def _check(edition: Edition, settings: DeskSettings) -> Checked:
    return check_all(edition, render_all(edition, settings))


def _known(edition: Edition) -> tuple[str, ...]:
    """The facts that are known for every customer."""
    unknown = {name for one in edition.addressees for name in one.facts.unknown}
    return tuple(name for name in SAID if name not in unknown) if edition.addressees else ()


def _warnings(
    session: Session,
    breach: Breach,
    edition: Edition,
    mentions: Sequence[Mention],
    settings: DeskSettings,
    now: datetime,
) -> tuple[WarningLine, ...]:
    found = find_warnings(
        session,
        breach,
        edition,
        mentions,
        telephone=settings.duty_telephone,
        dpo=say_dpo(settings),
        now=now,
    )
    return tuple(WarningLine(one.kind.value, one.customers, one.facts, one.count) for one in found)
