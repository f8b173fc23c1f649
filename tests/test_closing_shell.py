"""Closing a breach from a shell: what it leaves behind is said, and asked, before it is done."""

import io
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from storage import breaches, notices, outbox
from storage.clock import now
from storage.database import open_database
from storage.models import Delivery
from storage.types import DESK, Purpose
from tests.playground import people
from tests.test_bot_shell import breach_shell

Shell = Callable[..., tuple[int, str]]
BORIS_AT, CARLA_AT = people.BORIS.handle, people.CARLA.handle
WHY = ("--no-breach", "A test list of ours")


class Terminal(io.StringIO):
    """A person who types this; `meanwhile` happens once, while they think about the first answer."""

    def __init__(self, typed: str, meanwhile: Callable[[], object] | None = None) -> None:
        super().__init__(typed)
        self.meanwhile = meanwhile

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # as TextIOBase has it
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        return super().readline(-1 if size is None else size)


@pytest.fixture
def breach(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """`bot breach …`; `typed` at a terminal, or nobody can be asked."""
    shell = breach_shell(sqlite_url, tmp_path, monkeypatch, capsys)

    def run(
        *words: str, account: str = BORIS_AT, typed: str | None = None, meanwhile: Callable[[], object] | None = None
    ) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO() if typed is None else Terminal(typed, meanwhile))
        return shell(*words, account=account)

    return run


def opened(breach: Shell, *customers: str) -> str:
    named = [word for one in customers for word in ("--customer", one)]
    instant = (now() - timedelta(hours=1)).isoformat()
    return breach("open", "--summary", "A list", "--suspected-at", instant, *named)[1].split()[0]


def send(breach: Shell, reference: str, *, final: bool = False) -> None:
    assert breach("notice", reference, *(["--final"] if final else []))[0] == 0
    assert breach("approve", reference, "--yes", account=CARLA_AT)[0] == 0


def accept(url: str, most: int = 9) -> None:
    """A server takes the first `most` of the notices that wait."""
    database = open_database(url)
    with database.begin() as session:
        for one in session.scalars(select(Delivery).where(Delivery.purpose == Purpose.NOTICE).limit(most)):
            outbox.record_accepted(one, reply="250 ok", now=now())
    database.dispose()


def is_open(url: str, reference: str) -> bool:
    database = open_database(url)
    with database.reading() as session:
        still = breaches.get_breach(session, reference).closed_at is None
    database.dispose()
    return still


def test_ruling_out_says_what_is_withdrawn_and_who_was_told(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "C0001", "C0002")
    send(breach, reference)
    accept(sqlite_url, 1)
    breach("notice", reference, "--final")

    code, said = breach("close", reference, *WHY, typed="n\n")

    assert code == 1
    for line in (
        "will be closed as no breach, and stay in the register.",
        "Withdrawn, not sent yet: the notice to Hôtel Azur.",
        "Notice 2, prepared and not approved, goes to nobody.",
        "Told already, 1 of 2: Garage du Lac.",
        "somebody must tell them that it was none.",
        "As Boris Petit, handler (shell: boris.petit).",
        "Nothing was changed.",
    ):
        assert line in said
    assert is_open(sqlite_url, reference)
    assert "is closed: no breach." in breach("close", reference, *WHY, typed="y\n")[1]
    assert not is_open(sqlite_url, reference)


def test_ruling_out_asks_and_where_nobody_can_be_asked_wants_yes(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "C0001")

    code, said = breach("close", reference, *WHY)

    assert code == 2
    assert "No notice waits to be withdrawn." in said
    assert "No customer has been told." in said
    assert "say --yes" in said
    assert is_open(sqlite_url, reference)
    assert breach("close", reference, *WHY, "--yes")[0] == 0


def on_the_wire(notice: Delivery) -> None:
    notice.sending_at = now()


def delayed_by_its_server(notice: Delivery) -> None:
    outbox.record_accepted(notice, reply="250 ok", now=now())
    notice.delayed_at = now()


@pytest.mark.parametrize("became", [on_the_wire, delayed_by_its_server])
def test_a_notice_that_may_still_arrive_is_not_called_withdrawn(
    breach: Shell, sqlite_url: str, became: Callable[[Delivery], None]
) -> None:
    reference = opened(breach, "C0001")
    send(breach, reference)
    database = open_database(sqlite_url)
    with database.begin() as session:
        became(session.scalars(select(Delivery).where(Delivery.purpose == Purpose.NOTICE)).one())
    database.dispose()

    said = breach("close", reference, *WHY, typed="n\n")[1]

    assert "On its way already, not to be called back: the notice to Garage du Lac." in said
    assert "Withdrawn" not in said


@pytest.mark.parametrize("reason", ["x", " . ", "ok"])
def test_a_reason_that_says_nothing_is_asked_again(breach: Shell, sqlite_url: str, reason: str) -> None:
    reference = opened(breach, "C0001")

    assert "Say in a few words why." in breach("close", reference, "--no-breach", reason, "--yes")[1]
    assert "Say in a few words why." in breach("exclude", reference, "C0001", "--reason", reason)[1]
    assert is_open(sqlite_url, reference)


