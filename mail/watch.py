"""Mail watches the bot: when its heartbeat stays away, dpo and escalation addresses learn by e-mail what now waits.

What the bot cannot tell Slack while it runs, it has sent by e-mail itself (bot/outage.py). When neither process runs,
nobody is told from here: a monitor outside must watch both, and `python -m mail status` says how they are.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mail.alerting import queue_alert, readers_of, write_alert
from mail.settings import MailSettings
from storage import breach_lists, heartbeats, requests
from storage.announcements import DESK_CASE
from storage.clock import real_now
from storage.database import Database
from storage.models import Breach, Delivery
from storage.types import Medium

SILENCE = timedelta(minutes=5)
"""From how long on the bot counts as silent; it beats every five seconds."""
SHOWN = 20
"""Cases named at most; the rest are counted."""
TOPIC = "bot_silent"


@dataclass(frozen=True)
class Waiting:
    """What nobody is reminded of while the bot is silent: the `ringing` breaches, the nearest of them by name."""

    since: datetime
    breaches: tuple[Breach, ...]
    ringing: int
    held: int
    held_references: tuple[str, ...]
    posts: int


def watch_bot(database: Database, settings: MailSettings, now: datetime, *, started_at: datetime | None = None) -> int:
    """Tell of a silent bot, once for each silence; how many e-mails were queued. `now` is the desk's clock.

    `started_at` (real time) is when this process started: a bot that starts beside it is given as long.
    """
    with database.reading() as session:
        beat = heartbeats.last_beats(session).get("bot") if readers_of(settings) else None
        if beat is None or real_now() - max(beat, started_at or beat) < SILENCE or _is_told(session, beat):
            return 0
        waiting = _find_waiting(session, beat)
    words = write_alert(TOPIC, settings, waiting=waiting, shown=SHOWN)
    with database.begin() as session:
        return queue_alert(session, _key(beat), TOPIC, words, settings, now=now)


def _is_told(session: Session, beat: datetime) -> bool:
    told = select(Delivery.id).where(Delivery.case == DESK_CASE, Delivery.key.startswith(_key(beat)))
    return session.scalars(told.limit(1)).first() is not None


def _key(beat: datetime) -> str:
    return f"bot-silent:{beat:%Y-%m-%dT%H:%M:%SZ}"


def _find_waiting(session: Session, beat: datetime) -> Waiting:
    held, _ = requests.count_waiting(session)
    named = requests.find_waiting(session, limit=SHOWN)
    posts = select(func.count()).select_from(Delivery)
    unsent = session.scalar(posts.where(Delivery.medium == Medium.SLACK, Delivery.due_at.is_not(None)))
    ringing = tuple(breach_lists.find_ringing(session, limit=SHOWN))
    count = breach_lists.count_ringing(session)
    return Waiting(beat, ringing, count, held, tuple(one.reference for one in named), unsent or 0)
