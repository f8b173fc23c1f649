"""Asking the person which customer is meant, and closing with a mail when nobody can know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import cards, decision_forms, fields, person_mails
from bot.access import Speaker
from bot.acts import Acts, act_once
from bot.desk import Desk
from bot.gestures import Body, submission_key
from bot.pressing import open_modal, pressed, request_pressed
from storage import asking, requests
from storage.models import Request
from storage.outbox import Words


@dataclass(frozen=True)
class QuestionListeners:
    """The listeners; each validates, makes one commit, and acknowledges. Both mails are shown before they leave."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(cards.ASK))(self.show_question)
        app.action(pressed(cards.CLOSE_UNKNOWN))(self.show_closing)
        app.view(decision_forms.ASK)(self.ask)
        app.view(decision_forms.CLOSE_UNKNOWN)(self.close_unknown)

    def show_question(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        self._show(body, context["speaker"], client, cards.ASK, person_mails.write_question, decision_forms.ask_form)
        ack()

    def show_closing(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        write, form = person_mails.write_closing, decision_forms.close_unknown_form
        self._show(body, context["speaker"], client, cards.CLOSE_UNKNOWN, write, form)
        ack()

    def ask(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        reference = body["view"]["private_metadata"]
        act_once(self.desk, context["speaker"], reference, submission_key(body), Acts.ask)
        ack()

    def close_unknown(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        reference = body["view"]["private_metadata"]
        act_once(self.desk, context["speaker"], reference, submission_key(body), Acts.close_unknown)
        ack()

    def _show(
        self,
        body: Body,
        speaker: Speaker,
        client: WebClient,
        action: str,
        write: Callable[[Request, str], tuple[Words, str]],
        form: Callable[[str, Words, str], fields.View],
    ) -> None:
        reference = request_pressed(self.desk, body, speaker, action).reference
        settings = self.desk.settings
        with self.desk.database.reading() as session:
            request = requests.get_request(session, reference)
            asking.find_recipient(session, request, settings.mail_address)
            words, _ = write(request, settings.company_name)
        open_modal(client, body, form(reference, words, speaker.language))
