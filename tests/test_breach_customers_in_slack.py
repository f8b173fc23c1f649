"""The customers of a breach in Slack: three ways to add them, not affected and back, closing late; each done once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.choosing import Choice
from storage import breach_customers, breach_excluding, breach_opening, breaches, calls, customers
from storage.clock import now
from storage.ledger import read_row
from storage.models import Breach, Call, Customer, Entry
from storage.types import DESK, Means, Role
from tests.bot_support import ANNE, BORIS, CARLA, Desk, minutes_ago, running_desk
from tests.playground.asking import Reply
from tests.storage_support import waive_all


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def press(desk: Desk, user: str, reference: str, action: str) -> dict[str, Any]:
    form = desk.workspace.click(user, desk.wait_for_card(reference), action).view
    assert form is not None
    return form


def add_many(desk: Desk, number: int, **columns: Any) -> list[str]:
    """References of six characters with their separator, as many as a field takes."""
    with desk.database.begin() as session:
        session.add_all(
            Customer(reference=f"D{n:04}", name=f"Atelier {n}", request_address="a@b.example", language="fr", **columns)
            for n in range(number)
        )
    return [f"D{n:04}" for n in range(number)]


def named(desk: Desk, reference: str) -> list[str]:
    return [one.customer.reference for one in desk.breach(reference).affected]


def tell(desk: Desk, reference: str, *some: str) -> None:
    """They were told a minute ago, and want nothing in writing."""
    with desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        for one in customers.get_customers(session, some):
            calls.record_told(session, breach, one, means=Means.TELEPHONE, at=minutes_ago(1), by=DESK, now=now())
        waive_all(session, breach)


def actions(desk: Desk, reference: str) -> list[str]:
    with desk.database.reading() as session:
        return list(session.scalars(select(Entry.action).where(Entry.case == reference).order_by(Entry.number)))


def said_in(reply: Reply) -> str:
    return str((reply.view or {}).get("blocks"))


# --- adding ---


def test_five_hundred_pasted_references_are_counted_confirmed_and_added(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    pasted = add_many(desk, 499)

    shown = desk.workspace.submit(
        CARLA, press(desk, CARLA, reference, "breach_add"), {"references": "\n".join([*pasted, "C0001"])}
    )

    assert "*499 customers* will be added" in said_in(shown)
    assert "1 of those you chose is named already" in said_in(shown)
    assert "Atelier 0 (D0000)" in said_in(shown)
    assert "and 479 more" in said_in(shown)
    assert named(desk, reference) == ["C0001"]
    assert shown.view is not None
    assert desk.workspace.submit(CARLA, shown.view, {}).closed
    assert named(desk, reference) == ["C0001", *pasted]
    desk.wait_for_card(reference, "and 480 more")


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("C0001, C0404 and c0405", "There are no customers C0404, C0405: nothing was added."),
        ("C0001 Garage Dupont", "2 words do not look like references"),
        ("C0001 jeanne@example.org", "no personal data goes into Slack"),
        ("C0001 +33 6 12 34 56 78", "no personal data goes into Slack"),
    ],
    ids=["unknown", "words", "an address", "a number"],
)
def test_what_is_no_known_reference_is_said_and_nobody_is_added(small_desk: Desk, pasted: str, said: str) -> None:
    reference = small_desk.open_breach()

    reply = small_desk.workspace.submit(
        CARLA, press(small_desk, CARLA, reference, "breach_add"), {"references": pasted}
    )

    assert said in reply.errors["references"]
    assert "Dupont" not in str(reply.errors)
    assert named(small_desk, reference) == []


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({}, "active_to", "Choose customers by name"),
        ({"active_from": "2026-03-01"}, "active_from", "Give both days"),
        ({"active_from": "2026-03-02", "active_to": "2026-03-01"}, "active_from", "Give both days"),
    ],
    ids=["nothing", "one day", "reversed"],
)
def test_a_choice_of_nobody_is_refused_beside_a_field(
    small_desk: Desk, values: dict[str, str], field: str, said: str
) -> None:
    reference = small_desk.open_breach()

    reply = small_desk.workspace.submit(CARLA, press(small_desk, CARLA, reference, "breach_add"), values)

    assert said in reply.errors[field]


def test_all_who_were_active_are_shown_before_they_are_added_and_a_changed_count_is_shown_anew(desk: Desk) -> None:
    reference = desk.open_breach("C0001")
    add_many(desk, 2, contract_end=minutes_ago(0).date() - timedelta(days=20))
    today = minutes_ago(0).date()
    form = press(desk, BORIS, reference, "breach_add")

    shown = desk.workspace.submit(BORIS, form, {"active_from": today.isoformat(), "active_to": today.isoformat()})
    with desk.bot.desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        one = customers.get_customer(session, "C0002")
        breach_customers.add_customers(session, breach, [one], by=DESK, now=now())
    assert shown.view is not None
    again = desk.workspace.submit(BORIS, shown.view, {})

    assert "*2 clients seront ajoutés*" in said_in(shown)
    assert "premier jour : 2" in said_in(shown)
    assert "*1 client sera ajouté*" in said_in(again)
    assert named(desk, reference) == ["C0001", "C0002"]
    assert again.view is not None
    assert desk.workspace.submit(BORIS, again.view, {}).closed
    assert named(desk, reference) == ["C0001", "C0002", "C0003"]


def test_customers_found_after_the_deadline_are_marked_so_before_and_after(small_desk: Desk) -> None:
    reference = small_desk.open_breach(hours_ago=50)

    shown = small_desk.workspace.submit(
        CARLA, press(small_desk, CARLA, reference, "breach_add"), {"references": "C0001"}
    )
    assert shown.view is not None
    small_desk.workspace.submit(CARLA, shown.view, {})

    assert "The deadline has passed" in said_in(shown)
    card = small_desk.wait_for_card(reference, "found after the deadline")
    assert "Found after the deadline: 1" in str(card.blocks)


def test_the_same_confirmation_twice_adds_once_and_says_so(small_desk: Desk) -> None:
    reference = small_desk.open_breach()
    form = press(small_desk, CARLA, reference, "breach_add")
    shown = small_desk.workspace.submit(CARLA, form, {"references": "C0001 C0002"})
    assert shown.view is not None
    small_desk.workspace.submit(CARLA, shown.view, {})
    other = small_desk.workspace.submit(
        ANNE, press(small_desk, ANNE, reference, "breach_add"), {"references": "C0001 C0002"}
    )

    assert "figurent déjà" in said_in(other)
    assert named(small_desk, reference) == ["C0001", "C0002"]
    assert actions(small_desk, reference).count("breach-customers-added") == 1


def test_a_choice_of_five_hundred_fits_into_a_modal() -> None:
    every = Choice(tuple(f"C{n * 97 % 100_000:05}" for n in range(500)))

    assert len(every.pack()) < 2_900
    assert Choice.unpack(every.pack()) == every


# --- not affected ---


def test_a_customer_is_marked_as_not_affected_and_comes_back(desk: Desk) -> None:
    reference = desk.open_breach("C0001", "C0002")
    form = press(desk, CARLA, reference, "breach_exclude")
    refused = desk.workspace.submit(
        CARLA, form, {"affected_customer": "C0001", "exclusion_reason": "Call 06 12 34 56 78"}
    )
    assert "no personal data" in refused.errors["exclusion_reason"]

    assert desk.workspace.submit(CARLA, form, {"exclusion_reason": "Canary: only test data"}).closed

    card = desk.wait_for_card(reference, "not affected: 1")
    assert "Told: 0 of 1" in str(card.blocks)
    desk.workspace.wait_for(lambda: "Garage du Lac is marked" in str(desk.workspace.messages(thread=card.ts)))
    back = press(desk, CARLA, reference, "breach_include")
    assert desk.workspace.submit(CARLA, back, {"affected_customer": "C0001"}).closed
    card = desk.wait_for_card(reference, "Told: 0 of 2")
    assert not desk.button(card, "breach_include")
    assert not [each for each in desk.workspace.payloads if "Canary" in each]


def test_each_form_offers_only_the_customers_that_it_is_for(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", "C0002")
    with small_desk.bot.desk.decide() as session:
        breach, one = breaches.get_breach(session, reference), customers.get_customer(session, "C0002")
        breach_excluding.exclude_customer(session, breach, one, "a test", by=DESK, now=now())
    small_desk.wait_for_card(reference, "not affected: 1")

    for action, offered, not_offered in (("breach_include", "C0002", "C0001"), ("breach_exclude", "C0001", "C0002")):
        form = press(small_desk, CARLA, reference, action)
        assert not small_desk.workspace.suggest(CARLA, form, "affected_customer", not_offered)
        assert small_desk.workspace.suggest(CARLA, form, "affected_customer", offered)


def test_two_who_exclude_the_same_customer_have_one_effect_and_a_sentence(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    forms = [press(small_desk, user, reference, "breach_exclude") for user in (ANNE, CARLA)]
    for user, form in zip((ANNE, CARLA), forms, strict=True):
        assert not small_desk.workspace.submit(user, form, {"affected_customer": "C0001"}).sent

    first = small_desk.workspace.submit(ANNE, forms[0], {"exclusion_reason": "Test data"})
    second = small_desk.workspace.submit(CARLA, forms[1], {"exclusion_reason": "Test data"})

    assert first.closed
    assert "already marked as not affected" in str(second.errors)
    assert actions(small_desk, reference).count("customer-excluded") == 1


# --- closing ---


def test_closing_late_asks_why_and_closes_with_the_reason(desk: Desk) -> None:
    reference = desk.open_breach("C0001", hours_ago=50)
    tell(desk, reference, "C0001")
    desk.wait_for_card(reference, "Told: 1 of 1")
    form = press(desk, CARLA, reference, "breach_close")
    assert "Garage du Lac" in str(form["blocks"])
    refused = desk.workspace.submit(CARLA, form, {"late_reason": "ask jeanne@example.org"})
    assert "no personal data" in refused.errors["late_reason"]

    assert desk.workspace.submit(CARLA, form, {"late_reason": "Canary: found out late"}).closed

    assert desk.breach(reference).late_reason == "Canary: found out late"
    desk.wait_for_card(reference, "closed")
    assert not [each for each in desk.workspace.payloads if "Canary" in each]


def test_closing_without_a_final_notice_says_so_before_and_after(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    tell(small_desk, reference, "C0001")
    card = small_desk.wait_for_card(reference, "Told: 1 of 1")

    small_desk.workspace.click(CARLA, card, "breach_close")

    assert "No final notice went out" in str(card.blocks)
    closed = small_desk.wait_for_card(reference, "; no final notice went out")
    assert small_desk.button(closed, "breach_evidence")

    def said() -> bool:
        thread = small_desk.workspace.messages(thread=card.ts)
        return any("customers may still expect one" in each.text for each in thread)

    small_desk.workspace.wait_for(said, what="the closing words")


def test_closing_names_twenty_of_three_hundred_who_are_not_told(small_desk: Desk) -> None:
    reference = small_desk.open_breach(*add_many(small_desk, 300))

    reply = small_desk.workspace.click(CARLA, small_desk.wait_for_card(reference), "breach_close")

    assert "Atelier 19 and 280 more have not been told yet." in reply.ephemerals[0].text


def test_closing_is_refused_while_documents_are_owed(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    with small_desk.bot.desk.decide() as session:
        breach, one = breaches.get_breach(session, reference), customers.get_customer(session, "C0001")
        calls.record_told(session, breach, one, means=Means.TELEPHONE, at=minutes_ago(1), by=DESK, now=now())
    card = small_desk.wait_for_card(reference, "Documents still owed after a call (1)")

    reply = small_desk.workspace.click(CARLA, card, "breach_close")

    assert "was told in words only" in reply.ephemerals[0].text
    assert small_desk.breach(reference).closed_at is None


def test_pressed_twice_it_is_closed_once_and_the_second_is_told(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    tell(small_desk, reference, "C0001")
    card = small_desk.wait_for_card(reference, "Told: 1 of 1")

    small_desk.workspace.click(CARLA, card, "breach_close")
    second = small_desk.workspace.click(ANNE, card, "breach_close")

    assert "changé" in second.ephemerals[0].text
    assert actions(small_desk, reference).count("breach-closed") == 1
    assert small_desk.breach(reference).closed_by == CARLA


def test_two_reasons_for_one_closing_leave_the_first(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", hours_ago=50)
    tell(small_desk, reference, "C0001")
    small_desk.wait_for_card(reference, "Told: 1 of 1")
    first, second = (press(small_desk, user, reference, "breach_close") for user in (ANNE, CARLA))

    small_desk.workspace.submit(ANNE, first, {"late_reason": "The first"})
    reply = small_desk.workspace.submit(CARLA, second, {"late_reason": "The second"})

    assert "is closed" in str(reply.errors)
    assert small_desk.breach(reference).late_reason == "The first"


@pytest.mark.parametrize(
    ("action", "values"),
    [
        ("breach_add", {"references": "C0002"}),
        ("breach_add", {"customers": ["C0002"]}),
        ("breach_exclude", {"affected_customer": "C0001", "exclusion_reason": "x"}),
        ("breach_include", {"affected_customer": "C0003"}),
        ("breach_close", {"late_reason": "x"}),
    ],
    ids=["paste", "choose", "exclude", "include", "close"],
)
def test_a_form_that_outlives_a_role_changes_nothing(small_desk: Desk, action: str, values: dict[str, Any]) -> None:
    reference = small_desk.open_breach("C0001", "C0003", hours_ago=50)
    with small_desk.bot.desk.decide() as session:
        breach, one = breaches.get_breach(session, reference), customers.get_customer(session, "C0003")
        breach_excluding.exclude_customer(session, breach, one, "a test", by=DESK, now=now())
    tell(small_desk, reference, "C0001")
    small_desk.wait_for_card(reference, "Told: 1 of 1")
    form = press(small_desk, CARLA, reference, action)
    before = actions(small_desk, reference)
    small_desk.set_role(CARLA, Role.VIEWER)

    reply = small_desk.workspace.submit(CARLA, form, values)

    assert "role of a handler" in str(reply.errors)
    assert actions(small_desk, reference) == before
    assert small_desk.breach(reference).closed_at is None


def test_a_confirmation_that_outlives_a_role_changes_nothing(small_desk: Desk) -> None:
    reference = small_desk.open_breach()
    shown = small_desk.workspace.submit(
        CARLA, press(small_desk, CARLA, reference, "breach_add"), {"references": "C0001"}
    )
    assert shown.view is not None
    small_desk.set_role(CARLA, Role.VIEWER)

    reply = small_desk.workspace.submit(CARLA, shown.view, {})

    assert "role of a handler" in said_in(reply)
    assert named(small_desk, reference) == []


def test_a_card_of_three_hundred_says_in_words_what_is_left_to_do(small_desk: Desk) -> None:
    references = add_many(small_desk, 300)
    with small_desk.bot.desk.decide() as session:
        some, at = customers.get_customers(session, references), minutes_ago(5)
        breach = breach_opening.open_breach(
            session, summary="A test", customers=some, aware_at=at, by=DESK, now=minutes_ago(0)
        )
        reference = breach.reference
        for one in breach.affected[:290]:
            session.add(Call(affected=one, means=Means.TELEPHONE, reached=True, by=ANNE, at=at, recorded_at=at))

    card = small_desk.wait_for_card(reference, "Told: 290 of 300")

    said = str(card.blocks[0])
    assert "to tell: 10, told otherwise: 290" in said
    assert said.count("send the notice or telephone") == 10
    assert "Atelier 289 " not in said
    with small_desk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Breach)) == 1
        rows = [read_row(one) for one in breaches.get_breach(session, reference).affected]
    assert len([row for row in rows if row.waits]) == 10
