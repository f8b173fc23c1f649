"""The people of the workspace, for a test: each call is one gesture, and returns when the app has answered it."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from . import people
from .asking import Reply, Target
from .gestures import Gestures
from .model import Message, Model
from .refusals import Json

T = TypeVar("T")
Thing = Message | Json
"""A message from messages(), ephemerals() or direct_messages(), or a view from view_of(), a Reply or open_home()."""


class Acting:
    """Synchronous gestures; Workspace supplies `wait_on`, the model and the gestures."""

    model: Model
    gestures: Gestures

    def wait_on(self, work: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError

    def command(self, user: str, line: str, channel: str | None = None) -> Reply:
        """Type a slash command, in the desk's channel or, for those who are not in it, in #general."""
        person = people.EVERYBODY[user]
        usual = people.PRIVACY_DESK if person in people.PERSONAS else people.GENERAL
        return self.wait_on(self.gestures.command(person, line, channel or usual))

    def click(self, user: str, thing: Thing, action_id: str, value: str | None = None) -> Reply:
        """Press a button as it stood in `thing`, also if the message has changed meanwhile."""
        return self._act(user, thing, action_id, value)

    def choose(self, user: str, thing: Thing, action_id: str, value: Any) -> Reply:
        """Choose in a menu, picker, checkboxes or overflow; options by value, by text or whole."""
        return self._act(user, thing, action_id, value)

    def suggest(self, user: str, thing: Thing, action_id: str, typed: str) -> list[Json]:
        """What the typeahead offers."""
        work = self.gestures.suggest(people.EVERYBODY[user], self._find(thing), action_id, typed)
        return self.wait_on(work)

    def submit(self, user: str, view: Json, values: dict[str, Any] | None = None) -> Reply:
        """Fill in a modal's fields by action_id or block_id, and press its submit button."""
        target = self._find(view)
        assert not isinstance(target, Message)
        return self.wait_on(self.gestures.submit(people.EVERYBODY[user], target, values or {}))

    def close(self, user: str) -> Reply:
        """Close the topmost modal."""
        return self.wait_on(self.gestures.modals.close(people.EVERYBODY[user]))

    def shortcut(self, user: str, callback_id: str, message: Message | None = None) -> Reply:
        """A global shortcut, or with `message` a message shortcut."""
        return self.wait_on(self.gestures.shortcut(people.EVERYBODY[user], callback_id, message))

    def open_home(self, user: str) -> Json:
        """Open the Home tab: what the app has published when it acknowledged; empty if nothing."""
        person = people.EVERYBODY[user]
        acknowledged = self.wait_on(self.gestures.open_home(person))
        assert acknowledged, "app_home_opened was never acknowledged"
        with self.model.lock:
            home = self.model.homes.get(user)
            return home.as_json() if home else {}

    def _act(self, user: str, thing: Thing, action_id: str, value: Any) -> Reply:
        return self.wait_on(self.gestures.act(people.EVERYBODY[user], self._find(thing), action_id, value))

    def _find(self, thing: Thing) -> Target:
        if isinstance(thing, Message):
            return thing
        view = self.model.find_view(view_id=thing["id"])
        assert view is not None, "this view is not open any more"
        return view
