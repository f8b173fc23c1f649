"""The notice at a shell: printed as the last one, what it does not know yet, and the demo's own shell."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.notice_words import label
from bot.words import word
from storage.clock import now
from storage.database import open_database
from storage.notice_warnings import WANTED
from tests.bot_support import fill
from tests.playground.__main__ import _settings, _welcome, _write_shell
from tests.test_bot_shell import call

Shell = Callable[..., tuple[int, str]]
ASKED = """
from bot.settings import DeskSettings
from storage.clock import now, real_now

known = DeskSettings(_env_file=None)
print((now() - real_now()).total_seconds())
print(known.drill_address, known.duty_telephone, known.mail_address, known.staff_language, sep="\\n")
"""


@pytest.fixture
def breach(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """`bot breach …`: the exit code, and all that it prints."""
    database = open_database(sqlite_url)
    fill(database)
    database.dispose()

    def run(*words: str) -> tuple[int, str]:
        code = call(monkeypatch, tmp_path, "breach", *words, DATABASE_URL=sqlite_url)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def opened(breach: Shell) -> str:
    at = (now() - timedelta(hours=1)).isoformat()
    return breach("open", "--summary", "A list", "--customer", "C0003", "--aware-at", at)[1].split()[0]


def test_a_prepared_notice_is_printed_as_the_last_one_where_that_is_asked(breach: Shell) -> None:
    reference = opened(breach)
    breach("notice", reference)

    as_it_is, as_last = (breach("notice", reference, "--print", "C0003", *more)[1] for more in ([], ["--final"]))

    assert "our last notice about this breach" not in as_it_is
    assert "our last notice about this breach" in as_last
    assert f"Printed as if it were the last; to prepare it so: notice {reference} --final" in as_last
    breach("notice", reference, "--final")
    assert "Printed as if" not in breach("notice", reference, "--print", "C0003", "--final")[1]


def test_a_preview_of_another_version_than_is_prepared_is_refused(breach: Shell) -> None:
    reference = opened(breach)

    code, said = breach("notice", reference, "--preview-to-me", "C0003", "--final")

    assert code == 2
    assert "Prepare it as the last first" in said


def test_notice_and_shell_name_the_same_things_as_not_known_yet(breach: Shell) -> None:
    reference = opened(breach)
    breach("record", reference, "--nature", "confidentiality", "--persons", "12", "--cause", "internal_accidental")
    known = ("nature", "persons", "cause")
    unknown = [name for name in WANTED if name not in known]

    warned = breach("notice", reference)[1]
    printed = breach("notice", reference, "--print", "C0003")[1]

    listed = ", ".join(word("en", f"fact_short.{name}") for name in unknown)
    assert f"! Not known yet, and the notice says so: {listed}." in warned
    assert warned.count("Not known yet") == 1
    page = printed.partition("WHAT WE DO NOT KNOW YET")[2].partition("\n\n")[0]
    assert page.split("\n")[1:] == [f"- {label('en', f'not_yet.{name}')}" for name in unknown]


def test_the_shell_that_the_demo_prints_has_the_demos_clock_and_all_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STAFF_LANGUAGE", raising=False)
    scratch = tmp_path / "a desk"
    scratch.mkdir()
    (scratch / "clock").write_text("3600", encoding="ascii")
    settings = _settings(scratch, 8400)
    _write_shell(scratch, settings)
    (tmp_path / "asked.py").write_text(ASKED, encoding="utf-8")
    typed = _welcome(scratch, settings).partition("Its shell:")[2].split(" bot breach list")[0].strip()

    done = subprocess.run(
        ["/bin/sh", "-c", f"{typed} asked"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )

    moved, *known = done.stdout.splitlines()
    assert 3540 < float(moved) < 3660
    assert known == ["exercice@kavkom.example", "+33 1 99 00 00 00", "privacy@kavkom.example", "en"]
