"""The modals about the customers of a breach (pure)."""

from datetime import datetime

from bot.affected_select import affected_select
from bot.blocks import section
from bot.fields import View, instant, modal, option, select
from bot.forms import RECORD_TOLD
from bot.words import word
from storage.types import Means
from templates import render


def told_form(reference: str, language: str, *, now: datetime) -> View:
    """Which customer, by which means, when."""
    means = [option(word(language, f"means.{each.value}"), each.value) for each in Means]
    blocks = [
        section(render("breach_told_form", language, "slack", reference=reference)),
        affected_select(language),
        select(language, "means", means),
        instant(language, "told_at", initial=now),
    ]
    return modal(language, RECORD_TOLD, blocks, reference)
