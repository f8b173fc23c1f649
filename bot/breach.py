"""`/breach`: the form, the list, one case and what may be done with it; and the typeahead over all customers."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient

from bot import forms, listing, showing
from bot.access import Speaker
from bot.blocks import Said, say_card
from bot.calls import VERBS as CALL_VERBS
from bot.calls import CallListeners
from bot.desk import Desk
from bot.pressing import REFERENCE, nearest, suggest_customers
from bot.reporting import ReportListeners
from storage import breaches
from templates import render

VERBS = ("list", "help")


@dataclass(frozen=True)
class BreachListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.command("/breach")(self.answer_command)
        app.options("customers")(self.suggest)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        typed = str(body.get("text") or "").strip()
        case, _, verb = (one.strip() for one in typed.partition(" "))
        if not typed:
            ReportListeners(self.desk).open_form(ack, body, context, client)
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

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=forms.offer(suggest_customers(self.desk, str(body.get("value") or ""))))

    def _show(self, reference: str, speaker: Speaker) -> Said:
        with self.desk.database.reading() as session:
            breach = breaches.get_breach(session, reference)
            card = showing.show_breach(session, breach, self.desk.settings.telecom_operator)
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
