"""Settings: all problems at once, each with its name and an example; no value is ever printed."""

import os
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from storage.settings import KNOWN, BadSettings, Settings, load_or_exit, unknown_names
from tests.storage_support import python, storage

SECRET = "correct-horse-battery-staple"
URL = "sqlite:///desk.db"


class Wanted(Settings):
    """Settings as the two halves have them."""

    examples: ClassVar[dict[str, str]] = Settings.examples | {"IMAP_HOST": "imap.example.org", "IMAP_PORT": "993"}

    imap_host: str
    imap_port: int = 993
    imap_password: SecretStr
    smtp_password: SecretStr | None = None


@pytest.fixture(autouse=True)
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty folder, and nothing of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.removesuffix("_FILE") in KNOWN:
            monkeypatch.delenv(name)
    return monkeypatch


def set_all(environ: pytest.MonkeyPatch, **changed: str) -> None:
    whole = {"DATABASE_URL": URL, "IMAP_HOST": "imap.kavkom.example", "IMAP_PASSWORD": SECRET}
    for name, value in (whole | changed).items():
        environ.setenv(name, value)


def problems() -> list[str]:
    with pytest.raises(BadSettings) as refusal:
        Wanted.load()
    return refusal.value.problems


def test_settings_are_read_from_the_environment(environ: pytest.MonkeyPatch) -> None:
    set_all(environ, IMAP_PORT="1143")

    found = Wanted.load()

    assert (found.imap_host, found.imap_port) == ("imap.kavkom.example", 1143)
    assert found.imap_password.get_secret_value() == SECRET


def test_settings_are_read_from_a_dotenv_that_others_share_and_the_environment_wins(
    environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_all(environ)
    (tmp_path / ".env").write_text("IMAP_HOST=other.example\nIMAP_PORT=1143\nSOMETHING_ELSE=1\n")

    found = Wanted.load()

    assert (found.imap_host, found.imap_port) == ("imap.kavkom.example", 1143)


def test_all_problems_are_named_at_once_each_with_an_example(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("DATABASE_URL", f"mysql://desk:{SECRET}@host/desk")
    environ.setenv("IMAP_PORT", "imaps")

    found = problems()

    assert found[0] == (
        "DATABASE_URL is no database URL, for example sqlite:///desk.db or postgresql://desk@localhost/desk."
    )
    assert found[1] == "IMAP_HOST is missing, for example imap.example.org."
    assert found[2].startswith("IMAP_PORT should be a valid integer")
    assert found[2].endswith("for example 993.")
    assert found[3] == "IMAP_PASSWORD is missing."
    assert len(found) == 4


def test_an_empty_value_is_a_missing_one(environ: pytest.MonkeyPatch) -> None:
    set_all(environ, IMAP_HOST="")

    assert problems() == ["IMAP_HOST is missing, for example imap.example.org."]


def test_a_secret_is_read_from_the_file_that_name_file_names(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_all(environ)
    environ.delenv("IMAP_PASSWORD")
    (tmp_path / "password").write_text(f"{SECRET}\n")
    environ.setenv("IMAP_PASSWORD_FILE", str(tmp_path / "password"))

    assert Wanted.load().imap_password.get_secret_value() == SECRET


def test_name_file_may_stand_in_the_dotenv(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_all(environ)
    environ.delenv("IMAP_PASSWORD")
    (tmp_path / "password").write_text(SECRET)
    (tmp_path / ".env").write_text("IMAP_PASSWORD_FILE=password\n")

    assert Wanted.load().imap_password.get_secret_value() == SECRET


def test_files_that_cannot_be_read_are_named_beside_all_other_problems(
    environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    environ.setenv("DATABASE_URL_FILE", str(tmp_path / "empty"))
    environ.setenv("IMAP_PASSWORD_FILE", str(tmp_path / "absent"))
    environ.setenv("SMTP_PASSWORD_FILE", str(tmp_path / "binary"))

    found = problems()

    assert found == [
        "DATABASE_URL_FILE names a file that cannot be read, or is empty.",
        "IMAP_PASSWORD_FILE names a file that cannot be read, or is empty.",
        "SMTP_PASSWORD_FILE names a file that cannot be read, or is empty.",
        "IMAP_HOST is missing, for example imap.example.org.",
    ]


def test_a_misspelt_name_gets_the_one_that_was_meant(environ: pytest.MonkeyPatch) -> None:
    set_all(environ, IMAP_HOTS="imap.kavkom.example", IMAP_HOST="", SMTP_PASWORD_FILE="/run/secrets/smtp")

    found = problems()

    assert "IMAP_HOTS is not known: did you mean IMAP_HOST?" in found
    assert "SMTP_PASWORD_FILE is not known: did you mean SMTP_PASSWORD?" in found


def test_a_misspelt_setting_that_may_be_left_out_is_said_too(
    environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_all(environ, ESCALATION_ADRESSES="direction@kavkom.example")

    load_or_exit(Wanted)

    assert capsys.readouterr().err == "ESCALATION_ADRESSES is not known: did you mean ESCALATION_ADDRESSES?\n"


@pytest.mark.parametrize("name", [*sorted(KNOWN), "PATH", "HOME", "IMAP", "MAIL", "DATABASE", "imap_hots"])
def test_a_name_that_is_right_or_nothing_like_ours_is_left_alone(name: str) -> None:
    assert unknown_names({name: "x", f"{name}_FILE": "x"}) == []


def test_no_secret_shows_in_settings_or_in_problems(environ: pytest.MonkeyPatch) -> None:
    set_all(environ, IMAP_PORT=SECRET, DATABASE_URL=SECRET)
    shown = " ".join(problems())

    set_all(environ, IMAP_PORT="993")
    whole = repr(Wanted.load())

    assert SECRET not in shown + whole


def test_a_command_with_bad_settings_says_so_and_exits_78(tmp_path: Path) -> None:
    said = storage("upgrade", cwd=tmp_path, database_url=f"postgres//desk:{SECRET}@host/desk", DATABSE_URL=SECRET)

    assert (said.returncode, said.stdout) == (78, "")
    assert said.stderr.splitlines() == [
        "DATABASE_URL is no database URL, for example sqlite:///desk.db or postgresql://desk@localhost/desk.",
        "DATABSE_URL is not known: did you mean DATABASE_URL?",
    ]


def test_a_command_without_settings_says_what_is_missing(tmp_path: Path) -> None:
    said = storage("verify", cwd=tmp_path)

    assert (said.returncode, said.stdout) == (78, "")
    assert (
        said.stderr == "DATABASE_URL is missing, for example sqlite:///desk.db or postgresql://desk@localhost/desk.\n"
    )


@pytest.mark.parametrize("half", ["mail", "bot"])
def test_both_halves_name_all_that_is_missing_at_once(tmp_path: Path, half: str) -> None:
    said = python("-m", half, "check", cwd=tmp_path, IMAP_PASSWORD=SECRET, SLACK_BOT_TOKEN=SECRET, SMTP_PORT=SECRET)

    assert (said.returncode, said.stdout) == (78, "")
    assert len(said.stderr.splitlines()) >= 3
    assert "DATABASE_URL is missing" in said.stderr
    assert SECRET not in said.stderr
    assert "Traceback" not in said.stderr
