"""The auditor: what should have been told of open breaches is told, reported, and only then the monitor hears of us."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from bot import telling
from bot.auditing import AT_ONCE, REPAIRED, Auditor, Repaired, find_faulty, repair
from bot.breach_ladder import BreachLadder
from bot.desk import Desk
from bot.heartbeat import ping
from bot.letters import write_mail
from bot.posting import prepare
from bot.settings import BotSettings
from storage import breach_outbox, breaches, customers, heartbeats, journal
from storage.announcements import CHANNEL
from storage.clock import real_now
from storage.database import Database
from storage.models import Delivery, Reminder, Staff
from storage.types import Medium, Purpose, Role
from templates import DRILL_MARK, LANGUAGES
from tests.bot_support import ANNE, BORIS, ESCALATION, fill
from tests.playground import people
from tests.storage_support import NOW, hours, open_breach, queries, together
from tests.test_breach_ladder import desk_of


class Monitor(BaseHTTPRequestHandler):
    """A monitor outside: remembers what it was asked for, and answers as told."""

    asked: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, location = self.answers.get(self.path, (200, ""))
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


@contextmanager
def listening() -> Iterator[str]:
    """The URL of a monitor."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Monitor)
    thread = Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    Monitor.asked.clear()
    Monitor.answers.clear()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def monitor() -> Iterator[str]:
    with listening() as url:
        yield url


@pytest.fixture
def desk(database: Database) -> Desk:
    fill(database)
    return desk_of(database)


def opened(desk: Desk, *, tell: bool = True, lead: str | None = BORIS) -> str:
    with desk.database.begin() as session:
        breach = open_breach(session, *customers.get_customers(session, ["C0001"]), aware_at=NOW, lead=lead)
        if tell:
            telling.tell_opened(session, breach, desk.settings, now=NOW)
        return breach.reference


def faulty(desk: Desk, at: float) -> list[str]:
    with desk.database.reading() as session:
        return find_faulty(session, desk, now=NOW + hours(at))


def deliveries(desk: Desk, **columns: Any) -> list[Delivery]:
    with desk.database.reading() as session:
        found = list(session.scalars(select(Delivery).filter_by(**columns).order_by(Delivery.id)))
        session.expunge_all()
        return found


def all_sent(desk: Desk, *, at: float = 0) -> None:
    """Everything queued until now has been taken."""
    with desk.database.begin() as session:
        waiting = update(Delivery).where(Delivery.due_at.is_not(None))
        session.execute(waiting.values(accepted_at=NOW + hours(at), due_at=None))
        heartbeats.beat(session, "mail", now=real_now())


def audit(desk: Desk, at: float, url: str | None = None) -> list[Repaired] | None:
    """One whole audit."""
    return look_twice(Auditor(desk, url, every=0.0), at)


def look_twice(auditor: Auditor, at: float) -> list[Repaired] | None:
    """One whole audit of one auditor: where something is doubtful it needs a second look."""
    first = auditor.tick(now=NOW + hours(at))
    return first if first is not None else auditor.tick(now=NOW + hours(at))


# --- what is missing ---


def test_what_was_told_as_it_should_be_is_in_order(desk: Desk) -> None:
    opened(desk)
    clock = BreachLadder(desk)
    for at in (12, 24, 36, 47, 60):
        clock.tick(now=NOW + hours(at))
        assert faulty(desk, at) == []


