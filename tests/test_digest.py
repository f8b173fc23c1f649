"""Every day at 08:00 in Paris the figures are told, also when all of them are zero: once, and only the newest."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from bot.desk import Desk as TheDesk
from bot.digest import DigestClock, read_day, say_digest, tell, write
from bot.settings import DeskSettings
from storage import arrivals, breach_opening, journal, requests, tasks
from storage.announcements import CHANNEL
from storage.arrivals import Reading
from storage.clock import now as desk_now
from storage.database import Database
from storage.deadlines import digest_at, digest_day
from storage.digest import Digest, gather, told_before
from storage.models import Candidate, Customer, Delivery, Entry, Forward, Request
from storage.proposals import Proposals, agreement
from storage.types import DESK, Hold, Kind, Medium, Purpose, TaskKind
from tests.bot_support import CUSTOMERS, ESCALATION, Desk, fill, running_desk
from tests.playground import people
from tests.storage_support import ANNE as BY_ANNE
from tests.storage_support import add_customer, forward, hours, keep_letter, receive, together

FRIDAY, SATURDAY = date(2026, 10, 23), date(2026, 10, 24)
AT = digest_at(SATURDAY)
"""08:00 in Paris, the day before the clocks are changed."""
BEFORE = AT - hours(3)


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch, digest=True) as desk:
        yield desk


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running; the journal begins on Thursday."""
    fill(database)
    with database.begin() as session:
        journal.record(session, "began", by=DESK, now=AT - timedelta(days=2))
    url = database.engine.url.render_as_string(hide_password=False)
    settings = DeskSettings(_env_file=None, database_url=url, escalation_addresses=(ESCALATION,), staff_language="en")
    return TheDesk(database, settings)


def figures(desk: TheDesk, day: date = SATURDAY, *, now: datetime = AT) -> Digest:
    with desk.database.reading() as session:
        return gather(session, day, now=now)


def digests(desk: TheDesk, medium: Medium | None = None) -> list[Delivery]:
    with desk.database.reading() as session:
        wanted = select(Delivery).where(Delivery.purpose == Purpose.DIGEST).order_by(Delivery.id)
        found = list(session.scalars(wanted.where(Delivery.medium == medium) if medium else wanted))
        session.expunge_all()
        return found


def accept_all(desk: TheDesk, *, at: datetime) -> None:
    with desk.database.begin() as session:
        waiting = update(Delivery).where(Delivery.purpose == Purpose.DIGEST, Delivery.due_at.is_not(None))
        session.execute(waiting.values(accepted_at=at, due_at=None))


# --- when ---


@pytest.mark.parametrize(
    ("day", "utc"),
    [(date(2026, 10, 24), 6), (date(2026, 10, 25), 7), (date(2027, 3, 27), 7), (date(2027, 3, 28), 6)],
)
def test_it_is_eight_in_paris_also_where_the_clocks_are_changed(day: date, utc: int) -> None:
    assert digest_at(day) == datetime(day.year, day.month, day.day, utc, tzinfo=UTC)
    assert digest_day(digest_at(day)) == day
    assert digest_day(digest_at(day) - timedelta(seconds=1)) == day - timedelta(days=1)


def test_it_is_told_once_a_day_to_the_channel_dpo_and_escalation_addresses(quiet: TheDesk) -> None:
    clock = DigestClock(quiet)

    told = [clock.tick(now=AT + hours(after)) for after in (-0.1, 0, 1, 23.9, 25)]

    assert told == [True, True, False, False, True]
    [friday, saturday] = ({one.key for one in digests(quiet) if str(day) in one.key} for day in (FRIDAY, SATURDAY))
    assert len(friday) == len(saturday) == 3
    assert saturday == {
        f"digest:2026-10-24:slack:{CHANNEL}",
        f"digest:2026-10-24:e-mail:{people.ANNE.email}",
        f"digest:2026-10-24:e-mail:{ESCALATION}",
    }


def test_a_restart_tells_nothing_again(quiet: TheDesk) -> None:
    assert DigestClock(quiet).tick(now=AT)

    assert not DigestClock(quiet).tick(now=AT + hours(2))


def test_two_bots_tell_it_once(quiet: TheDesk) -> None:
    told = together(4, lambda _: tell(quiet, SATURDAY, now=AT))

    assert sorted(told) == [False, False, False, True]
    assert [one.superseded_at for one in digests(quiet)] == [None] * 3


