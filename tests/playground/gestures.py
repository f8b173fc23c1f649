"""What people do: each gesture becomes an envelope, and the acknowledgement becomes what they see."""

from dataclasses import dataclass
from typing import Any

from .asking import TROUBLE, Asking, Reply, Target, find_element
from .manifest import Manifest
from .modals import Modals
from .model import Message, Model, OpenView
from .payloads import Payloads
from .people import Person
from .refusals import Json, Refused
from .rules import check_message, options_of
from .shapes import GROUP, OPTION, several
from .socket_mode import Sockets
from .values import entered, offers, pick_option


@dataclass
class Gestures:
    model: Model
    manifest: Manifest
    sockets: Sockets
    payloads: Payloads
    asking: Asking
    modals: Modals

    async def command(self, person: Person, line: str, channel: str) -> Reply:
        command, _, text = line.strip().partition(" ")
        self.manifest.require_command(command)
        await self.modals.close_all(person)
        seen = self.asking.look(person)
        answer = await self.asking.ask("slash_commands", self.payloads.command(person, channel, command, text.strip()))
        trouble = f'{command} failed with the error "{answer.failure}"' if answer.failure else ""
        body = answer.body
        try:
            self._say(person, channel, body)
        except Refused as refused:
            trouble = f'{command} failed with the error "{refused}"'
        return self.asking.reply(
            person, seen, answer, trouble, text=body.get("text", ""), blocks=body.get("blocks", [])
        )

    def _say(self, person: Person, channel: str, body: Json) -> None:
        """The body of a command's acknowledgement is a message."""
        if not body:
            return
        blocks = check_message(body.get("text"), body.get("blocks", []))
        only_for = None if body.get("response_type") == "in_channel" else person.id
        self.model.add(Message(channel, self.model.next_ts(), body["text"], blocks, only_for=only_for))

    async def act(self, person: Person, target: Target, action_id: str, value: Any) -> Reply:
        """Press a button, or choose in a menu; a field of a form is only filled in, unless it dispatches."""
        self.manifest.require_interactivity()
        block, element = find_element(target, action_id, value)
        action: Json = {key: element[key] for key in ("type", "action_id", "text", "value", "style") if key in element}
        if element["type"] != "button":
            chosen = await self._choose(person, target, block, element, value)
            action = {"action_id": action_id, **chosen}
            if block["type"] == "input" and not block.get("dispatch_action"):
                return Reply(sent=False, view=self.asking.top(person))
        elif not isinstance(target, OpenView):
            await self.modals.close_all(person)
        seen = self.asking.look(person)
        payload = self.payloads.action(person, target, {**action, "block_id": block["block_id"]})
        answer = await self.asking.ask("interactive", payload)
        return self.asking.reply(person, seen, answer, answer.failure and TROUBLE)

    async def _choose(self, person: Person, target: Target, block: Json, element: Json, value: Any) -> Json:
        if element["type"] == "overflow":
            return {
                "type": "overflow",
                "selected_option": pick_option(value, options_of(element), element["action_id"]),
            }
        offered = await self._offered(person, target, element, value)
        chosen = entered(element, value, offered)
        if isinstance(target, OpenView):
            with self.model.changing():
                target.state[block["block_id"]][element["action_id"]] = chosen
        return chosen

    async def _offered(self, person: Person, target: Target, element: Json, value: Any) -> list[Json]:
        """The element's own options; a typeahead is asked for each value it has not offered yet."""
        if offers(element) or "external" not in element["type"] or value is None:
            return options_of(element)
        known = self.model.offered.setdefault(f"{_name(target)} {element['action_id']}", [])
        for wanted in value if isinstance(value, list | tuple | set) else [value]:
            if not any(wanted in (each, each["value"], each["text"]["text"]) for each in known):
                typed = wanted["text"]["text"] if isinstance(wanted, dict) else str(wanted)
                await self.suggest(person, target, element["action_id"], typed)
        return known

    async def suggest(self, person: Person, target: Target, action_id: str, typed: str) -> list[Json]:
        """The options the app offers for what was typed; empty if it did not answer properly in time."""
        self.manifest.require_interactivity()
        block, element = find_element(target, action_id)
        if len(typed) < element.get("min_query_length", 3):
            return []
        asked = self.payloads.suggestion(person, target, block["block_id"], action_id, typed)
        answer = await self.asking.ask("interactive", asked)
        problems = list(_find_faults(answer.body)) if not answer.failure else [answer.failure]
        if problems:
            raise Refused("invalid_arguments", f"the typeahead {action_id} failed: {'; '.join(problems)}")
        options = options_of(answer.body)
        known = self.model.offered.setdefault(f"{_name(target)} {action_id}", [])
        known.extend(each for each in options if each not in known)
        return options

    async def submit(self, person: Person, view: OpenView, values: dict[str, Any]) -> Reply:
        """Fill in the fields, then press the submit button."""
        self.manifest.require_interactivity()
        for name, value in values.items():
            block, element = find_element(view, name)
            await self._choose(person, view, block, element, value)
        return await self.modals.submit(person, view)

    async def shortcut(self, person: Person, callback_id: str, message: Message | None) -> Reply:
        self.manifest.require_shortcut(callback_id, on_message=message is not None)
        await self.modals.close_all(person)
        seen = self.asking.look(person)
        answer = await self.asking.ask("interactive", self.payloads.shortcut(person, callback_id, message))
        return self.asking.reply(person, seen, answer, answer.failure and TROUBLE)

    async def open_home(self, person: Person) -> bool:
        """Whether the app acknowledged the event."""
        self.manifest.require_home()
        home = self.model.homes.get(person.id)
        event: Json = {"type": "app_home_opened", "channel": person.direct_channel, "tab": "home"}
        event |= {"view": home.as_json()} if home else {}
        return await self.sockets.tell(self.payloads.event(person, event))


def _name(target: Target) -> str:
    return target.id if isinstance(target, OpenView) else target.ts


def _find_faults(body: Json) -> list[str]:
    if ("options" in body) == ("option_groups" in body):
        return ["answer with either options or option_groups"]
    if "options" in body:
        return list(several(OPTION, 100, 0)(body["options"], "/options"))
    return list(several(GROUP, 100, 0)(body["option_groups"], "/option_groups"))
