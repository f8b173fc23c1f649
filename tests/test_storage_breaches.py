"""Personal data breaches: 48 hours from awareness until every affected customer has been told; and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import (
    breach_claims,
    breach_clock,
    breach_closing,
    breach_customers,
    breach_lists,
    breaches,
    calls,
    journal,
    ledger,
    outbox,
)
from storage.breach_errors import AlreadyAware, BreachClosed, CustomersNotTold, NobodyAffected, NotAffected
from storage.breach_types import ClaimKind, TelecomOperator
from storage.clock import real_now
from storage.database import Database
from storage.errors import InstantInFuture, Refused, ToldBeforeNoticed, UnknownCase
from storage.models import Affected, Breach, Customer, Reminder
from storage.types import Means, Medium, Purpose
from tests.storage_support import ANNE, BORIS, NOW, add_customer, hours, open_breach, queue, together, waive_all


def tell(session: Session, breach: Breach, customer: Customer, **known: object) -> Affected:
    at = NOW + hours(1)
    told = {"means": Means.TELEPHONE, "at": at, "by": ANNE, "now": at} | known
    return calls.record_told(session, breach, customer, **told)  # type: ignore[arg-type]  # as record_told names them


def actions(database: Database, reference: str = "BR-2026-0001") -> list[str]:
    with database.reading() as session:
        return [entry.action for entry in journal.entries_of(session, reference)]


# --- opening ---


def test_an_opened_breach_has_its_deadline_in_the_same_transaction(database: Database) -> None:
    with database.begin() as session:
        open_breach(session, add_customer(session))

    with database.reading() as session:
        breach = breaches.get_breach(session, "br-2026-0001 ")
        assert (breach.deadline_at, breach.aware_by) == (NOW + hours(48), "U01ANNE")
        assert [one.customer.reference for one in breach.affected] == ["C0001"]
        assert breaches.is_ringing(breach)
    assert actions(database) == ["breach-opened", "breach-customers-added"]


def test_a_suspicion_runs_a_precautionary_deadline(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW - hours(2))

    assert (breach.aware_at, breach.deadline_at) == (None, NOW + hours(46))


def test_the_same_submission_twice_opens_one_breach(database: Database) -> None:
    with database.begin() as session:
        first = open_breach(session, aware_at=NOW, opened_through="V123")
    with database.begin() as session:
        second = open_breach(session, aware_at=NOW, opened_through="V123")

    assert first.reference == second.reference
    with database.reading() as session:
        assert len(breach_lists.list_all(session)) == 1


def test_the_same_submission_twice_at_the_same_instant_opens_one_breach(database: Database) -> None:
    def submit(_which: int) -> str:
        with database.begin() as session:
            return open_breach(session, aware_at=NOW, opened_through="V123").reference

    assert together(4, submit) == ["BR-2026-0001"] * 4


@pytest.mark.parametrize("which", ["aware_at", "suspected_at"])
def test_a_breach_of_the_future_is_refused(database: Database, which: str) -> None:
    with database.begin() as session, pytest.raises(InstantInFuture):
        open_breach(session, **{which: NOW + timedelta(minutes=3)})


def test_a_persons_clock_may_run_a_little_ahead(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, aware_at=NOW + timedelta(minutes=1))

    assert breach.deadline_at == NOW + timedelta(hours=48, minutes=1)


def test_an_unknown_reference_is_refused(database: Database) -> None:
    with database.reading() as session, pytest.raises(UnknownCase):
        breaches.get_breach(session, "BR-2026-0404")


def test_open_breaches_come_with_the_nearest_deadline_first(database: Database) -> None:
    with database.begin() as session:
        later = open_breach(session)
        sooner = open_breach(session, aware_at=NOW - hours(10))

    with database.reading() as session:
        assert [one.id for one in breach_lists.find_nearest(session, limit=100)] == [sooner.id, later.id]
        assert [one.id for one in breach_lists.list_all(session)[:1]] == [sooner.id]


# --- awareness ---


def test_awareness_sets_the_deadline_and_who_said_so(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW)
        breach_claims.become_aware(session, breach, NOW + hours(3), by=BORIS, now=NOW + hours(4))

    assert (breach.deadline_at, breach.aware_by) == (NOW + hours(51), "U02BORIS")
    assert actions(database)[-1] == "breach-awareness"


def test_the_earliest_claimed_awareness_counts(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        breach_claims.become_aware(session, breach, NOW - hours(5), by=BORIS, now=NOW)

        with pytest.raises(AlreadyAware) as refusal:
            breach_claims.become_aware(session, breach, NOW, by=BORIS, now=NOW)

    assert refusal.value.aware_at == NOW - hours(5)
    assert breach.deadline_at == NOW + hours(43)


def test_the_same_awareness_again_changes_nothing(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        breach_claims.become_aware(session, breach, NOW, by=BORIS, now=NOW)

    assert breach.aware_by == "U01ANNE"
    assert "breach-awareness" not in actions(database)


def test_awareness_in_the_future_is_refused(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW)

        with pytest.raises(InstantInFuture):
            breach_claims.become_aware(session, breach, NOW + hours(1), by=ANNE, now=NOW)


# --- telling customers ---


def test_a_customer_that_was_told_is_notified_at_that_instant(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        affected = tell(session, breach, customer, at=NOW + hours(1), now=NOW + hours(2))

    assert ledger.notified_at(affected) == NOW + hours(1)
    assert not breaches.is_ringing(breach)
    assert actions(database)[-1] == "customer-told"


def test_telling_twice_keeps_both_records_and_the_first_counts(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        tell(session, breach, customer, at=NOW + hours(3), now=NOW + hours(4))
        affected = tell(session, breach, customer, at=NOW + hours(2), now=NOW + hours(4), means=Means.IN_PERSON)

    assert len(affected.calls) == 2
    assert ledger.notified_at(affected) == NOW + hours(2)


def test_a_breach_rings_until_the_last_customer_is_told(database: Database) -> None:
    with database.begin() as session:
        one, two = add_customer(session, "C0001"), add_customer(session, "C0002")
        breach = open_breach(session, one, two)
        tell(session, breach, one)
        ringing_with_one_told = breaches.is_ringing(breach)
        tell(session, breach, two)

    assert ringing_with_one_told
    assert not breaches.is_ringing(breach)


def test_a_customer_that_is_not_affected_cannot_have_been_told(database: Database) -> None:
    with database.begin() as session:
        breach, stranger = open_breach(session), add_customer(session)

        with pytest.raises(NotAffected) as refusal:
            tell(session, breach, stranger)

    assert refusal.value.customer == "Customer C0001"


def test_a_customer_may_have_been_told_since_a_sub_processor_told_us(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer, suspected_at=NOW - hours(1))
        breach_claims.claim_instant(session, breach, ClaimKind.TOLD, NOW - hours(5), by=ANNE, now=NOW)

        tell(session, breach, customer, at=NOW - hours(4), now=NOW)

        assert ledger.notified_at(breach.affected[0]) == NOW - hours(4)


@pytest.mark.parametrize(("offset", "refusal"), [(-1, ToldBeforeNoticed), (2, InstantInFuture)])
def test_nobody_is_told_before_anything_was_noticed_nor_in_the_future(
    database: Database, offset: int, refusal: type[Refused]
) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)

        with pytest.raises(refusal):
            tell(session, breach, customer, at=NOW + hours(offset), now=NOW + hours(1))


def test_a_customer_found_later_inherits_the_deadline_and_rings_again(database: Database) -> None:
    with database.begin() as session:
        first = add_customer(session, "C0001")
        breach = open_breach(session, first)
        tell(session, breach, first)
        added = breach_customers.add_customers(
            session, breach, [first, add_customer(session, "C0002")], by=BORIS, now=NOW + hours(20)
        )

        assert [one.customer.reference for one in added] == ["C0002"]
        assert breach.deadline_at == NOW + hours(48)
        assert breaches.is_ringing(breach)


# --- closing ---


def test_a_breach_is_closed_when_everybody_is_told_and_not_before(database: Database) -> None:
    with database.begin() as session:
        one, two, three = (add_customer(session, f"C000{number}", name=f"N{number}") for number in (1, 2, 3))
        breach = open_breach(session, one, two, three)
        tell(session, breach, two)
        with pytest.raises(CustomersNotTold) as refusal:
            breach_closing.close_breach(session, breach, by=ANNE, now=NOW)
        tell(session, breach, one)
        tell(session, breach, three)
        waive_all(session, breach)
        breach_closing.close_breach(session, breach, by=BORIS, now=NOW + hours(2))

    assert refusal.value.customers == ("N1", "N3")
    assert (breach.closed_at, breach.closed_by) == (NOW + hours(2), "U02BORIS")
    assert not breaches.is_ringing(breach)
    with database.reading() as session:
        assert breach_lists.find_nearest(session, limit=100) == []


def test_a_breach_that_affects_nobody_yet_rings_and_cannot_be_closed(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)

        assert breaches.is_ringing(breach)
        with pytest.raises(NobodyAffected):
            breach_closing.close_breach(session, breach, by=ANNE, now=NOW)


def test_a_closed_breach_refuses_every_move(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        tell(session, breach, customer)
        waive_all(session, breach)
        breach_closing.close_breach(session, breach, by=ANNE, now=NOW)

        with pytest.raises(BreachClosed):
            breach_closing.close_breach(session, breach, by=ANNE, now=NOW)
        with pytest.raises(BreachClosed):
            breach_claims.become_aware(session, breach, NOW - hours(1), by=ANNE, now=NOW)
        with pytest.raises(BreachClosed):
            breach_customers.add_customers(session, breach, [add_customer(session, "C0002")], by=ANNE, now=NOW)
        with pytest.raises(BreachClosed):
            tell(session, breach, customer)


def test_a_breach_is_never_closed_over_a_customer_added_at_the_same_instant(database: Database) -> None:
    with database.begin() as session:
        told, found_later = add_customer(session, "C0001"), add_customer(session, "C0002")
        breach = open_breach(session, told)
        tell(session, breach, told)
        waive_all(session, breach)

    def decide(which: int) -> str:
        try:
            with database.begin() as session:
                breach = breaches.get_breach(session, "BR-2026-0001")
                if which:
                    breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(2))
                else:
                    newcomer = session.merge(found_later, load=False)
                    breach_customers.add_customers(session, breach, [newcomer], by=BORIS, now=NOW + hours(2))
        except Refused as refusal:
            return refusal.template
        return "done"

    said = together(2, decide)

    assert said.count("done") == 1
    with database.reading() as session:
        breach = breaches.get_breach(session, "BR-2026-0001")
        assert (breach.closed_at is None) == (len(breach.affected) == 2)


# --- reminders ---


def open_led(session: Session, customer: Customer, **known: Any) -> Breach:
    """A breach that somebody leads: only its deadline rings."""
    return open_breach(session, customer, lead="U02BORIS", **(known or {"aware_at": NOW}))


def ring(session: Session, breach: Breach, at: float) -> str | None:
    """The rung that speaks when a tick comes `at` hours after awareness."""
    rang = breach_clock.ring(session, breach, telecom=TelecomOperator.UNKNOWN, now=NOW + hours(at))
    return rang.speaker.rung.partition("@")[0] if rang else None


def test_each_rung_rings_once(database: Database) -> None:
    with database.begin() as session:
        breach = open_led(session, add_customer(session))

        rung = [ring(session, breach, at) for at in (1, 12, 12.5, 24, 47, 48, 48.5, 49, 50)]

    assert rung == [None, "T-36", None, "T-24", "T-1", "T-0", None, "T+1", "T+2"]


def test_after_an_outage_the_newest_rung_speaks_for_all(database: Database) -> None:
    with database.begin() as session:
        breach = open_led(session, add_customer(session))

        rung = ring(session, breach, 50)

        known = session.scalars(select(Reminder.rung)).all()
    assert rung == "T+2"
    assert len(known) == 9
    assert actions(database).count("reminder-due") == 1


def test_silence_begins_when_the_last_customer_is_told(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_led(session, customer)
        ring(session, breach, 12)
        queue(session, "T-36", purpose=Purpose.REMINDER)

        tell(session, breach, customer)

        assert ring(session, breach, 60) is None
        assert not outbox.anything_due(session, [Medium.EMAIL], now=real_now() + hours(1))


def test_a_deadline_that_moves_begins_the_ladder_anew(database: Database) -> None:
    with database.begin() as session:
        breach = open_led(session, add_customer(session), suspected_at=NOW)
        before = ring(session, breach, 12)
        breach_claims.become_aware(session, breach, NOW + hours(11), by=ANNE, now=NOW + hours(12))

        after = [ring(session, breach, at) for at in (12, 23)]

    assert before == "T-36"
    assert after == [None, "T-36"]


def test_two_bots_that_tick_at_once_ring_once(database: Database) -> None:
    with database.begin() as session:
        open_led(session, add_customer(session))

    def tick(_which: int) -> str | None:
        with database.begin() as session:
            return ring(session, breaches.get_breach(session, "BR-2026-0001"), 12)

    rung = together(4, tick)

    assert sorted(rung, key=str) == [None, None, None, "T-36"]
