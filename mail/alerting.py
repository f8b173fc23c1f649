"""Mail's own alerts: dpo and escalation addresses learn by e-mail what the desk itself cannot put right."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from mail.settings import MailSettings
from storage import outbox
from storage.announcements import DESK_CASE
from storage.outbox import Words
from storage.types import Medium, Purpose
from templates import render


def readers_of(settings: MailSettings) -> tuple[str, ...]:
    """The dpo's address, then the escalation addresses, each once; none when none is set."""
    addresses = (*((settings.dpo_address,) if settings.dpo_address else ()), *settings.escalation_addresses)
    return tuple(dict.fromkeys(addresses))


def write_alert(topic: str, settings: MailSettings, **values: Any) -> Words:
    """The words of templates `<topic>_subject` and `<topic>`, in the staff's language."""
    values, language = {**values, "company": settings.company_name}, settings.staff_language
    return Words(render(f"{topic}_subject", language, **values), render(topic, language, **values))


def queue_alert(session: Session, key: str, topic: str, words: Words, settings: MailSettings, *, now: datetime) -> int:
    """Queue an alert to every reader, once for each key; how many e-mails are new."""
    return sum(
        outbox.queue(
            session,
            f"{key}:{address}",
            medium=Medium.EMAIL,
            purpose=Purpose.ALERT,
            topic=topic,
            recipient=address,
            language=settings.staff_language,
            case=DESK_CASE,
            words=words,
            now=now,
        )
        for address in readers_of(settings)
    )
