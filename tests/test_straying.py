"""A request that went to the wrong customer: two clicks to a possible breach, and the right customer gets it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import (
    breach_closing,
    breach_lists,
    breach_opening,
    breaches,
    customers,
    failures,
    misrouting,
    outbox,
    replies,
    requests,
)
from storage.breach_errors import NobodyAffected
from storage.clock import now
from storage.correspondence import attach
from storage.errors import AlreadyMisrouted
from storage.messages import Place, keep_message
from storage.models import Delivery
from storage.outbox import Words
from storage.replies import is_disowned
from storage.types import DESK, Correspondence, Purpose, Said
from tests.bot_support import ANNE, BORIS, CARLA, Desk, held_request, running_desk

WORDING = misrouting.Wording(Words("Please delete", "Please delete it."), "It went astray.")


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


def forwarded(desk: Desk, customer: str = "C0001", *, accepted: bool = True) -> str:
    """A request that a customer's server has taken; its reference."""
    with desk.bot.desk.decide() as session:
        request = held_request(session)
        to = customers.get_customer(session, customer)
        forward = requests.forward_request(
            session, request, to, evidence=["telephone"], own_address=None, by=DESK, now=now()
        )
        if accepted:
            outbox.record_accepted(forward.deliveries[0], reply="250 ok", now=now())
        return request.reference


def command(desk: Desk, user: str, reference: str) -> dict[str, Any]:
    """`/dsr REF misrouted`: the form."""
    view = desk.workspace.command(user, f"/dsr {reference} misrouted").view
    assert view is not None
    return view


def deletions(desk: Desk) -> list[Delivery]:
    return desk.deliveries(purpose=Purpose.DELETION)


def test_two_clicks_open_a_possible_breach_and_the_right_customer_gets_its_forward(desk: Desk) -> None:
    reference = forwarded(desk)
    form = command(desk, CARLA, reference)
    assert "It was not meant for you" in str(form["blocks"])

    said = desk.workspace.submit(CARLA, form, {"wrong_customer": "C0001", "right_customer": "C0002"}).view

    with desk.database.reading() as session:
        breach = breaches.find_about(session, f"{reference}/C0001")
        assert breach is not None
    assert breach.reference in str(said)
    assert [one.customer.reference for one in desk.breach(breach.reference).affected] == ["C0002"]
    assert (breach.aware_at, breach.lead) == (None, CARLA)
    [deletion] = deletions(desk)
    assert deletion.recipient == "contact@garage-du-lac.example"
    assert "Message reçu par erreur" in (deletion.subject or "")
    sent = [one.recipient for one in desk.deliveries(purpose=Purpose.FORWARD)]
    assert sent == ["contact@garage-du-lac.example", "direction@hotel-azur.example"]
    desk.wait_for_card(reference, "went there by mistake")
    desk.wait_for_card(breach.reference, "possible breach")


def test_without_the_right_customer_it_waits_again_and_whoever_gets_it_later_is_affected(desk: Desk) -> None:
    reference = forwarded(desk)
    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})
    card = desk.wait_for_card(reference, "needs a person")
    assert not desk.button(card, "dsr_misrouted")
    with desk.database.reading() as session:
        breach = breaches.find_about(session, f"{reference}/C0001")
        assert breach is not None

    choose = desk.workspace.click(CARLA, card, "dsr_choose").view
    assert choose is not None
    confirm = desk.workspace.submit(CARLA, choose, {"customer": "C0003"}).view
    assert confirm is not None
    desk.workspace.submit(CARLA, confirm)

    assert [one.customer.reference for one in desk.breach(breach.reference).affected] == ["C0003"]


def test_it_cannot_end_with_nobody_affected_and_no_decision(desk: Desk) -> None:
    reference = forwarded(desk)
    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})

    with desk.database.begin() as session:
        breach = breaches.find_about(session, f"{reference}/C0001")
        assert breach is not None
        with pytest.raises(NobodyAffected):
            breach_closing.close_breach(session, breach, by=DESK, now=now())


def test_submitted_twice_it_is_done_once(desk: Desk) -> None:
    reference = forwarded(desk)
    form = command(desk, CARLA, reference)
    other = command(desk, ANNE, reference)
    desk.workspace.submit(CARLA, form, {"wrong_customer": "C0001"})

    again = desk.workspace.submit(ANNE, other, {"wrong_customer": "C0001"})

    assert "C0001" not in str(again.view) or "déjà" in str(again.view)
    assert len(deletions(desk)) == 1
    with desk.database.reading() as session:
        assert len(breach_lists.find_nearest(session, limit=100)) == 1


def test_a_customer_that_says_not_ours_brings_the_button_and_its_word_is_the_first_sign(desk: Desk) -> None:
    reference = forwarded(desk)
    earlier = now() - timedelta(hours=3)
    with desk.bot.desk.decide() as session:
        request = requests.get_request(session, reference)
        reply = keep_message(session, Place("privacy", "INBOX", 1, 999_999), b"x", received_at=earlier, now=now())
        forward = request.forwards[0]
        attach(
            session,
            reply,
            Correspondence.REPLY,
            request_id=request.id,
            forward_id=forward.id,
            said=Said.NOT_OURS,
            now=now(),
        )
        requests.record_step(session, request, "customer-replied", by=DESK, now=now())
    card = desk.wait_for_card(reference, "not ours")

    form = desk.workspace.click(BORIS, card, "dsr_misrouted").view
    assert form is not None
    desk.workspace.submit(BORIS, form, {"wrong_customer": "C0001"})

    with desk.database.reading() as session:
        breach = breaches.find_about(session, f"{reference}/C0001")
        assert breach is not None
        assert breach.suspected_at == earlier


