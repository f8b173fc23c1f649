"""The typeahead over the customers of one breach: a static list holds 100 of them, a breach may have 300.

A modal that uses it names its breach first in its private_metadata: "BR-2026-0007", or "BR-2026-0007|…".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App
from sqlalchemy import ColumnElement

from bot.blocks import Block
from bot.breach_cards import AGAIN, EXCLUDE, INCLUDE, WAIVE, CustomerLine
from bot.desk import Desk
from bot.fields import external, field, option, read_option
from bot.forms import RECORD_TOLD, offer
from bot.gestures import Body
from storage import breach_rows
from storage.breach_rows import is_owed, may_go_again

AFFECTED = "affected_customer"
"""The field's name; its value is the customer's reference."""
EXCLUDED = {EXCLUDE: False, INCLUDE: True, RECORD_TOLD: False}
"""Of which modals it is whether those that are not affected after all are offered, or only they."""
CONCERNED: dict[str, Callable[[], ColumnElement[bool]]] = {AGAIN: may_go_again, WAIVE: is_owed}
"""Of which modals only some of the customers are offered: SQL says whom, for a breach may have ten thousand."""


@dataclass(frozen=True)
class AffectedListeners:
    """Answers what is typed with the customers that this breach affects."""

    desk: Desk

    def register(self, app: App) -> None:
        app.options(AFFECTED)(self.suggest)

    def suggest(self, ack: Ack, body: dict[str, Any]) -> None:
        ack(options=offer(suggest_affected(self.desk, body)))


def affected_select(language: str, *, optional: bool = False, likely: Sequence[CustomerLine] = ()) -> Block:
    """One customer of the breach; before anything is typed, the first hundred are offered.

    `likely`: those whom it may be about; one alone is chosen already.
    """
    element = external("external_select", AFFECTED, language) | {"min_query_length": 0}
    if len(likely) == 1:
        only = likely[0]
        element["initial_option"] = option(f"{only.customer} ({only.customer_reference})", only.customer_reference)
    return field(language, AFFECTED, element, optional=optional)


def read_affected(view: Mapping[str, Any]) -> str:
    """The reference of the customer that was chosen."""
    return read_option(view, AFFECTED)


def suggest_affected(desk: Desk, body: Body) -> list[tuple[str, str]]:
    """(reference, name) of the breach's customers that what was typed may mean: those that can be chosen there."""
    view = body.get("view") or {}
    reference = str(view.get("private_metadata") or "").partition("|")[0]
    modal, typed = str(view.get("callback_id")), str(body.get("value") or "")
    with desk.database.reading() as session:
        only = CONCERNED[modal]() if modal in CONCERNED else None
        return breach_rows.suggest_affected(session, reference, typed, excluded=EXCLUDED.get(modal), only=only)
