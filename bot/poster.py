"""The outbox -> Slack: at least once, rendered when sent; what Slack will not take goes by e-mail instead."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot import instead
from bot.desk import Desk
from bot.outage import Health, hurry
from bot.posting import Post, find_card_due, find_place, is_elsewhere, prepare
from bot.trouble import UNREACHABLE, pause
from storage import breach_clock, breaches, due, outbox
from storage.announcements import CHANNEL
from storage.breaches import is_breach
from storage.clock import now, real_now
from storage.holders import new_holder
from storage.logs import Condition, name_of
from storage.models import Card, Delivery
from storage.types import Medium, Purpose

LOOK_EVERY = 0.25
AT_ONCE = 20
LOST = frozenset({"message_not_found", "cant_update_message", "thread_not_found", "edit_window_closed"})
"""The card is gone from the channel: it is posted anew."""


@dataclass(frozen=True)
class Pace:
    """In seconds: between two updates of one card, between two looks at whether the channel is ours alone, and for how
    long Slack may take nothing before staff are told by e-mail; then Slack's own limits: between two posts to one
    conversation (one a second), and between two updates of any card (50 a minute)."""

    card: float = 3.0
    channel: float = 60.0
    outage: float = 30.0
    post: float = 1.0
    update: float = 1.2


USUAL = Pace()
UPDATES = "updates"
"""Whose turn an update of a card takes; a post takes that of its recipient."""


class Unpostable(Exception):
    """Slack did not take a post; `code` says why, `after` when to try again."""

    def __init__(self, code: str, after: timedelta | None = None) -> None:
        super().__init__(code)
        self.code, self.after = code, after


class Poster:
    """Sends what is due, one post at a time."""

    def __init__(self, desk: Desk, client: WebClient, channel: str, pace: Pace | None = None) -> None:
        self.desk, self.client, self.channel = desk, client, channel
        self.holder = new_holder()
        self._database = Condition("database")
        self._slack: dict[str, Condition] = {}
        self._pace = pace or USUAL
        self._shown: dict[str, float] = {}
        self._turns: dict[str, tuple[float, datetime]] = {}
        self._ours_until = 0.0
        self.health = Health(self._pace.outage)

    def run(self, stop: Event) -> None:
        """Post for ever; a database that goes away is waited for."""
        failures, started = 0, False
        while not stop.is_set():
            try:
                started = started or self._start()
                while not stop.is_set() and self.post_due():
                    pass
            except SQLAlchemyError as error:
                failures, started = failures + 1, False
                self._database.failed(name_of(error))
                stop.wait(pause(failures))
            else:
                failures = 0
                self._database.well()
                self.desk.bell.wait(LOOK_EVERY)
                self.desk.bell.clear()

    def _start(self) -> bool:
        """Free what a predecessor held when it died, or what we held when the database went away."""
        self.holder = new_holder()
        with self.desk.database.begin() as session:
            outbox.release_dead(session, holder=self.holder)
        return True

    def post_due(self) -> int:
        """Post what is due now; how many deliveries were taken up."""
        with self.desk.database.reading() as session:
            if not outbox.anything_due(session, [Medium.SLACK], now=real_now()):
                return 0
        with self.desk.database.begin() as session:
            leased = outbox.lease_due(session, Medium.SLACK, holder=self.holder, count=AT_ONCE, now=real_now())
            taken = [(one.id, one.case if one.purpose == Purpose.CARD else "") for one in leased]
        for group in _group(taken):
            self._send_or_set_aside(group)
        return len(taken)

    def _send_or_set_aside(self, ids: list[int]) -> None:
        """The poison guard: what cannot even be rendered waits an hour, and the others go on."""
        try:
            self._send(ids)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad row must not end the poster
            structlog.get_logger().error("post-failed", fault=error)
            with self.desk.database.begin() as session:
                for delivery in self._ours(session, ids):
                    outbox.defer(delivery, reply=type(error).__name__, after=timedelta(hours=1))

    def _send(self, ids: list[int]) -> None:
        """One post for these deliveries: several changes of one card are one update of it."""
        post = self._begin(ids)
        if post is None:
            return
        try:
            ts = self._post(post)
        except Unpostable as trouble:
            self._postpone(ids, trouble, post)
        else:
            self._finish(ids, ts, post)

    def _begin(self, ids: list[int]) -> Post | None:
        with self.desk.database.begin() as session:
            ours = self._ours(session, ids)
            if not ours or self._must_wait(session, ours):
                return None
            language = self.desk.settings.staff_language
            telecom = self.desk.settings.telecom_operator
            post = prepare(session, ours[-1], channel=self.channel, language=language, telecom=telecom, now=now())
            for delivery in ours if post else ():
                outbox.record_sending(delivery, now=now())
            reminder = ours[-1].reminder
        if post is None:
            self._withdraw(ours[-1].case, due.number_in(reminder.rung) if reminder else None)
        return post

    def _withdraw(self, case: str, task: int | None) -> None:
        """Nothing is to be said any more. Apart: who has locked one reminder must not go on to lock the others."""
        telecom = self.desk.settings.telecom_operator
        with self.desk.database.begin() as session:
            if task is None and is_breach(case):
                breach = breaches.get_breach(session, case, to_change=True)
                breach_clock.withdraw_over(session, breach, telecom=telecom, now=now())
            else:
                outbox.supersede_reminders(session, case, task=task, now=now())

    def _must_wait(self, session: Session, ours: list[Delivery]) -> bool:
        """A card was updated just now, or another process is at it: put these off."""
        if ours[0].purpose != Purpose.CARD:
            return self._awaits_card(session, ours[0]) or self._awaits_turn(ours, ours[0].recipient)
        wait = self._shown.get(ours[0].case, 0.0) - time.monotonic()
        if is_elsewhere(session, ours[0], now=real_now()):
            wait = max(wait, 1.0)
        for delivery in ours if wait > 0 else ():
            outbox.defer(delivery, reply="soon", after=timedelta(seconds=wait))
        posted = find_place(session, ours[0].case, self.channel) is not None
        return wait > 0 or self._awaits_turn(ours, UPDATES if posted else ours[0].recipient)

    def _awaits_turn(self, ours: list[Delivery], turn: str) -> bool:
        """Slack would refuse it as too fast: it is due when the turn comes, after what was queued before it."""
        free, free_at = self._turns.get(turn, (0.0, real_now()))
        if time.monotonic() >= free:
            return False
        for delivery in ours:
            outbox.defer(delivery, reply="its turn", until=free_at)
        return True

    def _awaits_card(self, session: Session, delivery: Delivery) -> bool:
        """What belongs into a thread comes after the card that begins it."""
        due_at = find_card_due(session, delivery, channel=self.channel, now=real_now())
        if due_at is not None:
            wait = max(due_at - real_now(), timedelta(seconds=0.1))
            outbox.defer(delivery, reply="after its card", after=wait)
        return due_at is not None

    def _post(self, post: Post) -> str:
        """Returns the message's ts. Raises Unpostable."""
        try:
            if post.channel == self.channel:
                self._refuse_shared()
            return self._call(post)
        except SlackApiError as error:
            raise Unpostable(_code(error), _retry_after(error)) from error
        except UNREACHABLE as error:
            raise Unpostable("unreachable") from error

    def _call(self, post: Post) -> str:
        said: dict[str, Any] = {"text": post.said.text, "blocks": list(post.said.blocks)}
        if post.card_ts:
            updated = self.client.chat_update(channel=post.channel, ts=post.card_ts, **said)
            self._take_turn(UPDATES, self._pace.update)
            return str(updated["ts"])
        if post.thread:
            said |= {"thread_ts": post.thread, "reply_broadcast": post.broadcast}
        sent = self.client.chat_postMessage(channel=post.channel, unfurl_links=False, unfurl_media=False, **said)
        self._take_turn(CHANNEL if post.channel == self.channel else post.channel, self._pace.post)
        return str(sent["ts"])

    def _refuse_shared(self) -> None:
        """Nothing is said in a channel that another company reads. Raises Unpostable."""
        if time.monotonic() < self._ours_until:
            return
        channel: dict[str, Any] = self.client.conversations_info(channel=self.channel)["channel"]
        if channel.get("is_ext_shared") or channel.get("is_pending_ext_shared"):
            raise Unpostable("channel_is_shared")
        self._ours_until = time.monotonic() + self._pace.channel

    def _take_turn(self, turn: str, length: float) -> None:
        """Until when nothing more is said there, by both clocks: this one decides, the outbox knows the other."""
        self._turns[turn] = time.monotonic() + length, real_now() + timedelta(seconds=length)

    def _finish(self, ids: list[int], ts: str, post: Post) -> None:
        self._condition_of("").well()
        self._condition_of(post.channel).well()
        is_back = self.health.took()
        with self.desk.database.begin() as session:
            if is_back:
                hurry(session)
            ours = self._ours(session, ids)
            for delivery in ours:
                outbox.record_accepted(delivery, reply=ts, now=now())
            if ours and ours[0].purpose == Purpose.CARD:
                self._remember(session, ours, ts)

    def _remember(self, session: Session, ours: list[Delivery], ts: str) -> None:
        case = ours[0].case
        self._shown[case] = time.monotonic() + self._pace.card
        place = find_place(session, case, self.channel)
        if place is None:
            place = Card(case=case, channel=self.channel, ts=ts)
            session.add(place)
        place.shown_version += len(ours)

    def _postpone(self, ids: list[int], trouble: Unpostable, post: Post) -> None:
        if trouble.code not in LOST and trouble.after is None:
            where = post.channel if trouble.code in instead.OF_THE_CHANNEL else ""
            self._condition_of(where).failed(trouble.code)
        if trouble.code not in LOST:
            self.health.failed(trouble.code, in_channel=post.channel == self.channel)
        with self.desk.decide() as session:
            for delivery in self._ours(session, ids):
                after = timedelta() if trouble.code in LOST else trouble.after
                outbox.defer(delivery, reply=trouble.code, after=after)
                if trouble.code in LOST and (place := find_place(session, delivery.case, post.channel)):
                    session.delete(place)
                    session.flush()
                instead.tell_by_mail(session, self.desk, delivery, trouble.code)

    def _condition_of(self, channel: str) -> Condition:
        """How posting goes to one channel or person, or, for "", to Slack at all."""
        return self._slack.setdefault(channel, Condition("slack-posts"))

    def _ours(self, session: Session, ids: Iterable[int]) -> list[Delivery]:
        found = [outbox.still_ours(session, each, holder=self.holder, now=real_now()) for each in ids]
        return [delivery for delivery in found if delivery is not None]


def _group(taken: list[tuple[int, str]]) -> list[list[int]]:
    """Deliveries of one card together, at the place of the first; every other one alone."""
    groups: dict[str, list[int]] = {}
    for number, case in taken:
        groups.setdefault(case or f"alone {number}", []).append(number)
    return list(groups.values())


def _code(error: SlackApiError) -> str:
    data = error.response.data
    return str(data.get("error", "unknown_error")) if isinstance(data, dict) else "unreadable_answer"


def _retry_after(error: SlackApiError) -> timedelta | None:
    waited = {name.lower(): value for name, value in error.response.headers.items()}.get("retry-after")
    seconds = waited[0] if isinstance(waited, list) else waited
    return timedelta(seconds=int(seconds)) if seconds and str(seconds).isdigit() else None
