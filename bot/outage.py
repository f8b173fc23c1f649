"""When Slack takes nothing: whatever staff had to see is put down for the letter that dpo and escalation addresses get.

This needs only the record, so requests go on being forwarded meanwhile. What neither the bot nor mail can send, nobody
is told: each watches the other (bot/watch.py, mail/watch.py), and a monitor outside must watch both.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.desk import Desk
from bot.instead import OF_BREACHES, OF_THE_CHANNEL, OF_THE_TOKEN, stand_in
from storage import ladder, outbox, requests
from storage.announcements import CHANNEL
from storage.breaches import is_breach, of_breaches
from storage.clock import real_now
from storage.models import Card, Delivery
from storage.types import BY_MAIL, Medium, Purpose

TRIES = 3
"""Failures in a row before it can be an outage."""
STALLED = timedelta(minutes=2)
"""From how long on nothing taken, while something is due, is an outage, whatever the reason."""
AT_ONCE = 200
URGENT = (
    "request_reminder",
    "task_reminder",
    "request_proposed",
    "request_referred",
    "request_own",
    "request_misrouted",
    "request_answered",
    "request_question_bounced",
    "request_closing_bounced",
    "forward_",
    "follow_up_",
    "deletion_",
    "reply_",
    "mail_stuck",
    "sending_",
)
"""How the topics begin that staff must see the same day; of a breach, they must see all of them."""


class Health:
    """Whether Slack takes posts, as the poster finds it; asked from other threads."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lock = Lock()
        self._tries, self._failing_since = 0, 0.0
        self._misconfigured = False
        self._took_at = time.monotonic()

    def took(self) -> bool:
        """A post was taken; True when that ends a time of failing."""
        with self._lock:
            was_failing = self._tries >= TRIES or self._misconfigured
            self._tries, self._misconfigured, self._took_at = 0, False, time.monotonic()
        return was_failing

    def failed(self, code: str, *, in_channel: bool) -> None:
        """A post was not taken; a colleague who cannot be written to is no outage."""
        if not in_channel and code in OF_THE_CHANNEL:
            return
        with self._lock:
            if not self._tries:
                self._failing_since = time.monotonic()
            self._tries += 1
            self._misconfigured = self._misconfigured or code in OF_THE_CHANNEL | OF_THE_TOKEN

    @property
    def out(self) -> bool:
        """Whether waiting will not help, or has not helped for long enough."""
        with self._lock:
            lasting = time.monotonic() - self._failing_since >= self._patience
            return self._misconfigured or (self._tries >= TRIES and lasting)

    @property
    def stalled(self) -> bool:
        """Whether nothing was taken for two minutes: an outage if something has been due for as long."""
        with self._lock:
            return time.monotonic() - self._took_at >= STALLED.total_seconds()


class StandIn:
    """Looks, in an outage, for what Slack ought to have shown by now; each such post is considered once."""

    def __init__(self, desk: Desk, health: Health) -> None:
        self._desk, self._health = desk, health
        self._considered: set[int] = set()

    def tick(self, *, now: datetime) -> int:
        """Put down what must go by e-mail; how many posts were considered."""
        if not (self._health.out or self._health.stalled):
            self._considered.clear()
            return 0
        until = now if self._health.out else now - STALLED
        with self._desk.database.reading() as session:
            new = [one for one in _find_unposted(session, until) if one not in self._considered][:AT_ONCE]
            wanted = _find_urgent(session, new)
        if wanted:
            self._put_down(wanted, now)
        self._considered.update(new)
        return len(new)

    def _put_down(self, wanted: Sequence[Delivery], now: datetime) -> None:
        """The poison guard: what cannot be written of must not keep staff from hearing of the others."""
        try:
            with self._desk.database.begin() as session:
                for delivery in wanted:
                    self._stand_in(session, delivery, now)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - the poison guard
            if len(wanted) == 1:
                structlog.get_logger().error("stand-in-failed", case=wanted[0].case, fault=error)
            for delivery in wanted if len(wanted) > 1 else ():
                self._put_down([delivery], now)

    def _stand_in(self, session: Session, delivery: Delivery, now: datetime) -> None:
        """A new breach and its rungs have letters of their own; the rest is put down for the one that gathers."""
        if delivery.topic in OF_BREACHES:
            stand_in(session, self._desk, session.get_one(Delivery, delivery.id))
        else:
            _queue_stand_in(session, delivery, now)


def hurry(session: Session) -> None:
    """Slack is back: try at once, in their order, what was put off for as much as ten minutes."""
    put_off = (Delivery.medium == Medium.SLACK, Delivery.due_at > real_now(), Delivery.recipient != BY_MAIL)
    hurried = update(Delivery).where(*put_off, Delivery.leased_by.is_(None)).values(due_at=real_now())
    session.execute(hurried.execution_options(synchronize_session=False))


def _find_unposted(session: Session, until: datetime) -> list[int]:
    """Posts for the channel that are not taken yet, and of breaches all of them, the oldest first."""
    unposted = select(Delivery.id).where(Delivery.medium == Medium.SLACK, Delivery.due_at.is_not(None))
    here = or_(Delivery.recipient == CHANNEL, and_(of_breaches(), Delivery.recipient != BY_MAIL))
    return list(session.scalars(unposted.where(here, Delivery.queued_at <= until).order_by(Delivery.id)))


def _find_urgent(session: Session, ids: list[int]) -> list[Delivery]:
    """Those of them that staff had to see: of the cards, the first one of a request that needs a person."""
    posts = list(session.scalars(select(Delivery).where(Delivery.id.in_(ids)).order_by(Delivery.id)))
    cards = {one.case for one in posts if one.purpose == Purpose.CARD and one.case.startswith("DSR-")}
    shown = set(session.scalars(select(Card.case).where(Card.case.in_(cards))))
    candidates = ladder.find_changed(session, sorted(cards - shown))
    held = {one.reference for one in candidates if requests.is_held(one)}
    return [one for one in posts if _is_urgent(one, held)]


def _is_urgent(post: Delivery, held: set[str]) -> bool:
    """A card tells of a request that needs a person; a breach's is told by its announcements."""
    if post.purpose == Purpose.CARD:
        return post.case in held
    return is_breach(post.case) or post.topic.startswith(URGENT)


def _queue_stand_in(session: Session, delivery: Delivery, now: datetime) -> None:
    key = _key(delivery)
    queued = outbox.queue(
        session,
        key,
        medium=Medium.SLACK,
        purpose=delivery.purpose if delivery.purpose == Purpose.REMINDER else Purpose.ALERT,
        topic=delivery.topic,
        recipient=BY_MAIL,
        language="",
        case=delivery.case,
        forward_id=delivery.forward_id,
        reminder_id=delivery.reminder_id,
        now=now,
    )
    if queued:
        session.execute(update(Delivery).where(Delivery.key == key).values(attempt_of_id=delivery.id))


def _key(delivery: Delivery) -> str:
    """A case that waits is put down once, and a rung that goes by e-mail anyway not twice."""
    if delivery.purpose == Purpose.CARD:
        return f"by-mail:held:{delivery.case}"
    return f"reminder:{delivery.reminder_id}:slack:{BY_MAIL}" if delivery.reminder_id else f"by-mail:{delivery.id}"
