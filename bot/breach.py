"""`/breach`, and the button of a breach's card that says that a customer was told."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import affected_select, breach_forms, cards, fields, forms, listing, showing, telling
from bot.access import Speaker
from bot.blocks import Said, say_card
from bot.desk import Desk
from bot.drill import DrillListeners
from bot.evidence_mail import EVIDENCE, want_evidence
from bot.gestures import Body, is_first, submission_key
from bot.pressing import REFERENCE, actor_of, find_pressed, nearest, open_modal, pressed, suggest_customers
from bot.reporting import ReportListeners
from storage import breaches, calls, customers, staff
from storage.clock import now
from storage.models import Breach
from storage.types import Means, Role
from templates import render

VERBS = ("list", "drill", "help")


@dataclass(frozen=True)
class BreachListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.command("/breach")(self.answer_command)
        app.action(pressed(cards.TOLD))(self.ask_how_told)
        app.options("customers")(self.suggest)
        app.view(forms.RECORD_TOLD)(self.record_told)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        typed = str(body.get("text") or "").strip()
        if not typed:
            ReportListeners(self.desk).open_form(ack, body, context, client)
        elif REFERENCE.fullmatch(typed):
            said = self._show(typed, speaker)
            ack(text=said.text, blocks=list(said.blocks))
        elif typed == "drill":
            DrillListeners(self.desk).ask(ack, body, context, client)
        elif found := EVIDENCE.fullmatch(typed):
            ack(text=want_evidence(self.desk, speaker, found[1], body["trigger_id"]))
        elif typed == "list":
            ack(text=self._list(speaker))
        else:
            ack(text=render("breach_help", speaker.language, "slack", nearest=nearest(typed, VERBS)))

    def ask_how_told(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = self._pressed_by_handler(body, speaker, cards.TOLD)
        open_modal(client, body, breach_forms.told_form(card.reference, speaker.language, now=now()))
        ack()

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=forms.offer(suggest_customers(self.desk, str(body.get("value") or ""))))

    def record_told(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                self._record_told(session, speaker, body["view"])
        ack()

    def _record_told(self, session: Session, speaker: Speaker, view: Body) -> None:
        breach = self._to_change(session, speaker, view["private_metadata"])
        customer = customers.get_customer(session, affected_select.read_affected(view))
        means, told_at = Means(fields.read_option(view, "means")), fields.read_at(view, "told_at")
        by = actor_of(speaker)
        affected = calls.record_told(session, breach, customer, means=means, at=told_at, by=by, now=now())
        telling.tell_thread(session, breach.reference, "breach_told", affected_id=affected.id, now=now())

    def _to_change(self, session: Session, speaker: Speaker, reference: str) -> Breach:
        """The breach, if this person may decide: asked again at the commit, for a modal can outlive a role."""
        staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
        return breaches.get_breach(session, reference, to_change=True)

    def _pressed_by_handler(self, body: Body, speaker: Speaker, action: str) -> cards.BreachCard:
        with self.desk.database.reading() as session:
            staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)
        card = find_pressed(self.desk, body, action)
        assert isinstance(card, cards.BreachCard)  # noqa: S101 - these buttons stand on breaches only
        return card

    def _show(self, reference: str, speaker: Speaker) -> Said:
        with self.desk.database.reading() as session:
            breach = breaches.get_breach(session, reference)
            card = showing.show_breach(session, breach, self.desk.settings.telecom_operator)
        return say_card(card, speaker.language)

    def _list(self, speaker: Speaker) -> str:
        with self.desk.database.reading() as session:
            return listing.say_breaches(session, speaker.language)