def test_a_rung_that_did_not_ring_is_rung_and_reported(desk: Desk) -> None:
    reference = opened(desk)
    all_sent(desk)

    with capture_logs() as log:
        repaired = audit(desk, 24.5)

    assert repaired == [Repaired(reference, 2 + 4)]
    assert faulty(desk, 24.5) == []
    assert [(line["event"], line["case"]) for line in log if line["event"] == "breach-repaired"] == [
        ("breach-repaired", reference)
    ]
    [post] = deliveries(desk, topic=REPAIRED)
    assert (post.recipient, post.purpose, post.case) == (CHANNEL, Purpose.ALERT, reference)
    [mail] = deliveries(desk, topic="breach_audit")
    assert mail.recipient == people.ANNE.email
    assert f"- {reference}\u00a0: 6 rappels ou messages" in (mail.text or "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_counts_what_was_missing_and_says_what_is_a_drill(language: str) -> None:
    repaired = (Repaired("BR-2026-0001", 1), Repaired("DRILL-2026-0001", 2))
    words = write_mail("breach_audit", language, repaired=repaired, company="Kavkom")

    for text in (words.text, re.sub("<[^>]+>", "", words.html or "")):
        breach, drill = (line for line in text.splitlines() if "-2026-" in line)
        assert breach.endswith({"fr": "1 rappel ou message", "en": "1 reminder or message"}[language])
        assert drill.endswith({"fr": "2 rappels ou messages", "en": "2 reminders or messages"}[language])
        assert (DRILL_MARK in breach, DRILL_MARK in drill) == (False, True)


def test_a_hole_between_rungs_is_found(desk: Desk) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    for at in (12, 24):
        clock.tick(now=NOW + hours(at))
    with desk.database.begin() as session:
        [first, _] = session.scalars(select(Reminder).order_by(Reminder.due_at)).all()
        session.execute(delete(Delivery).where(Delivery.reminder_id == first.id))
        session.execute(delete(Reminder).where(Reminder.id == first.id))

    assert faulty(desk, 24.1) == [reference]


@pytest.mark.parametrize("medium", Medium)
def test_a_delivery_of_the_newest_rung_that_is_missing_is_queued_once(desk: Desk, medium: Medium) -> None:
    reference, clock = opened(desk), BreachLadder(desk)
    clock.tick(now=NOW + hours(24))
    with desk.database.begin() as session:
        of_rung = (Delivery.purpose == Purpose.REMINDER, Delivery.medium == medium)
        gone = session.scalars(select(Delivery.key).where(*of_rung)).all()
        session.execute(delete(Delivery).where(*of_rung))

    repaired = [repair(desk, reference, now=NOW + hours(24)) for _ in range(2)]

    assert repaired == [Repaired(reference, 2), Repaired(reference, 0)]
    assert {one.key for one in deliveries(desk, medium=medium, purpose=Purpose.REMINDER)} == set(gone)


def test_an_opening_that_nobody_was_told_of_is_told(desk: Desk) -> None:
    reference = opened(desk, tell=False)

    assert repair(desk, reference, now=NOW + hours(1)) == Repaired(reference, 2 + 3)

    told = {one.recipient for one in deliveries(desk, topic="breach_opened")}
    assert told == {ANNE, BORIS, people.ANNE.email, people.BORIS.email, ESCALATION}


def test_a_hundred_rungs_that_rang_together_are_in_order(desk: Desk) -> None:
    reference = opened(desk)
    BreachLadder(desk).tick(now=NOW + hours(48 + 100))
    with desk.database.reading() as session:
        assert len(session.scalars(select(Reminder).where(Reminder.case == reference)).all()) > AT_ONCE

    assert faulty(desk, 48 + 100) == []


def test_a_ring_of_the_call_sheet_does_not_hide_the_rung_before_it(desk: Desk) -> None:
    reference = opened(desk)
    BreachLadder(desk).tick(now=NOW + hours(24))
    later = NOW + hours(25)
    with desk.database.begin() as session:
        session.execute(delete(Delivery).where(Delivery.purpose == Purpose.REMINDER))
        session.add(Reminder(case=reference, rung=f"call-sheet@{later.isoformat()}", due_at=later, rung_at=later))

    assert faulty(desk, 25) == [reference]


def test_whoever_takes_the_lead_later_is_not_told_again_of_what_was_before(desk: Desk) -> None:
    reference = opened(desk, lead=None)
    BreachLadder(desk).tick(now=NOW + hours(24))
    with desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        breach.lead, breach.lead_at = BORIS, NOW + hours(25)

    assert faulty(desk, 26) == []


def test_a_dpo_who_joins_hears_of_every_open_breach(desk: Desk) -> None:
    reference = opened(desk)
    with desk.database.begin() as session:
        new = Staff(slack_user="U04DORA", name="Dora", email="dora@kavkom.example", role=Role.DPO, language="en")
        session.add(new)

    assert audit(desk, 1) == [Repaired(reference, 2)]
    assert {one.recipient for one in deliveries(desk, topic="breach_opened")} >= {"U04DORA", "dora@kavkom.example"}


def test_what_falls_due_between_two_looks_is_no_fault(desk: Desk) -> None:
    opened(desk)
    all_sent(desk)
    auditor = Auditor(desk, every=0.0)
    assert auditor.tick(now=NOW + hours(12)) is None

    BreachLadder(desk).tick(now=NOW + hours(12))

    assert auditor.tick(now=NOW + hours(12)) == []
    assert deliveries(desk, topic=REPAIRED) == []


def test_a_closed_breach_is_not_audited(desk: Desk) -> None:
    reference = opened(desk, tell=False)
    with desk.database.begin() as session:
        breaches.get_breach(session, reference).closed_at = NOW

    assert faulty(desk, 60) == []
    assert repair(desk, reference, now=NOW + hours(60)) == Repaired(reference, 0)


def test_two_bots_repair_once(desk: Desk) -> None:
    reference = opened(desk, tell=False)

    repaired = together(4, lambda _: repair(desk, reference, now=NOW + hours(13)))

    assert sorted(one.count for one in repaired) == [0, 0, 0, 1 + 2 + 5]
    with desk.database.reading() as session:
        assert journal.verify(session) == []


def test_one_that_cannot_be_repaired_does_not_keep_the_others_from_it(desk: Desk, monitor: str) -> None:
    opened(desk)
    sound = opened(desk, tell=False)
    auditor = Auditor(desk, f"{monitor}/ping", every=0.0)
    with desk.database.begin() as session:
        heartbeats.beat(session, "mail", now=real_now())
    auditor._doubtful = ["BR-2026-9999", sound]

    assert auditor.tick(now=NOW) == [Repaired(sound, 5)]
    assert Monitor.asked == []
    assert audit(desk, 0, f"{monitor}/ping") == []
    assert Monitor.asked == ["/ping"]


def test_of_two_bots_one_audits(desk: Desk) -> None:
    auditors = [Auditor(desk, every=0.0) for _ in range(2)]

    audited = [one.tick(now=NOW) for one in auditors]

    assert audited == [[], None]


def test_the_post_says_how_much_was_missing(desk: Desk) -> None:
    reference = opened(desk, tell=False)
    repair(desk, reference, now=NOW + hours(1))

    with desk.database.reading() as session:
        post = session.scalars(select(Delivery).where(Delivery.topic == REPAIRED)).one()
        said = prepare(session, post, channel="C01", language="en", now=NOW)

    assert said is not None
    assert f"*{reference}*: 5 reminders or messages were missing and have been queued now." in said.said.text


def test_many_breaches_are_audited_in_parts(desk: Desk) -> None:
    with desk.database.begin() as session:
        for _ in range(AT_ONCE + 3):
            open_breach(session, aware_at=NOW, lead=BORIS)

    assert len(faulty(desk, 1)) == AT_ONCE + 3


def test_many_breaches_are_audited_by_as_many_queries_as_few_and_the_staff_are_read_once(desk: Desk) -> None:
    opened(desk)
    opened(desk, lead=None)
    BreachLadder(desk).tick(now=NOW + hours(46))
    with queries(desk.database) as few:
        assert faulty(desk, 46) == []
    for number in range(20):
        opened(desk, lead=BORIS if number % 2 else None)
    ladder = BreachLadder(desk)
    while ladder.tick(now=NOW + hours(46)):
        pass  # as many as fit into one tick

    with queries(desk.database) as many:
        assert faulty(desk, 46) == []

    assert len(many) == len(few)
    assert len([one for one in many if "FROM staff" in one]) == 1


# --- the sign of life ---


def test_the_monitor_hears_of_us_when_all_is_in_order_and_sent(desk: Desk, monitor: str) -> None:
    opened(desk)
    all_sent(desk)

    audit(desk, 1, f"{monitor}/ping/secret")

    assert Monitor.asked == ["/ping/secret"]


def test_the_monitor_hears_of_us_after_a_repair(desk: Desk, monitor: str) -> None:
    opened(desk)
    all_sent(desk)

    assert audit(desk, 12, monitor)

    assert len(Monitor.asked) == 1


@pytest.mark.parametrize("medium", Medium)
def test_what_one_medium_does_not_take_is_well_once_the_other_has_told_it(
    desk: Desk, monitor: str, medium: Medium
) -> None:
    opened(desk)
    with desk.database.begin() as session:
        mail_too = (Delivery.medium != medium, Delivery.topic == "breach_opened")
        session.execute(update(Delivery).where(*mail_too).values(accepted_at=NOW, due_at=None))
        heartbeats.beat(session, "mail", now=real_now())

    audit(desk, 1, monitor)

    assert len(Monitor.asked) == 1


def test_the_monitor_does_not_hear_of_us_while_neither_medium_tells_staff(desk: Desk, monitor: str) -> None:
    opened(desk)

    with capture_logs() as log:
        auditor = Auditor(desk, monitor, every=0.0)
        look_twice(auditor, 0.01)
        assert len(Monitor.asked) == 1
        look_twice(auditor, 1)

    assert len(Monitor.asked) == 1
    assert [line["event"] for line in log] == ["breach-outbox-stuck"]


@pytest.mark.parametrize(("minutes", "stuck"), [(1, 0), (6, 1)])
def test_a_notice_that_waits_while_mail_is_silent_is_stuck(desk: Desk, minutes: float, stuck: int) -> None:
    reference = opened(desk)
    all_sent(desk)
    with desk.database.begin() as session:
        heartbeats.beat(session, "mail", now=real_now() - minutes * timedelta(minutes=1))
        queue_notice(session, reference)

    with desk.database.reading() as session:
        found = breach_outbox.find_stuck(session, now=NOW + hours(1), real_now=real_now())

    assert len(found) == stuck


def queue_notice(session: Any, reference: str) -> None:
    from storage import outbox

    outbox.queue(
        session,
        "notice:1:1",
        medium=Medium.EMAIL,
        purpose=Purpose.NOTICE,
        topic="notice",
        recipient="contact@garage-du-lac.example",
        language="fr",
        case=reference,
        now=NOW,
    )


def test_a_redirect_is_followed_within_the_monitor_and_nowhere_else(monitor: str) -> None:
    with listening() as elsewhere:
        Monitor.answers |= {
            "/moved": (302, f"{monitor}/here"),
            "/away": (302, f"{elsewhere.replace('127.0.0.1', 'localhost')}/stolen"),
        }

        answers = [ping(f"{monitor}/moved"), ping(f"{monitor}/away")]

    assert answers == [True, False]
    assert Monitor.asked == ["/moved", "/here", "/away"]


def test_a_monitor_that_fails_is_logged_without_its_url(desk: Desk, monitor: str) -> None:
    Monitor.answers["/secret"] = (500, "")

    with capture_logs() as log:
        audit(desk, 0, f"{monitor}/secret")

    assert [line["event"] for line in log] == ["heartbeat-not-taken"]
    assert not ping("http://127.0.0.1:1/secret")
    assert "secret" not in str(log)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://monitor.example/ping/1", True),
        ("http://localhost:8000/1", True),
        ("http://127.0.0.1/1", True),
        ("http://monitor.example/ping/1", False),
        ("http://localhost.evil.example/1", False),
        ("ftp://localhost/1", False),
        ("https://", False),
    ],
)
def test_the_monitor_is_asked_by_https_except_on_this_machine(url: str, right: bool) -> None:
    def read() -> SecretStr | None:
        return BotSettings(
            _env_file=None,
            database_url=SecretStr("sqlite:///desk.db"),
            slack_bot_token=SecretStr("xoxb-1"),
            slack_app_token=SecretStr("xapp-1"),
            slack_channel="C01",
            heartbeat_url=SecretStr(url),
        ).heartbeat_url

    if right:
        assert read() == SecretStr(url)
    else:
        with pytest.raises(ValidationError, match="must begin with https://") as refusal:
            read()
        assert "evil" not in str(refusal.value)
