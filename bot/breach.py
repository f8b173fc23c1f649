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
from bot.drill import DrillListeners
from bot.evidence_mail import want_evidence
from bot.pressing import REFERENCE, nearest, suggest_customers
from bot.register_mail import want_register
from bot.reporting import ReportListeners
from storage import breaches
from templates import render

VERBS = ("list", "register", "drill", "help")


@dataclass(frozen=True)
class BreachListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.command("/breach")(self.answer_command)
        app.options("customers")(self.suggest)

    def answer_command(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        typed = " ".join(str(body.get("text") or "").split()).lower()
        if not typed:
            ReportListeners(self.desk).open_form(ack, body, context, client)
        elif typed == "drill":
            DrillListeners(self.desk).ask(ack, body, context, client)
        elif typed == "list":
            ack(text=self._list(speaker))
        elif typed == "register":
            ack(text=want_register(self.desk, speaker, body["trigger_id"]))
        elif REFERENCE.match(typed):
            self._answer_case(ack, body, client, typed, speaker)
        else:
            ack(text=_help(typed, speaker.language))

    def _answer_case(self, ack: Ack, body: dict[str, Any], client: WebClient, typed: str, speaker: Speaker) -> None:
        """A reference alone shows the case; a verb behind it does something with it."""
        case, _, verb = typed.partition(" ")
        if not REFERENCE.fullmatch(case) or verb not in ("", "evidence", *CALL_VERBS):
            ack(text=_help(typed, speaker.language))
        elif not verb:
            said = self._show(case, speaker)
            ack(text=said.text, blocks=list(said.blocks))
        elif verb == "evidence":
            ack(text=want_evidence(self.desk, speaker, case, body["trigger_id"]))
        else:
            said_of = CallListeners(self.desk).answer_verb(body, client, case, verb, speaker)
            ack(text=said_of) if said_of else ack()

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
        meant = nearest(verb, ("evidence", *CALL_VERBS))
        return render("breach_help", language, "slack", nearest=meant and f"{case.upper()} {meant}")
    return render("breach_help", language, "slack", nearest=nearest(typed, VERBS))
