"""Who is told of what: everything here only queues, in the transaction that decides."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot import letters
from bot.document_words import address_for
from bot.marking import mark_words
from bot.settings import DeskSettings
from bot.showing import show_breach
from storage import breach_lead, journal, outbox, staff
from storage.alarms import WINDOW
from storage.announcements import CHANNEL
from storage.models import Breach, Delivery, Reminder, Staff
from storage.outbox import Words
from storage.types import Medium, Purpose, Role

AT_MOST = 3
"""E-mails about what rings that a reader gets in each WINDOW, however much rings."""


@dataclass(frozen=True)
class Told:
    """Who learns of a new breach: staff by direct message and e-mail, addresses by e-mail."""

    people: tuple[str, ...]
    addresses: tuple[str, ...]


def tell_opened(session: Session, breach: Breach, settings: DeskSettings, *, now: datetime) -> Told:
    """Lead, every active dpo, and the escalation addresses; telling twice is telling once."""
    people = breach_lead.find_people(session, breach, now=now)
    for colleague in people:
        _direct(session, breach, colleague, now=now)
    elsewhere = find_others(settings.escalation_addresses, people)
    readers = {one.email: one.language for one in people} | dict.fromkeys(elsewhere, settings.staff_language)
    card, documents = show_breach(session, breach), address_for(session, breach, settings.mail_address, now=now)
    staffed = {one.email for one in people}
    company = settings.company_name
    for address, language in readers.items():
        told = documents if address in staffed else None
        queue_mail(
            session,
            key_of_letter(breach.reference, None, address),
            case=breach.reference,
            topic="breach_opened",
            address=address,
            language=language,
            words=letters.write_opened(card, breach.summary, language, company=company, documents=told),
            now=now,
        )
    return Told(tuple(colleague.slack_user for colleague in people), elsewhere)


def tell_thread(
    session: Session,
    case: str,
    topic: str,
    *,
    now: datetime,
    affected_id: int | None = None,
    forward_id: int | None = None,
    recipient: str = CHANNEL,
    language: str = "",
) -> None:
    """Say an event in the case's thread, or to another recipient; call it after the journal has it."""
    number, _ = journal.head(session)
    outbox.queue(
        session,
        f"slack:{topic}:{number}:{recipient}",
        medium=Medium.SLACK,
        purpose=Purpose.ANNOUNCEMENT,
        topic=topic,
        recipient=recipient,
        language=language,
        case=case,
        affected_id=affected_id,
        forward_id=forward_id,
        now=now,
    )


def tell_colleague(session: Session, case: str, topic: str, colleague: Staff, *, now: datetime) -> None:
    """Say an event of a case directly to a colleague, in their language."""
    tell_thread(session, case, topic, now=now, recipient=colleague.slack_user, language=colleague.language)


def queue_reminder(
    session: Session, reminder: Reminder, topic: str, recipient: str, language: str = "", *, now: datetime
) -> bool:
    """A rung that rang, to the channel, to a colleague directly, or into the letter that gathers. True when new."""
    return outbox.queue(
        session,
        key_of_reminder(reminder.id, recipient),
        medium=Medium.SLACK,
        purpose=Purpose.REMINDER,
        topic=topic,
        recipient=recipient,
        language=language,
        case=reminder.case,
        reminder_id=reminder.id,
        now=now,
    )


def find_readers(session: Session, settings: DeskSettings, *, now: datetime) -> dict[str, str]:
    """Every active dpo and the escalation addresses, with their languages."""
    dpos = staff.active_staff(session, now=now, role=Role.DPO)
    others = find_others(settings.escalation_addresses, dpos)
    return {one.email: one.language for one in dpos} | dict.fromkeys(others, settings.staff_language)


