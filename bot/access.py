"""Who may speak to the bot: one middleware in front of everything, which lets nobody through it is not sure of."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from slack_bolt import BoltContext, BoltResponse
from slack_sdk import WebClient

from bot import answers, forms
from bot.desk import Desk
from bot.gestures import Body, kind_of, team_of, user_of
from bot.refusals import NotAMember, PersonNotChecked
from bot.trouble import UNREACHABLE
from storage import staff
from storage.clock import now
from storage.errors import Refused, UnknownStaff
from storage.types import Role

MESSAGE_SHORTCUT = "report_breach_message"
"""The callback id of the shortcut on a message."""
REMEMBERED = 300.0
"""Seconds for which Slack's word on a person is believed."""


@dataclass(frozen=True)
class Speaker:
    """Who does something: a colleague with a role, or a full member of the team who may only report."""

    user: str
    role: Role | None
    language: str


class People:
    """What Slack says of users, remembered for a while; when it says nothing, nobody is let through."""

    def __init__(self, remembered: float = REMEMBERED) -> None:
        self._remembered = remembered
        self._known: dict[str, tuple[float, bool]] = {}
        self._lock = Lock()

    def require_member(self, client: WebClient, user: str, team: str) -> None:
        """Raises NotAMember or PersonNotChecked."""
        with self._lock:
            until, full = self._known.get(user, (0.0, False))
        if until < time.monotonic():
            full = _is_full_member(_look_up(client, user), team)
            with self._lock:
                self._known[user] = (time.monotonic() + self._remembered, full)
        if not full:
            raise NotAMember


def build_gate(desk: Desk, people: People) -> Callable[..., BoltResponse | None]:
    """The middleware: it sets context["speaker"], or answers with the reason why not."""

    def admit(context: BoltContext, body: dict[str, Any], client: WebClient, next_: Callable[[], Any]) -> Any:
        try:
            context["speaker"] = find_speaker(desk, people, context, body, client)
        except Refused as refused:
            context["refused"] = refused
            if kind_of(body) != "event_callback":
                return answers.refuse(body, client, refused, desk.settings.staff_language)
        next_()
        return None

    return admit


def find_speaker(desk: Desk, people: People, context: BoltContext, body: Body, client: WebClient) -> Speaker:
    """The person behind a gesture. Raises NotAMember, PersonNotChecked, UnknownStaff."""
    user, ours = user_of(body), context.authorize_result.team_id if context.authorize_result else None
    if not user or not ours or team_of(body) != ours:
        raise NotAMember
    people.require_member(client, user, ours)
    with desk.database.reading() as session:
        colleague = staff.find_staff(session, user, now=now())
        if colleague is not None:
            return Speaker(user, colleague.role, colleague.language)
    if not is_reporting(body):
        raise UnknownStaff(user)
    return Speaker(user, None, desk.settings.staff_language)


def is_reporting(body: Body) -> bool:
    """Whether this is nothing but the report of a possible breach, which is open to every member of the team."""
    kind = kind_of(body)
    if kind == "command":
        return body["command"] == "/breach" and not str(body.get("text") or "").strip()
    if kind == "view_submission":
        return bool(body["view"]["callback_id"] == forms.REPORT)
    return (kind, body.get("callback_id")) in {("shortcut", "report_breach"), ("message_action", MESSAGE_SHORTCUT)}


def _look_up(client: WebClient, user: str) -> dict[str, Any]:
    try:
        return dict(client.users_info(user=user)["user"])
    except (*UNREACHABLE, KeyError) as error:
        raise PersonNotChecked from error


def _is_full_member(person: dict[str, Any], team: str) -> bool:
    less = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")
    return person.get("team_id") == team and not any(person.get(flag) for flag in less)
