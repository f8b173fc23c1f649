"""Notices in the record: prepared, approved by a second person or by the lead alone, one mail to each customer."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import breach_closing, breach_customers, breaches, calls, customers, journal, notice_reading, notices
from storage.breach_errors import (
    BreachClosed,
    LeadOnly,
    MentionsNotSeen,
    NobodyToNotify,
    NoticeApproved,
    NoticeChanged,
    NoticeNeedsSecond,
    NoticeNotPrepared,
    TooEarlyAlone,
)
from storage.database import Database, open_database
from storage.errors import ReasonMissing, Refused
from storage.models import Affected, Attachment, Customer, Delivery, Document, Instruction, Notice, Staff
from storage.notice_again import redirect_notice
from storage.notice_queueing import PACE
from storage.notice_types import Edition
from storage.notice_warnings import Doubt, Warned, find_warnings
from storage.notices import Approval
from storage.types import Actor, Means, Medium, Role
from tests.edition_support import OWN, approve, breach_of, learn, prepare, read_draft, render_checked, sent
from tests.storage_support import ANNE, BORIS, NOW, hours, keep_letter, together

REF = "BR-2026-0001"
CARLA = Actor("U03CARLA", "slack")
ROOT = Actor("root", "shell")


@pytest.fixture
def ready(database: Database) -> Database:
    """A breach of two customers, led by Anne, whose first notice Anne has prepared."""
    return make_ready(database)


@pytest.fixture
def lone(sqlite_url: str) -> Iterator[Database]:
    """An empty record on SQLite only, for what the database has no part in."""
    opened = open_database(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def small(lone: Database) -> Database:
    """As `ready`, on SQLite only."""
    return make_ready(lone)


def hire(session: Session) -> None:
    for who, name in ((ANNE, "Anne"), (BORIS, "Boris"), (CARLA, "Carla")):
        columns = {"email": f"{name}@kavkom.example", "role": Role.HANDLER, "language": "fr"}
        session.add(Staff(slack_user=who.name, name=name, **columns))  # type: ignore[arg-type]  # as Staff names them


def make_ready(database: Database) -> Database:
    with database.begin() as session:
        hire(session)
        breach = breach_of(session, "C0001", "C0002", aware_at=NOW, lead=ANNE.name)
        learn(session, breach, account="A list went to a partner.", persons=3)
    prepare(database, REF)
    return database


def alone(database: Database, reason: str = "Nobody is there.", *, by: Actor = ANNE, after: timedelta) -> Approval:
    checked = read_draft(database, REF, NOW + after)
    with database.begin() as session:
        breach = breaches.get_breach(session, REF, to_change=True)
        return notices.approve_alone(
            session, breach, checked, reason, own_address=OWN, seen=False, by=by, now=NOW + after
        )


def accept(database: Database, *, at: timedelta = timedelta(), but: tuple[str, ...] = ()) -> None:
    """The customers' servers take what is queued."""
    with database.begin() as session:
        for delivery in session.scalars(select(Delivery).where(Delivery.notice_id.is_not(None))):
            if delivery.accepted_at is None and delivery.recipient not in but:
                delivery.accepted_at, delivery.due_at = NOW + at, None


def read_next(database: Database, at: timedelta = timedelta()) -> Edition:
    with database.reading() as session:
        return notice_reading.read_next(session, breaches.get_breach(session, REF), own_address=OWN, now=NOW + at)


def add(database: Database, *references: str, at: timedelta) -> None:
    with database.begin() as session:
        breach = breaches.get_breach(session, REF, to_change=True)
        named = [
            Customer(reference=one, name=f"Late {one}", request_address=f"dpo@{one.lower()}.example", language="en")
            for one in references
        ]
        session.add_all(named)
        session.flush()
        breach_customers.add_customers(session, breach, named, by=ANNE, now=NOW + at)


def last_entry(database: Database, action: str) -> dict[str, object]:
    with database.reading() as session:
        [*_, entry] = [one for one in journal.entries_of(session, REF) if one.action == action]
        found: dict[str, object] = json.loads(entry.detail)
        return found


# --- preparing ---


