"""*E-mail me the evidence*: asked for in Slack, made by the next tick, sent to the asker's own company address.

Slack waits three seconds; a pack may take longer. So asking only queues an e-mail that is not due yet; whoever ticks
first makes the pack, attaches it and lets the e-mail go. A bot that dies on the way has changed nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bot import answers, breach_cards, telling
from bot.access import Speaker
from bot.desk import Desk
from bot.evidence import InMemory, pack_in_memory
from bot.gestures import button_key
from bot.guarding import PoisonGuard
from bot.letters import write_text_mail
from bot.marking import mark_words
from bot.pressing import actor_of, breach_pressed, pressed
from bot.words import word
from storage import breaches, journal, staff
from storage.clock import now as desk_now
from storage.clock import real_now
from storage.evidence import CLAUSE
from storage.models import Attachment, Delivery
from storage.outbox import Words
from storage.types import Actor, Medium, Purpose, Role

TOPIC = "evidence_wanted"
LARGEST = 10_000_000
"""Octets that still go by e-mail."""


@dataclass(frozen=True)
class EvidenceListeners:
    """The button of a closed breach's card."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.EVIDENCE))(self.want)

    def want(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = breach_pressed(self.desk, body, speaker, breach_cards.EVIDENCE).reference
        said = want_evidence(self.desk, speaker, reference, button_key(body))
        answers.whisper(body, client, said, speaker.language)
        ack()


def want_evidence(desk: Desk, speaker: Speaker, reference: str, gesture: str) -> str:
    """A colleague asks for a breach's pack; what is answered. Raises UnknownCase, UnknownStaff, RoleTooSmall."""
    at, user = desk_now(), speaker.user
    with desk.decide() as session:
        colleague = staff.get_staff(session, speaker.user, now=at, at_least=Role.HANDLER)
        breach = breaches.get_breach(session, reference)
        key = f"{TOPIC}:{breach.reference}:{user}:{gesture}"
        new = telling.queue_mail(
            session,
            key,
            case=breach.reference,
            topic=TOPIC,
            address=colleague.email,
            language=colleague.language,
            words=_write(desk, breach.reference, colleague.language, attached=True),
            purpose=Purpose.EVIDENCE,
            now=at,
        )
        if new:
            hold_back(session, key)
            journal.record(
                session, "evidence-wanted", by=actor_of(speaker), now=at, case=breach.reference, clause=CLAUSE
            )
    return word(speaker.language, "said.evidence_wanted", reference=breach.reference)


def make_wanted(desk: Desk, *, now: datetime) -> int:
    """One tick: make what was asked for; how many packs."""
    with desk.database.reading() as session:
        wanted = list(session.scalars(waiting()))
        session.expunge_all()
    return sum(_make_if_possible(desk, one, now=now) for one in wanted)


def _make_if_possible(desk: Desk, wanted: Delivery, *, now: datetime) -> bool:
    """Make one pack; one that cannot be made is tried again at the next tick, and the others go on."""
    with PoisonGuard("evidence-not-made", wanted.case):
        return _make(desk, wanted, now=now)
    return False


def hold_back(session: Session, key: str) -> None:
    """It is not due until its pack is made."""
    session.scalars(select(Delivery).where(Delivery.key == key)).one().due_at = None
    session.flush()


def waiting(topic: str = TOPIC) -> Select[Delivery]:
    """What was asked for and is not made: nothing is due, and nothing has ended it."""
    asked = select(Delivery).where(Delivery.medium == Medium.EMAIL, Delivery.topic == topic, Delivery.due_at.is_(None))
    ended = (Delivery.accepted_at, Delivery.refused_at, Delivery.superseded_at)
    return asked.where(*(one.is_(None) for one in ended)).order_by(Delivery.id)


def _make(desk: Desk, wanted: Delivery, *, now: datetime) -> bool:
    """Make one pack, and let its e-mail go; False when another bot has."""
    by = Actor(wanted.key.split(":")[2], "slack")
    made = pack_in_memory(desk, wanted.case, language=wanted.language, most=LARGEST, by=by, now=now)
    with desk.decide() as session:
        delivery = session.scalars(waiting().where(Delivery.id == wanted.id).with_for_update()).first()
        if delivery is not None:
            _let_go(session, desk, delivery, made)
            if made is not None:
                made.note(session, by=by, now=now)
    return delivery is not None


def _let_go(session: Session, desk: Desk, delivery: Delivery, made: InMemory | None) -> None:
    if made is not None:
        name, kind = f"{delivery.case}.zip", "application/zip"
        row = Attachment(delivery_id=delivery.id, ordinal=0, name=name, content_type=kind, content=made.content)
        session.add(row)
    else:
        words = mark_words(_write(desk, delivery.case, delivery.language, attached=False), delivery.case)
        delivery.text = words.text
    delivery.due_at = real_now()


def _write(desk: Desk, reference: str, language: str, *, attached: bool) -> Words:
    values = {"reference": reference, "name": f"{reference}.zip", "company": desk.settings.company_name}
    return write_text_mail("evidence_mail", language, attached=attached, **values)
