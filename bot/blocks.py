"""Cards and words as Block Kit (pure). Limits of Slack: a section 3000 characters, a message 50 blocks."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from markupsafe import Markup

from bot.breach_cards import CLOSE, BreachCard, CustomerLine, FactsLine
from bot.cards import AGREE, CANDIDATE, OWN, READ, REFER, REJECT, ForwardLine, RequestCard
from bot.cases import Card
from bot.marking import mark_blocks, mark_text
from bot.next_words import step_in_slack
from bot.words import find_word, word
from storage.next_step import NextStep
from storage.types import SHELL, typist_of
from templates import escape_slack, render

Block = dict[str, Any]
SHOWN = 20
"""Customers or cases named at most; the rest are counted."""
CONFIRMED = frozenset({CLOSE, OWN, REFER})
"""Buttons that ask once more before they act."""


@dataclass(frozen=True)
class Said:
    """A message: `text` is what notifications show."""

    text: str
    blocks: tuple[Block, ...] = ()


def say_card(card: Card, language: str) -> Said:
    """A case's card: its state, and the buttons that make sense now; those that decide stand first."""
    body = section(describe(card, language))
    buttons = say_buttons(card, language)
    return mark_said(Said(say("push", card, language), (body, *buttons)), card.reference)


def mark_said(said: Said, reference: str) -> Said:
    """A message about a drill says so, in its notification and in its blocks."""
    return Said(mark_text(said.text, reference), mark_blocks(said.blocks, reference))


def describe(card: Card, language: str) -> str:
    """The card's text."""
    return mark_text(say("card", card, language), card.reference)


def say(template: str, card: Card, language: str, **values: Any) -> str:
    """Words about a case: templates/request_… or breach_<template>.<language>.slack."""
    kind = "request" if isinstance(card, RequestCard) else "breach"
    known = _values(card, language) | {"who": _who(card, values.get("line"))}
    return clip(render(f"{kind}_{template}", language, "slack", **known, **values))


def say_buttons(card: Card, language: str, *, suffix: str = "", all_rows: bool = True) -> tuple[Block, ...]:
    """The buttons of a case, in rows; `suffix` keeps their ids apart where several cases stand together."""
    every = (card.first_actions, card.further_actions) if isinstance(card, RequestCard) else card.rows
    rows = every if all_rows else every[:1]
    return tuple(
        {"type": "actions", "elements": [button(action, card, language, suffix) for action in row]}
        for row in rows
        if row
    )


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": clip(text)}}


def context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": clip(text, 2000)}]}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, 150)}


def plain(text: str, most: int = 75) -> Block:
    return {"type": "plain_text", "text": clip(text, most)}


def clip(text: str, most: int = 3000) -> str:
    """At most so many characters; a text of several lines loses whole ones, so that no instant is cut in two."""
    if len(text) <= most:
        return text
    cut = text[: most - 2]
    return f"{cut.rpartition(chr(10))[0] or cut} …"


def mention(name: str | None, language: str, *, starts: bool = False) -> Markup:
    """A Slack user as a mention; of anybody at a shell only that they are, no account. `starts`: with a capital."""
    if name and re.fullmatch(r"[UW][A-Z0-9]{2,}", name):
        return Markup(f"<@{name}>")  # noqa: S704 - letters and digits only
    said = word(language, "at_a_shell") if name and (name == SHELL or typist_of(name)) else name or ""
    return Markup(escape_slack(said[:1].upper() + said[1:] if starts else said))  # noqa: S704 - escaped here


def mentions(language: str) -> Callable[..., Markup]:
    """`mention` for a template in this language."""
    return partial(mention, language=language)


def button(action: str, card: Card, language: str, suffix: str = "") -> Block:
    """One of them."""
    text, about = _label(action, card, language)
    shown: Block = {
        "type": "button",
        "action_id": f"{action}{suffix}",
        "text": plain(text),
        "value": f"{card.reference}|{card.version}|{about}",
    }
    if action == READ and isinstance(card, RequestCard) and card.held:
        shown["style"] = "primary"
    if action in CONFIRMED:
        shown["confirm"] = _confirmation(action, card, language)
    return shown