def test_a_draft_is_prepared_once_and_refreshed_when_more_is_known(ready: Database) -> None:
    prepare(ready, REF, by=BORIS, at=NOW + hours(1))
    with ready.reading() as session:
        [draft] = session.scalars(select(Notice))
        assert (draft.version, draft.prepared_by, draft.prepared_at) == (1, ANNE.name, NOW)

    with ready.begin() as session:
        learn(session, breaches.get_breach(session, REF), persons=4)
    prepare(ready, REF, by=BORIS, at=NOW + hours(1))

    with ready.reading() as session:
        [draft] = session.scalars(select(Notice))
        assert (draft.version, draft.prepared_by, draft.prepared_at) == (1, BORIS.name, NOW + hours(1))
    assert sent(ready) == []


def test_a_closed_breach_gets_no_further_notice(small: Database) -> None:
    with small.begin() as session:
        breach_closing.close_as_no_breach(session, breaches.get_breach(session, REF), "A test", by=ANNE, now=NOW)

    with pytest.raises(BreachClosed):
        prepare(small, REF)
    with pytest.raises(BreachClosed):
        approve(small, REF, by=BORIS)


def test_what_turns_out_to_be_no_breach_is_told_to_nobody_else(ready: Database) -> None:
    approve(ready, REF, by=BORIS)
    accept(ready, but=("dpo@c0002.example",))

    with ready.begin() as session:
        breach_closing.close_as_no_breach(session, breaches.get_breach(session, REF), "A test", by=ANNE, now=NOW)

    told, withdrawn = sent(ready)
    assert (told.superseded_at, told.accepted_at) == (None, NOW)
    assert (withdrawn.superseded_at, withdrawn.due_at) == (NOW, None)
    assert last_entry(ready, "breach-closed")["withdrawn"] == 1


# --- approving ---


def test_a_second_person_approves_and_each_customer_gets_a_mail_of_its_own(ready: Database) -> None:
    approval = approve(ready, REF, by=BORIS, at=NOW + hours(5))

    assert (approval.notice.version, approval.customers) == (1, 2)
    mails = sent(ready)
    assert [one.recipient for one in mails] == ["dpo@c0001.example", "dpo@c0002.example"]
    assert [one.key for one in mails] == [f"notice:{one.notice_id}:{one.affected_id}" for one in mails]
    assert {(one.case, one.medium, one.destination) for one in mails} == {
        (REF, Medium.EMAIL, "c0001.example"),
        (REF, Medium.EMAIL, "c0002.example"),
    }
    assert all("A list went to a partner." in (one.text or "") + (one.html or "") for one in mails)
    with ready.reading() as session:
        files = list(session.scalars(select(Attachment).order_by(Attachment.delivery_id)))
        assert [(one.ordinal, one.name) for one in files] == [(0, "BR-2026-0001-avis-1.html")] * 2
        assert b"Customer C0001" in (files[0].content or b"")
        assert b"Customer C0002" not in (files[0].content or b"")
    assert last_entry(ready, "notice-approved") | {"sha256": "", "rows": []} == {
        "aware_at": NOW.isoformat(),
        "deadline_at": (NOW + hours(48)).isoformat(),
        "version": 1,
        "final": False,
        "alone": False,
        "customers": ["C0001", "C0002"],
        "unaddressed": [],
        "mentions_seen": [],
        "sha256": "",
        "rows": [],
        "minutes_since_aware": 300,
    }


def test_whoever_prepared_it_does_not_approve_it_from_slack_or_from_a_shell(small: Database) -> None:
    for same in (ANNE, ROOT):
        with pytest.raises(NoticeNeedsSecond):
            approve(small, REF, by=same)

    assert sent(small) == []


def test_two_people_who_approve_at_once_send_it_once_and_the_other_reads_who_did(ready: Database) -> None:
    checked = read_draft(ready, REF)
    who = (BORIS, CARLA)

    def act(which: int) -> str:
        try:
            approve(ready, REF, by=who[which], checked=checked)
        except NoticeApproved as refused:
            return refused.by
        return ""

    said = together(2, act)

    assert sorted(map(bool, said)) == [False, True]
    assert {"Boris", "Carla"} >= set(filter(None, said))
    assert len(sent(ready)) == 2