def tell_instead(
    session: Session,
    delivery: Delivery,
    write: Callable[[str], Words],
    settings: DeskSettings,
    *,
    lead: Iterable[Staff] = (),
    now: datetime,
) -> int:
    """Slack cannot be told: lead, dpo and escalation addresses get it by e-mail, unless they have it. How many are
    new."""
    of_case = partial(key_of_letter, delivery.case, delivery.reminder_id)
    return write_to(
        session,
        {one.email: one.language for one in lead} | find_readers(session, settings, now=now),
        of_case if delivery.case else partial(key_of_alert, delivery.key),
        write,
        case=delivery.case,
        topic=delivery.topic,
        purpose=delivery.purpose,
        reminder_id=delivery.reminder_id,
        now=now,
    )


def _direct(session: Session, breach: Breach, colleague: Staff, *, now: datetime) -> None:
    outbox.queue(
        session,
        key_of_opening(breach.reference, colleague.slack_user),
        medium=Medium.SLACK,
        purpose=Purpose.ANNOUNCEMENT,
        topic="breach_opened",
        recipient=colleague.slack_user,
        language=colleague.language,
        case=breach.reference,
        now=now,
    )


def queue_mail(  # noqa: PLR0913 - a letter is all of this; keyword-only
    session: Session,
    key: str,
    *,
    case: str,
    topic: str,
    address: str,
    language: str,
    words: Words,
    now: datetime,
    purpose: Purpose = Purpose.ANNOUNCEMENT,
    reminder_id: int | None = None,
) -> bool:
    """Queue an e-mail with its words; mail adds From and headers. One about a drill says so. True when it is new."""
    return outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=purpose,
        topic=topic,
        recipient=address,
        language=language,
        case=case,
        words=mark_words(words, case),
        reminder_id=reminder_id,
        now=now,
    )


def write_to(  # noqa: PLR0913 - a letter is all of this; keyword-only
    session: Session,
    readers: Mapping[str, str],
    key_of: Callable[[str], str],
    write: Callable[[str], Words],
    *,
    case: str,
    topic: str,
    purpose: Purpose = Purpose.ALERT,
    reminder_id: int | None = None,
    now: datetime,
) -> int:
    """Queue an e-mail to these addresses, written once for each of their languages; how many are new.

    `key_of` an address is what makes it one e-mail.
    """
    words = {language: write(language) for language in set(readers.values())}
    return sum(
        queue_mail(
            session,
            key_of(address),
            case=case,
            topic=topic,
            address=address,
            language=language,
            words=words[language],
            purpose=purpose,
            reminder_id=reminder_id,
            now=now,
        )
        for address, language in readers.items()
    )


def were_many(session: Session, case: str, topic: str, *, now: datetime) -> bool:
    """Whether a reader has had AT_MOST e-mails of this within WINDOW: then the next ones wait and come as one."""
    mails = (Delivery.case == case, Delivery.topic == topic, Delivery.medium == Medium.EMAIL)
    sent = select(Delivery.queued_at).where(*mails).distinct().order_by(Delivery.queued_at.desc())
    last = session.scalars(sent.offset(AT_MOST - 1).limit(1)).first()
    return last is not None and last <= now < last + WINDOW


def key_of_reminder(reminder_id: int, recipient: str) -> str:
    """One post to one recipient about a rung."""
    return f"reminder:{reminder_id}:slack:{recipient}"


def key_of_opening(case: str, recipient: str) -> str:
    """One direct message to one colleague about a new breach."""
    return f"slack:breach_opened:{case}:{recipient}"


def key_of_letter(case: str, reminder_id: int | None, address: str) -> str:
    """One e-mail to one reader about an opening or a rung, whichever way it comes to be queued."""
    return f"e-mail:reminder:{reminder_id}:{address}" if reminder_id else f"e-mail:breach_opened:{case}:{address}"


def key_of_alert(about: str, address: str) -> str:
    """One e-mail to one reader about something else."""
    return f"e-mail:{about}:{address}"


def find_others(addresses: Iterable[str], people: Iterable[Staff]) -> tuple[str, ...]:
    """The escalation addresses that are not those of people who are told anyway."""
    told = {one.email.lower() for one in people}
    return tuple(dict.fromkeys(address for address in addresses if address.lower() not in told))
