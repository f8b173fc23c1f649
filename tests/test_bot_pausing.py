"""Staff learn that sending is paused, and that it goes on: in Slack, or by e-mail when Slack cannot be told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import pauses
from storage.clock import now
from storage.types import Actor
from templates import LANGUAGES, render
from tests.bot_support import ANNE, ESCALATION, Desk, running_desk
from tests.playground import people

TOPICS = (("slack", "sending_paused"), ("txt", "sending_paused"), ("html", "sending_paused"))


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as running:
        yield running


def wait_for_words(desk: Desk, words: str) -> None:
    said = desk.workspace.messages
    desk.workspace.wait_for(lambda: any(words in one.text for one in said()), what=words)


def test_a_pause_and_its_end_are_said_in_the_channel(desk: Desk) -> None:
    with desk.bot.desk.decide() as session:
        pauses.pause_sending(session, "restored", now=now())
    wait_for_words(desk, "the database comes from a backup")

    with desk.bot.desk.decide() as session:
        pauses.resume_sending(session, by=Actor(ANNE, "slack"), now=now())
    wait_for_words(desk, "Sending by e-mail has resumed")


def test_a_pause_that_slack_cannot_be_told_goes_to_staff_by_mail(desk: Desk) -> None:
    desk.workspace.revoke_token()
    with desk.bot.desk.decide() as session:
        pauses.pause_sending(session, "restored", now=now())

    desk.workspace.wait_for(lambda: len(desk.deliveries()) == 2)

    mails = desk.deliveries()
    assert {one.recipient for one in mails} == {people.ANNE.email, ESCALATION}
    assert all("python -m storage resume" in (one.text or "") for one in mails)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("restored", [True, False])
def test_the_words_of_a_pause_name_the_doubts_only_after_a_restore(language: str, restored: bool) -> None:
    values = {"since_at": now(), "restored": restored, "in_doubt": 7, "waiting": 3, "company": "Kavkom"}

    for medium, name in TOPICS:
        words = render(name, language, medium, **values)
        assert "python -m storage paused" in words
        assert ("backup" in words or "sauvegarde" in words) is restored
