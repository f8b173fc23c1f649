"""A notice exactly as one customer would get it, sent to the own company address of whoever asks for it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from bot.notice_words import render_notice
from bot.settings import DeskSettings
from storage import notices
from storage.breach_errors import NotAffected
from storage.bulk import insert_rows
from storage.models import Attachment, Breach, Staff
from storage.notice_checks import check_all
from storage.notice_queueing import files_of
from storage.notice_reading import read_next
from storage.notice_types import Addressee, Edition, Rendered
from storage.staff_mails import queue_to
from storage.types import Actor, Purpose
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
    delivery_id = queue_to(
        session,
        colleague,
        "preview",
        breach.reference,
        gesture=gesture,
        purpose=Purpose.PREVIEW,
        topic=TOPIC,
        language=one.language,
        words=preview.words,
        now=now,
    )
    if delivery_id is not None:
        insert_rows(session, Attachment, list(files_of(delivery_id, preview)))
        notices.record_preview(session, breach, edition, one.customer, by=by, now=now)
