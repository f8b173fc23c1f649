"""Who has not answered a notice for 12 hours rings once, and many who come onto the call sheet ring as one."""

from collections.abc import Iterator
from datetime import datetime
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from storage import breaches, calls, unread
from storage.breach_types import Answered
from storage.database import Database, open_database
from storage.ledger import read_ledger
from storage.models import Affected, Breach, Customer, Delivery, Reminder
from storage.types import Means, Medium, Purpose, Said
from tests.notice_support import become, reply, send_notice
from tests.storage_support import ANNE, NOW, add_customer, hours, open_breach, together


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    """On SQLite only, for what the database has no part in."""
    database = open_database(sqlite_url)
    yield database
    database.dispose()


def notified(session: Session, *accepted: float, **known: Any) -> Breach:
    """A breach whose customers' servers took the notice so many hours after awareness."""
    named = [add_customer(session, f"C{number:04}") for number, _ in enumerate(accepted)]
    breach = open_breach(session, *named, **known)
    for affected, at in zip(breach.affected, accepted, strict=True):
        send_notice(session, breach, affected, at=NOW, accepted_at=NOW + hours(at))
    return breach


def ring(session: Session, breach: Breach, at: float) -> datetime | None:
    """What a tick does `at` hours after awareness; until when the ring tells."""
    now = NOW + hours(at)
    found = unread.find_unread_due(session, now=now)
    reminder = unread.ring_unread(session, breach, now=now)
    assert bool(reminder) == (breach.reference in found)
    return reminder.due_at if reminder else None


def test_nobody_rings_before_twelve_hours_and_each_rings_once(database: Database) -> None:
    with database.begin() as session:
        breach = notified(session, 1)

        rung = [ring(session, breach, at) for at in (12.9, 13, 13.1, 20)]

    assert rung == [None, NOW + hours(13), None, None]


def test_those_who_come_within_the_hour_after_a_ring_are_told_of_in_one(database: Database) -> None:
    with database.begin() as session:
        breach = notified(session, 1, 1.2, 1.4, 5)

        rung = [ring(session, breach, at) for at in (13, 13.3, 13.9, 14, 16, 17)]

        assert len(session.scalars(select(Reminder)).all()) == 3
    assert rung == [NOW + hours(13), None, None, NOW + hours(13.4), None, NOW + hours(17)]


@pytest.mark.parametrize("why", ["received", "reached", "excluded", "bounced", "delayed", "closed"])
def test_who_need_not_be_called_for_want_of_an_answer_does_not_ring(lite: Database, why: str) -> None:
    with lite.begin() as session:
        breach = notified(session, 1)
        [affected] = breach.affected
        if why == "received":
            reply(session, affected, at=NOW + hours(3))
        elif why == "reached":
            calls.record_told(
                session, breach, affected.customer, means=Means.TELEPHONE, at=NOW, by=ANNE, now=NOW + hours(3)
            )
        elif why == "closed":
            breach.closed_at = NOW + hours(3)
        elif why == "excluded":
            affected.excluded_at = NOW + hours(3)
        else:
            become(session, affected.deliveries[0], **{f"{why}_at": NOW + hours(3)})
        session.flush()

        assert ring(session, breach, 14) is None


def test_an_absence_and_a_voicemail_are_no_answer(lite: Database) -> None:
    with lite.begin() as session:
        breach = notified(session, 1)
        [affected] = breach.affected
        reply(session, affected, at=NOW + hours(2), said=Said.OUT_OF_OFFICE)
        voicemail = {"means": Means.TELEPHONE, "answered": Answered.VOICEMAIL}
        calls.record_told(
            session,
            breach,
            affected.customer,
            at=NOW,
            by=ANNE,
            now=NOW + hours(3),
            **voicemail,  # type: ignore[arg-type]
        )

        assert ring(session, breach, 13) == NOW + hours(13)


def test_a_drill_rings_at_its_own_pace(lite: Database) -> None:
    with lite.begin() as session:
        breach = notified(session, 0, 0.02, aware_at=NOW, drill=True, pace=24)

        rung = [ring(session, breach, at) for at in (0.4, 0.5, 0.53, 0.55)]

    assert rung == [None, NOW + hours(0.5), None, NOW + hours(0.52)]


def test_two_processes_that_look_at_once_ring_once(database: Database) -> None:
    with database.begin() as session:
        notified(session, 1)

    def tick(_which: int) -> bool:
        with database.begin() as session:
            breach = breaches.get_breach(session, "BR-2026-0001")
            return unread.ring_unread(session, breach, now=NOW + hours(14)) is not None

    assert sorted(together(2, tick)) == [False, True]


def test_the_sheet_and_the_ring_agree_on_who_has_not_answered(lite: Database) -> None:
    with lite.begin() as session:
        breach = notified(session, 1, 2, 3)
        reply(session, breach.affected[1], at=NOW + hours(4))

        rung = ring(session, breach, 15)
        called = [row.unread_at for row in read_ledger(breach) if row.must_be_called(NOW + hours(15))]

    assert rung == max(at for at in called if at)
    assert len(called) == 2


def test_a_look_at_ten_thousand_customers_is_short(lite: Database) -> None:
    """The bound is a tenth of the time between two looks, on a machine that does other things, too."""
    with lite.begin() as session:
        breach = open_breach(session)
        known = {"name": "Acme", "request_address": "a@example.org", "language": "fr", "acknowledge": True}
        many = range(1, 10_001)
        session.execute(insert(Customer), [known | {"id": n, "reference": f"C{n}"} for n in many])
        ours = [{"id": n, "breach_id": breach.id, "customer_id": n, "added_at": NOW} for n in many]
        session.execute(insert(Affected), ours)
        sent: dict[str, Any] = {
            "medium": Medium.EMAIL,
            "purpose": Purpose.NOTICE,
            "topic": "notice",
            "recipient": "a@example.org",
        }
        sent |= {"language": "fr", "case": breach.reference, "queued_at": NOW, "attempts": 1, "accepted_at": NOW}
        session.execute(insert(Delivery), [sent | {"key": f"n{n}", "affected_id": n, "due_at": None} for n in many])

    with lite.reading() as session:
        began = perf_counter()
        found = unread.find_unread_due(session, now=NOW + hours(13))
        took = perf_counter() - began

    assert found == ["BR-2026-0001"]
    assert took < 2
