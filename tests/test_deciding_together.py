"""Held requests decided by colleagues in Slack: candidates, two persons, taking, the dpo, Kavkom itself, asking."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import asking, breaches, calls, customers, decisions, requests, tasks
from storage.bulk import insert_rows
from storage.clock import now
from storage.deadlines import own_answer_due
from storage.errors import AlreadyAsked, RequestTaken
from storage.models import Candidate
from storage.outbox import Words
from storage.types import BY_MAIL, DESK, Actor, Means, Medium, Purpose, Role, TaskKind
from tests.bot_support import ANNE, BORIS, CARLA, Desk, held_request, minutes_ago, running_desk
from tests.calling_support import send_notice
from tests.playground import people
from tests.playground.workspace import Message

WRITER = "jeanne@example.org"


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def strict_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch, two_persons=True) as desk:
        yield desk


def hold(desk: Desk, *, candidates: Mapping[str, tuple[str, ...]] | None = None, sender: str | None = WRITER) -> str:
    """A held request with these candidates and evidence; its reference."""
    with desk.bot.desk.decide() as session:
        request = held_request(session)
        request.message.sender = sender
        found = (candidates or {}).items()
        rows = [
            {
                "request_id": request.id,
                "rank": rank,
                "customer_id": customers.get_customer(session, customer).id,
                "evidence": evidence,
            }
            for rank, (customer, evidence) in enumerate(found)
        ]
        insert_rows(session, Candidate, rows)
        return request.reference


def click(desk: Desk, user: str, reference: str, action: str, words: str = "") -> dict[str, Any]:
    """Press a button of the card, once the card says these words; the modal that it opens."""
    view = desk.workspace.click(user, card_with(desk, reference, action, words), action).view
    assert view is not None
    return view


def press(desk: Desk, user: str, reference: str, action: str, words: str = "") -> None:
    desk.workspace.click(user, card_with(desk, reference, action, words), action)


def card_with(desk: Desk, reference: str, action: str, words: str = "") -> Message:
    """The card, once it says these words and has this button."""

    def find() -> Message | None:
        card = desk.wait_for_card(reference, words)
        return card if desk.button(card, action) else None

    found = desk.workspace.wait_for(find, what=f"the button {action} of {reference}")
    assert found is not None
    return found


def forwards(desk: Desk) -> list[str]:
    return [one.recipient for one in desk.deliveries(purpose=Purpose.FORWARD)]


def told(desk: Desk, topic: str) -> list[str]:
    """Who is told of this in Slack: the channel, people, the letter that gathers."""
    return [one.recipient for one in desk.deliveries(Medium.SLACK, topic=topic)]


# --- candidates ---


def test_a_candidate_is_confirmed_with_its_address_and_the_reason_before_anything_leaves(desk: Desk) -> None:
    reference = hold(desk, candidates={"C0002": ("telephone", "domain"), "C0001": ("name",)})
    card = desk.wait_for_card(reference, "It may concern, the likeliest first")
    assert "1. *Hôtel Azur* (C0002): a telephone number of theirs, its web site or addresses" in str(card.blocks)

    confirm = click(desk, CARLA, reference, "dsr_candidate_0")

    shown = str(confirm["blocks"])
    assert "direction@hotel-azur.example" in shown
    assert "the letter points to it: a telephone number of theirs" in shown
    assert not forwards(desk)
    desk.workspace.submit(CARLA, confirm)
    assert forwards(desk) == ["direction@hotel-azur.example"]


def test_a_customer_that_nothing_points_to_is_confirmed_as_the_readers_own_choice(small_desk: Desk) -> None:
    reference = hold(small_desk, candidates={"C0002": ("telephone",)})

    choose = click(small_desk, CARLA, reference, "dsr_choose")
    confirm = small_desk.workspace.submit(CARLA, choose, {"customer": "C0003"}).view

    assert confirm is not None
    assert "no clue in the letter points to it" in str(confirm["blocks"])


def test_a_candidate_that_changed_since_the_card_was_shown_is_not_taken_for_another(small_desk: Desk) -> None:
    reference = hold(small_desk, candidates={"C0002": ("telephone",)})
    card = card_with(small_desk, reference, "dsr_candidate_0", "Hôtel Azur")
    with small_desk.database.begin() as session:
        request = requests.get_request(session, reference)
        request.candidates[0].customer_id = customers.get_customer(session, "C0001").id

    answer = small_desk.workspace.click(CARLA, card, "dsr_candidate_0")

    assert answer.view is None
    assert "changed meanwhile" in answer.ephemerals[0].text


def test_two_colleagues_who_choose_two_customers_at_once_send_it_to_one(desk: Desk) -> None:
    reference = hold(desk, candidates={"C0001": ("telephone",), "C0002": ("domain",)})
    first = click(desk, CARLA, reference, "dsr_candidate_0")
    second = click(desk, ANNE, reference, "dsr_candidate_1")
    desk.workspace.submit(CARLA, first)

    refused = desk.workspace.submit(ANNE, second)

    assert forwards(desk) == ["contact@garage-du-lac.example"]
    assert "n’attend plus de décision" in str(refused.view)


def test_a_stale_rejection_does_not_reject_a_newer_proposal(strict_desk: Desk) -> None:
    reference = hold(strict_desk, candidates={"C0001": ("domain",), "C0002": ("name",)})
    strict_desk.workspace.submit(CARLA, click(strict_desk, CARLA, reference, "dsr_candidate_0"))
    stale = card_with(strict_desk, reference, "dsr_reject", "Garage du Lac")
    strict_desk.workspace.submit(CARLA, click(strict_desk, CARLA, reference, "dsr_candidate_1"))

    answer = strict_desk.workspace.click(ANNE, stale, "dsr_reject")

    assert "Aucun client n’est plus proposé" in answer.ephemerals[0].text
    assert strict_desk.request(reference).proposed_id is not None


# --- two persons ---


def test_with_two_persons_one_proposes_and_another_sends(strict_desk: Desk) -> None:
    reference = hold(strict_desk, candidates={"C0001": ("domain",)})
    confirm = click(strict_desk, CARLA, reference, "dsr_candidate_0")
    assert "A second person must agree" in str(confirm["blocks"])
    strict_desk.workspace.submit(CARLA, confirm)

    assert not forwards(strict_desk)
    assert told(strict_desk, "request_proposed")
    agreeing = click(strict_desk, CARLA, reference, "dsr_agree", "a second person must agree")
    refused = strict_desk.workspace.submit(CARLA, agreeing)
    assert "A second person must agree" in str(refused.view)
    assert not forwards(strict_desk)

    agreed = click(strict_desk, ANNE, reference, "dsr_agree")
    assert "un collègue le propose" in str(agreed["blocks"])
    strict_desk.workspace.submit(ANNE, agreed)

    assert forwards(strict_desk) == ["contact@garage-du-lac.example"]
    assert strict_desk.request(reference).proposed_id is None


def test_a_rejected_proposal_waits_for_another_one(strict_desk: Desk) -> None:
    reference = hold(strict_desk, candidates={"C0001": ("domain",)})
    strict_desk.workspace.submit(CARLA, click(strict_desk, CARLA, reference, "dsr_candidate_0"))

    press(strict_desk, ANNE, reference, "dsr_reject")

    assert strict_desk.request(reference).proposed_id is None
    strict_desk.workspace.wait_for(
        lambda: not strict_desk.button(strict_desk.wait_for_card(reference), "dsr_agree"), what="a card without it"
    )
    strict_desk.workspace.submit(ANNE, click(strict_desk, ANNE, reference, "dsr_candidate_0"))
    assert strict_desk.request(reference).proposed_by == ANNE
    assert not forwards(strict_desk)


def test_another_choice_takes_the_place_of_the_proposal(strict_desk: Desk) -> None:
    reference = hold(strict_desk, candidates={"C0001": ("domain",), "C0002": ("name",)})
    strict_desk.workspace.submit(CARLA, click(strict_desk, CARLA, reference, "dsr_candidate_0"))

    strict_desk.workspace.submit(ANNE, click(strict_desk, ANNE, reference, "dsr_candidate_1"))

    assert not forwards(strict_desk)
    assert strict_desk.request(reference).proposed_by == ANNE


# --- whose it is ---


def test_one_takes_it_hands_it_over_and_the_colleague_is_told(desk: Desk) -> None:
    reference = hold(desk)
    card = card_with(desk, reference, "dsr_take")
    press(desk, CARLA, reference, "dsr_take")
    desk.wait_for_card(reference, f"Taken by <@{CARLA}>")
    assert "a changé entre-temps" in desk.workspace.click(ANNE, card, "dsr_take").ephemerals[0].text

    form = click(desk, CARLA, reference, "dsr_hand_over")
    desk.workspace.submit(CARLA, form, {"colleague": ANNE})

    desk.wait_for_card(reference, f"Taken by <@{ANNE}>")
    assert told(desk, "request_handed_over") == [ANNE]


def test_two_take_it_at_once_and_one_has_it(desk: Desk) -> None:
    reference = hold(desk)
    with desk.database.begin() as session:
        decisions.take(session, requests.get_request(session, reference), by=Actor(ANNE, "slack"), now=now())

    with desk.database.begin() as session:
        request = requests.get_request(session, reference)
        with pytest.raises(RequestTaken):
            decisions.take(session, request, by=Actor(CARLA, "slack"), now=now())


def test_nobody_knows_and_every_dpo_is_told(desk: Desk) -> None:
    reference = hold(desk)
    press(desk, CARLA, reference, "dsr_take")

    press(desk, CARLA, reference, "dsr_refer", "Taken by")

    card = desk.wait_for_card(reference, "handed to the data protection officer")
    assert "Nobody has taken it" in str(card.blocks)
    dpos = {one.id for one in people.STAFF if one.role == "dpo"}
    assert set(told(desk, "request_referred")) == {"channel", BY_MAIL} | dpos
    assert requests.is_held(desk.request(reference))


def test_for_kavkom_itself_nothing_is_forwarded_and_the_dpo_has_a_month(desk: Desk) -> None:
    reference = hold(desk)

    press(desk, CARLA, reference, "dsr_own")

    desk.wait_for_card(reference, "for Kavkom itself")
    with desk.database.reading() as session:
        [task] = tasks.find_open_tasks(session, reference)
        request = requests.get_request(session, reference)
        assert (task.what, task.due_at) == (TaskKind.OWN, own_answer_due(request.received_at))
    assert not forwards(desk)
    press(desk, CARLA, reference, "dsr_take_back")
    desk.wait_for_card(reference, "needs a person")
    with desk.database.reading() as session:
        assert not tasks.find_open_tasks(session, reference)


# --- the person ---


def test_the_person_is_asked_in_their_language_after_a_preview_and_only_once(desk: Desk) -> None:
    reference = hold(desk)
    form = click(desk, CARLA, reference, "dsr_ask")
    assert "Quel numéro s’est affiché" in str(form["blocks"])
    assert WRITER not in str(form)
    assert not desk.deliveries(purpose=Purpose.QUESTION)

    desk.workspace.submit(CARLA, form)

    [question] = desk.deliveries(purpose=Purpose.QUESTION)
    assert question.recipient == WRITER
    assert "N’envoyez pas de pièce d’identité" in (question.text or "")
    card = desk.wait_for_card(reference, "no answer yet")
    assert not desk.button(card, "dsr_ask")
    words = Words(question.subject or "", question.text or "")
    with desk.database.begin() as session:
        request = requests.get_request(session, reference)
        with pytest.raises(AlreadyAsked):
            asking.ask_person(session, request, words, language="fr", own_address=None, by=DESK, now=now())


@pytest.mark.parametrize("sender", [None, "privacy+c1@kavkom.example", "contact@garage-du-lac.example", "no address"])
def test_nobody_is_asked_who_is_no_person(small_desk: Desk, sender: str | None) -> None:
    reference = hold(small_desk, sender=sender)

    answer = small_desk.workspace.click(CARLA, card_with(small_desk, reference, "dsr_ask"), "dsr_ask")

    assert "cannot be asked by e-mail" in answer.ephemerals[0].text
    assert not small_desk.deliveries(purpose=Purpose.QUESTION)


# --- a breach? ---


def test_a_letter_that_tells_of_a_breach_opens_one_that_counts_from_its_receipt(desk: Desk) -> None:
    reference = hold(desk)
    form = click(desk, CARLA, reference, "dsr_possible_breach")
    desk.workspace.submit(CARLA, form)

    with desk.database.reading() as session:
        breach = breaches.find_about(session, reference)
        assert breach is not None
        received_at = requests.get_request(session, reference).received_at
    assert (breach.suspected_at, breach.aware_at) == (received_at, None)
    assert breach.deadline_at == received_at + timedelta(hours=48)
    card = desk.wait_for_card(reference, breach.reference)
    assert not desk.button(card, "dsr_possible_breach")
    desk.wait_for_card(breach.reference, "possible breach")


def test_who_was_told_of_what_was_no_breach_is_named_before_and_after_it_is_closed(desk: Desk) -> None:
    reference = desk.open_breach("C0001", "C0002", aware=False)
    with desk.bot.desk.decide() as session:
        breach, one = breaches.get_breach(session, reference), customers.get_customer(session, "C0001")
        send_notice(session, breach, breach.affected[1], at=now())  # not begun: closing withdraws it
        calls.record_told(session, breach, one, means=Means.TELEPHONE, at=minutes_ago(1), by=DESK, now=now())
    card = desk.wait_for_card(reference, "Told: 1 of 2")

    form = click(desk, CARLA, reference, "breach_no_breach")
    desk.workspace.submit(CARLA, form, {"no_breach_reason": "A test mailbox of ours"})

    said = str(form["blocks"])
    assert "Garage du Lac (C0001)" in said
    assert "Tell each of them first that it was no breach" in said
    assert "Hôtel Azur" not in said
    desk.workspace.wait_for(
        lambda: any(
            "1 customer was told before" in one.text and "Garage du Lac (C0001)" in one.text
            for one in desk.workspace.messages(thread=card.ts)
        ),
        what="the thread to name who must hear of it",
    )


def test_only_a_dpo_says_that_a_certain_one_was_no_breach_and_with_a_reason(desk: Desk) -> None:
    desk.set_role(BORIS, Role.DPO)
    reference = desk.open_breach()
    card = card_with(desk, reference, "breach_no_breach")
    assert "data protection officer" in str(desk.workspace.click(CARLA, card, "breach_no_breach").ephemerals)

    form = click(desk, BORIS, reference, "breach_no_breach")
    refused = desk.workspace.submit(BORIS, form, {"no_breach_reason": "jeanne@example.org was right"})
    assert "no_breach_reason" in refused.errors
    desk.workspace.submit(BORIS, form, {"no_breach_reason": "A test mailbox of ours"})

    desk.wait_for_card(reference, "closed")
    breach = desk.breach(reference)
    assert (breach.no_breach_reason, breach.closed_by) == ("A test mailbox of ours", BORIS)
    assert "A test mailbox" not in "".join(desk.workspace.payloads)
