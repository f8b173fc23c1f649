"""What a person did in Slack, and whether it was already acted upon: Slack and people repeat themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from storage.bulk import insert_new
from storage.models import Gesture

Body = Mapping[str, Any]


def is_first(session: Session, key: str, *, now: datetime) -> bool:
    """Remember a gesture in the transaction that acts on it; False when it was acted upon before."""
    row = insert_new(session, Gesture).values(key=key[:255], at=now)
    return session.execute(row.on_conflict_do_nothing().returning(Gesture.key)).first() is not None


def button_key(body: Body) -> str:
    """One press of one button: where it stands, which it is, and when it was pressed."""
    container, action = body["container"], body["actions"][0]
    return f"{container.get('message_ts') or container.get('view_id')}:{action['action_id']}:{action['action_ts']}"


def about_of(body: Body) -> str:
    """The customer that a button is about, "" if none."""
    return str(body["actions"][0].get("value") or "").rpartition("|")[2]


def submission_key(body: Body) -> str:
    """One modal, submitted: a view is submitted successfully only once."""
    return f"view:{body['view']['id']}"


def user_of(body: Body) -> str:
    """The Slack user id of whoever did it, "" if nobody is named."""
    event = body.get("event") or {}
    user = body.get("user_id") or (body.get("user") or {}).get("id") or event.get("user") or ""
    return user if isinstance(user, str) else ""


def team_of(body: Body) -> str:
    """The team of whoever did it."""
    return str((body.get("user") or {}).get("team_id") or body.get("team_id") or (body.get("team") or {}).get("id"))


def kind_of(body: Body) -> str:
    """command, block_actions, block_suggestion, view_submission, shortcut, message_action or event_callback."""
    return "command" if "command" in body else str(body.get("type", ""))
