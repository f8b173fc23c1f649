"""The buttons of a forward that failed: send it again, record that the customer was told; and read the newest mail."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import answers, cards, fields, forms
from bot.access import Speaker
from bot.desk import Desk
from bot.gestures import button_key, is_first, submission_key
from bot.pressing import actor_of, find_pressed, open_modal, pressed, request_pressed, request_to_change
from bot.words import word
from storage import customers, failures, requests, staff
from storage.clock import now
from storage.correspondence import newest_letter
from storage.staff_mails import send_original
from storage.types import Means, Role


@dataclass(frozen=True)
class FailureListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(cards.SEND_AGAIN))(self.send_again)
        app.action(pressed(cards.REACHED))(self.ask_how_reached)
        app.action(pressed(cards.READ_NEWEST))(self.read_newest)
        app.view(forms.SEND_AGAIN)(self.send_again_to)
        app.view(forms.REACHED)(self.record_reached)

    def send_again(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """To the one customer that did not get it; of several, the person chooses."""
        speaker: Speaker = context["speaker"]
        card = request_pressed(self.desk, body, speaker, cards.SEND_AGAIN)
        if len(card.failed) > 1:
            open_modal(client, body, forms.send_again_form(card, speaker.language))
        else:
            self._send_again(speaker, card.reference, card.failed[0].customer_reference, gesture=button_key(body))
        ack()

    def send_again_to(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        view = body["view"]
        chosen = fields.read_option(view, "failed_customer")
        self._send_again(context["speaker"], view["private_metadata"], chosen, gesture=submission_key(body))
        ack()

    def ask_how_reached(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = request_pressed(self.desk, body, speaker, cards.REACHED)
        open_modal(client, body, forms.reached_form(card, speaker.language, now=now()))
        ack()

    def record_reached(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        view = body["view"]
        means, at = Means(fields.read_option(view, "means")), fields.read_at(view, "told_at")
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                request = request_to_change(session, speaker, view["private_metadata"])
                customer = customers.get_customer(session, fields.read_option(view, "failed_customer"))
                by = actor_of(speaker)
                failures.record_reached(session, request, customer, means=means, at=at, by=by, now=now())
        ack()

    def read_newest(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """The newest reply or follow-up goes to the colleague's own address, like an original."""
        speaker: Speaker = context["speaker"]
        reference = find_pressed(self.desk, body, cards.READ_NEWEST).reference
        with self.desk.decide() as session:
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            request = requests.get_request(session, reference)
            newest = newest_letter(session, request.id)
            letter = newest.message_id if newest else request.message_id
            gesture, by = button_key(body), actor_of(speaker)
            send_original(session, colleague, request.reference, letter, gesture=gesture, by=by, now=now())
        text = word(speaker.language, "said.newest_on_its_way", reference=reference)
        answers.whisper(body, client, text, speaker.language)
        ack()

    def _send_again(self, speaker: Speaker, reference: str, chosen: str, *, gesture: str) -> None:
        with self.desk.decide() as session:
            if is_first(session, gesture, now=now()):
                request = request_to_change(session, speaker, reference)
                customer = customers.get_customer(session, chosen)
                failures.send_again(session, request, customer, by=actor_of(speaker), now=now())
