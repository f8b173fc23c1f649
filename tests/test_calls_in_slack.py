"""Calls about a breach through Slack's own protocols: who was told, what is owed, the notice once more, the sheet."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot import call_forms
from storage import breaches, customers
from storage.clock import now
from storage.models import Affected, Breach, Call, Delivery
from storage.types import DESK, Means, Medium, Purpose, Role
from tests.bot_support import ANNE, BORIS, CARLA, Desk, minutes_ago, running_desk
from tests.calling_support import become, send_notice
from tests.playground import people
from tests.playground.workspace import Message

CANARIES = ("Zoltan", "+33639980042", "0639980042", "quetzal@oiseau.example")


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same on SQLite only, for what the database has no part in."""
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def calls_of(desk: Desk, reference: str) -> list[Call]:
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        found = [call for affected in breach.affected for call in affected.calls]
        session.expunge_all()
        return found


def notified(desk: Desk, *references: str, **became: Any) -> str:
    """A breach whose customers were sent a notice an hour ago; what became of it."""
    reference = desk.open_breach(*references, hours_ago=20)
    with desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference)
        for affected in breach.affected:
            send_notice(session, breach, affected, at=now() - timedelta(hours=1), **became)
        breaches.record(session, breach, "notice-approved", by=DESK, now=now())
    return reference


def form_of(desk: Desk, who: str, reference: str, verb: str = "call") -> dict[str, Any]:
    form = desk.workspace.command(who, f"/breach {reference} {verb}").view
    assert form is not None
    return form


def attempts(desk: Desk) -> list[Delivery]:
    return [one for one in desk.deliveries(purpose=Purpose.NOTICE) if one.attempt_of_id]


def wait_for_thread(desk: Desk, card: Message, words: str) -> Message:
    def find() -> Message | None:
        return next((one for one in desk.workspace.messages(thread=card.ts) if words in one.text), None)

    found = desk.workspace.wait_for(find, what=f"the thread saying {words!r}")
    assert found is not None
    return found


