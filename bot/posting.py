"""What a Slack delivery says and where it goes, rendered from the record when it is sent."""

from dataclasses import dataclass, replace
from datetime import datetime

from jinja2 import TemplateNotFound
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bot import digest, due
from bot.auditing import REPAIRED, count_in
from bot.blocks import Said, mark_said, say, say_card
from bot.breach_cards import BreachCard
from bot.cards import RequestCard
from bot.cases import Card, is_request
from bot.letters import describe_waiting
from bot.pausing import describe_sending
from bot.reminders import TOPIC, is_broadcast
from bot.ringing import say_ring
from bot.rungs import describe_rung
from bot.showing import find_card, show_breach, show_request
from bot.watch import say_of_desk
from storage import breach_clock, breaches, outbox, requests
from storage.announcements import CHANNEL, DESK_CASE
from storage.breach_types import TelecomOperator
from storage.models import Affected, Delivery, Reminder
from storage.models import Card as Place
from storage.ringing import RINGS
from storage.types import Purpose

BROADCAST = frozenset(
    "forward_refused forward_bounced forward_too_large follow_up_bounced follow_up_waiting follow_up_insists "
    "reply_not_ours reply_help reply_instruction reply_answer reply_other "
    "request_proposed request_referred request_misrouted request_answered request_answered_unknown "
    "request_question_bounced request_closing_bounced deletion_bounced follow_up_own "
    "breach_notice_bounced breach_notice_refused breach_notice_too_large breach_notices_lost breach_reopened "
    "breach_reply_help breach_reply_instruction breach_reply_other breach_mail_to_read breach_notice_asked "
    "breach_call_sheet".split()
)
"""Events that somebody must act upon: shown in the channel as well as in the thread."""


@dataclass(frozen=True)
class Post:
    """One call of chat.postMessage, or of chat.update when `card_ts` says which message to change."""

    channel: str
    said: Said
    thread: str | None = None
    broadcast: bool = False
    card_ts: str | None = None


def find_place(session: Session, case: str, channel: str) -> Place | None:
    """Where the case's card stands in this channel, if it was posted."""
    return session.scalars(select(Place).where(Place.case == case, Place.channel == channel)).first()


def is_elsewhere(session: Session, delivery: Delivery, *, now: datetime) -> bool:
    """Whether another process is showing the same card: an earlier change of it is leased by somebody else."""
    earlier = exists().where(
        Delivery.case == delivery.case, Delivery.purpose == Purpose.CARD, Delivery.id < delivery.id
    )
    theirs = earlier.where(Delivery.leased_by != delivery.leased_by, Delivery.leased_until > now)
    return bool(session.execute(select(theirs)).scalar())


def find_card_due(session: Session, delivery: Delivery, *, channel: str, now: datetime) -> datetime | None:
    """When the request's card is tried next, if this belongs into its thread and the card is not there yet.

    A card that cannot be rendered waits for an hour; nothing else waits for it.
    """
    if delivery.recipient != CHANNEL or not is_request(delivery.case) or find_place(session, delivery.case, channel):
        return None
    card = select(Delivery.due_at).where(Delivery.case == delivery.case, Delivery.purpose == Purpose.CARD)
    soon = card.where(Delivery.due_at <= now + outbox.LONGEST_BACKOFF)
    return session.scalars(soon.order_by(Delivery.due_at).limit(1)).first()


def prepare(
    session: Session,
    delivery: Delivery,
    *,
    channel: str,
    language: str,
    telecom: TelecomOperator = TelecomOperator.UNKNOWN,
    now: datetime,
) -> Post | None:
    """The post of a delivery as the record stands now; None for a reminder of what has been decided meanwhile.

    What is about a drill says so, whoever wrote its words.
    """
    post = _prepare(session, delivery, channel=channel, language=language, telecom=telecom, now=now)
    return post and replace(post, said=mark_said(post.said, delivery.case))


