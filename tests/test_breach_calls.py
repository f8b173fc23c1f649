"""Told by other means than our mail (clause 6): what counts, what is owed after, what comes next."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import breach_closing, breaches, calls, instructed, journal, ledger, notice_again
from storage.breach_errors import (
    BreachClosed,
    DocumentsNotOwed,
    NotAffected,
    NothingSent,
    NoticeNotFailed,
    ProofMissing,
)
from storage.breach_types import Answered, RowState
from storage.database import Database, open_database
from storage.errors import CustomerAddressIsOurs, InstructionMissing, MalformedAddress, ReasonMissing, Refused
from storage.ledger import Row, read_row
from storage.models import Affected, Attachment, Breach, Call, Customer, Delivery, Instruction
from storage.next_step import NextStep, next_step, step_at
from storage.types import Means, Said
from tests.calling_support import become, reply, send_notice
from tests.storage_support import ANNE, BORIS, NOW, add_customer, hours, open_breach, together

OURS = "privacy@kavkom.example"


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Database]:
    """On SQLite only, for what the database has no part in."""
    database = open_database(sqlite_url)
    yield database
    database.dispose()


def opened(session: Session, **known: Any) -> tuple[Breach, Customer, Affected]:
    """A breach with one customer."""
    customer = add_customer(session)
    breach = open_breach(session, customer, **known)
    return breach, customer, breach.affected[0]


def call(session: Session, breach: Breach, customer: Customer, *, at: float = 1, **known: Any) -> Affected:
    """Somebody calls `at` hours after awareness, and says so at once."""
    instant = NOW + hours(at)
    told: dict[str, Any] = {"means": Means.TELEPHONE, "at": instant, "by": ANNE, "now": instant} | known
    return calls.record_told(session, breach, customer, **told)


def again(session: Session, breach: Breach, customer: Customer, *, at: float = 3) -> Delivery:
    return notice_again.send_notice_again(session, breach, customer, by=BORIS, now=NOW + hours(at))


def redirect(session: Session, breach: Breach, customer: Customer, address: str, **known: Any) -> Delivery:
    said: dict[str, Any] = {"instruction": "Mrs Martin by telephone", "own_address": OURS, "by": BORIS} | known
    return notice_again.redirect_notice(session, breach, customer, address, now=NOW + hours(3), **said)


# --- what counts as told ---


@pytest.mark.parametrize(
    ("answered", "told"), [(Answered.REACHED, True), (Answered.VOICEMAIL, False), (Answered.NO_ANSWER, False)]
)
def test_only_who_was_reached_was_told_and_every_attempt_is_kept(
    lite: Database, answered: Answered, told: bool
) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        call(session, breach, customer, answered=answered, role="management", call_reference=" CALL-7 ")

        row = read_row(affected)
        [kept] = affected.calls

    assert (row.waits, row.state) == (not told, RowState.TOLD if told else RowState.TO_TELL)
    assert breaches.is_ringing(breach) is not told
    assert (kept.answered, kept.reached, kept.role, kept.call_reference) == (answered, told, "management", "CALL-7")


def test_the_journal_of_a_call_holds_no_name_no_proof_and_no_call_reference(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, _ = opened(session)
        call(session, breach, customer, person="Zoltan", proof="Zoltan", call_reference="Zoltan", role="Zoltan")
        call(session, breach, customer, answered=Answered.VOICEMAIL, person="Zoltan")
        calls.waive_documents(session, breach, customer, "Zoltan wants nothing", by=ANNE, now=NOW + hours(2))

        entries = journal.entries_of(session, breach.reference)

    assert [entry.action for entry in entries[2:]] == ["customer-told", "customer-called", "documents-waived"]
    assert not [entry for entry in entries if "Zoltan" in entry.detail]


@pytest.mark.parametrize("means", [Means.REGISTERED_LETTER, Means.PORTAL, Means.EMAIL])
def test_what_is_told_in_writing_by_other_means_needs_its_proof_and_owes_nothing(lite: Database, means: Means) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        with pytest.raises(ProofMissing):
            call(session, breach, customer, means=means, proof="  ")
        call(session, breach, customer, means=means, proof="1A 203 123 4567 8")

        row = read_row(affected)

    assert (row.means, row.told_at, row.owed) == (means, NOW + hours(1), False)
    assert affected.calls[0].proof == "1A 203 123 4567 8"


def test_a_call_may_be_recorded_in_the_minute_in_which_the_breach_was_noticed(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session, aware_at=NOW + timedelta(seconds=40))
        call(session, breach, customer, at=0, now=NOW + timedelta(seconds=50))

    assert ledger.notified_at(affected) == NOW


def test_a_call_after_a_bounce_silences_that_customer_and_an_earlier_one_does_not(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        call(session, breach, customer, at=1)
        send_notice(session, breach, affected, at=NOW + hours(2), bounced_at=NOW + hours(3))
        before = read_row(affected)
        call(session, breach, customer, at=4)

        after = read_row(affected)

    assert (before.state, before.must_be_called(NOW + hours(3)), before.told_at) == (
        RowState.BOUNCED,
        True,
        NOW + hours(1),
    )
    assert (after.state, after.must_be_called(NOW + hours(4)), after.owed) == (RowState.TOLD, False, True)


def test_after_closing_only_a_customer_whose_notice_came_back_is_called(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        delivery = send_notice(session, breach, affected, at=NOW, accepted_at=NOW)
        breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(1))
        with pytest.raises(BreachClosed):
            call(session, breach, customer, at=2)

        become(session, delivery, bounced_at=NOW + hours(3))
        call(session, breach, customer, at=4)

        assert read_row(affected).told_at == NOW + hours(4)
        with pytest.raises(BreachClosed):
            call(session, breach, customer, at=5)


def test_two_who_record_the_same_call_at_once_both_stand_in_the_record(database: Database) -> None:
    with database.begin() as session:
        opened(session)

    def record(_which: int) -> None:
        with database.begin() as session:
            breach = breaches.get_breach(session, "BR-2026-0001")
            call(session, breach, breach.affected[0].customer)

    together(2, record)

    with database.reading() as session:
        assert len(session.scalars(select(Call)).all()) == 2
        assert not breaches.is_ringing(breaches.get_breach(session, "BR-2026-0001"))


# --- the documents after a call ---


def test_documents_are_owed_after_a_call_until_a_notice_was_accepted(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        before = read_row(affected).owed
        call(session, breach, customer)
        after = read_row(affected).owed
        delivery = send_notice(session, breach, affected, at=NOW + hours(2))
        under_way, step = read_row(affected), next_step(read_row(affected), NOW + hours(2))
        become(session, delivery, accepted_at=NOW + hours(2))

        assert (before, after, under_way.owed, read_row(affected).owed) == (False, True, True, False)
        assert step is NextStep.WAIT
        become(session, delivery, bounced_at=NOW + hours(3))
        assert read_row(affected).owed


def test_documents_that_came_back_go_out_again_after_the_call_and_are_owed_until_they_arrive(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        send_notice(session, breach, affected, at=NOW, bounced_at=NOW + hours(1))
        call(session, breach, customer, at=2)
        spoken_to = read_row(affected)

        sent = again(session, breach, customer)
        under_way = read_row(affected)
        become(session, sent, accepted_at=NOW + hours(3))
        arrived = read_row(affected)

        assert (spoken_to.may_go_again, next_step(spoken_to, NOW + hours(2))) == (True, NextStep.SEND_AGAIN)
        assert (under_way.owed, under_way.may_go_again) == (True, False)
        assert next_step(under_way, NOW + hours(3)) is NextStep.WAIT
        assert (arrived.owed, arrived.may_go_again) == (False, False)
        assert next_step(arrived, NOW + hours(3)) is NextStep.NOTHING


@pytest.mark.parametrize(
    ("became", "may"),
    [
        ({}, False),
        ({"sending_at": NOW}, True),
        ({"accepted_at": NOW, "delayed_at": NOW}, True),
        ({"accepted_at": NOW, "delayed_at": NOW, "bounced_at": NOW}, False),
    ],
)
def test_a_notice_may_arrive_while_a_server_has_it_or_may_have_it(
    lite: Database, became: dict[str, Any], may: bool
) -> None:
    with lite.begin() as session:
        breach, _, affected = opened(session)
        send_notice(session, breach, affected, at=NOW, **became)

        assert read_row(affected).may_arrive is may


def test_a_delayed_notice_after_a_call_is_waited_for(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        send_notice(session, breach, affected, at=NOW, accepted_at=NOW, delayed_at=NOW + hours(1))
        call(session, breach, customer, at=2)

        row = read_row(affected)

        assert (row.owed, next_step(row, NOW + hours(3))) == (True, NextStep.WAIT)


def test_a_lost_notice_is_of_no_more_use_once_it_is_waived_or_proven_to_have_arrived_otherwise(lite: Database) -> None:
    with lite.begin() as session:
        customers = [add_customer(session, f"C000{n}") for n in (1, 2)]
        breach = open_breach(session, *customers)
        for affected in breach.affected:
            send_notice(session, breach, affected, at=NOW, bounced_at=NOW + hours(1))
        call(session, breach, customers[0], at=2)
        calls.waive_documents(session, breach, customers[0], "It wants none", by=ANNE, now=NOW + hours(2))
        call(session, breach, customers[1], at=2, means=Means.PORTAL, proof="Delivered at 14:02")

        assert [read_row(affected).may_go_again for affected in breach.affected] == [False, False]


def test_a_lost_notice_goes_to_the_address_on_record_by_now(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        first = send_notice(session, breach, affected, at=NOW, bounced_at=NOW + hours(1))
        call(session, breach, customer, at=2)
        customer.breach_address = "direction@garage.example"

        sent = notice_again.send_notice_again(
            session, breach, customer, to_recorded=True, own_address=OURS, by=BORIS, now=NOW + hours(3)
        )
        become(session, sent, bounced_at=NOW + hours(4))
        customer.breach_address = OURS
        with pytest.raises(CustomerAddressIsOurs):
            notice_again.send_notice_again(
                session, breach, customer, to_recorded=True, own_address=OURS, by=BORIS, now=NOW + hours(5)
            )

    assert (sent.recipient, sent.notice_id, sent.attempt_of_id) == (
        "direction@garage.example",
        first.notice_id,
        first.id,
    )


def test_what_came_back_after_closing_and_is_owed_after_a_call_still_goes_out(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        delivery = send_notice(session, breach, affected, at=NOW, accepted_at=NOW)
        breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(1))
        become(session, delivery, bounced_at=NOW + hours(3))
        call(session, breach, customer, at=4)

        sent = again(session, breach, customer, at=5)

    assert (sent.recipient, sent.attempt_of_id) == (delivery.recipient, delivery.id)


def test_documents_are_waived_once_with_a_reason_and_only_where_they_are_owed(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)

        def waive(reason: str) -> None:
            calls.waive_documents(session, breach, customer, reason, by=BORIS, now=NOW + hours(2))

        with pytest.raises(DocumentsNotOwed):
            waive("It asked for nothing in writing")
        call(session, breach, customer)
        with pytest.raises(ReasonMissing):
            waive("  ")
        waive(" It asked for nothing in writing ")
        with pytest.raises(DocumentsNotOwed):
            waive("Once more")

    assert not read_row(affected).owed
    assert (affected.waived_reason, affected.waived_by) == ("It asked for nothing in writing", BORIS.name)
    assert affected.waived_at == NOW + hours(2)


def test_of_two_who_waive_at_once_one_is_told_that_nothing_is_owed(database: Database) -> None:
    with database.begin() as session:
        breach, customer, _ = opened(session)
        call(session, breach, customer)

    def waive(which: int) -> str:
        try:
            with database.begin() as session:
                breach = breaches.get_breach(session, "BR-2026-0001")
                customer = breach.affected[0].customer
                calls.waive_documents(session, breach, customer, f"It has them: {which}", by=BORIS, now=NOW + hours(2))
        except Refused as refusal:
            return refusal.template
        return "done"

    assert sorted(together(2, waive)) == ["documents_not_owed", "done"]


# --- what must be done next ---


AT = NOW + hours(1)
BECAME: dict[str, dict[str, Any]] = {
    "sending": {},
    "uncertain": {"sending_at": AT, "reply": "no reply after the final dot"},
    "refused": {"refused_at": AT},
    "bounced": {"accepted_at": AT, "bounced_at": AT},
    "delayed": {"accepted_at": AT, "delayed_at": AT},
    "accepted": {"accepted_at": AT},
    "answered": {"accepted_at": AT},
    "away": {"accepted_at": AT},
}
ANSWERS = {"answered": Said.RECEIVED, "away": Said.OUT_OF_OFFICE}
CALLS = {"told": Answered.REACHED, "told, then accepted": Answered.REACHED, "voicemail": Answered.VOICEMAIL}


def states(session: Session, breach: Breach, affected: Affected, name: str) -> Row:
    """One customer's row, once it has come as far as `name`."""
    if name in BECAME:
        send_notice(session, breach, affected, at=AT, **BECAME[name])
    if name in ANSWERS:
        reply(session, affected, at=AT, said=ANSWERS[name])
    if name in CALLS:
        call(session, breach, affected.customer, answered=CALLS[name])
    if name == "told, then accepted":
        send_notice(session, breach, affected, at=NOW + hours(2), accepted_at=NOW + hours(2))
    affected.excluded_at = AT if name == "not affected" else None
    return read_row(affected)


