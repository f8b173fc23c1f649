"""Receipt copies of what we sent: one transaction with the relay covers both, so a copy that came home is a proof.

They decide the undecidable window between our final dot and the relay's 250 (RFC 1047). A copy is known by its address,
`privacy+r.<delivery>.<signature>@…`, or by our own Message-ID; only its head is read, and it opens no case.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from mail.mailbox import Mailbox
from mail.settings import MailSettings, Receipt
from storage import outbox, outcomes, restored, sightings, tokens
from storage.clock import now, real_now
from storage.database import Database
from storage.heartbeats import contact_of, last_beats
from storage.sightings import Place
from storage.types import Medium, Purpose

TO_CUSTOMERS = frozenset({Purpose.FORWARD, Purpose.FOLLOW_UP, Purpose.NOTICE})
"""What must neither be lost nor repeated: a receipt copy is asked for."""

LONG_AGO = timedelta(days=3650)
_ADDRESS = re.compile(rb"\+(r\.[0-9]{1,18}\.[a-z2-7]{10,40})@", re.IGNORECASE)


def receipt_address(session: Session, delivery_id: int, settings: MailSettings) -> str | None:
    """The address of ours that gets a copy of a delivery, where receipts are wanted."""
    if settings.forward_receipt is not Receipt.SELF_COPY:
        return None
    return tokens.plus_address(settings.mail_address, tokens.sign(session, "r", delivery_id))


def note_receipts(database: Database, heads: Mapping[Place, bytes]) -> set[Place]:
    """Which of these mails are receipt copies; what they prove is recorded with their sightings."""
    if not any(_ADDRESS.search(head) for head in heads.values()):
        return set()
    with database.begin() as session:
        found = {place: signed for place, head in heads.items() if (signed := _genuine(session, head))}
        numbers = {place: number for place, signed in found.items() if (number := _delivery_of(session, signed))}
        known = outcomes.record_receipts(session, set(numbers.values()), now=now())
        ours = {place: numbers.get(place) if numbers.get(place) in known else None for place in found}
        hashes = {place: sha256(heads[place]).hexdigest() for place in ours}
        sightings.add_receipts(session, ours, hashes)
        for place in ours:
            sightings.advance(session, place)
    return set(ours)


def look_in_sent(database: Database, mailbox: Mailbox) -> None:
    """Where copies to oneself are suppressed, what was accepted stands in the folder of sent mail (FORWARD_RECEIPT)."""
    with database.reading() as session:
        uncertain = outbox.find_uncertain(session, Medium.EMAIL, now=real_now())
    folder = mailbox.sent_folder() if uncertain else None
    if folder is None:
        return
    mailbox.select(folder)
    sent = {number for number, message_id in uncertain.items() if mailbox.has_message_id(message_id)}
    with database.begin() as session:
        outcomes.record_receipts(session, sent, now=now())


def uncertain_since(session: Session, settings: MailSettings, *, now: datetime) -> datetime | None:
    """Tries that began before this instant and whose outcome is unknown may be repeated; None when any may.

    A copy that is still on its way needs RECEIPT_GRACE, and somebody who looks: a mailbox that was not read since the
    grace was over proves nothing.
    """
    if settings.forward_receipt is Receipt.NONE:
        return None
    ours = [one.account for one in settings.mailboxes if one.user.lower() == settings.mail_address.lower()]
    contact = last_beats(session).get(contact_of((ours or [settings.mailboxes[0].account])[0]))
    return min(now, contact or now - LONG_AGO) - settings.receipt_grace


def without_proof(settings: MailSettings) -> tuple[Purpose, ...]:
    """Whose tries leave no proof: nothing is to be waited for before they are repeated."""
    if settings.forward_receipt is not Receipt.SELF_COPY:
        return ()
    return tuple(purpose for purpose in Purpose if purpose not in TO_CUSTOMERS)


def _genuine(session: Session, head: bytes) -> str | None:
    """The receipt address in a head that we signed, in this life of the record or in one that is lost."""
    for found in _ADDRESS.finditer(head):
        signed = found[1].decode("ascii")
        if tokens.read(session, signed) or tokens.read_lost(session, signed):
            return signed
    return None


def _delivery_of(session: Session, signed: str) -> int | None:
    """The delivery that a receipt is for; one that this record never made pauses sending."""
    restored.report_foreign_receipt(session, signed, now=now())
    token = tokens.read(session, signed)
    return token[1] if token else None
