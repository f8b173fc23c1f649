"""`python -m bot breach …`: what is known of a breach, for the day when Slack is down."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.fact_typing import UnreadableFact, read_fact
from storage import breaches
from storage.breach_facts import Value
from storage.breach_types import ONGOING, FactName
from storage.database import open_database
from tests.bot_support import BORIS, CARLA
from tests.playground import people
from tests.test_bot_shell import breach_shell

Shell = Callable[..., str]


@pytest.fixture
def breach(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """`bot breach …` with these settings: all that it prints."""
    shell = breach_shell(sqlite_url, tmp_path, monkeypatch, capsys)

    def run(*words: str, **settings: str) -> str:
        return shell(*words, account=people.ANNE.handle, **{"BREACH_LADDER": "20,0"} | settings)[1]

    return run


def opened(breach: Shell, *words: str) -> str:
    return breach("open", "--summary", "A list", *(words or ("--suspected-at", "2026-10-23T17:40"))).split()[0]


def test_what_is_known_is_recorded_and_shown_with_what_is_not(breach: Shell) -> None:
    reference = opened(breach, "--aware-at", "2026-10-23T17:40", "--customer", "C0001")

    done = breach(
        *("record", reference, "--account", "An export stood open", "--nature", "availability,confidentiality"),
        *("--data", "conversations", "--data", "billing", "--persons", "1 200", "--cause", "internal_accidental"),
        *("--started-at", "2026-10-23T09:00", "--ended-at", "ongoing", "--other-bodies", "Police"),
    )
    own = breach("record", reference, "--customer", "c0001", "--persons", "3")
    shown = breach("show", reference, TELECOM_OPERATOR="yes")

    assert "recorded account, nature, cause, data_kinds, persons, started_at, ended_at, other_bodies." in done
    assert "recorded persons" in own
    for line in (
        "what happened: An export stood open",
        "nature of the breach: confidentiality (seen or taken by somebody who should not), availability",
        "kinds of data: billing data, telephone conversations",
        "sensitive data: may contain anything said, including sensitive matters",
        "number of persons (approximate): 1200",
        "C0001: number of persons (approximate): 3",
        "start of the breach: 2026-10-23 09:00 CEST (Europe/Paris)",
        "end of the breach: it goes on",
        "measures in place before: not known yet",
        "aware 2026-10-23 17:40 CEST (Europe/Paris), said by",
        "goal: access restored by 2026-10-24 09:00 CEST (Europe/Paris), 24 hours from the start of the outage",
        "tells the French authority, CNIL, by 2026-10-24 17:40 CEST (Europe/Paris): not done yet",
        "reported: A list",
        "lead: nobody yet",
    ):
        assert line in shown
    assert "TELECOM_OPERATOR is not settled" in breach("show", reference, TELECOM_OPERATOR="unknown")
    assert "nothing new" in breach("record", reference, "--persons", "1200")


def test_every_claim_is_shown_and_awareness_is_made_later_only_with_a_reason(breach: Shell) -> None:
    reference = opened(breach, "--told-at", "2026-10-23T12:00")
    assert "detected 2026-10-22 08:00" in breach("claim", reference, "detected", "--at", "2026-10-22T08:00")
    assert "deadline 2026-10-25 13:00 CET" in breach("aware", reference, "--at", "2026-10-23T14:00")

    later = ("aware", reference, "--at", "2026-10-23T16:00")
    assert "The earliest instant counts" in breach(*later)
    assert "--later and --reason" in breach(*later, "--later")
    assert "--later and --reason" in breach(*later, "--reason", "It was looked into first")
    assert "deadline 2026-10-25 15:00 CET" in breach(*later, "--later", "--reason", "It was looked into first")

    shown = breach("show", reference)
    for line in (
        "told 2026-10-23 12:00 CEST",
        "detected 2026-10-22 08:00 CEST",
        "aware 2026-10-23 14:00 CEST",
        "because: It was looked into first",
    ):
        assert line in shown


def test_a_breach_is_led_by_a_handler_and_keeps_the_ladder_of_its_opening(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach)

    assert "is led by" in breach("lead", reference, BORIS)
    assert "is led by" in breach("lead", reference, CARLA)
    assert "staff table" in breach("lead", reference, "U0NOBODY")
    assert f"lead: {CARLA} since" in breach("show", reference)
    database = open_database(sqlite_url)
    with database.reading() as session:
        assert breaches.get_breach(session, reference).ladder == ("20", "0")
    database.dispose()


def test_an_old_breach_is_opened_and_its_deadline_said_to_be_past(breach: Shell) -> None:
    said = breach("open", "--summary", "A list", "--suspected-at", "2020-01-01T12:00")

    assert "precautionary deadline 2020-01-03 12:00 CET" in said
    assert "HAS ALREADY PASSED" in said


def test_why_it_was_no_breach_is_shown(breach: Shell) -> None:
    reference = opened(breach)

    breach("close", reference, "--no-breach", "A test list of ours", "--yes")

    assert "decided: A test list of ours" in breach("show", reference)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--nature", "secrecy"], "nature is one of: confidentiality, integrity, availability, unknown."),
        (["--persons", "many"], "persons is a whole number, such as 120, or unknown."),
        (["--started-at", "yesterday"], "such as 2026-10-23T17:40, or unknown."),
        (["--ended-at", "soon"], "ongoing, or unknown."),
        (["--account", "Call 06 12 34 56 78"], "telephone"),
        (["--started-at", "2199-01-01T00:00"], "lies in the future"),
        (["--customer", "C0002", "--persons", "1"], "C0002"),
        (["--started-at", "2026-10-23T17:40", "--ended-at", "2026-10-23T17:00"], "cannot have ended before it began"),
    ],
)
def test_what_cannot_be_recorded_gets_a_sentence(breach: Shell, words: list[str], sentence: str) -> None:
    reference = opened(breach)

    assert sentence in breach("record", reference, *words)
    assert "number of persons (approximate): not known yet" in breach("show", reference)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        (FactName.PERSONS, "unknown", None),
        (FactName.NATURE, ["Unknown"], None),
        (FactName.SENSITIVE_KINDS, ["none"], ()),
        (FactName.SENSITIVE_KINDS, ["sex-life", "health"], ("health", "sex_life")),
        (FactName.ORIGIN, "wrong recipient", "wrong_recipient"),
        (FactName.ENDED_AT, "ongoing", ONGOING),
        (FactName.DISCOVERY, " an alert, at night ", "an alert, at night"),
    ],
)
def test_what_is_typed_is_read_as_it_is_meant(name: FactName, typed: str | list[str], value: Value) -> None:
    assert read_fact(name, typed) == value


@pytest.mark.parametrize("typed", ["", "-1", "1.5", "³", "12345678901"])
def test_a_number_is_whole(typed: str) -> None:
    with pytest.raises(UnreadableFact):
        read_fact(FactName.PERSONS, typed)