@pytest.mark.parametrize(
    ("name", "soon", "after_twelve_hours"),
    [
        ("nothing", NextStep.TELL, NextStep.TELL),
        ("voicemail", NextStep.TELL, NextStep.TELL),
        ("sending", NextStep.WAIT, NextStep.WAIT),
        ("uncertain", NextStep.WAIT_UNCERTAIN, NextStep.WAIT_UNCERTAIN),
        ("delayed", NextStep.TELEPHONE_DELAYED, NextStep.TELEPHONE_DELAYED),
        ("refused", NextStep.TELEPHONE_LOST, NextStep.TELEPHONE_LOST),
        ("bounced", NextStep.TELEPHONE_LOST, NextStep.TELEPHONE_LOST),
        ("accepted", NextStep.WAIT_FOR_RECEIVED, NextStep.TELEPHONE_UNREAD),
        ("away", NextStep.WAIT_FOR_RECEIVED, NextStep.TELEPHONE_UNREAD),
        ("answered", NextStep.NOTHING, NextStep.NOTHING),
        ("told", NextStep.SEND_DOCUMENTS, NextStep.SEND_DOCUMENTS),
        ("told, then accepted", NextStep.NOTHING, NextStep.NOTHING),
        ("not affected", NextStep.NOTHING, NextStep.NOTHING),
    ],
)
def test_each_state_of_a_customer_has_its_next_step(
    lite: Database, name: str, soon: NextStep, after_twelve_hours: NextStep
) -> None:
    with lite.begin() as session:
        breach, _, affected = opened(session)
        row = states(session, breach, affected, name)

        assert next_step(row, NOW + hours(2)) is soon
        assert next_step(row, NOW + hours(13)) is after_twelve_hours
        assert (step_at(row, soon) is None) == (
            soon not in (NextStep.WAIT, NextStep.WAIT_UNCERTAIN, NextStep.WAIT_FOR_RECEIVED)
        )


