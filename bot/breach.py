"""`/breach`, its form, and the buttons of a breach's card: become aware, customer told, add customers, close."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import breach_report, cards, fields, forms, showing, telling
from bot.access import Speaker
from bot.blocks import Said, mention, say_card
from bot.desk import Desk
from bot.drill import DrillListeners
from bot.evidence_mail import EVIDENCE, want_evidence
from bot.gestures import Body, button_key, is_first, submission_key
from bot.pressing import REFERENCE, actor_of, find_pressed, nearest, open_modal, pressed, suggest_customers
from storage import breach_claims, breach_closing, breach_customers, breach_opening, breaches, customers, staff
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
        app.shortcut("report_breach")(self.open_form)
        app.action(pressed("open_breach_form"))(self.open_form)
        app.action(pressed(cards.AWARE))(self.ask_since_when)
        app.action(pressed(cards.TOLD))(self.ask_how_told)
        app.action(pressed(cards.ADD))(self.ask_who_else)
        app.action(pressed(cards.CLOSE))(self.close)
        app.options("customers")(self.suggest)
        app.view(forms.REPORT)(self.report)
        app.view(forms.BECOME_AWARE)(self.become_aware)
        app.view(forms.RECORD_TOLD)(self.record_told)
        app.view(forms.ADD_CUSTOMERS)(self.add_customers)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        typed = str(body.get("text") or "").strip()
        if not typed:
            self.open_form(ack, body, context, client)
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

    def open_form(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        open_modal(client, body, forms.report_form(speaker.language, with_customers=speaker.role is not None))
        ack()

    def report(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """The form was sent: the breach and its deadline are committed before Slack hears a word."""
        speaker: Speaker = context["speaker"]
        report = forms.read_report(body["view"])
        with self.desk.decide() as session:
            breach = self._open(session, speaker, report, body["view"]["id"])
            told = telling.tell_opened(session, breach, self.desk.settings, now=now())
            card = showing.show_breach(session, breach)
        ack(response_action="update", view=_say_reported(card, told, speaker))

    def ask_since_when(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = self._pressed_by_handler(body, speaker, cards.AWARE)
        open_modal(client, body, forms.aware_form(card.reference, speaker.language))
        ack()

    def ask_how_told(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = self._pressed_by_handler(body, speaker, cards.TOLD)
        open_modal(client, body, forms.told_form(card, speaker.language, now=now()))
        ack()

    def ask_who_else(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = self._pressed_by_handler(body, speaker, cards.ADD)
        open_modal(client, body, forms.add_form(card.reference, speaker.language))
        ack()

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=forms.offer(suggest_customers(self.desk, str(body.get("value") or ""))))

    def become_aware(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        aware_at = fields.read_at(body["view"], "aware_at")
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach = self._to_change(session, speaker, body["view"]["private_metadata"])
                breach_claims.become_aware(session, breach, aware_at, by=actor_of(speaker), now=now())
                telling.tell_thread(session, breach.reference, "breach_aware", now=now())
        ack()

    def record_told(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                self._record_told(session, speaker, body["view"])
        ack()

    def add_customers(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        chosen = fields.read_customers(body["view"])
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach = self._to_change(session, speaker, body["view"]["private_metadata"])
                named = customers.get_customers(session, chosen)
                if breach_customers.add_customers(session, breach, named, by=actor_of(speaker), now=now()):
                    telling.tell_thread(session, breach.reference, "breach_customers_added", now=now())
        ack()

    def close(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        speaker: Speaker = context["speaker"]
        card = self._pressed_by_handler(body, speaker, cards.CLOSE)
        with self.desk.decide() as session:
            if is_first(session, button_key(body), now=now()):
                breach = self._to_change(session, speaker, card.reference)
                breach_closing.close_breach(session, breach, by=actor_of(speaker), now=now())
                telling.tell_thread(session, breach.reference, "breach_closed", now=now())
                breach_report.tell_drill_closed(session, breach, self.desk.settings, now=now())
        ack()

    def _open(self, session: Session, speaker: Speaker, report: forms.Report, view_id: str) -> Breach:
        if speaker.role is not None:
            staff.get_staff(session, speaker.user, now=now())
        chosen = report.customers if speaker.role is not None else ()
        return breach_opening.open_breach(
            session,
            summary=report.summary,
            customers=customers.get_customers(session, chosen),
            suspected_at=report.noticed_at,
            lead=speaker.user if speaker.role in {Role.HANDLER, Role.DPO} else None,
            opened_through=view_id,
            by=actor_of(speaker),
            now=now(),
        )

    def _record_told(self, session: Session, speaker: Speaker, view: Body) -> None:
        breach = self._to_change(session, speaker, view["private_metadata"])
        customer = customers.get_customer(session, fields.read_option(view, "told_customer"))
        means, told_at = Means(fields.read_option(view, "means")), fields.read_at(view, "told_at")
        by = actor_of(speaker)
        affected = breach_customers.record_told(session, breach, customer, means=means, at=told_at, by=by, now=now())
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
            card = showing.show_breach(session, breaches.get_breach(session, reference))
        return say_card(card, speaker.language)

    def _list(self, speaker: Speaker) -> str:
        with self.desk.database.reading() as session:
            found = [showing.show_breach(session, one) for one in breaches.list_breaches(session, limit=20)]
        return render("breach_list", speaker.language, "slack", cards=found)


def _say_reported(card: cards.BreachCard, told: telling.Told, speaker: Speaker) -> fields.View:
    people = [mention(user) for user in told.people]
    text = render("breach_reported", speaker.language, "slack", card=card, people=people, addresses=len(told.addresses))
    return forms.sentence_view(text, speaker.language, title="reported")
