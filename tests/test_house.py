"""The house: who may import whom, and what is in the wheel."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bot", "mail", "storage", "templates")
LINT = Path(sys.executable).parent / "lint-imports"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT), "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The four packages and their contracts, to be spoilt."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_import_contracts_hold(copy: Path) -> None:
    said = lint(copy)

    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    ("module", "offence", "contract"),
    [
        ("bot/__init__.py", "import mail.settings", "bot and mail speak through the record, never to each other"),
        ("mail/__init__.py", "import bot.settings", "bot and mail speak through the record, never to each other"),
        ("storage/__init__.py", "import templates", "bot and mail speak through the record, never to each other"),
        ("templates/__init__.py", "import storage.types", "bot and mail speak through the record, never to each other"),
        ("storage/clock.py", "import slack_sdk", "the record knows neither Slack, nor mail, nor words"),
        ("storage/clock.py", "import smtplib", "the record knows neither Slack, nor mail, nor words"),
        ("storage/deadlines.py", "import sqlalchemy", "the arithmetic of the clocks is pure"),
    ],
)
def test_an_import_against_the_arrows_breaks_its_contract(copy: Path, module: str, offence: str, contract: str) -> None:
    spoilt = copy / module
    spoilt.write_text(spoilt.read_text() + f"\n{offence}\n")

    said = lint(copy)

    assert said.returncode == 1, said.stdout + said.stderr
    assert f"{contract} BROKEN" in said.stdout


@pytest.fixture(scope="module")
def in_the_wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_four_packages_and_nothing_else(in_the_wheel: set[str]) -> None:
    roots = {name.partition("/")[0] for name in in_the_wheel}

    assert {root for root in roots if not root.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_holds_what_is_no_code_too(in_the_wheel: set[str]) -> None:
    data = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert data <= in_the_wheel
    assert {"bot/manifest.json", "storage/migrations/env.py", "storage/migrations/versions/0001_the_house.py"} <= data
    assert any(name.startswith("templates/refused/") for name in data)


def test_the_wheel_carries_its_licence_and_its_commands(in_the_wheel: set[str]) -> None:
    names = {name.partition(".dist-info/")[2] for name in in_the_wheel}

    assert {"licenses/LICENSE", "entry_points.txt"} <= names
