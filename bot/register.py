"""The register of breaches, as a table for machines and as a page for an auditor."""

from collections.abc import Sequence
from datetime import datetime

from bot.breach_page import find_word, wording
from bot.tables import cells, table
from storage.register import Registered
from templates import render

COLUMNS = (
    *("reference", "drill", "decided", "opened_at", "detected_at", "suspected_at", "told_at", "aware_at"),
    *("deadline_at", "closed_at", "nature", "origin", "data_kinds", "person_kinds", "customers", "told", "in_time"),
    *("late", "excluded", "first_told_at", "last_told_at", "to_first", "late_reason", "no_breach_reason"),
)


def register_table(rows: Sequence[Registered]) -> str:
    """CSV: instants in UTC, `to_first` in seconds, labels as in the record."""
    return table(COLUMNS, [cells(row, COLUMNS) for row in rows])


def register_page(
    rows: Sequence[Registered], *, head: tuple[int, str], company: str, language: str, now: datetime
) -> str:
    """HTML that reads alone. `head`: the journal's newest line."""
    return render(
        "register",
        language,
        "html",
        breaches=[row for row in rows if not row.drill],
        drills=[row for row in rows if row.drill],
        head=head,
        company=company,
        now=now,
        word=wording(language),
        labels=lambda kind, found: ", ".join(find_word(language, f"{kind}.{one}") or one for one in found),
    )
