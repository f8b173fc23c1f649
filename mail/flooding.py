"""So many letters of one sender that a person is asked before more are forwarded; none is dropped (mail.md rule 8)."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from mail.reading import MailRead
from storage import facts

FLOOD = 20
"""Letters of one sender within FLOOD_TIME; the further ones are held."""

FLOOD_TIME = timedelta(hours=2)


def find_flooding(session: Session, mails: Sequence[MailRead]) -> frozenset[int]:
    """The message ids of letters that more than FLOOD of the same sender came before, within FLOOD_TIME."""
    if not mails:
        return frozenset()
    since = min(mail.received_at for mail in mails) - FLOOD_TIME
    counts = facts.count_from(session, {sender for mail in mails if (sender := _sender(mail))}, since=since)
    suspects = [mail for mail in mails if counts.get(_sender(mail), 0) > FLOOD]
    return frozenset(mail.message_id for mail in suspects if _is_one_too_many(session, mail))


def _is_one_too_many(session: Session, mail: MailRead) -> bool:
    came = facts.Came(_sender(mail), mail.received_at, mail.message_id)
    return facts.is_after_many(session, came, within=FLOOD_TIME, many=FLOOD)


def _sender(mail: MailRead) -> str:
    return (mail.letter.sender or "").lower()