def test_the_hours_of_a_drill_pass_faster_for_who_has_not_answered(lite: Database) -> None:
    with lite.begin() as session:
        breach, _, affected = opened(session, aware_at=NOW, drill=True, pace=24)
        send_notice(session, breach, affected, at=NOW, accepted_at=NOW)

        row = read_row(affected)

        assert row.unread_at == NOW + hours(0.5)
        assert [row.must_be_called(NOW + hours(at)) for at in (0.4, 0.5)] == [False, True]


# --- the same notice again ---


@pytest.mark.parametrize("how", ["refused_at", "bounced_at"])
def test_a_notice_that_was_lost_goes_out_again_with_its_words_and_attachments(database: Database, how: str) -> None:
    with database.begin() as session:
        breach, customer, affected = opened(session)
        first = send_notice(session, breach, affected, at=NOW)
        become(session, first, **{how: NOW + hours(1)})

        second = again(session, breach, customer)

        attached = session.scalars(select(Attachment).where(Attachment.delivery_id == second.id)).one()
        assert (second.key, second.attempt_of_id) == (f"notice:{first.notice_id}:{affected.id}:again:1", first.id)
        assert (second.recipient, second.subject, second.text, second.html) == (
            first.recipient,
            first.subject,
            first.text,
            first.html,
        )
        assert (second.due_at is not None, second.case, second.destination) == (True, breach.reference, "example.org")
        assert (attached.name, attached.content) == ("notice.html", b"<p>")
        assert read_row(affected).state is RowState.SENDING
        assert journal.entries_of(session, breach.reference)[-1].action == "notice-sent-again"


