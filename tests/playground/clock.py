"""The moved clock of the playground: an offset in seconds, in the file named by CLOCK_OFFSET_FILE."""

import os
import time
from pathlib import Path


def _offset_file() -> Path | None:
    name = os.environ.get("CLOCK_OFFSET_FILE")
    return Path(name) if name else None


def read_offset() -> float:
    """Seconds; 0 while there is no file, or nothing readable in it."""
    path = _offset_file()
    try:
        return float(path.read_text(encoding="ascii")) if path else 0.0
    except (OSError, ValueError):
        return 0.0


def advance(seconds: float) -> float:
    """Move on; readers see the old offset or the new one, never half of it."""
    path = _offset_file()
    if path is None:
        raise LookupError("The clock cannot be moved: CLOCK_OFFSET_FILE is not set.")
    if seconds <= 0:
        raise ValueError("The clock only moves forward.")
    offset = read_offset() + seconds
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(f"{offset:.3f}\n", encoding="ascii")
    draft.replace(path)
    return offset


def now() -> float:
    return time.time() + read_offset()
