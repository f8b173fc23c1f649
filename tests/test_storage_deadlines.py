"""The arithmetic of the clocks: every test vector of the agreement for the 48 hours and the customer's month."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.breach_rungs import deadline_ladder
from storage.deadlines import (
    LADDER_HOURS,
    NOTIFICATION_WINDOW,
    PARIS,
    answer_date,
    month_later,
    notification_deadline,
)
from tests.storage_support import hours

DEADLINE = datetime(2026, 10, 25, 15, 40, tzinfo=UTC)
OPENED = DEADLINE - NOTIFICATION_WINDOW
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them so


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def in_paris(instant: datetime) -> str:
    return instant.astimezone(PARIS).strftime("%a %Y-%m-%d %H:%M %Z")


def names(*, now: datetime, opened_at: datetime = OPENED, pace: int = 1) -> list[str]:
    ladder = deadline_ladder(DEADLINE, LADDER_HOURS, pace=pace)
    return [rung.name for _, rung in ladder.due(opened_at=opened_at, now=now)]


# --- the 48 hours (clause 6) ---


@pytest.mark.parametrize(
    ("aware", "deadline"),
    [
        ("2026-10-23 17:40", "Sun 2026-10-25 16:40 CET"),
        ("2026-03-28 10:00", "Mon 2026-03-30 11:00 CEST"),
        ("2026-12-24 16:05", "Sat 2026-12-26 16:05 CET"),
    ],
)
def test_the_48_hours_are_real_hours_through_clock_changes_and_holidays(aware: str, deadline: str) -> None:
    assert in_paris(notification_deadline(aware_at=paris(aware), suspected_at=None)) == deadline


def test_a_suspicion_has_a_precautionary_deadline() -> None:
    suspected_at = paris("2026-10-23 17:40")

    assert notification_deadline(aware_at=None, suspected_at=suspected_at) == DEADLINE


def test_awareness_replaces_the_deadline_of_the_suspicion() -> None:
    suspected_at, aware_at = paris("2026-10-23 09:00"), paris("2026-10-23 17:40")

    assert notification_deadline(aware_at=aware_at, suspected_at=suspected_at) == DEADLINE


def test_there_is_no_deadline_without_an_instant() -> None:
    with pytest.raises(ValueError, match="needs the instant"):
        notification_deadline(aware_at=None, suspected_at=None)


@given(INSTANTS)
def test_a_deadline_is_in_utc_whatever_zone_it_was_counted_from(aware_at: datetime) -> None:
    deadline = notification_deadline(aware_at=aware_at.astimezone(PARIS), suspected_at=None)

    assert (deadline.tzinfo, deadline - aware_at) == (UTC, NOTIFICATION_WINDOW)


# --- the customer's month (GDPR 12(3)) ---


@pytest.mark.parametrize(
    ("day", "month_on"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2026-03-05", "2026-04-05"),
        ("2026-08-31", "2026-09-30"),
        ("2026-11-25", "2026-12-25"),
        ("2028-01-31", "2028-02-29"),
        ("2026-12-31", "2027-01-31"),
    ],
)
def test_the_month_ends_on_the_same_date_or_on_the_last_of_the_month(day: str, month_on: str) -> None:
    assert month_later(date.fromisoformat(day)) == date.fromisoformat(month_on)
    assert answer_date(paris(f"{day} 12:00")) == date.fromisoformat(month_on)


@pytest.mark.parametrize(
    ("received_at", "answer"),
    [
        (datetime(2026, 3, 4, 22, 59, tzinfo=UTC), date(2026, 4, 4)),
        (datetime(2026, 3, 4, 23, 0, tzinfo=UTC), date(2026, 4, 5)),
        (datetime(2026, 7, 4, 22, 0, tzinfo=UTC), date(2026, 8, 5)),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), date(2027, 2, 1)),
    ],
)
def test_the_month_begins_on_the_date_in_paris(received_at: datetime, answer: date) -> None:
    assert answer_date(received_at) == answer


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_a_month_never_leaves_the_following_month(day: date) -> None:
    found = month_later(day)

    assert 12 * found.year + found.month == 12 * day.year + day.month + 1
    assert found.day <= day.day


# --- the ladder ---


def test_the_ladder_rings_seven_times_until_the_deadline() -> None:
    assert names(now=DEADLINE) == ["T-36", "T-24", "T-12", "T-6", "T-3", "T-1", "T-0"]


@pytest.mark.parametrize("before", [hours(int(one)) for one in LADDER_HOURS])
def test_a_rung_falls_due_at_its_instant_and_not_before(before: timedelta) -> None:
    rung = f"T-{before // hours(1)}"

    assert names(now=DEADLINE - before)[-1] == rung
    assert rung not in names(now=DEADLINE - before - timedelta(microseconds=1))


def test_after_the_deadline_one_rings_every_hour() -> None:
    assert names(now=DEADLINE + hours(0.99))[-1] == "T-0"
    assert names(now=DEADLINE + hours(3))[-3:] == ["T+1", "T+2", "T+3"]
    assert names(now=DEADLINE + hours(100))[-1] == "T+100"


def test_rungs_from_before_the_opening_do_not_ring() -> None:
    late = DEADLINE - hours(7)

    assert names(now=late, opened_at=late) == []
    assert names(now=DEADLINE - hours(6), opened_at=late) == ["T-6"]


def test_a_breach_opened_after_its_deadline_rings_at_the_next_full_hour() -> None:
    late = DEADLINE + hours(5.5)

    assert names(now=late, opened_at=late) == []
    assert names(now=DEADLINE + hours(6), opened_at=late) == ["T+6"]


def test_a_rung_falls_due_by_the_clock_of_utc_also_when_the_clocks_go_back() -> None:
    ladder = deadline_ladder(DEADLINE, LADDER_HOURS)

    ((_, rung),) = ladder.due(opened_at=OPENED, now=DEADLINE - hours(36))

    assert in_paris(rung.at) == "Sat 2026-10-24 05:40 CEST"


def test_a_drill_climbs_the_same_ladder_faster() -> None:
    assert names(now=DEADLINE - timedelta(minutes=36), pace=60)[-1] == "T-36"
    assert names(now=DEADLINE + timedelta(minutes=2), pace=60)[-1] == "T+2"


@given(INSTANTS, st.floats(0, 500), st.floats(0, 500))
def test_rungs_only_ever_come_in_addition(opened_at: datetime, sooner: float, later: float) -> None:
    deadline, (first, second) = opened_at + NOTIFICATION_WINDOW, sorted((sooner, later))

    ladder = deadline_ladder(deadline, LADDER_HOURS)

    before = ladder.due(opened_at=opened_at, now=opened_at + hours(first))
    after = ladder.due(opened_at=opened_at, now=opened_at + hours(second))

    assert after[: len(before)] == before
