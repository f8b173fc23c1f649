"""The record of a breach through Slack: reported late or from a message, claimed, led, and filled in page by page."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from storage import breach_claims, breach_lists, breaches, journal
from storage.breach_facts import BreachFacts, known_facts
from storage.breach_types import ONGOING
from storage.models import Breach
from storage.types import Role
from tests.bot_support import ANNE, BORIS, CARLA, GUEST, MEMBER, Desk, minutes_ago, running_desk
from tests.playground import people
from tests.playground.model import Message

DAYS = 24 * 60
LADDER = ("20", "5", "0")


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch, breach_ladder=LADDER) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch, breach_ladder=LADDER) as desk:
        yield desk


def all_breaches(desk: Desk) -> list[Breach]:
    with desk.database.reading() as session:
        found = list(breach_lists.list_all(session))
        session.expunge_all()
        return found


def press(desk: Desk, user: str, reference: str, action: str, words: str = "") -> dict[str, Any]:
    """Press a button of the card; the form that it opens."""
    form = desk.workspace.click(user, desk.wait_for_card(reference, words), action).view
    assert form is not None
    return form


def open_page(desk: Desk, user: str, reference: str, page: str, customer: str | None = None) -> dict[str, Any]:
    form = press(desk, user, reference, "breach_record")
    chosen = {"page": page} | ({"affected_customer": customer} if customer else {})
    view = desk.workspace.submit(user, form, chosen).view
    assert view is not None
    return view


def said_in_thread(desk: Desk, reference: str, words: str) -> bool:
    card = desk.wait_for_card(reference)
    return any(words in each.text for each in desk.workspace.messages(thread=card.ts))


def facts(desk: Desk, reference: str, customer: int | None = None) -> BreachFacts:
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        return known_facts(session, breach, None if customer is None else breach.affected[customer])


# --- reporting ---


def test_what_was_noticed_more_than_48_hours_ago_is_accepted_once_it_is_confirmed(desk: Desk) -> None:
    form = desk.workspace.command(MEMBER, "/breach").view
    assert form is not None
    noticed_at = minutes_ago(3 * DAYS)

    warned = desk.workspace.submit(MEMBER, form, {"noticed_at": noticed_at, "summary": "A list went astray"})
    assert warned.view is not None
    assert warned.view["id"] == form["id"]
    assert "3 days ago" in str(warned.view["blocks"])
    assert "has already passed" in str(warned.view["blocks"])
    unticked = desk.workspace.submit(MEMBER, warned.view)
    assert "confirm the date" in unticked.errors["late"]
    assert all_breaches(desk) == []
    reported = desk.workspace.submit(MEMBER, warned.view, {"late": ["late"]})

    [breach] = all_breaches(desk)
    assert (breach.suspected_at, breach.summary, breach.opened_through) == (
        noticed_at,
        "A list went astray",
        form["id"],
    )
    assert breach.lead is None
    assert breach.ladder == LADDER
    assert reported.view is not None
    said = str(reported.view["blocks"])
    assert breach.reference in said
    assert "It has already passed" in said
    assert "<@U01ANNE>" in said
    assert "Don’t contact customers" in said
    desk.wait_for_card(breach.reference, "Nobody leads it yet")
    assert not [each for each in desk.workspace.payloads if "went astray" in each]


def test_a_late_date_that_is_corrected_is_warned_of_anew_or_no_more(small_desk: Desk) -> None:
    form = small_desk.workspace.command(CARLA, "/breach").view
    assert form is not None
    old = {"noticed_at": minutes_ago(3 * DAYS), "summary": "A doubt"}
    first = small_desk.workspace.submit(CARLA, form, old).view
    assert first is not None

    older = {"noticed_at": minutes_ago(5 * DAYS), "late": ["late"]}
    second = small_desk.workspace.submit(CARLA, first, older).view
    assert second is not None
    assert "5 days ago" in str(second["blocks"])
    assert all_breaches(small_desk) == []
    noticed_at = minutes_ago(60)
    small_desk.workspace.submit(CARLA, second, {"noticed_at": noticed_at, "late": []})

    [breach] = all_breaches(small_desk)
    assert (breach.suspected_at, breach.lead) == (noticed_at, CARLA)


@pytest.mark.parametrize(("certainty", "column"), [("aware", "aware_at"), ("told", "told_at"), (None, "suspected_at")])
def test_a_report_says_how_certain_it_is(small_desk: Desk, certainty: str | None, column: str) -> None:
    form = small_desk.workspace.command(CARLA, "/breach").view
    assert form is not None
    noticed_at = minutes_ago(90)

    values = {"noticed_at": noticed_at, "summary": "A doubt"} | ({"certainty": certainty} if certainty else {})
    small_desk.workspace.submit(CARLA, form, values)

    [breach] = all_breaches(small_desk)
    named = {one for one in ("aware_at", "told_at", "suspected_at") if getattr(breach, one) is not None}
    assert named == {column}
    assert getattr(breach, column) == breach.detected_at == noticed_at
    assert breach.deadline_at == noticed_at + timedelta(hours=48)


def test_a_breach_reported_from_a_message_keeps_where_it_stands_and_never_its_text(small_desk: Desk) -> None:
    message = Message(people.PRIVACY_DESK, small_desk.workspace.model.next_ts(), "Quetzal was here", user=MEMBER)
    small_desk.workspace.model.add(message)
    form = small_desk.workspace.shortcut(MEMBER, "report_breach_message", message).view
    assert form is not None
    values = {"noticed_at": minutes_ago(5), "summary": "A doubt"}

    small_desk.workspace.submit(MEMBER, form, values)

    [breach] = all_breaches(small_desk)
    place = f"{people.PRIVACY_DESK}/p{message.ts.replace('.', '')}"
    with small_desk.database.reading() as session:
        source = breaches.find_source(session, breach.reference)
        entries = "".join(entry.detail for entry in journal.entries_of(session, breach.reference))
    assert source == f"https://{people.DOMAIN}.slack.com/archives/{place}"
    assert "Quetzal" not in entries + breach.summary
    assert not [each for each in small_desk.workspace.payloads if "Quetzal" in each]
    refused = small_desk.workspace.shortcut(GUEST, "report_breach_message", message).view
    assert "full members" in str(refused and refused["blocks"])


# --- instants ---


def test_every_instant_that_somebody_names_is_kept_and_only_a_dpo_makes_awareness_later(desk: Desk) -> None:
    reference = desk.open_breach(hours_ago=5)
    aware_at = desk.breach(reference).aware_at
    told, later = minutes_ago(9 * 60), minutes_ago(60)
    form = press(desk, CARLA, reference, "breach_instants")
    desk.workspace.submit(CARLA, form, {"instant_kind": "told", "instant": told})
    desk.wait_for_card(reference, "told by a sub-processor")

    form = press(desk, CARLA, reference, "breach_instants")
    later_claim = {"instant_kind": "aware", "instant": later}
    bare = desk.workspace.submit(CARLA, form, later_claim)
    assert "The earliest instant counts" in bare.errors["instant"]
    reasoned = desk.workspace.submit(CARLA, form, {"later_reason": "It was looked into first"})
    assert "data protection officer" in str(reasoned.errors)
    personal = desk.workspace.submit(CARLA, form, {"later_reason": "Call 06 12 34 56 78"})
    assert "later_reason" in personal.errors
    assert desk.breach(reference).aware_at == aware_at

    desk.set_role(CARLA, Role.DPO)
    done = desk.workspace.submit(CARLA, form, {"later_reason": "It was looked into first"})

    assert done.closed
    breach = desk.breach(reference)
    assert (breach.aware_at, breach.aware_by, breach.told_at) == (later, CARLA, told)
    assert breach.deadline_at == later + timedelta(hours=48)
    with desk.database.reading() as session:
        kept = [(one.what.value, one.reason) for one in breach_claims.list_claims(session, breach)]
    assert kept[-2:] == [("told", None), ("aware", "It was looked into first")]
    assert not [each for each in desk.workspace.payloads if "looked into" in each]


# --- the lead ---


def test_a_breach_is_led_by_who_claims_it_and_then_by_whom_it_is_handed_to(desk: Desk) -> None:
    reference = desk.open_breach("C0001", lead=None)
    old = desk.wait_for_card(reference, "Nobody leads it yet")

    said = desk.workspace.click(CARLA, old, "breach_lead")
    assert f"You lead {reference}" in said.ephemerals[0].text
    desk.wait_for_card(reference, f"Lead: <@{CARLA}>")
    desk.workspace.wait_for(lambda: said_in_thread(desk, reference, f"led by <@{CARLA}>"))
    stale = desk.workspace.click(ANNE, old, "breach_lead")
    assert "a changé entre-temps" in stale.ephemerals[0].text
    form = press(desk, ANNE, reference, "breach_give_lead")
    before = len(desk.workspace.direct_messages(BORIS))
    desk.workspace.submit(ANNE, form, {"colleague": BORIS})

    desk.wait_for_card(reference, f"Lead: <@{BORIS}>")
    assert desk.breach(reference).lead == BORIS
    desk.workspace.wait_for(lambda: len(desk.workspace.direct_messages(BORIS)) > before)
    desk.workspace.wait_for(lambda: said_in_thread(desk, reference, f"led by <@{BORIS}>"))


# --- what is known ---


def test_what_is_known_is_recorded_page_by_page_and_typed_words_never_come_back(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    desk.wait_for_card(reference, "Known: 0 of 16")
    typed = {"account": "Canary in the mine", "nature": ["confidentiality", "availability"], "origin": "hacking"}
    assert desk.workspace.submit(CARLA, open_page(desk, CARLA, reference, "what"), typed).closed
    numbers = {"data_kinds": ["billing", "conversations"], "sensitive_kinds": ["none"], "persons": "120"}
    assert desk.workspace.submit(CARLA, open_page(desk, CARLA, reference, "whose"), numbers).closed
    started_at = minutes_ago(600)
    times = {"started_at": started_at, "ended": "ongoing"}
    assert desk.workspace.submit(CARLA, open_page(desk, CARLA, reference, "when"), times).closed

    known = facts(desk, reference)
    assert (known.account, known.nature, known.origin) == (
        "Canary in the mine",
        ("confidentiality", "availability"),
        "hacking",
    )
    assert (known.persons, known.started_at, known.ended_at) == (120, started_at, ONGOING)
    assert known.sensitive_kinds == ("anything_said",)
    card = desk.wait_for_card(reference, "Known: 8 of 16")
    assert "billing data, telephone conversations · about 120 persons" in str(card.blocks)
    assert "Goal: access restored by" in str(card.blocks)
    assert "measures before" in str(card.blocks)
    again = str(open_page(desk, CARLA, reference, "what"))
    assert "not shown in Slack: What happened" in again
    assert not [each for each in desk.workspace.payloads if "Canary" in each]


def test_a_page_left_as_it_is_changes_nothing_and_what_another_recorded_meanwhile_stays(small_desk: Desk) -> None:
    reference = small_desk.open_breach()
    first, second = (open_page(small_desk, user, reference, "whose") for user in (CARLA, BORIS))
    small_desk.workspace.submit(CARLA, first, {"persons": "120", "data_kinds": ["billing"]})

    small_desk.workspace.submit(BORIS, second, {"records": "7"})
    small_desk.workspace.submit(BORIS, open_page(small_desk, BORIS, reference, "whose"))

    known = facts(small_desk, reference)
    assert (known.persons, known.records, known.data_kinds) == (120, 7, ("billing",))
    with small_desk.database.reading() as session:
        entries = journal.entries_of(session, reference)
    assert [entry.action for entry in entries].count("breach-facts") == 2


def test_every_field_can_become_not_known_again(small_desk: Desk) -> None:
    reference = small_desk.open_breach()
    values = {"data_kinds": ["other"], "data_other": "Voice prints", "persons": "120", "person_kinds": ["employees"]}
    small_desk.workspace.submit(CARLA, open_page(small_desk, CARLA, reference, "whose"), values)
    times = {"started_at": minutes_ago(60), "ended_at": minutes_ago(30)}
    small_desk.workspace.submit(CARLA, open_page(small_desk, CARLA, reference, "when"), times)
    assert facts(small_desk, reference).ended_at == times["ended_at"]

    page = open_page(small_desk, CARLA, reference, "whose")
    small_desk.workspace.submit(
        CARLA, page, {"data_kinds": ["unknown"], "not_known": ["data_other", "persons"], "person_kinds": []}
    )
    page = open_page(small_desk, CARLA, reference, "when")
    small_desk.workspace.submit(CARLA, page, {"ended": "unknown", "not_known": ["started_at"]})

    known = facts(small_desk, reference)
    assert (known.data_kinds, known.data_other, known.persons) == (None, None, None)
    assert (known.started_at, known.ended_at) == (None, None)
    assert known.person_kinds == ("employees",)


def test_what_cannot_be_taken_is_refused_beside_its_own_field(small_desk: Desk) -> None:
    reference = small_desk.open_breach()
    page = open_page(small_desk, CARLA, reference, "measures")

    refused = small_desk.workspace.submit(
        CARLA, page, {"measures_before": "A firewall", "consequences": "Write to jeanne@example.org"}
    )
    ended = small_desk.workspace.submit(CARLA, open_page(small_desk, CARLA, reference, "when"), {"ended": "has_ended"})
    future = small_desk.workspace.submit(
        CARLA, open_page(small_desk, CARLA, reference, "when"), {"started_at": minutes_ago(-600)}
    )

    assert list(refused.errors) == ["consequences"]
    assert "no personal data goes into Slack" in refused.errors["consequences"]
    assert "When did it end?" in ended.errors["ended_at"]
    assert "future" in future.errors["started_at"]
    assert facts(small_desk, reference) == BreachFacts()


def test_what_holds_for_one_customer_is_recorded_for_it_alone(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", "C0002")
    offered = small_desk.workspace.suggest(
        CARLA, press(small_desk, CARLA, reference, "breach_record"), "affected_customer", "azur"
    )
    page = open_page(small_desk, CARLA, reference, "whose", "C0002")

    small_desk.workspace.submit(CARLA, page, {"persons": "3"})

    assert [each["value"] for each in offered] == ["C0002"]
    assert "for C0002 only" in str(page["blocks"])
    assert facts(small_desk, reference, 1).persons == 3
    assert facts(small_desk, reference).persons is None


def test_a_page_that_outlives_a_role_or_the_breach_changes_nothing(small_desk: Desk) -> None:
    reference = small_desk.open_breach()
    page, other = (open_page(small_desk, user, reference, "whose") for user in (CARLA, BORIS))
    small_desk.set_role(CARLA, Role.VIEWER)
    with small_desk.database.begin() as session:
        session.execute(select(Breach)).scalar_one().closed_at = minutes_ago(0)

    role = small_desk.workspace.submit(CARLA, page, {"persons": "120"})
    closed = small_desk.workspace.submit(BORIS, other, {"persons": "120"})

    assert "role of a handler" in str(role.errors)
    assert "close" in str(closed.errors)
    assert facts(small_desk, reference).persons is None


# --- not a breach ---


def test_a_handler_rules_out_a_doubt_but_not_what_became_certain_meanwhile(small_desk: Desk) -> None:
    doubt, certain = small_desk.open_breach(aware=False), small_desk.open_breach(aware=False)
    form = press(small_desk, CARLA, doubt, "breach_no_breach")
    assert small_desk.workspace.submit(CARLA, form, {"no_breach_reason": "A test list of ours"}).closed
    form = press(small_desk, CARLA, certain, "breach_no_breach")
    with small_desk.bot.desk.decide() as session:
        breaches.get_breach(session, certain).aware_at = minutes_ago(10)

    refused = small_desk.workspace.submit(CARLA, form, {"no_breach_reason": "A test list of ours"})

    assert "data protection officer" in str(refused.errors)
    assert small_desk.breach(certain).closed_at is None
    kept = small_desk.breach(doubt)
    assert (kept.no_breach_reason, kept.closed_by) == ("A test list of ours", CARLA)
    assert "test list" not in "".join(small_desk.workspace.payloads)


def test_what_is_no_count_is_refused_by_slacks_client_and_by_us(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    page = open_page(small_desk, CARLA, reference, "whose")

    for typed in ("-3", "2.5", "12345678901"):
        by_client = small_desk.workspace.submit(CARLA, page, {"persons": typed})
        by_us = submit_unchecked(small_desk, CARLA, page, {"persons": typed})

        assert (list(by_client.errors), by_client.sent) == (["persons"], False)
        assert list(by_us["errors"]) == ["persons"]
        assert "whole number" in by_us["errors"]["persons"]
    assert facts(small_desk, reference).persons is None


def submit_unchecked(desk: Desk, who: str, form: dict[str, Any], typed: dict[str, str]) -> dict[str, Any]:
    """As a client that checks nothing would send it; the answer's body."""
    view = desk.workspace.model.find_view(view_id=form["id"])
    assert view is not None
    payload = desk.workspace.gestures.payloads.submission(people.EVERYBODY[who], view)
    for name, value in typed.items():
        payload["view"]["state"]["values"][name][name]["value"] = value
    return dict(desk.workspace.wait_on(desk.workspace.gestures.asking.ask("interactive", payload)).body)


