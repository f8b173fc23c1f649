"""Who types at a shell: the real account, whom of the staff it is, and what it takes for two people."""

import pwd
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from storage import breaches, staff
from storage.clock import now
from storage.database import open_database
from storage.models import Breach, Entry, Notice, Staff
from storage.shell import shell_actor
from storage.types import SHELL, Actor, Role
from tests.bot_support import ANNE, BORIS, CARLA, fill
from tests.playground import people
from tests.test_bot_shell import breach_shell, call

Shell = Callable[..., tuple[int, str]]
ANNE_AT, BORIS_AT, CARLA_AT = people.ANNE.handle, people.BORIS.handle, people.CARLA.handle


@pytest.fixture
def breach(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """`bot breach …` from an account: the exit code, and all that it prints."""
    return breach_shell(sqlite_url, tmp_path, monkeypatch, capsys)


def opened(breach: Shell, *words: str, account: str = BORIS_AT) -> str:
    instant = (now() - timedelta(hours=1)).isoformat()
    how = words or ("--aware-at", instant)
    return breach("open", "--summary", "A list", "--customer", "C0001", *how, account=account)[1].split()[0]


def test_the_account_is_that_of_the_user_id_and_not_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "carla.levi")
    monkeypatch.setattr(pwd, "getpwuid", lambda number: SimpleNamespace(pw_name=f"account-{number}"))
    monkeypatch.setattr("os.getuid", lambda: 4711)

    assert shell_actor() == Actor("shell: account-4711", SHELL)


def test_an_account_without_a_name_is_called_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr("os.getuid", lambda: 4711)

    assert shell_actor() == Actor("shell: uid 4711", SHELL)


def test_one_person_is_not_two_however_the_accounts_differ(breach: Shell) -> None:
    reference = opened(breach)
    breach("notice", reference)

    same = breach("approve", reference, "--yes")
    claimed = breach("approve", reference, "--yes", "--by", CARLA, account="root")
    unknown = breach("approve", reference, "--yes", account="root")

    assert same[0] == claimed[0] == unknown[0] == 1
    assert "somebody other than the person who prepared" in same[1]
    assert "As Carla Levi, handler (shell: root as U03CARLA)." in claimed[1]
    assert "somebody other than the person who prepared" in claimed[1]
    assert "the account root is nobody’s" in unknown[1]
    assert "--by" in unknown[1]


def test_who_approves_is_named_and_recorded_with_the_account(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach)
    breach("notice", reference)

    code, said = breach("approve", reference, "--yes", account=CARLA_AT.upper())

    assert code == 0, said
    assert "As Carla Levi, handler (shell: CARLA.LEVI)." in said
    assert "is on its way to 1 customer." in said
    database = open_database(sqlite_url)
    with database.reading() as session:
        [notice] = session.scalars(select(Notice))
        entry = session.scalars(select(Entry).where(Entry.action == "notice-approved")).one()
        assert (notice.prepared_by, notice.approved_by) == ("shell: boris.petit", "shell: CARLA.LEVI")
        assert (entry.actor, entry.origin) == ("shell: CARLA.LEVI", "shell")
    database.dispose()


@pytest.mark.parametrize(
    ("first", "second", "two"),
    [
        (BORIS, Actor(CARLA, "slack"), True),
        (BORIS, Actor(BORIS, "slack"), False),
        ("shell: boris.petit", Actor("shell: carla.levi", SHELL), True),
        ("shell: boris.petit", Actor("shell: boris.petit", SHELL), False),
        ("shell: boris.petit", Actor(BORIS, "slack"), False),
        ("shell: boris.petit", Actor(CARLA, "slack"), True),
        (BORIS, Actor("shell: carla.levi", SHELL), True),
        ("shell: root", Actor("shell: carla.levi", SHELL), False),
        ("shell: root as U02BORIS", Actor(CARLA, "slack"), False),
        ("shell: boris.petit", Actor("shell: root as U03CARLA", SHELL), False),
        ("desk", Actor(CARLA, "slack"), False),
        ("", Actor(CARLA, "slack"), False),
    ],
)
def test_two_are_two_only_where_that_is_sure(sqlite_url: str, first: str, second: Actor, two: bool) -> None:
    database = open_database(sqlite_url)
    fill(database)
    with database.reading() as session:
        assert staff.are_two(session, first, second, now=now()) is two
    database.dispose()


