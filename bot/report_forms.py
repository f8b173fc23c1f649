"""The form that reports a possible breach, and reading it (pure).

It asks for little: a doubt is enough. What was noticed more than 48 hours ago is accepted once that is confirmed: the
form comes back with a warning and a box to tick, under the same view id, and keeps what was typed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.blocks import Block, plain, section
from bot.fields import (
    View,
    customers_select,
    field,
    instant,
    modal,
    option,
    read_at,
    read_choice,
    read_customers,
    read_many,
    read_text,
    select,
    text_input,
)
from bot.forms import REPORT
from bot.personal import refuse_personal_data
from bot.words import word
from storage.breach_types import ClaimKind
from storage.deadlines import NOTIFICATION_WINDOW
from templates import render

CERTAINTIES = (ClaimKind.SUSPECTED, ClaimKind.AWARE, ClaimKind.TOLD)
"""What the instant is of: a doubt unless something else is chosen."""

HOUR = timedelta(hours=1)
PERMALINK = re.compile(r"https://[a-z0-9.-]+/archives/[A-Z0-9]+/p\d{10,20}")


@dataclass(frozen=True)
class Origin:
    """What goes with the form: the message that it was begun from ("" if none), and the old instant it warned of."""

    permalink: str = ""
    warned_of: int = 0

    def __str__(self) -> str:
        return f"{self.permalink}|{self.warned_of}"

    @classmethod
    def read(cls, metadata: str) -> "Origin":
        permalink, _, warned_of = metadata.rpartition("|")
        known = permalink if PERMALINK.fullmatch(permalink) else ""
        return cls(known, int(warned_of) if warned_of.isdigit() else 0)


@dataclass(frozen=True)
class Report:
    """What the form says; no customers means "not known yet"."""

    noticed_at: datetime
    certainty: ClaimKind
    summary: str
    customers: tuple[str, ...]
    confirmed: bool
    origin: Origin

    def instant_of(self, kind: ClaimKind) -> datetime | None:
        """When it was noticed, if it was noticed in this way."""
        return self.noticed_at if self.certainty is kind else None

    def needs_warning(self, now: datetime) -> bool:
        """Whether the 48 hours are over already, and the person was not told so of this very instant."""
        return is_late(self.noticed_at, now) and self.origin.warned_of != int(self.noticed_at.timestamp())


def is_late(noticed_at: datetime, now: datetime) -> bool:
    return noticed_at + NOTIFICATION_WINDOW < now


def report_form(language: str, *, with_customers: bool, permalink: str = "") -> View:
    """`/breach`: when noticed, how certain, what happened, which customers."""
    return _form([section(render("breach_form", language, "slack"))], [], language, with_customers, Origin(permalink))


def late_form(report: Report, language: str, *, with_customers: bool, now: datetime) -> View:
    """The same once more: how long ago that is, which deadline is past, and a box to tick."""
    whole_hours, deadline_at = (now - report.noticed_at) // HOUR * HOUR, report.noticed_at + NOTIFICATION_WINDOW
    words = {"ago": whole_hours, "noticed_at": report.noticed_at, "deadline_at": deadline_at}
    warning = section(render("breach_form_late", language, "slack", **words))
    box = option(word(language, "late.confirmed"), "late")
    tick = field(language, "late", {"type": "checkboxes", "action_id": "late", "options": [box]}, optional=True)
    origin = Origin(report.origin.permalink, int(report.noticed_at.timestamp()))
    return _form([warning], [tick], language, with_customers, origin) | {"submit": _confirm(language)}


def read_report(view: Mapping[str, Any]) -> Report:
    """Raises PersonalDataInText."""
    summary = read_text(view, "summary")
    refuse_personal_data(summary)
    return Report(
        noticed_at=read_at(view, "noticed_at"),
        certainty=ClaimKind(read_choice(view, "certainty") or ClaimKind.SUSPECTED),
        summary=summary,
        customers=read_customers(view),
        confirmed=bool(read_many(view, "late")),
        origin=Origin.read(str(view.get("private_metadata") or "")),
    )


def _form(first: list[Block], last: list[Block], language: str, with_customers: bool, origin: Origin) -> View:
    certainties = [option(word(language, f"certainty.{one}"), one.value) for one in CERTAINTIES]
    blocks = [
        *first,
        instant(language, "noticed_at"),
        select(language, "certainty", certainties, chosen=certainties[0]),
        text_input(language, "summary", optional=False),
        *([customers_select(language, optional=True)] if with_customers else []),
        *last,
    ]
    return modal(language, REPORT, blocks, str(origin), submit="report")


def _confirm(language: str) -> Block:
    return plain(word(language, "confirm_late"), 24)
