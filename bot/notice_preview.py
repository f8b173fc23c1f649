"""A notice exactly as one customer would get it, sent to the own company address of whoever asks for it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.notice_words import render_notice
from bot.settings import DeskSettings
from storage import notices, outbox
from storage.bulk import insert_rows
from storage.errors import NotAffected
from storage.models import Attachment, Breach, Delivery, Staff
from storage.notice_checks import check_all
from storage.notice_queueing import files_of
from storage.notice_reading import read_next
from storage.notice_types import Addressee, Edition, Rendered
from storage.types import Actor, Medium, Purpose
from templates import render

MARK = "[APERÇU / PREVIEW] "
TOPIC = "notice_preview"


def render_preview(edition: Edition, one: Addressee, colleague_language: str, settings: DeskSettings) -> Rendered:
    """The notice with a line on top that says what it is, to whom it would go, and whom else it seems to name."""
    shown = check_all(edition, [render_notice(edition, one, settings)])
    names = dict(edition.everybody)
    others = [f"{names[each.names]} ({each.names})" for each in shown.mentions]
    line = render("notice_preview", colleague_language, mark=MARK, one=one, others=others)
    rendered = render_notice(edition, one, settings, preview=line)
    return replace(rendered, words=replace(rendered.words, subject=MARK + rendered.words.subject))


def send_preview(
    session: Session,
    breach: Breach,
    customer: str,
    colleague: Staff,
    settings: DeskSettings,
    *,
    gesture: str,
    by: Actor,
    now: datetime,
) -> None:
    """Queue it; nothing about the customer's row changes. Raises NotAffected, NoticeFaulty."""
    edition = read_next(session, breach, own_address=settings.mail_address, now=now)
    one = edition.find(customer)
    if one is None:
        raise NotAffected(breach.reference, customer)
    preview = render_preview(edition, one, colleague.language, settings)
    key = f"preview:{breach.reference}:{colleague.slack_user}:{gesture}"
    queued = outbox.queue(
        session,
        key,
        medium=Medium.EMAIL,
        purpose=Purpose.PREVIEW,
        topic=TOPIC,
        recipient=colleague.email,
        language=one.language,
        case=breach.reference,
        words=preview.words,
        now=now,
    )
    if queued:
        delivery_id = session.scalars(select(Delivery.id).where(Delivery.key == key)).one()
        insert_rows(session, Attachment, list(files_of(delivery_id, preview)))
        notices.record_preview(session, breach, edition, one.customer, by=by, now=now)
