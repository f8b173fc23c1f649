"""Slack's methods, one function each: arguments in, answer out, or Refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import people
from .manifest import Manifest
from .model import Message, Model, OpenView
from .people import Person
from .refusals import Json, Refused
from .rules import check_message, check_view

Method = Callable[["Desk", Json], Json]


@dataclass
class Desk:
    """The app as Slack sees it: the workspace, and what the manifest allows."""

    model: Model
    manifest: Manifest
    page_url: str = ""

    def get_writable(self, channel: Any, *, by_user: bool = True) -> str:
        """The conversation's id; a user's id means the direct messages with them."""
        person = people.EVERYBODY.get(channel) if by_user else None
        person = person or people.BY_DIRECT_CHANNEL.get(channel)
        if person is not None:
            return _get_reachable(person).direct_channel
        if channel == people.GENERAL:
            raise Refused("not_in_channel")
        if channel != people.PRIVACY_DESK:
            raise Refused("channel_not_found")
        if self.model.archived:
            raise Refused("is_archived")
        return people.PRIVACY_DESK

    def get_own_message(self, arguments: Json, missing: str) -> Message:
        channel = self.get_writable(arguments.get("channel"), by_user=False)
        message = self.model.find_message(channel, str(arguments.get("ts")))
        if message is None:
            raise Refused("message_not_found")
        if message.user != people.BOT_USER:
            raise Refused(missing)
        return message


def _get_reachable(person: Person) -> Person:
    if person.bot:
        raise Refused("cannot_dm_bot")
    if person.deleted or person.stranger:
        raise Refused("channel_not_found")
    return person


def auth_test(_desk: Desk, _arguments: Json) -> Json:
    return {
        "url": f"https://{people.DOMAIN}.slack.com/",
        "team": "Kavkom",
        "team_id": people.TEAM,
        "user": people.DESK.handle,
        "user_id": people.BOT_USER,
        "bot_id": people.BOT,
        "is_enterprise_install": False,
    }


def post_message(desk: Desk, arguments: Json) -> Json:
    channel = desk.get_writable(arguments.get("channel"))
    blocks = check_message(arguments.get("text"), arguments.get("blocks", []))
    thread, broadcast = arguments.get("thread_ts"), arguments.get("reply_broadcast", False)
    _check_thread(desk, channel, thread, broadcast=broadcast)
    ts = desk.model.next_ts()
    said = Message(channel, ts, arguments["text"], blocks, thread=thread, broadcast=broadcast)
    desk.model.add(said)
    return {"channel": channel, "ts": ts, "message": said.as_json()}


def _check_thread(desk: Desk, channel: str, thread: str | None, *, broadcast: bool) -> None:
    if thread is None:
        if broadcast:
            raise Refused("invalid_arguments", "reply_broadcast without thread_ts [json-pointer:/reply_broadcast]")
        return
    parent = desk.model.find_message(channel, thread)
    if parent is None:
        raise Refused("thread_not_found")
    if parent.thread is not None:
        raise Refused("cannot_reply_to_message", "thread_ts is a reply's; use its parent's")


def update_message(desk: Desk, arguments: Json) -> Json:
    message = desk.get_own_message(arguments, "cant_update_message")
    if message.blocks and "blocks" not in arguments:
        raise Refused("invalid_arguments", "the message has blocks: say which it has now [json-pointer:/blocks]")
    blocks = check_message(arguments.get("text"), arguments.get("blocks", []))
    new = desk.model.revise(message, text=arguments["text"], blocks=blocks, edited=True)
    return {"channel": new.channel, "ts": new.ts, "text": new.text, "message": new.as_json()}


def delete_message(desk: Desk, arguments: Json) -> Json:
    message = desk.get_own_message(arguments, "cant_delete_message")
    desk.model.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def post_ephemeral(desk: Desk, arguments: Json) -> Json:
    channel = desk.get_writable(arguments.get("channel"), by_user=False)
    person = get_person(arguments.get("user"))
    if person.stranger or person.deleted or (channel == people.PRIVACY_DESK and person not in people.PERSONAS):
        raise Refused("user_not_in_channel")
    blocks = check_message(arguments.get("text"), arguments.get("blocks", []))
    thread = arguments.get("thread_ts")
    _check_thread(desk, channel, thread, broadcast=False)
    ts = desk.model.next_ts()
    desk.model.add(Message(channel, ts, arguments["text"], blocks, thread=thread, only_for=person.id))
    return {"message_ts": ts}


def get_permalink(desk: Desk, arguments: Json) -> Json:
    channel, ts = arguments.get("channel"), str(arguments.get("message_ts"))
    message = desk.model.find_message(str(channel), ts)
    if message is None:
        raise Refused("message_not_found")
    parent = f"?thread_ts={message.thread}&cid={channel}" if message.thread else ""
    return {"channel": channel, "permalink": f"{desk.page_url}archives/{channel}/p{ts.replace('.', '')}{parent}"}


def open_view(desk: Desk, arguments: Json) -> Json:
    content = check_view(arguments.get("view"), "modal")
    trigger = desk.model.exchange(arguments.get("trigger_id"))
    return {"view": desk.model.put_view(trigger.user, content).as_json()}


def push_view(desk: Desk, arguments: Json) -> Json:
    content = check_view(arguments.get("view"), "modal")
    trigger = desk.model.exchange(arguments.get("trigger_id"))
    if trigger.view is None or not desk.model.stack(trigger.user):
        raise Refused("invalid_trigger_id", "this trigger does not come from an open modal")
    return {"view": desk.model.put_view(trigger.user, content).as_json()}


def update_view(desk: Desk, arguments: Json) -> Json:
    wanted = (arguments.get("view_id"), arguments.get("external_id"))
    if all(wanted) or not any(wanted):
        raise Refused("invalid_arguments", "either view_id or external_id [json-pointer:/view_id]")
    view = desk.model.find_view(view_id=wanted[0], external_id=wanted[1])
    if view is None:
        raise Refused("not_found")
    content = check_view(arguments.get("view"), view.content["type"])
    return {"view": change_view(desk.model, view, content, arguments.get("hash")).as_json()}


def change_view(model: Model, view: OpenView, content: Json, seen: str | None = None) -> OpenView:
    if seen is not None and seen != view.hash:
        raise Refused("hash_conflict")
    model.require_new_external_id(content, besides=view)
    with model.changing():
        view.change(content)
    return view


def publish_home(desk: Desk, arguments: Json) -> Json:
    if not desk.manifest.home:
        raise Refused("not_enabled")
    person = get_person(arguments.get("user_id"))
    content = check_view(arguments.get("view"), "home")
    home = desk.model.homes.get(person.id)
    if home is None:
        view_id = desk.model.next_id("V")
        home = OpenView(view_id, person.id, content, {}, view_id)
        desk.model.homes[person.id] = home
    return {"view": change_view(desk.model, home, content, arguments.get("hash")).as_json()}


def get_person(user: Any) -> Person:
    person = people.EVERYBODY.get(user)
    if person is None:
        raise Refused("user_not_found")
    return person


def users_info(desk: Desk, arguments: Json) -> Json:
    person = get_person(arguments.get("user"))
    return {"user": people.describe_user(person, with_email="users:read.email" in desk.manifest.scopes)}


def conversations_info(desk: Desk, arguments: Json) -> Json:
    channel = arguments.get("channel")
    person = people.BY_DIRECT_CHANNEL.get(channel) if isinstance(channel, str) else None
    if person is not None:
        desk.manifest.require_scope("im:read")
        return {"channel": {"id": channel, "is_im": True, "user": person.id, "is_archived": False}}
    if channel not in {people.PRIVACY_DESK, people.GENERAL}:
        raise Refused("channel_not_found")
    private = channel == people.PRIVACY_DESK
    desk.manifest.require_scope("groups:read" if private else "channels:read")
    return {"channel": _describe_channel(desk.model, str(channel), private=private)}


def _describe_channel(model: Model, channel: str, *, private: bool) -> Json:
    shared = private and model.shared
    return {
        "id": channel,
        "name": "privacy-desk" if private else "general",
        "is_channel": not private,
        "is_group": private,
        "is_im": False,
        "is_mpim": False,
        "is_private": private,
        "is_member": private,
        "is_archived": private and model.archived,
        "is_shared": shared,
        "is_ext_shared": shared,
        "is_pending_ext_shared": False,
        "is_org_shared": False,
        "pending_shared": [],
        "context_team_id": people.TEAM,
    }


def conversations_open(_desk: Desk, arguments: Json) -> Json:
    users = arguments.get("users", "")
    named = users.split(",") if isinstance(users, str) else users
    if len(named) != 1 or not named[0]:
        raise Refused("invalid_arguments", "this workspace opens direct messages with one person [json-pointer:/users]")
    return {"channel": {"id": _get_reachable(get_person(named[0])).direct_channel}, "no_op": False}
