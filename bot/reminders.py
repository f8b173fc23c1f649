"""Who is told when a rung of a breach rings: queued by the tick, in the transaction that inserts the rung.

The scheduler only ticks. The deadline is a column of the breach, the rungs are rows, and only the outbox sends.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from bot import letters, telling
from bot.desk import Desk
from bot.rungs import describe_rung
from bot.showing import show_breach
from storage import breach_clock, breach_lead, breaches, outbox, staff
from storage.announcements import CHANNEL
from storage.breach_rungs import DEADLINE, LEAD, about_of
from storage.models import Breach, Reminder, Staff
from storage.staff import Roster
from storage.types import Purpose

TOPIC = "breach_reminder"
BY_MAIL = timedelta(hours=24)
"""From here on to the deadline, lead and dpo get an e-mail, too."""
BROADCAST = timedelta(hours=12)
"""From here on, a reply in the thread is shown in the channel, too."""
ESCALATE = timedelta(hours=3)
"""From here on, the escalation addresses get an e-mail."""


@dataclass(frozen=True)
class Audience:
    """Who hears of a rung: in Slack (the channel, or a colleague's user id) and by e-mail, with their languages."""

    slack: dict[str, str] = field(default_factory=dict)
    mail: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: "Audience") -> "Audience":
        return Audience(self.slack | other.slack, self.mail | other.mail)

    @property
    def recipients(self) -> tuple[str, ...]:
        return (*self.slack, *self.mail)


def ring_breach(desk: Desk, reference: str, *, now: datetime) -> bool:
    """Insert the due rungs of one breach and queue the speaker's deliveries; False when another process did."""
    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        return ring(session, desk, breach, now=now) > 0


def ring(session: Session, desk: Desk, breach: Breach, *, now: datetime) -> int:
    """Insert the due rungs and queue what their audience is told, instead of what it has not got yet; how many
    deliveries. The caller holds the breach's row."""
    rang = breach_clock.ring(session, breach, telecom=desk.settings.telecom_operator, now=now)
    if rang is None:
        return 0
    audience = find_audience(staff.read_roster(session, now=now), desk, breach, rang.reminders)
    outbox.supersede_reminders(session, breach.reference, to=audience.recipients, now=now)
    return queue_rung(session, desk, breach, rang.speaker, audience, now=now)


def is_broadcast(breach: Breach, reminder: Reminder) -> bool:
    """Whether this rung is shown in the channel as well as in the thread: a near end, or nobody who leads."""
    about = about_of(reminder.rung)
    return about == LEAD or (about == DEADLINE and _left(breach, reminder) <= BROADCAST)


def find_audience(
    roster: Roster, desk: Desk, breach: Breach, reminders: Iterable[Reminder], *, since: datetime | None = None
) -> Audience:
    """Everybody of today's staff who must hear of rungs that rang together: one message tells of all of them.

    `since`: they rang at that instant; where nobody can say who led then, only those who hear of it anyway.
    """
    people = breach_lead.people_of(breach, roster)
    known = since is None or _led_since(breach, people, since)
    people = people if known else roster.dpos
    found = Audience({CHANNEL: ""})
    for reminder in reminders:
        found |= _audience_of(roster, desk, breach, reminder, people)
    return found if known else Audience({CHANNEL: ""}, found.mail)


def queue_rung(
    session: Session, desk: Desk, breach: Breach, reminder: Reminder, audience: Audience, *, now: datetime
) -> int:
    """Queue what its audience has not been told yet; how many deliveries are new."""
    new = 0
    for recipient, language in audience.slack.items():
        new += telling.queue_reminder(session, reminder, TOPIC, recipient, language, now=now)
    return new + _queue_letters(session, desk, breach, reminder, audience.mail, now=now)


def keys_of(reminder: Reminder, audience: Audience) -> Iterator[str]:
    """The keys of the deliveries that an audience must have."""
    for recipient in audience.slack:
        yield telling.key_of_reminder(reminder.id, recipient)
    for address in audience.mail:
        yield telling.key_of_letter(reminder.case, reminder.id, address)


def _audience_of(roster: Roster, desk: Desk, breach: Breach, reminder: Reminder, people: list[Staff]) -> Audience:
    """Who hears of one rung, the channel aside."""
    about, left = about_of(reminder.rung), _left(breach, reminder)
    lead = [one for one in people if one.slack_user == breach.lead]
    directly = (lead or people) if about == DEADLINE else people
    mailed = people if about != DEADLINE or left <= BY_MAIL else []
    escalated = about == LEAD or (about == DEADLINE and left <= ESCALATE)
    readers = {one.email: one.language for one in mailed}
    if escalated:
        readers |= _escalation(roster, desk, people)
    return Audience({one.slack_user: one.language for one in directly}, readers)


def _led_since(breach: Breach, people: Iterable[Staff], instant: datetime) -> bool:
    """Whether whoever leads now did so then, and is still here; or nobody does and did."""
    if breach.lead is None:
        return True
    here = any(one.slack_user == breach.lead for one in people)
    return here and breach.lead_at is not None and breach.lead_at <= instant


def _escalation(roster: Roster, desk: Desk, people: list[Staff]) -> dict[str, str]:
    others = telling.find_others(desk.settings.escalation_addresses, [*people, *roster.dpos])
    return dict.fromkeys(others, desk.settings.staff_language)


def _left(breach: Breach, reminder: Reminder) -> timedelta:
    """What was left to the deadline when the rung fell due; a drill's shorter hours count as hours."""
    return (breach.deadline_at - reminder.due_at) * breach.pace


def _queue_letters(
    session: Session, desk: Desk, breach: Breach, reminder: Reminder, readers: Mapping[str, str], *, now: datetime
) -> int:
    """The rung by e-mail: read from the record once, whoever gets it."""
    if not readers:
        return 0
    card, settings = show_breach(session, breach), desk.settings
    rung = describe_rung(session, breach, reminder, telecom=settings.telecom_operator, now=now).values
    return telling.write_to(
        session,
        readers,
        partial(telling.key_of_letter, breach.reference, reminder.id),
        partial(letters.write_reminder, card, rung=rung, company=settings.company_name),
        case=breach.reference,
        topic=TOPIC,
        purpose=Purpose.REMINDER,
        reminder_id=reminder.id,
        now=now,
    )
