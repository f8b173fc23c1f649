"""From a delivery in the outbox to the bytes of its message: composed once, at the first try, and kept."""

from sqlalchemy.orm import Session

from mail.forward import Envelope, compose
from mail.letter import HEAD, Letter, read_letter
from mail.settings import MailSettings
from mail.words import follow_up_words, forward_words, original_words
from storage import messages, requests, tokens
from storage.attempts import find_original, withheld_size
from storage.models import Delivery, Message, Request
from storage.outbox import Words
from storage.types import Purpose


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
    words = _words(session, delivery, settings)
    delivery.content = compose(words, envelope, boundary=boundary_of(delivery), with_original=original is not None)


def boundary_of(delivery: Delivery) -> str:
    """The MIME boundary: signed, so that no letter can hold it."""
    return f"kavkom-{(delivery.message_id or '')[1:].partition('@')[0]}"


def read_kept_letter(session: Session, message_id: int) -> Letter:
    """A kept mail, read from its head; never raises for what is in it."""
    head = messages.read_head(session, message_id)
    return read_letter(head[:HEAD], truncated=len(head) > HEAD)


def _words(session: Session, delivery: Delivery, settings: MailSettings) -> Words:
    if delivery.text is not None:
        return Words(delivery.subject or "", delivery.text, delivery.html)
    original = find_original(session, delivery)
    letter = read_kept_letter(session, original.id if original else 0)
    received_at = original.received_at if original else delivery.queued_at
    if delivery.forward is None:
        return original_words(delivery.case, received_at, letter, language=delivery.language)
    company, withheld = settings.company_name, withheld_size(session, delivery)
    if delivery.purpose == Purpose.FOLLOW_UP:
        return follow_up_words(
            delivery.forward, letter, received_at=received_at, company=company, withheld_size=withheld
        )
    instructed = delivery.recipient != delivery.forward.address
    return forward_words(delivery.forward, letter, company=company, withheld_size=withheld, instructed=instructed)


def _reply_to(session: Session, request: Request | None, settings: MailSettings) -> str:
    """A request's own signed address, so that an answer finds its case; else our address."""
    if request is None:
        return settings.mail_address
    return tokens.plus_address(settings.mail_address, tokens.sign(session, "c", request.id))
