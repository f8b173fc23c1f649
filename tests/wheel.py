"""`python -m tests.wheel`: build the wheel, install it without development dependencies, run it from elsewhere."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).parent / "uv"
WANTED = (
    "templates/forward.fr.txt",
    "storage/migrations/versions/0001_the_house.py",
    "bot/manifest.json",
    "mail/lexicon.toml",
    "mail/page.typ",
)
FOREIGN = ("tests/", "pytest")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = _build(folder)
        _look_inside(wheel)
        python = _install(wheel, folder)
        for package in ("bot", "mail", "storage"):
            _run([str(python), "-m", package, "--help"], folder)
        _use(python, folder)
    sys.stdout.write(f"The wheel {wheel.name} installs and works alone.\n")


def _build(folder: Path) -> Path:
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    [wheel] = folder.glob("*.whl")
    return wheel


def _look_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in WANTED if name not in names]
    foreign = [name for name in names if name.startswith(FOREIGN)]
    if missing or foreign:
        sys.exit(f"The wheel lacks {missing}, or holds what it should not: {foreign[:5]}")


def _install(wheel: Path, folder: Path) -> Path:
    environment = folder / "clean"
    python = environment / "bin" / "python"
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)], folder)
    lock = str(ROOT / "requirements.lock")
    _run([str(UV), "pip", "install", "-q", "--python", str(python), "--no-build", "-c", lock, str(wheel)], folder)
    return python


def _use(python: Path, folder: Path) -> None:
    """The migrations and the templates are really there."""
    environ = {"DATABASE_URL": f"sqlite:///{folder}/desk.db"}
    _run([str(python), "-m", "storage", "upgrade"], folder, environ)
    _run([str(python), "-m", "bot", "manifest"], folder)
    _run([str(python), "-m", "bot", "dsr", "list"], folder, environ)


def _run(command: list[str], folder: Path, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environ or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
