"""What is known of a breach, who leads it, and who may say that it was none: as the record keeps it."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import breach_claims, breach_facts, breach_lead, breach_record, breaches, journal
from storage.breach_closing import role_to_rule_out
from storage.breach_errors import AlreadyLed, BreachClosed, EndedBeforeStart
from storage.breach_facts import BreachFacts, Value
from storage.breach_types import ONGOING, ClaimKind, DataKind, FactName, Nature, SensitiveKind, TelecomOperator
from storage.database import Database
from storage.errors import InstantInFuture, Refused, RoleTooSmall, UnknownStaff
from storage.models import Breach, BreachFact, Delivery, Staff
from storage.types import Actor, Purpose, Role
from tests.storage_support import ANNE, BORIS, NOW, add_customer, hours, open_breach, together

TYPED = "The export stood open to everybody"


def record(session: Session, breach: Breach, values: dict[FactName, Value], *, at: datetime = NOW) -> list[str]:
    new = breach_record.record_facts(session, breach, values, by=ANNE, now=at)
    return [name.value for name in new]


def add_staff(session: Session, user: str, role: Role = Role.HANDLER) -> Staff:
    colleague = Staff(slack_user=user, name=user, email=f"{user}@k.example", role=role, language="fr")
    session.add(colleague)
    session.flush()
    return colleague


# --- facts ---


def test_what_is_recorded_is_known_and_only_what_is_new_is_written_down(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        assert record(session, breach, {FactName.ACCOUNT: TYPED, FactName.PERSONS: 120}) == ["account", "persons"]
        assert record(session, breach, {FactName.ACCOUNT: TYPED, FactName.PERSONS: 150}) == ["persons"]
        assert record(session, breach, {FactName.PERSONS: 150}) == []

    with database.reading() as session:
        facts = breach_facts.known_facts(session, breach)
        rows = session.scalars(select(BreachFact.value).where(BreachFact.name == FactName.PERSONS)).all()
    assert (facts.account, facts.persons) == (TYPED, 150)
    assert rows == ["120", "150"]


def test_the_journal_names_what_was_recorded_and_never_its_content_and_the_card_is_refreshed(
    database: Database,
) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        record(session, breach, {FactName.ACCOUNT: TYPED, FactName.NATURE: (Nature.INTEGRITY.value,)})
        record(session, breach, {FactName.ACCOUNT: TYPED})

    with database.reading() as session:
        entries = [one for one in journal.entries_of(session, breach.reference) if one.action == "breach-facts"]
        cards = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.CARD)).all()
    [entry] = entries
    assert json.loads(entry.detail)["facts"] == ["account", "nature"]
    assert TYPED not in entry.detail
    assert len(cards) == 2


def test_what_turns_out_to_be_unknown_is_not_known_again_and_its_history_stays(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        record(session, breach, {FactName.RECORDS: 7})
        record(session, breach, {FactName.RECORDS: None})

    with database.reading() as session:
        assert breach_facts.known_facts(session, breach).records is None
        assert session.scalars(select(BreachFact.value)).all() == ["7", "null"]


def test_telephone_conversations_may_contain_anything_said(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        record(session, breach, {FactName.DATA_KINDS: (DataKind.CONVERSATIONS.value,), FactName.SENSITIVE_KINDS: ()})
        facts = breach_facts.known_facts(session, breach)

    assert facts.sensitive_kinds == (SensitiveKind.ANYTHING_SAID.value,)


def test_a_customers_own_facts_go_before_those_of_all(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, add_customer(session), add_customer(session, "C0002"))
        first, second = breach.affected
        record(session, breach, {FactName.PERSONS: 120, FactName.NATURE: ("confidentiality",)})
        values: dict[FactName, Value] = {FactName.PERSONS: 3}
        breach_record.record_facts(session, breach, values, affected=first, by=ANNE, now=NOW)

        of_each = breach_facts.facts_of_all(session, breach)
        of_breach = breach_facts.facts_of_breaches(session, [breach.id])

    assert (of_each[first.id].persons, of_each[first.id].nature) == (3, ("confidentiality",))
    assert of_each[second.id].persons == 120
    assert of_breach[breach.id].persons == 120


@pytest.mark.parametrize("name", [FactName.STARTED_AT, FactName.ENDED_AT, FactName.CNIL_TOLD_AT])
def test_nothing_known_lies_in_the_future(database: Database, name: FactName) -> None:
    with database.begin() as session:
        breach = open_breach(session)

        with pytest.raises(InstantInFuture):
            record(session, breach, {name: NOW + hours(1)})


def test_what_has_ended_began_before(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        record(session, breach, {FactName.STARTED_AT: NOW - hours(2), FactName.ENDED_AT: ONGOING})

    with pytest.raises(EndedBeforeStart), database.begin() as session:
        record(session, breaches.get_breach(session, breach.reference), {FactName.ENDED_AT: NOW - hours(3)})

    with database.reading() as session:
        assert breach_facts.known_facts(session, breach).is_ongoing


def test_a_closed_breach_takes_no_further_facts(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        breach.closed_at = NOW

        with pytest.raises(BreachClosed):
            record(session, breach, {FactName.PERSONS: 1})


def test_two_people_record_at_once_and_both_stay(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
    names = (FactName.PERSONS, FactName.RECORDS)

    def write(which: int) -> list[str]:
        with database.begin() as session:
            return record(session, breaches.get_breach(session, breach.reference), {names[which]: which + 1})

    together(2, write)

    with database.reading() as session:
        facts = breach_facts.known_facts(session, breach)
    assert (facts.persons, facts.records) == (1, 2)


def test_what_is_asked_for_depends_on_what_was_chosen() -> None:
    def wanted(facts: BreachFacts, telecom: TelecomOperator = TelecomOperator.NO) -> set[FactName]:
        return set(breach_record.wanted_facts(facts, telecom))

    plain = wanted(BreachFacts(origin="hacking", data_kinds=("billing",)))
    other = wanted(BreachFacts(origin="other", data_kinds=("other",), person_kinds=("other",)))

    assert other - plain == {FactName.ORIGIN_OTHER, FactName.DATA_OTHER, FactName.PERSONS_OTHER}
    assert FactName.CNIL_TOLD_AT not in plain
    assert FactName.CNIL_TOLD_AT in wanted(BreachFacts(), TelecomOperator.YES)
    assert FactName.PERSONS not in breach_record.unknown_facts(BreachFacts(persons=0), TelecomOperator.NO)


# --- the lead ---


def test_a_breach_that_nobody_leads_is_claimed_once(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        add_staff(session, ANNE.name), add_staff(session, BORIS.name)
        assert breach_lead.claim_lead(session, breach, by=ANNE, now=NOW + hours(1))
        assert not breach_lead.claim_lead(session, breach, by=ANNE, now=NOW + hours(2))

        with pytest.raises(AlreadyLed):
            breach_lead.claim_lead(session, breach, by=BORIS, now=NOW + hours(2))

    assert (breach.lead, breach.lead_at) == (ANNE.name, NOW + hours(1))
    with database.reading() as session:
        assert [one.action for one in journal.entries_of(session, breach.reference)].count("breach-lead") == 1


def test_two_who_claim_it_at_once_are_one_lead(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        add_staff(session, ANNE.name), add_staff(session, BORIS.name)

    def claim(which: int) -> bool:
        try:
            with database.begin() as session:
                return breach_lead.claim_lead(
                    session, breaches.get_breach(session, breach.reference), by=(ANNE, BORIS)[which], now=NOW
                )
        except AlreadyLed:
            return False

    assert sorted(together(2, claim)) == [False, True]


def test_the_lead_is_handed_over_to_somebody_who_may_decide(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, aware_at=NOW, lead=ANNE.name)
        boris, viewer = add_staff(session, BORIS.name), add_staff(session, "U09VIEW", Role.VIEWER)
        assert breach_lead.hand_over_lead(session, breach, boris, by=ANNE, now=NOW + hours(1))
        assert not breach_lead.hand_over_lead(session, breach, boris, by=ANNE, now=NOW + hours(2))

        with pytest.raises(RoleTooSmall):
            breach_lead.hand_over_lead(session, breach, viewer, by=ANNE, now=NOW + hours(2))

    assert (breach.lead, breach.lead_at) == (BORIS.name, NOW + hours(1))


@pytest.mark.parametrize(
    ("by", "refused"), [(Actor("U09VIEW", "slack"), RoleTooSmall), (Actor("U0NOBODY", "slack"), UnknownStaff)]
)
def test_nobody_else_leads(database: Database, by: Actor, refused: type[Refused]) -> None:
    with database.begin() as session:
        breach = open_breach(session)
        add_staff(session, "U09VIEW", Role.VIEWER)

        with pytest.raises(refused):
            breach_lead.claim_lead(session, breach, by=by, now=NOW)


# --- claims ---


def test_every_claim_is_kept_and_the_earliest_of_each_counts(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, suspected_at=NOW)
        for instant in (NOW - hours(2), NOW - hours(1)):
            breach_claims.claim_instant(session, breach, ClaimKind.TOLD, instant, by=BORIS, now=NOW)
        breach_claims.become_aware(session, breach, NOW - hours(1), by=ANNE, now=NOW)
        breach_claims.postpone_awareness(session, breach, NOW, "A test of ours", by=ANNE, now=NOW)

        kept = [(one.what.value, one.instant, one.by, one.reason) for one in breach_claims.list_claims(session, breach)]

    assert breach.told_at == NOW - hours(2)
    assert (breach.aware_at, breach.deadline_at) == (NOW, NOW + hours(48))
    assert kept[-4:] == [
        ("told", NOW - hours(2), BORIS.name, None),
        ("told", NOW - hours(1), BORIS.name, None),
        ("aware", NOW - hours(1), ANNE.name, None),
        ("aware", NOW, ANNE.name, "A test of ours"),
    ]


def test_a_mere_doubt_is_ruled_out_by_a_handler_and_nothing_else() -> None:
    doubt = Breach(reference="B", summary="", opened_at=NOW, opened_by="U", deadline_at=NOW, suspected_at=NOW)
    certain = Breach(reference="B", summary="", opened_at=NOW, opened_by="U", deadline_at=NOW, aware_at=NOW)
    letter, astray = (
        Breach(
            reference="B",
            summary="",
            opened_at=NOW,
            opened_by="U",
            deadline_at=NOW + timedelta(hours=48),
            suspected_at=NOW,
            about=about,
        )
        for about in ("DSR-2026-0042", "DSR-2026-0042/C0001")
    )

    assert [role_to_rule_out(one) for one in (doubt, letter)] == [Role.HANDLER] * 2
    assert [role_to_rule_out(one) for one in (certain, astray)] == [Role.DPO] * 2


def test_a_number_of_all_customers_together_is_not_that_of_one_of_several(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, add_customer(session), add_customer(session, "C0002"))
        one, other = breach.affected
        record(session, breach, {FactName.PERSONS: 120, FactName.RECORDS: 300})
        breach_record.record_facts(session, breach, {FactName.PERSONS: 7}, affected=one, by=ANNE, now=NOW)
        several = breach_facts.facts_of_all(session, breach)
        other.excluded_at = NOW
        alone = breach_facts.facts_of_all(session, breach)

    assert (several[one.id].persons, several[one.id].of_all) == (7, ("records",))
    assert (several[other.id].persons, several[other.id].of_all) == (120, ("persons", "records"))
    assert alone[one.id].of_all == ()


def test_a_text_of_one_customer_goes_before_that_of_all_in_either_language(database: Database) -> None:
    with database.begin() as session:
        breach = open_breach(session, add_customer(session, "C0001"), add_customer(session, "C0002"))
        record(session, breach, {FactName.ACCOUNT: "De tous", FactName.ACCOUNT_EN: "Of all"})
        own: dict[FactName, Value] = {FactName.ACCOUNT: "Du premier"}
        breach_record.record_facts(session, breach, own, affected=breach.affected[0], by=ANNE, now=NOW)

        first, second = breach_facts.facts_of_all(session, breach).values()

    assert [first.text("account", language) for language in ("fr", "en")] == [("Du premier", "fr")] * 2
    assert [second.text("account", language) for language in ("fr", "en")] == [("De tous", "fr"), ("Of all", "en")]
    wanted = breach_record.wanted_facts(BreachFacts(account_en="x"), TelecomOperator.NO)
    assert FactName.ACCOUNT_EN not in wanted
    assert FactName.ACCOUNT not in breach_record.unknown_facts(BreachFacts(account_en="x"), TelecomOperator.NO)
