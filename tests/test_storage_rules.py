"""The two duties: what the record does about a request (clause 4) and a breach (clause 6), and what it refuses."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import breaches, journal, outbox, requests
from storage.breaches import close_breach, get_breach, is_ringing, notified_at, record_told, ring
from storage.database import Database
from storage.errors import (
    AlreadyAware,
    AlreadyForwarded,
    AlreadySetAside,
    BreachClosed,
    ContractEnded,
    CustomerAddressIsOurs,
    CustomersNotTold,
    ForwardedCannotBeSetAside,
    InstantInFuture,
    NobodyAffected,
    NotAffected,
    NotSetAside,
    ReasonMissing,
    Refused,
    ToldBeforeNoticed,
    UnknownCase,
    UnknownCustomer,
)
from storage.models import Affected, Breach, Customer, Delivery, Forward, Reminder
from storage.requests import get_request, is_held, set_aside, take_back
from storage.types import Means, Medium, Purpose
from tests.storage_support import (
    ANNE,
    BORIS,
    NOW,
    add_customer,
    forward,
    hours,
    open_breach,
    queue,
    receive,
    together,
)

SECOND = timedelta(seconds=1)


def tell(session: Session, breach: Breach, customer: Customer, *, at: datetime = NOW) -> Affected:
    return record_told(session, breach, customer, means=Means.TELEPHONE, at=at, by=ANNE, now=max(at, NOW))


def refused(act: Callable[[], object]) -> type[Refused] | None:
    try:
        act()
    except Refused as refusal:
        return type(refusal)
    return None


# --- requests: held, forwarded, set aside, taken back ---


def test_a_request_that_nobody_has_is_held(database: Database) -> None:
    with database.begin() as session:
        later, first = receive(session, at=NOW), receive(session, at=NOW - hours(5))

        waiting = requests.find_waiting(session)

        assert waiting == [first, later]
        assert requests.count_waiting(session) == (2, NOW - hours(5))


def test_a_forwarded_request_is_not_held_and_its_mail_is_queued_with_it(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session, order_reference="CMD-1")
        request = receive(session)

        forwarded = forward(session, request, customer)

        assert not is_held(request)
        assert requests.find_waiting(session) == []
        assert (forwarded.address, forwarded.order_reference) == ("c0001@example.org", "CMD-1")
        mail = session.scalars(select(Delivery).where(Delivery.medium == Medium.EMAIL)).one()
        assert (mail.purpose, mail.recipient, mail.original_id) == (
            Purpose.FORWARD,
            "c0001@example.org",
            request.message_id,
        )


def test_a_request_counts_as_forwarded_once_the_server_took_it(database: Database) -> None:
    with database.begin() as session:
        forwarded = forward(session, receive(session), add_customer(session))
        [mail] = session.scalars(select(Delivery).where(Delivery.forward_id == forwarded.id))
        before = requests.forwarded_at(forwarded)

        outbox.record_accepted(mail, reply="250 ok", now=NOW + SECOND)
        requests.record_forwarded(session, mail, by=ANNE, now=NOW + SECOND)

        session.refresh(forwarded, ["deliveries"])
        assert (before, requests.forwarded_at(forwarded)) == (None, NOW + SECOND)


def test_a_forward_that_is_refused_for_good_is_announced(database: Database) -> None:
    with database.begin() as session:
        forwarded = forward(session, receive(session), add_customer(session))
        [mail] = session.scalars(select(Delivery).where(Delivery.forward_id == forwarded.id))

        outbox.record_refused(mail, reply="550 no such user", now=NOW)
        requests.record_forward_refused(session, mail, by=ANNE, now=NOW)

        topics = session.scalars(select(Delivery.topic).where(Delivery.purpose == Purpose.ANNOUNCEMENT)).all()
        assert topics == ["forward_refused"]


def test_a_request_goes_to_two_customers_but_to_each_only_once(database: Database) -> None:
    with database.begin() as session:
        request, one, two = receive(session), add_customer(session, "C0001"), add_customer(session, "C0002")
        forward(session, request, one)
        forward(session, request, two)

        with pytest.raises(AlreadyForwarded) as refusal:
            forward(session, request, one, at=NOW + hours(1))

        assert refusal.value.fields == {"reference": request.reference, "customer": one.name, "routed_at": NOW}


def test_two_colleagues_who_forward_at_once_forward_once(database: Database) -> None:
    with database.begin() as session:
        add_customer(session)
        reference = receive(session).reference

    def forward_it(_which: int) -> type[Refused] | None:
        def act() -> None:
            with database.begin() as session:
                forward(session, get_request(session, reference), session.scalars(select(Customer)).one())

        return refused(act)

    outcomes = together(4, forward_it)

    assert sorted(map(str, outcomes)) == sorted(map(str, [None, *[AlreadyForwarded] * 3]))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Forward)) == 1
        assert journal.verify(session) == []


def test_a_request_set_aside_is_not_held_and_can_be_taken_back(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)

        set_aside(session, request, "  An invoice  ", by=ANNE, now=NOW)
        aside = (is_held(request), request.set_aside_at, request.set_aside_reason)
        take_back(session, request, by=BORIS, now=NOW)

        assert aside == (False, NOW, "An invoice")
        assert (is_held(request), request.set_aside_reason) == (True, None)
        actions = [entry.action for entry in journal.entries_of(session, request.reference)]
        assert actions == ["request-received", "request-set-aside", "request-taken-back"]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_setting_aside_needs_a_reason(database: Database, reason: str) -> None:
    with database.begin() as session, pytest.raises(ReasonMissing):
        set_aside(session, receive(session), reason, by=ANNE, now=NOW)


def test_what_is_set_aside_is_neither_set_aside_again_nor_forwarded(database: Database) -> None:
    with database.begin() as session:
        request, customer = receive(session), add_customer(session)
        set_aside(session, request, "An invoice", by=ANNE, now=NOW)

        with pytest.raises(AlreadySetAside):
            set_aside(session, request, "An invoice", by=ANNE, now=NOW)
        with pytest.raises(AlreadySetAside):
            forward(session, request, customer)


def test_a_forwarded_request_stays_forwarded(database: Database) -> None:
    with database.begin() as session:
        request = receive(session)
        forward(session, request, add_customer(session))

        with pytest.raises(ForwardedCannotBeSetAside):
            set_aside(session, request, "An invoice", by=ANNE, now=NOW)
        with pytest.raises(NotSetAside):
            take_back(session, request, by=ANNE, now=NOW)


def test_a_contract_still_counts_on_the_thirtieth_day_and_not_on_the_thirty_first(database: Database) -> None:
    with database.begin() as session:
        thirty = add_customer(session, "C0030", contract_end=date(2026, 9, 23))
        gone = add_customer(session, "C0031", contract_end=date(2026, 9, 22))

        forward(session, receive(session), thirty)
        with pytest.raises(ContractEnded):
            forward(session, receive(session), gone)


@pytest.mark.parametrize("address", ["privacy@kavkom.example", "Privacy@KAVKOM.example", "privacy+acme@kavkom.example"])
def test_nothing_is_forwarded_to_ourselves(database: Database, address: str) -> None:
    with database.begin() as session, pytest.raises(CustomerAddressIsOurs):
        forward(session, receive(session), add_customer(session, request_address=address))


@pytest.mark.parametrize("address", ["privacyoffice@kavkom.example", "privacy@kavkom.example.org"])
def test_an_address_like_ours_is_not_ours(address: str) -> None:
    assert not requests.is_ours(address, "privacy@kavkom.example")


def test_a_reference_is_read_as_people_type_it_and_an_unknown_one_is_refused(database: Database) -> None:
    from storage.customers import get_customer

    with database.begin() as session:
        request, breach, customer = receive(session), open_breach(session), add_customer(session)

        assert get_request(session, f" {request.reference.lower()} ") is request
        assert get_breach(session, f" {breach.reference.lower()} ") is breach
        assert get_customer(session, " c0001 ") is customer
        for get in (get_request, get_breach):
            with pytest.raises(UnknownCase, match="DSR-2026-9999"):
                get(session, "dsr-2026-9999")
        with pytest.raises(UnknownCustomer):
            get_customer(session, "C9999")


# --- breaches: deadlines and awareness ---


def test_the_deadline_runs_from_awareness(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, aware_at=NOW - hours(3), suspected_at=NOW - hours(9))

        assert breach.deadline_at == NOW + hours(45)
        assert (breach.detected_at, breach.aware_by) == (NOW - hours(9), ANNE.name)


def test_a_suspicion_runs_a_precautionary_deadline_until_somebody_is_aware(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW - hours(3))
        precautionary = breach.deadline_at

        breaches.become_aware(session, breach, NOW, by=BORIS, now=NOW)

        assert precautionary == NOW + hours(45)
        assert (breach.deadline_at, breach.aware_by) == (NOW + hours(48), BORIS.name)


def test_the_earliest_claim_of_awareness_counts(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, aware_at=NOW)

        breaches.become_aware(session, breach, NOW - hours(2), by=BORIS, now=NOW)
        with pytest.raises(AlreadyAware):
            breaches.become_aware(session, breach, NOW - hours(1), by=ANNE, now=NOW)

        assert (breach.aware_at, breach.aware_by) == (NOW - hours(2), BORIS.name)
        assert breach.deadline_at == NOW + hours(46)


def test_the_same_claim_twice_is_one(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, aware_at=NOW)

        breaches.become_aware(session, breach, NOW, by=BORIS, now=NOW)

        assert breach.aware_by == ANNE.name
        assert [entry.action for entry in journal.entries_of(session, breach.reference)] == ["breach-opened"]


def test_no_instant_lies_in_the_future_beyond_what_clocks_differ(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer, aware_at=NOW)
        in_time, late = NOW + breaches.TOLERANCE, NOW + breaches.TOLERANCE + SECOND

        for act in (
            lambda: open_breach(session, aware_at=late),
            lambda: open_breach(session, suspected_at=late),
            lambda: breaches.become_aware(session, breach, late, by=ANNE, now=NOW),
            lambda: record_told(session, breach, customer, means=Means.PORTAL, at=late, by=ANNE, now=NOW),
        ):
            with pytest.raises(InstantInFuture):
                act()
        assert open_breach(session, aware_at=in_time).aware_at == in_time


def test_a_submission_that_arrives_twice_opens_one_breach(database: Database) -> None:
    def submit(_which: int) -> str:
        with database.begin() as session:
            return open_breach(session, aware_at=NOW, opened_through="V1").reference

    references = [submit(0), submit(1)]

    assert references == ["BR-2026-0001"] * 2


def test_a_submission_that_arrives_twice_at_the_same_instant_opens_one_breach(database: Database) -> None:
    def submit(_which: int) -> str:
        with database.begin() as session:
            return open_breach(session, aware_at=NOW, opened_through="V1").reference

    assert together(4, submit) == ["BR-2026-0001"] * 4


# --- breaches: telling customers, and closing ---


def test_a_customer_is_told_when_a_named_person_says_so(database: Database) -> None:
    with database.begin() as session:
        one, two = add_customer(session, "C0001"), add_customer(session, "C0002")
        breach = open_breach(session, one, two, aware_at=NOW - hours(4))

        tell(session, breach, one, at=NOW - hours(1))
        tell(session, breach, one, at=NOW - hours(2))

        assert [notified_at(affected) for affected in breach.affected] == [NOW - hours(2), None]
        assert len(breach.affected[0].calls) == 2


def test_nobody_can_have_been_told_before_anything_was_noticed(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer, suspected_at=NOW - hours(2), aware_at=NOW - hours(1))

        with pytest.raises(ToldBeforeNoticed):
            tell(session, breach, customer, at=NOW - hours(2) - SECOND)

        assert notified_at(tell(session, breach, customer, at=NOW - hours(2))) == NOW - hours(2)


def test_a_customer_that_is_not_affected_is_not_told(database: Database) -> None:
    with database.begin() as session, pytest.raises(NotAffected):
        tell(session, open_breach(session, add_customer(session, "C0001")), add_customer(session, "C0002"))


def test_a_customer_found_later_inherits_the_deadline_and_keeps_the_breach_open(database: Database) -> None:
    with database.begin() as session:
        one, two = add_customer(session, "C0001"), add_customer(session, "C0002", name="Hotel")
        breach = open_breach(session, one, aware_at=NOW)
        tell(session, breach, one)
        silent = not is_ringing(breach)

        added = breaches.add_customers(session, breach, [one, two, two], by=ANNE, now=NOW + hours(47))

        assert silent
        assert [affected.customer for affected in added] == [two]
        assert (is_ringing(breach), breach.deadline_at) == (True, NOW + hours(48))


def test_a_breach_is_not_closed_while_somebody_is_not_told(database: Database) -> None:
    with database.begin() as session:
        told, garage, hotel = (add_customer(session, f"C{n}", name=n) for n in ("Told", "Garage", "Hotel"))
        breach = open_breach(session, told, garage, hotel)
        tell(session, breach, told)

        with pytest.raises(CustomersNotTold) as refusal:
            close_breach(session, breach, by=ANNE, now=NOW)

        assert refusal.value.customers == ("Garage", "Hotel")
        assert breach.closed_at is None


def test_a_breach_that_affects_nobody_is_not_closed(database: Database) -> None:
    with database.begin() as session, pytest.raises(NobodyAffected):
        close_breach(session, open_breach(session), by=ANNE, now=NOW)


def test_nothing_changes_on_a_closed_breach(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        tell(session, breach, customer)

        close_breach(session, breach, by=ANNE, now=NOW)

        assert (breach.closed_at, breaches.find_open(session)) == (NOW, [])
        for act in (
            lambda: close_breach(session, breach, by=ANNE, now=NOW),
            lambda: breaches.become_aware(session, breach, NOW - hours(1), by=ANNE, now=NOW),
            lambda: breaches.add_customers(session, breach, [customer], by=ANNE, now=NOW),
            lambda: tell(session, breach, customer),
        ):
            with pytest.raises(BreachClosed):
                act()


def test_two_colleagues_who_close_at_once_close_once(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        tell(session, breach, customer)

    def close_it(_which: int) -> type[Refused] | None:
        def act() -> None:
            with database.begin() as session:
                close_breach(session, get_breach(session, breach.reference), by=ANNE, now=NOW)

        return refused(act)

    assert sorted(map(str, together(3, close_it))) == sorted(map(str, [None, BreachClosed, BreachClosed]))


def test_the_breach_with_the_nearest_deadline_comes_first(database: Database) -> None:
    with database.begin() as session:
        later, nearest = open_breach(session, aware_at=NOW), open_breach(session, aware_at=NOW - hours(9))

        assert breaches.find_open(session) == [nearest, later]
        assert breaches.list_breaches(session, limit=1) == [nearest]


# --- breaches: the ladder ---


def rung_at(session: Session, breach: Breach, after: timedelta) -> str | None:
    reminder = ring(session, breach, now=NOW + after)
    return reminder.rung.partition("@")[0] if reminder else None


def test_each_rung_rings_once_and_after_the_deadline_one_every_hour(database: Database) -> None:
    ticks = (11.9, 12, 12.1, 24, 36, 42, 45, 47, 48, 48.5, 49, 50, 50.9)
    with database.begin() as session:
        breach = open_breach(session, add_customer(session))

        heard = [rung_at(session, breach, hours(after)) for after in ticks]

    expected = [None, "T-36", None, "T-24", "T-12", "T-6", "T-3", "T-1", "T-0", None, "T+1", "T+2", None]
    assert heard == expected


def test_after_an_outage_one_reminder_speaks_and_the_older_unsent_ones_are_superseded(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, add_customer(session))
        first = ring(session, breach, now=NOW + hours(12))
        queue(session, "T-36", purpose=Purpose.REMINDER, case=breach.reference)

        heard = rung_at(session, breach, hours(47))

        assert first is not None
        assert heard == "T-1"
        assert session.scalar(select(func.count()).select_from(Reminder)) == 6
        unsent = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.REMINDER)).one()
        assert (unsent.superseded_at, unsent.due_at) == (NOW + hours(47), None)


def test_a_ladder_begins_anew_when_awareness_moves_the_deadline(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW - hours(20))
        heard = [rung_at(session, breach, hours(4))]

        breaches.become_aware(session, breach, NOW, by=ANNE, now=NOW + hours(5))

        heard += [rung_at(session, breach, hours(after)) for after in (5, 12, 24)]
    assert heard == ["T-24", None, "T-36", "T-24"]


def test_there_is_silence_once_all_are_told(database: Database) -> None:
    with database.begin() as session:
        one, two = add_customer(session, "C0001"), add_customer(session, "C0002")
        breach = open_breach(session, one, two)
        queue(session, "T-36", purpose=Purpose.REMINDER, case=breach.reference)

        tell(session, breach, one)
        waiting = session.scalar(select(Delivery.due_at).where(Delivery.key == "T-36"))
        tell(session, breach, two)

        assert waiting is not None
        assert session.scalar(select(Delivery.due_at).where(Delivery.key == "T-36")) is None
        assert not is_ringing(breach)
        assert rung_at(session, breach, hours(60)) is None


def test_a_breach_rings_while_nobody_is_named(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW)

        assert rung_at(session, breach, hours(12)) == "T-36"


def test_two_ticks_at_once_ring_once(database: Database) -> None:
    with database.begin() as session:
        reference = open_breach(session, add_customer(session)).reference

    def tick(_which: int) -> str | None:
        with database.begin() as session:
            return rung_at(session, get_breach(session, reference), hours(24))

    assert sorted(map(str, together(3, tick))) == ["None", "None", "T-24"]


def test_everything_done_to_a_case_is_on_its_card_and_in_the_journal(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        tell(session, breach, customer)
        close_breach(session, breach, by=ANNE, now=NOW)

        entries = journal.entries_of(session, breach.reference)
        cards = select(func.count()).where(Delivery.purpose == Purpose.CARD, Delivery.case == breach.reference)
        assert [entry.action for entry in entries] == [
            "breach-opened",
            "breach-customers-added",
            "customer-told",
            "breach-closed",
        ]
        assert {entry.clause for entry in entries} == {"6"}
        assert session.scalar(cards) == len(entries)
        assert journal.verify(session) == []
