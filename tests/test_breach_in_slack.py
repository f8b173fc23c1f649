"""A personal data breach, from the form to the last reminder, through Slack's own protocols."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from storage import breaches
from storage.database import open_database
from storage.models import Breach, Delivery
from storage.types import Medium, Purpose, Role
from tests.bot_support import (
    ANNE,
    BORIS,
    CARLA,
    ESCALATION,
    GUEST,
    MEMBER,
    STRANGER,
    Desk,
    minutes_ago,
    running_desk,
)
from tests.playground import people
from tests.storage_support import waive_all


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same on SQLite only, for what the database has no part in."""
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def reminders(desk: Desk, reference: str) -> list[str]:
    card = desk.wait_for_card(reference)
    return [each.text for each in desk.workspace.messages(thread=card.ts) if "deadline" in each.text]


def test_a_breach_is_committed_before_its_submission_is_acknowledged_and_rings_when_the_clock_moves(desk: Desk) -> None:
    form = desk.workspace.command(BORIS, "/breach").view
    assert form is not None
    noticed_at = minutes_ago(60)

    reply = desk.workspace.submit(
        BORIS,
        form,
        {"noticed_at": noticed_at, "summary": "A list was sent to the wrong company", "customers": ["C0001"]},
    )

    observer = open_database(desk.database.engine.url.render_as_string(hide_password=False))
    with observer.reading() as session:
        [breach] = session.scalars(select(Breach))
        assert breach.deadline_at == noticed_at + timedelta(hours=48)
        assert breach.aware_at is None
        assert breach.lead == BORIS
    observer.dispose()
    assert reply.view is not None
    said = str(reply.view["blocks"])
    assert "BR-2026-0001" in said or breach.reference in said
    assert "<@U01ANNE>" in said
    assert "Ne supprimez rien" in said

    desk.wait_for_card(breach.reference, "Precautionary deadline")
    desk.workspace.wait_for(lambda: desk.workspace.direct_messages(ANNE) and desk.workspace.direct_messages(BORIS))
    told = {one.recipient for one in desk.deliveries(topic="breach_opened")}
    assert told == {people.ANNE.email, people.BORIS.email, ESCALATION}

    desk.move(hours=12)
    desk.workspace.wait_for(lambda: reminders(desk, breach.reference), what="the reminder T-36")
    assert "Garage du Lac" in reminders(desk, breach.reference)[0]


def test_the_same_submission_twice_opens_one_breach(small_desk: Desk) -> None:
    form = small_desk.workspace.command(BORIS, "/breach").view
    assert form is not None
    values = {"noticed_at": minutes_ago(5), "summary": "A laptop is gone"}
    small_desk.workspace.submit(BORIS, form, values)
    breach = small_desk.breach(f"BR-{minutes_ago(5).year}-0001")

    with small_desk.bot.desk.decide() as session:
        from storage import breach_opening
        from storage.clock import now
        from storage.types import DESK

        again = breach_opening.open_breach(
            session, summary="x", suspected_at=minutes_ago(5), opened_through=breach.opened_through, by=DESK, now=now()
        )

    assert again.reference == breach.reference


@pytest.mark.parametrize(
    "summary",
    [
        "Write to jeanne@example.org",
        "Call +33 6 12 34 56 78",
        "FR76 3000 6000 0112 3456 7890 189",
        "From 192.168.10.24",
    ],
)
def test_a_summary_with_personal_data_is_refused_beside_its_field(small_desk: Desk, summary: str) -> None:
    form = small_desk.workspace.command(CARLA, "/breach").view
    assert form is not None

    reply = small_desk.workspace.submit(CARLA, form, {"noticed_at": minutes_ago(5), "summary": summary})

    assert "no personal data goes into Slack" in reply.errors["summary"]


def test_a_breach_noticed_tomorrow_is_refused_beside_its_date(small_desk: Desk) -> None:
    form = small_desk.workspace.command(CARLA, "/breach").view
    assert form is not None

    reply = small_desk.workspace.submit(CARLA, form, {"noticed_at": minutes_ago(-1440), "summary": "A doubt"})

    assert "future" in reply.errors["noticed_at"]


def test_a_member_who_is_not_staff_may_report_and_nothing_else(small_desk: Desk) -> None:
    form = small_desk.workspace.command(MEMBER, "/breach").view
    assert form is not None
    assert "customers" not in str(form["state"])

    reply = small_desk.workspace.submit(MEMBER, form, {"noticed_at": minutes_ago(5), "summary": "A doubt"})

    assert reply.view is not None
    assert "BR-" in str(reply.view["blocks"])
    for line in ("/breach list", "/breach BR-2026-0001", "/dsr"):
        assert "staff table" in small_desk.workspace.command(MEMBER, line).text
    assert small_desk.workspace.shortcut(MEMBER, "report_breach").view is not None


def test_a_stranger_who_comes_first_gets_no_further(small_desk: Desk) -> None:
    reply = small_desk.workspace.command(STRANGER, "/breach")

    assert "did not confirm who you are" in reply.text
    assert reply.view is None