def test_the_newest_version_is_what_goes_out_again_as_often_as_it_is_lost(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        send_notice(session, breach, affected, at=NOW, accepted_at=NOW)
        newest = send_notice(session, breach, affected, at=NOW + hours(1), version=2, bounced_at=NOW + hours(2))
        first = again(session, breach, customer)
        become(session, first, bounced_at=NOW + hours(4))

        second = again(session, breach, customer, at=5)

    assert (first.subject, second.subject) == ("Notice 2", "Notice 2")
    assert second.key == f"notice:{newest.notice_id}:{affected.id}:again:2"
    assert second.attempt_of_id == first.id


@pytest.mark.parametrize("name", ["sending", "uncertain", "delayed", "accepted"])
def test_a_notice_that_is_there_or_on_its_way_is_not_sent_again(lite: Database, name: str) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        states(session, breach, affected, name)

        with pytest.raises(NoticeNotFailed):
            again(session, breach, customer)


def test_what_was_never_sent_is_not_sent_again_nor_to_a_stranger(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, _ = opened(session)
        stranger = add_customer(session, "C0002")

        with pytest.raises(NothingSent):
            again(session, breach, customer)
        with pytest.raises(NotAffected):
            again(session, breach, stranger)


def test_of_two_who_send_again_at_once_one_is_told_that_it_is_on_its_way(database: Database) -> None:
    with database.begin() as session:
        breach, _, affected = opened(session)
        send_notice(session, breach, affected, at=NOW, bounced_at=NOW + hours(1))

    def send(_which: int) -> str:
        try:
            with database.begin() as session:
                breach = breaches.get_breach(session, "BR-2026-0001")
                again(session, breach, breach.affected[0].customer)
        except Refused as refusal:
            return refusal.template
        return "done"

    assert sorted(together(2, send)) == ["done", "notice_not_failed"]


def test_another_address_is_used_only_as_the_customers_recorded_instruction(database: Database) -> None:
    with database.begin() as session:
        breach, customer, affected = opened(session)
        send_notice(session, breach, affected, at=NOW, bounced_at=NOW + hours(1))
        assert instructed.instructed_addresses(session, breach.reference) == {}
        with pytest.raises(InstructionMissing):
            redirect(session, breach, customer, "security@acme.example", instruction=" ")
        with pytest.raises(MalformedAddress):
            redirect(session, breach, customer, "no address")
        with pytest.raises(CustomerAddressIsOurs):
            redirect(session, breach, customer, "privacy+c0001@kavkom.example")

        attempt = redirect(session, breach, customer, " security@acme.example ")

        kept = session.scalars(select(Instruction)).one()
        entries = journal.entries_of(session, breach.reference)
        assert attempt.recipient == "security@acme.example"
        assert (kept.address, kept.note, kept.case) == (
            "security@acme.example",
            "Mrs Martin by telephone",
            breach.reference,
        )
        assert instructed.instructed_addresses(session, breach.reference) == {customer.id: "security@acme.example"}
        assert [one.action for one in entries[-2:]] == ["instruction-recorded", "notice-redirected"]
        assert not [one for one in entries if "acme.example" in one.detail or "Martin" in one.detail]


def test_what_waits_for_the_old_address_is_withdrawn_and_what_is_at_the_new_one_is_not_sent_twice(
    database: Database,
) -> None:
    with database.begin() as session:
        breach, customer, affected = opened(session)
        old = send_notice(session, breach, affected, at=NOW)
        with pytest.raises(NoticeNotFailed):
            redirect(session, breach, customer, old.recipient.upper())

        new = redirect(session, breach, customer, "security@acme.example")

        session.refresh(old)
        assert (old.superseded_at, old.due_at) == (NOW + hours(3), None)
        assert read_row(affected).attempt is new
        with pytest.raises(NoticeNotFailed):
            redirect(session, breach, customer, "Security@Acme.example")


def test_after_closing_a_notice_that_came_back_goes_out_again_but_none_of_what_was_no_breach(
    lite: Database,
) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        delivery = send_notice(session, breach, affected, at=NOW, accepted_at=NOW)
        breach_closing.close_breach(session, breach, by=ANNE, now=NOW + hours(1))
        become(session, delivery, bounced_at=NOW + hours(2))

        attempt = again(session, breach, customer)

        become(session, attempt, bounced_at=NOW + hours(4))
        breach.no_breach_reason = "It was a test list"
        with pytest.raises(BreachClosed):
            again(session, breach, customer, at=5)


def test_a_customer_that_is_not_affected_is_not_recorded_as_told(lite: Database) -> None:
    with lite.begin() as session:
        breach, customer, affected = opened(session)
        affected.excluded_at, affected.excluded_by, affected.excluded_reason = NOW, ANNE.name, "never stored there"

        with pytest.raises(NotAffected):
            call(session, breach, customer)

        assert not affected.calls
