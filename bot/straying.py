"""A request that went to a wrong customer, a letter that tells of a breach, and a suspicion that was none."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import breach_cards, breach_report, cards, decision_forms, fields, forms, person_mails, showing
from bot.access import Speaker
from bot.acts import Acts
from bot.desk import Desk
from bot.gestures import Body, is_first, submission_key
from bot.personal import refuse_personal_data
from bot.pressing import (
    actor_of,
    breach_pressed,
    breach_to_change,
    open_modal,
    pressed,
    request_pressed,
    request_to_change,
    require_handler,
)
from bot.words import word
from storage import breach_closing, breaches, customers, requests, staff
from storage.clock import now
from storage.errors import NothingForwarded
from storage.models import Breach


@dataclass(frozen=True)
class StrayingListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(cards.POSSIBLE_BREACH))(self.ask_whether_breach)
        app.action(pressed(cards.MISROUTED))(self.ask_who_got_it)
        app.action(pressed(breach_cards.NO_BREACH))(self.ask_why_no_breach)
        app.view(decision_forms.POSSIBLE_BREACH)(self.open_possible_breach)
        app.view(decision_forms.MISROUTED)(self.record_misrouted)
        app.view(decision_forms.NO_BREACH)(self.close_as_no_breach)

    def ask_whether_breach(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = request_pressed(self.desk, body, speaker, cards.POSSIBLE_BREACH)
        form = decision_forms.possible_breach_form(card.reference, card.received_at, speaker.language)
        open_modal(client, body, form)
        ack()

    def open_possible_breach(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        view = body["view"]
        reference = view["private_metadata"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                request = request_to_change(session, speaker, reference)
                acts = self._acts(session, speaker)
                breach: Breach | None = acts.open_possible_breach(request, lead=speaker.user, through=view["id"])
            else:
                breach = breaches.find_about(session, reference)
        ack(response_action="update", view=_say_open(breach, reference, speaker.language))

    def ask_who_got_it(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        reference = request_pressed(self.desk, body, speaker, cards.MISROUTED).reference
        open_modal(client, body, self.misrouted_form(reference, speaker))
        ack()

    def misrouted_form(self, reference: str, speaker: Speaker) -> fields.View:
        """The form for a request that was forwarded. Raises NothingForwarded, RoleTooSmall, UnknownStaff."""
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
            request = requests.get_request(session, reference)
            lines = showing.show_request(session, request).standing
            if not lines:
                raise NothingForwarded(request.reference)
            wrong = customers.get_customer(session, lines[0].customer_reference)
            company = self.desk.settings.company_name
            deletion = person_mails.write_deletion(request, wrong, company, speaker.language)
        return decision_forms.misrouted_form(request.reference, lines, deletion, speaker.language)

    def record_misrouted(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reference = body["view"]["private_metadata"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach = self._record_misrouted(session, speaker, body["view"])
            else:
                wrong = fields.read_option(body["view"], "wrong_customer")
                breach = breaches.find_about(session, f"{reference}/{wrong}")
        ack(response_action="update", view=_say_open(breach, reference, speaker.language))

    def ask_why_no_breach(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.NO_BREACH)
        with self.desk.database.reading() as session:
            self._refuse_ruling_out(session, speaker, breaches.get_breach(session, card.reference))
        open_modal(client, body, decision_forms.no_breach_form(card, speaker.language))
        ack()

    def close_as_no_breach(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        reason = fields.read_text(body["view"], "no_breach_reason")
        refuse_personal_data(reason)
        with self.desk.decide() as session:
            breach = breach_to_change(session, speaker, body["view"]["private_metadata"])
            self._refuse_ruling_out(session, speaker, breach)
            if is_first(session, submission_key(body), now=now()):
                breach_closing.close_as_no_breach(session, breach, reason, by=actor_of(speaker), now=now())
                breach_report.tell_closed(session, breach, self.desk.settings, now=now())
        ack()

    def _refuse_ruling_out(self, session: Session, speaker: Speaker, breach: Breach) -> None:
        """It may have become certain since the form was opened: then it is the dpo's alone. Raises RoleTooSmall."""
        role = breach_closing.role_to_rule_out(breach)
        staff.get_staff(session, speaker.user, now=now(), at_least=role)

    def _record_misrouted(self, session: Session, speaker: Speaker, view: Body) -> Breach | None:
        request = request_to_change(session, speaker, view["private_metadata"])
        wrong = customers.get_customer(session, fields.read_option(view, "wrong_customer"))
        chosen = fields.read_choice(view, "right_customer")
        right = customers.get_customer(session, chosen) if chosen else None
        acts = self._acts(session, speaker)
        return acts.record_misrouted(request, wrong, right, lead=speaker.user, through=view["id"])

    def _acts(self, session: Session, speaker: Speaker) -> Acts:
        return Acts(session, self.desk.settings, actor_of(speaker), now())


def _say_open(breach: Breach | None, reference: str, language: str) -> fields.View:
    if breach is None:
        return forms.sentence_view(word(language, "said.nothing_left", reference=reference), language, title="reported")
    text = word(language, "said.breach_open", breach=breach.reference, reference=reference)
    return forms.sentence_view(text, language, title="reported")
