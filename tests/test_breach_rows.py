"""The customers of a breach: five hundred named at once, not affected after all, and what closing asks for."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage import (
    breach_choosing,
    breach_closing,
    breach_customers,
    breach_excluding,
    breach_facts,
    breach_lists,
    breach_rows,
    breaches,
    calls,
    journal,
    ledger,
    outbox,
)
from storage.breach_errors import (
    AlreadyExcluded,
    BreachClosed,
    CustomersNotTold,
    DocumentsOwed,
    NobodyAffected,
    NotAffected,
    NotExcluded,
    NothingDecided,
    UnknownCustomers,
    WhyExcludedMissing,
    WhyLateMissing,
)
from storage.breach_types import FactName, RowState
from storage.customer_sheet import gather_sheet
from storage.database import Database
from storage.models import Affected, Breach, Call, CaseMail, Customer, Delivery
from storage.tables import BadTable
from storage.types import Correspondence, Means, Medium, Purpose, Said
from tests.storage_support import ANNE, BORIS, NOW, add_customer, hours, keep_letter, open_breach, queries, together


def add_many(session: Session, number: int, *, first: int = 1) -> list[Customer]:
    some = [
        Customer(reference=f"C{n:04}", name=f"Customer {n}", request_address=f"c{n}@c.example", language="fr")
        for n in range(first, first + number)
    ]
    session.add_all(some)
    session.flush()
    return some


def row(session: Session, breach: Breach, customer: Customer) -> Affected:
    session.expire_all()
    found = calls.take_affected(session, breach, customer)
    session.refresh(found)
    return found


def notify(session: Session, affected: Affected, n: int = 1, **known: object) -> Delivery:
    """A notice to this customer, as far as `known` says."""
    key = f"notice:{n}:{affected.id}:{len(affected.deliveries)}"
    outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=Purpose.NOTICE,
        topic="notice",
        recipient=affected.customer.request_address,
        language="fr",
        case=affected.breach.reference,
        affected_id=affected.id,
        now=NOW + hours(n),
    )
    if known:
        session.execute(update(Delivery).where(Delivery.key == key).values(**{"due_at": None} | known))
    session.expire(affected, ["deliveries"])
    return session.scalars(select(Delivery).where(Delivery.key == key)).one()


def telephone(session: Session, affected: Affected, *, reached: bool = True, at: float = 1) -> None:
    when = NOW + hours(at)
    session.add(
        Call(affected=affected, means=Means.TELEPHONE, reached=reached, by=ANNE.name, at=when, recorded_at=when)
    )
    session.flush()


# --- naming ---


def test_five_hundred_customers_are_named_with_as_many_queries_as_five(database: Database) -> None:
    counts = []
    for number, first in ((5, 1), (500, 1001)):
        with database.begin() as session:
            reference = open_breach(session).reference
            references = [one.reference for one in add_many(session, number, first=first)]
        with queries(database) as asked, database.begin() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            named = breach_choosing.find_named(session, references)
            added = breach_customers.add_customers(session, breach, named, by=ANNE, now=NOW)
            assert [one.customer.reference for one in added] == references
        inserts = [one for one in asked if one.startswith("INSERT INTO affected")]
        counts.append(len(asked))
        assert len(inserts) == 1

    assert counts[0] == counts[1]


def test_naming_the_same_customers_twice_or_together_names_them_once(database: Database) -> None:
    with database.begin() as session:
        reference = open_breach(session).reference
        references = [one.reference for one in add_many(session, 6)]

    def add(which: int) -> int:
        with database.begin() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            some = breach_choosing.find_named(session, [*references[which : which + 3], references[which]])
            return len(breach_customers.add_customers(session, breach, some, by=(ANNE, BORIS)[which % 2], now=NOW))

    assert sum(together(4, add)) == 6

    with database.reading() as session:
        found = [one.customer.reference for one in breaches.get_breach(session, reference).affected]
        assert sorted(found) == references


@pytest.mark.parametrize(
    "pasted",
    ["C0001, c0002;C0003", "C0001\nC0002\r\n\tC0003", "• C0001 / C0002 | «C0003»", "C0003 C0001 C0001 C0002 et C0003."],
)
def test_references_are_read_whatever_stands_between_them(pasted: str) -> None:
    assert sorted({"C0001", "C0002", "C0003"}) == sorted(set(breach_choosing.read_references(pasted)) - {"ET"})


def test_a_range_is_no_reference_and_is_not_read_as_its_two_ends() -> None:
    assert breach_choosing.read_references("C0001–C0300 C0400-C0500") == ("C0001–C0300", "C0400-C0500")


def test_unknown_references_are_all_listed_and_nobody_is_named(database: Database) -> None:
    with database.begin() as session:
        add_many(session, 2)

    with database.reading() as session, pytest.raises(UnknownCustomers) as refused:
        breach_choosing.find_named(session, ["C0001", "C0404", "C0002", "C0405"])

    assert refused.value.references == ("C0404", "C0405")


def test_who_was_active_between_two_days(database: Database) -> None:
    active = [
        (None, None),
        (date(2026, 1, 1), None),
        (date(2026, 3, 10), None),
        (None, date(2026, 3, 1)),
        (date(2026, 3, 5), date(2026, 3, 6)),
    ]
    not_active = [(date(2026, 3, 11), None), (None, date(2026, 1, 29))]
    still_held = [(None, date(2026, 2, 28)), (None, date(2026, 1, 30))]
    with database.begin() as session:
        for n, (start, end) in enumerate([*active, *not_active, *still_held], 1):
            add_customer(session, f"C{n:04}", contract_start=start, contract_end=end)

    with database.reading() as session:
        found = breach_choosing.find_active(session, date(2026, 3, 1), date(2026, 3, 10))

    assert [one.reference for one in found.customers] == ["C0001", "C0002", "C0003", "C0004", "C0005"]
    assert found.held == 2


def test_a_file_names_customers_with_what_is_known_of_each(database: Database, tmp_path: Path) -> None:
    with database.begin() as session:
        add_many(session, 2)
    file = tmp_path / "affected.csv"
    file.write_text("customer_id;data_kinds;persons;records\nc0001;contact|billing;1 200;\nC0002;;;7\n")

    with database.reading() as session:
        first, second = breach_choosing.read_lines(session, file)

    assert first.reference == "C0001"
    assert first.facts == {FactName.DATA_KINDS: ("contact", "billing"), FactName.PERSONS: 1200}
    assert second.facts == {FactName.RECORDS: 7}


def test_every_bad_line_of_the_file_is_said(database: Database, tmp_path: Path) -> None:
    with database.begin() as session:
        add_many(session, 2)
    file = tmp_path / "affected.csv"
    file.write_text("customer_id,data_kinds,persons\nC0001,,\nC0404,,\nC0001,,\nC0002,shoes,\nC0002,,many\n,,\n")

    with database.reading() as session, pytest.raises(BadTable) as refused:
        breach_choosing.read_lines(session, file)

    assert [problem.line for problem in refused.value.problems] == [3, 4, 5, 6, 7]


def test_facts_of_many_customers_are_written_once_and_read_back(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, *add_many(session, 3))
        wanted = {one.id: {FactName.PERSONS: one.id * 10} for one in breach.affected}
        for new in (3, 0):
            written = breach_facts.append_customer_facts(session, breach, wanted, by="x", now=NOW)
            assert len(written) == new
        known = breach_facts.facts_of_all(session, breach)

    assert {of: facts.persons for of, facts in known.items()} == {of: of * 10 for of in wanted}


def test_a_customer_found_later_inherits_the_deadline_and_is_marked_when_it_has_passed(database: Database) -> None:
    with database.begin() as session:
        one, other = add_many(session, 2)
        breach = open_breach(session, one)
        before = breach.deadline_at
        breach_customers.add_customers(session, breach, [other], by=ANNE, now=NOW + hours(49))

        assert breach.deadline_at == before
        assert [breach_rows.is_found_late(affected) for affected in breach.affected] == [False, True]


# --- not affected ---


def test_a_customer_that_is_not_affected_is_not_to_be_told_and_comes_back(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        affected = breach_excluding.exclude_customer(session, breach, customer, " Test data ", by=ANNE, now=NOW)

        assert (affected.excluded_reason, affected.excluded_by) == ("Test data", "U01ANNE")
        assert ledger.read_row(affected).state is RowState.NOT_AFFECTED
        assert not breaches.is_ringing(breach)
        assert gather_sheet(session, customer, now=NOW).breaches == ()

        breach_excluding.include_customer(session, breach, customer, by=BORIS, now=NOW)

        assert ledger.read_row(affected).state is RowState.TO_TELL
        assert breaches.is_ringing(breach)
        assert gather_sheet(session, customer, now=NOW).breaches == ("BR-2026-0001",)
        actions = [entry.action for entry in journal.entries_of(session, breach.reference)]
    assert actions[-2:] == ["customer-excluded", "customer-included"]


def test_what_has_not_left_is_withdrawn_and_what_may_have_left_stays(database: Database) -> None:
    with database.begin() as session:
        one, other = add_many(session, 2)
        breach = open_breach(session, one, other)
        waiting = notify(session, row(session, breach, one))
        leaving = notify(session, row(session, breach, other), due_at=NOW, sending_at=NOW)
        for customer in (one, other):
            breach_excluding.exclude_customer(session, breach, customer, "a test", by=ANNE, now=NOW)
        session.expire_all()

        assert (waiting.due_at, waiting.superseded_at) == (None, NOW)
        assert (leaving.due_at, leaving.superseded_at) == (NOW, None)


def test_a_customer_that_was_told_can_be_excluded_and_it_stays_told(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        telephone(session, row(session, breach, customer))
        affected = breach_excluding.exclude_customer(session, breach, customer, "A mistake", by=ANNE, now=NOW)
        last = journal.entries_of(session, breach.reference)[-1]

        assert ledger.read_row(affected).told_at == NOW + hours(1)
    assert '"told":true' in last.detail.replace(" ", "")
    assert "mistake" not in last.detail


def test_what_is_no_exclusion_is_refused(database: Database) -> None:
    with database.begin() as session:
        one, other = add_many(session, 2)
        breach = open_breach(session, one)
        with pytest.raises(WhyExcludedMissing):
            breach_excluding.exclude_customer(session, breach, one, "  ", by=ANNE, now=NOW)
        with pytest.raises(NotAffected):
            breach_excluding.exclude_customer(session, breach, other, "why", by=ANNE, now=NOW)
        with pytest.raises(NotExcluded):
            breach_excluding.include_customer(session, breach, one, by=ANNE, now=NOW)
        breach_excluding.exclude_customer(session, breach, one, "No data of theirs", by=ANNE, now=NOW)
        with pytest.raises(AlreadyExcluded):
            breach_excluding.exclude_customer(session, breach, one, "why else", by=BORIS, now=NOW)

        assert breach.affected[0].excluded_reason == "No data of theirs"


# --- closing ---


def test_closing_lists_who_is_not_told_then_who_is_owed_documents(database: Database) -> None:
    with database.begin() as session:
        some = add_many(session, 3)
        breach = open_breach(session, *some)
        breach_excluding.exclude_customer(session, breach, some[2], "a test", by=ANNE, now=NOW)
        telephone(session, row(session, breach, some[0]))
        with pytest.raises(CustomersNotTold) as not_told:
            breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(2))
        notify(session, row(session, breach, some[1]), accepted_at=NOW + hours(1))
        session.refresh(breach)
        with pytest.raises(DocumentsOwed) as owed:
            breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(2))
        row(session, breach, some[0]).waived_at = NOW
        breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(2))

        assert not_told.value.customers == ("Customer 2",)
        assert owed.value.customers == ("Customer 1",)
        assert breach.closed_at == NOW + hours(2)
        with pytest.raises(BreachClosed):
            breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(2))


@pytest.mark.parametrize("why", ["told late", "found late"])
def test_late_customers_need_a_reason_that_is_kept(database: Database, why: str) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, *([] if why == "found late" else [customer]))
        if why == "found late":
            breach_customers.add_customers(session, breach, [customer], by=ANNE, now=NOW + hours(49))
        at = NOW + hours(47 if why == "found late" else 49)
        notify(session, row(session, breach, customer), accepted_at=at)
        session.refresh(breach)
        for nothing in (None, "  "):
            with pytest.raises(WhyLateMissing) as refused:
                breach_closing.close_breach(session, breach, late_reason=nothing, by=ANNE, now=NOW + hours(50))
        breach_closing.close_breach(session, breach, late_reason="Nobody knew", by=ANNE, now=NOW + hours(50))

    assert refused.value.customers == ("Customer C0001",)
    assert breach.late_reason == "Nobody knew"


def test_who_was_in_time_needs_no_reason_and_keeps_none(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        notify(session, row(session, breach, customer), accepted_at=NOW + hours(48))
        session.refresh(breach)
        breach_closing.close_breach(session, breach, late_reason="None needed", by=ANNE, now=NOW + hours(60))

        assert breach.late_reason is None


def test_a_breach_is_never_closed_without_customers_or_a_decision(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        empty, doubtful = open_breach(session), open_breach(session, customer, suspected_at=NOW)
        breach_excluding.exclude_customer(session, doubtful, customer, "a test", by=ANNE, now=NOW)
        for breach, kind in ((empty, NobodyAffected), (doubtful, NothingDecided)):
            with pytest.raises(kind):
                breach_closing.close_breach(session, breach, by=ANNE, now=NOW)
        breach_closing.close_as_no_breach(session, doubtful, "a test", by=ANNE, now=NOW)


def test_a_breach_is_closed_once_when_two_close_it_together(database: Database) -> None:
    with database.begin() as session:
        customer = add_customer(session)
        breach = open_breach(session, customer)
        reference = breach.reference
        notify(session, row(session, breach, customer), accepted_at=NOW)

    def close(which: int) -> bool:
        with database.begin() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            try:
                breach_closing.close_breach(session, breach, by=(ANNE, BORIS)[which], now=NOW)
            except BreachClosed:
                return False
            return True

    assert sorted(together(2, close)) == [False, True]


# --- counting ---


def make_every_row(session: Session) -> Breach:
    """One customer in each state that there is, and some in between."""
    breach = open_breach(session, *add_many(session, 12))
    (_, sending, unsure, delayed, refused, bounced, accepted, called, received, out, voicemail, again) = breach.affected
    notify(session, sending)
    notify(session, unsure, due_at=NOW, sending_at=NOW, reply=outbox.NO_REPLY)
    notify(session, delayed, accepted_at=NOW, delayed_at=NOW)
    notify(session, refused, refused_at=NOW)
    notify(session, bounced, accepted_at=NOW, bounced_at=NOW)
    notify(session, accepted, accepted_at=NOW)
    telephone(session, called)
    notify(session, received, accepted_at=NOW)
    letter = keep_letter(session)
    session.add(
        CaseMail(
            message_id=letter.id,
            breach_id=breach.id,
            affected_id=received.id,
            what=Correspondence.REPLY,
            said=Said.RECEIVED,
            at=NOW,
        )
    )
    breach_excluding.exclude_customer(session, breach, out.customer, "a test", by=ANNE, now=NOW)
    telephone(session, voicemail, reached=False)
    notify(session, again, superseded_at=NOW, accepted_at=NOW)
    session.flush()
    session.expire_all()
    return breach


def test_what_sql_counts_is_what_the_ledger_reads(database: Database) -> None:
    with database.begin() as session:
        reference = make_every_row(session).reference

    with database.reading() as session:
        breach = breaches.get_breach(session, reference)
        rows = ledger.read_ledger(breach)
        in_sql = set(session.scalars(select(Affected.id).where(breach_rows.is_waiting())))
        count = breach_rows.count_rows(session, [breach])[breach.id]

    assert {one.state for one in rows} == set(RowState)
    assert in_sql == {one.affected.id for one in rows if one.waits}
    assert (count.named, count.waiting, count.excluded) == (12, len(in_sql), 1)


def test_what_rings_is_the_same_in_sql_as_in_the_record(database: Database) -> None:
    with database.begin() as session:
        told, excluded, waits, closed = add_many(session, 4)
        for customer in (told, excluded, waits, closed):
            open_breach(session, customer)
        nobody = open_breach(session).reference
        found = breach_lists.list_all(session)
        by_customer = {one.affected[0].customer.reference: one for one in found if one.affected}
        notify(session, by_customer["C0001"].affected[0], accepted_at=NOW)
        breach_excluding.exclude_customer(session, by_customer["C0002"], excluded, "A test", by=ANNE, now=NOW)
        breach_closing.close_as_no_breach(session, by_customer["C0004"], "A test", by=ANNE, now=NOW)
        session.expire_all()
        ringing = {one.reference for one in breach_lists.find_ringing(session)}

        assert ringing == {one.reference for one in breach_lists.list_all(session) if breaches.is_ringing(one)}
        assert ringing == {by_customer["C0003"].reference, nobody}
        assert breach_lists.count_ringing(session) == 2
        assert breach_lists.count_open(session) == 4
        assert [one.reference for one in breach_lists.find_last_closed(session, limit=5)] == ["BR-2026-0004"]


def test_the_last_drill_is_found_and_never_is_never(database: Database) -> None:
    with database.begin() as session:
        open_breach(session)
        never = breach_lists.last_drill_at(session)
        for ago in (500, 9):
            open_breach(session, now=NOW - hours(ago), aware_at=NOW - hours(ago), drill=True)

        assert never is None
        assert breach_lists.last_drill_at(session) == NOW - hours(9)