def test_after_an_outage_only_the_newest_is_told_late_with_all_that_happened_since_the_last(quiet: TheDesk) -> None:
    DigestClock(quiet).tick(now=AT - timedelta(days=1))
    accept_all(quiet, at=AT - timedelta(days=1))
    with quiet.database.begin() as session:
        receive(session, at=AT - hours(20))
        receive(session, at=AT + hours(30))

    assert DigestClock(quiet).tick(now=AT + timedelta(days=2, hours=3, minutes=5))

    new = [one for one in digests(quiet, Medium.EMAIL) if one.accepted_at is None]
    [mail] = [one for one in new if one.recipient == ESCALATION]
    assert len(new) == 2
    assert "from Friday 23 October 2026, 08:00 (Paris time) to Monday 26 October 2026, 08:00" in (mail.text or "")
    assert "\nCame: 2\n" in (mail.text or "")
    assert "it is 2 h 05 late" in (mail.text or "")


def test_a_digest_that_could_not_be_posted_gives_way_to_the_next(quiet: TheDesk) -> None:
    clock = DigestClock(quiet)
    clock.tick(now=AT)
    clock.tick(now=AT + hours(25))

    waiting = [one.key for one in digests(quiet) if one.due_at is not None]
    assert len(waiting) == 3
    assert all("2026-10-25" in key for key in waiting)


@pytest.mark.parametrize("out", list(Medium))
def test_a_day_that_one_medium_lost_is_in_its_next_digest_whatever_the_other_took(quiet: TheDesk, out: Medium) -> None:
    clock = DigestClock(quiet)
    with quiet.database.begin() as session:
        receive(session, at=BEFORE)
    clock.tick(now=AT)
    accept(quiet, at=AT, but=out)

    clock.tick(now=AT + hours(25))

    sunday = SATURDAY + timedelta(days=1)
    came = {one.medium: came_in(quiet, one, now=AT + hours(25)) for one in digests(quiet) if str(sunday) in one.key}
    assert came == {medium: 1 if medium is out else 0 for medium in Medium}


def test_figures_that_came_back_are_told_again(quiet: TheDesk) -> None:
    clock = DigestClock(quiet)
    for day in (0, 1):
        clock.tick(now=AT + hours(25) * day)
        accept_all(quiet, at=AT + hours(25) * day)
    with quiet.database.begin() as session:
        lost = update(Delivery).where(Delivery.recipient == ESCALATION, Delivery.key.contains("2026-10-25"))
        session.execute(lost.values(bounced_at=AT + hours(26)))

    with quiet.database.reading() as session:
        monday = SATURDAY + timedelta(days=2)
        since = [told_before(session, monday, one) for one in (ESCALATION, people.ANNE.email)]

    assert since == [AT, digest_at(SATURDAY + timedelta(days=1))]


def accept(desk: TheDesk, *, at: datetime, but: Medium) -> None:
    with desk.database.begin() as session:
        waiting = update(Delivery).where(Delivery.purpose == Purpose.DIGEST, Delivery.medium != but)
        session.execute(waiting.values(accepted_at=at, due_at=None))


def came_in(desk: TheDesk, delivery: Delivery, *, now: datetime) -> int:
    """How many requests a digest tells of."""
    with desk.database.reading() as session:
        text = delivery.text or say_digest(session, delivery, "en", now=now)
    [count] = re.findall(r"\b(?:Came|Reçues)(?:\u00a0:|:) (\d+)", text)
    return int(count)


def test_a_desk_that_was_set_up_after_eight_begins_the_next_day(quiet: TheDesk, database: Database) -> None:
    with database.begin() as session:
        session.execute(update(Entry).values(at=AT + hours(2)))

    assert [DigestClock(quiet).tick(now=AT + hours(later)) for later in (3, 21.9, 25)] == [False, False, True]


def test_a_clock_that_steps_back_over_eight_does_not_tell_the_day_before_after_all(quiet: TheDesk) -> None:
    clock = DigestClock(quiet)

    told = [clock.tick(now=AT + timedelta(minutes=minutes)) for minutes in (1, -4, 2)]

    assert told == [True, False, False]
    assert {(one.key[:17], one.due_at is not None) for one in digests(quiet)} == {("digest:2026-10-24", True)}


def test_a_clock_that_ran_years_ahead_for_a_while_silences_no_day(quiet: TheDesk) -> None:
    DigestClock(quiet).tick(now=AT + timedelta(days=3650))

    assert DigestClock(quiet).tick(now=AT)

    assert [one.superseded_at for one in digests(quiet)] == [None] * 6


# --- what ---