@pytest.mark.parametrize("change", ["fact", "customer", "address", "excluded", "awareness"])
def test_what_changed_since_it_was_shown_is_not_sent(small: Database, change: str) -> None:
    checked = read_draft(small, REF)
    if change == "customer":
        add(small, "C0009", at=hours(1))
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        if change == "fact":
            learn(session, breach, persons=5)
        elif change == "address":
            breach.affected[0].customer.breach_address = "other@c0001.example"
        elif change == "excluded":
            breach.affected[0].excluded_at = NOW
        elif change == "awareness":
            breach.aware_at = NOW - hours(1)

    with pytest.raises(NoticeChanged):
        approve(small, REF, by=BORIS, checked=checked)

    assert sent(small) == []


def test_a_draft_that_knows_less_than_the_record_must_be_prepared_anew(small: Database) -> None:
    with small.begin() as session:
        learn(session, breaches.get_breach(session, REF), persons=5)

    with pytest.raises(NoticeChanged):
        approve(small, REF, by=BORIS)


def test_it_goes_to_the_breach_address_and_to_nobody_who_is_not_affected(small: Database) -> None:
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        breach.affected[0].customer.breach_address = "breach@c0001.example"
        breach.affected[1].excluded_at = NOW

    approve(small, REF, by=BORIS)

    assert [one.recipient for one in sent(small)] == ["breach@c0001.example"]


def test_it_goes_where_the_customer_instructed_us_to_write_about_this_breach(small: Database) -> None:
    with small.begin() as session:
        for case, customer, address in (
            (REF, "C0001", "first@elsewhere.example"),
            (REF, "C0001", "now@elsewhere.example"),
            ("DSR-2026-0001", "C0002", "dsr@elsewhere.example"),
        ):
            of = customers.get_customer(session, customer).id
            known = {"recorded_at": NOW, "recorded_by": "root", "address": address}
            session.add(Instruction(customer_id=of, case=case, **known))  # type: ignore[arg-type]  # as it names them
            session.flush()

    approve(small, REF, by=BORIS)

    assert [one.recipient for one in sent(small)] == ["now@elsewhere.example", "dpo@c0002.example"]


def test_an_address_of_ours_gets_no_mail_and_its_customer_is_named(small: Database) -> None:
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        breach.affected[0].customer.request_address = "privacy+acme@kavkom.example"

    approve(small, REF, by=BORIS)

    assert [one.recipient for one in sent(small)] == ["dpo@c0002.example"]
    assert last_entry(small, "notice-approved")["unaddressed"] == ["C0001"]


def test_a_breach_with_nobody_to_tell_sends_nothing(lone: Database) -> None:
    with lone.begin() as session:
        hire(session)
        breach_of(session, aware_at=NOW)
    with pytest.raises(NoticeNotPrepared):
        approve(lone, REF, by=BORIS)
    prepare(lone, REF, by=ANNE)

    with pytest.raises(NobodyToNotify):
        approve(lone, REF, by=BORIS)


def test_mails_to_one_domain_are_paced_and_the_first_to_each_goes_at_once(lone: Database) -> None:
    with lone.begin() as session:
        hire(session)
        breach = breach_of(session, *(f"C{number:04}" for number in range(1, 7)), aware_at=NOW)
        for affected in breach.affected[:4]:
            affected.customer.request_address = f"{affected.customer.reference.lower()}@shared.example"
    prepare(lone, REF, by=ANNE)

    approve(lone, REF, by=BORIS)

    due = [one.due_at for one in sent(lone)]
    first = min(each for each in due if each)
    assert [(each - first) / PACE for each in due if each] == [0, 1, 2, 3, 0, 0]


def test_a_notice_that_names_another_customer_goes_only_when_somebody_has_looked(small: Database) -> None:
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        learn(session, breach, breach.affected[0], account="The list of Customer C0002 went to a partner.")
    prepare(small, REF)

    with pytest.raises(MentionsNotSeen) as refused:
        approve(small, REF, by=BORIS)
    approve(small, REF, by=BORIS, seen=True)

    assert refused.value.customers == ("C0001",)
    assert last_entry(small, "notice-approved")["mentions_seen"] == ["C0001: C0002"]


# --- alone ---


