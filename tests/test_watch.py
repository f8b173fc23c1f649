"""Each half watches the other, and tells staff by its own medium when it falls silent."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.telling import tell_opened
from bot.watch import BACK, MISSING, SILENT, MailWatch, raise_stuck
from mail.settings import MailSettings
from mail.watch import watch_bot
from storage import heartbeats, stuck
from storage.clock import real_now
from storage.database import Database
from storage.messages import Place
from storage.models import Delivery
from storage.types import Medium, Purpose
from tests.bot_support import ESCALATION, Desk, running_desk
from tests.mail_support import mail_settings
from tests.storage_support import NOW, ROOT, add_customer, open_breach, receive, together

DPO = "dpo@kavkom.example"
AT_ONCE = timedelta(milliseconds=1)


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def settings(database_url: str) -> MailSettings:
    """A mail half with nothing to connect to, whose staff read English."""
    told = {"dpo_address": DPO, "escalation_addresses": (ESCALATION, DPO), "staff_language": "en"}
    return mail_settings(database_url, imap_port=1, smtp_port=1, **told)


def beat(database: Database, name: str, *, minutes_ago: float) -> None:
    with database.begin() as session:
        heartbeats.beat(session, name, now=real_now() - timedelta(minutes=minutes_ago))


def letters(database: Database) -> list[Delivery]:
    with database.reading() as session:
        found = list(session.scalars(select(Delivery).where(Delivery.purpose == Purpose.ALERT).order_by(Delivery.id)))
        session.expunge_all()
        return found


# --- the bot watches mail ---


def test_a_silent_mail_half_is_announced_once_and_so_is_its_return(desk: Desk) -> None:
    watch = MailWatch(desk.bot.desk, AT_ONCE)
    for minutes_ago in (10, 10, -1, -1, 10, -1):
        beat(desk.database, "mail", minutes_ago=minutes_ago)
        watch.tick(now=real_now())

    desk.workspace.wait_for(lambda: len(desk.workspace.messages()) == 4)
    said = ["silent since" in message.text for message in desk.workspace.messages()]
    assert said == [True, False, True, False]
    assert "The mail service is back" in desk.workspace.messages()[1].text


def test_mails_that_cannot_be_taken_in_are_announced_once(desk: Desk) -> None:
    place = Place("privacy", "INBOX", 1, 77)
    for _ in range(stuck.ENOUGH):
        with desk.database.begin() as session:
            stuck.note_failures(session, [place], "TimeoutError", now=real_now())

    desk.workspace.wait_for(desk.workspace.messages)

    assert raise_stuck(desk.bot.desk, now=real_now()) == 0
    [said] = desk.workspace.messages()
    assert said.text.startswith(":warning: 1 message in the mailbox could not be taken in.")


def test_another_bot_does_not_announce_it_again(desk: Desk) -> None:
    beat(desk.database, "mail", minutes_ago=10)
    watches = [MailWatch(desk.bot.desk, AT_ONCE) for _ in range(4)]

    said = together(4, lambda which: watches[which].tick(now=real_now()))

    assert sorted(filter(None, said)) == [SILENT]


def test_a_bot_that_has_just_started_gives_mail_time_to_start(desk: Desk) -> None:
    beat(desk.database, "mail", minutes_ago=600)

    assert MailWatch(desk.bot.desk).tick(now=real_now()) is None


def test_a_mail_half_that_never_ran_is_not_missed(desk: Desk) -> None:
    assert MailWatch(desk.bot.desk, AT_ONCE).tick(now=real_now()) is None


def test_a_mail_half_that_never_ran_is_missed_once_as_soon_as_a_breach_waits_for_it(desk: Desk) -> None:
    with desk.bot.desk.decide() as session:
        breach = open_breach(session, add_customer(session, "C0009"))
        tell_opened(session, breach, desk.bot.desk.settings, now=NOW)
    watch = MailWatch(desk.bot.desk, AT_ONCE)

    for _ in range(3):
        watch.tick(now=real_now())
    beat(desk.database, "mail", minutes_ago=-1)
    for _ in range(2):
        watch.tick(now=real_now())

    said = [one.topic for one in desk.deliveries(Medium.SLACK) if one.topic in (MISSING, BACK)]
    assert said == [MISSING, BACK]  # by this watch or by the bot's own
    desk.workspace.wait_for(lambda: "has never run here" in "".join(one.text for one in desk.workspace.messages()))


# --- mail watches the bot ---


def test_a_silent_bot_is_told_once_to_each_with_what_waits(database: Database, settings: MailSettings) -> None:
    beat(database, "bot", minutes_ago=6)
    with database.begin() as session:
        held = receive(session).reference
        breach = open_breach(session, add_customer(session)).reference

    queued = [watch_bot(database, settings, NOW) for _ in range(3)]

    assert queued == [2, 0, 0]
    told = letters(database)
    assert [(one.recipient, one.medium) for one in told] == [(DPO, Medium.EMAIL), (ESCALATION, Medium.EMAIL)]
    text = told[0].text or ""
    assert f"- {breach}: deadline Sunday 25 October 2026, 16:40 (Paris time)" in text
    assert f"Requests that need a person: 1 ({held})" in text
    assert "Posts not yet delivered to Slack: 3" in text
    assert told[0].subject == "The privacy desk’s bot is silent: 1 open breach"


def test_a_drill_that_waits_is_named_as_one(database: Database, settings: MailSettings) -> None:
    beat(database, "bot", minutes_ago=6)
    with database.begin() as session:
        drill = open_breach(session, add_customer(session), suspected_at=NOW, drill=True).reference

    watch_bot(database, settings, NOW)

    assert f"\n- [EXERCICE / DRILL] {drill}: deadline " in (letters(database)[0].text or "")


def test_the_services_are_named_as_the_readme_names_them() -> None:
    readme = (ROOT / "README.md").read_text()
    named = [
        name
        for path in (ROOT / "templates").iterdir()
        if path.is_file()
        for name in re.findall(r"systemctl \w+ ([\w-]+)", path.read_text())
    ]

    assert set(named) == {"desk-mail", "desk-bot"}
    assert "`desk-mail.service`, and the same with `bot`" in readme


def test_each_silence_is_told_anew(database: Database, settings: MailSettings) -> None:
    beat(database, "bot", minutes_ago=60)
    first = watch_bot(database, settings, NOW)
    beat(database, "bot", minutes_ago=7)

    assert (first, watch_bot(database, settings, NOW)) == (2, 2)


def test_a_bot_that_beats_or_never_ran_or_starts_beside_us_is_not_missed(
    database: Database, settings: MailSettings
) -> None:
    assert watch_bot(database, settings, NOW) == 0

    beat(database, "bot", minutes_ago=4)
    assert watch_bot(database, settings, NOW) == 0

    beat(database, "bot", minutes_ago=600)
    assert watch_bot(database, settings, NOW, started_at=real_now()) == 0


def test_several_mail_processes_tell_it_once(database: Database, settings: MailSettings) -> None:
    beat(database, "bot", minutes_ago=6)

    queued = together(4, lambda _: watch_bot(database, settings, NOW))

    assert sum(queued) == 2


def test_without_an_address_nobody_is_told(database: Database, database_url: str) -> None:
    beat(database, "bot", minutes_ago=6)

    assert watch_bot(database, mail_settings(database_url, imap_port=1, smtp_port=1), NOW) == 0
