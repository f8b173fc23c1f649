"""The only clock: Paris times that people write, and the offset that only playground and tests may use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import clock
from storage.clock import UnreadableInstant, in_paris, read_instant


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-10-23 17:40", "2026-10-23T15:40:00+00:00"),
        ("2026-12-24T16:05", "2026-12-24T15:05:00+00:00"),
        (" 2026-10-23T17:40+05:00 ", "2026-10-23T12:40:00+00:00"),
        ("2026-10-23T17:40Z", "2026-10-23T17:40:00+00:00"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00"),  # twice that night: the earlier one
        ("2026-10-25 02:30+01:00", "2026-10-25T01:30:00+00:00"),  # the later one, when it is said
        ("2026-10-25 03:00", "2026-10-25T02:00:00+00:00"),
        ("2026-03-29 01:59", "2026-03-29T00:59:00+00:00"),
        ("2026-03-29 03:00", "2026-03-29T01:00:00+00:00"),
    ],
)
def test_a_time_without_an_offset_is_that_of_paris(written: str, instant: str) -> None:
    assert read_instant(written).isoformat() == instant


@pytest.mark.parametrize(
    "written",
    [
        *("2026-03-29 02:00", "2026-03-29 02:59", "2026-02-30 10:00"),
        *("", "yesterday", "23/10/2026 17:40"),
        *("0001-01-01 00:00", "9999-12-31T23:59-10:00"),
    ],
)
def test_an_hour_that_the_clocks_jump_over_and_what_is_no_time_are_refused(written: str) -> None:
    with pytest.raises(UnreadableInstant):
        read_instant(written)


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25 02:30 CEST (Europe/Paris)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25 02:30 CET (Europe/Paris)"),
        (datetime(2026, 10, 25, 15, 40, tzinfo=UTC), "2026-10-25 16:40 CET (Europe/Paris)"),
    ],
)
def test_an_instant_is_echoed_with_its_zone(instant: datetime, shown: str) -> None:
    assert in_paris(instant) == shown


@pytest.fixture
def offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that moves the clock, in a local workspace."""
    file = tmp_path / "offset"
    monkeypatch.setenv("CLOCK_OFFSET_FILE", str(file))
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:8400/api/")
    return file


def moved_by() -> timedelta:
    return clock.now() - clock.real_now()


def is_moved(hours: float) -> bool:
    return abs(moved_by() - timedelta(hours=hours)) < timedelta(minutes=1)


def test_the_offset_file_moves_the_desks_clock_and_not_the_real_one(offset: Path) -> None:
    offset.write_text("43200")

    assert is_moved(12)
    assert abs(clock.real_now() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "url",
    ["https://slack.com/api/", "https://SLACK.com/api/", "https://www.slack.com/api/", "https://slack.com:443/api"],
)
def test_the_offset_file_is_refused_for_slacks_own_url(offset: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    offset.write_text("43200")
    monkeypatch.setenv("SLACK_API_URL", url)

    assert is_moved(0)


def test_the_offset_file_is_refused_when_no_url_is_set(offset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offset.write_text("43200")
    monkeypatch.delenv("SLACK_API_URL")

    assert is_moved(0)


@pytest.mark.parametrize("content", ["", "nonsense", "nan", "inf", "1e300", "é"])
def test_an_unreadable_offset_is_none(offset: Path, content: str) -> None:
    offset.write_text(content, encoding="utf-8")

    assert is_moved(0)


def test_a_missing_offset_file_is_no_offset(offset: Path) -> None:
    assert not offset.exists()
    assert is_moved(0)
