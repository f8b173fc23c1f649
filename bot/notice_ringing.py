"""The letter to lead and dpo when notices of a breach do not arrive: who must be telephoned now, and how.

Who is told in Slack is queued by whoever records the failure (storage/notice_ringing.py). Each failure is written of at
once; but after three such e-mails of a breach within 15 minutes, all that come meanwhile are written of together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from bot import letters, telling
from bot.breach_cards import BreachCard
from bot.desk import Desk
from bot.gathering import put_down
from bot.guarding import PoisonGuard
from bot.settings import DeskSettings
from bot.showing import show_breach
from storage import breach_lead, breaches, outbox
from storage.ledger import read_ledger
from storage.models import Breach, Delivery
from storage.notice_ringing import LOST
from storage.outbox import Words

SHOWN = 50


@dataclass(frozen=True)
class Lost:
    """A customer whose newest notice did not arrive: how, and when that was known."""

    customer: str
    reference: str
    bounced: bool
    at: datetime


def gather_lost(desk: Desk, *, slack_out: bool, now: datetime) -> int:
    """One tick: write to lead and dpo of the failures since the last time; how many e-mails."""
    with desk.database.reading() as session:
        if not put_down(session, Delivery.topic == LOST, to_write=False):
            return 0
        cases = session.scalars(select(Delivery.case).where(Delivery.topic == LOST, Delivery.due_at.is_not(None)))
        some = sorted(set(cases))
    return sum(_gather_or_pass(desk, case, slack_out=slack_out, now=now) for case in some)


def _gather_or_pass(desk: Desk, case: str, *, slack_out: bool, now: datetime) -> int:
    with PoisonGuard("letter-failed", case), desk.database.begin() as session:
        rows = put_down(session, and_(Delivery.topic == LOST, Delivery.case == case), to_write=True)
        return _write_of(session, desk, case, rows, slack_out=slack_out, now=now) if rows else 0
    return 0


def find_lost(breach: Breach) -> list[Lost]:
    """The customers whose newest notice is lost, and who were not reached otherwise since."""
    failed = [(row.customer, row.attempt) for row in read_ledger(breach) if row.failed and row.attempt]
    instants = [(customer, one.bounced_at is not None, one.bounced_at or one.refused_at) for customer, one in failed]
    return [Lost(customer.name, customer.reference, bounced, at) for customer, bounced, at in instants if at]


def write(
    card: BreachCard, lost: Sequence[Lost], language: str, *, company: str, slack_out: bool, now: datetime
) -> Words:
    """Which customers are not told, and what to do now."""
    values = {"card": card, "lost": lost, "company": company, "in_slack": not slack_out, "shown": SHOWN}
    return letters.write_mail(LOST, language, late=now >= card.deadline_at, **values)


def _write_of(
    session: Session, desk: Desk, case: str, rows: Sequence[Delivery], *, slack_out: bool, now: datetime
) -> int:
    breach = breaches.get_breach(session, case)
    lost, readers = find_lost(breach), _find_readers(session, breach, desk.settings, now)
    if lost and (not readers or telling.were_many(session, case, LOST, now=now)):
        return 0
    if lost:
        card, company = show_breach(session, breach), desk.settings.company_name
        write_all = partial(write, card, lost, company=company, slack_out=slack_out, now=now)
        key_of = partial(telling.key_of_alert, f"{LOST}:{rows[0].id}-{rows[-1].id}")
        telling.write_to(session, readers, key_of, write_all, case=case, topic=LOST, now=now)
    for row in rows:
        outbox.record_accepted(row, reply=f"in {len(readers) if lost else 0} letters", now=now)
    return len(readers) if lost else 0


def _find_readers(session: Session, breach: Breach, settings: DeskSettings, now: datetime) -> dict[str, str]:
    """Lead and dpo; where there is neither, the escalation addresses."""
    people = breach_lead.find_people(session, breach, now=now)
    return {one.email: one.language for one in people} or telling.find_readers(session, settings, now=now)
