"""The modals about a breach's instants and its lead (pure)."""

from collections.abc import Iterable

from bot.blocks import section
from bot.breach_cards import BreachCard
from bot.fields import View, instant, modal, option, select, text_input
from bot.words import word
from storage.breach_types import ClaimKind
from storage.models import Staff
from templates import render

GIVE_LEAD, INSTANTS = "breach_give_lead", "breach_instants"


def give_lead_form(reference: str, colleagues: Iterable[Staff], language: str) -> View:
    intro = section(render("breach_give_lead_form", language, "slack", reference=reference))
    options = [option(one.name, one.slack_user) for one in colleagues][:100]
    return modal(language, GIVE_LEAD, [intro, select(language, "colleague", options)], reference, submit="hand_over")


def instants_form(card: BreachCard, language: str) -> View:
    """Which instant, when it was; why, where awareness is to be later."""
    kinds = [option(word(language, f"claim.{kind}"), kind.value) for kind in ClaimKind]
    blocks = [
        section(render("breach_instants_form", language, "slack", card=card)),
        select(language, "instant_kind", kinds),
        instant(language, "instant"),
        *([text_input(language, "later_reason", optional=True)] if card.aware_at else []),
    ]
    return modal(language, INSTANTS, blocks, card.reference)
