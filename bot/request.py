"""`/dsr` and the buttons of a request's card: read it, choose its customer, set it aside, take it back."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import answers, cards, forms, telling
from bot.access import Speaker
from bot.blocks import say_card
from bot.desk import CHOSEN_BY_STAFF, Desk
from bot.gestures import button_key, is_first, submission_key
from bot.listing import say_list
from bot.pressing import (
    REFERENCE,
    actor_of,
    find_pressed,
    nearest,
    open_modal,
    pressed,
    request_pressed,
    request_to_change,
    suggest_customers,
)
from bot.words import word
from storage import customers, replies, requests, staff
from storage.clock import now
from storage.models import Customer, Request
from storage.types import Role
from templates import render

VERBS = ("list", "help")


@dataclass(frozen=True)
class RequestListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.command("/dsr")(self.answer_command)
        app.action(pressed(cards.READ))(self.read)
        app.action(pressed(cards.CHOOSE))(self.choose)
        app.action(pressed(cards.SET_ASIDE))(self.ask_why)
        app.action(pressed(cards.TAKE_BACK))(self.take_back)
        app.options("customer")(self.suggest)
        app.view(forms.CHOOSE)(self.confirm)
        app.view(forms.CONFIRM)(self.forward)
        app.view(forms.SET_ASIDE)(self.set_aside)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        typed = str(body.get("text") or "").strip()
        if REFERENCE.fullmatch(typed):
            said = self._show(typed, speaker)
            ack(text=said.text, blocks=list(said.blocks))
        elif typed in {"", "list"}:
            ack(text=self._list(speaker))
        else:
            ack(text=render("request_help", speaker.language, "slack", nearest=nearest(typed, VERBS)))

    def read(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = find_pressed(self.desk, body, cards.READ).reference
        with self.desk.decide() as session:
            request = requests.get_request(session, reference)
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            gesture, by = button_key(body), actor_of(speaker)
            requests.send_original(session, request, colleague, gesture=gesture, by=by, now=now())
        text = word(speaker.language, "said.on_its_way", reference=reference)
        answers.whisper(body, client, text, speaker.language)
        ack()

    def choose(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.CHOOSE).reference
        open_modal(client, body, forms.choose_form(reference, speaker.language))
        ack()

    def ask_why(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.SET_ASIDE).reference
        open_modal(client, body, forms.set_aside_form(reference, speaker.language))
        ack()

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=forms.offer(suggest_customers(self.desk, str(body.get("value") or ""))))

    def confirm(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """The first step is done: show what would be sent to whom."""
        speaker: Speaker = context["speaker"]
        view = body["view"]
        with self.desk.database.reading() as session:
            staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            request = requests.get_request(session, view["private_metadata"])
            customer = customers.get_customer(session, forms.read_option(view, "customer"))
            choice = _choice(request, customer)
        ack(response_action="update", view=forms.confirm_form(choice, speaker.language))

    def forward(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        reference, _, chosen = body["view"]["private_metadata"].partition("|")
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                self._forward(session, context["speaker"], reference, chosen)
        ack(response_action="clear")

    def set_aside(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reason, reference = forms.read_reason(body["view"]), body["view"]["private_metadata"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                request = request_to_change(session, speaker, reference)
                requests.set_aside(session, request, reason, by=actor_of(speaker), now=now())
                telling.tell_thread(session, reference, "request_set_aside", now=now())
        ack()

    def take_back(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.TAKE_BACK).reference
        with self.desk.decide() as session:
            if is_first(session, button_key(body), now=now()):
                request = request_to_change(session, speaker, reference)
                requests.take_back(session, request, by=actor_of(speaker), now=now())
                telling.tell_thread(session, reference, "request_taken_back", now=now())
        ack()

    def _forward(self, session: Session, speaker: Speaker, reference: str, chosen: str) -> None:
        request = request_to_change(session, speaker, reference)
        customer = customers.get_customer(session, chosen)
        own = self.desk.settings.mail_address
        by = actor_of(speaker)
        forward = requests.forward_request(
            session, request, customer, evidence=CHOSEN_BY_STAFF, own_address=own, by=by, now=now()
        )
        replies.send_follow_ups(session, forward, now=now())
        telling.tell_thread(session, reference, "request_routed", now=now())

    def _show(self, reference: str, speaker: Speaker) -> Any:
        with self.desk.database.reading() as session:
            card = cards.show_request(session, requests.get_request(session, reference))
        return say_card(card, speaker.language)

    def _list(self, speaker: Speaker) -> str:
        with self.desk.database.reading() as session:
            return say_list(session, speaker.language, now=now())


def _choice(request: Request, customer: Customer) -> forms.Choice:
    return forms.Choice(request.reference, customer.reference, customer.name, customer.request_address)
