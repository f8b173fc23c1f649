"""`/breach list` and Home: mine first, the nearest deadlines, the rest counted, in as many queries whatever waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from bot.desk import Desk as TheDesk
from bot.home import CASES, look, render_home
from bot.listing import CLOSED, SHOWN, say_breaches
from bot.settings import DeskSettings
from bot.showing import show_breach
from mail.watch import watch_bot
from storage import breach_closing, breaches, heartbeats
from storage.clock import real_now
from storage.database import Database
from storage.models import Affected, Breach, Delivery
from storage.types import Medium, Purpose
from tests.bot_support import ANNE, BORIS, ESCALATION, fill
from tests.mail_support import mail_settings
from tests.playground.rules import check_view
from tests.storage_support import ANNE as BY_ANNE
from tests.storage_support import NOW, add_customer, hours, open_breach, queries


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running."""
    fill(database)
    url = database.engine.url.render_as_string(hide_password=False)
    return TheDesk(database, DeskSettings(_env_file=None, database_url=url))


@contextmanager
def loads() -> Iterator[list[object]]:
    """The breaches that are read as whole rows."""
    found: list[object] = []

    def note(breach: object, _context: object) -> None:
        found.append(breach)

    event.listen(Breach, "load", note)
    yield found
    event.remove(Breach, "load", note)


def open_many(session: Session, number: int, *, first: int = 1, lead: str | None = None) -> None:
    """Open breaches in one statement, their deadlines an hour apart."""
    rows = [
        {
            "reference": f"BR-2025-{n:05}",
            "summary": "A test",
            "opened_at": NOW,
            "opened_by": "root",
            "aware_at": NOW,
            "deadline_at": NOW + hours(48 + n),
            "pace": 1,
            "lead": lead,
        }
        for n in range(first, first + number)
    ]
    session.execute(insert(Breach), rows)


def listed(desk: TheDesk, language: str = "en") -> list[str]:
    with desk.database.reading() as session:
        return say_breaches(session, language).splitlines()


def test_the_list_names_the_nearest_deadlines_counts_the_rest_and_the_last_closed(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        open_many(session, SHOWN + 7)
        for _ in range(CLOSED + 2):
            breach_closing.close_as_no_breach(session, open_breach(session), "a test", by=BY_ANNE, now=NOW)

    lines = listed(quiet)

    assert [line for line in lines if ", nobody leads it" in line] == lines[:SHOWN]
    assert lines[0].startswith("• *BR-2025-00001*: deadline <!date")
    assert "customers not known yet" in lines[0]
    assert lines[SHOWN] == "… and 7 more open, with later deadlines."
    assert [line.split(":")[0] for line in lines[SHOWN + 1 : -1]] == [f"• *BR-2026-000{n}*" for n in (7, 6, 5, 4, 3)]
    assert lines[-1] == "To open one: `/breach BR-2025-00001`"


def test_the_list_says_how_many_are_told_and_who_leads(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        breach = open_breach(session, add_customer(session, "C0101"), add_customer(session, "C0102"), suspected_at=NOW)
        breach.lead = BORIS
        session.add(notice(breach.affected[0], "accepted"))

    [line, _] = listed(quiet)

    assert "possible breach, precautionary deadline" in line
    assert f"told 1 of 2, led by <@{BORIS}>" in line


def notice(affected: Affected, key: str) -> Delivery:
    return Delivery(
        key=key,
        medium=Medium.EMAIL,
        purpose=Purpose.NOTICE,
        topic="notice",
        recipient="a@b.example",
        language="fr",
        case=affected.breach.reference,
        queued_at=NOW,
        due_at=None,
        accepted_at=NOW,
        affected_id=affected.id,
    )


def test_home_shows_the_breaches_that_i_lead_first_however_near_the_others_are(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        open_many(session, CASES + 4, lead=BORIS)
        open_many(session, 2, first=500, lead=ANNE)

    now = look(quiet, ANNE)
    blocks = render_home(now, "en")

    assert [card.reference for card in now.my_breaches] == ["BR-2025-00500", "BR-2025-00501"]
    assert len(now.breaches) == CASES - 2
    assert now.breaches[0].reference == "BR-2025-00001"
    assert str(blocks).index("Breaches that you lead") < str(blocks).index("Open breaches'")
    assert "… and 6 more open: /breach list" in str(blocks)
    check_view({"type": "home", "blocks": blocks}, "home")


@pytest.mark.parametrize(("language", "never"), [("en", "Last breach drill: never"), ("fr", "de violation : jamais")])
def test_home_says_when_the_last_drill_was(quiet: TheDesk, language: str, never: str) -> None:
    before = str(render_home(look(quiet, ANNE), language))
    with quiet.database.begin() as session:
        breach = open_breach(session, now=NOW - timedelta(days=80), aware_at=NOW - timedelta(days=80), drill=True)
        breach_closing.close_as_no_breach(session, breach, "done", by=BY_ANNE, now=NOW)

    after = str(render_home(look(quiet, ANNE), language))

    assert never in before
    assert never not in after
    assert "2026-08-04" in after


def test_many_breaches_cost_no_more_queries_than_few_and_only_those_shown_are_loaded(quiet: TheDesk) -> None:
    counts = []
    with quiet.database.begin() as session:
        open_many(session, 3, first=50, lead=ANNE)
    for number, first in ((CASES, 1), (2000, 100)):
        with quiet.database.begin() as session:
            open_many(session, number, first=first)
            some = [add_customer(session, f"C{first + n:05}") for n in range(5)]
            reference = open_breach(session, *some, aware_at=NOW - hours(40)).reference
        with queries(quiet.database) as home, loads() as loaded:
            look(quiet, ANNE)
        assert len(loaded) == CASES
        with queries(quiet.database) as list_:
            listed(quiet)
        with queries(quiet.database) as card, quiet.database.reading() as session:
            show_breach(session, breaches.get_breach(session, reference))
        counts.append((len(home), len(list_), len(card)))

    assert counts[0] == counts[1]
    assert max(counts[1]) < 40


def test_who_is_told_of_a_silent_bot_gets_the_nearest_deadlines_and_the_count(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        open_many(session, 500)
        heartbeats.beat(session, "bot", now=real_now() - timedelta(minutes=30))
    url = quiet.database.engine.url.render_as_string(hide_password=False)
    settings = mail_settings(url, imap_port=1, smtp_port=1, escalation_addresses=(ESCALATION,), staff_language="en")

    with queries(quiet.database) as asked:
        assert watch_bot(quiet.database, settings, NOW) == 1

    with quiet.database.reading() as session:
        letter = session.scalars(select(Delivery).where(Delivery.topic == "bot_silent")).one()
    assert "(500)" in (letter.text or "")
    assert "BR-2025-00020" in (letter.text or "")
    assert "BR-2025-00021" not in (letter.text or "")
    assert len(asked) < 30
