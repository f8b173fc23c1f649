"""The agreement's test vectors through Slack's date picker: people in Paris and Tel Aviv read right times."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.clock import now, real_now
from tests.bot_support import ANNE, CARLA, Desk, running_desk

PARIS, TEL_AVIV = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Jerusalem")
DATE = re.compile(r"<!date\^(\d+)\^\{date_short_pretty\} \{time\}\|(\d{4}-\d\d-\d\d \d\d:\d\d) UTC>")
VECTORS = {
    "an hour is repeated in Paris and Tel Aviv": ("2026-10-23 17:40", "2026-10-25 16:40 CET", "2026-10-25 17:40 IST"),
    "an hour is left out in Paris": ("2026-03-28 10:00", "2026-03-30 11:00 CEST", "2026-03-30 12:00 IDT"),
    "over Christmas": ("2026-12-24 16:05", "2026-12-26 16:05 CET", "2026-12-26 17:05 IST"),
}
"""When it became certain in Paris; the deadline as read in Paris, and in Tel Aviv (clause 6: 48 hours in UTC)."""


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def local(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def travel(desk: Desk, to: datetime) -> None:
    desk.move(seconds=(to - real_now()).total_seconds())


def read(text: str, zone: ZoneInfo) -> str:
    """The one instant of a text as Slack's client shows it to somebody there; its fallback says the same in UTC."""
    [(seconds, fallback)] = set(DATE.findall(text))
    instant = datetime.fromtimestamp(int(seconds), UTC)
    assert fallback == f"{instant:%Y-%m-%d %H:%M}"
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"


@pytest.mark.parametrize(("aware", "in_paris", "in_tel_aviv"), VECTORS.values(), ids=VECTORS)
@pytest.mark.parametrize("zone", [PARIS, TEL_AVIV], ids=["picked in Paris", "picked in Tel Aviv"])
def test_a_deadline_is_read_right_wherever_the_instant_was_picked(
    desk: Desk, aware: str, in_paris: str, in_tel_aviv: str, zone: ZoneInfo
) -> None:
    aware_at = local(aware, PARIS).astimezone(zone)
    travel(desk, aware_at + timedelta(minutes=10))
    form = desk.workspace.command(CARLA, "/breach").view
    assert form is not None

    reply = desk.workspace.submit(
        CARLA, form, {"noticed_at": aware_at, "certainty": "aware", "summary": "A list went astray"}
    )

    assert reply.view is not None
    [said] = re.findall(r"Deadline: [^*]*", str(reply.view["blocks"]))
    card = desk.wait_for_card("BR-2026-0001")
    [shown] = re.findall(r"\*Deadline: [^*]*\*", str(card.blocks))
    for text in (said.split(".")[0], shown, card.text):
        assert (read(text, PARIS), read(text, TEL_AVIV)) == (in_paris, in_tel_aviv)


@pytest.mark.parametrize(("aware", "in_paris", "in_tel_aviv"), VECTORS.values(), ids=VECTORS)
def test_awareness_picked_later_moves_the_deadline_to_the_same_instant_for_all(
    desk: Desk, aware: str, in_paris: str, in_tel_aviv: str
) -> None:
    aware_at = local(aware, PARIS)
    travel(desk, aware_at + timedelta(minutes=10))
    reference = desk.open_breach(hours_ago=3, aware=False)
    form = desk.workspace.click(CARLA, desk.wait_for_card(reference), "breach_aware").view
    assert form is not None
    desk.workspace.submit(CARLA, form, {"aware_at": aware_at.astimezone(TEL_AVIV)})

    card = desk.wait_for_card(reference, "Aware since")

    [deadline] = re.findall(r"\*Deadline: [^*]*\*", str(card.blocks))
    [since] = re.findall(r"Aware since [^(]*", str(card.blocks))
    assert (read(deadline, PARIS), read(deadline, TEL_AVIV)) == (in_paris, in_tel_aviv)
    assert read(since, PARIS) == f"{aware_at:%Y-%m-%d %H:%M %Z}"


def test_of_the_repeated_hour_both_instants_can_be_picked(desk: Desk) -> None:
    travel(desk, datetime(2026, 10, 25, 3, 0, tzinfo=UTC))
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS)
    first, second = (twice.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    reference = desk.open_breach(hours_ago=(now() - second) / timedelta(hours=1))
    form = desk.workspace.click(ANNE, desk.wait_for_card(reference), "breach_instants").view
    assert form is not None

    desk.workspace.submit(ANNE, form, {"instant_kind": "aware", "instant": first})

    assert second - first == timedelta(hours=1)
    breach = desk.breach(reference)
    assert breach.aware_at == first
    assert breach.deadline_at == first + timedelta(hours=48)
