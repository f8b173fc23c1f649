"""Mails that could not be taken in: dpo and escalation addresses learn it by e-mail, each mail once.

The bot tells the channel (bot/watch.py); a person must look into the mailbox, whatever becomes of Slack.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from mail.alerting import queue_alert, readers_of, write_alert
from mail.settings import MailSettings
from storage import marks, stuck
from storage.database import Database
from storage.models import Stuck

SHOWN = 20
"""Mails named at most; the rest are counted."""
TOPIC = "mail_stuck"


def tell_of_stuck(database: Database, settings: MailSettings, now: datetime) -> int:
    """One letter about all mails that were not told of yet; how many e-mails were queued."""
    with database.reading() as session:
        if not readers_of(settings) or not _find_untold(session):
            return 0
    with database.begin() as session:
        untold = _find_untold(session)
        for one in untold:
            marks.put(session, _key(one), str(one.attempts), now=now)
        if not untold:
            return 0
        words = write_alert(TOPIC, settings, mails=untold[:SHOWN], count=len(untold))
        return queue_alert(session, _key(untold[0]), TOPIC, words, settings, now=now)


def _find_untold(session: Session) -> list[Stuck]:
    persistent = stuck.find_persistent(session)
    told = {mark.name for mark in marks.find_all(session, "stuck:")} if persistent else set()
    return [one for one in persistent if _key(one) not in told]


def _key(one: Stuck) -> str:
    return f"stuck:{one.account}/{one.folder}/{one.uidvalidity}/{one.uid}"
