"""The page of a breach's pack of evidence: it reads alone (templates/breach_evidence.*)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bot.breach_drawing import BreachDrawing, draw_breach
from bot.breach_events import in_order
from bot.evidence_page import Event
from bot.packing import TROUBLES, Written
from bot.words import find_word as find_in
from storage.breach_facts import BreachFacts
from storage.breach_proof import BreachEvidence
from storage.breach_types import IN_ENGLISH, ONGOING, FactName
from storage.types import Actor
from templates import in_words, render

LISTED = 40
"""Files that the page names; the others stand in files.csv."""


def render_breach_page(
    evidence: BreachEvidence, files: Sequence[Written], *, company: str, by: Actor, language: str
) -> str:
    """The page, for a reader who has nothing else. `files` are all but those written after it."""
    events = in_order(evidence)
    return render(
        "breach_evidence",
        language,
        "html",
        evidence=evidence,
        files=files if len(files) <= LISTED else [one for one in files if one.verdict in TROUBLES],
        count=len(files),
        company=company,
        by=by,
        events=events,
        drawing=draw(evidence, events),
        facts=describe_facts(evidence.known, language),
        word=wording(language),
    )


def draw(evidence: BreachEvidence, events: Sequence[Event]) -> BreachDrawing:
    """From the first instant that somebody named."""
    start = min([evidence.known_since, *(one.instant for one in evidence.claims), evidence.opened_at])
    told = [line.told_at for line in evidence.concerned if line.told_at]
    return draw_breach(start, evidence.deadline_at, events, told, len(evidence.concerned))


def find_word(language: str, key: str) -> str | None:
    """The words of evidence, registers and reports stand apart from those of Slack."""
    return find_in(language, key, "proof_words")


def wording(language: str) -> Callable[[str, str | None], str]:
    """Words for the record's labels: `state`, `means`, `answered` … ; what has no words stays as it is."""
    return lambda kind, label: find_word(language, f"{kind}.{label}") or label or ""


def describe_facts(known: BreachFacts, language: str) -> list[tuple[str, str]]:
    """What is known, in words: (what, value); what is not known yet says so."""
    return [
        (_name(name, language), describe_value(name, getattr(known, name), language))
        for name in FactName
        if getattr(known, name) is not None or (name not in OTHERS and not known.knows(name))
    ]


OTHERS = frozenset({"origin_other", "data_other", "persons_other", "cnil_told_at"}) | frozenset(IN_ENGLISH.values())
"""Shown only where somebody filled them in."""


def describe_value(name: str, value: Any, language: str) -> str:
    if value is None:
        return find_word(language, "not_known") or ""
    if isinstance(value, datetime):
        return in_words(value, language)
    if isinstance(value, tuple):
        return ", ".join(_label(name, each, language) for each in value)
    if value == ONGOING or name in {"origin", "cause"}:
        return _label(name, str(value), language)
    return str(value)


def _name(name: str, language: str) -> str:
    return find_word(language, f"fact.{name}") or name


def _label(name: str, label: str, language: str) -> str:
    return find_word(language, f"{name}.{label}") or label
