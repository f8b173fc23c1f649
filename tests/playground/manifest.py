"""What the app's manifest lets it do: scopes for each method, and what Slack delivers to it."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from .refusals import Json, NotDelivered, Refused

CHAT = frozenset({"chat:write"})
METHOD_SCOPES: dict[str, frozenset[str]] = {
    "chat.postMessage": CHAT,
    "chat.update": CHAT,
    "chat.delete": CHAT,
    "chat.postEphemeral": CHAT,
    "users.info": frozenset({"users:read"}),
    "conversations.open": frozenset({"im:write"}),
}
"""A method that is not here needs a token and no scope; conversations.info depends on the conversation."""


@dataclass(frozen=True)
class Manifest:
    scopes: frozenset[str]
    commands: frozenset[str]
    events: frozenset[str]
    interactive: bool
    home: bool
    global_shortcuts: frozenset[str] = field(default=frozenset())
    message_shortcuts: frozenset[str] = field(default=frozenset())
    menu: Json = field(default_factory=dict)

    def require_scope(self, *needed: str) -> None:
        """Any one of `needed` is enough."""
        if needed and not self.scopes.intersection(needed):
            raise Refused("missing_scope", needed=",".join(needed), provided=",".join(sorted(self.scopes)))

    def require_command(self, command: str) -> None:
        if command not in self.commands or "commands" not in self.scopes:
            raise NotDelivered(f"{command} is not a valid command: the manifest does not declare it.")

    def require_interactivity(self) -> None:
        if not self.interactive:
            raise NotDelivered("This app is not configured to handle interactive responses (settings.interactivity).")

    def require_home(self) -> None:
        if not self.home or "app_home_opened" not in self.events:
            raise NotDelivered("The manifest declares no Home tab, or does not subscribe to app_home_opened.")

    def require_shortcut(self, callback_id: str, *, on_message: bool) -> None:
        self.require_interactivity()
        declared = self.message_shortcuts if on_message else self.global_shortcuts
        if callback_id not in declared or "commands" not in self.scopes:
            raise NotDelivered(f"The manifest declares no {'message' if on_message else 'global'} {callback_id}.")


def read_manifest(path: Path) -> Manifest:
    content = json.loads(path.read_text(encoding="utf-8"))
    features, settings = content.get("features", {}), content.get("settings", {})
    if not settings.get("socket_mode_enabled"):
        raise NotDelivered("The manifest does not switch Socket Mode on (settings.socket_mode_enabled).")
    shortcuts = features.get("shortcuts", [])
    return Manifest(
        scopes=frozenset(content.get("oauth_config", {}).get("scopes", {}).get("bot", [])),
        commands=frozenset(each["command"] for each in features.get("slash_commands", [])),
        events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", [])),
        interactive=bool(settings.get("interactivity", {}).get("is_enabled")),
        home=bool(features.get("app_home", {}).get("home_tab_enabled")),
        global_shortcuts=frozenset(each["callback_id"] for each in shortcuts if each["type"] == "global"),
        message_shortcuts=frozenset(each["callback_id"] for each in shortcuts if each["type"] == "message"),
        menu={"commands": features.get("slash_commands", []), "shortcuts": shortcuts},
    )
