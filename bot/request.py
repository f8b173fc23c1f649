"""`/dsr` and the buttons of a request's card: read it, choose its customer, set it aside, take it back."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import answers, cards, forms, showing, telling
from bot.access import Speaker
from bot.blocks import say_card
from bot.desk import Desk
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
from bot.straying import StrayingListeners
from bot.words import word
from storage import requests, staff
from storage.clock import now
from storage.staff_mails import send_original
from storage.types import Role
from templates import render

VERBS = ("list", "help")
MISROUTED = "misrouted"
"""What may follow a reference."""


@dataclass(frozen=True)
class RequestListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.command("/dsr")(self.answer_command)
        app.action(pressed(cards.READ))(self.read)
        app.action(pressed(cards.SET_ASIDE))(self.ask_why)
        app.action(pressed(cards.TAKE_BACK))(self.take_back)
        app.options("customer")(self.suggest)
        app.options("right_customer")(self.suggest)
        app.view(forms.SET_ASIDE)(self.set_aside)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        case, _, verb = str(body.get("text") or "").strip().partition(" ")
        if not REFERENCE.fullmatch(case):
            ack(text=self._list(speaker) if case in {"", "list"} else _help(case, VERBS, speaker))
        elif verb.strip() == MISROUTED:
            open_modal(client, body, StrayingListeners(self.desk).misrouted_form(case, speaker))
            ack()
        elif verb:
            ack(text=_help(verb.strip(), (MISROUTED,), speaker, case=case))
        else:
            said = self._show(case, speaker)
            ack(text=said.text, blocks=list(said.blocks))

    def read(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = find_pressed(self.desk, body, cards.READ).reference
        with self.desk.decide() as session:
            request = requests.get_request(session, reference)
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            gesture, by = button_key(body), actor_of(speaker)
            letter = request.message_id
            send_original(session, colleague, request.reference, letter, gesture=gesture, by=by, now=now())
        text = word(speaker.language, "said.on_its_way", reference=reference)
        answers.whisper(body, client, text, speaker.language)
        ack()

    def ask_why(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.SET_ASIDE).reference
        open_modal(client, body, forms.set_aside_form(reference, speaker.language))
        ack()

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=forms.offer(suggest_customers(self.desk, str(body.get("value") or ""))))

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

    def _show(self, reference: str, speaker: Speaker) -> Any:
        with self.desk.database.reading() as session:
            card = showing.show_request(session, requests.get_request(session, reference))
        return say_card(card, speaker.language)

    def _list(self, speaker: Speaker) -> str:
        with self.desk.database.reading() as session:
            return say_list(session, speaker.language, now=now())


def _help(typed: str, known: tuple[str, ...], speaker: Speaker, *, case: str = "") -> str:
    """What `/dsr` takes, and what was probably meant."""
    meant = nearest(typed, known)
    return render("request_help", speaker.language, "slack", nearest=f"{case} {meant}".strip() if meant else None)
