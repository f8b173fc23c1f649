"""The modals, and reading what was typed in them (pure). Field names are both block and action ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.blocks import Block, plain, section
from bot.cards import REASONS, BreachCard, CustomerLine, ForwardLine, RequestCard, TaskLine
from bot.personal import refuse_personal_data
from bot.words import word
from storage.types import Means
from templates import render

REPORT, BECOME_AWARE, RECORD_TOLD, ADD_CUSTOMERS = "breach_report", "breach_aware", "breach_told", "breach_add"
CHOOSE, CONFIRM, SET_ASIDE = "dsr_choose", "dsr_confirm", "dsr_set_aside"
SEND_AGAIN, REACHED = "dsr_send_again", "dsr_reached"
TAKE_TASK, FINISH_TASK, SET_DUE = "dsr_take_task", "dsr_finish_task", "dsr_due"
View = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What the breach form says; no customers means "not known yet"."""

    noticed_at: datetime
    summary: str
    customers: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """The customer chosen for a request, as the confirmation shows it."""

    reference: str
    customer: str
    name: str
    address: str


def report_form(language: str, *, with_customers: bool) -> View:
    """`/breach`: when noticed, what happened, which customers."""
    blocks = [
        section(render("breach_form", language, "slack")),
        _instant(language, "noticed_at"),
        _text(language, "summary", optional=False),
    ]
    if with_customers:
        blocks.append(_customers(language, optional=True))
    return _modal(language, REPORT, blocks, submit="report")


def aware_form(reference: str, language: str) -> View:
    intro = section(render("breach_aware_form", language, "slack", reference=reference))
    return _modal(language, BECOME_AWARE, [intro, _instant(language, "aware_at")], reference)


def told_form(card: BreachCard, language: str, *, now: datetime) -> View:
    """Which customer, by which means, when; those not told yet stand first."""
    lines = card.customers[:100]
    blocks = [
        section(render("breach_told_form", language, "slack", reference=card.reference)),
        _select(language, "told_customer", [_customer_option(line) for line in lines]),
        _select(language, "means", [_option(word(language, f"means.{each.value}"), each.value) for each in Means]),
        _instant(language, "told_at", initial=now),
    ]
    return _modal(language, RECORD_TOLD, blocks, card.reference)


def add_form(reference: str, language: str) -> View:
    return _modal(language, ADD_CUSTOMERS, [_customers(language, optional=False)], reference)


def choose_form(reference: str, language: str) -> View:
    """The first step of forwarding: a typeahead over the customers."""
    element = _external("external_select", "customer", language)
    intro = section(render("request_choose", language, "slack", reference=reference))
    return _modal(language, CHOOSE, [intro, _input(language, "customer", element)], reference, submit="next")


def confirm_form(choice: Choice, language: str) -> View:
    """The second step: what will be sent to whom, in so many words."""
    blocks = [section(render("request_confirm", language, "slack", choice=choice))]
    return _modal(language, CONFIRM, blocks, f"{choice.reference}|{choice.customer}", submit="forward")


def set_aside_form(reference: str, language: str) -> View:
    options = [_option(word(language, f"reason.{reason}"), reason) for reason in REASONS]
    blocks = [
        section(render("request_set_aside_form", language, "slack", reference=reference)),
        _select(language, "reason", options),
        _text(language, "note", optional=True),
    ]
    return _modal(language, SET_ASIDE, blocks, reference)


def send_again_form(card: RequestCard, language: str) -> View:
    """Which of several customers whose server did not take the request."""
    blocks = [
        section(render("request_send_again_form", language, "slack", reference=card.reference)),
        _select(language, "failed_customer", _failed(card)),
    ]
    return _modal(language, SEND_AGAIN, blocks, card.reference, submit="send")


def reached_form(card: RequestCard, language: str, *, now: datetime) -> View:
    """Which customer was told, by which means, when. By e-mail would be another address: an instruction."""
    means = [_option(word(language, f"means.{each.value}"), each.value) for each in Means if each is not Means.EMAIL]
    blocks = [
        section(render("request_reached_form", language, "slack", reference=card.reference)),
        _select(language, "failed_customer", _failed(card)),
        _select(language, "means", means),
        _instant(language, "told_at", initial=now),
    ]
    return _modal(language, REACHED, blocks, card.reference)


def task_form(action: str, reference: str, tasks: Iterable[TaskLine], language: str) -> View:
    """Which of several tasks."""
    return _modal(language, action, [_tasks(language, tasks)], reference)