def test_a_voicemail_is_kept_and_only_who_was_reached_was_told(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    card = small_desk.wait_for_card(reference)
    voicemail = {"affected_customer": "C0001", "answered": "voicemail", "call_reference": "1732701234.5678"}
    reached = {"affected_customer": "C0001", "answered": "reached", "contact": "management"}

    small_desk.workspace.submit(CARLA, form_of(small_desk, CARLA, reference), voicemail)
    wait_for_thread(small_desk, card, "called without success")
    still = small_desk.breach(reference)
    small_desk.wait_for_card(reference, "called in vain: 1")
    small_desk.workspace.submit(CARLA, form_of(small_desk, CARLA, reference), reached)

    wait_for_thread(small_desk, card, "Garage du Lac was told")
    small_desk.wait_for_card(reference, "Told: 1 of 1")
    first, second = calls_of(small_desk, reference)
    assert breaches.is_ringing(still)
    assert (first.reached, first.answered, first.call_reference) == (False, "voicemail", "1732701234.5678")
    assert (second.reached, second.role, second.by) == (True, "management", CARLA)


def test_what_is_missing_or_personal_is_said_beside_its_field(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    form = form_of(small_desk, CARLA, reference)
    letter = {"affected_customer": "C0001", "means": "registered-letter"}

    missing = small_desk.workspace.submit(CARLA, form, letter)
    personal = small_desk.workspace.submit(
        CARLA, form, letter | {"proof": "Ask quetzal@oiseau.example", "call_reference": "06 39 98 00 42"}
    )
    good = letter | {"proof": "1A 203 123 4567 8", "call_reference": "CALL-7"}
    early = small_desk.workspace.submit(CARLA, form, good | {"told_at": minutes_ago(600)})
    sent = small_desk.workspace.submit(CARLA, form, good | {"told_at": minutes_ago(1)})

    assert list(missing.errors) == ["proof"]
    assert "number of the registered letter" in missing.errors["proof"]
    assert sorted(personal.errors) == ["call_reference", "proof"]
    assert "no personal data goes into Slack" in personal.errors["proof"]
    assert "cannot have been told before" in early.errors["told_at"]
    assert sent.closed
    assert [one.proof for one in calls_of(small_desk, reference)] == ["1A 203 123 4567 8"]


def test_saving_twice_at_once_records_one_call(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    view = desk.workspace.model.find_view(view_id=form_of(desk, CARLA, reference)["id"])
    assert view is not None
    payload = desk.workspace.gestures.payloads.submission(people.CARLA, view)
    chosen = {"text": {"type": "plain_text", "text": "Garage du Lac (C0001)"}, "value": "C0001"}
    payload["view"]["state"]["values"]["affected_customer"]["affected_customer"]["selected_option"] = chosen

    with ThreadPoolExecutor(2) as pool:
        asked = [desk.workspace.gestures.asking.ask("interactive", payload) for _ in range(2)]
        answers = [one.body for one in pool.map(desk.workspace.wait_on, asked)]

    assert not any(answers)
    assert len(calls_of(desk, reference)) == 1


def test_two_colleagues_who_call_the_same_customer_both_stand_in_the_record(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    forms = {who: form_of(small_desk, who, reference) for who in (BORIS, CARLA)}

    with ThreadPoolExecutor(2) as pool:
        said = list(
            pool.map(lambda who: small_desk.workspace.submit(who, forms[who], {"affected_customer": "C0001"}), forms)
        )

    assert [one.closed for one in said] == [True, True]
    assert sorted(one.by for one in calls_of(small_desk, reference)) == [BORIS, CARLA]


@pytest.mark.parametrize("verb", ["call", "waive", "again"])
def test_a_form_that_outlives_a_role_changes_nothing(small_desk: Desk, verb: str) -> None:
    reference = notified(small_desk, "C0001", bounced_at=now())
    if verb == "waive":
        small_desk.workspace.submit(CARLA, form_of(small_desk, CARLA, reference))
    before = len(calls_of(small_desk, reference))
    form = form_of(small_desk, BORIS, reference, verb)
    small_desk.set_role(BORIS, Role.VIEWER)

    said = small_desk.workspace.submit(BORIS, form, REASON[verb])
    again = small_desk.workspace.command(BORIS, f"/breach {reference} {verb}")

    assert "rôle" in str(said.errors)
    assert "rôle" in again.text
    assert len(calls_of(small_desk, reference)) == before
    assert small_desk.breach(reference).affected[0].waived_at is None
    assert not attempts(small_desk)


REASON: dict[str, dict[str, str]] = {"call": {}, "waive": {"waive_reason": "It wants nothing in writing"}, "again": {}}


def test_documents_are_waived_with_a_reason_that_slack_never_shows(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", "C0002")
    small_desk.workspace.submit(CARLA, form_of(small_desk, CARLA, reference), {"affected_customer": "C0001"})
    card = small_desk.wait_for_card(reference, "breach_waive")
    form, late = (small_desk.workspace.click(who, card, "breach_waive").view for who in (CARLA, ANNE))
    assert form is not None
    assert late is not None
    workspace = small_desk.workspace

    personal = workspace.submit(CARLA, form, {"waive_reason": "Says quetzal@oiseau.example"})
    done = workspace.submit(CARLA, form, {"waive_reason": "None wanted, a canary"})
    not_owed = workspace.submit(ANNE, late, {"waive_reason": "None wanted, a canary"})

    assert "no personal data goes into Slack" in personal.errors["waive_reason"]
    assert "aucun document n’est dû à Garage du Lac" in str(not_owed.errors)
    assert done.closed
    wait_for_thread(small_desk, card, "Garage du Lac needs no documents")
    with small_desk.database.reading() as session:
        kept = session.scalars(select(Affected.waived_reason).where(Affected.waived_at.is_not(None))).all()
    assert kept == ["None wanted, a canary"]
    assert not [one for one in workspace.payloads if "canary" in one]
    stale = workspace.click(BORIS, card, "breach_waive")
    assert "changé" in stale.ephemerals[0].text


def test_a_lost_notice_goes_out_once_however_often_it_is_asked_for(desk: Desk) -> None:
    reference = notified(desk, "C0001", bounced_at=now())
    card = desk.wait_for_card(reference, "breach_again")
    forms = {who: desk.workspace.click(who, card, "breach_again").view for who in (BORIS, CARLA)}
    assert all(forms.values())

    with ThreadPoolExecutor(2) as pool:
        said = list(
            pool.map(lambda who: desk.workspace.submit(who, forms[who] or {}, {"affected_customer": "C0001"}), forms)
        )

    assert len(attempts(desk)) == 1
    assert sorted(one.closed for one in said) == [False, True]
    [refused] = [str(one.errors) for one in said if not one.closed]
    assert "neither refused nor returned" in refused or "ni refusée ni revenue" in refused
    wait_for_thread(desk, card, "The notice to Garage du Lac goes out once more")
    stale = desk.workspace.click(CARLA, card, "breach_again")
    assert "changed meanwhile" in stale.ephemerals[0].text


def offered(desk: Desk, form: dict[str, Any], typed: str = "") -> list[str]:
    """The customers that the typeahead of a form offers."""
    options = desk.workspace.suggest(CARLA, form, "affected_customer", typed)
    return [one["value"] for one in options]


def chosen(form: dict[str, Any]) -> str | None:
    """The customer that a form has chosen already."""
    [element] = [one["element"] for one in form["blocks"] if one["block_id"] == "affected_customer"]
    return (element.get("initial_option") or {}).get("value")


def test_after_a_bounce_and_a_call_the_card_names_who_is_owed_documents_and_sends_them(small_desk: Desk) -> None:
    reference = notified(small_desk, "C0001", "C0002", bounced_at=now())
    with small_desk.bot.desk.decide() as session:
        other = breaches.get_breach(session, reference).affected[1]
        become(session, other.deliveries[0], bounced_at=None, accepted_at=now())
        customers.get_customer(session, "C0001").breach_address = "direction@garage-du-lac.example"
    told = form_of(small_desk, CARLA, reference)
    small_desk.workspace.submit(CARLA, told)
    card = small_desk.wait_for_card(reference, "Garage du Lac (C0001); press *Send the notice again*")

    form = small_desk.workspace.click(CARLA, card, "breach_again").view
    assert form is not None
    done = small_desk.workspace.submit(CARLA, form, {"again_to": "recorded"})

    assert (chosen(told), chosen(form), done.closed) == ("C0001", "C0001", True)
    [attempt] = attempts(small_desk)
    assert attempt.recipient == "direction@garage-du-lac.example"
    with small_desk.bot.desk.decide() as session:
        become(session, session.get_one(Delivery, attempt.id), accepted_at=now())
        breach = breaches.get_breach(session, reference)
        breaches.record(session, breach, "notice-accepted", by=DESK, now=now())
    small_desk.workspace.wait_for(
        lambda: "still owed" not in str(small_desk.wait_for_card(reference).blocks), what="nothing to be owed"
    )
    assert not [one for one in small_desk.workspace.payloads if "direction@garage-du-lac" in one]


def test_a_form_from_before_there_was_a_choice_of_address_sends_to_the_same() -> None:
    view: dict[str, Any] = {"state": {"values": {"affected_customer": {}}}}

    assert call_forms.wants_recorded(view) is False


def test_each_form_about_a_call_offers_only_whom_it_can_be_about(small_desk: Desk) -> None:
    reference = notified(small_desk, "C0001", "C0002", "C0003", bounced_at=now())
    small_desk.workspace.submit(CARLA, form_of(small_desk, CARLA, reference), {"affected_customer": "C0001"})
    with small_desk.bot.desk.decide() as session:
        affected = breaches.get_breach(session, reference).affected
        become(session, affected[2].deliveries[0], bounced_at=None, accepted_at=now())

    found = {}
    for verb in ("call", "waive", "again"):
        form = form_of(small_desk, CARLA, reference, verb)
        found[verb] = (sorted(offered(small_desk, form)), offered(small_desk, form, "azur"), chosen(form))

    assert found == {
        "call": (["C0001", "C0002", "C0003"], ["C0002"], "C0002"),
        "waive": (["C0001"], [], "C0001"),
        "again": (["C0001", "C0002"], ["C0002"], None),
    }


def test_the_call_sheet_goes_to_the_colleagues_own_address_and_no_number_to_slack(small_desk: Desk) -> None:
    with small_desk.database.begin() as session:
        customers.get_customer(session, "C0001").breach_telephone = "+33639980042"
    reference = notified(small_desk, "C0001", "C0002", bounced_at=now())
    with small_desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference)
        add_attempt(session, breach)

    with capture_logs() as log:
        card = small_desk.wait_for_card(reference, "breach_call_sheet")
        pressed = small_desk.workspace.click(CARLA, card, "breach_call_sheet")
        typed = small_desk.workspace.command(CARLA, f"/breach {reference} sheet")

    assert "on its way to your company address: 2 to call" in pressed.ephemerals[0].text
    assert "2 to call" in typed.text
    mails = small_desk.deliveries(purpose=Purpose.CALL_SHEET)
    assert [one.recipient for one in mails] == [people.CARLA.email] * 2
    assert all(words in (mails[0].text or "") for words in ("+33639980042", "Zoltan", "no number in the directory"))
    for canary in CANARIES:
        assert not [one for one in small_desk.workspace.payloads if canary in one]
        assert not [line for line in log if canary in str(line)]


def add_attempt(session: Session, breach: Breach) -> None:
    """Somebody's name stands in the record, as the shell may write it."""
    at, affected = now() - timedelta(hours=3), breach.affected[0]
    call = Call(affected=affected, means=Means.TELEPHONE, reached=False, by=ANNE, at=at, recorded_at=at)
    call.person = "Zoltan"
    session.add(call)


def test_with_all_the_sheet_holds_whoever_is_not_told_yet(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", "C0002", "C0003")
    with small_desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference)
        send_notice(session, breach, breach.affected[0], at=now(), bounced_at=now())

    some = small_desk.workspace.command(CARLA, f"/breach {reference} sheet").text
    everyone = small_desk.workspace.command(CARLA, f"/breach {reference} sheet all").text

    assert ": 1 to call" in some
    assert ": 3 to call" in everyone


def test_nobody_to_call_is_a_sentence(small_desk: Desk) -> None:
    reference = notified(small_desk, "C0001", accepted_at=now())

    said = small_desk.workspace.command(CARLA, f"/breach {reference} sheet").text

    assert "nobody has to be called" in said
    assert not small_desk.deliveries(purpose=Purpose.CALL_SHEET)


def test_who_has_not_answered_rings_in_the_thread_and_to_the_lead_who_gets_the_sheet(small_desk: Desk) -> None:
    reference = notified(small_desk, "C0001", "C0002", accepted_at=now() - timedelta(hours=1))
    card = small_desk.wait_for_card(reference)

    small_desk.move(hours=12)
    said = wait_for_thread(small_desk, card, "2 customers to call: Garage du Lac, Hôtel Azur")
    small_desk.workspace.wait_for(lambda: small_desk.workspace.direct_messages(BORIS), what="the lead to be told")

    assert said.broadcast
    [mail] = small_desk.deliveries(purpose=Purpose.CALL_SHEET)
    assert mail.recipient == people.BORIS.email
    rung = small_desk.deliveries(Medium.SLACK, topic="breach_call_sheet")
    assert sorted(one.recipient for one in rung) == sorted(["channel", BORIS])


def test_after_closing_a_bounce_can_still_be_telephoned(small_desk: Desk) -> None:
    reference = notified(small_desk, "C0001", accepted_at=now())
    small_desk.workspace.click(CARLA, small_desk.wait_for_card(reference, "Told: 1 of 1"), "breach_close")
    assert small_desk.breach(reference).closed_at is not None
    with small_desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference)
        become(session, breach.affected[0].deliveries[0], bounced_at=now())
        breaches.record(session, breach, "notice-bounced", by=DESK, now=now())

    card = small_desk.wait_for_card(reference, "breach_again")
    form = small_desk.workspace.click(CARLA, card, "breach_told").view
    assert form is not None
    said = small_desk.workspace.submit(CARLA, form, {"affected_customer": "C0001"})

    assert said.closed
    assert len(calls_of(small_desk, reference)) == 1


def test_an_unknown_verb_gets_the_nearest_one_for_this_breach(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")

    said = small_desk.workspace.command(CARLA, f"/breach {reference.lower()} cal").text

    assert f"`/breach {reference} call`?" in said
    assert "There is no case BR-2019-0404" in small_desk.workspace.command(CARLA, "/breach BR-2019-0404 call").text
