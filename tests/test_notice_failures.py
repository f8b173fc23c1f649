"""When a notice of a breach does not arrive: the row opens again, the breach too, and the right people are rung."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mail.status import as_rows
from storage import digest, figures, journal, notice_failures, notice_replies, outbox, outcomes
from storage.alarms import ONE_BY_ONE
from storage.breach_closing import close_breach
from storage.breach_types import RowState
from storage.breaches import get_breach, is_ringing, keep_source
from storage.calls import record_told
from storage.clock import real_now
from storage.database import Database
from storage.ledger import notices_of
from storage.messages import keep_file
from storage.models import Affected, Attachment, Breach, Customer, Delivery, Document, Instruction, Staff
from storage.notice_again import redirect_notice
from storage.notice_pages import Made, find_unset, keep_pages
from storage.notice_ringing import LOST, MANY_LOST
from storage.outcomes import Accepted, Refused, TooLarge
from storage.tasks import find_open_tasks
from storage.types import BY_MAIL, Actor, Means, Medium, Purpose, Role, Said, TaskKind
from tests.breach_mail_support import announced, queue_notice, row_of, the_breach
from tests.servers import wait_until
from tests.storage_support import ANNE, NOW, add_customer, keep_letter, open_breach, queue, waits_for_a_lock

MAIL = Actor("desk", "mail")
LATER = NOW + timedelta(minutes=10)
BOUNCED = "breach_notice_bounced"
BY: dict[str, Any] = {"own_address": "privacy@kavkom.example", "by": ANNE, "now": LATER}
_reports = count(1)


def begin(session: Session, *references: str, **known: Any) -> list[Delivery]:
    """A breach of these customers, with a notice to each on its way, led by Boris, with Anne as dpo."""
    for user, role in (("U01ANNE", Role.DPO), ("U02BORIS", Role.HANDLER)):
        email = f"{user.lower()}@kavkom.example"
        session.add(Staff(slack_user=user, name=user, email=email, role=role, language="fr"))
    named = [add_customer(session, one) for one in references or ("C0001",)]
    breach = open_breach(session, *named, **(known or {"aware_at": NOW, "lead": "U02BORIS"}))
    return [queue_notice(session, one) for one in breach.affected]


def accept(session: Session, *deliveries: Delivery) -> None:
    outcomes.record(session, [Accepted(one.id, "250 ok", "aa") for one in deliveries], by=MAIL, now=NOW)
    session.expire_all()


def bounce(session: Session, delivery: Delivery, **changed: Any) -> None:
    report = keep_letter(session, b"report %d" % next(_reports))
    known: dict[str, Any] = {"status": "5.1.1", "reason": "user unknown", "message": report}
    notice_failures.record_bounce(session, delivery, by=MAIL, now=LATER, **(known | changed))


def actions(session: Session) -> list[str]:
    return [entry.action for entry in journal.entries_of(session, the_breach(session).reference)]


def test_a_taken_notice_tells_the_customer_and_withdraws_the_unsent_reminders(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        queue(session, "reminder:1", purpose=Purpose.REMINDER, case=notice.case)

        accept(session, notice)

        assert row_of(session).state is RowState.ACCEPTED
        assert actions(session)[-1] == "notice-accepted"
        assert session.scalars(select(Delivery).where(Delivery.key == "reminder:1")).one().superseded_at == NOW


def test_a_reminder_stays_while_another_customer_waits(database: Database) -> None:
    with database.begin() as session:
        first, _ = begin(session, "C0001", "C0002")
        queue(session, "reminder:1", purpose=Purpose.REMINDER, case=first.case)

        accept(session, first)

        assert session.scalars(select(Delivery).where(Delivery.key == "reminder:1")).one().due_at is not None


def test_an_answer_of_the_relay_waits_for_whoever_has_the_breach_and_neither_fails(two_writers: Database) -> None:
    database = two_writers
    with database.begin() as session:
        [notice] = begin(session)
        queue(session, "rung", purpose=Purpose.REMINDER)
        reference, number = notice.case, notice.id

    def take() -> None:
        with database.begin() as session:
            outcomes.record(session, [Accepted(number, "250 ok", "aa")], by=MAIL, now=NOW)

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            breach = get_breach(session, reference, to_change=True)
            beside = pool.submit(take)
            wait_until(lambda: waits_for_a_lock(database), what="the other transaction that waits")
            keep_source(session, breach, "https://example.slack.com/archives/C01/p1", by=ANNE, now=NOW)
        beside.result(10)

    with database.reading() as session:
        assert row_of(session).state is RowState.ACCEPTED
        assert journal.verify(session) == []


def test_another_address_given_while_the_page_is_kept_waits_for_it_and_neither_fails(two_writers: Database) -> None:
    database = two_writers
    with database.begin() as session:
        [notice] = begin(session)
        reference, number = notice.case, notice.id
        outbox.lease_ids(session, Medium.EMAIL, holder="mail", count=1, now=real_now())

    def redirect() -> None:
        with database.begin() as session:
            breach, customer = get_breach(session, reference, to_change=True), session.scalars(select(Customer)).one()
            redirect_notice(session, breach, customer, "b@c.example", instruction="She said so.", **BY)

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as session:
            [page] = find_unset(session, [number])
            assert outbox.find_ours(session, [number], holder="mail", now=real_now()) == {number}
            beside = pool.submit(redirect)
            wait_until(lambda: waits_for_a_lock(database), what="the other transaction that waits")
            keep_pages(session, [Made(page, b"%PDF")], holder="mail", by=MAIL, now=NOW, real_now=real_now())
        beside.result(10)

    with database.reading() as session:
        assert [one.recipient for one in notices_of(session.scalars(select(Affected)).one())] == ["b@c.example"]
        assert journal.verify(session) == []


def test_a_bounce_opens_the_row_again_and_rings_lead_and_dpo(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        accept(session, notice)

        bounce(session, notice)
        bounce(session, notice)

        row = row_of(session)
        assert (row.state, row.waits, row.customer.address_bounced_at) == (RowState.BOUNCED, True, LATER)
        assert is_ringing(the_breach(session))
        assert announced(session, "channel") == [BOUNCED]
        assert announced(session, "U01ANNE") == announced(session, "U02BORIS") == [BOUNCED]
        assert announced(session, BY_MAIL) == [LOST]
        assert actions(session).count("notice-bounced") == 1


def test_a_bounce_after_closing_opens_the_breach_again(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        accept(session, notice)
        close_breach(session, the_breach(session), by=ANNE, now=NOW)

        bounce(session, notice)

        breach = the_breach(session)
        assert (breach.closed_at, is_ringing(breach)) == (None, True)
        assert actions(session)[-1] == "breach-reopened"
        assert announced(session, "channel") == [BOUNCED, "breach_reopened"]


def test_a_bounce_after_closing_changes_nothing_for_a_customer_told_by_telephone(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        accept(session, notice)
        breach = the_breach(session)
        customer = breach.affected[0].customer
        record_told(session, breach, customer, means=Means.TELEPHONE, at=NOW, by=ANNE, now=LATER)
        session.expire_all()
        close_breach(session, the_breach(session), by=ANNE, now=NOW)

        bounce(session, notice)

        assert the_breach(session).closed_at == NOW
        assert not row_of(session).waits


def test_a_refused_notice_rings_and_marks_the_address(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)

        outcomes.record(session, [Refused(notice.id, "550 5.1.1 unknown")], by=MAIL, now=LATER)

        row = row_of(session)
        assert (row.state, row.customer.address_bounced_at) == (RowState.REFUSED, LATER)
        assert announced(session, "channel") == ["breach_notice_refused"]
        assert "notice-refused" in actions(session)


def test_a_delayed_notice_is_told_once_and_does_not_count(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        accept(session, notice)

        for _ in range(2):
            notice_failures.record_delay(session, notice, status="4.4.1", reason="", message=None, by=MAIL, now=LATER)

        assert (row_of(session).state, row_of(session).waits) == (RowState.DELAYED, True)
        assert announced(session) == ["breach_notice_delayed"]


def test_the_bounce_of_an_older_version_does_not_ring_once_a_newer_one_arrived(database: Database) -> None:
    with database.begin() as session:
        [first] = begin(session)
        accept(session, first)
        accept(session, queue_notice(session, the_breach(session).affected[0]))

        bounce(session, first)

        assert (row_of(session).state, announced(session)) == (RowState.ACCEPTED, [])


def test_many_failures_ring_a_few_times_and_then_as_one(database: Database) -> None:
    with database.begin() as session:
        sent = begin(session, *(f"C{number:04}" for number in range(1, ONE_BY_ONE + 4)))
        accept(session, *sent)

        for one in sent:
            bounce(session, one)

        assert announced(session, "channel") == [BOUNCED] * ONE_BY_ONE + [MANY_LOST]
        assert announced(session, "U01ANNE") == [BOUNCED] * ONE_BY_ONE + [MANY_LOST]
        assert announced(session, BY_MAIL) == [LOST] * len(sent)


def add_document(session: Session, breach: Breach, content: bytes = b"%PDF-1.4 plan") -> Document:
    document = Document(
        breach_id=breach.id,
        message_id=keep_file(session, content, received_at=NOW, now=NOW),
        name="plan.pdf",
        content_type="application/pdf",
        size=len(content),
        sha256="aa",
        for_all=True,
        marked_at=NOW,
    )
    session.add(document)
    session.flush()
    return document


def begin_with_document(session: Session) -> tuple[Delivery, Document]:
    breach = open_breach(session, add_customer(session))
    document = add_document(session, breach)
    return queue_notice(session, breach.affected[0], document), document


def attached(session: Session, delivery: Delivery) -> list[int | None]:
    found = select(Attachment.document_id).where(Attachment.delivery_id == delivery.id)
    return list(session.scalars(found.order_by(Attachment.ordinal)))


def test_a_notice_too_large_goes_again_with_our_own_document_only(database: Database) -> None:
    with database.begin() as session:
        notice, document = begin_with_document(session)

        outcomes.record(session, [TooLarge(notice.id, "552 5.3.4 too big")], by=MAIL, now=LATER)

        again = row_of(session).attempt
        assert again is not None
        assert (again.attempt_of_id, attached(session, again)) == (notice.id, [None])
        assert attached(session, notice) == [None, document.id]
        assert notice_failures.leaves_out_documents(session, again)
        assert row_of(session).state is RowState.SENDING
        assert row_of(session).customer.address_bounced_at is None
        assert announced(session) == ["breach_notice_too_large"]


def test_an_attempt_whose_document_was_withdrawn_does_not_say_that_it_was_too_large(database: Database) -> None:
    with database.begin() as session:
        notice, _ = begin_with_document(session)
        again = queue_notice(session, the_breach(session).affected[0])
        again.attempt_of_id = notice.id

        assert not notice_failures.leaves_out_documents(session, again)


def test_a_report_that_a_notice_was_too_large_sends_it_again_once(database: Database) -> None:
    with database.begin() as session:
        notice, _ = begin_with_document(session)
        accept(session, notice)

        bounce(session, notice, status="5.2.3")
        bounce(session, notice, status="5.2.3")

        assert announced(session) == ["breach_notice_too_large"]
        assert len(notices_of(the_breach(session).affected[0])) == 2


def test_a_notice_without_documents_that_is_too_large_is_refused(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)

        outcomes.record(session, [TooLarge(notice.id, "552 5.3.4 too big")], by=MAIL, now=LATER)

        assert row_of(session).state is RowState.REFUSED
        assert announced(session, "channel") == ["breach_notice_refused"]


ANSWERS: list[tuple[Said, list[str], list[TaskKind]]] = [
    (Said.RECEIVED, [], []),
    (Said.HELP, ["breach_reply_help"], [TaskKind.HELP]),
    (Said.INSTRUCTION, ["breach_reply_instruction"], [TaskKind.INSTRUCTION]),
    (Said.ANSWER, ["breach_reply_other"], [TaskKind.READ]),
    (Said.NOT_OURS, ["breach_reply_other"], [TaskKind.READ]),
    (Said.OTHER, ["breach_reply_other"], [TaskKind.READ]),
]


def test_every_answer_shows_that_the_customer_has_it_and_some_ring(database: Database) -> None:
    with database.begin() as session:
        sent = begin(session, *(f"C{number:04}" for number, _ in enumerate(ANSWERS)))
        accept(session, *sent)

        for number, (notice, (said, _, _)) in enumerate(zip(sent, ANSWERS, strict=True)):
            reply(session, notice, said, number)

        rows = [row_of(session, f"C{number:04}").state for number, _ in enumerate(ANSWERS)]
        assert rows == [RowState.RECEIVED] * len(ANSWERS)
        assert announced(session) == [topic for _, topics, _ in ANSWERS for topic in topics]
        to_do = [task.what for task in find_open_tasks(session, sent[0].case)]
        assert to_do == [what for _, _, tasks in ANSWERS for what in tasks]


def test_whoever_plays_a_customer_in_a_drill_leaves_no_instruction_of_it(database: Database) -> None:
    for drill in (True, False):
        with database.begin() as session:
            [notice] = begin(session, aware_at=NOW, drill=drill)
            affected = session.get_one(Affected, notice.affected_id)
            notice_replies.record_reply(
                session, keep_letter(session), affected, Said.INSTRUCTION, answers=notice, by=MAIL, now=LATER
            )

            assert [one.what for one in find_open_tasks(session, notice.case)] == [TaskKind.INSTRUCTION]
            assert len(session.scalars(select(Instruction)).all()) == (0 if drill else 1)
            session.rollback()


def test_an_absence_and_a_stranger_show_nothing(database: Database) -> None:
    with database.begin() as session:
        sent = begin(session, "C0001", "C0002")
        accept(session, *sent)

        reply(session, sent[0], Said.OUT_OF_OFFICE)
        assert announced(session) == []
        reply(session, sent[1], None, 1)

        assert [row_of(session, one).received_at for one in ("C0001", "C0002")] == [None, None]
        assert announced(session) == ["breach_reply_other"]


def test_an_answer_shows_that_a_delayed_notice_arrived_after_all(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        accept(session, notice)
        notice_failures.record_delay(session, notice, status="4.4.1", reason="", message=None, by=MAIL, now=LATER)
        reply(session, notice, Said.OUT_OF_OFFICE)
        queue(session, "reminder:1", purpose=Purpose.REMINDER, case=notice.case)
        assert row_of(session).waits

        reply(session, notice, Said.RECEIVED)

        assert (row_of(session).state, row_of(session).waits) == (RowState.RECEIVED, False)
        assert session.scalars(select(Delivery).where(Delivery.key == "reminder:1")).one().superseded_at == LATER


def reply(session: Session, notice: Delivery, said: Said | None, number: int = 0) -> None:
    letter = keep_letter(session, b"reply %d" % next(_reports))
    for _ in range(2):
        affected = the_breach(session).affected[number]
        notice_replies.record_reply(session, letter, affected, said, answers=notice, by=MAIL, now=LATER)


def test_a_lost_notice_is_among_what_status_and_digest_count_until_somebody_was_reached(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session)
        accept(session, notice)
        assert undelivered(session) == []

        bounce(session, notice)
        assert undelivered(session) == [notice.case]
        assert digest.gather(session, LATER.date(), now=LATER + timedelta(days=1)).bounced == 0
        assert digest.gather(session, LATER.date() + timedelta(days=1), now=LATER + timedelta(days=1)).bounced == 1

        customer = the_breach(session).affected[0].customer
        record_told(session, the_breach(session), customer, means=Means.TELEPHONE, at=LATER, by=ANNE, now=LATER)
        assert undelivered(session) == []


def test_a_drill_is_not_among_what_is_counted(database: Database) -> None:
    with database.begin() as session:
        [notice] = begin(session, aware_at=NOW, drill=True)
        accept(session, notice)

        bounce(session, notice)

        assert undelivered(session) == []


def undelivered(session: Session) -> list[str]:
    session.flush()
    found = figures.gather(session, now=LATER, real_now=LATER)
    said = "\n".join(value for _, value in as_rows(found, real_now=LATER))
    assert found.undelivered_count == said.count("telephone the customer, see /breach")
    return [one.case for one in found.undelivered]