def test_closing_without_a_final_notice_says_so_before_and_after(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "C0001")
    breach("aware", reference, "--at", (now() - timedelta(minutes=30)).isoformat())
    send(breach, reference)
    accept(sqlite_url)

    code, said = breach("close", reference, typed="n\n")

    assert code == 1
    assert "No final notice went out: customers may still expect one" in said
    assert is_open(sqlite_url, reference)
    assert f"{reference} is closed; no final notice went out." in breach("close", reference)[1]


def test_after_the_final_notice_nothing_is_asked(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "C0001")
    send(breach, reference, final=True)
    accept(sqlite_url)

    said = breach("close", reference, typed="")[1]

    assert f"{reference} is closed.\n" in said
    assert "final" not in said


def test_a_ruled_out_breach_is_listed_as_such_and_counts_nobody_as_missing(breach: Shell) -> None:
    reference = opened(breach, "C0001", "C0002")
    assert "0 of 2 told" in breach("list")[1]
    breach("close", reference, *WHY, "--yes")

    [line] = breach("list")[1].splitlines()

    assert "closed, no breach  -  " in line
    assert "told" not in line


def test_what_would_go_to_nobody_is_said_and_not_sent(breach: Shell) -> None:
    reference = opened(breach)

    assert "There is nobody to send it to yet" in breach("notice", reference)[1]
    assert "nobody to send this notice to" in breach("approve", reference, "--yes", account=CARLA_AT)[1]
    breach("add", reference, "C0001")
    send(breach, reference)
    code, said = breach("send-added", reference, "--yes")
    assert code == 1
    assert "nobody to send this notice to" in said


def test_a_stale_approval_names_the_shells_way_on(breach: Shell) -> None:
    reference = opened(breach, "C0001")
    breach("notice", reference)
    breach("record", reference, "--persons", "12")

    assert f"python -m bot breach notice {reference}" in breach("approve", reference, "--yes", account=CARLA_AT)[1]


def test_whoever_was_spoken_to_has_a_role_or_a_name(breach: Shell) -> None:
    reference = opened(breach, "C0001")
    told = ("notified", reference, "C0001", "--means", "telephone")

    code, said = breach(*told)

    assert code == 2
    assert "Say whom you reached: --role, such as manager, or --person NAME." in said
    assert "was told by telephone" in breach(*told, "--person", "Jeanne")[1]
    assert "Say in a few words why." in breach("waive", reference, "C0001", "--reason", "x")[1]


MEANWHILE = "Meanwhile this has changed, and nothing was closed:\n"


@pytest.mark.parametrize("typed", ["y\nn\n", "y\ny\n"])
def test_a_notice_that_left_while_somebody_thought_is_said_and_asked_again(
    breach: Shell, sqlite_url: str, typed: str
) -> None:
    reference = opened(breach, "C0001", "C0002")
    send(breach, reference)

    code, said = breach("close", reference, *WHY, typed=typed, meanwhile=lambda: accept(sqlite_url, 1))

    assert "Withdrawn, not sent yet: the notice to Garage du Lac, Hôtel Azur." in said.split(MEANWHILE)[0]
    again = said.split(MEANWHILE)[1]
    assert "Withdrawn, not sent yet: the notice to Hôtel Azur." in again
    assert "Told already, 1 of 2: Garage du Lac." in again
    assert "will be closed as no breach" not in again
    assert (code, is_open(sqlite_url, reference)) == ((1, True) if "n" in typed else (0, False))


def test_what_another_person_closed_meanwhile_is_not_closed_again(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "C0001")

    def close_it() -> None:
        database = open_database(sqlite_url)
        with database.begin() as session:
            breaches.get_breach(session, reference).closed_at = now()
        database.dispose()

    code, said = breach("close", reference, *WHY, typed="y\n", meanwhile=close_it)

    assert code == 1
    assert "closed" in said
    assert MEANWHILE not in said


def test_a_further_notice_that_was_prepared_while_somebody_thought_is_said_before_closing(
    breach: Shell, sqlite_url: str
) -> None:
    reference = opened(breach, "C0001")
    breach("aware", reference, "--at", (now() - timedelta(minutes=30)).isoformat())
    send(breach, reference)
    accept(sqlite_url)

    def prepare() -> None:
        database = open_database(sqlite_url)
        with database.begin() as session:
            held = breaches.get_breach(session, reference)
            notices.prepare_notice(session, held, final=False, by=DESK, now=now())
        database.dispose()

    code, said = breach("close", reference, typed="y\nn\n", meanwhile=prepare)

    assert code == 1
    assert said.split(MEANWHILE)[1].startswith("Notice 2 is prepared and was never sent: it stays so.\n")
    assert is_open(sqlite_url, reference)
