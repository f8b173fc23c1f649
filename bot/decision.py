"""The buttons with which a held request is decided: its customer, whose task it is, to the dpo, for Kavkom itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import answers, cards, decision_forms, fields, forms, showing
from bot.access import Speaker
from bot.acts import Acts, act_once
from bot.desk import Desk
from bot.gestures import Body, about_of, button_key, submission_key
from bot.pressing import find_pressed_id, open_modal, pressed, request_pressed, require_handler
from bot.refusals import ChangedMeanwhile
from bot.words import word
from storage import customers, decisions, requests, staff
from storage.clock import now
from storage.models import Request
from storage.types import Role

CANDIDATE = re.compile(rf"^{cards.CANDIDATE}_\d(?::.*)?$")


@dataclass(frozen=True)
class DecisionListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(CANDIDATE)(self.choose_shown)
        app.action(pressed(cards.AGREE))(self.choose_shown)
        app.action(pressed(cards.CHOOSE))(self.choose)
        app.action(pressed(cards.REJECT))(self.reject)
        app.action(pressed(cards.TAKE))(self.take)
        app.action(pressed(cards.HAND_OVER))(self.ask_to_whom)
        app.action(pressed(cards.REFER))(self.refer)
        app.action(pressed(cards.OWN))(self.keep_as_own)
        app.view(forms.CHOOSE)(self.confirm)
        app.view(decision_forms.CONFIRM)(self.forward)
        app.view(decision_forms.HAND_OVER)(self.hand_over)

    def choose(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.CHOOSE).reference
        open_modal(client, body, forms.choose_form(reference, speaker.language))
        ack()

    def choose_shown(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """A customer that the card offers, or that a colleague proposes: the same confirmation."""
        speaker: Speaker = context["speaker"]
        action, customer = find_pressed_id(body), about_of(body)
        card = request_pressed(self.desk, body, speaker, action)
        if customer not in _offered(card):
            raise ChangedMeanwhile(card.reference)
        open_modal(client, body, self._confirmation(speaker, card.reference, customer))
        ack()

    def confirm(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """The first step is done: show what would be sent to whom."""
        view = body["view"]
        form = self._confirmation(context["speaker"], view["private_metadata"], fields.read_option(view, "customer"))
        ack(response_action="update", view=form)

    def forward(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        reference, _, chosen = body["view"]["private_metadata"].partition("|")

        def act(acts: Acts, request: Request) -> None:
            acts.choose(request, customers.get_customer(acts.session, chosen))

        act_once(self.desk, context["speaker"], reference, submission_key(body), act)
        ack(response_action="clear")

    def reject(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        proposed = about_of(body)
        self._press(body, context["speaker"], cards.REJECT, lambda acts, one: acts.reject_proposal(one, proposed))
        ack()

    def refer(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        self._press(body, context["speaker"], cards.REFER, Acts.refer)
        ack()

    def keep_as_own(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        self._press(body, context["speaker"], cards.OWN, Acts.keep_as_own)
        ack()

    def take(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        self._press(body, speaker, cards.TAKE, _take)
        answers.whisper(body, client, word(speaker.language, "said.taken", reference=_case(body)), speaker.language)
        ack()

    def ask_to_whom(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.HAND_OVER).reference
        with self.desk.database.reading() as session:
            able = [one for one in staff.active_staff(session, now=now()) if one.role is not Role.VIEWER]
        open_modal(client, body, decision_forms.hand_over_form(reference, able, speaker.language))
        ack()

    def hand_over(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        view = body["view"]
        chosen = fields.read_option(view, "colleague")

        def act(acts: Acts, request: Request) -> None:
            colleague = staff.get_colleague(acts.session, chosen, now=acts.now, at_least=Role.HANDLER)
            acts.hand_over(request, colleague)

        act_once(self.desk, context["speaker"], view["private_metadata"], submission_key(body), act)
        ack()

    def _press(self, body: Body, speaker: Speaker, action: str, act: Callable[[Acts, Request], Any]) -> None:
        """A button that acts at once."""
        reference = request_pressed(self.desk, body, speaker, action).reference
        act_once(self.desk, speaker, reference, button_key(body), act)

    def _confirmation(self, speaker: Speaker, reference: str, customer: str) -> fields.View:
        with self.desk.database.reading() as session:
            choice = self._choice(session, speaker, reference, customer)
        return decision_forms.confirm_form(choice, speaker.language)

    def _choice(self, session: Session, speaker: Speaker, reference: str, chosen: str) -> decision_forms.Choice:
        require_handler(session, speaker)
        request, customer = requests.get_request(session, reference), customers.get_customer(session, chosen)
        card = showing.show_request(session, request)
        second = decisions.needs_second(request, customer, two_persons=self.desk.settings.two_persons)
        return decision_forms.Choice(
            request.reference,
            customer.reference,
            customer.name,
            customer.request_address,
            decision_forms.say_reason(card, customer.reference, speaker.language),
            second,
        )


def _take(acts: Acts, request: Request) -> None:
    decisions.take(acts.session, request, by=acts.by, now=acts.now)


def _offered(card: cards.RequestCard) -> set[str]:
    """The customers that the card offers by name."""
    return {one.reference for one in card.candidates} | ({card.proposal.reference} if card.proposal else set())


def _case(body: Body) -> str:
    return str(body["actions"][0]["value"]).partition("|")[0]
