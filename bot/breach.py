"""`/breach`, its form, and two buttons of a breach's card: become aware, customer told."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import cards, fields, forms, listing, showing, telling
from bot.access import Speaker
from bot.blocks import Said, mention, say_card
from bot.calls import VERBS as CALL_VERBS
from bot.calls import CallListeners
from bot.desk import Desk
from bot.gestures import Body, is_first, submission_key
from bot.pressing import REFERENCE, actor_of, find_pressed, nearest, open_modal, pressed, suggest_customers
from storage import breach_claims, breach_opening, breaches, customers, staff
from storage.clock import now
from storage.models import Breach
from storage.types import Role
from templates import render

VERBS = ("list", "help")


@dataclass(frozen=True)
class BreachListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.command("/breach")(self.answer_command)
        app.shortcut("report_breach")(self.open_form)
        app.action(pressed("open_breach_form"))(self.open_form)
        app.action(pressed(cards.AWARE))(self.ask_since_when)
        app.options("customers")(self.suggest)
        app.view(forms.REPORT)(self.report)
        app.view(forms.BECOME_AWARE)(self.become_aware)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        typed = str(body.get("text") or "").strip()
        case, _, verb = (one.strip() for one in typed.partition(" "))
        if not typed:
            self.open_form(ack, body, context, client)
        elif REFERENCE.fullmatch(typed):
            said = self._show(typed, speaker)
            ack(text=said.text, blocks=list(said.blocks))
        elif REFERENCE.fullmatch(case) and verb in CALL_VERBS:
            said_of = CallListeners(self.desk).answer_verb(body, client, case, verb, speaker)
            ack(text=said_of) if said_of else ack()
        elif typed == "list":
            ack(text=self._list(speaker))
        else:
            ack(text=_help(typed, speaker.language))

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
            return listing.say_breaches(session, speaker.language)


def _help(typed: str, language: str) -> str:
    """The help, and what was probably meant."""
    case, _, verb = typed.partition(" ")
    if REFERENCE.fullmatch(case):
        meant = nearest(verb, CALL_VERBS)
        return render("breach_help", language, "slack", nearest=meant and f"{case.upper()} {meant}")
    return render("breach_help", language, "slack", nearest=nearest(typed, VERBS))


def _say_reported(card: cards.BreachCard, told: telling.Told, speaker: Speaker) -> fields.View:
    people = [mention(user) for user in told.people]
    text = render("breach_reported", speaker.language, "slack", card=card, people=people, addresses=len(told.addresses))
    return forms.sentence_view(text, speaker.language, title="reported")