def test_a_day_without_anything_is_told_in_zeros(quiet: TheDesk) -> None:
    found = figures(quiet)

    assert (found.came, found.forwarded_automatically, found.forwarded_by_person, found.waiting) == (0, 0, 0, 0)
    assert (found.set_aside, found.sample, found.bounced, found.tasks, found.open_breaches) == (0, (), 0, (), 0)
    text = write(found, "en", company="Kavkom", now=AT).text
    assert re.findall(r"^.*: 0$", text, re.MULTILINE) == [
        "Came: 0",
        "Forwarded automatically: 0",
        "Forwarded by a person: 0",
        "Came back or refused: 0",
        "Waiting for a person: 0",
        "Set aside: 0",
        "Still to do: 0",
        "Tasks past their date: 0",
        "Open breaches: 0",
        "Customers’ addresses that do not work: 0",
    ]


def test_what_came_and_went_is_counted_from_one_eight_o_clock_to_the_next(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        customer = add_customer(session, "C0009")
        for before in (-1, 1, 2, 23, 25):
            forward(session, receive(session, at=AT - hours(before)), customer, at=AT - hours(before))
        session.flush()
        automatic = select(Forward).order_by(Forward.id).offset(1).limit(1)
        session.scalars(automatic).one().routed_by = DESK.name
        letter = keep_letter(session, at=BEFORE)
        reading = Reading(Kind.AUTHORITY, (), "fr")
        arrivals.receive_request(session, letter, reading, hold=Hold.AUTHORITY, by=DESK, now=BEFORE)
        came_back = session.scalars(select(Delivery).where(Delivery.forward_id.is_not(None))).first()
        assert came_back is not None
        came_back.due_at, came_back.bounced_at = None, BEFORE

    found = figures(quiet)

    assert (found.came, found.came_authority, found.came_controller) == (4, 1, 0)
    assert (found.forwarded_automatically, found.forwarded_by_person) == (1, 2)
    assert found.bounced == 1
    assert (found.waiting, found.waiting_since) == (2, BEFORE)


def test_three_of_those_set_aside_are_drawn_and_whoever_asks_draws_the_same(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        aside = [receive(session, at=BEFORE) for _ in range(20)]
        for request in aside:
            requests.set_aside(session, request, "spam", by=BY_ANNE, now=BEFORE)
        references = {one.reference for one in aside}

    drawn = figures(quiet)
    assert drawn.set_aside == 20
    assert len(drawn.sample) == 3
    assert set(drawn.sample) <= references
    assert figures(quiet, now=AT + hours(1)).sample == drawn.sample


def test_what_is_to_be_done_and_open_breaches_are_counted_with_their_dates(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        case = receive(session, at=BEFORE).reference
        for what, due_at in (
            (TaskKind.READ, None),
            (TaskKind.READ, None),
            (TaskKind.AUTHORITY, AT - hours(1)),
            (TaskKind.OWN, AT + hours(9)),
        ):
            tasks.open_task(session, case, what, by=BY_ANNE, now=BEFORE, due_at=due_at)
        done = tasks.open_task(session, case, TaskKind.HELP, by=BY_ANNE, now=BEFORE)
        tasks.finish_task(session, done, by=BY_ANNE, now=BEFORE)
        breach_opening.open_breach(session, summary="x", aware_at=BEFORE, by=BY_ANNE, now=BEFORE)

    found = figures(quiet)

    assert found.tasks == ((TaskKind.READ, 2), (TaskKind.AUTHORITY, 1), (TaskKind.OWN, 1))
    assert (found.overdue, found.next_due_at) == (1, AT + hours(9))
    assert (found.open_breaches, found.breach_deadline_at) == (1, BEFORE + hours(48))
    text = write(found, "en", company="Kavkom", now=AT).text
    assert "Still to do: 4 (read the mail: 2; answer the authority’s letter: 1;" in text


@pytest.mark.parametrize(("language", "line"), [("en", "Open drills"), ("fr", "Exercices ouverts")])
def test_a_drill_is_no_open_breach_and_sets_no_deadline(quiet: TheDesk, language: str, line: str) -> None:
    with quiet.database.begin() as session:
        breach_opening.open_breach(session, summary="x", aware_at=BEFORE, by=BY_ANNE, now=BEFORE)
    alone = write(figures(quiet), language, company="Kavkom", now=AT)
    with quiet.database.begin() as session:
        breach_opening.open_breach(session, summary="x", aware_at=BEFORE, drill=True, pace=48, by=BY_ANNE, now=BEFORE)

    found = figures(quiet)

    assert (found.open_breaches, found.breach_deadline_at, found.open_drills) == (1, BEFORE + hours(48), 1)
    words = write(found, language, company="Kavkom", now=AT)
    assert f"{line} [EXERCICE / DRILL]: 1" in words.text.replace("\u00a0:", ":")
    assert words.subject == alone.subject
    assert line not in alone.text


def test_agreement_with_proposals_is_counted_where_forwarding_is_off(quiet: TheDesk) -> None:
    with quiet.database.begin() as session:
        first, second = add_customer(session, "C0011"), add_customer(session, "C0012")
        for at, chosen in (
            (BEFORE, [first]),
            (BEFORE, [second]),
            (BEFORE, [first, second]),
            (BEFORE, []),
            (BEFORE - hours(40), [first]),
        ):
            request = propose(session, first, second, at=at)
            for customer in chosen:
                forward(session, request, customer, at=at)
        aside = propose(session, first, second, at=BEFORE)
        requests.set_aside(session, aside, "spam", by=BY_ANNE, now=BEFORE)
        other = receive(session, at=BEFORE)
        forward(session, other, first, at=BEFORE)

    found = figures(quiet)

    assert found.proposals == Proposals(agreed=1, decided=4)
    assert found.proposals_ever == Proposals(agreed=2, decided=5)
    with quiet.database.reading() as session:
        assert agreement(session) == found.proposals_ever
    assert (
        "Decisions as proposed: 1 of 4; 2 of 5 since the beginning" in write(found, "en", company="Kavkom", now=AT).text
    )


def propose(session: Session, first: Customer, second: Customer, *, at: datetime) -> Request:
    request = receive(session, at=at)
    request.hold = Hold.AUTOMATIC_FORWARDING_OFF
    for rank, customer in enumerate((first, second)):
        session.add(Candidate(request_id=request.id, rank=rank, customer_id=customer.id, evidence=("telephone",)))
    session.flush()
    return request


def test_addresses_that_do_not_work_or_are_not_confirmed_are_counted_while_the_contract_runs(quiet: TheDesk) -> None:
    asked, bounced = {"address_asked_at": BEFORE}, {"address_bounced_at": BEFORE}
    with quiet.database.begin() as session:
        add_customer(session, "C0011", **asked)
        add_customer(session, "C0012", **asked, address_confirmed_at=BEFORE - hours(9))
        add_customer(session, "C0013", **asked, address_confirmed_at=BEFORE + hours(1))
        add_customer(session, "C0014", **bounced)
        add_customer(session, "C0015", **bounced, **asked, contract_end=FRIDAY)

    found = figures(quiet)

    assert (found.addresses_bounced, found.addresses_unconfirmed) == (1, len(CUSTOMERS) + 1)


def test_the_head_of_the_journal_is_that_of_eight_o_clock_whenever_it_is_asked(quiet: TheDesk) -> None:
    with quiet.database.reading() as session:
        head = journal.head(session)
    with quiet.database.begin() as session:
        receive(session, at=AT + hours(1))

    found = figures(quiet, now=AT + hours(2))

    assert (found.entry, found.hash) == head


def test_many_cases_cost_no_more_queries(quiet: TheDesk) -> None:
    asked: list[str] = []
    event.listen(quiet.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    figures(quiet)
    few = len(asked)
    with quiet.database.begin() as session:
        for _ in range(30):
            requests.set_aside(session, receive(session, at=BEFORE), "spam", by=BY_ANNE, now=BEFORE)
    asked.clear()

    figures(quiet)

    assert len(asked) == few


@pytest.mark.parametrize(
    ("text", "day"),
    [(None, SATURDAY), ("2026-10-20", date(2026, 10, 20)), ("2026-10-25", None), ("yesterday", None), ("", SATURDAY)],
)
def test_a_day_is_read_unless_it_is_still_to_come(text: str | None, day: date | None) -> None:
    assert read_day(text, now=AT) == day


# --- in Slack ---


def test_the_channel_gets_it_the_next_morning(desk: Desk) -> None:
    reference = desk.hold_request()
    desk.wait_for_card(reference)
    due = digest_at(digest_day(desk_now()) + timedelta(days=1))

    desk.move(seconds=(due - desk_now()).total_seconds() + 1)

    said = desk.workspace.wait_for(lambda: [one for one in desk.workspace.messages() if "privacy desk" in one.text])
    assert "• Waiting for a person: 1, the oldest for" in said[0].text
    assert "• Came: 1" in said[0].text
    mails = desk.workspace.wait_for(lambda: desk.deliveries(purpose=Purpose.DIGEST))
    assert {one.recipient for one in mails} == {people.ANNE.email, ESCALATION}
    desk.hold_request()
    with desk.database.reading() as session:
        post = session.scalars(
            select(Delivery).where(Delivery.key.startswith("digest:"), Delivery.medium == Medium.SLACK)
        )
        assert journal.head(session)[1] not in say_digest(session, post.one(), "en", now=desk_now())
