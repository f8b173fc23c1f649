"""The typeahead over a breach's customers: only its own, and any of three hundred."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bot import affected_select
from bot.breach_cards import AGAIN, WAIVE
from bot.desk import Desk as TheDesk
from bot.settings import DeskSettings
from storage import breach_rows
from storage.breach_rows import is_owed, may_go_again
from storage.database import Database
from storage.ledger import read_ledger
from storage.models import Affected, Breach, Call, Customer, Delivery
from storage.types import Means, Medium, Purpose
from tests.bot_support import BORIS, Desk, running_desk
from tests.storage_support import NOW, add_customer, hours, open_breach, queries

SECONDS = timedelta(seconds=40)
MAILS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "queued": {"due_at": NOW},
    "accepted": {"accepted_at": NOW},
    "delayed": {"accepted_at": NOW, "delayed_at": NOW},
    "bounced": {"accepted_at": NOW, "bounced_at": NOW},
    "refused": {"refused_at": NOW},
    "refused and withdrawn": {"refused_at": NOW, "superseded_at": NOW},
}
CALLS = {
    "none": None,
    "in vain": (Means.TELEPHONE, False, 5.0),
    "before": (Means.TELEPHONE, True, -1.0),
    "in its minute": (Means.IN_PERSON, True, 1.0),
    "after": (Means.TELEPHONE, True, 5.0),
    "in writing": (Means.REGISTERED_LETTER, True, 5.0),
}
WORDS: tuple[dict[str, Any], ...] = ({}, {"excluded_at": NOW}, {"waived_at": NOW})


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


def affect(session: Session, number: int) -> Breach:
    """A breach of so many customers, of whom nobody is told."""
    rows = [
        {"reference": f"C{n:05}", "name": f"Atelier {n:05}", "request_address": "a@b.example"} for n in range(number)
    ]
    session.execute(insert(Customer), [one | {"language": "fr"} for one in rows])
    return open_breach(session, *session.scalars(select(Customer).order_by(Customer.id)))


def notice(affected: Affected, at: float, known: dict[str, Any]) -> dict[str, Any]:
    """The second one was queued some seconds after its minute began."""
    fixed = {"medium": Medium.EMAIL, "purpose": Purpose.NOTICE, "topic": "breach_notice", "language": "fr"}
    ends = ("due_at", "accepted_at", "delayed_at", "bounced_at", "refused_at", "superseded_at")
    own = {"key": f"notice:{affected.id}:{at}", "queued_at": NOW + hours(at) + SECONDS, "affected_id": affected.id}
    return fixed | own | {"recipient": "a@b.example", "case": "BR-2026-0001"} | dict.fromkeys(ends) | known


def in_every_state(session: Session) -> Breach:
    """Two notices and a call to each customer, or none of these, and what was said of it, in every combination."""
    states = list(product(MAILS.values(), MAILS.values(), CALLS.values(), WORDS))
    breach = affect(session, len(states))
    mails, calls = [], []
    for one, (first, second, call, words) in zip(breach.affected, states, strict=True):
        mails += [notice(one, at, known) for at, known in ((0.0, first), (1.0, second)) if known is not None]
        if call:
            means, reached, after = call
            when = {"at": NOW + hours(after), "recorded_at": NOW}
            calls.append({"affected_id": one.id, "means": means, "reached": reached, "by": BORIS} | when)
        for name, value in words.items():
            setattr(one, name, value)
    session.execute(insert(Delivery), mails)
    session.execute(insert(Call), calls)
    return breach


def test_sql_offers_whom_the_ledger_names_in_every_state(database: Database) -> None:
    with database.begin() as session:
        in_every_state(session)

    with database.reading() as session:
        rows = read_ledger(session.scalars(select(Breach)).one())
        for told_by, only in (("may_go_again", may_go_again()), ("owed", is_owed())):
            wanted = {row.affected.id for row in rows if getattr(row, told_by)}
            assert set(session.scalars(select(Affected.id).where(only))) == wanted
            assert 20 < len(wanted) < len(rows) / 2


def offered(desk: TheDesk, modal: str, typed: str = "") -> list[str]:
    view = {"private_metadata": "BR-2026-0001", "callback_id": modal}
    return [one for one, _ in affected_select.suggest_affected(desk, {"view": view, "value": typed})]


def test_only_who_is_concerned_is_offered_and_each_keystroke_costs_one_query_however_many_there_are(
    database: Database,
) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    desk = TheDesk(database, DeskSettings(_env_file=None, database_url=url))
    with database.begin() as session:
        lost, *_, spoken = affect(session, 400).affected
        session.execute(insert(Delivery), [notice(lost, 0.0, {"refused_at": NOW})])
        session.add(Call(affected=spoken, means=Means.TELEPHONE, reached=True, by=BORIS, at=NOW, recorded_at=NOW))

    with queries(database) as asked:
        assert offered(desk, AGAIN) == offered(desk, AGAIN, "atelier 0") == ["C00000"]
        assert offered(desk, WAIVE) == offered(desk, WAIVE, "399") == ["C00399"]
        assert offered(desk, WAIVE, "00000") == []

    assert len([one for one in asked if one.startswith("SELECT")]) == 5
