"""How the SDK puts arguments on the wire: JSON, forms with JSON inside, query strings, and an empty JSON body."""

import json
from typing import Any

from aiohttp import web

from .refusals import Json, Refused

_NESTED = {"blocks", "view", "metadata"}
_FLAGS = {"reply_broadcast", "unfurl_links", "unfurl_media", "mrkdwn", "link_names", "return_im", "include_locale"}
_FLAGS |= {"include_num_members", "prevent_creation"}
_WORDS = {"1": True, "0": False, "true": True, "false": False, True: True, False: False}


async def read_arguments(request: web.Request) -> tuple[Json, str]:
    """The arguments, decoded, and everything that was sent, as text (for the canary test)."""
    raw = await request.text()
    try:
        given = dict(request.query) | await _read_body(request, raw)
        arguments = {key: _decode(key, value) for key, value in given.items() if value is not None}
    except ValueError as problem:
        raise Refused("invalid_json" if "json" in request.content_type else "invalid_form_data") from problem
    return (
        arguments,
        f"{request.path} {json.dumps(given, ensure_ascii=False)} {json.dumps(arguments, ensure_ascii=False)}",
    )


async def _read_body(request: web.Request, raw: str) -> Json:
    if "json" in request.content_type:
        body = json.loads(raw) if raw.strip() else {}
        if not isinstance(body, dict):
            raise Refused("json_not_object")
        return body
    return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}


def _decode(key: str, value: Any) -> Any:
    if key in _NESTED and isinstance(value, str):
        return json.loads(value)
    if key in _FLAGS:
        if value not in _WORDS:
            raise Refused("invalid_arguments", f"must be a boolean [json-pointer:/{key}]")
        return _WORDS[value]
    return value
