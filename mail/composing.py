"""From a delivery in the outbox to the bytes of its message: composed once, at the first try, and kept."""

from sqlalchemy.orm import Session

from mail.forward import Envelope, compose
from mail.letter import HEAD, Letter, read_letter
from mail.settings import MailSettings
from mail.words import forward_words, original_words
from storage import messages, requests, tokens
from storage.models import Delivery, Message, Request
from storage.outbox import Words


def compose_delivery(session: Session, delivery: Delivery, settings: MailSettings) -> None:
    """Fix the bytes and the Message-ID of a delivery. A repeat sends the same bytes under the same Message-ID."""
    request = requests.find_request(session, delivery.case)
    original = session.get(Message, delivery.original_id) if delivery.original_id else None
    delivery.message_id = f"<{tokens.sign(session, 'm', delivery.id)}@{settings.domain}>"
    envelope = Envelope(
        company=settings.company_name,
        sender=settings.mail_address,
        recipient=delivery.recipient,
        reply_to=_reply_to(session, request, settings),
        message_id=delivery.message_id,
        language=delivery.language,
        queued_at=delivery.queued_at,
        original_sha256=original.sha256 if original else None,
    )
    words = _words(session, delivery, request, settings)
    delivery.content = compose(words, envelope, boundary=boundary_of(delivery), with_original=original is not None)


def boundary_of(delivery: Delivery) -> str:
    """The MIME boundary: signed, so that no letter can hold it."""
    return f"kavkom-{(delivery.message_id or '')[1:].partition('@')[0]}"


def read_kept_letter(session: Session, message_id: int) -> Letter:
    """A kept mail, read from its head; never raises for what is in it."""
    head = messages.read_head(session, message_id)
    return read_letter(head[:HEAD], truncated=len(head) > HEAD)


def _words(session: Session, delivery: Delivery, request: Request | None, settings: MailSettings) -> Words:
    if delivery.text is not None:
        return Words(delivery.subject or "", delivery.text, delivery.html)
    letter = read_kept_letter(session, delivery.original_id or 0)
    if delivery.forward is not None:
        return forward_words(delivery.forward, letter, company=settings.company_name)
    received_at = request.received_at if request else delivery.queued_at
    return original_words(delivery.case, received_at, letter, language=delivery.language)


def _reply_to(session: Session, request: Request | None, settings: MailSettings) -> str:
    """A request's own signed address, so that an answer finds its case; else our address."""
    if request is None:
        return settings.mail_address
    return tokens.plus_address(settings.mail_address, tokens.sign(session, "c", request.id))
