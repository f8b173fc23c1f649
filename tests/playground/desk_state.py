"""What the page shows of the workspace to one persona."""

from typing import TYPE_CHECKING

from . import clock, people
from .model import Message
from .refusals import Json

if TYPE_CHECKING:
    from .workspace import Workspace


def describe_state(workspace: "Workspace", user: str) -> Json:
    with workspace.model.lock:
        stack = workspace.model.stack(user)
        return {
            "version": workspace.model.version,
            "me": user,
            "people": [_describe_person(person) for person in people.EVERYBODY.values()],
            "personas": [person.id for person in people.PERSONAS],
            "bot": people.BOT_USER,
            "channel": {"name": "privacy-desk", "archived": workspace.model.archived, "shared": workspace.model.shared},
            "offset": clock.read_offset(),
            "connections": workspace.sockets.count,
            "menu": workspace.manifest.menu,
            "messages": [_describe(each) for each in _channel(workspace, user)],
            "direct": [_describe(each) for each in _direct(workspace, user)],
            "home": workspace.home_of(user),
            "modal": stack[-1].as_json() if stack else None,
            "depth": len(stack),
        }


def _channel(workspace: "Workspace", user: str) -> list[Message]:
    """Messages, replies and what only this person sees, as they came."""
    shown = [each for each in workspace.model.messages.values() if each.channel == people.PRIVACY_DESK]
    private = [each for each in workspace.ephemerals(user) if each.channel == people.PRIVACY_DESK]
    return sorted([*shown, *private], key=lambda each: each.ts)


def _direct(workspace: "Workspace", user: str) -> list[Message]:
    channel = people.EVERYBODY[user].direct_channel
    private = [each for each in workspace.ephemerals(user) if each.channel == channel]
    return sorted([*workspace.direct_messages(user), *private], key=lambda each: each.ts)


def _describe(message: Message) -> Json:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": message.blocks,
        "thread": message.thread,
        "broadcast": message.broadcast,
        "edited": message.edited,
        "ephemeral": message.only_for is not None,
    }


def _describe_person(person: people.Person) -> Json:
    role = person.role or ("app" if person.bot else "guest" if person.restricted else "member")
    return {
        "id": person.id,
        "name": person.name,
        "role": role,
        "timezone": person.timezone,
        "language": person.language,
    }
