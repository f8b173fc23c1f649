"""Large mails: fetched part by part, a commit each, going on where an interruption left it."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from mail.blaming import Interrupted
from mail.composing import original_parts
from mail.copies import AuthorDigest
from mail.mailbox import Found, Mailbox, MailboxLost
from storage import messages, sightings
from storage.clock import now
from storage.database import Database
from storage.messages import PART, Kept, Whole
from storage.sightings import Place

LARGEST = 1 << 62
"""What a server may announce and SQL can hold; the true size is noted with the last part."""


class _Arriving:
    """What a mail is known by, found while it comes: it need not be read again for that. `parts`: those that came."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._sha256, self._author, self._size, self.parts = sha256(), AuthorDigest(), 0, 0
        for part in parts:
            self.update(part)

    def update(self, part: bytes) -> None:
        """Take the next part."""
        self._sha256.update(part)
        self._author.update(part)
        self._size += len(part)
        self.parts += 1

    @property
    def whole(self) -> Whole:
        return Whole(self._sha256.hexdigest(), self._size)

    @property
    def author_sha256(self) -> str | None:
        return self._author.hexdigest()


def take_large(database: Database, mailbox: Mailbox, place: Place, found: Found) -> Kept | None:
    """What is kept of it, which may have been known; None when it vanished meanwhile.

    Raises MailboxLost, or Interrupted where some of it came.
    """
    message_id, is_whole = _begin(database, place, found)
    if is_whole:
        return _read_kept(database, message_id)
    arriving = _Arriving(original_parts(database, message_id))
    if not _take_parts(database, mailbox, place.uid, message_id, arriving):
        return None
    taken = _read_kept(database, _finish(database, place, message_id, arriving.whole))
    return replace(taken, author_sha256=arriving.author_sha256)


def _take_parts(database: Database, mailbox: Mailbox, uid: int, message_id: int, arriving: _Arriving) -> bool:
    """Fetch what follows the parts that have come, and keep it; whether the mail was there to the end."""
    before = arriving.parts
    try:
        while part := mailbox.fetch_part(uid, start=arriving.parts * PART, length=PART):
            with database.begin() as session:
                messages.add_part(session, message_id, arriving.parts, part)
            arriving.update(part)
            if len(part) < PART:
                break
    except MailboxLost as error:
        if arriving.parts > before:
            raise Interrupted(str(error), error.retry_after) from error
        raise
    return part is not None


def _begin(database: Database, place: Place, found: Found) -> tuple[int, bool]:
    """The message, and whether all of it is here."""
    with database.begin() as session:
        message = sightings.find_sighted(session, place)
        if message is None:
            size = min(found.size, LARGEST)
            message = messages.begin_message(session, place, received_at=found.received_at, size=size, now=now())
        return message.id, message.kept_at is not None


def _finish(database: Database, place: Place, message_id: int, whole: Whole) -> int:
    with database.begin() as session:
        sightings.advance(session, place)
        return messages.finish_message(session, message_id, whole, now=now())


def _read_kept(database: Database, message_id: int) -> Kept:
    with database.reading() as session:
        return messages.read_kept(session, message_id)
