"""Second copies of one letter: kept, linked to the first one's case, and not forwarded twice to the same customer."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from mail.reading import MailRead
from storage import correspondence, decisions, facts
from storage.arrivals import Arrival
from storage.models import Message, Request
from storage.types import Actor, Correspondence, Hold

RECONSIDERED = frozenset({Hold.JUNK, Hold.NO_EVIDENCE, Hold.UNREADABLE, Hold.AUTOMATIC_MAIL})
"""Reasons to hold a letter that a better copy of it does away with."""


class Copies:
    """Which mails of a group are copies, of each other or of kept ones: their authors' bytes are the same."""

    def __init__(self, session: Session, mails: Sequence[MailRead]) -> None:
        self._session = session
        ours = [(mail.author_sha256, mail.message_id) for mail in mails if mail.author_sha256]
        decided = facts.find_first(session, {digest for digest, _ in ours}) if ours else {}
        self._first = dict(reversed(ours)) | decided

    def is_copy(self, mail: MailRead) -> bool:
        """Whether a mail that was decided before, or one further up in the group, has the same letter."""
        return self._first.get(mail.author_sha256 or "", mail.message_id) != mail.message_id

    def settle(self, mail: MailRead, arrival: Arrival, *, own_address: str, by: Actor, now: datetime) -> bool:
        """Attach a copy to its case. False when it came for a customer who does not have the letter, and others do."""
        first = self._first[mail.author_sha256 or ""]
        request = correspondence.find_case(self._session, first)
        customers = {forward.customer_id for forward in request.forwards} if request else set()
        if customers and arrival.customer and arrival.customer.id not in customers:
            return False
        message = self._session.get_one(Message, mail.message_id)
        correspondence.attach(
            self._session, message, Correspondence.COPY, request_id=request.id if request else None, now=now
        )
        if request:
            self._forward(request, arrival, own_address=own_address, by=by, now=now)
        return True

    def _forward(self, request: Request, arrival: Arrival, *, own_address: str, by: Actor, now: datetime) -> None:
        """A copy that shows to whom the letter goes sends it there, if nobody has it yet."""
        if arrival.customer and request.hold in RECONSIDERED:
            decisions.forward_found(
                self._session,
                request,
                arrival.customer,
                evidence=arrival.evidence,
                own_address=own_address,
                by=by,
                now=now,
            )
