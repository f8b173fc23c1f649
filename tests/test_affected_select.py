"""The typeahead over a breach's customers: only its own, and any of three hundred."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import breach_rows
from storage.database import Database
from storage.models import Customer
from tests.bot_support import BORIS, Desk, running_desk
from tests.storage_support import add_customer, open_breach


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def test_only_the_customers_of_the_breach_are_offered(database: Database) -> None:
    with database.begin() as session:
        add_customer(session, "C0001")
        reference = open_breach(session, add_customer(session, "C0002")).reference

    with database.reading() as session:
        found = [one for one, _ in breach_rows.suggest_affected(session, reference, "c0")]
        others = breach_rows.suggest_affected(session, reference, "c0001")
        nowhere = breach_rows.suggest_affected(session, "BR-2026-0404", "")

    assert found == ["C0002"]
    assert others == []
    assert nowhere == []


def test_the_three_hundredth_customer_can_be_chosen(small_desk: Desk) -> None:
    with small_desk.database.begin() as session:
        session.add_all(
            Customer(reference=f"C1{n:03}", name=f"Atelier {n:03}", request_address="a@b.example", language="fr")
            for n in range(300)
        )
    reference = small_desk.open_breach(*(f"C1{n:03}" for n in range(300)))
    form = small_desk.workspace.click(BORIS, small_desk.wait_for_card(reference), "breach_told").view
    assert form is not None

    reply = small_desk.workspace.submit(BORIS, form, {"affected_customer": "C1299", "means": "telephone"})

    assert reply.closed, reply
    [told] = [one for one in small_desk.breach(reference).affected if one.calls]
    assert told.customer.reference == "C1299"
