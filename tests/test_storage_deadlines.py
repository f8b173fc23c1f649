"""The arithmetic of the clocks: every test vector of the agreement that concerns the 48 hours and the month."""

from datetime import UTC, date, datetime, timedelta

import pytest

from storage.deadlines import PARIS, answer_date, due_rungs, month_later, notification_deadline

DEADLINE = datetime(2026, 10, 25, 15, 40, tzinfo=UTC)
OPENED = DEADLINE - timedelta(hours=48)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def utc(text: str) -> datetime:
    return paris(text).astimezone(UTC)


def rungs(*, now: datetime, opened_at: datetime = OPENED, pace: int = 1) -> list[str]:
    return [rung.name for rung in due_rungs(DEADLINE, opened_at=opened_at, now=now, pace=pace)]


# --- 48 hours ---


@pytest.mark.parametrize(
    ("aware", "deadline"),
    [
        ("2026-10-23 17:40", "2026-10-25 16:40 CET"),  # the clocks go back; by the wall clock it would be an hour late
        ("2026-03-28 10:00", "2026-03-30 11:00 CEST"),
        ("2026-12-24 16:05", "2026-12-26 16:05 CET"),  # Christmas does not stop it
    ],
)
@pytest.mark.parametrize("zone", [UTC, PARIS])
def test_customers_are_told_within_48_hours_not_wall_clock_hours(aware: str, deadline: str, zone: object) -> None:
    aware_at = utc(aware) if zone is UTC else paris(aware)

    found = notification_deadline(aware_at=aware_at, suspected_at=None)

    assert found.astimezone(PARIS).strftime("%Y-%m-%d %H:%M %Z") == deadline
    assert found.tzinfo is UTC


def test_a_suspicion_has_a_precautionary_deadline() -> None:
    suspected_at = utc("2026-10-23 17:40")

    assert notification_deadline(aware_at=None, suspected_at=suspected_at) == suspected_at + timedelta(hours=48)


def test_awareness_replaces_the_precautionary_deadline() -> None:
    suspected_at, aware_at = utc("2026-10-23 17:40"), utc("2026-10-24 09:00")

    found = notification_deadline(aware_at=aware_at, suspected_at=suspected_at)

    assert found == aware_at + timedelta(hours=48)


def test_a_breach_without_any_instant_has_no_deadline() -> None:
    with pytest.raises(ValueError, match="needs the instant"):
        notification_deadline(aware_at=None, suspected_at=None)


# --- the customer's month ---


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2026-03-05", "2026-04-05"),  # Easter Sunday: shown without roll-over
        ("2026-08-31", "2026-09-30"),
        ("2026-11-25", "2026-12-25"),
        ("2028-01-31", "2028-02-29"),
        ("2026-12-31", "2027-01-31"),
    ],
)
def test_the_month_to_answer_ends_on_the_same_date_or_the_last_day(received: str, answer: str) -> None:
    assert month_later(date.fromisoformat(received)) == date.fromisoformat(answer)
    assert answer_date(utc(f"{received} 12:00")) == date.fromisoformat(answer)


def test_the_month_is_counted_from_the_date_in_paris() -> None:
    last_minutes_of_january_in_utc = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)

    assert answer_date(last_minutes_of_january_in_utc) == date(2026, 3, 1)


# --- the ladder ---


@pytest.mark.parametrize(
    ("hours_left", "expected"),
    [
        (48, []),
        (36.01, []),
        (36, ["T-36"]),
        (24, ["T-36", "T-24"]),
        (12, ["T-36", "T-24", "T-12"]),
        (6, ["T-36", "T-24", "T-12", "T-6"]),
        (3, ["T-36", "T-24", "T-12", "T-6", "T-3"]),
        (1, ["T-36", "T-24", "T-12", "T-6", "T-3", "T-1"]),
        (0, ["T-36", "T-24", "T-12", "T-6", "T-3", "T-1", "T-0"]),
    ],
)
def test_each_rung_rings_when_its_hour_has_come(hours_left: float, expected: list[str]) -> None:
    assert rungs(now=DEADLINE - timedelta(hours=hours_left)) == expected


def test_after_the_deadline_a_rung_rings_every_hour_without_end() -> None:
    late_opened = DEADLINE

    assert rungs(now=DEADLINE + timedelta(minutes=59), opened_at=late_opened) == ["T-0"]
    assert rungs(now=DEADLINE + timedelta(hours=3), opened_at=late_opened) == ["T-0", "T+1", "T+2", "T+3"]
    assert len(rungs(now=DEADLINE + timedelta(hours=500), opened_at=late_opened)) == 501


def test_rungs_from_before_the_breach_was_opened_do_not_ring() -> None:
    opened_with_ten_hours_left = DEADLINE - timedelta(hours=10)

    assert rungs(opened_at=opened_with_ten_hours_left, now=DEADLINE - timedelta(hours=5)) == ["T-6"]


def test_a_rung_falls_due_by_the_clock_of_utc_also_when_the_clocks_go_back() -> None:
    (rung,) = due_rungs(DEADLINE, opened_at=OPENED, now=DEADLINE - timedelta(hours=36))

    assert rung.at.astimezone(PARIS).strftime("%Y-%m-%d %H:%M %Z") == "2026-10-24 05:40 CEST"


def test_a_drill_runs_at_its_pace() -> None:
    half_an_hour = DEADLINE - timedelta(minutes=30)

    assert rungs(now=half_an_hour, pace=60) == ["T-36"]
    assert rungs(now=DEADLINE + timedelta(minutes=2), opened_at=DEADLINE, pace=60) == ["T-0", "T+1", "T+2"]