def _prepare(
    session: Session, delivery: Delivery, *, channel: str, language: str, telecom: TelecomOperator, now: datetime
) -> Post | None:
    if not delivery.case:
        return _post_sending(session, delivery, channel, delivery.language or language)
    if delivery.case == DESK_CASE:
        where = channel if delivery.recipient == CHANNEL else delivery.recipient
        return Post(where, Said(_say_of_desk(session, delivery, delivery.language or language, now)))
    if delivery.reminder is not None:
        return _remind(session, delivery, delivery.reminder, channel, language, telecom, now)
    card = find_card(session, delivery.case, telecom)
    place = find_place(session, delivery.case, channel)
    if delivery.purpose == Purpose.CARD:
        return Post(channel, say_card(card, language), card_ts=place.ts if place else None)
    language = delivery.language or language
    if delivery.topic == REPAIRED and isinstance(card, BreachCard):
        said, broadcast = Said(say("repaired", card, language, count=count_in(delivery.key))), True
    elif delivery.topic == RINGS and isinstance(card, RequestCard):
        said, broadcast = say_ring(card, language), True
    else:
        said, broadcast = Said(_announce(session, delivery, card, language)), delivery.topic in BROADCAST
    return _addressed(delivery, said, place, channel, broadcast=broadcast)


def _addressed(delivery: Delivery, said: Said, place: Place | None, channel: str, *, broadcast: bool) -> Post:
    """In the case's thread, or directly to a colleague."""
    if delivery.recipient != CHANNEL:
        return Post(delivery.recipient, said)
    thread = place.ts if place else None
    return Post(channel, said, thread=thread, broadcast=broadcast and thread is not None)


def _remind(
    session: Session,
    delivery: Delivery,
    reminder: Reminder,
    channel: str,
    language: str,
    telecom: TelecomOperator,
    now: datetime,
) -> Post | None:
    if delivery.topic == TOPIC:
        return _remind_of_breach(session, delivery, reminder, channel, language, telecom, now)
    if delivery.topic == due.TOPIC:
        return _remind_of_task(session, delivery, channel, language, now)
    return _remind_of_request(session, delivery, channel, language, now)


def _remind_of_request(session: Session, delivery: Delivery, channel: str, language: str, now: datetime) -> Post | None:
    request = requests.get_request(session, delivery.case)
    if not requests.is_held(request):
        return None
    due_at = delivery.reminder.due_at if delivery.reminder else delivery.queued_at
    waiting = describe_waiting(since=requests.waiting_since(request), due_at=due_at, now=now)
    said = Said(say("reminder", show_request(session, request), delivery.language or language, **waiting))
    return _addressed(delivery, said, find_place(session, delivery.case, channel), channel, broadcast=True)


def _remind_of_task(session: Session, delivery: Delivery, channel: str, language: str, now: datetime) -> Post | None:
    task = due.find_due(session, delivery, now=now)
    if task is None:
        return None
    said = Said(due.say_due(task, delivery.language or language, now=now))
    return _addressed(delivery, said, find_place(session, delivery.case, channel), channel, broadcast=True)


def _remind_of_breach(
    session: Session,
    delivery: Delivery,
    reminder: Reminder,
    channel: str,
    language: str,
    telecom: TelecomOperator,
    now: datetime,
) -> Post | None:
    """A rung of a breach; None once its ladder rings no more."""
    breach = breaches.get_breach(session, delivery.case)
    if breach_clock.is_over(session, breach, reminder, telecom):
        return None
    rung = describe_rung(session, breach, reminder, telecom=telecom, now=now)
    said = Said(say("reminder", show_breach(session, breach), delivery.language or language, **rung.values))
    place = find_place(session, delivery.case, channel)
    return _addressed(delivery, said, place, channel, broadcast=is_broadcast(breach, reminder))


def _say_of_desk(session: Session, delivery: Delivery, language: str, now: datetime) -> str:
    if delivery.purpose == Purpose.DIGEST:
        return digest.say_digest(session, delivery, language, now=now)
    return say_of_desk(session, delivery, language)


def _post_sending(session: Session, delivery: Delivery, channel: str, language: str) -> Post:
    """What concerns no case: that sending is paused, or goes on."""
    where = channel if delivery.recipient == CHANNEL else delivery.recipient
    return Post(where, Said(describe_sending(session, language)))


def _announce(session: Session, delivery: Delivery, card: Card, language: str) -> str:
    topic = delivery.topic.removeprefix("breach_").removeprefix("request_")
    affected = session.get(Affected, delivery.affected_id) if delivery.affected_id else None
    about = affected or delivery.forward
    reference = about.customer.reference if about else ""
    customers = card.customers if isinstance(card, BreachCard) else card.forwards
    lines = [line for line in customers if line.customer_reference == reference]
    try:
        return say(f"thread_{topic}", card, language, line=lines[0] if lines else None)
    except TemplateNotFound:
        return say("push", card, language)
