"""Held requests in Slack: read, forwarded by a person, set aside and taken back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.types import Medium, Purpose
from tests.bot_support import ANNE, CARLA, MEMBER, Desk, running_desk
from tests.playground import people


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def test_a_held_request_is_read_given_to_its_customer_and_its_card_follows(desk: Desk) -> None:
    reference = desk.hold_request()
    card = desk.wait_for_card(reference, "needs a person")
    assert f"{reference} needs a person: erasure, in French" in card.text

    read = desk.workspace.click(CARLA, card, "dsr_read")
    [original] = desk.deliveries(purpose=Purpose.ORIGINAL)
    assert original.recipient == people.CARLA.email
    assert "on its way" in read.ephemerals[0].text

    choose = desk.workspace.click(CARLA, card, "dsr_choose").view
    assert choose is not None
    confirm = desk.workspace.submit(CARLA, choose, {"customer": "C0001"}).view
    assert confirm is not None
    assert "contact@garage-du-lac.example" in str(confirm["blocks"])
    assert "Garage du Lac" in str(confirm["blocks"])
    assert not desk.deliveries(purpose=Purpose.FORWARD)

    desk.workspace.submit(CARLA, confirm)

    [forward] = desk.deliveries(purpose=Purpose.FORWARD)
    assert forward.recipient == "contact@garage-du-lac.example"
    assert not desk.button(desk.wait_for_card(reference, "Garage du Lac"), "dsr_choose")
    assert len(desk.workspace.messages()) == 1


def test_a_double_click_on_the_confirmation_forwards_once(desk: Desk) -> None:
    reference = desk.hold_request()
    choose = desk.workspace.click(CARLA, desk.wait_for_card(reference), "dsr_choose").view
    assert choose is not None
    confirm = desk.workspace.submit(CARLA, choose, {"customer": "C0001"}).view
    assert confirm is not None
    view = desk.workspace.model.find_view(view_id=confirm["id"])
    assert view is not None
    payload = desk.workspace.gestures.payloads.submission(people.CARLA, view)

    with ThreadPoolExecutor(2) as pool:
        sent = [
            pool.submit(desk.workspace.wait_on, desk.workspace.gestures.asking.ask("interactive", payload))
            for _ in range(2)
        ]
        answers = [one.result().body for one in sent]

    assert answers == [{"response_action": "clear"}] * 2
    assert len(desk.deliveries(purpose=Purpose.FORWARD)) == 1


def test_a_request_forwarded_meanwhile_is_not_forwarded_again(small_desk: Desk) -> None:
    reference = small_desk.hold_request()
    choose = small_desk.workspace.click(CARLA, small_desk.wait_for_card(reference), "dsr_choose").view
    assert choose is not None
    confirm = small_desk.workspace.submit(CARLA, choose, {"customer": "C0001"}).view
    assert confirm is not None
    from storage import customers, requests
    from storage.clock import now
    from storage.types import DESK

    with small_desk.database.begin() as session:
        request, customer = requests.get_request(session, reference), customers.get_customer(session, "C0001")
        requests.forward_request(session, request, customer, evidence=["x"], own_address=None, by=DESK, now=now())

    reply = small_desk.workspace.submit(CARLA, confirm)

    assert reply.view is not None
    assert "somebody has decided meanwhile" in str(reply.view["blocks"])


def test_set_aside_with_a_reason_and_back(desk: Desk) -> None:
    reference = desk.hold_request()
    form = desk.workspace.click(CARLA, desk.wait_for_card(reference), "dsr_set_aside").view
    assert form is not None
    refused = desk.workspace.submit(CARLA, form, {"reason": "other", "note": "She is on 06 12 34 56 78"})
    assert "telephone number" in refused.errors["note"]

    desk.workspace.submit(CARLA, form, {"reason": "other", "note": "A colleague's canary"})

    card = desk.wait_for_card(reference, "set aside")
    assert desk.request(reference).set_aside_reason == "other: A colleague's canary"
    assert "canary" not in "".join(desk.workspace.payloads)
    assert "No request is waiting" in desk.workspace.command(CARLA, "/dsr").text

    desk.workspace.click(CARLA, card, "dsr_take_back")

    desk.wait_for_card(reference, "needs a person")
    assert desk.request(reference).set_aside_at is None


def test_what_waits_is_listed_and_one_case_is_shown_to_one_person(small_desk: Desk) -> None:
    reference = small_desk.hold_request()

    listed = small_desk.workspace.command(ANNE, "/dsr").text
    shown = small_desk.workspace.command(ANNE, f"/dsr {reference.lower()}")

    assert reference in listed
    assert "<!date^" in listed
    assert "dsr_choose" in str(shown.blocks)
    assert "Vouliez-vous dire `/dsr list`" in small_desk.workspace.command(ANNE, "/dsr lits").text


def test_home_shows_what_needs_you_now_and_its_buttons_work(small_desk: Desk) -> None:
    reference = small_desk.hold_request()
    breach = small_desk.open_breach("C0001")

    home = small_desk.workspace.open_home(CARLA)

    assert reference in str(home)
    assert breach in str(home)
    assert small_desk.workspace.click(CARLA, home, f"dsr_choose:{reference}").view is not None
    assert small_desk.workspace.click(CARLA, home, "open_breach_form").view is not None
    assert "staff table" in str(small_desk.workspace.open_home(MEMBER))


def test_a_card_that_was_deleted_by_hand_is_posted_anew(small_desk: Desk) -> None:
    reference = small_desk.hold_request()
    card = small_desk.wait_for_card(reference)
    small_desk.workspace.model.remove(card)
    form = small_desk.workspace.click(CARLA, card, "dsr_set_aside").view
    assert form is not None

    small_desk.workspace.submit(CARLA, form, {"reason": "spam"})

    assert small_desk.wait_for_card(reference, "spam").ts != card.ts


def test_a_throttled_post_waits_as_long_as_slack_says_and_comes_once(small_desk: Desk) -> None:
    small_desk.workspace.throttle("chat.postMessage", retry_after=1)

    reference = small_desk.hold_request()

    small_desk.wait_for_card(reference)
    assert len(small_desk.workspace.messages()) == 1
    [delivery] = small_desk.deliveries(Medium.SLACK)
    assert delivery.attempts == 2


def test_several_changes_of_a_card_are_one_update(small_desk: Desk) -> None:
    small_desk.workspace.refuse("chat.postMessage", "internal_error", times=1)
    reference = small_desk.open_breach("C0001", "C0002")

    small_desk.wait_for_card(reference, "Told: 0 of 2")

    assert len(small_desk.workspace.messages()) == 1


def test_a_dropped_socket_does_not_silence_the_bot(small_desk: Desk) -> None:
    reference = small_desk.hold_request()
    small_desk.wait_for_card(reference)

    small_desk.workspace.drop_sockets(politely=True)
    small_desk.workspace.await_connection(2)

    assert reference in small_desk.workspace.command(CARLA, "/dsr").text
