"""Mails that could not be taken in: dpo and escalation addresses learn it by e-mail, each mail once.

The bot tells the channel (bot/watch.py); a person must look into the mailbox, whatever becomes of Slack.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from mail.settings import MailSettings
from mail.watch import readers_of
from storage import marks, outbox, stuck
from storage.announcements import DESK_CASE
from storage.database import Database
from storage.models import Stuck
from storage.outbox import Words
from storage.types import Medium, Purpose
from templates import render

SHOWN = 20
"""Mails named at most; the rest are counted."""
TOPIC = "mail_stuck"


def tell_of_stuck(database: Database, settings: MailSettings, now: datetime) -> int:
    """One letter about all mails that were not told of yet; how many e-mails were queued."""
    readers = readers_of(settings)
    with database.reading() as session:
        if not readers or not _find_untold(session):
            return 0
    with database.begin() as session:
        untold = _find_untold(session)
        for one in untold:
            marks.put(session, _key(one), str(one.attempts), now=now)
        words = _write(untold, settings) if untold else None
        return sum(_queue(session, _key(untold[0]), address, words, settings, now) for address in readers if words)


def _find_untold(session: Session) -> list[Stuck]:
    persistent = stuck.find_persistent(session)
    told = {mark.name for mark in marks.find_all(session, "stuck:")} if persistent else set()
    return [one for one in persistent if _key(one) not in told]


def _key(one: Stuck) -> str:
    return f"stuck:{one.account}/{one.folder}/{one.uidvalidity}/{one.uid}"


def _write(untold: Sequence[Stuck], settings: MailSettings) -> Words:
    language = settings.staff_language
    values = {"mails": untold[:SHOWN], "count": len(untold), "company": settings.company_name}
    return Words(render(f"{TOPIC}_subject", language, **values), render(TOPIC, language, **values))


def _queue(session: Session, key: str, address: str, words: Words, settings: MailSettings, now: datetime) -> bool:
    return outbox.queue(
        session,
        f"{key}:{address}",
        medium=Medium.EMAIL,
        purpose=Purpose.ALERT,
        topic=TOPIC,
        recipient=address,
        language=settings.staff_language,
        case=DESK_CASE,
        words=words,
        now=now,
    )
