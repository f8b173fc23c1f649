"""What the workspace remembers: messages, open views, triggers, response URLs. One lock around all of it."""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from . import people
from .refusals import Json, Refused
from .rules import VIEW_STACK
from .values import State, starting_state

TRIGGER_SECONDS = 3.0


@dataclass(frozen=True)
class Message:
    """One message as its readers see it; `only_for` names the one person who sees an ephemeral one."""

    channel: str
    ts: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    user: str = people.BOT_USER
    thread: str | None = None
    broadcast: bool = False
    edited: bool = False
    only_for: str | None = None

    def as_json(self) -> Json:
        own = {"bot_id": people.BOT, "app_id": people.APP} if self.user == people.BOT_USER else {}
        answer: Json = {
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "text": self.text,
            "team": people.TEAM,
            **own,
        }
        answer |= {"blocks": self.blocks} if self.blocks else {}
        return answer | ({"thread_ts": self.thread} if self.thread else {})


@dataclass
class OpenView:
    """A modal on a person's stack, or their Home."""

    id: str
    user: str
    content: Json
    state: State
    root: str
    previous: str | None = None
    hash: str = ""
    offered: dict[str, list[Json]] = field(default_factory=dict)

    def change(self, content: Json) -> None:
        self.content = content
        self.hash = f"{int(time.time())}.{secrets.token_hex(4)}"
        self.state = starting_state(content["blocks"], self.state)

    def as_json(self) -> Json:
        defaults: Json = {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "title": None,
            "submit": None,
            "close": None,
        }
        flags = {"clear_on_close": False, "notify_on_close": False}
        own = {"id": self.id, "team_id": people.TEAM, "app_id": people.APP, "bot_id": people.BOT, "hash": self.hash}
        chain = {"root_view_id": self.root, "previous_view_id": self.previous, "state": {"values": self.state}}
        return defaults | flags | self.content | own | chain


@dataclass
class Trigger:
    user: str
    expires: float
    view: str | None
    used: bool = False


@dataclass
class ResponseUrl:
    """Good for five answers within 30 minutes."""

    user: str
    channel: str
    message: Message | None
    left: int = 5
    expires: float = field(default_factory=lambda: time.monotonic() + 1800)


class Model:
    """All state; every reader and writer holds `changing()` or `lock`."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.clock = time.monotonic
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.version = 0
        self.watchers: list[Callable[[], None]] = []
        self.messages: dict[tuple[str, str], Message] = {}
        self.ephemerals: list[Message] = []
        self.stacks: dict[str, list[OpenView]] = {}
        self.homes: dict[str, OpenView] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.offered: dict[str, list[Json]] = {}
        self.archived = self.shared = self.revoked = False
        self._numbers = itertools.count(1)
        self._last_ts = 0

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self.changed:
            yield
            self.version += 1
            self.changed.notify_all()
        for tell in tuple(self.watchers):
            tell()

    def next_ts(self) -> str:
        """Microseconds, unique and rising, as Slack's are."""
        self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def next_id(self, letter: str) -> str:
        return f"{letter}{next(self._numbers):04d}{secrets.token_hex(3).upper()}"

    def add(self, message: Message) -> Message:
        with self.changing():
            if message.only_for is None:
                self.messages[message.channel, message.ts] = message
            else:
                self.ephemerals.append(message)
        return message

    def revise(self, message: Message, **changes: Any) -> Message:
        with self.changing():
            new = replace(message, **changes)
            if message.only_for is None:
                self.messages[message.channel, message.ts] = new
            else:
                self.ephemerals = [new if each.ts == message.ts else each for each in self.ephemerals]
        return new

    def remove(self, message: Message) -> None:
        with self.changing():
            self.messages.pop((message.channel, message.ts), None)
            self.ephemerals = [each for each in self.ephemerals if each.ts != message.ts]

    def make_trigger(self, user: str, view: str | None = None) -> str:
        trigger_id = f"{next(self._numbers)}.{secrets.randbelow(10**9)}.{secrets.token_hex(8)}"
        self.triggers[trigger_id] = Trigger(user, time.monotonic() + TRIGGER_SECONDS, view)
        return trigger_id

    def exchange(self, trigger_id: Any) -> Trigger:
        """A trigger is good once, for three seconds."""
        trigger = self.triggers.get(trigger_id) if isinstance(trigger_id, str) else None
        if trigger is None:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if time.monotonic() > trigger.expires:
            raise Refused("expired_trigger_id")
        trigger.used = True
        return trigger

    def stack(self, user: str) -> list[OpenView]:
        return self.stacks.setdefault(user, [])

    def put_view(self, user: str, content: Json) -> OpenView:
        stack = self.stack(user)
        if len(stack) >= VIEW_STACK:
            raise Refused("push_limit_reached")
        self.require_new_external_id(content)
        view_id = self.next_id("V")
        root, previous = (stack[0].id, stack[-1].id) if stack else (view_id, None)
        view = OpenView(view_id, user, content, {}, root, previous)
        with self.changing():
            view.change(content)
            stack.append(view)
        return view

    def require_new_external_id(self, content: Json, besides: OpenView | None = None) -> None:
        wanted = content.get("external_id")
        if wanted and any(view.content.get("external_id") == wanted for view in self.views() if view is not besides):
            raise Refused("duplicate_external_id")

    def views(self) -> Iterator[OpenView]:
        yield from self.homes.values()
        yield from (view for stack in self.stacks.values() for view in stack)

    def find_view(self, *, view_id: str | None = None, external_id: str | None = None) -> OpenView | None:
        for view in self.views():
            if (view_id and view.id == view_id) or (external_id and view.content.get("external_id") == external_id):
                return view
        return None

    def find_message(self, channel: str, ts: str) -> Message | None:
        return self.messages.get((channel, ts))