def test_an_account_that_two_colleagues_share_is_nobodys(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    fill(database)
    with database.begin() as session:
        session.execute(update(Staff).where(Staff.slack_user == ANNE).values(email="boris.petit@elsewhere.example"))
    with database.reading() as session:
        assert staff.find_by_account(session, BORIS_AT, now=now()) is None
    database.dispose()


def set_staff(url: str, user: str, **values: object) -> None:
    database = open_database(url)
    with database.begin() as session:
        session.execute(update(Staff).where(Staff.slack_user == user).values(**values))
    database.dispose()


def test_a_viewer_may_report_at_a_shell_and_decide_nothing(breach: Shell, sqlite_url: str) -> None:
    set_staff(sqlite_url, BORIS, role=Role.VIEWER)

    reference = opened(breach)

    assert "handler" in breach("add", reference, "C0002")[1]
    assert "handler" in breach("notice", reference)[1]
    assert "handler" in breach("close", reference, "--yes")[1]
    assert breach("show", reference)[0] == 0


def test_who_has_left_decides_nothing_and_an_account_of_nobodys_may(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach)
    set_staff(sqlite_url, BORIS, active_until=now().date() - timedelta(days=2))

    assert "no longer" in breach("add", reference, "C0002")[1]
    assert "1 customer added" in breach("add", reference, "C0002", account="root")[1]


def test_awareness_is_made_later_by_the_dpo_alone(breach: Shell) -> None:
    reference = opened(breach, "--aware-at", "2026-10-23T14:00")
    later = ("aware", reference, "--at", "2026-10-23T16:00", "--later", "--reason", "It was looked into first")

    assert "the data protection officer" in breach(*later)[1]
    assert "the data protection officer" in breach(*later, "--by", BORIS, account="root")[1]
    assert "aware since 2026-10-23 16:00" in breach(*later, account=ANNE_AT)[1]


def test_whom_somebody_names_is_what_is_wrong_and_not_whoever_names(breach: Shell) -> None:
    reference = opened(breach)

    assert "U99 is not in the desk’s staff table" in breach("lead", reference, "U99")[1]
    assert "is led by Carla Levi" in breach("lead", reference, people.CARLA.email)[1]
    assert "That address is not in the desk’s staff table" in breach("lead", reference, "nobody@kavkom.example")[1]


def test_a_colleague_whose_role_does_not_reach_is_named(breach: Shell, sqlite_url: str) -> None:
    set_staff(sqlite_url, CARLA, role=Role.VIEWER)
    reference = opened(breach)

    assert "Carla Levi cannot do this: it needs the role of a handler." in breach("lead", reference, CARLA)[1]


def test_closing_names_a_person_of_the_staff(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "--suspected-at", (now() - timedelta(hours=1)).isoformat())
    close = ("close", reference, "--no-breach", "A test list of ours", "--yes")

    assert "the account root is nobody’s" in breach(*close, account="root")[1]
    assert "is closed: no breach." in breach(*close, "--by", people.BORIS.email, account="root")[1]
    database = open_database(sqlite_url)
    with database.reading() as session:
        assert breaches.get_breach(session, reference).closed_by == "shell: root as U02BORIS"
        assert session.scalars(select(Breach.no_breach_reason)).one() == "A test list of ours"
    database.dispose()


def test_a_draft_of_an_account_of_nobodys_is_sent_alone_when_nobody_comes(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach, "--aware-at", (now() - timedelta(hours=46)).isoformat())
    alone = ("approve", reference, "--alone", "--reason", "Slack is down", "--yes")

    assert "nobody can be known to be a second person" in breach("notice", reference, account="root")[1]
    assert "somebody other than the person" in breach("approve", reference, "--yes", account=CARLA_AT)[1]
    assert "the account root is nobody’s" in breach(*alone, account="root")[1]
    code, said = breach(*alone, "--by", BORIS, account="root")

    assert code == 0, said
    database = open_database(sqlite_url)
    with database.reading() as session:
        [notice] = session.scalars(select(Notice))
        assert (notice.approved_by, notice.alone_reason) == ("shell: root as U02BORIS", "Slack is down")
    database.dispose()


def test_a_colleague_takes_over_the_draft_of_an_account_of_nobodys(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach)
    breach("notice", reference, account="root")

    assert "until a colleague prepares it again" in breach("notice", reference, account="root")[1]
    assert f"Somebody else approves it: python -m bot breach approve {reference}" in breach("notice", reference)[1]
    assert "somebody other than the person" in breach("approve", reference, "--yes")[1]
    assert breach("approve", reference, "--yes", account=CARLA_AT)[0] == 0
    database = open_database(sqlite_url)
    with database.reading() as session:
        [notice] = session.scalars(select(Notice))
        assert (notice.version, notice.prepared_by) == (1, "shell: boris.petit")
    database.dispose()


@pytest.mark.usefixtures("breach")
def test_who_may_decide_nothing_looks_up_nobody_by_address(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_staff(sqlite_url, BORIS, role=Role.VIEWER)
    words = ("dsr", "find", "--from", "jeanne@example.org")

    codes = [call(monkeypatch, tmp_path, *words, account=one, DATABASE_URL=sqlite_url) for one in (BORIS_AT, CARLA_AT)]

    assert codes == [1, 0]
    assert "handler" in capsys.readouterr().err


def test_who_may_not_look_at_numbers_gets_no_call_sheet(breach: Shell, sqlite_url: str) -> None:
    reference = opened(breach)
    set_staff(sqlite_url, BORIS, role=Role.VIEWER)

    said = breach("calls", reference, "--all")[1]

    assert "handler" in said
    assert "Garage" not in said
