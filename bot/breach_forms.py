"""The modals about the customers of a breach (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.affected_select import affected_select
from bot.blocks import SHOWN, section
from bot.breach_cards import EXCLUDE, INCLUDE
from bot.fields import View, customers_select, day, field, modal, text_input
from bot.forms import ADD_CUSTOMERS, sentence_view
from templates import render

CONFIRM_CUSTOMERS, CLOSE_LATE = "breach_add_confirm", "breach_close_late"
PASTED = 3000
"""Characters that a field of Slack takes."""


@dataclass(frozen=True)
class Preview:
    """What would be added: how many `new` ones, the `first` of them by name, and how many are `named` already."""

    reference: str
    new: int
    first: tuple[str, ...]
    named: int
    held: int
    deadline_at: datetime
    overdue: bool
    packed: str


def add_form(reference: str, language: str) -> View:
    """Three ways at once: names, references, two days."""
    pasted: dict[str, Any] = {"type": "plain_text_input", "action_id": "references", "multiline": True}
    blocks = [
        section(render("breach_add_form", language, "slack", reference=reference)),
        customers_select(language, optional=True),
        field(language, "references", pasted | {"max_length": PASTED}, optional=True),
        day(language, "active_from"),
        day(language, "active_to"),
    ]
    return modal(language, ADD_CUSTOMERS, blocks, reference, submit="next")


def confirm_form(preview: Preview, language: str) -> View:
    """How many will be added, before anything is; only a sentence when there is nothing to add."""
    values = {name: getattr(preview, name) for name in preview.__dataclass_fields__ if name != "packed"}
    said = render("breach_add_confirm", language, "slack", **values)
    if not preview.new:
        return sentence_view(said, language, title="breach_add")
    metadata = f"{preview.reference}|{preview.new}|{preview.packed}"
    return modal(language, CONFIRM_CUSTOMERS, [section(said)], metadata, submit="add_these")


def exclude_form(reference: str, language: str) -> View:
    """Which customer is not affected, and why."""
    intro = section(render("breach_exclude_form", language, "slack", reference=reference))
    blocks = [intro, affected_select(language), text_input(language, "exclusion_reason", optional=False)]
    return modal(language, EXCLUDE, blocks, reference)


def include_form(reference: str, language: str) -> View:
    """Which customer is affected after all."""
    intro = section(render("breach_include_form", language, "slack", reference=reference))
    return modal(language, INCLUDE, [intro, affected_select(language)], reference)


def close_late_form(reference: str, late: Sequence[str], language: str) -> View:
    """Why these customers were told late, before the breach is closed."""
    intro = section(render("breach_close_late_form", language, "slack", reference=reference, late=late, shown=SHOWN))
    blocks = [intro, text_input(language, "late_reason", optional=False)]
    return modal(language, CLOSE_LATE, blocks, reference, submit="close_it")
