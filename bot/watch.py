"""The bot watches the mail half: when its heartbeat stays away, the channel is told, and once when it is back.

The reverse is mail/watch.py. When neither runs, nobody is told from here: a monitor outside must watch both.
"""

import time
from datetime import datetime, timedelta

from jinja2 import TemplateNotFound
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk import Desk
from storage import heartbeats, outbox, pauses, stuck
from storage.announcements import CHANNEL, DESK_CASE
from storage.models import Delivery
from storage.types import Medium, Purpose
from templates import render

SILENCE = timedelta(minutes=2)
"""From how long on the mail half counts as silent; it beats every five seconds."""
SILENT, MISSING, BACK, STUCK = "mail_silent", "mail_missing", "mail_back", "mail_stuck"


class MailWatch:
    """Looks at the heartbeat of mail, in real time; what was said stands in the outbox, so it is said once.

    A mail half that never ran is missed as soon as e-mails wait for it: those about a new breach do at once.
    """

    def __init__(self, desk: Desk, silence: timedelta = SILENCE) -> None:
        self._desk, self._silence = desk, silence
        self._from = time.monotonic() + silence.total_seconds()

    def tick(self, *, now: datetime) -> str | None:
        """What was announced, if anything. A bot that has only just started gives mail time to start, too."""
        with self._desk.database.reading() as session:
            beat = heartbeats.last_beats(session).get("mail")
            said = _last_said(session)
            waits = beat is None and outbox.anything_waits(session, Medium.EMAIL)
        known = said is not None and said.topic in (SILENT, MISSING)
        if beat is not None and now - beat < self._silence:
            return self._announce(BACK, said.key.partition(":")[2], now) if said and known else None
        if known or time.monotonic() < self._from or (beat is None and not waits):
            return None
        return self._announce(SILENT, beat.isoformat(), now) if beat else self._announce(MISSING, "first", now)

    def _announce(self, topic: str, about: str, now: datetime) -> str | None:
        with self._desk.decide() as session:
            return topic if _queue(session, topic, about, now) else None


def _queue(session: Session, topic: str, about: str, now: datetime) -> bool:
    """Say something of the desk itself in the channel; once for what it is about."""
    return outbox.queue(
        session,
        f"{topic}:{about}",
        medium=Medium.SLACK,
        purpose=Purpose.ALERT,
        topic=topic,
        recipient=CHANNEL,
        language="",
        case=DESK_CASE,
        now=now,
    )


def raise_stuck(desk: Desk, *, now: datetime) -> int:
    """One tick: tell the channel of mails that could not be taken in, each once; how many were new."""
    with desk.database.reading() as session:
        if not stuck.find_untold(session):
            return 0
    with desk.decide() as session:
        untold = stuck.find_untold(session)
        for one in untold:
            one.raised_at = now
        if untold:
            first = untold[0]
            _queue(session, STUCK, f"{first.account}/{first.folder}/{first.uidvalidity}/{first.uid}", now)
    return len(untold)


def say_of_desk(session: Session, delivery: Delivery, language: str) -> str:
    """Words about the desk itself: templates/desk_<topic>; `since` is the instant in the delivery's key, if any."""
    pause = pauses.is_paused(session)
    values = {"since": _instant(delivery), "stuck": stuck.count_stuck(session), "reason": pause.reason if pause else ""}
    try:
        return render(f"desk_{delivery.topic}", language, "slack", **values)
    except TemplateNotFound:
        return render("desk_other", language, "slack", topic=delivery.topic)


def _last_said(session: Session) -> Delivery | None:
    about_mail = select(Delivery).where(Delivery.case == DESK_CASE, Delivery.topic.in_([SILENT, MISSING, BACK]))
    return session.scalars(about_mail.order_by(Delivery.id.desc()).limit(1)).first()


def _instant(delivery: Delivery) -> datetime:
    try:
        return datetime.fromisoformat(delivery.key.partition(":")[2])
    except ValueError:
        return delivery.queued_at
