"""The modals about calls: who was told and how, no documents needed, the notice once more (pure)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.affected_select import affected_select, read_affected
from bot.blocks import Block, section
from bot.breach_cards import AGAIN, WAIVE, BreachCard
from bot.fields import (
    View,
    field,
    instant,
    modal,
    option,
    read_at,
    read_choice,
    read_option,
    read_text,
    select,
    text_input,
)
from bot.forms import RECORD_TOLD
from bot.personal import find_personal_data, plainly
from bot.words import word
from storage.breach_types import Answered, ContactRole
from storage.types import Means
from templates import render

SAME, RECORDED = "same", "recorded"
"""To which address a lost notice goes once more."""
_CALL = re.compile(r"1\d{9}\.\d{1,7}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""What telephone systems call a call: an Asterisk unique id, a UUID. Only digits, and no telephone number."""
_POSTAL = re.compile(r"\b(?:\d[A-Z] ?\d{3} ?\d{3} ?\d{4} ?\d|[A-Z]{2} ?\d{3} ?\d{3} ?\d{3} ?[A-Z]{2})\b", re.IGNORECASE)
"""Numbers of registered letters: La Poste's own, and those of UPU S10."""


@dataclass(frozen=True)
class Contact:
    """What was typed about telling a customer; `role` is one of `ContactRole`."""

    customer: str
    means: Means
    answered: Answered
    role: str | None
    at: datetime
    call_reference: str
    proof: str


def call_form(card: BreachCard, language: str, *, now: datetime) -> View:
    """Which customer, by which means, with what result, whom, when; then what proves it."""
    blocks = [
        section(render("breach_told_form", language, "slack", reference=card.reference)),
        affected_select(language, likely=card.to_reach),
        select(language, "means", _options(language, "means", Means), chosen=_option(language, "means", "telephone")),
        select(
            language,
            "answered",
            _options(language, "answered", Answered),
            chosen=_option(language, "answered", "reached"),
        ),
        _contact(language),
        instant(language, "told_at", initial=now),
        text_input(language, "call_reference", optional=True),
        text_input(language, "proof", optional=True),
    ]
    return modal(language, RECORD_TOLD, blocks, card.reference)


def waive_form(card: BreachCard, language: str) -> View:
    """Which customer need be sent nothing in writing, and why."""
    blocks = [
        section(render("breach_waive_form", language, "slack", reference=card.reference)),
        affected_select(language, likely=card.owed),
        text_input(language, "waive_reason", optional=False),
    ]
    return modal(language, WAIVE, blocks, card.reference)


def again_form(card: BreachCard, language: str) -> View:
    """Which of several customers whose notice was lost, and to which address; no address stands in Slack."""
    same, recorded = (_option(language, "again_to", one) for one in (SAME, RECORDED))
    blocks = [
        section(render("breach_again_form", language, "slack", reference=card.reference)),
        affected_select(language, likely=card.to_send_again),
        select(language, "again_to", [same, recorded], chosen=same),
    ]
    return modal(language, AGAIN, blocks, card.reference, submit="send")


def wants_recorded(view: Mapping[str, Any]) -> bool:
    """Whether it goes to the address on record, not to the one it came back from; without a choice to that one."""
    return read_choice(view, "again_to") == RECORDED


def read_contact(view: Mapping[str, Any]) -> Contact:
    return Contact(
        customer=read_affected(view),
        means=Means(read_option(view, "means")),
        answered=Answered(read_option(view, "answered")),
        role=read_choice(view, "contact"),
        at=read_at(view, "told_at"),
        call_reference=read_text(view, "call_reference"),
        proof=read_text(view, "proof"),
    )


def find_personal(contact: Contact) -> dict[str, str]:
    """The fields that seem to hold personal data, and what it looks like."""
    looks = {
        "call_reference": looks_personal(contact.call_reference, "call_reference"),
        "proof": looks_personal(contact.proof, "proof"),
    }
    return {name: found for name, found in looks.items() if found}


def looks_personal(text: str, name: str) -> str | None:
    """What a typed text seems to hold; the numbers of calls and of registered letters are nobody's."""
    bare = "" if name == "call_reference" and _CALL.fullmatch(text) else text
    return find_personal_data(_POSTAL.sub(" · ", plainly(bare)) if name == "proof" else bare)


def _contact(language: str) -> Block:
    element: Block = {
        "type": "static_select",
        "action_id": "contact",
        "options": _options(language, "contact", ContactRole),
    }
    return field(language, "contact", element, optional=True)


def _options(language: str, name: str, words: Any) -> list[Block]:
    return [_option(language, name, each.value) for each in words]


def _option(language: str, name: str, value: str) -> Block:
    return option(word(language, f"{name}.{value}"), value)
