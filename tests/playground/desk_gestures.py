"""What somebody does on the page, as the same gestures the tests use."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import people
from .asking import Reply, Target
from .model import Message
from .people import Person
from .refusals import Json, NotDelivered, Refused

if TYPE_CHECKING:
    from .workspace import Workspace

Gesture = Callable[["Workspace", Person, Json], Awaitable[Json]]


async def do_gesture(workspace: "Workspace", wish: Json) -> Json:
    """The reply as JSON; `trouble` when Slack, or the manifest, would not have it."""
    gesture = GESTURES.get(wish.get("kind", ""))
    person = people.EVERYBODY.get(wish.get("user", ""))
    if gesture is None or person is None:
        return {"trouble": "The page asked for something that does not exist."}
    try:
        return await gesture(workspace, person, wish)
    except (NotDelivered, Refused, AssertionError) as refusal:
        return {"trouble": str(refusal)}


def _answer(reply: Reply) -> Json:
    answer = asdict(reply)
    del answer["body"]
    return answer


def _find_target(workspace: "Workspace", person: Person, wish: Json) -> Target:
    if "view" in wish:
        view = workspace.model.find_view(view_id=wish["view"])
        assert view is not None, "This view is not open any more."
        assert view.user == person.id, "This view belongs to somebody else."
        return view
    private = {each.ts: each for each in workspace.ephemerals(person.id)}
    message = private.get(wish["ts"]) or workspace.model.find_message(wish["channel"], wish["ts"])
    assert message is not None, "This message is not there any more."
    return message


async def _command(workspace: "Workspace", person: Person, wish: Json) -> Json:
    return _answer(await workspace.gestures.command(person, wish["line"], wish["channel"]))


async def _act(workspace: "Workspace", person: Person, wish: Json) -> Json:
    target = _find_target(workspace, person, wish)
    return _answer(await workspace.gestures.act(person, target, wish["action_id"], wish.get("value")))


async def _suggest(workspace: "Workspace", person: Person, wish: Json) -> Json:
    target = _find_target(workspace, person, wish)
    return {"options": await workspace.gestures.suggest(person, target, wish["action_id"], wish["typed"])}


async def _submit(workspace: "Workspace", person: Person, wish: Json) -> Json:
    view = _find_target(workspace, person, wish)
    assert not isinstance(view, Message)
    return _answer(await workspace.gestures.submit(person, view, wish["values"]))


async def _close(workspace: "Workspace", person: Person, _wish: Json) -> Json:
    return _answer(await workspace.gestures.modals.close(person))


async def _shortcut(workspace: "Workspace", person: Person, wish: Json) -> Json:
    message = _find_target(workspace, person, wish) if "ts" in wish else None
    assert message is None or isinstance(message, Message)
    return _answer(await workspace.gestures.shortcut(person, wish["callback_id"], message))


async def _home(workspace: "Workspace", person: Person, _wish: Json) -> Json:
    acknowledged = await workspace.gestures.open_home(person)
    return {} if acknowledged else {"trouble": "The app does not answer."}


async def _say(workspace: "Workspace", person: Person, wish: Json) -> Json:
    """A person's own words: seen by people, never sent to the app, which has no scope to read them."""
    text: Any = wish["text"]
    model, channel = workspace.model, wish["channel"]
    assert channel in {people.PRIVACY_DESK, person.direct_channel}, "This person is not in that conversation."
    model.add(Message(channel, model.next_ts(), str(text), user=person.id, thread=wish.get("thread")))
    return {}


GESTURES: dict[str, Gesture] = {
    "command": _command,
    "click": _act,
    "choose": _act,
    "suggest": _suggest,
    "submit": _submit,
    "close": _close,
    "shortcut": _shortcut,
    "home": _home,
    "say": _say,
}
