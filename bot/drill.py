"""`/breach drill`: the whole way of a breach, rehearsed. Nothing of it reaches a customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import fields, telling
from bot.blocks import mention, section
from bot.desk import Desk
from bot.fields import View
from bot.forms import sentence_view
from bot.personal import refuse_personal_data
from bot.pressing import actor_of, open_modal, require_handler
from bot.refusals import NoAddressForDrills
from bot.settings import DeskSettings
from bot.showing import show_breach
from bot.words import word
from storage import breach_opening, customers
from storage.clock import now
from storage.deadlines import NOTIFICATION_WINDOW
from storage.models import Breach
from storage.types import Actor
from templates import render

if TYPE_CHECKING:
    from bot.access import Speaker

DRILL = "breach_drill"
PACES = (1, 4, 12, 48)
"""How many of its hours pass in one: at 48 the whole way to the deadline takes one hour."""


@dataclass(frozen=True)
class DrillForm:
    """What was typed: the scenario in a sentence, who is told in the exercise, how fast."""

    scenario: str
    customers: tuple[str, ...]
    pace: int


@dataclass(frozen=True)
class DrillListeners:
    """Asking for a drill, and opening it."""

    desk: Desk

    def register(self, app: App) -> None:
        app.view(DRILL)(self.open_drill)

    def ask(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        """`/breach drill`. Raises NoAddressForDrills, RoleTooSmall."""
        speaker: Speaker = context["speaker"]
        with self.desk.database.reading() as session:
            require_handler(session, speaker)
        require_address(self.desk.settings)
        open_modal(client, body, drill_form(speaker.language))
        ack()

    def open_drill(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        """The form was sent: the drill is committed before Slack hears a word; the same form twice is one drill."""
        speaker: Speaker = context["speaker"]
        form = read_drill(body["view"])
        with self.desk.decide() as session:
            require_handler(session, speaker)
            breach = open_drill(
                session,
                self.desk.settings,
                form,
                lead=speaker.user,
                opened_through=body["view"]["id"],
                by=actor_of(speaker),
                now=now(),
            )
            card = show_breach(session, breach)
        people = [mention(speaker.user, speaker.language)]
        text = render("breach_drill_opened", speaker.language, "slack", card=card, people=people)
        ack(response_action="update", view=sentence_view(text, speaker.language, title="drill_opened"))


def require_address(settings: DeskSettings) -> None:
    """Raises NoAddressForDrills while nothing says where a drill's mails go."""
    if settings.drill_address is None:
        raise NoAddressForDrills


def open_drill(
    session: Session,
    settings: DeskSettings,
    form: DrillForm,
    *,
    lead: str | None = None,
    opened_through: str | None = None,
    by: Actor,
    now: datetime,
) -> Breach:
    """Open a drill from a doubt that arises now, and tell whom a breach is told. Raises NoAddressForDrills."""
    require_address(settings)
    breach = breach_opening.open_breach(
        session,
        summary=form.scenario,
        customers=customers.get_customers(session, form.customers),
        suspected_at=now.replace(second=0, microsecond=0),  # as in the form of a breach, which knows minutes
        drill=True,
        pace=form.pace,
        ladder=settings.breach_ladder,
        lead=lead,
        opened_through=opened_through,
        by=by,
        now=now,
    )
    telling.tell_opened(session, breach, settings, now=now)
    return breach


def drill_form(language: str) -> View:
    """The scenario, who takes part, how fast."""
    options = [fields.option(_pace(language, pace), str(pace)) for pace in PACES]
    blocks = [
        section(render("breach_drill_form", language, "slack")),
        fields.text_input(language, "scenario", optional=False),
        fields.customers_select(language, optional=False),
        fields.select(language, "pace", options, chosen=options[0]),
    ]
    return fields.modal(language, DRILL, blocks, submit="start")


def read_drill(view: Mapping[str, Any]) -> DrillForm:
    """Raises PersonalDataInText."""
    scenario = fields.read_text(view, "scenario")
    refuse_personal_data(scenario)
    return DrillForm(scenario, fields.read_customers(view), int(fields.read_option(view, "pace")))


def _pace(language: str, pace: int) -> str:
    hours = NOTIFICATION_WINDOW / pace
    return word(language, f"pace.{pace}", hours=f"{hours.total_seconds() / 3600:g}")
