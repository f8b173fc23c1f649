"""A drill: the same way as a breach, marked everywhere, never without an address for its mails, and reported on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import posting, telling
from bot.breach_report import make_report
from bot.drill import drill_form
from bot.fields import modal
from bot.marking import TITLE, mark_html, mark_text
from bot.settings import DeskSettings
from storage import breach_closing, breach_customers, breach_opening, breaches, calls, outbox
from storage.breach_rungs import key_of
from storage.clock import now
from storage.customers import get_customer
from storage.database import Database, open_database
from storage.models import Attachment, Breach, Delivery, Reminder
from storage.outbox import Words
from storage.types import DESK, Medium, Purpose, Role
from templates import DRILL_MARK
from tests.bot_support import ANNE, BORIS, ESCALATION, MEMBER, Desk, running_desk
from tests.breach_story import tell_story
from tests.playground import people
from tests.playground.rules import check_view
from tests.storage_support import BORIS as BY
from tests.storage_support import NOW, add_customer, hours, open_breach
from tests.test_bot_shell import call
from tests.test_bot_words import TEMPLATES

ADDRESS = "exercice@kavkom.example"


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch, drill_address=ADDRESS) as desk:
        yield desk


def open_drill(desk: Desk, **values: Any) -> str:
    """Through the form, as Anne does; its reference."""
    form = desk.workspace.command(ANNE, "/breach drill").view
    assert form is not None
    given = {"scenario": "A disk is gone", "customers": ["C0001", "C0002"], "pace": "48"} | values
    reply = desk.workspace.submit(ANNE, form, given)
    assert reply.view is not None, reply.errors
    with desk.database.reading() as session:
        return session.scalars(select(Breach.reference).order_by(Breach.id.desc())).first() or ""


def test_a_drill_is_numbered_apart_and_its_48_hours_pass_in_one(desk: Desk) -> None:
    reference = open_drill(desk)

    breach = desk.breach(reference)
    assert reference == f"DRILL-{breach.opened_at.year}-0001"
    assert (breach.pace, breach.lead) == (48, ANNE)
    assert breach.suspected_at is not None
    assert breach.deadline_at == breach.suspected_at + timedelta(hours=1)
    assert [one.customer.reference for one in breach.affected] == ["C0001", "C0002"]


def test_the_whole_way_of_a_drill_says_at_every_step_that_it_is_one(desk: Desk) -> None:
    reference = open_drill(desk)
    card = desk.wait_for_card(reference)
    form = desk.workspace.click(ANNE, card, "breach_aware").view
    assert form is not None
    assert form["title"]["text"] == TITLE
    assert DRILL_MARK in str(form["blocks"][0])
    desk.workspace.submit(ANNE, form, {"aware_at": now().replace(microsecond=0)})
    for customer in ("C0001", "C0002"):
        told = desk.workspace.click(BORIS, desk.wait_for_card(reference), "breach_told").view
        assert told is not None
        values = {"affected_customer": customer, "means": "telephone", "told_at": now().replace(microsecond=0)}
        assert not desk.workspace.submit(BORIS, told, values).errors
        waive(desk, reference, customer)
    refused = desk.workspace.command(BORIS, f"/breach {reference[:-4]}0099")
    shown = desk.workspace.command(BORIS, f"/breach {reference}")
    desk.workspace.click(BORIS, desk.wait_for_card(reference), "breach_close")

    desk.workspace.wait_for(lambda: desk.deliveries(topic="drill_report"), what="the report")
    desk.workspace.wait_for(lambda: not unposted(desk), what="everything posted")
    said = [*desk.workspace.messages(), *desk.workspace.messages(thread=card.ts)]
    said += [*desk.workspace.direct_messages(ANNE), *desk.workspace.direct_messages(BORIS)]
    assert len(said) > 5, "nothing else is said here than what is about the drill"
    assert [one.text for one in said if DRILL_MARK not in one.text] == []
    assert DRILL_MARK in str(desk.wait_for_card(reference).blocks)
    assert DRILL_MARK in refused.text
    assert DRILL_MARK in shown.text
    mails = desk.deliveries(case=reference)
    assert {one.topic for one in mails} == {"breach_opened", "drill_report"}
    assert [one.subject for one in mails if not (one.subject or "").startswith(DRILL_MARK)] == []
    assert [one.topic for one in mails if not (one.text or "").startswith(DRILL_MARK)] == []
    assert [one.topic for one in mails if one.html and DRILL_MARK not in one.html] == []
    assert {one.recipient for one in mails if one.topic == "drill_report"} == {people.ANNE.email, ESCALATION}


def waive(desk: Desk, reference: str, customer: str) -> None:
    """Its documents are not owed any more."""
    with desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        calls.waive_documents(session, breach, get_customer(session, customer), "A drill", by=DESK, now=now())


def unposted(desk: Desk) -> list[Delivery]:
    return [one for one in desk.deliveries(Medium.SLACK) if one.due_at is not None]


def test_without_an_address_no_drill_is_opened(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        reply = desk.workspace.command(ANNE, "/breach drill")
        assert reply.view is None
        assert "DRILL_ADDRESS" in reply.text
        words = ("breach", "drill", "--summary", "x", "--customer", "C0001", "--pace", "4")

        code = call(monkeypatch, tmp_path, *words, DATABASE_URL=sqlite_url)

        assert code == 1
        assert "No drill without DRILL_ADDRESS" in capsys.readouterr().err
        with desk.database.reading() as session:
            assert session.scalars(select(Breach)).first() is None


def test_only_those_who_decide_open_a_drill_also_when_the_form_outlives_the_role(desk: Desk) -> None:
    assert desk.workspace.command(MEMBER, "/breach drill").view is None
    form = desk.workspace.command(BORIS, "/breach drill").view
    assert form is not None
    desk.set_role(BORIS, Role.VIEWER)

    desk.workspace.submit(BORIS, form, {"scenario": "x", "customers": ["C0001"], "pace": "1"})

    assert desk.workspace.command(BORIS, "/breach drill").view is None
    with desk.database.reading() as session:
        assert session.scalars(select(Breach)).first() is None


def test_a_scenario_with_personal_data_is_refused(desk: Desk) -> None:
    form = desk.workspace.command(ANNE, "/breach drill").view
    assert form is not None

    reply = desk.workspace.submit(ANNE, form, {"scenario": "Call 0612345678", "customers": ["C0001"], "pace": "1"})

    assert "aucune donnée personnelle" in reply.errors["scenario"]


def test_the_shell_opens_a_drill_and_a_breach_after_it_has_its_own_number(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(database_url)
    with database.begin() as session:
        add_customer(session, "C0001")
    here = {"DATABASE_URL": database_url, "DRILL_ADDRESS": ADDRESS, "ESCALATION_ADDRESSES": ESCALATION}
    words = ("--summary", "A rehearsal", "--customer", "C0001", "--pace", "48")

    assert call(monkeypatch, tmp_path, "breach", "drill", *words, **here) == 0

    assert capsys.readouterr().out.startswith(f"{DRILL_MARK} DRILL-")
    with database.begin() as session:
        breach = breach_opening.open_breach(session, summary="x", aware_at=now(), by=DESK, now=now())
        assert breach.reference.endswith("-0001")
    database.dispose()


TOPICS = sorted(path.name.split(".")[0] for path in TEMPLATES.glob("breach_thread_*.en.slack"))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_post_about_a_drill_is_marked_whatever_its_template(sqlite_url: str, language: str) -> None:
    database = open_database(sqlite_url)
    with database.begin() as session:
        breach = tell_story(session, drill=True, closed=False)
        breach_customers.add_customers(session, breach, [add_customer(session, "C0005")], by=DESK, now=NOW)
        rung = key_of("T-24", breach.deadline_at)
        reminder = Reminder(case=breach.reference, rung=rung, due_at=NOW, rung_at=NOW)
        session.add(reminder)
        session.flush()
        topics = [topic.replace("breach_thread_", "breach_") for topic in TOPICS]
        known: dict[str, Any] = {"medium": Medium.SLACK, "language": language, "case": breach.reference, "now": NOW}
        known |= {"recipient": "channel", "affected_id": breach.affected[0].id}
        for topic in (*topics, "breach_other", "card", "breach_reminder"):
            purpose = Purpose.CARD if topic == "card" else Purpose.ANNOUNCEMENT
            of_rung = reminder.id if topic == "breach_reminder" else None
            outbox.queue(session, f"test:{topic}", purpose=purpose, topic=topic, reminder_id=of_rung, **known)
        queued = session.scalars(select(Delivery).where(Delivery.key.startswith("test:"))).all()
        for delivery in queued:
            post = posting.prepare(session, delivery, channel="C01", language=language, now=NOW)

            assert post is not None
            assert post.said.text.startswith(DRILL_MARK), delivery.topic
            assert not post.said.blocks or DRILL_MARK in str(post.said.blocks)
    database.dispose()
    assert len(queued) > 7


def test_every_mail_about_a_drill_is_marked_once_and_that_of_a_breach_is_not(database: Database) -> None:
    words = Words("Subject", "Hello", "<html><body><p>Hello</p></body></html>")
    with database.begin() as session:
        for case in ("DRILL-2026-0001", "BR-2026-0001"):
            telling.queue_mail(
                session, case, case=case, topic="t", address="a@kavkom.example", language="en", words=words, now=NOW
            )
        drill, breach = session.scalars(select(Delivery).order_by(Delivery.id))

        assert drill.subject == f"{DRILL_MARK} Subject"
        assert (drill.text or "").splitlines()[0] == DRILL_MARK
        assert (drill.html or "").index(DRILL_MARK) < (drill.html or "").index("Hello")
        assert DRILL_MARK not in f"{breach.subject}{breach.text}{breach.html}"
    assert mark_text(mark_text("x", "DRILL-2026-0001"), "DRILL-2026-0001").count(DRILL_MARK) == 1
    assert mark_html(mark_html("x", "DRILL-2026-0001"), "DRILL-2026-0001").count(DRILL_MARK) == 1


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_forms_keep_within_slacks_limits(language: str) -> None:
    check_view(drill_form(language), "modal")
    check_view(modal(language, "breach_aware", [], "DRILL-2026-0001"), "modal")


# --- the report ---


@pytest.mark.parametrize(("language", "words"), [("fr", "Ce qui a tardé"), ("en", "What was late")])
def test_the_report_of_a_breach_says_on_one_page_what_a_board_asks(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    database = open_database(sqlite_url)
    with database.begin() as session:
        tell_story(session)
    database.dispose()
    target = tmp_path / "report.html"

    code = call(
        monkeypatch, tmp_path, "breach", "report", "BR-2026-0001", "-o", str(target), "--language", language,
        DATABASE_URL=sqlite_url,
    )  # fmt: skip

    page = target.read_text()
    assert code == 0
    for one in (words, "Hôtel Azur", "Boris Petit", "Nobody else was awake", "2 / 3", "<svg", "1 / 3"):
        assert one in page
    assert DRILL_MARK not in page
    assert "None" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("closed", "passed"), [(3, False), (49, True)])
def test_no_deadline_passes_after_it_was_closed(database: Database, closed: float, passed: bool) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW)
        breach_closing.close_as_no_breach(session, breach, "A test list", by=BY, now=NOW + hours(closed))

        page = make_report(session, breach.reference, company="Kavkom", language="en", now=NOW + hours(100))

    assert ("The deadline passed." in page) == passed


def test_closing_a_drill_sends_its_report_once_and_closing_a_breach_sends_none(database: Database) -> None:
    from bot.breach_report import tell_drill_closed

    settings = DeskSettings(_env_file=None, database_url="sqlite:///x.db", escalation_addresses=(ESCALATION,))
    with database.begin() as session:
        drill = tell_story(session, drill=True)
        first = tell_drill_closed(session, drill, settings, now=NOW)
        again = tell_drill_closed(session, drill, settings, now=NOW)
        drill.reference = "BR-2026-0009"
        none = tell_drill_closed(session, drill, settings, now=NOW)

        assert (first, again, none) == (3, 0, 0)
        mails = session.scalars(select(Delivery).where(Delivery.topic == "drill_report")).all()
        assert all("late: 1" in (one.text or "") or "en retard\u00a0: 1" in (one.text or "") for one in mails)
        pages = session.scalars(select(Attachment.content).where(Attachment.name == "DRILL-2026-0001.html")).all()
        assert len(pages) == 3
        assert all(DRILL_MARK.encode() in (page or b"") for page in pages)
