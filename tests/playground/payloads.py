"""What Slack tells the app when a person does something."""

import secrets
import time
import uuid
from dataclasses import dataclass

from . import people
from .model import Message, Model, OpenView, ResponseUrl
from .people import Person
from .refusals import Json

CHANNEL_NAMES = {people.PRIVACY_DESK: "privacy-desk", people.GENERAL: "general"}


@dataclass(frozen=True)
class Payloads:
    model: Model
    response_base: str

    def command(self, person: Person, channel: str, command: str, text: str) -> Json:
        return {
            "token": "verification",
            "team_id": person.team,
            "team_domain": people.DOMAIN,
            "channel_id": channel,
            "channel_name": CHANNEL_NAMES.get(channel, "directmessage"),
            "user_id": person.id,
            "user_name": person.handle,
            "command": command,
            "text": text,
            "api_app_id": people.APP,
            "is_enterprise_install": "false",
            "response_url": self._response_url(person, channel, None),
            "trigger_id": self.model.make_trigger(person.id),
        }

    def action(self, person: Person, target: Message | OpenView, action: Json) -> Json:
        payload = self._interaction("block_actions", person, target)
        return payload | self._target(person, target) | {"actions": [{**action, "action_ts": self.model.next_ts()}]}

    def suggestion(self, person: Person, target: Message | OpenView, block_id: str, action_id: str, typed: str) -> Json:
        payload = self._interaction("block_suggestion", person, target)
        del payload["trigger_id"]
        where = self._target(person, target)
        where.pop("response_url", None)
        return payload | where | {"block_id": block_id, "action_id": action_id, "value": typed}

    def submission(self, person: Person, view: OpenView) -> Json:
        payload = self._interaction("view_submission", person, view)
        return payload | {"view": view.as_json(), "response_urls": []}

    def closed(self, person: Person, view: OpenView, *, cleared: bool) -> Json:
        payload = self._interaction("view_closed", person, view)
        del payload["trigger_id"]
        return payload | {"view": view.as_json(), "is_cleared": cleared}

    def shortcut(self, person: Person, callback_id: str, message: Message | None) -> Json:
        payload = self._interaction("message_action" if message else "shortcut", person, message)
        payload |= {"callback_id": callback_id, "action_ts": self.model.next_ts()}
        if message is None:
            return payload
        where = self._target(person, message)
        del where["container"], where["state"]
        return payload | where | {"message_ts": message.ts}

    def event(self, person: Person, event: Json) -> Json:
        now = int(time.time())
        authorization = {"enterprise_id": None, "team_id": people.TEAM, "user_id": people.BOT_USER, "is_bot": True}
        return {
            "token": "verification",
            "team_id": person.team,
            "context_team_id": people.TEAM,
            "api_app_id": people.APP,
            "event": {"user": person.id, "event_ts": self.model.next_ts(), **event},
            "type": "event_callback",
            "event_id": f"Ev{uuid.uuid4().hex[:10].upper()}",
            "event_time": now,
            "authorizations": [{**authorization, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
        }

    def _interaction(self, kind: str, person: Person, target: Message | OpenView | None) -> Json:
        view = target.id if isinstance(target, OpenView) and target.content["type"] == "modal" else None
        return {
            "type": kind,
            "token": "verification",
            "team": {"id": person.team, "domain": people.DOMAIN},
            "user": {"id": person.id, "username": person.handle, "name": person.handle, "team_id": person.team},
            "api_app_id": people.APP,
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": self.model.make_trigger(person.id, view),
        }

    def _target(self, person: Person, target: Message | OpenView) -> Json:
        if isinstance(target, OpenView):
            return {"container": {"type": "view", "view_id": target.id}, "view": target.as_json()}
        container = {"type": "message", "message_ts": target.ts, "channel_id": target.channel}
        container |= {"thread_ts": target.thread} if target.thread else {}
        return {
            "container": {**container, "is_ephemeral": target.only_for is not None},
            "channel": {"id": target.channel, "name": CHANNEL_NAMES.get(target.channel, "directmessage")},
            "message": target.as_json(),
            "state": {"values": {}},
            "response_url": self._response_url(person, target.channel, target),
        }

    def _response_url(self, person: Person, channel: str, message: Message | None) -> str:
        key = secrets.token_urlsafe(12)
        self.model.response_urls[key] = ResponseUrl(person.id, channel, message)
        return f"{self.response_base}{key}"
