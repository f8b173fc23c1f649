"""The fields of a modal, built and read (pure). A field's name is both its block's and its action's id."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from bot.blocks import Block, plain
from bot.marking import mark_view
from bot.words import word

View = dict[str, Any]


def modal(
    language: str, name: str, blocks: list[Block], metadata: str = "", *, submit: str = "save", title: str = ""
) -> View:
    view = {
        "type": "modal",
        "callback_id": name,
        "private_metadata": metadata,
        "title": plain(word(language, f"title.{title or name}"), 24),
        "submit": plain(word(language, submit), 24),
        "close": plain(word(language, "cancel"), 24),
        "blocks": blocks,
    }
    return mark_view(view, metadata)


def field(language: str, name: str, element: Block, *, optional: bool = False) -> Block:
    label, hint = word(language, f"label.{name}"), word(language, f"hint.{name}")
    block = {"type": "input", "block_id": name, "label": plain(label, 2000), "element": element, "optional": optional}
    return block | ({"hint": plain(hint, 2000)} if hint else {})


def instant(language: str, name: str, *, initial: datetime | None = None) -> Block:
    element: Block = {"type": "datetimepicker", "action_id": name}
    if initial is not None:
        element["initial_date_time"] = int(initial.timestamp())
    return field(language, name, element)


def day(language: str, name: str) -> Block:
    """A date, which may be left empty."""
    return field(language, name, {"type": "datepicker", "action_id": name}, optional=True)


def text_input(language: str, name: str, *, optional: bool) -> Block:
    element = {"type": "plain_text_input", "action_id": name, "multiline": not optional, "max_length": 1500}
    return field(language, name, element, optional=optional)


def customers_select(language: str, *, optional: bool) -> Block:
    """A typeahead over all customers, for several; its hint says that it may be left empty, where that is so."""
    element = external("multi_external_select", "customers", language)
    made = field(language, "customers", element, optional=optional)
    return made if optional else {name: value for name, value in made.items() if name != "hint"}


def customer_select(language: str, name: str, *, optional: bool = False) -> Block:
    """A typeahead over the customers, for one of them."""
    return field(language, name, external("external_select", name, language), optional=optional)


def external(kind: str, name: str, language: str) -> Block:
    placeholder = plain(word(language, "placeholder.customer"), 150)
    return {"type": kind, "action_id": name, "min_query_length": 1, "placeholder": placeholder}


def select(language: str, name: str, options: list[Block], *, chosen: Block | None = None) -> Block:
    element: Block = {"type": "static_select", "action_id": name, "options": options}
    return field(language, name, element | ({"initial_option": chosen} if chosen else {}))


def option(text: str, value: str) -> Block:
    return {"text": plain(text), "value": value}


# --- reading ---


def read_at(view: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromtimestamp(int(_state_of(view, name)["selected_date_time"]), UTC)


def read_day(view: Mapping[str, Any], name: str) -> date | None:
    """The date that was chosen, if any."""
    chosen = _state_of(view, name).get("selected_date")
    return date.fromisoformat(str(chosen)) if chosen else None


def read_option(view: Mapping[str, Any], name: str) -> str:
    return str(_state_of(view, name)["selected_option"]["value"])


def read_choice(view: Mapping[str, Any], name: str) -> str | None:
    """What was chosen in a field that may be left empty."""
    chosen = _state_of(view, name).get("selected_option")
    return str(chosen["value"]) if chosen else None


def find_at(view: Mapping[str, Any], name: str) -> datetime | None:
    """The instant in a field that may be left empty."""
    seconds = _state_of(view, name).get("selected_date_time")
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)


def read_many(view: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """What was chosen where several options, or boxes, may be."""
    return tuple(str(option["value"]) for option in _state_of(view, name).get("selected_options") or [])


def read_customers(view: Mapping[str, Any]) -> tuple[str, ...]:
    return read_many(view, "customers")


def find_field(view: Mapping[str, Any], *kinds: str) -> str | None:
    """The block of the first field of one of these kinds; of the last field if there is none; None without fields."""
    inputs = [block for block in view.get("blocks", []) if block["type"] == "input"]
    wanted = [block["block_id"] for block in inputs if block["element"]["type"] in kinds]
    return str((wanted or [block["block_id"] for block in reversed(inputs)])[0]) if inputs else None


def read_text(view: Mapping[str, Any], name: str) -> str:
    return str(_state_of(view, name).get("value") or "").strip()


def _state_of(view: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = view["state"]["values"].get(name, {}).get(name, {})
    return found