def reported(desk: Desk, user: str) -> str:
    """What somebody reports in Slack; its reference."""
    form = desk.workspace.command(user, "/breach").view
    assert form is not None
    desk.workspace.submit(user, form, {"noticed_at": minutes_ago(5), "summary": "A list went astray"})
    [breach] = all_breaches(desk)
    return breach.reference


def test_what_was_reported_is_offered_as_the_account_until_there_is_one(small_desk: Desk) -> None:
    reference = reported(small_desk, CARLA)

    by_french_reader = open_page(small_desk, ANNE, reference, "what")
    page = open_page(small_desk, CARLA, reference, "what")
    small_desk.workspace.submit(CARLA, page, {"nature": ["integrity"], "account": "Une liste est partie"})

    known = facts(small_desk, reference)
    assert offered(page) == offered(by_french_reader) == {"account_en": "A list went astray"}
    assert (known.account, known.account_en) == ("Une liste est partie", "A list went astray")
    assert offered(open_page(small_desk, CARLA, reference, "what")) == {}


@pytest.mark.parametrize(("reporter", "field"), [(ANNE, "account"), (CARLA, "account_en"), (MEMBER, "account_en")])
def test_what_was_reported_is_offered_in_the_language_of_whoever_reported_it(
    small_desk: Desk, reporter: str, field: str
) -> None:
    reference = reported(small_desk, reporter)

    assert list(offered(open_page(small_desk, CARLA, reference, "what"))) == [field]