def due_form(reference: str, tasks: Sequence[TaskLine], language: str) -> View:
    """By when: of the one task, whose number goes with the reference, or of which of several."""
    if len(tasks) == 1:
        [task] = tasks
        when = _instant(language, "due_at", initial=task.due_at)
        return _modal(language, SET_DUE, [when], f"{reference}|{task.number}")
    return _modal(language, SET_DUE, [_tasks(language, tasks), _instant(language, "due_at")], f"{reference}|")


def sentence_view(text: str, language: str, *, title: str = "sorry") -> View:
    """A modal that only says something, in mrkdwn."""
    view = _modal(language, "said", [section(text)], title=title)
    del view["submit"]
    return view | {"close": plain(word(language, "close"), 24)}


def offer(customers: Iterable[tuple[str, str]]) -> list[Block]:
    """The options of a typeahead, from (reference, name)."""
    return [_option(f"{name} ({reference})", reference) for reference, name in customers][:100]


# --- reading ---


def read_report(view: Mapping[str, Any]) -> Report:
    """Raises PersonalDataInText."""
    summary = _read_text(view, "summary")
    refuse_personal_data(summary)
    return Report(read_at(view, "noticed_at"), summary, read_customers(view))


def read_reason(view: Mapping[str, Any]) -> str:
    """The reason's code, and the note behind a colon. Raises PersonalDataInText."""
    note = _read_text(view, "note")
    refuse_personal_data(note)
    code = read_option(view, "reason")
    return f"{code}: {note}" if note else code


def read_at(view: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromtimestamp(int(_field(view, name)["selected_date_time"]), UTC)


def read_option(view: Mapping[str, Any], name: str) -> str:
    return str(_field(view, name)["selected_option"]["value"])


def read_customers(view: Mapping[str, Any]) -> tuple[str, ...]:
    chosen = _field(view, "customers").get("selected_options") or []
    return tuple(str(option["value"]) for option in chosen)


def find_field(view: Mapping[str, Any], *kinds: str) -> str | None:
    """The block of the first field of one of these kinds; of the last field if there is none; None without fields."""
    inputs = [block for block in view.get("blocks", []) if block["type"] == "input"]
    wanted = [block["block_id"] for block in inputs if block["element"]["type"] in kinds]
    return str((wanted or [block["block_id"] for block in reversed(inputs)])[0]) if inputs else None


def _read_text(view: Mapping[str, Any], name: str) -> str:
    return str(_field(view, name).get("value") or "").strip()


def _field(view: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = view["state"]["values"].get(name, {}).get(name, {})
    return found


# --- building ---


def _modal(
    language: str, name: str, blocks: list[Block], metadata: str = "", *, submit: str = "save", title: str = ""
) -> View:
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": metadata,
        "title": plain(word(language, f"title.{title or name}"), 24),
        "submit": plain(word(language, submit), 24),
        "close": plain(word(language, "cancel"), 24),
        "blocks": blocks,
    }


def _input(language: str, name: str, element: Block, *, optional: bool = False) -> Block:
    label, hint = word(language, f"label.{name}"), word(language, f"hint.{name}")
    block = {"type": "input", "block_id": name, "label": plain(label, 2000), "element": element, "optional": optional}
    return block | ({"hint": plain(hint, 2000)} if hint else {})


def _instant(language: str, name: str, *, initial: datetime | None = None) -> Block:
    element: Block = {"type": "datetimepicker", "action_id": name}
    if initial is not None:
        element["initial_date_time"] = int(initial.timestamp())
    return _input(language, name, element)


def _text(language: str, name: str, *, optional: bool) -> Block:
    element = {"type": "plain_text_input", "action_id": name, "multiline": not optional, "max_length": 1500}
    return _input(language, name, element, optional=optional)


def _customers(language: str, *, optional: bool) -> Block:
    element = _external("multi_external_select", "customers", language)
    return _input(language, "customers", element, optional=optional)


def _external(kind: str, name: str, language: str) -> Block:
    placeholder = plain(word(language, "placeholder.customer"), 150)
    return {"type": kind, "action_id": name, "min_query_length": 1, "placeholder": placeholder}


def _select(language: str, name: str, options: list[Block]) -> Block:
    return _input(language, name, {"type": "static_select", "action_id": name, "options": options})


def _tasks(language: str, tasks: Iterable[TaskLine]) -> Block:
    options = [_option(f"{one.number}. {word(language, f'task.{one.what}')}", str(one.number)) for one in tasks]
    return _select(language, "task", options[:100])


def _option(text: str, value: str) -> Block:
    return {"text": plain(text), "value": value}


def _failed(card: RequestCard) -> list[Block]:
    return [_customer_option(line) for line in card.failed][:100]


def _customer_option(line: CustomerLine | ForwardLine) -> Block:
    return _option(f"{line.customer} ({line.customer_reference})", line.customer_reference)
