"""The buttons and verbs about calls: who was told, no documents needed, the notice once more, the call sheet."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import answers, breach_cards, call_forms, forms, telling
from bot.access import Speaker
from bot.affected_select import read_affected
from bot.breach_cards import BreachCard
from bot.call_sheet import queue_call_sheet, write_mail_sheet
from bot.desk import Desk
from bot.fields import View, read_text
from bot.gestures import Body, button_key, is_first, submission_key
from bot.personal import refuse_personal_data
from bot.pressing import (
    actor_of,
    breach_pressed,
    breach_to_change,
    open_modal,
    pressed,
    pressed_by_handler,
    require_handler,
)
from bot.refusals import sentence_of
from bot.showing import show_breach
from bot.words import word
from storage import breaches, calls, customers, notice_again, staff
from storage.breach_errors import ProofMissing
from storage.breach_types import Answered
from storage.call_sheet import make_call_sheet
from storage.clock import now
from storage.errors import PersonalDataInText
from storage.models import Breach, Customer
from storage.types import Role

CALL, WAIVE, AGAIN, SHEET, SHEET_OF_ALL = "call", "waive", "again", "sheet", "sheet all"
VERBS = (CALL, WAIVE, AGAIN, SHEET, SHEET_OF_ALL)
"""What may follow a breach's reference."""


@dataclass(frozen=True)
class CallListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.TOLD))(self.open_pressed)
        app.action(pressed(breach_cards.WAIVE))(self.open_pressed)
        app.action(pressed(breach_cards.AGAIN))(self.open_pressed)
        app.action(pressed(breach_cards.CALL_SHEET))(self.mail_sheet)
        app.view(forms.RECORD_TOLD)(self.record_contact)
        app.view(breach_cards.WAIVE)(self.waive)
        app.view(breach_cards.AGAIN)(self.send_again)

    def answer_verb(self, body: Body, client: WebClient, reference: str, verb: str, speaker: Speaker) -> str | None:
        """`/breach REF call|waive|again`: the form; `sheet`: what is said. Raises what the record refuses."""
        if verb in (SHEET, SHEET_OF_ALL):
            gesture = f"command:{body['trigger_id']}"
            return self._mail_sheet(speaker, reference, gesture=gesture, everyone=verb == SHEET_OF_ALL)
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
            card = show_breach(session, breaches.get_breach(session, reference))
        open_modal(client, body, _form(verb, card, speaker.language))
        return None

    def open_pressed(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        action = str(body["actions"][0]["action_id"]).partition(":")[0]
        card = breach_pressed(self.desk, body, speaker, action)
        verb = {breach_cards.TOLD: CALL, breach_cards.WAIVE: WAIVE, breach_cards.AGAIN: AGAIN}[action]
        open_modal(client, body, _form(verb, card, speaker.language))
        ack()

    def mail_sheet(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = pressed_by_handler(self.desk, body, speaker, breach_cards.CALL_SHEET)
        said = self._mail_sheet(speaker, card.reference, gesture=button_key(body))
        answers.whisper(body, client, said, speaker.language)
        ack()

    def record_contact(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """What is missing or too much is said beside its field; else the call stands in the record."""
        speaker: Speaker = context["speaker"]
        contact = call_forms.read_contact(body["view"])
        looks = call_forms.find_personal(contact)
        if looks:
            errors = {name: sentence_of(PersonalDataInText(look), speaker.language) for name, look in looks.items()}
            ack(response_action="errors", errors=errors)
            return
        try:
            self._record_contact(speaker, contact, body)
        except ProofMissing as missing:
            ack(response_action="errors", errors={"proof": sentence_of(missing, speaker.language)})
        else:
            ack()

    def waive(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reason = read_text(body["view"], "waive_reason")
        refuse_personal_data(reason)
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach, customer = self._chosen(session, speaker, body["view"])
                by = actor_of(speaker)
                affected = calls.waive_documents(session, breach, customer, reason, by=by, now=now())
                telling.tell_thread(session, breach.reference, "breach_waived", affected_id=affected.id, now=now())
        ack()

    def send_again(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach, customer = self._chosen(session, speaker, body["view"])
                by = actor_of(speaker)
                recorded, own = call_forms.wants_recorded(body["view"]), self.desk.settings.mail_address
                sent = notice_again.send_notice_again(
                    session, breach, customer, to_recorded=recorded, own_address=own, by=by, now=now()
                )
                telling.tell_thread(
                    session, breach.reference, "breach_sent_again", affected_id=sent.affected_id, now=now()
                )
        ack()

    def _record_contact(self, speaker: Speaker, contact: call_forms.Contact, body: Body) -> None:
        with self.desk.decide() as session:
            if not is_first(session, submission_key(body), now=now()):
                return
            breach, customer = self._chosen(session, speaker, body["view"])
            affected = calls.record_told(
                session,
                breach,
                customer,
                means=contact.means,
                at=contact.at,
                answered=contact.answered,
                role=contact.role,
                call_reference=contact.call_reference,
                proof=contact.proof,
                by=actor_of(speaker),
                now=now(),
            )
            topic = "breach_told" if contact.answered is Answered.REACHED else "breach_called"
            telling.tell_thread(session, breach.reference, topic, affected_id=affected.id, now=now())

    def _chosen(self, session: Session, speaker: Speaker, view: Body) -> tuple[Breach, Customer]:
        """The breach and the customer, if this person may decide: a modal can outlive a role."""
        breach = breach_to_change(session, speaker, view["private_metadata"])
        return breach, customers.get_customer(session, read_affected(view))

    def _mail_sheet(self, speaker: Speaker, reference: str, *, gesture: str, everyone: bool = False) -> str:
        """To the colleague's own address; what to say of it."""
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
            sheet = make_call_sheet(session, breaches.get_breach(session, reference), everyone=everyone, now=now())
        words = write_mail_sheet(sheet, speaker.language, company=self.desk.settings.company_name)
        with self.desk.decide() as session:
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            queue_call_sheet(session, sheet, words, colleague, gesture=gesture, by=actor_of(speaker), now=now())
        count = sheet.to_call
        return word(speaker.language, "said.call_sheet_on_its_way", reference=sheet.breach, count=count)


def _form(verb: str, card: BreachCard, language: str) -> View:
    if verb == CALL:
        return call_forms.call_form(card, language, now=now())
    return (call_forms.waive_form if verb == WAIVE else call_forms.again_form)(card, language)
