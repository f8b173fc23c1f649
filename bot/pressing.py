"""What every button and command shares: which case it is about, and whether what was shown is still true."""

import difflib
import re
from collections.abc import Collection
from typing import Any

from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot.access import Speaker
from bot.breach_cards import BreachCard
from bot.cards import RequestCard
from bot.cases import Card
from bot.desk import Desk
from bot.gestures import Body, button_key
from bot.refusals import ChangedMeanwhile
from bot.showing import find_card
from storage import breaches, customers, outbox, requests, staff
from storage.announcements import CHANNEL
from storage.clock import now
from storage.models import Breach, Request
from storage.types import Actor, Medium, Purpose, Role

REFERENCE = re.compile(r"(?:DSR|BR|DRILL)-\d{4}-\d+", re.IGNORECASE)


def pressed(action: str) -> re.Pattern[str]:
    """The ids of a button: alone on a card, or with its case where several stand together."""
    return re.compile(rf"^{action}(?::.*)?$")


def actor_of(speaker: Speaker) -> Actor:
    return Actor(speaker.user, "slack")


def find_pressed_id(body: Body) -> str:
    """Which button it is, without the case that may follow where several stand together."""
    return str(body["actions"][0]["action_id"]).partition(":")[0]


def find_pressed(desk: Desk, body: Body, action: str) -> Card:
    """The case of a button. Raises ChangedMeanwhile, and has its card refreshed, when the button is gone by now."""
    reference = str(body["actions"][0].get("value") or "").partition("|")[0]
    with desk.database.reading() as session:
        card = find_card(session, reference)
    if action in card.actions:
        return card
    with desk.decide() as session:
        outbox.queue(
            session,
            f"slack:card:stale:{button_key(body)}",
            medium=Medium.SLACK,
            purpose=Purpose.CARD,
            topic="card",
            recipient=CHANNEL,
            language="",
            case=card.reference,
            now=now(),
        )
    raise ChangedMeanwhile(card.reference)


def require_handler(session: Session, speaker: Speaker) -> None:
    """Raises UnknownStaff, RoleTooSmall."""
    staff.get_staff(session, speaker.user, now=now(), at_least=Role.HANDLER)


def pressed_by_handler(desk: Desk, body: Body, speaker: Speaker, action: str) -> Card:
    """As `find_pressed`, for those who may decide. Raises UnknownStaff, RoleTooSmall."""
    with desk.database.reading() as session:
        require_handler(session, speaker)
    return find_pressed(desk, body, action)


def request_pressed(desk: Desk, body: Body, speaker: Speaker, action: str) -> RequestCard:
    """As `pressed_by_handler`, for the buttons that stand on requests only."""
    card = pressed_by_handler(desk, body, speaker, action)
    assert isinstance(card, RequestCard)  # noqa: S101 - see above
    return card


def breach_pressed(desk: Desk, body: Body, speaker: Speaker, action: str) -> BreachCard:
    """As `pressed_by_handler`, for the buttons that stand on breaches only."""
    card = pressed_by_handler(desk, body, speaker, action)
    assert isinstance(card, BreachCard)  # noqa: S101 - see above
    return card


def breach_to_change(session: Session, speaker: Speaker, reference: str) -> Breach:
    """The breach, if this person may decide: asked again at the commit, for a modal can outlive a role."""
    require_handler(session, speaker)
    return breaches.get_breach(session, reference, to_change=True)


def request_to_change(session: Session, speaker: Speaker, reference: str) -> Request:
    """The request, if this person may decide: asked again at the commit, for a modal can outlive a role."""
    require_handler(session, speaker)
    return requests.get_request(session, reference, to_change=True)


def open_modal(client: WebClient, body: Body, view: dict[str, Any]) -> None:
    client.views_open(trigger_id=body["trigger_id"], view=view)


def suggest_customers(desk: Desk, typed: str) -> list[tuple[str, str]]:
    """(reference, name) of the customers that what was typed may mean."""
    with desk.database.reading() as session:
        return [(one.reference, one.name) for one in customers.suggest(session, typed, limit=50)]


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that was probably meant by one that is not known."""
    if word.lower() in known:
        return None
    return next(iter(difflib.get_close_matches(word.lower(), list(known), 1, 0.5)), None)
