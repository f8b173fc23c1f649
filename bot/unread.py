"""The clock of those who do not answer: once they come onto the call sheet, the thread and the lead hear of it."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from bot import telling
from bot.call_sheet import queue_call_sheet, write_mail_sheet
from bot.desk import Desk
from bot.guarding import PoisonGuard
from storage import breach_lead, breaches, unread
from storage.breach_errors import NobodyToCall
from storage.call_sheet import CallSheet, make_call_sheet
from storage.clock import now as desk_now
from storage.models import Breach, Reminder, Staff
from storage.outbox import Words
from storage.types import CLOCK

TOPIC = "breach_call_sheet"


def tick(desk: Desk) -> None:
    """What the ticker calls, on the desk's own clock."""
    ring_unread(desk, now=desk_now())


def ring_unread(desk: Desk, *, now: datetime) -> list[str]:
    """Ring for everybody who newly came onto the sheet; the references that rang."""
    with desk.database.reading() as session:
        due = unread.find_unread_due(session, now=now)
    return [reference for reference in due if _ring_or_pass(desk, reference, now=now)]


def _ring_or_pass(desk: Desk, reference: str, *, now: datetime) -> bool:
    """Ring one, unless everybody has answered meanwhile."""
    with PoisonGuard("ring-failed", reference), suppress(NobodyToCall):
        return _ring(desk, reference, now=now)
    return False


def _ring(desk: Desk, reference: str, *, now: datetime) -> bool:
    """One message for all who came, and the sheet itself by e-mail; False when another process rang."""
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        sheet = make_call_sheet(session, breach, now=now)
        languages = {one.language for one in _readers(session, breach, now=now)}
    company = desk.settings.company_name
    words = {language: write_mail_sheet(sheet, language, company=company) for language in languages}
    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        reminder = unread.ring_unread(session, breach, now=now)
        if reminder is not None:
            _queue(session, breach, reminder, sheet, words, now=now)
    return reminder is not None


def _queue(
    session: Session, breach: Breach, reminder: Reminder, sheet: CallSheet, words: dict[str, Words], *, now: datetime
) -> None:
    telling.tell_thread(session, breach.reference, TOPIC, now=now)
    for colleague in _readers(session, breach, now=now):
        telling.tell_colleague(session, breach.reference, TOPIC, colleague, now=now)
        if colleague.language in words:
            gesture = f"reminder:{reminder.id}"
            queue_call_sheet(session, sheet, words[colleague.language], colleague, gesture=gesture, by=CLOCK, now=now)


def _readers(session: Session, breach: Breach, *, now: datetime) -> list[Staff]:
    """The lead; every dpo while nobody has claimed the breach, or the lead has left."""
    people = breach_lead.find_people(session, breach, now=now)
    return [one for one in people if one.slack_user == breach.lead] or people
