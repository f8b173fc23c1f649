"""What Slack accepts as a message or a view, and with which code it refuses the rest."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from .elements import BLOCKS
from .refusals import Json, Refused
from .shapes import Check, Problems, Shape, flag, one_of, plain, text

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_TEXT = 40_000
# Not documented; chat.postMessage was seen to refuse 11,341 characters with msg_blocks_too_long and to accept 9,597.
MESSAGE_BLOCK_TEXT = 9_500
VIEW_BYTES = 250_000
VIEW_STACK = 3

_COMMON: dict[str, Check] = {
    "callback_id": text(255),
    "external_id": text(255),
    "private_metadata": text(3000, 0),
    "blocks": lambda _value, _at: iter(()),
}
VIEWS: dict[str, Shape] = {
    "modal": Shape(
        {**_COMMON, "submit": plain(24), "close": plain(24), "clear_on_close": flag, "notify_on_close": flag},
        {"type": one_of("modal"), "title": plain(24)},
    ),
    "home": Shape(_COMMON, {"type": one_of("home")}),
}


def check_message(said: Any, blocks: Any) -> list[Json]:
    """Return the blocks with every block_id filled in, or raise Refused."""
    if not isinstance(said, str) or not said.strip():
        raise Refused("no_text", "the top-level `text` argument is missing: it is what notifications show")
    if len(said) > MESSAGE_TEXT:
        raise Refused("msg_too_long", f"must be less than {MESSAGE_TEXT + 1} characters [json-pointer:/text]")
    problems = list(find_block_problems(blocks, most=MESSAGE_BLOCKS, inputs=False, home=False))
    if problems:
        raise Refused("invalid_blocks", *problems)
    if sum(map(len, _texts(blocks))) > MESSAGE_BLOCK_TEXT:
        raise Refused("msg_blocks_too_long", f"the blocks hold more than {MESSAGE_BLOCK_TEXT} characters of text")
    return fill_block_ids(blocks)


def check_view(view: Any, *kinds: str) -> Json:
    """Return the view as Slack keeps it, or raise Refused."""
    kind = view.get("type") if isinstance(view, dict) else None
    if kind not in kinds:
        raise Refused("invalid_arguments", f"must be a view of type {' or '.join(kinds)} [json-pointer:/view/type]")
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES:
        raise Refused("view_too_large")
    problems = list(_find_view_problems(view, str(kind)))
    if problems:
        raise Refused("invalid_arguments", *problems)
    return {**view, "blocks": fill_block_ids(view["blocks"])}


def _find_view_problems(view: Json, kind: str) -> Problems:
    yield from VIEWS[kind](view, "/view")
    blocks = view.get("blocks")
    if not blocks:
        yield "missing required field: blocks [json-pointer:/view]"
        return
    yield from find_block_problems(blocks, most=VIEW_BLOCKS, inputs=True, home=kind == "home", at="/view/blocks")
    if kind == "modal" and "submit" not in view and any(_is(block, "input") for block in blocks):
        yield "a modal with input blocks must have a submit button [json-pointer:/view/submit]"


def find_block_problems(blocks: Any, *, most: int, inputs: bool, home: bool, at: str = "/blocks") -> Problems:
    if not isinstance(blocks, list):
        yield f"must be a list [json-pointer:{at}]"
        return
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    allowed = BLOCKS.keys() - (set() if inputs else {"input"})
    for index, block in enumerate(blocks):
        yield from _find_problems(block, allowed, f"{at}/{index}")
    yield from _find_doubles(blocks, at)
    focused = [element for _, element in interactive(blocks) if element.get("focus_on_load")]
    if len(focused) > 1 or (focused and not inputs) or (focused and home):
        yield f"focus_on_load is for one element of a modal [json-pointer:{at}]"


def _find_problems(block: Any, allowed: set[str], at: str) -> Problems:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in allowed:
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    yield from BLOCKS[str(kind)](block, at)
    if kind == "section" and not ("text" in block or "fields" in block):
        yield f"a section needs text or fields [json-pointer:{at}]"
    for _, element in interactive([block]):
        yield from _find_option_problems(element, at)


def _find_option_problems(element: Json, at: str) -> Problems:
    kind = str(element.get("type", ""))
    if kind.endswith("static_select") and ("options" in element) == ("option_groups" in element):
        yield f"a static select needs either options or option_groups [json-pointer:{at}]"
    if kind.endswith("external_select"):
        return
    options = options_of(element)
    values = [option.get("value") for option in options if isinstance(option, dict)]
    if len(values) != len(set(map(str, values))):
        yield f"option values must be unique [json-pointer:{at}]"
    initial = [element["initial_option"]] if "initial_option" in element else element.get("initial_options", [])
    if any(option not in options for option in initial):
        yield f"an initial option must be one of the options, exactly [json-pointer:{at}]"


def _find_doubles(blocks: list[Any], at: str) -> Problems:
    ids = [block["block_id"] for block in blocks if isinstance(block, dict) and "block_id" in block]
    yield from (f"block_id must be unique: {each} [json-pointer:{at}]" for each in _doubled(ids))
    actions = [element.get("action_id") for _, element in interactive(blocks)]
    yield from (f"action_id must be unique: {each} [json-pointer:{at}]" for each in _doubled(actions))


def _doubled(values: list[Any]) -> list[str]:
    return sorted({str(value) for value in values if value is not None and values.count(value) > 1})


def interactive(blocks: Any) -> Iterator[tuple[Json, Json]]:
    """Every element a person can touch, with its block."""
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, dict):
            continue
        parts = block.get("elements") if _is(block, "actions") else [block.get("accessory"), block.get("element")]
        yield from ((block, part) for part in parts or [] if isinstance(part, dict))


def options_of(element: Json) -> list[Json]:
    groups = element.get("option_groups")
    if isinstance(groups, list):
        return [option for group in groups for option in group.get("options", []) if isinstance(group, dict)]
    options = element.get("options")
    return options if isinstance(options, list) else []


def fill_block_ids(blocks: list[Json]) -> list[Json]:
    """Slack names a block that has no block_id: five random characters."""
    return [block if "block_id" in block else {**block, "block_id": secrets.token_hex(3)[:5]} for block in blocks]


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["text"]] if isinstance(part.get("text"), str) else [])
        yield from (found for value in part.values() for found in _texts(value))
    elif isinstance(part, list):
        yield from (found for value in part for found in _texts(value))


def _is(block: Any, kind: str) -> bool:
    return isinstance(block, dict) and block.get("type") == kind
