"""Block Kit's elements and blocks as tables; a kind that is not in them is refused."""

from .shapes import (
    CONFIRM,
    GROUP,
    IDENT,
    OPTION,
    RICH_OPTION,
    Check,
    Problems,
    Shape,
    day,
    flag,
    link,
    one_of,
    plain,
    rich,
    several,
    text,
    whole,
    words,
)

SOME: dict[str, Check] = {"focus_on_load": flag, "confirm": CONFIRM}
PLACEHOLDER: dict[str, Check] = {"placeholder": plain(150)}
INSTANT = whole(1_000_000_000, 9_999_999_999)
LENGTHS: dict[str, Check] = {"min_length": whole(0, 3000), "max_length": whole(1, 3000)}
DISPATCH = Shape({"trigger_actions_on": several(one_of("on_enter_pressed", "on_character_entered"), 2)})
TYPED: dict[str, Check] = {"focus_on_load": flag, "dispatch_action_config": DISPATCH, **PLACEHOLDER}


def _element(kind: str, optional: dict[str, Check], **required: Check) -> Shape:
    return Shape(optional, {"type": one_of(kind), "action_id": IDENT, **required})


def _static(kind: str, initial: dict[str, Check], **more: Check) -> Shape:
    return _element(
        kind,
        {
            **SOME,
            **PLACEHOLDER,
            "options": several(OPTION, 100),
            "option_groups": several(GROUP, 100),
            **initial,
            **more,
        },
    )


def _external(kind: str, initial: dict[str, Check], **more: Check) -> Shape:
    return _element(kind, {**SOME, **PLACEHOLDER, "min_query_length": whole(0, 300), **initial, **more})


ONE: dict[str, Check] = {"initial_option": OPTION}
MANY: dict[str, Check] = {"initial_options": several(OPTION, 100), "max_selected_items": whole(1, 100)}
BUTTON: dict[str, Check] = {
    "value": text(2000),
    "url": link,
    "style": one_of("primary", "danger"),
    "confirm": CONFIRM,
    "accessibility_label": text(75),
}

ELEMENTS: dict[str, Shape] = {
    "button": _element("button", BUTTON, text=plain(75)),
    "overflow": _element("overflow", {"confirm": CONFIRM}, options=several(OPTION, 5)),
    "static_select": _static("static_select", ONE),
    "multi_static_select": _static("multi_static_select", MANY),
    "external_select": _external("external_select", ONE),
    "multi_external_select": _external("multi_external_select", MANY),
    "users_select": _element("users_select", {**SOME, **PLACEHOLDER, "initial_user": IDENT}),
    "multi_users_select": _element(
        "multi_users_select",
        {**SOME, **PLACEHOLDER, "initial_users": several(IDENT, 100), "max_selected_items": whole(1, 100)},
    ),
    "radio_buttons": _element(
        "radio_buttons", {**SOME, "initial_option": RICH_OPTION}, options=several(RICH_OPTION, 10)
    ),
    "checkboxes": _element(
        "checkboxes", {**SOME, "initial_options": several(RICH_OPTION, 10)}, options=several(RICH_OPTION, 10)
    ),
    "datepicker": _element("datepicker", {**SOME, **PLACEHOLDER, "initial_date": day}),
    "datetimepicker": _element("datetimepicker", {**SOME, "initial_date_time": INSTANT}),
    "plain_text_input": _element(
        "plain_text_input", {**TYPED, **LENGTHS, "initial_value": text(3000, 0), "multiline": flag}
    ),
    "email_text_input": _element("email_text_input", {**TYPED, "initial_value": text(3000, 0)}),
    "number_input": _element(
        "number_input",
        {**TYPED, "initial_value": text(40), "min_value": text(40), "max_value": text(40)},
        is_decimal_allowed=flag,
    ),
}

SELECTS = {"static_select", "external_select", "users_select"}
MULTIPLE = {f"multi_{kind}" for kind in SELECTS}
TEXT_INPUTS = {"plain_text_input", "email_text_input", "number_input"}
CHOICES = {"radio_buttons", "checkboxes"}
IN_ACTIONS = {"button", "overflow", "datepicker", "datetimepicker"} | SELECTS | CHOICES
IN_SECTION = {"button", "overflow", "datepicker"} | SELECTS | MULTIPLE | CHOICES
IN_INPUT = {"datepicker", "datetimepicker"} | SELECTS | MULTIPLE | CHOICES | TEXT_INPUTS


def element(allowed: set[str]) -> Check:
    def check(value: object, at: str) -> Problems:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in allowed:
            yield f"unsupported element type: {kind} [json-pointer:{at}/type]"
            return
        yield from ELEMENTS[str(kind)](value, at)

    return check


def _block(kind: str, optional: dict[str, Check], **required: Check) -> Shape:
    return Shape({"block_id": IDENT, **optional}, {"type": one_of(kind), **required})


IN_CONTEXT = words(2000, "plain_text", "mrkdwn")
BLOCKS: dict[str, Shape] = {
    "section": _block(
        "section",
        {"text": rich(3000), "fields": several(rich(2000), 10), "accessory": element(IN_SECTION), "expand": flag},
    ),
    "header": _block("header", {}, text=plain(150)),
    "divider": _block("divider", {}),
    "context": _block("context", {}, elements=several(IN_CONTEXT, 10)),
    "actions": _block("actions", {}, elements=several(element(IN_ACTIONS), 25)),
    "input": _block(
        "input",
        {"hint": plain(2000), "optional": flag, "dispatch_action": flag},
        label=plain(2000),
        element=element(IN_INPUT),
    ),
}
