"""Dates as mail programs write them for people, in French and English, in a forwarded letter's heading."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from mail.headers import read_date
from mail.lexicon import plain

PARIS = ZoneInfo("Europe/Paris")
"""Where our colleagues' mail programs stand; they write no zone."""

_FRENCH = "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre".split()
_ENGLISH = "january february march april may june july august september october november december".split()
_DAY_FIRST = re.compile(r"\b(\d{1,2})(?:er|st|nd|rd|th)? ([a-z]{3,9})\.? (\d{4})\b")
_MONTH_FIRST = re.compile(r"\b([a-z]{3,9})\.? (\d{1,2})(?:er|st|nd|rd|th)? (\d{4})\b")
_AFTER_MONTH = re.compile(r" \d{4}\b")
"""A year that stands apart; where there is none, no month is written in letters."""

_NUMBERS = re.compile(r"\b(\d{1,2})[/.](\d{1,2})[/.](\d{4})\b|\b(\d{4})-(\d{2})-(\d{2})\b")
AROUND = 32
"""Characters around a year in which its day and month stand."""

MOST = 20
"""Years in a text that are looked at."""

_YEAR = re.compile(r"(?:19|20)(?<!\w..)\d\d\b")
_TIME = re.compile(r"\b(\d{1,2})[:h](\d{2})(?::\d{2})? ?([ap]\.?m\b)?")
_ZONE = re.compile(r"(?:utc|gmt|\s)([+-])(\d{1,2}):?(\d{2})?\b")


def read_written_date(text: str) -> datetime | None:
    """The instant, or None. Without a zone it is read as Paris time; 02/11/2026 is the second of November."""
    words = " ".join(plain(text[:120]).replace(",", " ").replace("\xa0", " ").replace("\u202f", " ").split())
    if re.search(r"\d:\d\d:\d\d [+-]\d{4}", words):
        return read_date(text.encode("utf-8", "replace"))
    day, time = _read_day(words), _TIME.search(words)
    if day is None:
        return None
    hour, minute = (int(time[1]), int(time[2])) if time else (12, 0)
    if time and time[3]:
        hour = hour % 12 + (12 if time[3].startswith("p") else 0)
    with suppress(ValueError, OverflowError):
        local = datetime(*day, hour, minute, tzinfo=_read_zone(words))
        return local.astimezone(UTC)
    return None


def find_days(text: str) -> list[date]:
    """The days that a text names with their year, each once; the text is lower case and without accents."""
    text = text.replace(",", "")
    near = (text[max(0, year.start() - AROUND) : year.end() + AROUND] for year in islice(_YEAR.finditer(text), MOST))
    return list(dict.fromkeys(day for some in near for day in _days_in(some)))


def _days_in(text: str) -> Iterator[date]:
    found: list[tuple[str, int | None, str]] = []
    if _AFTER_MONTH.search(text):
        found += [(one[3], _month(one[2]), one[1]) for one in _DAY_FIRST.finditer(text)]
        found += [(one[3], _month(one[1]), one[2]) for one in _MONTH_FIRST.finditer(text)]
    for one in _NUMBERS.finditer(text):
        year, month, day = (one[3], one[2], one[1]) if one[1] else (one[4], one[5], one[6])
        found.append((year, int(month), day))
    days = (_date(int(year), month, int(day)) for year, month, day in found)
    yield from (day for day in days if day)


def _date(year: int, month: int | None, day: int) -> date | None:
    try:
        return date(year, month or 0, day)
    except ValueError:
        return None


def _read_day(words: str) -> tuple[int, int, int] | None:
    if (found := _DAY_FIRST.search(words)) and (month := _month(found[2])):
        return int(found[3]), month, int(found[1])
    if (found := _MONTH_FIRST.search(words)) and (month := _month(found[1])):
        return int(found[3]), month, int(found[2])
    if found := _NUMBERS.search(words):
        year, number, day = (found[3], found[2], found[1]) if found[1] else (found[4], found[5], found[6])
        return int(year), int(number), int(day)
    return None


def _month(name: str) -> int | None:
    """By its name or an abbreviation of three letters or more; `jui` could be two."""
    for months in (_FRENCH, _ENGLISH):
        found = [number for number, month in enumerate(months, 1) if month.startswith(name)]
        if len(found) == 1:
            return found[0]
    return None


def _read_zone(words: str) -> tzinfo:
    if zone := _ZONE.search(words):
        offset = timedelta(hours=int(zone[2]), minutes=int(zone[3] or 0))
        return timezone(-offset if zone[1] == "-" else offset) if offset < timedelta(hours=15) else PARIS
    return UTC if words.endswith((" utc", " gmt")) else PARIS
