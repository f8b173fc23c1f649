"""Asking the app and telling what the person saw: the acknowledgement, or what Slack's own client says without one."""

import time
from dataclasses import dataclass, field
from typing import Any

from .model import Message, Model, OpenView
from .people import Person
from .refusals import Json
from .rules import interactive
from .socket_mode import NobodyListens, Sockets

TROUBLE = "We had some trouble connecting. Try again?"
Target = Message | OpenView


@dataclass(frozen=True)
class Reply:
    """What the person sees after a gesture. `trouble` is what Slack's own client says when the app failed."""

    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    latency_ms: float = 0.0
    view: Json | None = None
    ephemerals: list[Message] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    closed: bool = False
    timed_out: bool = False
    trouble: str = ""
    sent: bool = True
    body: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    body: Json
    latency_ms: float
    failure: str = ""


@dataclass(frozen=True)
class Asking:
    model: Model
    sockets: Sockets

    async def ask(self, kind: str, payload: Json) -> Answer:
        began = time.perf_counter()
        try:
            body = await self.sockets.ask(kind, payload)
        except TimeoutError:
            return Answer({}, (time.perf_counter() - began) * 1000, "operation_timeout")
        except NobodyListens:
            return Answer({}, 0.0, "dispatch_failed")
        return Answer(body, (time.perf_counter() - began) * 1000)

    def top(self, person: Person) -> Json | None:
        stack = self.model.stack(person.id)
        return stack[-1].as_json() if stack else None

    def look(self, person: Person) -> tuple[set[str], int, str]:
        with self.model.lock:
            stack = self.model.stack(person.id)
            known = {each.ts for each in self.model.ephemerals}
            return known, len(stack), stack[-1].hash if stack else ""

    def reply(
        self, person: Person, seen: tuple[set[str], int, str], answer: Answer, trouble: str, **more: Any
    ) -> Reply:
        with self.model.lock:
            known, depth, before = seen
            stack = self.model.stack(person.id)
            changed = bool(stack) and stack[-1].hash != before
            fresh = [each for each in self.model.ephemerals if each.only_for == person.id and each.ts not in known]
        return Reply(
            latency_ms=answer.latency_ms,
            view=self.top(person) if changed else None,
            ephemerals=fresh,
            closed=len(stack) < depth,
            timed_out=answer.failure == "operation_timeout",
            trouble=trouble,
            body=answer.body,
            **more,
        )


def find_element(target: Target, name: str, value: Any = None) -> tuple[Json, Json]:
    """The element with this action_id (or alone in the block of this id); of several buttons, the one with `value`.

    A button that was drawn anew while it was pressed is sent as it was pressed, as Slack does.
    """
    blocks = target.content["blocks"] if isinstance(target, OpenView) else target.blocks
    touchable = list(interactive(blocks))
    for block, element in touchable:
        wrong = element["type"] == "button" and value is not None and element.get("value") != value
        if name in (element["action_id"], block["block_id"]) and not wrong:
            return block, element
    older = [(block, element) for block, element in touchable if element["action_id"] == name and value is not None]
    if len(older) == 1 and older[0][1]["type"] == "button":
        return older[0][0], older[0][1] | {"value": value}
    raise AssertionError(f"nothing here is called {name!r}; there is {[each['action_id'] for _, each in touchable]}")