def test_an_offer_that_is_left_as_it_is_does_not_replace_what_was_written_meanwhile(small_desk: Desk) -> None:
    reference = reported(small_desk, CARLA)
    early, late = (open_page(small_desk, user, reference, "what") for user in (CARLA, ANNE))

    small_desk.workspace.submit(CARLA, early, {"account": "Une liste est partie", "account_en": "A list went out"})
    small_desk.workspace.submit(ANNE, late, {"nature": ["integrity"]})

    known = facts(small_desk, reference)
    assert (known.account, known.account_en) == ("Une liste est partie", "A list went out")
    assert known.nature == ("integrity",)


def test_a_summary_that_holds_personal_data_is_offered_to_nobody(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    with small_desk.bot.desk.decide() as session:
        breaches.get_breach(session, reference).summary = "Write to jeanne@example.org"

    assert offered(open_page(small_desk, CARLA, reference, "what")) == {}


def test_a_summary_that_was_typed_at_a_shell_stays_out_of_slack(small_desk: Desk) -> None:
    reference = reported(small_desk, CARLA)
    with small_desk.bot.desk.decide() as session:
        breaches.get_breach(session, reference).opened_by = "shell: carla.petit as U03CARLA"

    assert offered(open_page(small_desk, CARLA, reference, "what")) == {}


def offered(page: dict[str, Any]) -> dict[str, str]:
    """What stands in the text fields of a page already."""
    elements = {block["block_id"]: block["element"] for block in page["blocks"] if block["type"] == "input"}
    return {name: one["initial_value"] for name, one in elements.items() if "initial_value" in one}
