"""The Web API over HTTP: tokens, scopes, faults, arguments; then the method."""

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from . import methods, people
from .faults import Faults
from .manifest import METHOD_SCOPES
from .methods import Desk, Method
from .model import Message, ResponseUrl
from .refusals import Json, Refused
from .rules import check_message
from .wire import read_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

BOT_TOKEN = "xoxb-playground-bot-token"
APP_TOKEN = "xapp-playground-app-token"
TICKET = "apps.connections.open"

_POST = {"channel", "text", "blocks", "thread_ts", "metadata", "mrkdwn", "parse", "link_names"}
_VIEW = {"view", "trigger_id"}
METHODS: dict[str, tuple[Method, set[str]]] = {
    "auth.test": (methods.auth_test, set()),
    "chat.postMessage": (methods.post_message, _POST | {"reply_broadcast", "unfurl_links", "unfurl_media"}),
    "chat.update": (methods.update_message, {*_POST - {"thread_ts", "mrkdwn"}, "ts"}),
    "chat.delete": (methods.delete_message, {"channel", "ts"}),
    "chat.postEphemeral": (methods.post_ephemeral, _POST - {"metadata", "mrkdwn"} | {"user"}),
    "chat.getPermalink": (methods.get_permalink, {"channel", "message_ts"}),
    "views.open": (methods.open_view, _VIEW),
    "views.push": (methods.push_view, _VIEW),
    "views.update": (methods.update_view, {"view", "view_id", "external_id", "hash"}),
    "views.publish": (methods.publish_home, {"view", "user_id", "hash"}),
    "users.info": (methods.users_info, {"user", "include_locale"}),
    "conversations.info": (methods.conversations_info, {"channel", "include_locale", "include_num_members"}),
    "conversations.open": (methods.conversations_open, {"users", "return_im", "prevent_creation"}),
}
_ANYWHERE = {"token", "team_id"}
REMEMBERED = 10_000


@dataclass(frozen=True)
class Call:
    """One call of a method; `at` in seconds of the monotonic clock, `refused` is Slack's code or empty."""

    method: str
    channel: str
    at: float
    refused: str = ""


class WebApi:
    """What the bot reaches by HTTP. `payloads` keeps, as text, everything it ever sent; `calls` the last ones."""

    def __init__(self, desk: Desk, faults: Faults, payloads: list[str]) -> None:
        self.desk = desk
        self.faults = faults
        self.payloads = payloads
        self.calls = deque[Call](maxlen=REMEMBERED)
        self.socket_url: Callable[[], str] = str

    def add_routes(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{method}", self.answer)
        app.router.add_post("/response/{key}", self.answer_response_url)

    async def answer(self, request: web.Request) -> web.Response:
        method, channel, at = request.match_info["method"], "", time.monotonic()
        try:
            arguments, text = await read_arguments(request)
            channel = str(arguments.get("channel", ""))
            self.payloads.append(text)
            with self.desk.model.lock:
                body = self._call(request, method, arguments)
        except Refused as refused:
            self.calls.append(Call(method, channel, at, refused.code))
            return web.json_response(refused.body(), status=refused.status, headers=refused.headers())
        self.calls.append(Call(method, channel, at))
        scopes = ",".join(sorted(self.desk.manifest.scopes))
        return web.json_response({"ok": True, **body}, headers={"x-oauth-scopes": scopes})

    def _call(self, request: web.Request, method: str, arguments: Json) -> Json:
        if method != TICKET and method not in METHODS:
            raise Refused("unknown_method", req_method=method)
        self._check_token(method, request.headers.get("Authorization", ""), arguments)
        self.faults.check(method, str(arguments.get("channel", "")))
        if method == TICKET:
            return {"url": self.socket_url()}
        run, known = METHODS[method]
        unknown = sorted(arguments.keys() - known - _ANYWHERE)
        if unknown:
            raise Refused("invalid_arguments", *(f"unknown argument [json-pointer:/{each}]" for each in unknown))
        if arguments.get("team_id", people.TEAM) != people.TEAM:
            raise Refused("team_not_found")
        self.desk.manifest.require_scope(*METHOD_SCOPES.get(method, ()))
        return run(self.desk, arguments)

    def _check_token(self, method: str, header: str, arguments: Json) -> None:
        token = header.removeprefix("Bearer ").strip() or arguments.get("token", "")
        if not token:
            raise Refused("not_authed")
        if token not in {BOT_TOKEN, APP_TOKEN}:
            raise Refused("invalid_auth")
        if self.desk.model.revoked:
            raise Refused("token_revoked")
        if token != (APP_TOKEN if method == TICKET else BOT_TOKEN):
            raise Refused("not_allowed_token_type")

    async def answer_response_url(self, request: web.Request) -> web.Response:
        try:
            arguments, text = await read_arguments(request)
            self.payloads.append(text)
            with self.desk.model.lock:
                self._respond(request.match_info["key"], arguments)
        except Refused as refused:
            status = 404 if refused.code in {"used_url", "expired_url"} else 400
            return web.json_response(refused.body(), status=status)
        return web.Response(text="ok")

    def _respond(self, key: str, arguments: Json) -> None:
        model = self.desk.model
        target = model.response_urls.get(key)
        if target is None or target.left <= 0:
            raise Refused("used_url")
        if model.clock() > target.expires:
            raise Refused("expired_url")
        target.left -= 1
        message = target.message
        if arguments.get("delete_original") and message is not None:
            model.remove(message)
            return
        blocks = check_message(arguments.get("text"), arguments.get("blocks", []))
        if arguments.get("replace_original") and message is not None:
            model.revise(message, text=arguments["text"], blocks=blocks, edited=True)
            return
        model.add(self._write(target, arguments, blocks))

    def _write(self, target: ResponseUrl, arguments: Json, blocks: list[Json]) -> Message:
        kind = arguments.get("response_type", "ephemeral")
        if kind not in {"ephemeral", "in_channel"}:
            raise Refused("invalid_arguments", "response_type is ephemeral or in_channel")
        only_for = target.user if kind == "ephemeral" else None
        ts, thread = self.desk.model.next_ts(), arguments.get("thread_ts")
        return Message(target.channel, ts, arguments["text"], blocks, thread=thread, only_for=only_for)
