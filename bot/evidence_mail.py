"""*E-mail me the evidence*: asked for in Slack, made by the next tick, sent to the asker's own company address."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import answers, breach_cards, wanted
from bot.access import Speaker
from bot.desk import Desk
from bot.evidence import InMemory, pack_in_memory
from bot.gestures import button_key
from bot.letters import write_text_mail
from bot.marking import mark_words
from bot.pressing import actor_of, breach_pressed, pressed
from bot.wanted import LARGEST
from bot.words import word
from storage import breaches, journal, staff
from storage.clock import now as desk_now
from storage.evidence import CLAUSE
from storage.models import Delivery
from storage.outbox import Words
from storage.types import Role

TOPIC = "evidence_wanted"


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
    at = desk_now()
    with desk.decide() as session:
        colleague = staff.get_staff(session, speaker.user, now=at, at_least=Role.HANDLER)
        case = breaches.get_breach(session, reference).reference
        words = _write(desk, case, colleague.language, attached=True)
        if wanted.ask(session, TOPIC, case, colleague, words, gesture=gesture, now=at):
            journal.record(session, "evidence-wanted", by=actor_of(speaker), now=at, case=case, clause=CLAUSE)
    return word(speaker.language, "said.evidence_wanted", reference=case)


def make_wanted(desk: Desk, *, now: datetime) -> int:
    """One tick: make what was asked for; how many packs."""
    return wanted.make_each(desk, wanted.waiting(TOPIC), "evidence-not-made", lambda one: _make(desk, one, now=now))


def _make(desk: Desk, asked: Delivery, *, now: datetime) -> bool:
    """Make one pack, and let its e-mail go; False when another bot has."""
    by = wanted.asker_of(asked)
    made = pack_in_memory(desk, asked.case, language=asked.language, most=LARGEST, by=by, now=now)
    with desk.decide() as session:
        delivery = wanted.take(session, wanted.waiting(TOPIC), asked)
        if delivery is not None:
            _let_go(session, desk, delivery, made)
            if made is not None:
                made.note(session, by=by, now=now)
    return delivery is not None


def _let_go(session: Session, desk: Desk, delivery: Delivery, made: InMemory | None) -> None:
    if made is None:
        words = mark_words(_write(desk, delivery.case, delivery.language, attached=False), delivery.case)
        delivery.text = words.text
    files = [(f"{delivery.case}.zip", "application/zip", made.content)] if made else []
    wanted.let_go(session, delivery, files)


def _write(desk: Desk, reference: str, language: str, *, attached: bool) -> Words:
    values = {"reference": reference, "name": f"{reference}.zip", "company": desk.settings.company_name}
    return write_text_mail("evidence_mail", language, attached=attached, **values)
