"""What a colleague asks to have by e-mail, and Slack's three seconds are too short for: made by the next tick.

Asking only queues an e-mail that is not due yet; whoever ticks first makes the files, attaches them and lets it go. A
bot that dies on the way has changed nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bot import telling
from bot.desk import Desk
from bot.guarding import PoisonGuard
from storage.clock import real_now
from storage.models import Attachment, Delivery, Staff
from storage.outbox import Words
from storage.types import Actor, Medium, Purpose

LARGEST = 10_000_000
"""Octets that still go by e-mail."""

File = tuple[str, str, bytes]
"""Name, content type, content."""


def ask(
    session: Session, topic: str, case: str, colleague: Staff, words: Words, *, gesture: str, now: datetime
) -> bool:
    """Queue the e-mail, not due yet. False when this gesture has asked before."""
    key = f"{topic}:{case}:{colleague.slack_user}:{gesture}"
    new = telling.queue_mail(
        session,
        key,
        case=case,
        topic=topic,
        address=colleague.email,
        language=colleague.language,
        words=words,
        purpose=Purpose.EVIDENCE,
        now=now,
    )
    if new:
        session.scalars(select(Delivery).where(Delivery.key == key)).one().due_at = None
        session.flush()
    return new


def asker_of(wanted: Delivery) -> Actor:
    """Who asked for it."""
    return Actor(wanted.key.split(":")[2], "slack")


def waiting(topic: str) -> Select[Delivery]:
    """What was asked for and is not made: nothing is due, and nothing has ended it."""
    asked = select(Delivery).where(Delivery.medium == Medium.EMAIL, Delivery.topic == topic, Delivery.due_at.is_(None))
    ended = (Delivery.accepted_at, Delivery.refused_at, Delivery.superseded_at)
    return asked.where(*(one.is_(None) for one in ended)).order_by(Delivery.id)


def make_each(desk: Desk, asked: Select[Delivery], fault: str, make: Callable[[Delivery], bool]) -> int:
    """Make what waits; how many. One that cannot be made is logged as `fault` and tried again, and the others go on."""
    with desk.database.reading() as session:
        wanted = list(session.scalars(asked))
        session.expunge_all()
    made = 0
    for one in wanted:
        with PoisonGuard(fault, one.case):
            made += make(one)
    return made


def take(session: Session, asked: Select[Delivery], wanted: Delivery) -> Delivery | None:
    """It is ours until the transaction ends; None when another bot has made it."""
    return session.scalars(asked.where(Delivery.id == wanted.id).with_for_update()).first()


def let_go(session: Session, delivery: Delivery, files: Iterable[File]) -> None:
    """Attach the files; from now on it is due."""
    for ordinal, (name, kind, content) in enumerate(files):
        row = Attachment(delivery_id=delivery.id, ordinal=ordinal, name=name, content_type=kind, content=content)
        session.add(row)
    delivery.due_at = real_now()
