"""Who leads a breach, from Slack: *I lead*, and *hand over* to a colleague, who is told directly."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import answers, breach_cards, fields, record_forms, telling
from bot.access import Speaker
from bot.desk import Desk
from bot.gestures import button_key, is_first, submission_key
from bot.pressing import actor_of, breach_pressed, breach_to_change, open_modal, pressed
from bot.words import word
from storage import breach_lead, staff
from storage.clock import now
from storage.models import Breach, Staff
from storage.types import Actor, Role


@dataclass(frozen=True)
class LeadListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.LEAD))(self.lead)
        app.action(pressed(breach_cards.GIVE_LEAD))(self.ask_to_whom)
        app.view(record_forms.GIVE_LEAD)(self.give)

    def lead(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = breach_pressed(self.desk, body, speaker, breach_cards.LEAD).reference
        self._lead(body, speaker, reference)
        answers.whisper(body, client, word(speaker.language, "said.lead", reference=reference), speaker.language)
        ack()

    def _lead(self, body: dict[str, Any], speaker: Speaker, reference: str) -> None:
        with self.desk.decide() as session:
            if is_first(session, button_key(body), now=now()):
                breach = breach_to_change(session, speaker, reference)
                if breach_lead.claim_lead(session, breach, by=actor_of(speaker), now=now()):
                    telling.tell_thread(session, reference, "breach_lead", now=now())

    def ask_to_whom(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = breach_pressed(self.desk, body, speaker, breach_cards.GIVE_LEAD).reference
        with self.desk.database.reading() as session:
            able = [one for one in staff.active_staff(session, now=now()) if one.role is not Role.VIEWER]
        open_modal(client, body, record_forms.give_lead_form(reference, able, speaker.language))
        ack()

    def give(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        chosen = fields.read_option(body["view"], "colleague")
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach = breach_to_change(session, speaker, body["view"]["private_metadata"])
                colleague = staff.get_colleague(session, chosen, now=now(), at_least=Role.HANDLER)
                give_lead(session, breach, colleague, by=actor_of(speaker), now=now())
        ack()


def give_lead(session: Session, breach: Breach, colleague: Staff, *, by: Actor, now: datetime) -> None:
    """Hand a breach over; the thread and the colleague are told, unless it is theirs already."""
    if breach_lead.hand_over_lead(session, breach, colleague, by=by, now=now):
        telling.tell_thread(session, breach.reference, "breach_lead", now=now)
        if colleague.slack_user != by.name:
            telling.tell_colleague(session, breach.reference, "breach_lead", colleague, now=now)
