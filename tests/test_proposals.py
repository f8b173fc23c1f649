"""Whom a held request may concern: found, kept, ranked; and how often people agree with what is proposed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select

from mail.deciding import decide_all
from mail.reading import MailRead, parse_mail
from mail.reconsidering import reconsider_all
from mail.settings import Automatic, MailSettings
from mail.status import as_rows
from storage import arrivals, figures, requests
from storage.arrivals import Arrival, Reading
from storage.database import Database
from storage.models import Candidate, Customer, Message, Request
from storage.proposals import CandidateFound, Proposals, agreement, keep_candidates
from storage.types import DESK, Actor, Hold, KeyKind, Kind
from tests.mail_support import TO_GARAGE, TO_HOTEL, US, letter, mail_settings, opened_desk
from tests.storage_support import ANNE, NOW, add_customer, forward, keep_letter

READING = Reading(Kind.REQUEST, ("access",), "fr")
OFF = Hold.AUTOMATIC_FORWARDING_OFF


@pytest.fixture
def settings(database_url: str) -> MailSettings:
    return mail_settings(database_url, imap_port=1, smtp_port=1, acknowledge=False)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Database]:
    with opened_desk(database_url, tmp_path) as opened:
        yield opened


def decide(
    database: Database,
    *raws: bytes,
    settings: MailSettings,
    automatic: Automatic = Automatic.IDENTIFIERS,
    junk: bool = False,
) -> list[MailRead]:
    """Keep and decide these mails as one group."""
    chosen = settings.model_copy(update={"automatic_forwarding": automatic})
    with database.begin() as session:
        mails = [read(keep_letter(session, raw), raw, junk=junk) for raw in raws]
        decide_all(session, mails, settings=chosen, now=NOW)
        return mails


def read(kept: Message, raw: bytes, *, junk: bool = False) -> MailRead:
    parsed = parse_mail(raw, True, own_domains=("kavkom.example",), own_address=US)
    return MailRead(kept.id, kept.received_at, kept.sha256, parsed.author_sha256, raw, junk, parsed.says, parsed.report)


def candidates(database: Database, request_id: int = 1) -> list[tuple[str, tuple[str, ...]]]:
    with database.reading() as session:
        request = session.get_one(Request, request_id)
        return [(one.customer.reference, one.evidence) for one in request.candidates]


def arrive(database: Database, *found: tuple[Customer, str], hold: Hold | None = None) -> Request:
    """A held request with these candidates."""
    with database.begin() as session:
        message = keep_letter(session)
        session.flush()
        kept = tuple(CandidateFound(customer, (kind,)) for customer, kind in found)
        arrival = Arrival(message.id, NOW, message.sha256, READING, hold=hold or OFF, candidates=kept)
        [opened] = arrivals.receive_all(session, [arrival], by=DESK, now=NOW)
        return session.get_one(Request, opened.id)


def route(database: Database, held: Request, *customers: Customer, by: Actor = ANNE) -> None:
    """Forward a held request to these, one after another."""
    with database.begin() as session:
        request = session.get_one(Request, held.id)
        for customer in customers:
            forward(session, request, session.get_one(Customer, customer.id)).routed_by = by.name


def customers_of(database: Database, *references: str) -> list[Customer]:
    with database.begin() as session:
        return [add_customer(session, reference) for reference in references]


# --- what is kept ---


def test_a_letter_for_two_customers_keeps_both_with_what_points_to_them(desk: Database, settings: MailSettings) -> None:
    body = "Effacez mes données. Le 01 99 00 01 00 m'a appelée.\r\n"

    decide(desk, letter(f"{TO_GARAGE}, {TO_HOTEL}", body=body), settings=settings)

    assert candidates(desk) == [("C0001", ("intake-alias", "telephone")), ("C0002", ("intake-alias",))]


def test_a_name_makes_a_candidate_and_says_no_more_than_that(desk: Database, settings: MailSettings) -> None:
    decide(desk, letter(US, body="Effacez mes données, j'ai écrit au Garage Dupont.\r\n"), settings=settings)

    assert candidates(desk) == [("C0001", ("name",))]


def test_a_customer_whose_contract_is_over_long_ago_comes_last(desk: Database, settings: MailSettings) -> None:
    body = "Effacez mes données. Le 01 99 00 01 00 m'a appelée.\r\n"

    decide(desk, letter(f"privacy+ancien@kavkom.example, {TO_HOTEL}", body=body), settings=settings)

    assert [reference for reference, _ in candidates(desk)] == ["C0002", "C0001", "C0003"]


def test_what_is_forwarded_has_no_candidates(desk: Database, settings: MailSettings) -> None:
    decide(desk, letter(), settings=settings)

    assert candidates(desk) == []


def test_what_would_have_gone_by_itself_proposes_its_customer(desk: Database, settings: MailSettings) -> None:
    decide(desk, letter(), settings=settings, automatic=Automatic.OFF)

    assert candidates(desk) == [("C0001", ("intake-alias",))]


def test_a_customer_to_whom_nothing_may_be_sent_is_a_candidate_all_the_same(
    desk: Database, settings: MailSettings
) -> None:
    decide(desk, letter("privacy+boucle@kavkom.example"), settings=settings)

    assert candidates(desk) == [("C0004", ("intake-alias",))]


def test_the_candidates_of_a_group_are_kept_in_one_statement(desk: Database, settings: MailSettings) -> None:
    statements: list[str] = []
    raws = [letter(f"{TO_GARAGE}, {TO_HOTEL}", body=f"Lettre {n}: effacez mes données.\r\n") for n in range(9)]
    with desk.reading() as session:
        engine = session.connection().engine

    def note(*executed: object) -> None:
        statements.append(str(executed[2]))

    event.listen(engine, "before_cursor_execute", note)
    decide(desk, *raws, settings=settings)
    event.remove(engine, "before_cursor_execute", note)

    assert sum("INSERT INTO candidate " in one for one in statements) == 1
    assert len(candidates(desk, 9)) == 2


def test_three_candidates_are_kept_at_most_in_their_order(database: Database) -> None:
    four = customers_of(database, "C0004", "C0003", "C0002", "C0001")

    arrive(database, *((customer, "name") for customer in four))

    assert [reference for reference, _ in candidates(database)] == ["C0004", "C0003", "C0002"]


def test_new_candidates_take_the_place_of_the_old_ones(database: Database) -> None:
    first, second = customers_of(database, "C0001", "C0002")
    arrive(database, (first, "telephone"), (second, "name"))

    with database.begin() as session:
        request = session.get_one(Request, 1)
        assert len(request.candidates) == 2
        keep_candidates(session, request.id, [CandidateFound(second, ("domain", "name"))])
        assert [one.customer_id for one in request.candidates] == [second.id]

    assert candidates(database) == [("C0002", ("domain", "name"))]


def test_a_letter_out_of_junk_has_the_candidates_that_are_found_now(desk: Database, settings: MailSettings) -> None:
    to_both, to_one = letter(f"{TO_GARAGE}, {TO_HOTEL}"), letter(TO_HOTEL, body="Tout.\r\n")
    mails = decide(desk, to_both, to_one, settings=settings, junk=True)
    assert (len(candidates(desk, 1)), len(candidates(desk, 2))) == (2, 1)

    with desk.begin() as session:
        session.execute(delete(Candidate))
        reconsider_all(session, [replace(mail, junk=False) for mail in mails], settings=settings, now=NOW)

    assert [reference for reference, _ in candidates(desk, 1)] == ["C0001", "C0002"]
    assert candidates(desk, 2) == []


def test_a_candidate_is_told_by_kinds_that_name_nobody(desk: Database, settings: MailSettings) -> None:
    body = "Effacez mes données. Le 01 99 00 01 00 m'a appelée, voyez www.garage-dupont.example.\r\n"

    decide(desk, letter(TO_HOTEL, body=body), settings=settings)

    with desk.reading() as session:
        kinds = {kind for kept in session.scalars(select(Candidate.evidence)) for kind in kept}
    assert kinds <= {*KeyKind, "campaign"}


# --- how often people agree ---


def test_nobody_has_decided_yet(database: Database) -> None:
    [first] = customers_of(database, "C0001")
    arrive(database, (first, "telephone"))

    with database.reading() as session:
        assert agreement(session) == Proposals(0, 0)


def test_people_agree_who_choose_the_first_candidate_and_nobody_else(database: Database) -> None:
    first, second = customers_of(database, "C0001", "C0002")
    for chosen in ([first], [second], [second, first]):
        route(database, arrive(database, (first, "telephone"), (second, "name")), *chosen)

    with database.reading() as session:
        assert agreement(session) == Proposals(1, 3)


def test_who_sets_it_aside_does_not_agree(database: Database) -> None:
    [first] = customers_of(database, "C0001")
    held = arrive(database, (first, "telephone"))

    with database.begin() as session:
        requests.set_aside(session, session.get_one(Request, held.id), "spam", by=ANNE, now=NOW)

    with database.reading() as session:
        assert agreement(session) == Proposals(0, 1)


def test_only_what_waited_for_the_setting_alone_is_counted(database: Database) -> None:
    [first] = customers_of(database, "C0001")
    route(database, arrive(database, (first, "name"), hold=Hold.NO_EVIDENCE), first)
    route(database, arrive(database, (first, "telephone")), first, by=DESK)

    with database.reading() as session:
        assert agreement(session) == Proposals(0, 0)


def test_the_status_tells_how_many_agreed(database: Database) -> None:
    [first] = customers_of(database, "C0001")
    route(database, arrive(database, (first, "telephone")), first)

    with database.reading() as session:
        found = figures.gather(session, now=NOW, real_now=NOW)

    assert (found.proposals_agreed, found.proposals_decided) == (1, 1)
    assert (
        dict(as_rows(found, real_now=NOW))["proposals"] == "people agreed with 1 of the 1 that they have decided (100%)"
    )
