"""The clock of breaches: which ladders ring, who hears of them, what silences them, and what it costs."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from bot import telling
from bot.breach_ladder import BreachLadder
from bot.desk import Desk
from bot.posting import prepare
from bot.reminders import ring_breach
from bot.settings import DeskSettings
from storage import (
    breach_claims,
    breach_closing,
    breach_customers,
    breach_excluding,
    breaches,
    calls,
    customers,
    outcomes,
)
from storage.announcements import CHANNEL
from storage.breach_errors import BreachClosed
from storage.breach_facts import Value, append_facts
from storage.breach_rungs import deadline_ladder, lead_ladder, second_ladder, suspicion_ladder
from storage.breach_types import ONGOING, FactName, TelecomOperator
from storage.database import Database
from storage.deadlines import LADDER_HOURS
from storage.models import Affected, Breach, Delivery, Notice, Reminder
from storage.types import Means, Medium, Purpose
from tests.bot_support import ANNE, BORIS, ESCALATION, fill
from tests.breach_mail_support import queue_notice
from tests.playground import people
from tests.storage_support import BORIS as BY
from tests.storage_support import NOW, hours, open_breach, together

DPO, LEAD = people.ANNE.email, people.BORIS.email
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    """The record and the settings, with nothing running."""
    fill(database)
    return desk_of(database)


def desk_of(database: Database, **more: Any) -> Desk:
    url = database.engine.url.render_as_string(hide_password=False)
    told = {"escalation_addresses": (ESCALATION,), "staff_language": "en"}
    return Desk(database, DeskSettings(_env_file=None, database_url=url, **told | more))


def opened(desk: Desk, *references: str, **known: Any) -> str:
    """A breach of which Kavkom is aware since NOW and that Boris leads, unless told otherwise."""
    known = dict[str, Any](aware_at=NOW, lead=BORIS) | known
    with desk.database.begin() as session:
        return open_breach(session, *customers.get_customers(session, references or ("C0001",)), **known).reference


def rungs(desk: Desk, reference: str) -> list[str]:
    with desk.database.reading() as session:
        rang = select(Reminder.rung).where(Reminder.case == reference).order_by(Reminder.due_at, Reminder.id)
        return [one.partition("@")[0] for one in session.scalars(rang)]


def told(desk: Desk, reference: str, rung: str) -> dict[Medium, list[str]]:
    """Who was told of this rung, by which medium."""
    with desk.database.reading() as session:
        of_rung = (Reminder.case == reference, Reminder.rung.startswith(f"{rung}@"))
        found = session.execute(
            select(Delivery.medium, Delivery.recipient)
            .join(Reminder, Delivery.reminder_id == Reminder.id)
            .where(*of_rung)
        ).all()
    return {medium: sorted(one for by, one in found if by is medium) for medium in Medium}


def unsent(desk: Desk) -> list[Delivery]:
    with desk.database.reading() as session:
        waiting = select(Delivery).where(Delivery.purpose == Purpose.REMINDER, Delivery.due_at.is_not(None))
        found = list(session.scalars(waiting.order_by(Delivery.id)))
        session.expunge_all()
        return found


def tick_through(clock: BreachLadder, waits: Iterable[float]) -> list[bool]:
    return [bool(clock.tick(now=NOW + hours(waited))) for waited in waits]


# --- the arithmetic ---


def test_a_ladder_of_ones_own_rings_at_its_hours_then_every_hour() -> None:
    ladder = deadline_ladder(NOW, ("20", "2"))

    due = ladder.due(opened_at=NOW - hours(48), now=NOW + hours(2))

    assert [(one.name, one.at - NOW) for _, one in due] == [
        ("T-20", -hours(20)),
        ("T-2", -hours(2)),
        ("T+1", hours(1)),
        ("T+2", hours(2)),
    ]


def test_a_doubt_is_asked_about_after_6_12_and_24_hours_and_a_lead_after_a_quarter_of_an_hour_and_one() -> None:
    always = NOW + hours(1000)

    doubts = [(one.name, one.at - NOW) for _, one in suspicion_ladder(NOW).due(opened_at=NOW, now=always)]
    leads = [(one.name, one.at - NOW) for _, one in lead_ladder(NOW).due(opened_at=NOW, now=always)]

    assert doubts == [("S+6", hours(6)), ("S+12", hours(12)), ("S+24", hours(24))]
    assert leads == [("C+15m", hours(0.25)), ("C+60m", hours(1))]


def test_a_second_clock_rings_four_times_before_its_end_once_soon_after_then_daily() -> None:
    due = second_ladder("telecom", NOW).due(opened_at=NOW - hours(24), now=NOW + hours(49))

    assert [(one.name, (one.at - NOW) / hours(1)) for _, one in due] == [
        ("telecom-12", -12),
        ("telecom-4", -4),
        ("telecom-1", -1),
        ("telecom-0", 0),
        ("telecom+1", 1),
        ("telecom+24", 24),
        ("telecom+48", 48),
    ]


@pytest.mark.parametrize("ladder", [lead_ladder(NOW, pace=60), suspicion_ladder(NOW, pace=60)])
def test_a_drill_passes_sixty_times_as_fast(ladder: Any) -> None:
    due = ladder.due(opened_at=NOW, now=NOW + timedelta(minutes=24))

    assert due[-1][1].at - NOW == (MINUTE if ladder.about == "C" else 24 * MINUTE)


def test_years_overdue_cost_nothing_to_go_on_from() -> None:
    _, rung = next(deadline_ladder(NOW, LADDER_HOURS).later(NOW + hours(90_000)))

    assert rung.name == "T+90001"


# --- who hears of what ---


def test_each_rung_of_the_deadline_is_told_to_those_it_is_for(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    tick_through(clock, (0, 12, 24, 36, 42, 45, 47, 48, 49))

    by_rung = {name: told(desk, reference, name) for name in rungs(desk, reference)}

    directly = [BORIS, CHANNEL]
    assert list(by_rung) == ["T-36", "T-24", "T-12", "T-6", "T-3", "T-1", "T-0", "T+1"]
    assert all(one[Medium.SLACK] == sorted(directly) for one in by_rung.values())
    assert by_rung["T-36"][Medium.EMAIL] == []
    assert {name for name, one in by_rung.items() if one[Medium.EMAIL] == [DPO, LEAD]} == {"T-24", "T-12", "T-6"}
    assert all(by_rung[name][Medium.EMAIL] == sorted([DPO, LEAD, ESCALATION]) for name in ("T-3", "T-1", "T-0", "T+1"))


def test_without_a_lead_every_dpo_is_told_directly_and_again_after_15_minutes_and_an_hour(desk: Desk) -> None:
    reference, clock = opened(desk, lead=None), BreachLadder(desk)

    assert tick_through(clock, (0, 0.2, 0.25, 0.5, 1, 2, 11)) == [False, False, True, False, True, False, False]

    assert rungs(desk, reference) == ["C+15m", "C+60m"]
    for rung in ("C+15m", "C+60m"):
        assert told(desk, reference, rung) == {
            Medium.SLACK: sorted([ANNE, CHANNEL]),
            Medium.EMAIL: sorted([DPO, ESCALATION]),
        }


def test_a_lead_ends_the_ringing_for_one_and_what_is_not_sent_is_withdrawn(desk: Desk) -> None:
    reference, clock = opened(desk, lead=None), BreachLadder(desk)
    tick_through(clock, (0, 0.25))
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        breach.lead, breach.lead_at = BORIS, NOW
        breaches.record(session, breach, "breach-lead", by=BY, now=NOW)

    assert tick_through(clock, (1, 1.1)) == [False, False]
    assert unsent(desk) == []


def test_a_suspicion_asks_lead_and_dpo_until_somebody_is_aware(desk: Desk) -> None:
    reference, clock = opened(desk, aware_at=None, suspected_at=NOW), BreachLadder(desk)
    assert tick_through(clock, (0, 5.9, 6, 6.1)) == [False, False, True, False]
    assert told(desk, reference, "S+6") == {
        Medium.SLACK: sorted([ANNE, BORIS, CHANNEL]),
        Medium.EMAIL: sorted([DPO, LEAD]),
    }
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        breach_claims.become_aware(session, breach, NOW + hours(5), by=BY, now=NOW + hours(7))

    assert tick_through(clock, (7, 12, 16.9)) == [False, False, False]
    assert unsent(desk) == []
    assert rungs(desk, reference) == ["S+6"]


def test_a_doubt_and_the_deadline_that_ring_together_are_one_message_to_everybody_of_both(desk: Desk) -> None:
    reference, clock = opened(desk, aware_at=None, suspected_at=NOW, lead=None), BreachLadder(desk)

    clock.tick(now=NOW + hours(12))

    assert sorted(rungs(desk, reference)) == ["C+15m", "C+60m", "S+12", "S+6", "T-36"]
    assert told(desk, reference, "T-36") == {
        Medium.SLACK: sorted([ANNE, CHANNEL]),
        Medium.EMAIL: sorted([DPO, ESCALATION]),
    }
    assert len(unsent(desk)) == 4


def test_a_suspicion_of_long_ago_is_not_asked_about_for_the_past(desk: Desk) -> None:
    reference, clock = opened(desk, aware_at=None, suspected_at=NOW - hours(10)), BreachLadder(desk)

    assert tick_through(clock, (0, 1.9, 2)) == [False, False, True]
    assert rungs(desk, reference) == ["T-36", "S+12"] or rungs(desk, reference) == ["S+12", "T-36"]


def test_the_operators_own_clock_rings_lead_and_dpo_until_the_cnil_was_told(database: Database) -> None:
    fill(database)
    desk = desk_of(database, telecom_operator=TelecomOperator.YES)
    reference, clock = opened(desk), BreachLadder(desk)
    tick_through(clock, (0, 12, 20))
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        append_facts(session, breach, {FactName.CNIL_TOLD_AT: NOW + hours(21)}, by=BORIS, now=NOW + hours(21))
        breaches.record(session, breach, "breach-facts", by=BY, now=NOW + hours(21))

    assert tick_through(clock, (21, 23, 25)) == [False, False, True]

    assert rungs(desk, reference) == ["T-36", "telecom-12", "telecom-4", "T-24"]
    assert told(desk, reference, "telecom-4") == {
        Medium.SLACK: sorted([ANNE, BORIS, CHANNEL]),
        Medium.EMAIL: sorted([DPO, LEAD]),
    }


def test_an_outage_rings_towards_the_goal_of_24_hours_also_when_every_customer_is_told(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        known: dict[FactName, Value] = {FactName.NATURE: ("availability",), FactName.STARTED_AT: NOW}
        known[FactName.ENDED_AT] = ONGOING
        append_facts(session, breach, known, by=BORIS, now=NOW)
        tell_all(session, breach)

    tick_through(clock, (0, 12, 20, 23, 24, 25, 48))

    names = [f"restoration{step}" for step in ("-12", "-4", "-1", "-0", "+1", "+24")]
    assert rungs(desk, reference) == names


@pytest.mark.parametrize("how", ["told", "excluded", "accepted"])
def test_the_last_customer_told_withdraws_no_rung_of_another_clock(desk: Desk, how: str) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        append_facts(session, breach, {FactName.NATURE: ("availability",)}, by=BORIS, now=NOW)
        breaches.record(session, breach, "breach-facts", by=BY, now=NOW)
    tick_through(clock, (12, 23))
    assert rungs(desk, reference)[-1] == "restoration-1"

    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        for one in breach.affected:
            if how == "told":
                calls.record_told(
                    session, breach, one.customer, means=Means.TELEPHONE, at=NOW, by=BY, now=NOW + hours(23)
                )
            elif how == "excluded":
                breach_excluding.exclude_customer(session, breach, one.customer, "Left us", by=BY, now=NOW + hours(23))
            else:
                sent = queue_notice(session, one)
                outcomes.record(session, [outcomes.Accepted(sent.id, "250 ok", "aa")], by=BY, now=NOW + hours(23))

    with desk.database.reading() as session:
        waiting = select(Reminder.rung).join(Delivery).where(Delivery.due_at.is_not(None)).distinct()
        assert [one.partition("@")[0] for one in session.scalars(waiting)] == ["restoration-1"]


# --- the words ---


def test_until_a_notice_is_out_each_rung_of_the_deadline_asks_whether_to_send_what_is_known(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    tick_through(clock, (0, 24))
    asked = letters(desk)
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        at = NOW + hours(25)
        session.add(Notice(breach_id=breach.id, version=1, prepared_at=NOW, approved_at=at, approved_by=BORIS))

    clock.tick(now=NOW + hours(36))

    assert all("Envoyer maintenant ce que l’on sait\u00a0?" in text for text in asked)
    assert "Envoyer maintenant" not in "".join(letters(desk)[len(asked) :])
    assert len(letters(desk)) == 4


def test_a_rung_that_is_answered_before_its_post_is_not_said(desk: Desk) -> None:
    reference, clock = opened(desk, aware_at=None, suspected_at=NOW), BreachLadder(desk)
    tick_through(clock, (0, 6))
    with desk.database.begin() as session:
        [first, *_] = list(session.scalars(select(Delivery).where(Delivery.topic == "breach_reminder")))
        post = prepare(session, first, channel="C01", language="en", now=NOW + hours(6))
        breach = breaches.get_breach(session, reference)
        breach_claims.become_aware(session, breach, NOW + hours(1), by=BY, now=NOW + hours(7))

        assert post is not None
        assert "a breach or not?" in post.said.text
        assert prepare(session, first, channel="C01", language="en", now=NOW + hours(7)) is None


# --- the record decides ---


def test_a_newer_rung_speaks_instead_of_what_its_readers_have_not_got_yet_and_of_nothing_else(desk: Desk) -> None:
    reference, clock = opened(desk, lead=None), BreachLadder(desk)
    tick_through(clock, (0, 1, 12))

    waiting = [(one.recipient, one.medium) for one in unsent(desk)]

    assert rungs(desk, reference) == ["C+15m", "C+60m", "T-36"]
    assert sorted(waiting) == sorted(
        [
            (DPO, Medium.EMAIL),
            (ESCALATION, Medium.EMAIL),
            (CHANNEL, Medium.SLACK),
            (ANNE, Medium.SLACK),
        ]
    )


def test_sixty_hours_at_once_are_one_message_for_each_reader(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)

    assert tick_through(clock, (60, 60.01)) == [True, False]

    assert len(rungs(desk, reference)) == 7 + 12
    assert told(desk, reference, "T+12")[Medium.SLACK] == sorted([BORIS, CHANNEL])
    assert len(unsent(desk)) == 2 + 3


def test_two_bots_ring_once(desk: Desk) -> None:
    reference = opened(desk)

    rang = together(4, lambda _: ring_breach(desk, reference, now=NOW + hours(13)))

    assert sorted(rang) == [False, False, False, True]
    assert rungs(desk, reference) == ["T-36"]


def test_a_bot_that_starts_anew_goes_on_where_the_last_one_stopped(desk: Desk) -> None:
    reference = opened(desk)
    BreachLadder(desk).tick(now=NOW + hours(13))

    rang = [BreachLadder(desk).tick(now=NOW + hours(at)) for at in (13.1, 24, 24.1)]

    assert rang == [[], [reference], []]


def test_a_clock_that_goes_back_rings_nothing_twice(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)

    assert tick_through(clock, (24, 11, 12.5, 24.5, 36)) == [True, False, False, False, True]
    assert rungs(desk, reference) == ["T-36", "T-24", "T-12"]


def test_a_breach_whose_customers_are_told_is_silent_and_one_found_later_rings_at_once(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    with desk.database.begin() as session:
        tell_all(session, breaches.get_breach(session, reference))
    assert tick_through(clock, (0, 12, 24, 50)) == [False] * 4

    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        named = customers.get_customers(session, ["C0002"])
        breach_customers.add_customers(session, breach, named, by=BY, now=NOW + hours(50))

    assert tick_through(clock, (50.1, 50.2, 51)) == [True, False, True]


def test_a_closed_breach_rings_no_more(desk: Desk) -> None:
    reference, clock = opened(desk, aware_at=None, suspected_at=NOW, lead=None), BreachLadder(desk)
    tick_through(clock, (0, 6))
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        breach_closing.close_as_no_breach(session, breach, "a test", by=BY, now=NOW + hours(7))

    assert tick_through(clock, (7, 12, 24, 48, 60)) == [False] * 5
    assert unsent(desk) == []
    with desk.database.begin() as session, pytest.raises(BreachClosed):
        breaches.refuse_closed(breaches.get_breach(session, reference))


def test_one_that_cannot_ring_does_not_keep_the_others_from_it(desk: Desk) -> None:
    broken, sound = opened(desk), opened(desk)
    clock = BreachLadder(desk)
    clock.tick(now=NOW)
    with desk.database.begin() as session:
        one = breaches.get_breach(session, broken)
        session.execute(delete(Affected).where(Affected.breach_id == one.id))
        session.execute(delete_claims(one))
        session.execute(delete(Breach).where(Breach.id == one.id))

    assert clock.tick(now=NOW + hours(12)) == [sound]


# --- what it costs ---


def test_a_quiet_tick_asks_one_question_however_many_are_open(desk: Desk) -> None:
    for _ in range(20):
        opened(desk)
    clock, asked = BreachLadder(desk), []
    clock.tick(now=NOW)
    event.listen(desk.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    clock.tick(now=NOW + hours(0.5))

    assert len([one for one in asked if one.startswith("SELECT")]) == 1


@pytest.mark.parametrize("many", [5, 40])
def test_silent_breaches_are_looked_at_together(desk: Desk, many: int) -> None:
    with desk.database.begin() as session:
        for _ in range(many):
            named = customers.get_customers(session, ["C0001"])
            tell_all(session, open_breach(session, *named, aware_at=NOW, lead=BORIS))
    clock, asked = BreachLadder(desk), []
    clock.tick(now=NOW)
    event.listen(desk.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    clock.tick(now=NOW + hours(12))
    clock.tick(now=NOW + hours(13))

    assert len([one for one in asked if "FROM affected" in one]) == 1
    assert sum("FROM breach_fact" not in one for one in asked if one.startswith("SELECT")) <= 10


# --- in an outage of Slack ---


def test_the_lead_gets_by_mail_what_slack_does_not_take_once(desk: Desk) -> None:
    from bot.outage import Health, StandIn

    class Out(Health):
        def __init__(self) -> None:
            super().__init__(0.0)
            self.failed("channel_not_found", in_channel=True)

    reference, clock, stand_in = opened(desk), BreachLadder(desk), StandIn(desk, Out())
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        telling.tell_opened(session, breach, desk.settings, now=NOW)
        telling.tell_thread(session, reference, "breach_aware", now=NOW)
    opening = len(letters(desk))
    clock.tick(now=NOW + hours(12))

    for _ in range(3):
        stand_in.tick(now=NOW + hours(12))

    assert opening == 3
    assert told(desk, reference, "T-36")[Medium.EMAIL] == sorted([DPO, LEAD, ESCALATION])
    assert len(letters(desk)) == opening + 3
    with desk.database.reading() as session:
        put_down = session.scalars(select(Delivery.topic).where(Delivery.recipient == "by-mail")).all()
    assert put_down == ["breach_aware"]


def tell_all(session: Any, breach: Breach) -> None:
    """Every customer was reached by telephone."""
    for affected in breach.affected:
        calls.record_told(session, breach, affected.customer, means=Means.TELEPHONE, at=NOW, by=BY, now=NOW)


def delete_claims(breach: Breach) -> Any:
    from storage.models import Claim

    return delete(Claim).where(Claim.breach_id == breach.id)


def letters(desk: Desk) -> list[str]:
    """What the e-mails about breaches say, oldest first."""
    with desk.database.reading() as session:
        mails = select(Delivery.text).where(Delivery.medium == Medium.EMAIL).order_by(Delivery.id)
        return [text or "" for text in session.scalars(mails)]