@pytest.mark.parametrize(
    ("after", "refusal"),
    [(hours(0.9), TooEarlyAlone), (hours(1), None), (hours(50), None)],
    ids=["too early", "after an hour", "past the deadline"],
)
def test_the_lead_sends_it_alone_when_nobody_came_for_an_hour(
    small: Database, after: timedelta, refusal: type[Refused] | None
) -> None:
    if refusal:
        with pytest.raises(refusal):
            alone(small, after=after)
        return

    alone(small, after=after)

    assert len(sent(small)) == 2
    with small.reading() as session:
        [notice] = session.scalars(select(Notice))
        assert (notice.approved_by, notice.alone_reason) == (ANNE.name, "Nobody is there.")
    assert last_entry(small, "notice-approved")["alone"] is True


def test_near_the_deadline_nobody_is_waited_for(small: Database) -> None:
    with small.begin() as session:
        learn(session, breaches.get_breach(session, REF), persons=9)
    prepare(small, REF, at=NOW + hours(45))

    alone(small, after=hours(45))

    assert len(sent(small)) == 2


def test_only_the_lead_sends_alone_and_only_with_a_reason(small: Database) -> None:
    with pytest.raises(LeadOnly):
        alone(small, by=BORIS, after=hours(2))
    with pytest.raises(ReasonMissing):
        alone(small, " ", after=hours(2))

    assert sent(small) == []


# --- in phases ---


def test_each_version_says_what_changed_since_the_last_that_this_customer_has(ready: Database) -> None:
    approve(ready, REF, by=BORIS)
    accept(ready, but=("dpo@c0002.example",))
    with ready.begin() as session:
        breach = breaches.get_breach(session, REF)
        learn(session, breach, persons=30, consequences="Unwanted calls.")
        learn(session, breach, breach.affected[0], records=7)
    prepare(ready, REF, final=True, at=NOW + hours(2))

    approve(ready, REF, by=BORIS, at=NOW + hours(2))

    first, second = sent(ready, 2)
    assert "DEPUIS NOTRE MESSAGE N° 1" in (first.text or "")
    assert "Modifié\u00a0: Nombre approximatif de personnes\u00a0: environ 30" in (first.text or "")
    assert "Désormais connu\u00a0: Nombre approximatif d’enregistrements\u00a0: environ 7" in (first.text or "")
    assert "DEPUIS NOTRE MESSAGE" not in (second.text or "")
    assert "environ 7" not in (second.text or "")
    assert all("C’est notre dernier message" in (one.text or "") for one in (first, second))
    assert all("message n° 2 (dernier)" in (one.subject or "") for one in (first, second))


def test_a_customers_own_window_is_the_same_instant_in_every_version(small: Database) -> None:
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        second = breach.affected[1].customer
        calls.record_told(session, breach, second, means=Means.TELEPHONE, at=NOW, by=ANNE, now=NOW)
    approve(small, REF, by=BORIS, at=NOW + hours(4))
    with small.begin() as session:
        learn(session, breaches.get_breach(session, REF), persons=30)
    prepare(small, REF, at=NOW + hours(9))

    approve(small, REF, by=BORIS, at=NOW + hours(9))

    until = ("lundi 26 octobre 2026 à 20\u00a0h\u00a040", "lundi 26 octobre 2026 à 16\u00a0h\u00a040")
    for version in (1, 2):
        for mail, instant in zip(sent(small, version), until, strict=True):
            assert instant in (mail.text or "")


def test_a_customers_own_window_stays_when_its_waiting_mail_goes_elsewhere(small: Database) -> None:
    approve(small, REF, by=BORIS, at=NOW + hours(4))
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        redirect_notice(
            session,
            breach,
            breach.affected[0].customer,
            "elsewhere@c0001.example",
            instruction="By telephone",
            own_address=OWN,
            by=ANNE,
            now=NOW + hours(5),
        )

    one, two = read_next(small, hours(9)).addressees

    assert [one.counted_from, two.counted_from] == [NOW + hours(4)] * 2


def test_a_mail_that_came_back_is_no_version_that_the_customer_has(small: Database) -> None:
    approve(small, REF, by=BORIS)
    accept(small)
    with small.begin() as session:
        [mail, _] = session.scalars(select(Delivery).where(Delivery.notice_id.is_not(None)).order_by(Delivery.id))
        mail.bounced_at = NOW

    first, second = read_next(small).addressees

    assert (first.told, first.first) == (None, True)
    assert (second.told and second.told.version, second.first) == (1, False)


