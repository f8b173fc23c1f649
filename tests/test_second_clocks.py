"""The clocks beside the 48 hours, and the settings that they and the ladder are read from."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.settings import DeskSettings
from storage.breach_facts import BreachFacts
from storage.breach_types import ONGOING, TelecomOperator
from storage.models import Breach
from storage.second_clocks import RESTORATION, TELECOM, SecondClock, second_clocks
from storage.settings import BadSettings
from tests.storage_support import NOW, hours

URL = "sqlite:///desk.db"
BEFORE_THE_NIGHT = datetime(2026, 10, 24, 15, 40, tzinfo=UTC)
"""A Saturday, 17:40 in Paris: an hour is repeated in the night."""


def breach(**known: Any) -> Breach:
    return Breach(
        reference="BR-2026-0007", summary="", opened_at=NOW, opened_by="U01ANNE", deadline_at=NOW + hours(48), **known
    )


def clocks(facts: BreachFacts, telecom: TelecomOperator = TelecomOperator.NO, **known: Any) -> tuple[SecondClock, ...]:
    return second_clocks(breach(**(known or {"aware_at": NOW})), facts, telecom)


@pytest.mark.parametrize(
    ("ended_at", "done"), [(None, False), (ONGOING, False), (BEFORE_THE_NIGHT + timedelta(hours=3), True)]
)
def test_an_outage_is_to_end_24_hours_after_it_began_also_when_the_clocks_are_changed(
    ended_at: datetime | str | None, done: bool
) -> None:
    facts = BreachFacts(nature=("availability",), started_at=BEFORE_THE_NIGHT, ended_at=ended_at)

    [clock] = clocks(facts)

    assert clock == SecondClock(RESTORATION, datetime(2026, 10, 25, 15, 40, tzinfo=UTC), done)


def test_while_the_start_of_an_outage_is_not_known_it_is_counted_from_when_it_was_noticed() -> None:
    [clock] = clocks(BreachFacts(nature=("integrity", "availability")), aware_at=NOW, suspected_at=NOW - hours(3))

    assert clock == SecondClock(RESTORATION, NOW + hours(21), done=False, assumed=True)


def test_a_breach_that_took_nothing_away_has_no_second_clock() -> None:
    assert clocks(BreachFacts(nature=("confidentiality",), started_at=NOW)) == ()
    assert clocks(BreachFacts()) == ()


@pytest.mark.parametrize(
    ("known", "ends_at"),
    [
        ({"aware_at": NOW}, NOW + hours(24)),
        ({"aware_at": NOW, "detected_at": NOW - hours(9), "suspected_at": NOW - hours(9)}, NOW + hours(24)),
        ({"detected_at": NOW - hours(9), "suspected_at": NOW}, NOW + hours(15)),
        ({"told_at": NOW - hours(2)}, NOW + hours(22)),
    ],
)
def test_a_declared_operator_tells_the_cnil_within_24_hours_of_finding_it(
    known: dict[str, datetime], ends_at: datetime
) -> None:
    [clock] = clocks(BreachFacts(), TelecomOperator.YES, **known)
    [ended] = clocks(BreachFacts(cnil_told_at=NOW), TelecomOperator.YES, **known)

    assert clock == SecondClock(TELECOM, ends_at, done=False)
    assert ended.done


@pytest.mark.parametrize("telecom", [TelecomOperator.NO, TelecomOperator.UNKNOWN])
def test_nobody_else_has_that_clock(telecom: TelecomOperator) -> None:
    assert clocks(BreachFacts(), telecom) == ()


def test_the_second_clocks_of_a_drill_pass_at_its_pace() -> None:
    facts = BreachFacts(nature=("availability",), started_at=NOW)

    found = clocks(facts, TelecomOperator.YES, aware_at=NOW, pace=24)

    assert [clock.ends_at for clock in found] == [NOW + hours(1)] * 2


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", URL)
    return monkeypatch


def test_the_ladder_and_the_telecom_clock_are_settings(environ: pytest.MonkeyPatch) -> None:
    assert DeskSettings.load().breach_ladder == ("36", "24", "12", "6", "3", "1", "0")
    assert DeskSettings.load().telecom_operator is TelecomOperator.UNKNOWN
    environ.setenv("BREACH_LADDER", "40, 20,2")
    environ.setenv("TELECOM_OPERATOR", "yes")

    assert DeskSettings.load().breach_ladder == ("40", "20", "2")
    assert DeskSettings.load().telecom_operator is TelecomOperator.YES


@pytest.mark.parametrize("ladder", ["12,24", "6,6", "-1", "1.5", "72,3", "soon", ",", "³"])
def test_a_ladder_that_does_not_go_down_is_refused_with_an_example(environ: pytest.MonkeyPatch, ladder: str) -> None:
    environ.setenv("BREACH_LADDER", ladder)
    environ.setenv("TELECOM_OPERATOR", "perhaps")

    with pytest.raises(BadSettings) as refusal:
        DeskSettings.load()

    ladder_said, telecom_said = refusal.value.problems
    assert ladder_said.startswith("BREACH_LADDER ")
    assert "for example 36,24,12,6,3,1,0" in ladder_said
    assert "TELECOM_OPERATOR" in telecom_said
    assert "perhaps" not in telecom_said
