"""Kept mails are read, outside any transaction, and decided in groups; one that defeats us is held for a person."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from mail.answering import decide_answers
from mail.colleagues import find_enclosed
from mail.composing import original_parts
from mail.copies import author_digest
from mail.deciding import decide_all, hold_unread
from mail.mailbox import PROCESSED
from mail.reader import Raw, Reader
from mail.reading import Effective, MailRead, Parsed
from mail.recent import RecentLetters
from mail.reconsidering import find_in_junk, find_put_back, reconsider_all
from mail.settings import MailSettings
from storage import messages, sightings, stuck
from storage.arrivals import Opened
from storage.clock import now, real_now
from storage.database import Database
from storage.messages import PART, Kept
from storage.types import Channel

GROUP = 100
ENCLOSING = 25 << 20
"""Octets of a colleague's mail out of which the letter is taken; from a larger one a person takes it."""

log = structlog.get_logger()


class Decider:
    """Decides about the mails of one mailbox. `queued` is called after each commit that may have queued mail."""

    def __init__(
        self,
        database: Database,
        settings: MailSettings,
        *,
        account: str,
        reader: Reader,
        recent: RecentLetters,
        queued: Callable[[], None],
        is_junk: Callable[[str], bool],
    ) -> None:
        self._database = database
        self._settings = settings
        self._account = account
        self._reader = reader
        self._recent = recent
        self._queued = queued
        self._is_junk = is_junk

    def resume(self) -> int:
        """Decide what is kept from this mailbox and not decided; how many."""
        total, last = 0, 0
        while kept := self._undecided(last):
            self.decide(kept)
            total, last = total + len(kept), kept[-1].message_id
        self._resume_reconsidering()
        return total

    def decide(self, kept: Sequence[Kept], read: Callable[[], list[MailRead]] | None = None) -> None:
        """Decide about these, all of them in one transaction if that goes well, else one by one.

        `read` says what they are if they are being read already, and raises what `self.read` raises.
        """
        if not kept:
            return
        try:
            self._write(read() if read else self.read(kept))
        except (OperationalError, NoConnection, OSError):  # nothing that a mail could do
            raise
        except Exception as error:  # noqa: BLE001 - the poison guard: one mail must not take the others with it
            if len(kept) == 1:
                self._hold(kept[0], error)
            else:
                for one in kept:
                    self.decide([one])

    def reconsider(self, kept: Sequence[Kept]) -> None:
        """Mails that are seen at another place: what was held because it lay in Junk alone may go now."""
        put_back = [one for one in kept if self._is_intake(one.folders[-1])]
        if not put_back:
            return
        with self._database.reading() as session:
            in_junk = find_in_junk(session, [one.message_id for one in put_back])
        self._reconsider([one for one in put_back if one.message_id in in_junk])

    def _reconsider(self, kept: Sequence[Kept]) -> None:
        for one in kept:
            try:
                mail = replace(self.read([one])[0], junk=False)
                with self._database.begin() as session:
                    reconsider_all(session, [mail], settings=self._settings, now=now())
            except (OperationalError, NoConnection):
                raise
            except Exception as error:
                log.exception("mail-not-reconsidered", message=one.message_id, fault=error)
        if kept:
            self._queued()

    def _resume_reconsidering(self) -> None:
        with self._database.reading() as session:
            found = find_put_back(session, self._account, self._is_intake)
            kept = [messages.read_kept(session, message_id) for message_id in found]
        self._reconsider(kept)

    def _is_intake(self, folder: str) -> bool:
        return folder != PROCESSED and not self._is_junk(folder)

    def hold(self, session: Session, kept: Kept) -> None:
        """Open a case for a mail that could not be read or is not whole, in this transaction: a person decides."""
        for one in hold_unread(session, kept, now=now()):
            log.info("request-received", request=one.reference, held=one.arrival.hold)

    def _undecided(self, after: int) -> list[Kept]:
        with self._database.reading() as session:
            return messages.find_undecided(session, account=self._account, limit=GROUP, after=after)

    def _write(self, mails: Sequence[MailRead]) -> None:
        with self._database.begin() as session:
            opened = decide_all(session, mails, settings=self._settings, now=now())
            if len(opened) < len(mails):
                decide_answers(session, mails, settings=self._settings, now=now())
            self._remember(mails, opened)
        for one in opened:
            log.info("request-received", request=one.reference, held=one.arrival.hold)
        self._queued()

    def _remember(self, mails: Sequence[MailRead], opened: Sequence[Opened]) -> None:
        """Those that go on at once will be composed in a moment."""
        read = {mail.message_id: mail for mail in mails}
        for one in opened:
            mail = read.get(one.arrival.message_id)
            if one.arrival.customer and mail and len(mail.head) < PART:
                self._recent.keep(mail.message_id, mail.says, mail.head)

    def _hold(self, kept: Kept, error: Exception) -> None:
        log.error("mail-not-decided", message=kept.message_id, fault=error)
        try:
            with self._database.begin() as session:
                self.hold(session, kept)
        except (OperationalError, NoConnection):
            raise
        except Exception as fault:  # noqa: BLE001 - the poison guard: counted, told to staff, tried again
            with self._database.begin() as session:
                places = sightings.places_of(session, kept.message_id)
                stuck.note_failures(session, places[:1], type(fault).__name__, now=real_now())

    def read(self, kept: Sequence[Kept]) -> list[MailRead]:
        """What these mails say. Raises NotRead; OSError where no process can be started."""
        if not kept:
            return []
        parsed = self._reader.read_all(
            [Raw(one.head, _is_whole(one)) for one in kept],
            own_domains=self._settings.own_domains,
            own_address=self._settings.mail_address,
        )
        return [self._mail(one, found) for one, found in zip(kept, parsed, strict=True)]

    def _mail(self, kept: Kept, parsed: Parsed) -> MailRead:
        says, digest = parsed.says, parsed.author_sha256
        if not _is_whole(kept):
            digest = kept.author_sha256 or author_digest(self._parts(kept))
            if says.channel is Channel.COLLEAGUE and kept.size <= ENCLOSING:
                says = self._with_enclosed(kept, says)
        junk = all(self._is_junk(folder) for folder in kept.folders)
        return MailRead(kept.message_id, kept.received_at, kept.sha256, digest, kept.head, junk, says, parsed.report)

    def _with_enclosed(self, kept: Kept, says: Effective) -> Effective:
        return replace(says, enclosed=find_enclosed(b"".join(self._parts(kept))))

    def _parts(self, kept: Kept) -> Iterator[bytes]:
        return original_parts(self._database, kept.message_id)


def _is_whole(kept: Kept) -> bool:
    return kept.size <= len(kept.head)
