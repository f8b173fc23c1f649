"""The torture of the ladder, short: no rung lost, none after the end; and its judge sees what is lost and doubled."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from bot.breach_ladder import BreachLadder
from storage.announcements import CHANNEL
from storage.database import Database
from storage.models import Delivery
from storage.types import Medium, Purpose
from tests.bot_support import ANNE, BORIS, ESCALATION, fill
from tests.playground.model import Message
from tests.storage_support import NOW, hours
from tests.test_breach_ladder import desk_of, opened
from tests.torture.ladder_plan import DPO, LEAD, Case, LadderPlan
from tests.torture.ladder_run import LadderOutcome, LadderTorture, figures
from tests.torture.ladder_verdict import LadderVerdict, Wire, judge

DIRECT = {CHANNEL: "C01PRIVACY", BORIS: "D02BORIS", ANNE: "D01ANNE"}


def case(reference: str) -> Case:
    return Case(reference, NOW, NOW, is_aware=True, is_led=True, ends="never", ends_after=0)


def sent(database: Database, at: float) -> list[Message]:
    """Everything queued is posted and accepted; the messages."""
    posts = []
    with database.begin() as session:
        for one in session.query(Delivery).filter(Delivery.due_at.is_not(None)).order_by(Delivery.id):
            one.accepted_at, one.due_at, one.reply = NOW + hours(at), None, f"{one.id}.0"
            if one.medium is Medium.SLACK and one.purpose is not Purpose.CARD:
                posts.append(Message(DIRECT[one.recipient], f"{one.id}.0", f"{one.case} rings", []))
    return posts


def judged(database: Database, one: Case, posts: Iterable[Message], at: float) -> LadderVerdict:
    with database.reading() as session:
        return judge(session, [one], Wire(list(posts), {}), now=NOW + hours(at))


def test_a_run_in_which_all_is_told_is_clean(database: Database) -> None:
    fill(database)
    desk = desk_of(database)
    one, clock = case(opened(desk)), BreachLadder(desk)
    clock.tick(now=NOW + hours(12))

    verdict = judged(database, one, sent(database, 12), 12)

    assert (verdict.rungs, verdict.told, verdict.lost, verdict.doubled) == (1, 2, [], 0)
    assert verdict.is_clean


def test_a_rung_that_did_not_ring_a_post_that_is_nowhere_and_one_never_sent_are_seen(database: Database) -> None:
    fill(database)
    desk = desk_of(database)
    one, clock = case(opened(desk)), BreachLadder(desk)
    clock.tick(now=NOW + hours(12))
    unsent = judged(database, one, [], 12)
    posts = sent(database, 12)

    lost = judged(database, one, posts[:1], 24)

    assert len([line for line in unsent.lost if "never sent" in line]) == 2
    assert [line for line in lost.lost if "did not ring" in line] == [f"{one.reference}: T-24 did not ring"]
    assert len([line for line in lost.lost if "is nowhere" in line]) == 1


def test_a_doubled_post_and_one_after_the_closing_are_seen(database: Database) -> None:
    fill(database)
    desk = desk_of(database)
    one, clock = case(opened(desk)), BreachLadder(desk)
    clock.tick(now=NOW + hours(12))
    posts = sent(database, 12)
    one.ends, one.over_at, one.over_ts = "closed", NOW + hours(13), 1e9
    twice = Message(posts[0].channel, "2000000000.0", posts[0].text, [])

    verdict = judged(database, one, [*posts, twice], 14)

    assert verdict.doubled == 1
    assert len(verdict.after_the_end) == 1
    assert not verdict.is_clean


def test_who_must_hear_of_what_is_counted_apart_from_the_product() -> None:
    one = case("BR-2026-0001")

    assert one.audience(["T-36"]) == {(Medium.SLACK, CHANNEL), (Medium.SLACK, LEAD.id)}
    assert one.audience(["T-24", "T-3"]) - one.audience(["T-24"]) == {(Medium.EMAIL, ESCALATION)}
    assert (Medium.EMAIL, DPO.email) in one.audience(["S+6"])
    assert list(one.rungs(NOW + timedelta(hours=50))) == [
        "T-36",
        "T-24",
        "T-12",
        "T-6",
        "T-3",
        "T-1",
        "T-0",
        "T+1",
        "T+2",
    ]


def test_a_short_torture_loses_no_rung(sqlite_url: str, tmp_path: Path) -> None:
    plan = LadderPlan(breaches=4, deaths=2, fail=10, hours=48, step=16, patience=0.5)

    outcome = tortured(plan, sqlite_url, tmp_path)

    assert outcome.verdict.lost == []
    assert outcome.verdict.after_the_end == []
    assert outcome.deaths.total() == 2


def tortured(plan: LadderPlan, url: str, folder: Path) -> LadderOutcome:
    outcome = LadderTorture(plan, url, folder, lambda *_: None).run()
    print("\n".join(figures(plan, outcome)))  # noqa: T201 - shown when the test fails
    return outcome
