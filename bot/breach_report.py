"""How a breach, or a drill, was handled: one page for a management board, and the mail that brings it after a drill."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import telling
from bot.breach_events import in_order
from bot.breach_page import draw, wording
from bot.letters import write_text_mail
from bot.marking import mark_html
from bot.settings import DeskSettings
from storage.breach_evidence import gather_breach
from storage.breach_proof import BreachEvidence
from storage.breaches import is_drill
from storage.models import Attachment, Breach, Delivery
from storage.types import Purpose
from templates import render

TOPIC = "drill_report"
LEFT_OUT = frozenset({"detected", "led", "not_reached", "excluded", "reply"})
"""What a board need not read: it is in the evidence."""


@dataclass(frozen=True)
class Figures:
    """What a board asks. Lengths of time are those of the wall clock, from when Kavkom knew, or first doubted."""

    to_first: timedelta | None
    to_last: timedelta | None
    customers: int
    in_time: int
    late: int
    told: int
    untold: int
    excluded: int
    reminders: int
    lost: int
    calls: int
    reached: int
    received: int
    alone: int

    @property
    def late_told(self) -> int:
        """Those that were told, after the deadline."""
        return self.told - self.in_time

    @property
    def is_good(self) -> bool:
        """Everybody was told, and in time."""
        return self.customers > 0 and not self.late and not self.untold


def count(evidence: BreachEvidence) -> Figures:
    """The figures of a breach."""
    since = evidence.known_since
    notices = [mail for mail in evidence.sent if mail.purpose is Purpose.NOTICE]
    return Figures(
        to_first=_length(since, evidence.first_told_at),
        to_last=_length(since, evidence.last_told_at),
        customers=len(evidence.concerned),
        in_time=evidence.in_time,
        late=len(evidence.late),
        told=len(evidence.concerned) - len(evidence.untold),
        untold=len(evidence.untold),
        excluded=len(evidence.lines) - len(evidence.concerned),
        reminders=len(evidence.reminders),
        lost=sum(bool(mail.bounced_at or mail.refused_at) for mail in notices),
        calls=len(evidence.calls),
        reached=sum(call.reached for call in evidence.calls),
        received=sum(line.received_at is not None for line in evidence.concerned),
        alone=sum(one.alone_reason is not None for one in evidence.notices),
    )


def _length(since: datetime, until: datetime | None) -> timedelta | None:
    return max(until - since, timedelta()) if until else None


def make_report(session: Session, reference: str, *, company: str, language: str, now: datetime) -> str:
    """The page of a breach or a drill, as it stands. Raises UnknownCase."""
    evidence = gather_breach(session, reference, customer=None, with_bytes=False, now=now)
    return render_report(evidence, company=company, language=language)


def render_report(evidence: BreachEvidence, *, company: str, language: str) -> str:
    """One page; it needs nothing from elsewhere."""
    events = [event for event in in_order(evidence) if event.kind not in LEFT_OUT]
    page = render(
        "breach_report",
        language,
        "html",
        evidence=evidence,
        f=count(evidence),
        company=company,
        events=events,
        drawing=draw(evidence, events),
        word=wording(language),
    )
    return mark_html(page, evidence.reference)


def tell_closed(session: Session, breach: Breach, settings: DeskSettings, *, now: datetime) -> None:
    """The thread hears how it was closed; after a drill, its report goes out."""
    topic = "breach_closed" if breach.no_breach_reason is None else "breach_no_breach"
    telling.tell_thread(session, breach.reference, topic, now=now)
    tell_drill_closed(session, breach, settings, now=now)


def tell_drill_closed(session: Session, breach: Breach, settings: DeskSettings, *, now: datetime) -> int:
    """After a drill, its report goes to dpo and escalation addresses, once; how many are new. Nothing for a breach."""
    if not is_drill(breach.reference):
        return 0
    session.flush()
    evidence = gather_breach(session, breach.reference, customer=None, with_bytes=False, now=now)
    readers = telling.find_readers(session, settings, now=now)
    return sum(_send(session, evidence, settings, *reader, now=now) for reader in readers.items())


def _send(
    session: Session, evidence: BreachEvidence, settings: DeskSettings, address: str, language: str, *, now: datetime
) -> bool:
    company, key = settings.company_name, f"{TOPIC}:{evidence.reference}:{address}"
    values: dict[str, Any] = {"evidence": evidence, "f": count(evidence), "company": company}
    new = telling.queue_mail(
        session,
        key,
        case=evidence.reference,
        topic=TOPIC,
        address=address,
        language=language,
        words=write_text_mail(TOPIC, language, **values),
        purpose=Purpose.EVIDENCE,
        now=now,
    )
    if new:
        page = render_report(evidence, company=company, language=language).encode()
        number = session.scalars(select(Delivery.id).where(Delivery.key == key)).one()
        name = f"{evidence.reference}.html"
        session.add(Attachment(delivery_id=number, ordinal=0, name=name, content_type="text/html", content=page))
        session.flush()
    return new