def test_what_has_not_left_yet_is_withdrawn_and_is_no_breach(desk: Desk) -> None:
    reference = forwarded(desk, accepted=False)

    said = desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"}).view

    assert "nothing had been sent" in str(said)
    assert not deletions(desk)
    [withdrawn] = desk.deliveries(purpose=Purpose.FORWARD)
    assert (withdrawn.due_at, withdrawn.superseded_at is not None) == (None, True)
    desk.wait_for_card(reference, "needs a person")
    with desk.database.reading() as session:
        assert not breach_lists.find_nearest(session, limit=100)


def test_the_wrong_customer_gets_nothing_more_of_it(desk: Desk) -> None:
    reference = forwarded(desk)
    with desk.database.begin() as session:
        request = requests.get_request(session, reference)
        wrong = customers.get_customer(session, "C0001")
        misrouting.record_misrouted(session, request, wrong, wording=WORDING, lead=None, by=DESK, now=now())

        assert is_disowned(session, request.forwards[0])
        with pytest.raises(AlreadyMisrouted):
            misrouting.record_misrouted(session, request, wrong, wording=WORDING, lead=None, by=DESK, now=now())
        with pytest.raises(AlreadyMisrouted):
            requests.forward_request(session, request, wrong, evidence=["x"], own_address=None, by=DESK, now=now())


def test_a_request_that_is_with_nobody_went_to_no_wrong_one(desk: Desk) -> None:
    reference = desk.hold_request()

    answer = desk.workspace.command(CARLA, f"/dsr {reference} misrouted")

    assert "with no customer" in answer.text
    assert "misrouted" in desk.workspace.command(CARLA, f"/dsr {reference} misruoted").text


def test_the_wrong_and_the_right_customer_differ(desk: Desk) -> None:
    reference = forwarded(desk)

    said = desk.workspace.submit(
        CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001", "right_customer": "C0001"}
    )

    assert "cannot be both" in str(said.errors) + str(said.view)
    assert not deletions(desk)


def test_a_follow_up_that_waits_is_not_sent_to_the_wrong_customer(desk: Desk) -> None:
    reference = forwarded(desk, accepted=False)
    with desk.database.begin() as session:
        request = requests.get_request(session, reference)
        again = keep_message(session, Place("privacy", "INBOX", 1, 888_888), b"y", received_at=now(), now=now())
        replies.record_follow_up(session, again, request, by=DESK, now=now())
    assert desk.deliveries(purpose=Purpose.FOLLOW_UP)[0].due_at is not None

    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})

    assert desk.deliveries(purpose=Purpose.FOLLOW_UP)[0].due_at is None


def test_each_address_that_may_have_it_is_asked_to_delete_and_no_other(desk: Desk) -> None:
    reference = forwarded(desk)
    with desk.database.begin() as session:
        request, garage = requests.get_request(session, reference), customers.get_customer(session, "C0001")
        failures.redirect(
            session, request, garage, "autre@garage.example", instruction="x", own_address=None, by=DESK, now=now()
        )

    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})

    assert [one.recipient for one in deletions(desk)] == ["contact@garage-du-lac.example"]


def test_what_was_theirs_after_all_goes_to_them_once_more(desk: Desk) -> None:
    reference = forwarded(desk)
    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})
    card = desk.wait_for_card(reference, "needs a person")

    choose = desk.workspace.click(CARLA, card, "dsr_choose").view
    assert choose is not None
    confirm = desk.workspace.submit(CARLA, choose, {"customer": "C0001"}).view
    assert confirm is not None
    desk.workspace.submit(CARLA, confirm)

    first, again = desk.deliveries(purpose=Purpose.FORWARD)
    assert (again.attempt_of_id, again.recipient) == (first.id, first.recipient)
    assert not desk.button(desk.wait_for_card(reference, "accepted by its mail server"), "dsr_choose")


def test_the_letter_that_tells_of_a_breach_and_the_one_that_went_astray_are_two_breaches(desk: Desk) -> None:
    reference = forwarded(desk)
    with desk.bot.desk.decide() as session:
        breach_opening.open_breach(session, summary="x", suspected_at=now(), about=reference, by=DESK, now=now())

    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})

    with desk.database.reading() as session:
        assert len(breach_lists.find_nearest(session, limit=100)) == 2


def test_a_doubtful_reply_is_the_first_sign_too(desk: Desk) -> None:
    reference = forwarded(desk)
    earlier = now() - timedelta(hours=60)
    with desk.database.begin() as session:
        request = requests.get_request(session, reference)
        reply = keep_message(session, Place("privacy", "INBOX", 1, 777_777), b"z", received_at=earlier, now=now())
        replies.record_reply(session, reply, request.forwards[0], Said.OTHER, by=DESK, now=now())

    desk.workspace.submit(CARLA, command(desk, CARLA, reference), {"wrong_customer": "C0001"})

    with desk.database.reading() as session:
        breach = breaches.find_about(session, f"{reference}/C0001")
        assert breach is not None
        assert breach.suspected_at == earlier
