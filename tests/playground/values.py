"""What a person has typed or chosen: Slack's `state.values`, made from plain Python values."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from .elements import CHOICES, SELECTS, TEXT_INPUTS
from .refusals import Json
from .rules import interactive, options_of

REQUIRED = "Please complete this required field."
State = dict[str, dict[str, Json]]
_KEYS = {"datepicker": "selected_date", "datetimepicker": "selected_date_time", "users_select": "selected_user"}
_INITIAL = {
    "datepicker": "initial_date",
    "datetimepicker": "initial_date_time",
    "users_select": "initial_user",
    "multi_users_select": "initial_users",
}


def is_many(kind: str) -> bool:
    return kind.startswith("multi_") or kind == "checkboxes"


def value_key(kind: str) -> str:
    """The key under which Slack reports the value of such an element."""
    if kind in TEXT_INPUTS:
        return "value"
    if kind == "multi_users_select":
        return "selected_users"
    return _KEYS.get(kind, "selected_options" if is_many(kind) else "selected_option")


def starting_state(blocks: list[Json], before: State | None = None) -> State:
    """What stands in the fields of a view as it opens; what was typed survives an update under the same ids."""
    state: State = {}
    for block, element in interactive(blocks):
        kind = element["type"]
        if kind in {"button", "overflow"}:
            continue
        key = value_key(kind)
        kept = (before or {}).get(block["block_id"], {}).get(element["action_id"])
        fresh = {"type": kind, key: _initial(element)}
        state.setdefault(block["block_id"], {})[element["action_id"]] = kept if kept and kept["type"] == kind else fresh
    return state


def _initial(element: Json) -> Any:
    kind = element["type"]
    if kind in TEXT_INPUTS:
        return element.get("initial_value")
    plural = is_many(kind)
    return element.get(_INITIAL.get(kind, "initial_options" if plural else "initial_option"), [] if plural else None)


def entered(element: Json, value: Any, offered: list[Json]) -> Json:
    """The state of one element after a person gave it `value`; AssertionError if the client would not let them."""
    kind = element["type"]
    return {"type": kind, value_key(kind): _enter(element, value, offered)}


def _enter(element: Json, value: Any, offered: list[Json]) -> Any:
    kind = element["type"]
    if value is None or value == "":
        return [] if is_many(kind) else None
    if kind in _READERS:
        return _READERS[kind](value)
    if kind in TEXT_INPUTS:
        return _to_text(value)
    if not is_many(kind):
        return pick_option(value, offered, element["action_id"])
    chosen = value if isinstance(value, list | tuple | set) else [value]
    most = element.get("max_selected_items", 100)
    assert len(chosen) <= most, f"{element['action_id']} takes {most} at most"
    return [pick_option(each, offered, element["action_id"]) for each in chosen]


def _to_text(value: Any) -> str:
    assert isinstance(value, str), f"takes text, not {value!r}"
    return value


def _to_day(value: Any) -> str:
    return (value if isinstance(value, date) else date.fromisoformat(value)).isoformat()


def _to_seconds(value: Any) -> int:
    """Slack's picker knows whole minutes."""
    if isinstance(value, datetime):
        assert value.tzinfo is not None, "a naive datetime names no instant"
        value = int(value.astimezone(UTC).timestamp())
    assert isinstance(value, int), f"not an instant: {value!r}"
    return value - value % 60


_READERS: dict[str, Callable[[Any], Any]] = {
    "datepicker": _to_day,
    "datetimepicker": _to_seconds,
    "users_select": _to_text,
    "multi_users_select": list,
}


def pick_option(wanted: Any, offered: list[Json], action_id: str) -> Json:
    """The offered option whose value, text or whole is `wanted`."""
    for option in offered:
        if wanted in (option, option["value"], option["text"]["text"]):
            return option
    texts = ", ".join(option["text"]["text"] for option in offered)
    raise AssertionError(f"{action_id} offers no {wanted!r}; it offers: {texts or 'nothing'}")


def find_missing(blocks: list[Json], state: State) -> dict[str, str]:
    """What Slack's client says by itself, before anything is sent to the app."""
    found: dict[str, str] = {}
    for block, element in interactive(blocks):
        if block["type"] != "input":
            continue
        value = state[block["block_id"]][element["action_id"]][value_key(element["type"])]
        sentence = _find_fault(element, value, optional=block.get("optional", False))
        if sentence:
            found[block["block_id"]] = sentence
    return found


def _find_fault(element: Json, value: Any, *, optional: bool) -> str:
    if value is None or value in ("", []):
        return "" if optional else REQUIRED
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if element["type"] == "plain_text_input" and not least <= len(value) <= most:
        return f"Please enter {least} to {most} characters."
    if element["type"] == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return "Please enter a valid email address."
    return _find_fault_in_number(element, value) if element["type"] == "number_input" else ""


def _find_fault_in_number(element: Json, value: str) -> str:
    """Slack's client keeps to what the element says: whole numbers, least and most."""
    fraction = r"(\.\d+)?" if element["is_decimal_allowed"] else ""
    if not re.fullmatch(rf"-?\d+{fraction}", value):
        return "Please enter a number." if fraction else "Please enter a whole number."
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and Decimal(value) < Decimal(least):
        return f"Please enter a number of at least {least}."
    if most is not None and Decimal(value) > Decimal(most):
        return f"Please enter a number of at most {most}."
    return ""


def offers(element: Json) -> bool:
    """Whether the element brings its own options."""
    return element["type"] in SELECTS | CHOICES | {"multi_static_select", "overflow"} and bool(options_of(element))
