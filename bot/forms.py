"""The modals, and reading what was typed in them (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.blocks import Block, plain, section
from bot.cards import SET_ASIDE_REASONS, ForwardLine, RequestCard, TaskLine
from bot.fields import (
    View,
    customer_select,
    instant,
    modal,
    option,
    read_option,
    read_text,
    select,
    text_input,
)
from bot.marking import mark_view
from bot.personal import refuse_personal_data
from bot.words import word
from storage.types import Means
from templates import render

REPORT, BECOME_AWARE, RECORD_TOLD, ADD_CUSTOMERS = "breach_report", "breach_aware", "breach_told", "breach_add"
CHOOSE, SET_ASIDE = "dsr_choose", "dsr_set_aside"
SEND_AGAIN, REACHED = "dsr_send_again", "dsr_reached"
TAKE_TASK, FINISH_TASK, SET_DUE = "dsr_take_task", "dsr_finish_task", "dsr_due"


def aware_form(reference: str, language: str) -> View:
    intro = section(render("breach_aware_form", language, "slack", reference=reference))
    return modal(language, BECOME_AWARE, [intro, instant(language, "aware_at")], reference)


def choose_form(reference: str, language: str) -> View:
    """The first step of forwarding: a typeahead over the customers."""
    intro = section(render("request_choose", language, "slack", reference=reference))
    return modal(language, CHOOSE, [intro, customer_select(language, "customer")], reference, submit="next")


def set_aside_form(reference: str, language: str) -> View:
    options = [option(word(language, f"reason.{reason}"), reason) for reason in SET_ASIDE_REASONS]
    blocks = [
        section(render("request_set_aside_form", language, "slack", reference=reference)),
        select(language, "reason", options),
        text_input(language, "note", optional=True),
    ]
    return modal(language, SET_ASIDE, blocks, reference)


def send_again_form(card: RequestCard, language: str) -> View:
    """Which of several customers whose server did not take the request."""
    blocks = [
        section(render("request_send_again_form", language, "slack", reference=card.reference)),
        select(language, "failed_customer", _failed(card)),
    ]
    return modal(language, SEND_AGAIN, blocks, card.reference, submit="send")


def reached_form(card: RequestCard, language: str, *, now: datetime) -> View:
    """Which customer was told, by which means, when. By e-mail would be another address: an instruction."""
    means = [option(word(language, f"means.{each.value}"), each.value) for each in Means if each is not Means.EMAIL]
    blocks = [
        section(render("request_reached_form", language, "slack", reference=card.reference)),
        select(language, "failed_customer", _failed(card)),
        select(language, "means", means),
        instant(language, "told_at", initial=now),
    ]
    return modal(language, REACHED, blocks, card.reference)


def task_form(action: str, reference: str, tasks: Iterable[TaskLine], language: str) -> View:
    """Which of several tasks."""
    return modal(language, action, [_tasks(language, tasks)], reference)


def due_form(reference: str, tasks: Sequence[TaskLine], language: str) -> View:
    """By when: of the one task, whose number goes with the reference, or of which of several."""
    if len(tasks) == 1:
        [task] = tasks
        when = instant(language, "due_at", initial=task.due_at)
        return modal(language, SET_DUE, [when], f"{reference}|{task.number}")
    return modal(language, SET_DUE, [_tasks(language, tasks), instant(language, "due_at")], f"{reference}|")


def sentence_view(text: str, language: str, *, title: str = "sorry") -> View:
    """A modal that only says something, in mrkdwn."""
    view = mark_view(modal(language, "said", [section(text)], title=title), text)
    del view["submit"]
    return view | {"close": plain(word(language, "close"), 24)}


def offer(customers: Iterable[tuple[str, str]]) -> list[Block]:
    """The options of a typeahead, from (reference, name)."""
    return [option(f"{name} ({reference})", reference) for reference, name in customers][:100]


def _tasks(language: str, tasks: Iterable[TaskLine]) -> Block:
    options = [option(f"{one.number}. {word(language, f'task.{one.what}')}", str(one.number)) for one in tasks]
    return select(language, "task", options[:100])


def _failed(card: RequestCard) -> list[Block]:
    return [_customer_option(line) for line in card.failed][:100]


def _customer_option(line: ForwardLine) -> Block:
    return option(f"{line.customer} ({line.customer_reference})", line.customer_reference)


# --- reading ---


def read_reason(view: Mapping[str, Any]) -> str:
    """The reason's code, and the note behind a colon. Raises PersonalDataInText."""
    note = read_text(view, "note")
    refuse_personal_data(note)
    code = read_option(view, "reason")
    return f"{code}: {note}" if note else code
