"""What a reminder of a breach says beside its card: which question it asks, how much time is left, how late it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bot.letters import how_late
from storage.breach_clock import has_notice
from storage.breach_facts import known_facts
from storage.breach_rungs import DEADLINE, HOUR, LEAD, SUSPICION, about_of
from storage.breach_types import TelecomOperator
from storage.deadlines import earliest
from storage.models import Breach, Reminder
from storage.second_clocks import second_clocks


@dataclass(frozen=True)
class RungWords:
    """A rung of a breach as it may be told.

    `about`: deadline, suspicion, lead, or the name of a second clock. `until` is the instant that it counts to, or for
    a suspicion and a lead the one that it counts from; `hours_left` until then when the rung fell due, whole, negative
    after it, as on the ladder of a real breach. `send_now`: no notice has gone out, and what is known could.
    """

    about: str
    until: datetime
    due_at: datetime
    hours_left: int
    overdue: bool
    late_minutes: int
    send_now: bool
    unclaimed: bool

    @property
    def values(self) -> dict[str, Any]:
        """What the templates are given."""
        return dict(vars(self))


NAMES = {DEADLINE: "deadline", SUSPICION: "suspicion", LEAD: "lead"}


def describe_rung(
    session: Session, breach: Breach, reminder: Reminder, *, telecom: TelecomOperator, now: datetime
) -> RungWords:
    """What a reminder says as the record stands now."""
    about = about_of(reminder.rung)
    until = _until(session, breach, about, telecom)
    left = (until - reminder.due_at) * breach.pace
    return RungWords(
        about=NAMES.get(about, about),
        until=until,
        due_at=reminder.due_at,
        hours_left=round(left / HOUR),
        overdue=left <= timedelta(),
        late_minutes=how_late(reminder.due_at, now),
        send_now=about == DEADLINE and not has_notice(session, breach),
        unclaimed=breach.lead is None,
    )


def _until(session: Session, breach: Breach, about: str, telecom: TelecomOperator) -> datetime:
    if about == SUSPICION:
        return earliest(breach.suspected_at, breach.told_at) or breach.opened_at
    if about == LEAD:
        return breach.opened_at
    clocks = second_clocks(breach, known_facts(session, breach), telecom) if about != DEADLINE else ()
    return next((one.ends_at for one in clocks if one.name == about), breach.deadline_at)
