"""The modals of a notice: what it would say and to how many, what to do with it, and to send it after all (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.blocks import Block, mentions, plain, section
from bot.fields import View, external, field, modal, option, read_choice, read_option, read_text, select, text_input
from bot.notice_acts import Wish
from bot.notice_cards import ALONE, PREVIEW, NoticeSheet, SendingSheet, WarningLine
from bot.personal import refuse_personal_data
from bot.words import word
from storage.naming import normal_name
from templates import render

STEP, CONFIRM = "breach_notice", "breach_notice_send"
SHOWN = 10
"""Customers that a warning names at most; the rest are counted."""
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Choice:
    """What was chosen: a step, the customer whose notice is to be previewed, whether the next version is the last."""

    reference: str
    step: str
    customer: str | None
    final: bool


def notice_form(sheet: NoticeSheet, language: str) -> View:
    """The version as it stands, and what to do with it."""
    steps = [option(word(language, f"notice.{step}", count=sheet.added), step) for step in sheet.steps]
    blocks = [section(say_sheet(sheet, language)), select(language, "notice_step", steps)]
    if PREVIEW in sheet.steps:
        blocks.append(_customer_field(sheet.customers, language))
    answers = {one: option(word(language, f"notice.final_{one}"), one) for one in (NO, YES)}
    blocks.append(select(language, "notice_final", list(answers.values()), chosen=answers[YES if sheet.final else NO]))
    return modal(language, STEP, blocks, sheet.reference, submit="next")


def offer_customers(customers: Iterable[tuple[str, str]], typed: str) -> list[Block]:
    """The options of the typeahead over those that the notice goes to: (reference, name), by a part of either."""
    part = normal_name(typed)
    return [_customer(one) for one in customers if part in normal_name(" ".join(one))][:100]


def confirm_form(sheet: SendingSheet, language: str) -> View:
    """Once more, with the version and to how many customers; alone with a reason, and what must be looked at ticked."""
    blocks = [section(render("breach_notice_confirm", language, "slack", sheet=sheet, warnings=_said(sheet, language)))]
    if sheet.mentions:
        blocks.append(_tick(language, "notice_seen"))
    if sheet.step == ALONE:
        blocks.append(text_input(language, "alone_reason", optional=False))
    about = f"{sheet.reference}|{sheet.step}|{sheet.notice_id}|{sheet.seen}"
    return modal(language, CONFIRM, blocks, about, submit="notice.send")


def say_sheet(sheet: NoticeSheet, language: str) -> str:
    """The version in words: what is known and what is not, to how many it goes, what to look at."""
    labels = {name: word(language, f"fact_short.{name}") for name in (*sheet.known, *sheet.missing)}
    return render(
        "breach_notice_sheet",
        language,
        "slack",
        sheet=sheet,
        known=[labels[name] for name in sheet.known],
        missing=[labels[name] for name in sheet.missing],
        warnings=_said(sheet, language),
        mention=mentions(language),
    )


def say_warning(warning: WarningLine, language: str) -> str:
    """One warning as a sentence."""
    facts = [word(language, f"fact_short.{name}") for name in warning.facts]
    values = {"warning": warning, "facts": facts, "shown": SHOWN}
    return " ".join(render("notice_warning", language, **values).split())


def read_step(view: Mapping[str, Any]) -> Choice:
    return Choice(
        view["private_metadata"],
        read_option(view, "notice_step"),
        read_choice(view, "notice_customer"),
        read_option(view, "notice_final") == YES,
    )


def read_wish(view: Mapping[str, Any]) -> Wish:
    """What is to be sent, and what its reader was shown. Raises PersonalDataInText."""
    reference, step, notice_id, seen = str(view["private_metadata"]).split("|")
    reason = read_text(view, "alone_reason")
    refuse_personal_data(reason)
    return Wish(reference, step, int(notice_id), seen, reason, mentions_seen=_is_ticked(view, "notice_seen"))


def _said(sheet: NoticeSheet | SendingSheet, language: str) -> list[str]:
    return [say_warning(one, language) for one in sheet.warnings]


def _customer_field(customers: Sequence[tuple[str, str]], language: str) -> Block:
    element = external("external_select", "notice_customer", language)
    return field(language, "notice_customer", element | {"initial_option": _customer(customers[0])})


def _customer(one: tuple[str, str]) -> Block:
    reference, name = one
    return option(f"{name} ({reference})", reference)


def _tick(language: str, name: str) -> Block:
    return field(language, name, {"type": "checkboxes", "action_id": name, "options": _ticks(language, [name])})


def _ticks(language: str, names: Iterable[str]) -> list[Block]:
    return [{"text": plain(word(language, f"tick.{name}")), "value": YES} for name in names]


def _is_ticked(view: Mapping[str, Any], name: str) -> bool:
    chosen = view["state"]["values"].get(name, {}).get(name, {}).get("selected_options") or []
    return bool(chosen)
