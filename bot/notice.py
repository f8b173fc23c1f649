"""*Notice to customers* on a breach's card: look, preview by mail, ask for approval, approve and send."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import forms, notice_acts, notice_forms
from bot.access import Speaker
from bot.desk import Desk
from bot.fields import View
from bot.gestures import is_first, submission_key
from bot.notice_cards import ASK, NOTICE, PREVIEW
from bot.notice_preview import send_preview
from bot.pressing import actor_of, breach_to_change, open_modal, pressed, pressed_by_handler, require_handler
from bot.words import word
from storage import breaches, staff
from storage.clock import now
from storage.types import Role


@dataclass(frozen=True)
class NoticeListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(NOTICE))(self.show)
        app.options("notice_customer")(self.suggest)
        app.view(notice_forms.STEP)(self.choose_step)
        app.view(notice_forms.CONFIRM)(self.send)

    def show(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = pressed_by_handler(self.desk, body, speaker, NOTICE).reference
        sheet = notice_acts.look(self.desk, reference, by=actor_of(speaker), now=now())
        open_modal(client, body, notice_forms.notice_form(sheet, speaker.language))
        ack()

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        with self.desk.database.reading() as session:
            breach = breaches.get_breach(session, body["view"]["private_metadata"])
            customers = [(one.customer.reference, one.customer.name) for one in breach.affected if not one.excluded_at]
        ack(options=notice_forms.offer_customers(customers, str(body.get("value") or "")))

    def choose_step(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """A preview and a question to colleagues are done at once; what sends is asked once more."""
        speaker: Speaker = context["speaker"]
        choice = notice_forms.read_step(body["view"])
        if choice.step == PREVIEW:
            self._preview(speaker, choice, submission_key(body))
        elif choice.step == ASK:
            self._ask(speaker, choice, submission_key(body))
        else:
            ack(response_action="update", view=self._confirmation(speaker, choice))
            return
        ack(response_action="update", view=_say_done(choice, speaker.language))

    def send(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        wish = notice_forms.read_wish(body["view"])

        def admit(session: Session) -> bool:
            require_handler(session, speaker)
            return is_first(session, submission_key(body), now=now())

        notice_acts.send(self.desk, wish, by=actor_of(speaker), admit=admit)
        ack()

    def _confirmation(self, speaker: Speaker, choice: notice_forms.Choice) -> View:
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
        sheet = notice_acts.look_at_sending(self.desk, choice.reference, choice.step, now=now())
        return notice_forms.confirm_form(sheet, speaker.language)

    def _preview(self, speaker: Speaker, choice: notice_forms.Choice, gesture: str) -> None:
        with self.desk.decide() as session:
            colleague = staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
            breach = breaches.get_breach(session, choice.reference)
            send_preview(
                session,
                breach,
                choice.customer or "",
                colleague,
                self.desk.settings,
                gesture=gesture,
                by=actor_of(speaker),
                now=now(),
            )

    def _ask(self, speaker: Speaker, choice: notice_forms.Choice, gesture: str) -> None:
        with self.desk.decide() as session:
            if is_first(session, gesture, now=now()):
                breach = breach_to_change(session, speaker, choice.reference)
                notice_acts.prepare_and_ask(session, breach, final=choice.final, by=actor_of(speaker), now=now())


def _say_done(choice: notice_forms.Choice, language: str) -> View:
    text = word(language, f"said.notice_{choice.step}", reference=choice.reference)
    return forms.sentence_view(text, language, title="notice_done")
