"""App Home: what needs you now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import App, BoltContext
from slack_sdk import WebClient

from bot.blocks import Block, context, describe, header, plain, say_buttons, section
from bot.breach_cards import BreachCard
from bot.cards import RequestCard
from bot.desk import Desk
from bot.gestures import user_of
from bot.refusals import sentence_of
from bot.showing import show_breaches, show_requests
from bot.words import word
from storage import breach_lists, figures, outbox, waiting
from storage.clock import now as desk_now
from storage.clock import real_now
from storage.figures import Figures
from storage.types import Medium, Role
from templates import escape_slack, render

CASES = 15
"""Breaches, and requests, that Home shows; the rest are counted."""


@dataclass(frozen=True)
class Now:
    """What needs somebody now: `mine` is the reader's, `nobodys` anybody's, and `requests` others have taken."""

    waiting: int
    requests: tuple[RequestCard, ...]
    open_breaches: int
    breaches: tuple[BreachCard, ...]
    failing: int
    mine: tuple[RequestCard, ...] = ()
    nobodys: tuple[RequestCard, ...] = ()
    my_breaches: tuple[BreachCard, ...] = ()
    last_drill_at: datetime | None = None


@dataclass(frozen=True)
class HomeListeners:
    """Home is made anew each time it is opened."""

    desk: Desk

    def register(self, app: App) -> None:
        app.event("app_home_opened")(self.publish)

    def publish(self, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        if body["event"].get("tab", "home") != "home":
            return
        client.views_publish(user_id=user_of(body), view=self._view(context))

    def _view(self, context: BoltContext) -> dict[str, Any]:
        if refused := context.get("refused"):
            sentence = sentence_of(refused, self.desk.settings.staff_language)
            return {"type": "home", "blocks": [section(escape_slack(sentence))]}
        speaker = context["speaker"]
        figures = gather_figures(self.desk) if speaker.role is Role.DPO else None
        return {"type": "home", "blocks": render_home(look(self.desk, speaker.user), speaker.language, figures)}


def look(desk: Desk, user: str) -> Now:
    """Read what needs somebody now: what is this colleague's first, then nobody's, then the rest, CASES in all."""
    with desk.database.reading() as session:
        found = waiting.sort_by_owner(session, user, limit=CASES)
        cards = show_requests(session, [*found.mine, *found.nobodys, *found.others])
        lead, others = breach_lists.find_for(session, user, limit=CASES)
        shown = show_breaches(session, [*lead, *others], desk.settings.telecom_operator)
        open_breaches, last_drill_at = breach_lists.count_open(session), breach_lists.last_drill_at(session)
        backlogs = [outbox.backlog(session, medium) for medium in Medium]
    first, second = len(found.mine), len(found.mine) + len(found.nobodys)
    return Now(
        waiting=found.count,
        mine=tuple(cards[:first]),
        nobodys=tuple(cards[first:second]),
        requests=tuple(cards[second:]),
        open_breaches=open_breaches,
        my_breaches=tuple(shown[: len(lead)]),
        breaches=tuple(shown[len(lead) :]),
        last_drill_at=last_drill_at,
        failing=sum(one.failing + one.refused for one in backlogs),
    )


def gather_figures(desk: Desk) -> Figures:
    """How the desk is doing, for the dpo."""
    with desk.database.reading() as session:
        return figures.gather(session, now=desk_now(), real_now=real_now())


def render_home(now: Now, language: str, figures: Figures | None = None) -> list[Block]:
    """Breaches first: their clock is the shorter one. The dpo's figures stand at the end."""
    blocks = [section(render("home", language, "slack", now=now)), _open_form(language)]
    blocks += _breaches(now, language)
    for title, cards in (("mine", now.mine), ("nobodys", now.nobodys), ("others", now.requests)):
        if cards:
            blocks.append(header(word(language, f"home.{title}")))
        for request in cards:
            blocks += _case(request, language)
    if left := _count_left(now):
        blocks.append(context(word(language, "home.more", count=left)))
    if figures is not None:
        blocks += [
            header(word(language, "home.figures")),
            section(render("home_figures", language, "slack", f=figures)),
        ]
    return blocks


def _breaches(now: Now, language: str) -> list[Block]:
    """Those that the reader leads first; what is not shown is counted."""
    blocks: list[Block] = []
    for title, cards in (("breaches_mine", now.my_breaches), ("breaches", now.breaches)):
        if cards:
            blocks.append(header(word(language, f"home.{title}")))
        for breach in cards:
            blocks += _case(breach, language)
    if left := now.open_breaches - len(now.my_breaches) - len(now.breaches):
        blocks.append(context(word(language, "home.more_breaches", count=left)))
    return blocks


def _count_left(now: Now) -> int:
    """How many of the requests that wait are not shown; a case may be shown for a task alone."""
    shown = sum(card.held or bool(card.failed) for card in (*now.mine, *now.nobodys, *now.requests))
    return max(0, now.waiting - shown)


def _case(card: RequestCard | BreachCard, language: str) -> list[Block]:
    return [
        section(describe(card, language)),
        *say_buttons(card, language, suffix=f":{card.reference}", all_rows=False),
    ]


def _open_form(language: str) -> Block:
    button = {
        "type": "button",
        "action_id": "open_breach_form",
        "text": plain(word(language, "button.open_breach_form")),
        "style": "danger",
    }
    return {"type": "actions", "elements": [button]}
