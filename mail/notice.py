"""What customers answer to a notice of a breach, and what is said when its documents had to be left out."""

import re
from collections.abc import Collection
from datetime import datetime

from markupsafe import escape
from sqlalchemy.orm import Session

from mail.letter import Letter
from mail.reading import MailRead
from mail.replies import read_reply
from storage import notice_failures, notice_replies
from storage.breaches import is_drill
from storage.forwards import is_address_of
from storage.models import Affected, Delivery, Message
from storage.outbox import Words
from storage.types import Actor, Channel, Said
from templates import render

_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)


def settle_reply(session: Session, mail: MailRead, notice: Delivery, *, by: Actor, now: datetime) -> None:
    """Record a reply. What comes from another address than the customer's is kept with it, and a person reads it."""
    affected = session.get_one(Affected, notice.affected_id)
    message = session.get_one(Message, mail.message_id)
    letter = mail.says.outer
    said: Said | None = read_reply(letter)
    if said is not Said.OUT_OF_OFFICE and not _is_theirs(mail, letter, affected, notice):
        said = None
    notice_replies.record_reply(session, message, affected, said, answers=notice if said else None, by=by, now=now)


def _is_theirs(mail: MailRead, letter: Letter, affected: Affected, notice: Delivery) -> bool:
    """Whether the customer writes; in a drill whoever plays it, for only who got the notice has its signature."""
    if is_drill(affected.breach.reference):
        return True
    if mail.says.channel is Channel.COLLEAGUE or mail.says.is_in_doubt:
        return False
    return is_address_of((letter.sender or "").lower(), _addresses(affected, notice))


def _addresses(affected: Affected, notice: Delivery) -> Collection[str]:
    customer = affected.customer
    known = (notice.recipient, customer.request_address, customer.breach_address)
    return {address.lower() for address in known if address}


def notice_words(session: Session, delivery: Delivery) -> Words:
    """The words of a notice, as they were approved; where its documents are left out, it says so before all else."""
    words = Words(delivery.subject or "", delivery.text or "", delivery.html)
    if not notice_failures.leaves_out_documents(session, delivery):
        return words
    said = render("notice_without_documents", delivery.language).strip()
    html = _BODY.sub(lambda body: f"{body[0]}<p>{escape(said)}</p>", words.html, count=1) if words.html else None
    return Words(words.subject, f"{said}\n\n{words.text}", html)
