"""What the tests of notices share: an edition to render, and a breach whose notice is approved in the record."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.notice_words import render_all
from bot.settings import DeskSettings
from storage import breaches, notice_reading, notices
from storage.breach_facts import BreachFacts, append_facts
from storage.breach_types import ONGOING, Cause, DataKind, FactName, Nature, Origin, PersonKind, SensitiveKind
from storage.database import Database
from storage.models import Affected, Breach, Delivery, Notice
from storage.notice_checks import check_all
from storage.notice_types import Addressee, Checked, Edition
from storage.notices import Approval
from storage.types import Actor, Purpose
from tests.storage_support import ANNE, NOW, add_customer, open_breach

OWN = "privacy@kavkom.example"
SETTINGS = DeskSettings(
    _env_file=None,
    database_url="sqlite:///unused.db",
    mail_address=OWN,
    dpo_name="Claire Moreau",
    dpo_address="dpo@kavkom.example",
    dpo_telephone="+33 1 99 00 00 01",
    duty_telephone="+33 1 99 00 00 02",
    drill_address="drill@kavkom.example",
)
BARE = DeskSettings(_env_file=None, database_url="sqlite:///unused.db")
NOTHING = BreachFacts()
EVERYTHING = BreachFacts(
    account="A list of contacts went to a partner.\nThe partner told us.",
    nature=tuple(Nature),
    origin=Origin.OTHER,
    origin_other="a faulty export",
    cause=Cause.INTERNAL_ACCIDENTAL,
    data_kinds=tuple(DataKind),
    data_other="opening hours",
    sensitive_kinds=tuple(SensitiveKind),
    person_kinds=tuple(PersonKind),
    persons_other="trial subscribers",
    persons=1200,
    records=34_500,
    started_at=NOW - timedelta(days=2),
    ended_at=ONGOING,
    discovery="The partner telephoned.",
    measures_before="Access by role, logs.",
    measures_after="The partner has deleted the list <b>and</b> confirms it.",
    consequences="Unwanted calls.",
    other_bodies="None.",
    cnil_told_at=NOW - timedelta(hours=1),
)
ADDRESSEE = Addressee(
    affected_id=1,
    customer="C0001",
    name="Garage du Lac & Fils",
    language="fr",
    address="contact@garage.example",
    facts=EVERYTHING,
    counted_from=NOW,
    called=False,
    first=True,
    late=False,
    added_at=NOW - timedelta(hours=3),
    told=None,
    documents=(),
)


def edition_of(*addressees: Addressee, **changed: Any) -> Edition:
    values: dict[str, Any] = {
        "at": NOW,
        "reference": "BR-2026-0007",
        "drill": False,
        "version": 1,
        "final": False,
        "notice_id": 1,
        "last_fact_id": 20,
        "aware_at": NOW - timedelta(hours=20),
        "noticed_at": NOW - timedelta(hours=22),
        "deadline_at": NOW + timedelta(hours=28),
        "addressees": addressees,
        "everybody": tuple((one.customer, one.name) for one in addressees),
        "unaddressed": (),
    }
    return Edition(**(values | changed))


def render_checked(edition: Edition) -> Checked:
    return check_all(edition, render_all(edition, SETTINGS))


def breach_of(session: Session, *references: str, **known: Any) -> Breach:
    """A breach that affects these customers; each has an address at its own domain."""
    customers = [add_customer(session, one, request_address=f"dpo@{one.lower()}.example") for one in references]
    return open_breach(session, *customers, **known)


def learn(session: Session, breach: Breach, affected: Affected | None = None, **facts: Any) -> None:
    """Somebody records what is known."""
    values = {FactName(name): value for name, value in facts.items()}
    append_facts(session, breach, values, affected=affected, by="U01ANNE", now=NOW)


def prepare(database: Database, reference: str, *, final: bool = False, by: Actor = ANNE, at: datetime = NOW) -> None:
    with database.begin() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        notices.prepare_notice(session, breach, final=final, by=by, now=at)


def read_draft(database: Database, reference: str, at: datetime = NOW) -> Checked:
    """The next version rendered, as whoever approves it has seen it."""
    with database.reading() as session:
        breach = breaches.get_breach(session, reference)
        return render_checked(notice_reading.read_next(session, breach, own_address=OWN, now=at))


def approve(
    database: Database,
    reference: str,
    *,
    by: Actor,
    at: datetime = NOW,
    seen: bool = False,
    checked: Checked | None = None,
) -> Approval:
    checked = checked or read_draft(database, reference, at)
    with database.begin() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        return notices.approve_notice(session, breach, checked, own_address=OWN, seen=seen, by=by, now=at)


def sent(database: Database, version: int | None = None) -> list[Delivery]:
    """The notices in the outbox, of one version or of all."""
    wanted = select(Delivery).join(Notice, Notice.id == Delivery.notice_id).order_by(Delivery.id)
    wanted = wanted.where(Delivery.purpose == Purpose.NOTICE)
    with database.reading() as session:
        found = list(session.scalars(wanted if version is None else wanted.where(Notice.version == version)))
        session.expunge_all()
        return found


def changed(addressee: Addressee = ADDRESSEE, /, **values: Any) -> Addressee:
    return replace(addressee, **values)