def test_a_doubt_that_became_certain_is_what_changed(lone: Database) -> None:
    with lone.begin() as session:
        hire(session)
        breach_of(session, "C0001", suspected_at=NOW)
    prepare(lone, REF, by=ANNE)
    approve(lone, REF, by=BORIS)
    accept(lone)
    assert "possible" in (sent(lone)[0].subject or "")
    with lone.begin() as session:
        breach = breaches.get_breach(session, REF)
        from storage import breach_claims

        breach_claims.become_aware(session, breach, NOW, by=ANNE, now=NOW + hours(1))

    [one] = render_checked(read_next(lone, hours(2))).rendered

    assert "La violation est désormais certaine" in one.words.text


# --- customers found later ---


def test_customers_found_later_get_the_newest_version_when_somebody_says_so(ready: Database) -> None:
    approve(ready, REF, by=BORIS)
    add(ready, "C0008", "C0009", at=hours(60))
    with ready.begin() as session:
        breach = breaches.get_breach(session, REF)
        learn(session, breach, persons=99)
        learn(session, breach, breach.affected[2], records=8)
    assert len(sent(ready)) == 2

    send_added(ready, hours(61))

    later = sent(ready)[2:]
    assert [one.recipient for one in later] == ["dpo@c0008.example", "dpo@c0009.example"]
    assert all("This notice reaches you late" in (one.text or "") for one in later)
    assert "about 8" in (later[0].text or "")
    assert all("about 99" not in (one.text or "") for one in later), "that was not approved"
    with pytest.raises(NobodyToNotify):
        send_added(ready, hours(61))
    assert last_entry(ready, "notice-sent-to-added")["customers"] == ["C0008", "C0009"]


def test_a_customer_whose_mail_was_withdrawn_gets_it_as_a_further_attempt(small: Database) -> None:
    approve(small, REF, by=BORIS)
    accept(small, but=("dpo@c0002.example",))
    with small.begin() as session:
        for delivery in session.scalars(select(Delivery).where(Delivery.notice_id.is_not(None))):
            if delivery.accepted_at is None:
                delivery.superseded_at, delivery.due_at = NOW, None

    send_added(small, hours(1))

    _, withdrawn, again = sent(small)
    assert (again.recipient, again.attempt_of_id) == (withdrawn.recipient, withdrawn.id)
    assert again.key == f"{withdrawn.key}:again:1"
    with pytest.raises(NobodyToNotify):
        send_added(small, hours(1))


def send_added(database: Database, at: timedelta) -> Approval:
    with database.reading() as session:
        breach = breaches.get_breach(session, REF)
        notice = notice_reading.newest_approved(session, breach)
        assert notice is not None
        edition = notice_reading.read_for_added(session, breach, notice, own_address=OWN, now=NOW + at)
    with database.begin() as session:
        breach = breaches.get_breach(session, REF, to_change=True)
        checked = render_checked(edition)
        return notices.send_to_added(session, breach, checked, own_address=OWN, seen=False, by=ANNE, now=NOW + at)


def test_nothing_is_sent_to_those_added_while_no_notice_is_out(small: Database) -> None:
    checked = read_draft(small, REF)

    with small.begin() as session:
        breach = breaches.get_breach(session, REF, to_change=True)
        with pytest.raises(NoticeNotPrepared):
            notices.send_to_added(session, breach, checked, own_address=OWN, seen=False, by=ANNE, now=NOW)


# --- documents ---


def test_documents_go_to_whom_they_are_marked_for_and_only_once_they_arrived(ready: Database) -> None:
    with ready.begin() as session:
        breach = breaches.get_breach(session, REF)
        message, second = keep_letter(session), customers.get_customer(session, "C0002")
        for part, (name, known) in enumerate(
            {
                "for all.pdf": {"for_all": True, "marked_at": NOW},
                "for one.pdf": {"customer_id": second.id, "marked_at": NOW},
                "unmarked.pdf": {"for_all": True},
                "withdrawn.pdf": {"for_all": True, "marked_at": NOW, "withdrawn_at": NOW},
            }.items()
        ):
            about = {"breach_id": breach.id, "message_id": message.id, "part": part, "name": name}
            session.add(Document(**about, **known))  # type: ignore[arg-type]  # as Document names them

    approve(ready, REF, by=BORIS)

    assert enclosed(ready, 1) == [["for all.pdf"], ["for all.pdf", "for one.pdf"]]
    accept(ready, but=("dpo@c0002.example",))
    with ready.begin() as session:
        learn(session, breaches.get_breach(session, REF), persons=30)
    prepare(ready, REF)
    approve(ready, REF, by=BORIS)
    assert enclosed(ready, 2) == [[], ["for all.pdf", "for one.pdf"]]


