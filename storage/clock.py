"""The only module that reads the time.

The desk's clock (`now`) may be moved for the playground and the tests by the file that CLOCK_OFFSET_FILE names. Leases,
back-off and heartbeats run on the real one (`real_now`), which nobody moves.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


class UnreadableInstant(ValueError):
    """This is no date and time, such as 2026-10-23 17:40 or 2026-10-23T17:40+02:00."""


def real_now() -> datetime:
    """The real time, UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """The desk's time, UTC: the real one, moved by CLOCK_OFFSET_FILE where that is allowed."""
    return real_now() + _offset()


def _offset() -> timedelta:
    name = os.environ.get("CLOCK_OFFSET_FILE")
    if not name or _is_slacks_own(os.environ.get("SLACK_API_URL", "https://slack.com/api/")):
        return timedelta()
    try:
        return timedelta(seconds=float(Path(name).read_text(encoding="ascii") or 0))
    except (OSError, ValueError, OverflowError):
        return timedelta()


def _is_slacks_own(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "slack.com" or host.endswith(".slack.com")


def read_instant(text: str) -> datetime:
    """The instant a person wrote, UTC. Without an offset it is Paris time, the earlier one in the doubled hour.

    Raises UnreadableInstant, also for a time that the clocks jump over in spring.
    """
    try:
        written = datetime.fromisoformat(text.strip())
        instant = (written if written.tzinfo else written.replace(tzinfo=PARIS, fold=0)).astimezone(UTC)
        was_skipped = written.tzinfo is None and instant.astimezone(PARIS).replace(tzinfo=None) != written
    except (ValueError, OverflowError) as error:
        raise UnreadableInstant(text) from error
    if was_skipped:
        raise UnreadableInstant(text)
    return instant


def in_paris(instant: datetime) -> str:
    """An instant echoed to a person in a shell, with the zone: 2026-10-25 16:40 CET (Europe/Paris)."""
    return instant.astimezone(PARIS).strftime("%Y-%m-%d %H:%M %Z (Europe/Paris)")
