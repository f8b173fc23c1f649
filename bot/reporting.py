"""Reporting a possible breach: by `/breach`, a button, or a shortcut, also on somebody's message."""

from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import fields, forms, report_forms, showing, telling
from bot.access import MESSAGE_SHORTCUT, Speaker
from bot.blocks import mention
from bot.breach_cards import BreachCard
from bot.desk import Desk
from bot.gestures import Body
from bot.pressing import actor_of, open_modal, pressed
from bot.report_forms import Report
from bot.telling import Told
from bot.words import word
from storage import breach_opening, breaches, customers, staff
from storage.breach_types import ClaimKind
from storage.clock import now
from storage.models import Breach
from storage.types import Role
from templates import render


@dataclass(frozen=True)
class ReportListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.shortcut("report_breach")(self.open_form)
        app.shortcut(MESSAGE_SHORTCUT)(self.open_form_about_message)
        app.action(pressed("open_breach_form"))(self.open_form)
        app.view(forms.REPORT)(self.report)

    def open_form(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        open_modal(client, body, report_forms.report_form(speaker.language, with_customers=is_staff(speaker)))
        ack()

    def open_form_about_message(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """Of the message only its place is kept."""
        speaker: Speaker = context["speaker"]
        permalink, staff_only = permalink_of(body), is_staff(speaker)
        form = report_forms.report_form(speaker.language, with_customers=staff_only, permalink=permalink)
        open_modal(client, body, form)
        ack()

    def report(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """The form was sent: the breach and its deadline are committed before Slack hears a word."""
        speaker: Speaker = context["speaker"]
        report, at = report_forms.read_report(body["view"]), now()
        if report.needs_warning(at):
            form = report_forms.late_form(report, speaker.language, with_customers=is_staff(speaker), now=at)
            ack(response_action="update", view=form)
        elif report_forms.is_late(report.noticed_at, at) and not report.confirmed:
            ack(response_action="errors", errors={"late": word(speaker.language, "said.late_not_confirmed")})
        else:
            ack(response_action="update", view=self._report(speaker, report, body["view"]["id"]))

    def _report(self, speaker: Speaker, report: Report, view_id: str) -> fields.View:
        with self.desk.decide() as session:
            breach = self._open(session, speaker, report, view_id)
            told = telling.tell_opened(session, breach, self.desk.settings, now=now())
            card = showing.show_breach(session, breach)
        return _say_reported(card, told, speaker)

    def _open(self, session: Session, speaker: Speaker, report: Report, view_id: str) -> Breach:
        if speaker.role is not None:
            staff.get_staff(session, speaker.user, now=now())
        chosen = report.customers if speaker.role is not None else ()
        breach = breach_opening.open_breach(
            session,
            summary=report.summary,
            customers=customers.get_customers(session, chosen),
            ladder=self.desk.settings.breach_ladder,
            lead=speaker.user if speaker.role in {Role.HANDLER, Role.DPO} else None,
            opened_through=view_id,
            by=actor_of(speaker),
            suspected_at=report.instant_of(ClaimKind.SUSPECTED),
            aware_at=report.instant_of(ClaimKind.AWARE),
            told_at=report.instant_of(ClaimKind.TOLD),
            now=now(),
        )
        breaches.keep_source(session, breach, report.origin.permalink, by=actor_of(speaker), now=now())
        return breach


def is_staff(speaker: Speaker) -> bool:
    return speaker.role is not None


def permalink_of(body: Body) -> str:
    """Where the message stands, as Slack's own "Copy link" says; "" if that cannot be told. Nobody is asked for it."""
    domain, channel = (body.get("team") or {}).get("domain"), (body.get("channel") or {}).get("id")
    ts = str(body.get("message_ts") or "").replace(".", "")
    found = f"https://{domain}.slack.com/archives/{channel}/p{ts}"
    return found if report_forms.PERMALINK.fullmatch(found) else ""


def _say_reported(card: BreachCard, told: Told, speaker: Speaker) -> fields.View:
    values = {
        "card": card,
        "people": [mention(user, speaker.language) for user in told.people],
        "addresses": len(told.addresses),
        "past": card.deadline_at < now(),
    }
    return forms.sentence_view(
        render("breach_reported", speaker.language, "slack", **values), speaker.language, title="reported"
    )
