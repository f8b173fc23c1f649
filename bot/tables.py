"""Tables for machines (pure): CSV with one line of names, instants in UTC as the journal hashes them."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from io import StringIO

from storage.chain import Chain
from storage.proof import Who


def head_table(chain: Chain, at: datetime) -> str:
    """The journal's newest line, as of an instant."""
    return table(("number", "hash", "as_of"), [[str(chain.head_number), chain.head_hash, at.isoformat()]])


def cells(row: object, columns: Iterable[str]) -> list[str]:
    """These attributes of a row, as texts."""
    return [_cell(getattr(row, column)) for column in columns]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The whole table."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """An empty cell is nothing; a length of time is in seconds, yes and no are words, a person is what is on record."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f}"
    if isinstance(value, Who):
        return value.id
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return value.isoformat() if isinstance(value, datetime) else str(value)
