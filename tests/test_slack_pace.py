"""How fast the bot speaks to Slack: never faster than it allows, in the order in which things were said."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bot import telling
from storage import journal
from storage.clock import now
from storage.types import DESK, Medium, Purpose
from tests.bot_support import BORIS, QUICK, Desk, running_desk

PACE = 0.4
POSTS = 4


def say_at_once(desk: Desk, reference: str) -> None:
    """Four things in the thread of a breach, then one to a colleague, in one transaction."""
    with desk.bot.desk.decide() as session:
        for number in range(POSTS):
            journal.record(session, "measured", by=DESK, now=now(), case=reference, number=number)
            telling.tell_thread(session, reference, "breach_tested", now=now())
        telling.tell_thread(session, reference, "breach_tested", now=now(), recipient=BORIS, language="en")


def test_posts_to_one_channel_take_turns_in_their_order_and_a_colleague_does_not_wait_for_them(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_desk(sqlite_url, tmp_path, monkeypatch, pace=replace(QUICK, post=PACE)) as desk:
        reference = desk.open_breach("C0001")
        desk.wait_for_card(reference)

        say_at_once(desk, reference)

        def said() -> list[str]:
            found = desk.deliveries(Medium.SLACK, topic="breach_tested", purpose=Purpose.ANNOUNCEMENT)
            return [one.reply or "" for one in found if one.accepted_at is not None]

        desk.workspace.wait_for(lambda: len(said()) == POSTS + 1, what="all five posts")
        *thread, direct = said()
        assert thread == sorted(thread)
        assert direct < thread[-1]
        posts = [one for one in desk.workspace.calls if one.method == "chat.postMessage" and not one.refused]
        here = [one.at for one in posts if one.channel == desk.workspace.channel]
        assert len(here) == POSTS + 1
        assert all(later - earlier >= PACE for earlier, later in pairwise(here))


def test_updates_of_cards_take_turns_whichever_they_show(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_desk(sqlite_url, tmp_path, monkeypatch, pace=replace(QUICK, update=PACE)) as desk:
        some = [desk.open_breach("C0001", lead=None) for _ in range(3)]
        for reference in some:
            desk.wait_for_card(reference)

        for reference in some:
            desk.workspace.click(BORIS, desk.wait_for_card(reference), "breach_lead")

        for reference in some:
            desk.wait_for_card(reference, f"Lead: <@{BORIS}>")
        updates = [one.at for one in desk.workspace.calls if one.method == "chat.update"]
        assert len(updates) >= len(some)
        assert all(later - earlier >= PACE for earlier, later in pairwise(updates))
