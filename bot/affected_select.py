"""The typeahead over the customers of one breach: a static list holds 100 of them, a breach may have 300.

A modal that uses it names its breach first in its private_metadata: "BR-2026-0007", or "BR-2026-0007|…".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App

from bot.blocks import Block
from bot.breach_cards import EXCLUDE, INCLUDE
from bot.desk import Desk
from bot.fields import external, field, read_option
from bot.forms import offer
from bot.gestures import Body
from storage import breach_rows

AFFECTED = "affected_customer"
"""The field's name; its value is the customer's reference."""


@dataclass(frozen=True)
class AffectedListeners:
    """Answers what is typed with the customers that this breach affects."""

    desk: Desk

    def register(self, app: App) -> None:
        app.options(AFFECTED)(self.suggest)

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=offer(suggest_affected(self.desk, body)))


def affected_select(language: str, *, optional: bool = False) -> Block:
    """One customer of the breach; before anything is typed, the first hundred are offered."""
    element = external("external_select", AFFECTED, language) | {"min_query_length": 0}
    return field(language, AFFECTED, element, optional=optional)


def read_affected(view: Mapping[str, Any]) -> str:
    """The reference of the customer that was chosen."""
    return read_option(view, AFFECTED)


def suggest_affected(desk: Desk, body: Body) -> list[tuple[str, str]]:
    """(reference, name) of the breach's customers that what was typed may mean: those that can be chosen there."""
    view = body.get("view") or {}
    reference = str(view.get("private_metadata") or "").partition("|")[0]
    excluded = {EXCLUDE: False, INCLUDE: True}.get(str(view.get("callback_id")))
    with desk.database.reading() as session:
        return breach_rows.suggest_affected(session, reference, str(body.get("value") or ""), excluded=excluded)
