"""The documents of a breach in Slack: for whom each is; and what is sent to the one who asks, by e-mail."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import answers, breach_cards, document_forms, fields, forms
from bot.access import Speaker
from bot.desk import Desk
from bot.document_forms import ADDRESS, FOR_ONE, MAILED, WITHDRAW, Marking
from bot.document_words import address_for, show_documents, write_documents
from bot.gestures import Body, button_key, is_first, submission_key
from bot.pressing import actor_of, breach_to_change, open_modal, pressed, pressed_by_handler, require_handler
from bot.words import word
from storage import breach_mails, breaches, customers, documents, staff
from storage.breach_errors import CustomerNotChosen, OwnAddressUnknown
from storage.clock import now
from storage.models import Breach
from storage.naming import normal_name
from storage.types import Role


@dataclass(frozen=True)
class DocumentListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.DOCUMENTS))(self.ask_which)
        app.action(pressed(breach_cards.READ_REPLY))(self.read_newest)
        app.options("document_customer")(self.suggest)
        app.view(document_forms.DOCUMENTS)(self.ask_for_whom)
        app.view(document_forms.MARK)(self.mark)

    def ask_which(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = pressed_by_handler(self.desk, body, speaker, breach_cards.DOCUMENTS).reference
        with self.desk.database.reading() as session:
            lines = show_documents(session, breaches.get_breach(session, reference))
        open_modal(client, body, document_forms.documents_form(reference, lines, speaker.language))
        ack()

    def ask_for_whom(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """The one that was chosen, with what it names; or the mail that was asked for."""
        speaker: Speaker = context["speaker"]
        reference, chosen = body["view"]["private_metadata"], fields.read_option(body["view"], "document")
        if chosen in (ADDRESS, MAILED):
            self._mail(speaker, reference, body, with_documents=chosen == MAILED)
            text = word(speaker.language, "said.documents_on_their_way", reference=reference)
            ack(response_action="update", view=forms.sentence_view(text, speaker.language))
            return
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
            view = _mark_form(session, breaches.get_breach(session, reference), int(chosen), speaker.language)
        ack(response_action="update", view=view)

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        """Of the breach's affected customers those that were meant."""
        reference = str((body.get("view") or {}).get("private_metadata") or "").partition("|")[0]
        typed = normal_name(str(body.get("value") or ""))
        with self.desk.database.reading() as session:
            affected = breaches.get_breach(session, reference).affected
            named = [(one.customer.reference, one.customer.name) for one in affected if one.excluded_at is None]
        ack(options=forms.offer(pair for pair in named if typed in normal_name(" ".join(pair))))

    def mark(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        marking = document_forms.read_marking(body["view"])
        if marking.fate == FOR_ONE and marking.customer is None:
            raise CustomerNotChosen(marking.reference)
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                self._mark(session, speaker, marking)
        ack()

    def read_newest(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """The newest reply, or what else came to be read, goes to the colleague's own address."""
        speaker: Speaker = context["speaker"]
        reference = pressed_by_handler(self.desk, body, speaker, breach_cards.READ_REPLY).reference
        with self.desk.decide() as session:
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            breach, by = breaches.get_breach(session, reference), actor_of(speaker)
            breach_mails.send_newest(session, breach, colleague, gesture=button_key(body), by=by, now=now())
        text = word(speaker.language, "said.newest_on_its_way", reference=reference)
        answers.whisper(body, client, text, speaker.language)
        ack()

    def _mark(self, session: Session, speaker: Speaker, marking: Marking) -> None:
        breach, by = breach_to_change(session, speaker, marking.reference), actor_of(speaker)
        if marking.fate == WITHDRAW:
            documents.withdraw_document(session, breach, marking.number, by=by, now=now())
            return
        one = marking.customer if marking.fate == FOR_ONE else None
        customer = customers.get_customer(session, one) if one else None
        documents.mark_document(session, breach, marking.number, customer, by=by, now=now())

    def _mail(self, speaker: Speaker, reference: str, body: Body, *, with_documents: bool) -> None:
        with self.desk.decide() as session:
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            breach, by = breaches.get_breach(session, reference), actor_of(speaker)
            address = address_for(session, breach, self.desk.settings.mail_address, now=now())
            if address is None and not with_documents:
                raise OwnAddressUnknown
            write = partial(write_documents, breach, colleague.language, address=address, listed=with_documents)
            send = partial(breach_mails.send_documents, session, breach, colleague, write, by=by, now=now())
            send(gesture=submission_key(body), with_documents=with_documents)


def _mark_form(session: Session, breach: Breach, number: int, language: str) -> fields.View:
    document = documents.get_document(session, breach, number)
    named = documents.others_named(session, breach, document, given=None)
    names = [f"{one.name} ({one.reference})" for one in named]
    line = show_documents(session, breach)[number - 1]
    return document_forms.mark_form(breach.reference, line, names, language)
