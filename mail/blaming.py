"""A mail that kills the connection, or that the database will not take, must not hold up the others for ever."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from mail.losing import MailboxLost
from storage import stuck
from storage.clock import real_now
from storage.database import Database
from storage.sightings import Place, find_sighted_places


class MailAtFault(MailboxLost):
    """Some mail could not be taken in. It is counted: the next tries find out which one, and then go round it."""


class Interrupted(MailboxLost):
    """The connection was lost, but part of a large mail came meanwhile: the next try goes on from there."""


@contextmanager
def blaming(database: Database, places: Sequence[Place]) -> Iterator[None]:
    """Count a failure against these mails, unless it is surely not theirs. Raises MailAtFault."""
    try:
        yield
    except (OperationalError, NoConnection, Interrupted):
        raise
    except Exception as error:  # the poison guard: whatever it is, the mail is still in its mailbox
        if isinstance(error, MailboxLost) and error.retry_after is not None:
            raise
        if isinstance(error, IntegrityError) and _is_taken_in(database, places):
            raise MailboxLost("another process takes in these mails") from error
        with database.begin() as session:
            stuck.note_failures(session, places, type(error).__name__, now=real_now())
        raise MailAtFault(str(error) if isinstance(error, MailboxLost) else type(error).__name__) from error


def _is_taken_in(database: Database, places: Sequence[Place]) -> bool:
    with database.reading() as session:
        return bool(find_sighted_places(session, places))
