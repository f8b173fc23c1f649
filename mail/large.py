"""Large mails: fetched part by part, a commit each, going on where an interruption left it."""

from mail.blaming import Interrupted
from mail.mailbox import Found, Mailbox, MailboxLost
from storage import messages, sightings
from storage.clock import now
from storage.database import Database
from storage.messages import PART
from storage.sightings import Place

LARGEST = 1 << 62
"""What a server may announce and SQL can hold; the true size is noted with the last part."""


def take_large(database: Database, mailbox: Mailbox, place: Place, found: Found) -> int | None:
    """The message that is kept of it, which may have been known; None when it vanished meanwhile.

    Raises MailboxLost, or Interrupted where some of it came.
    """
    message_id, kept, is_whole = _begin(database, place, found)
    if is_whole:
        return message_id
    ordinal = kept
    try:
        while part := mailbox.fetch_part(place.uid, start=ordinal * PART, length=PART):
            with database.begin() as session:
                messages.add_part(session, message_id, ordinal, part)
            ordinal += 1
            if len(part) < PART:
                break
    except MailboxLost as error:
        if ordinal > kept:
            raise Interrupted(str(error), error.retry_after) from error
        raise
    return None if part is None else _finish(database, place, message_id)


def _begin(database: Database, place: Place, found: Found) -> tuple[int, int, bool]:
    """The message, how many parts of it are here, and whether these are all."""
    with database.begin() as session:
        message = sightings.find_sighted(session, place)
        if message is None:
            size = min(found.size, LARGEST)
            message = messages.begin_message(session, place, received_at=found.received_at, size=size, now=now())
        return message.id, messages.parts_kept(session, message), message.kept_at is not None


def _finish(database: Database, place: Place, message_id: int) -> int:
    with database.begin() as session:
        sightings.advance(session, place)
        return messages.finish_message(session, message_id, now=now())