@pytest.mark.parametrize("user", [GUEST, STRANGER])
def test_guests_and_strangers_are_refused(small_desk: Desk, user: str) -> None:
    small_desk.workspace.command(ANNE, "/dsr")
    for line in ("/breach", "/dsr"):
        reply = small_desk.workspace.command(user, line)
        assert "full members" in reply.text
        assert reply.view is None


def test_nobody_is_let_through_while_slack_does_not_say_who_they_are(small_desk: Desk) -> None:
    small_desk.workspace.refuse("users.info", "internal_error")

    reply = small_desk.workspace.command(ANNE, "/breach")

    assert "did not confirm who you are" in reply.text
    assert reply.view is None


def test_a_viewer_looks_but_does_not_decide(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    card = small_desk.wait_for_card(reference)
    small_desk.set_role(CARLA, Role.VIEWER)

    reply = small_desk.workspace.click(CARLA, card, "breach_told")

    assert reply.view is None
    assert "role of a handler" in reply.ephemerals[0].text
    assert reference in small_desk.workspace.command(CARLA, "/breach list").text


def test_a_modal_that_outlives_a_role_is_refused_when_it_is_sent(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    form = desk.workspace.click(BORIS, desk.wait_for_card(reference), "breach_told").view
    assert form is not None
    desk.set_role(BORIS, Role.VIEWER)

    reply = desk.workspace.submit(BORIS, form, {"affected_customer": "C0001", "means": "telephone"})

    assert "rôle" in str(reply.errors)
    assert not desk.breach(reference).affected[0].calls if desk.breach(reference).affected else True


def test_a_named_person_becomes_aware_and_the_deadline_moves(desk: Desk) -> None:
    reference = desk.open_breach(hours_ago=5, aware=False)
    form = desk.workspace.click(CARLA, desk.wait_for_card(reference), "breach_aware").view
    assert form is not None
    aware_at = minutes_ago(30)

    reply = desk.workspace.submit(CARLA, form, {"aware_at": aware_at})

    assert reply.closed
    breach = desk.breach(reference)
    assert (breach.aware_at, breach.aware_by) == (aware_at, CARLA)
    assert breach.deadline_at == aware_at + timedelta(hours=48)
    desk.wait_for_card(reference, "Aware since")


def test_closing_is_refused_with_names_until_all_are_told_and_then_it_is_silent(desk: Desk) -> None:
    reference = desk.open_breach("C0001", "C0002", hours_ago=1)
    card = desk.wait_for_card(reference)

    refused = desk.workspace.click(CARLA, card, "breach_close")
    assert "Garage du Lac, Hôtel Azur have not been told" in refused.ephemerals[0].text

    for customer in ("C0001", "C0002"):
        form = desk.workspace.click(CARLA, desk.wait_for_card(reference), "breach_told").view
        assert form is not None
        sent = desk.workspace.submit(
            CARLA, form, {"affected_customer": customer, "means": "telephone", "told_at": minutes_ago(1)}
        )
        assert sent.closed, sent
    with desk.bot.desk.decide() as session:
        waive_all(session, breaches.get_breach(session, reference))
    card = desk.wait_for_card(reference, "Told: 2 of 2")
    desk.move(hours=47)
    desk.workspace.click(CARLA, card, "breach_close")
    card = desk.wait_for_card(reference, "closed")

    assert desk.breach(reference).closed_by == CARLA
    assert not [one for one in desk.deliveries(Medium.SLACK) if one.purpose == Purpose.REMINDER]
    assert not desk.button(card, "breach_close")


def test_a_stale_button_says_so_and_the_card_is_refreshed(small_desk: Desk) -> None:
    reference = small_desk.open_breach(hours_ago=1, aware=False)
    old = small_desk.wait_for_card(reference)
    form = small_desk.workspace.click(CARLA, old, "breach_aware").view
    assert form is not None
    small_desk.workspace.submit(CARLA, form, {"aware_at": minutes_ago(30)})

    reply = small_desk.workspace.click(CARLA, old, "breach_aware")

    assert "changed meanwhile" in reply.ephemerals[0].text
    assert not small_desk.button(small_desk.wait_for_card(reference, "Aware since"), "breach_aware")


def test_customers_found_later_inherit_the_deadline(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    before = desk.breach(reference).deadline_at
    form = desk.workspace.click(CARLA, desk.wait_for_card(reference), "breach_add").view
    assert form is not None

    desk.workspace.submit(CARLA, form, {"customers": ["C0002", "C0003"]})

    desk.wait_for_card(reference, "Told: 0 of 3")
    assert desk.breach(reference).deadline_at == before


def test_after_an_outage_one_reminder_speaks_for_all_and_says_how_late_it_is(desk: Desk) -> None:
    reference = desk.open_breach("C0001", hours_ago=1)
    desk.wait_for_card(reference)
    desk.bot.ticker.stop()
    desk.move(hours=42, minutes=30)
    desk.bot.ticker.start()

    desk.workspace.wait_for(lambda: reminders(desk, reference))

    [said] = reminders(desk, reference)
    assert "it is 1 h 30 late" in said or "it is 1 h 29 late" in said
    mails = {one.recipient for one in desk.deliveries(topic="breach_reminder")}
    assert mails == {people.ANNE.email, people.BORIS.email}


def test_an_overdue_breach_rings_every_hour_and_the_escalation_addresses_too(desk: Desk) -> None:
    reference = desk.open_breach("C0001", hours_ago=1)
    desk.wait_for_card(reference)

    for hour in (1, 2):
        desk.move(hours=48 if hour == 1 else 1)
        desk.workspace.wait_for(lambda hour=hour: len(reminders(desk, reference)) == hour)  # type: ignore[misc]

    card = desk.wait_for_card(reference)
    replies = [each for each in desk.workspace.messages(thread=card.ts) if "has passed" in each.text]
    assert len(replies) == 2
    assert all(each.broadcast for each in replies)
    assert ESCALATION in {one.recipient for one in desk.deliveries(topic="breach_reminder")}


@pytest.mark.parametrize("fault", ["token", "archived", "shared"])
def test_what_slack_will_not_take_goes_by_mail_once_and_is_logged_once(small_desk: Desk, fault: str) -> None:
    reference = small_desk.open_breach("C0001", hours_ago=1)
    small_desk.wait_for_card(reference)
    workspace = small_desk.workspace
    breaking: dict[str, Callable[[], None]] = {
        "token": workspace.revoke_token,
        "archived": workspace.archive,
        "shared": workspace.share_channel,
    }
    breaking[fault]()

    with capture_logs() as log:
        small_desk.move(hours=12)
        workspace.wait_for(lambda: len(failed_posts(small_desk)) == (3 if fault == "token" else 2))
        workspace.wait_for(lambda: len(small_desk.deliveries()) == 3)

    mails = small_desk.deliveries()
    assert {one.recipient for one in mails} == {people.ANNE.email, people.BORIS.email, ESCALATION}
    assert all("stands in for it" in (one.text or "") or "le remplace" in (one.text or "") for one in mails)
    assert reference in (mails[0].subject or "")
    assert [line["event"] for line in log] == ["slack-posts-failed"]


def failed_posts(desk: Desk) -> list[Delivery]:
    return [one for one in desk.deliveries(Medium.SLACK) if one.attempts and one.accepted_at is None]


def test_an_unknown_word_gets_help_and_the_nearest_match(small_desk: Desk) -> None:
    assert "`/breach list`?" in small_desk.workspace.command(CARLA, "/breach lst").text
    assert "There is no case BR-2019-0404" in small_desk.workspace.command(CARLA, "/breach BR-2019-0404").text
    assert "`/breach`: report" in small_desk.workspace.command(CARLA, "/breach xyzzy").text


def test_a_telephones_capital_letters_and_spaces_are_understood(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")

    listed = small_desk.workspace.command(CARLA, "/breach List")
    call = small_desk.workspace.command(CARLA, f"/breach {reference.lower()}  Call ")

    assert reference in listed.text
    assert call.view is not None
    assert call.view["private_metadata"] == reference


@pytest.mark.parametrize("command", ["/breach", "/dsr"])
def test_help_is_the_help_and_no_guess(small_desk: Desk, command: str) -> None:
    said = small_desk.workspace.command(CARLA, f"{command} help").text

    assert f"`{command}`: " in said
    assert "Did you mean" not in said


def test_thirty_commands_at_once_are_all_answered(small_desk: Desk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(30) as pool:
        replies = list(pool.map(lambda _: small_desk.workspace.command(CARLA, "/breach list"), range(30)))

    assert [each.text for each in replies] == ["No breach is recorded."] * 30


def test_a_database_that_stumbles_gets_a_sentence_and_the_form_keeps_its_words(small_desk: Desk) -> None:
    form = small_desk.workspace.command(CARLA, "/breach").view
    assert form is not None
    with small_desk.database.begin() as session:
        session.connection().exec_driver_sql("ALTER TABLE breach RENAME TO breach_away")

    reply = small_desk.workspace.submit(CARLA, form, {"noticed_at": minutes_ago(5), "summary": "A doubt"})

    assert "nothing was changed" in str(reply.errors)


def test_slack_never_sees_what_was_typed_about_a_breach(small_desk: Desk) -> None:
    form = small_desk.workspace.command(BORIS, "/breach").view
    assert form is not None
    small_desk.workspace.submit(BORIS, form, {"noticed_at": minutes_ago(5), "summary": "Canary in the mine"})
    small_desk.workspace.wait_for(lambda: small_desk.workspace.direct_messages(ANNE))
    small_desk.workspace.open_home(ANNE)

    assert not [each for each in small_desk.workspace.payloads if "Canary" in each]
    mails = small_desk.deliveries(topic="breach_opened")
    assert all("Canary in the mine" in (one.text or "") for one in mails)
    assert isinstance(mails[0], Delivery)
