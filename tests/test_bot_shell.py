"""The bot's command line, as a person types it."""

import json
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.commands import app
from storage import breaches, outbox, requests, tasks
from storage.clock import now
from storage.database import open_database
from storage.types import DESK, TaskKind
from tests.bot_support import MANIFEST, fill, held_request
from tests.playground.people import ANNE, BORIS
from tests.playground.workspace import Workspace
from tests.storage_support import waive_all

HERE = Path(__file__).parent.parent


def environ(**changed: str) -> dict[str, str]:
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SLACK_", "DATABASE_", "IMAP_", "SMTP_", "ESCALATION_", "CLOCK_"))
    }
    return ours | {"PYTHONPATH": str(HERE)} | changed


def call(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, account: str = ANNE.handle, **settings: str
) -> int:
    """The same in this process, which is quicker, and from an account of the machine; the exit code."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=account))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        app(list(words), prog_name="python -m bot")
    return int(end.value.code or 0)


def breach_shell(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """`bot breach …` in this process, over a filled record: the exit code, and all that it prints."""
    database = open_database(url)
    fill(database)
    database.dispose()

    def breach(*words: str, account: str = BORIS.handle, **settings: str) -> tuple[int, str]:
        code = call(monkeypatch, folder, "breach", *words, account=account, **{"DATABASE_URL": url} | settings)
        said = capsys.readouterr()
        return code, said.out + said.err

    return breach


def run(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *words]
    return subprocess.run(
        command, cwd=folder, env=environ(**settings), capture_output=True, text=True, timeout=30, check=False
    )


def slack(workspace: Workspace, url: str, **changed: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
        "SLACK_CHANNEL": workspace.channel,
        "SLACK_API_URL": workspace.api_url,
    } | changed


@pytest.fixture
def filled_url(database_url: str) -> str:
    database = open_database(database_url)
    fill(database)
    database.dispose()
    return database_url


def test_a_breach_goes_its_whole_way_without_slack(
    filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = {"DATABASE_URL": filled_url, "ESCALATION_ADDRESSES": "direction@kavkom.example"}

    def breach(*words: str) -> str:
        call(monkeypatch, tmp_path, "breach", *words, **here)
        said = capsys.readouterr()
        return said.out + said.err

    opened = breach("open", "--suspected-at", "2026-10-23T17:40", "--summary", "A list", "--customer", "C0001")
    reference = opened.split()[0]
    assert "precautionary deadline 2026-10-25 16:40 CET (Europe/Paris)" in opened
    assert "Told: 1 of the staff, 1 escalation address." in opened
    assert "deadline 2026-10-25 17:00 CET" in breach("aware", reference, "--at", "2026-10-23T18:00")
    assert "1 customer added" in breach("add", reference, "C0002")
    assert "Garage du Lac, Hôtel Azur have not been told yet." in breach("close", reference)
    for customer in ("C0001", "C0002"):
        at = ("--means", "telephone", "--role", "manager", "--at", "2026-10-23T19:00")
        assert "was told by telephone" in breach("notified", reference, customer, *at)
    assert "were told in words only" in breach("close", reference)
    database = open_database(filled_url)
    with database.begin() as session:
        waive_all(session, breaches.get_breach(session, reference))
    database.dispose()
    assert "without a reason" in breach("close", reference)
    assert "is closed" in breach("close", reference, "--late-reason", "Opened in a test")
    assert "closed" in breach("list")
    assert "told 2026-10-23 19:00 CEST" in breach("show", reference)


def test_a_task_is_given_a_date_without_slack(
    filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(filled_url)
    with database.begin() as session:
        reference = held_request(session).reference
        tasks.open_task(session, reference, TaskKind.AUTHORITY, by=DESK, now=now())
    database.dispose()

    def dsr(*words: str) -> str:
        call(monkeypatch, tmp_path, "dsr", *words, DATABASE_URL=filled_url)
        said = capsys.readouterr()
        return said.out + said.err

    assert f"{reference}: task 1 is due 2199-12-04 12:00 CET (Europe/Paris)." in dsr(
        "due", reference.lower(), "1", "2199-12-04T12:00"
    )
    assert "since " in dsr("show", reference)
    assert "due 2199-12-04 12:00 CET" in dsr("show", reference)
    assert "2199-12-04 12:00 CET" in dsr("tasks")
    assert "which has passed: it rings now" in dsr("due", reference, "1", "2020-12-04T12:00")
    assert "no task with this number" in dsr("due", reference, "2", "2020-12-04T12:00")
    assert "is no date and time in Paris" in dsr("due", reference, "1", "tomorrow")
    dsr("finish-task", reference, "1")
    assert "already done" in dsr("due", reference, "1", "2199-12-04T12:00")


def test_the_days_figures_are_printed_without_slack(
    filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(filled_url)
    with database.begin() as session:
        held_request(session)
    database.dispose()

    def digest(*words: str) -> str:
        call(monkeypatch, tmp_path, "digest", *words, DATABASE_URL=filled_url)
        said = capsys.readouterr()
        return said.out + said.err

    assert "Waiting for a person: 1, the oldest for" in digest()
    assert "to Friday 24 October 2025, 08:00 (Paris time)" in digest("--date", "2025-10-24")
    assert "late" not in digest("--date", "2025-10-24")
    assert "is no day such as 2026-11-27, or it is still to come" in digest("--date", "2199-01-01")


def test_a_request_goes_its_whole_way_without_slack(
    filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(filled_url)
    with database.begin() as session:
        reference = held_request(session).reference

    def dsr(*words: str) -> str:
        call(monkeypatch, tmp_path, "dsr", *words, DATABASE_URL=filled_url)
        return capsys.readouterr().out

    assert reference in dsr("list")
    assert "is set aside" in dsr("set-aside", reference, "--reason", "spam")
    assert "waits for a person again" in dsr("take-back", reference)
    assert "on its way" in dsr("route", reference, "C0001")
    assert "Garage du Lac: routed" in dsr("show", reference)
    with database.reading() as session:
        [forward] = requests.get_request(session, reference).forwards
        assert forward.evidence == ("staff",)
    database.dispose()


def test_a_held_request_is_decided_in_every_way_without_slack(
    filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(filled_url)
    with database.begin() as session:
        request, other = held_request(session), held_request(session)
        request.message.sender = other.message.sender = "jeanne@example.org"
        reference, second = request.reference, other.reference

    def dsr(*words: str) -> str:
        call(monkeypatch, tmp_path, "dsr", *words, DATABASE_URL=filled_url, TWO_PERSONS="true")
        said = capsys.readouterr()
        return said.out + said.err

    assert "is yours" in dsr("take", reference)
    assert "with the data protection officer" in dsr("refer", reference)
    assert "say --yes" in dsr("ask", reference)
    assert "Quel numéro s’est affiché" in dsr("ask", reference, "--yes")
    assert "has not answered yet" in dsr("ask", reference, "--yes")
    assert "the person was asked" in dsr("show", reference)
    assert "is open about" in dsr("possible-breach", reference)
    assert "waits for a second person" in dsr("route", reference, "C0001")
    assert "proposes C0001 Garage du Lac" in dsr("show", reference)
    assert "A second person must agree" in dsr("route", reference, "C0001")
    assert "one customer at a time" in dsr("route", reference, "C0001", "C0002")
    assert "python -m bot dsr own" in dsr("set-aside", reference, "--reason", "own_controller")
    assert "waits for another decision" in dsr("reject", reference)
    assert "is for Kavkom itself; an answer is due by" in dsr("own", reference)
    assert "only after the person was asked" in dsr("close-unknown", second, "--yes")
    database.dispose()


def test_a_request_that_went_astray_is_recorded_without_slack(
    filled_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(filled_url)
    with database.begin() as session:
        reference = held_request(session).reference

    def bot(*words: str) -> str:
        call(monkeypatch, tmp_path, *words, DATABASE_URL=filled_url)
        said = capsys.readouterr()
        return said.out + said.err

    bot("dsr", "route", reference, "C0001")
    with database.begin() as session:
        outbox.record_accepted(requests.get_request(session, reference).forwards[0].deliveries[0], reply="", now=now())

    opened = bot("dsr", "misrouted", reference, "C0001", "--right", "C0002", "--yes")

    assert "is taken from C0001; BR-" in opened
    assert "WENT THERE BY MISTAKE" in bot("dsr", "show", reference)
    [breach] = re.findall(r"BR-\d{4}-\d{4}", opened)
    assert "is closed" in bot("breach", "close", breach, "--no-breach", "A test of ours", "--yes")
    database.dispose()


def test_a_breach_is_opened_by_a_process_of_its_own(sqlite_url: str, tmp_path: Path) -> None:
    words = ("breach", "open", "--aware-at", "2026-10-23T17:40+02:00", "--summary", "A list")

    done = run(tmp_path, *words, DATABASE_URL=sqlite_url)

    assert done.stdout.startswith("BR-")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["breach", "show", "BR-2019-0404"], "There is no case BR-2019-0404."),
        (["breach", "open", "--summary", "x"], "--aware-at"),
        (["breach", "open", "--summary", "x", "--aware-at", "yesterday"], "is no date and time"),
        (["breach", "open", "--summary", "x", "--aware-at", "2099-01-01T00:00"], "lies in the future"),
        (["breach", "open", "--summary", "x", "--aware-at", "2026-01-01", "--customer", "C9"], "no customer C9"),
        (["breach", "open", "--summary", " ", "--aware-at", "2026-01-01"], "Say what happened"),
        (["breach", "drill", "--summary", "", "--customer", "C0001", "--pace", "1"], "Say what happens"),
        (["breach", "add", "BR-2026-0001", "--active-from", "0001-01-01", "--active-to", "2026-01-01"], "no case BR"),
        (["breach", "opne"], "Did you mean “open”?"),
        (["dsr", "rout"], "Did you mean “route”?"),
        (["brech"], "Did you mean “breach”?"),
        (["breach", "notified", "BR-2026-0001", "C0001", "--means", "pigeon"], "pigeon"),
    ],
)
def test_a_wrong_word_gets_a_sentence(
    sqlite_url: str,
    tmp_path: Path,
    words: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = call(monkeypatch, tmp_path, *words, DATABASE_URL=sqlite_url)

    assert code in {1, 2}
    assert sentence in capsys.readouterr().err


def test_the_help_is_there_at_once_and_names_every_command(tmp_path: Path) -> None:
    started = time.monotonic()
    shown = run(tmp_path, "--help").stdout

    assert time.monotonic() - started < 3
    assert all(command in shown for command in ("breach", "dsr", "check", "manifest"))


def test_the_manifest_is_printed_as_it_stands(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "manifest").stdout) == json.loads(MANIFEST.read_text())


def test_all_wrong_settings_are_named_at_once_without_their_values(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        SLACK_BOT_TOKEN="secret-1",
        SLACK_CHANNEL="#privacy",
        ESCALATION_ADDRESSES="nobody",
        STAFF_LANGUAGE="de",
    )

    assert done.returncode == 78
    for name in (
        "DATABASE_URL",
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_CHANNEL",
        "ESCALATION_ADDRESSES",
        "STAFF_LANGUAGE",
    ):
        assert f"{name} " in done.stderr
    assert "secret-1" not in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_what_is_wrong_with_slack(sqlite_url: str, tmp_path: Path) -> None:
    with Workspace(MANIFEST) as workspace:
        well = run(tmp_path, "check", **slack(workspace, sqlite_url))
        assert well.returncode == 0, well.stderr
        strange = run(tmp_path, "check", **slack(workspace, sqlite_url, SLACK_CHANNEL="C404"))
        assert "SLACK_CHANNEL is not known to the bot" in strange.stderr
        wrong = run(tmp_path, "check", **slack(workspace, sqlite_url, SLACK_APP_TOKEN="xapp-somebody"))
        assert "SLACK_APP_TOKEN is refused by Slack (invalid_auth)" in wrong.stderr
        workspace.archive()
        workspace.share_channel()
        archived = run(tmp_path, "check", **slack(workspace, sqlite_url))
        assert archived.returncode == 69
        assert "SLACK_CHANNEL is archived" in archived.stderr
        assert "shared with another company" in archived.stderr
        workspace.revoke_token()
        assert "was revoked" in run(tmp_path, "check", **slack(workspace, sqlite_url)).stderr
        settings = slack(workspace, sqlite_url)
    assert "Slack cannot be reached" in run(tmp_path, "check", **settings).stderr


def test_check_names_a_missing_scope(sqlite_url: str, tmp_path: Path) -> None:
    manifest = json.loads(MANIFEST.read_text())
    manifest["oauth_config"]["scopes"]["bot"].remove("users:read")
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))

    with Workspace(path) as workspace:
        done = run(tmp_path, "check", **slack(workspace, sqlite_url))

    assert "lacks the scope users:read" in done.stderr


def test_the_running_bot_answers_and_ends_when_told_to(sqlite_url: str, tmp_path: Path) -> None:
    with Workspace(MANIFEST) as workspace:
        settings = slack(
            workspace, sqlite_url, SLACK_STAFF=ANNE.id, DPO_ADDRESS="dpo@kavkom.example", STAFF_LANGUAGE="en"
        )
        command = [sys.executable, "-m", "bot"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environ(**settings), stderr=subprocess.PIPE, text=True)
        try:
            workspace.await_connection(2)
            assert workspace.command(ANNE.id, "/dsr").text == "No request is waiting."
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=20)

    assert process.returncode == 0
    assert log.count("\n") == 2, log


def test_a_bot_that_starts_while_slack_is_away_says_so_once_and_waits(sqlite_url: str, tmp_path: Path) -> None:
    with Workspace(MANIFEST) as workspace:
        settings = slack(workspace, sqlite_url)
        workspace.refuse("apps.connections.open", "internal_error", times=3)
        command = [sys.executable, "-m", "bot"]
        process = subprocess.Popen(command, cwd=tmp_path, env=environ(**settings), stderr=subprocess.PIPE, text=True)
        try:
            workspace.await_connection(2)
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=20)

    assert process.returncode == 0
    assert log.count("slack-connection-failed") == 1, log