def enclosed(database: Database, version: int) -> list[list[str]]:
    with database.reading() as session:
        return [
            list(
                session.scalars(
                    select(Attachment.name)
                    .where(Attachment.delivery_id == one.id, Attachment.document_id.is_not(None))
                    .order_by(Attachment.ordinal)
                )
            )
            for one in sent(database, version)
        ]


# --- warnings ---


def warned(database: Database) -> dict[Doubt, Warned]:
    checked = read_draft(database, REF)
    with database.reading() as session:
        breach = breaches.get_breach(session, REF)
        found = find_warnings(session, breach, checked.edition, checked.mentions, telephone=None, dpo="x", now=NOW)
    return {one.kind: one for one in found}


def test_what_somebody_should_know_before_is_a_warning_and_never_a_block(small: Database) -> None:
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        first, second = (one.customer for one in breach.affected)
        first.address_bounced_at, second.address_confirmed_at, second.language = NOW, NOW - timedelta(days=400), "en"
        learn(session, breach, account="Par précaution, un incident mineur.")
        session.add(Document(breach_id=breach.id, message_id=keep_letter(session).id, name="a.pdf"))
    prepare(small, REF)

    found = warned(small)

    assert found[Doubt.CAME_BACK].customers == ("C0001",)
    assert found[Doubt.UNCONFIRMED].customers == ("C0002",)
    assert found[Doubt.MISSING].facts[:2] == ("nature", "data_kinds")
    assert found[Doubt.WORDS].facts == ("account",)
    assert found[Doubt.UNMARKED].count == 1
    assert {Doubt.NO_TELEPHONE, Doubt.NO_ENGLISH} <= found.keys()
    assert {Doubt.NO_DPO, Doubt.NOBODY, Doubt.MENTIONS, Doubt.AFTER_FINAL, Doubt.NOT_CERTAIN}.isdisjoint(found)
    approve(small, REF, by=BORIS)
    assert len(sent(small)) == 2


def test_a_customer_whose_language_has_no_wording_is_named_before_and_nothing_is_blocked(small: Database) -> None:
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        second = breach.affected[1]
        second.customer.language = "en"
        learn(session, breach, account="Une liste est partie.", measures_after_en="The list was deleted.")
    prepare(small, REF)

    found = warned(small)

    assert (found[Doubt.NO_ENGLISH].customers, found[Doubt.NO_ENGLISH].facts) == (("C0002",), ("account",))
    assert (found[Doubt.NO_FRENCH].customers, found[Doubt.NO_FRENCH].facts) == (("C0001",), ("measures_after",))
    with small.begin() as session:
        breach = breaches.get_breach(session, REF)
        learn(session, breach, account_en="A list went out.", measures_after="La liste est effacée.")
    assert {Doubt.NO_ENGLISH, Doubt.NO_FRENCH}.isdisjoint(warned(small))


def test_a_notice_after_the_last_one_is_a_warning(small: Database) -> None:
    prepare(small, REF, final=True)
    approve(small, REF, by=BORIS)
    with small.begin() as session:
        learn(session, breaches.get_breach(session, REF), persons=30)

    assert Doubt.AFTER_FINAL in warned(small)


# --- many ---


def test_three_hundred_customers_are_queued_in_one_short_transaction(ready: Database) -> None:
    add(ready, *(f"C{number:04}" for number in range(100, 398)), at=timedelta())
    checked = read_draft(ready, REF)

    with ready.begin() as session:
        from sqlalchemy import event

        statements: list[str] = []
        event.listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
        breach = breaches.get_breach(session, REF, to_change=True)
        notices.approve_notice(session, breach, checked, own_address=OWN, seen=False, by=BORIS, now=NOW)

    assert len(sent(ready)) == 300
    assert len(statements) < 60
    with ready.reading() as session:
        assert len(list(session.scalars(select(Attachment.delivery_id)))) == 300
        assert len(set(session.scalars(select(Affected.id)))) == 300
