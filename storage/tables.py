"""Reading the CSV files that people give us: every bad line with its number and the reason, never half a file."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
Row = dict[str, str]


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be imported, and why. Line 1 is the header; 0 stands for the whole file."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


class BadTable(ValueError):
    """The file has lines that cannot be imported; nothing was changed."""

    def __init__(self, problems: list[BadLine]) -> None:
        super().__init__(f"{len(problems)} bad lines")
        self.problems = sorted(problems, key=lambda problem: problem.line)


class BadCell(ValueError):
    """One cell cannot be read; the message says which and what it should look like."""


def read_table(
    path: Path, problems: list[BadLine], *, required: Iterable[str], optional: Iterable[str] = ()
) -> list[tuple[int, Row]]:
    """The rows of a CSV file with their line numbers; lines with cells missing or too many go to `problems`.

    Raises BadTable when it is no table with these columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadTable([BadLine(0, f"{path.name} cannot be read: {error.strerror}.")]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadTable([BadLine(line, "This is not UTF-8: save the file as “CSV UTF-8”.")]) from error
    rows = []
    for line, row in _rows(text, tuple(required), tuple(optional)):
        if reason := _miscounted(row):
            problems.append(BadLine(line, reason))
        else:
            rows.append((line, {str(name): str(value).strip() for name, value in row.items()}))
    return rows


def _rows(
    text: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[tuple[int, dict[str | None, object]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        _refuse_header(list(reader.fieldnames or ()), required, optional)
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise BadTable([BadLine(reader.line_num, f"This line is no CSV: {error}.")]) from error


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return ";" if header.count(";") > header.count(",") else ","


def _refuse_header(found: list[str], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    missing = [column for column in required if column not in found]
    unknown = [column for column in found if column not in required + optional]
    problems = [BadLine(1, f"The column “{column}” is missing.") for column in missing]
    problems += [BadLine(1, f"The column “{column}” is not known; it should be removed.") for column in unknown]
    problems += [
        BadLine(1, f"The column “{column}” stands there twice.") for column in required if found.count(column) > 1
    ]
    if problems:
        raise BadTable(problems)


def _miscounted(row: dict[str | None, object]) -> str | None:
    if None in row or None in row.values():
        return f"This line has {'more' if None in row else 'fewer'} cells than the header."
    if any("\0" in str(value) for value in row.values()):
        return "This line holds a NUL character: save the file as “CSV UTF-8”."
    return None


def cell(row: Row, column: str) -> str:
    """A cell that must not be empty. Raises BadCell."""
    if not row.get(column):
        raise BadCell(f"“{column}” is empty.")
    return row[column]


def address(row: Row, column: str) -> str | None:
    """An e-mail address, or None for an empty cell. Raises BadCell."""
    value = row.get(column, "")
    if value and (not ADDRESS.fullmatch(value) or len(value) > 254):
        raise BadCell(f"“{column}” is no e-mail address such as dpo@example.org.")
    return value or None


def day(row: Row, column: str) -> date | None:
    """A date, or None for an empty cell. Raises BadCell."""
    value = row.get(column, "")
    return read_day(value, column) if value else None


def read_day(value: str, column: str) -> date:
    """A date as 2026-03-31. Raises BadCell."""
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadCell(f"“{column}” is no date such as 2026-03-31.") from error


def items(row: Row, column: str) -> list[str]:
    """A list separated by |, without empty items."""
    return [item.strip() for item in row.get(column, "").split("|") if item.strip()]
