"""Real mails that others give away for tests, fetched by `make corpora`, never kept in this repository."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

FOLDER = Path(sys.prefix) / "corpora"
NAME = "flufl_bounce-6.0.0"
ARCHIVE = (
    "flufl.bounce==6.0.0 --hash=sha256:a1df16b9d1877ae4536f7d76c00d8421fcefbe694f80f5285d05c45a2547b1bc"  # Apache-2.0
)
MISSING = "The real bounces are not here: `make corpora` fetches them."


def bounce_folder() -> Path | None:
    """The folder of the bounces with which flufl.bounce is tested, if it was fetched."""
    folder = FOLDER / NAME / "tests" / "data"
    return folder if folder.is_dir() else None


def need_bounces() -> dict[str, bytes]:
    """The bounces by name; without them the test is skipped, or fails where nothing may be skipped."""
    folder = bounce_folder()
    if folder is None:
        (pytest.fail if _is_required() else pytest.skip)(MISSING)
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.txt"))}


def fetch() -> int:
    """Fetch and unpack what is not here yet. The exit status: without network that is a fault only where it must be."""
    if bounce_folder() is None and not _download():
        sys.stderr.write("The real bounces could not be fetched; their tests are skipped.\n")
        return 1 if _is_required() else 0
    return 0


def _download() -> bool:
    with TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(ARCHIVE + "\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
        how = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "--retries", "1"]
        done = subprocess.run(
            [*pip, *how, "--timeout", "20", "--dest", folder, "-r", str(wanted)], check=False, capture_output=True
        )
        archive = Path(folder, f"{NAME}.tar.gz")
        if done.returncode or not archive.is_file():
            return False
        with tarfile.open(archive) as packed:
            packed.extractall(FOLDER, filter="data")
    return True


def _is_required() -> bool:
    return os.environ.get("DESK_REAL_SERVERS") == "required"


if __name__ == "__main__":
    sys.exit(fetch())