def _label(action: str, card: Card, language: str) -> tuple[str, str]:
    """What a button says, and the customer that it is about."""
    if isinstance(card, RequestCard) and action.startswith(CANDIDATE):
        one = card.candidates[int(action.rpartition("_")[2])]
        return one.name, one.reference
    if isinstance(card, RequestCard) and card.proposal and action in (AGREE, REJECT):
        return word(language, f"button.{action}", customer=card.proposal.name), card.proposal.reference
    first = isinstance(card, RequestCard) and action == READ and card.held
    return word(language, "button.read_first" if first else f"button.{action}"), ""


def _confirmation(action: str, card: Card, language: str) -> Block:
    text = word(language, f"confirm.{action}.text", reference=card.reference)
    if action == CLOSE and isinstance(card, BreachCard) and card.lacks_final:
        text = f"{text} {word(language, 'confirm.no_final')}"
    return {
        "title": plain(word(language, f"confirm.{action}.title", reference=card.reference), 100),
        "text": plain(text, 300),
        "confirm": plain(word(language, f"confirm.{action}.yes"), 30),
        "deny": plain(word(language, "cancel"), 30),
    }


def words_about(card: RequestCard, language: str) -> dict[str, Any]:
    """The words of a request's card, for what is written elsewhere than in Slack."""
    return _values(card, language)


def _values(card: Card, language: str) -> dict[str, Any]:
    lines = card.customers if isinstance(card, BreachCard) else card.forwards
    means = {line.means: word(language, f"means.{line.means}") for line in lines if line.means}
    common: dict[str, Any] = {"card": card, "mention": mentions(language), "shown": SHOWN, "means": means}
    common["to_do"] = {task.what: word(language, f"task.{task.what}") for task in card.tasks}
    if isinstance(card, BreachCard):
        return {**common, **_values_of_breach(card, language), "facts": _say_facts(card.facts, language)}
    return {
        **common,
        "said": {
            reply.said: word(language, f"said_by.{reply.said}") for line in card.forwards for reply in line.replies
        },
        "reasons": {one.reference: _list(language, "evidence", one.evidence) for one in card.candidates},
        "kind": f"*{kind}* · " if (kind := find_word(language, f"kind.{card.kind}")) else "",
        "rights": _list(language, "right", card.rights) or word(language, "right.none"),
        "flags": _list(language, "flag", card.flags),
        "letter_language": find_word(language, f"language.{card.language}") or word(language, "language.other"),
        "hold": word(language, f"hold.{card.hold}") if card.hold else "",
        "reason": word(language, f"reason.{card.set_aside_reason}") if card.set_aside_reason else "",
    }


def _values_of_breach(card: BreachCard, language: str) -> dict[str, Any]:
    """The words of the ledger: each state that any customer is in, and the next step of those that are named."""
    urgent = card.urgent[:SHOWN]
    return {
        "states": {state: word(language, f"state.{state}") for state, _ in card.counts},
        "steps": {one.customer_reference: step_in_slack(NextStep(one.step), one.step_at, language) for one in urgent},
    }


def _say_facts(facts: FactsLine | None, language: str) -> dict[str, str]:
    """What is known of a breach, and what is not, in words."""
    if facts is None:
        return {}
    return {
        "nature": _list(language, "nature_short", facts.nature),
        "data_kinds": _list(language, "data_kind", facts.data_kinds),
        "unknown": _list(language, "fact_short", facts.unknown),
    }


def _who(card: Card, line: ForwardLine | CustomerLine | None) -> str:
    """The customer that an event is about; without one, those of a request whose forward failed, or all."""
    if line is not None or isinstance(card, BreachCard):
        return line.customer if line else ""
    return ", ".join(one.customer for one in card.failed or card.standing or card.forwards)


def _list(language: str, kind: str, words: Iterable[str]) -> str:
    """Known labels in words; one that has no words is left out."""
    return ", ".join(found for each in words if (found := find_word(language, f"{kind}.{each}")))
