"""From the mailbox into the record, and from the record to a decision.

Raw bytes first, in a transaction of their own; then reading and deciding; then the MOVE out of the folder, which may be
lost. What died in between is found again in SQL: a mail that is kept and not decided, or one still arriving.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from mail.copies import AuthorDigest
from mail.deciding import decide_all
from mail.mailbox import PROCESSED, Found, Mailbox, MailboxLost
from mail.reading import MailRead, read_mail
from mail.receipts import note_receipts
from mail.recent import RecentLetters
from mail.settings import MailSettings, Receipt
from storage import messages, stuck
from storage.clock import now, real_now
from storage.database import Database
from storage.messages import PART, Arrived, Kept, Place

GROUP = 100
GROUP_OCTETS = 4 << 20
"""What one FETCH brings is one transaction: at most 100 mails or 4 MiB; a larger mail comes alone, in parts."""

LOOKED_AT = 500
"""Mails that are described by the server at once."""

log = structlog.get_logger()


class Intake:
    """Takes in what one open mailbox holds. `queued` is called after each commit that may have queued mail."""

    def __init__(
        self,
        database: Database,
        mailbox: Mailbox,
        settings: MailSettings,
        *,
        account: str,
        recent: RecentLetters,
        queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._mailbox = mailbox
        self._settings = settings
        self._account = account
        self._recent = recent
        self._queued = queued

    def resume(self) -> int:
        """Decide what a predecessor kept from this mailbox and did not decide; how many."""
        total = 0
        while kept := self._undecided():
            self._decide(kept)
            total += len(kept)
        return total

    def sweep(self, folder: str, *, advance: Callable[[int], None] = lambda _: None) -> int:
        """Everything in a folder that SQL does not know is taken in; what it knows is moved away. How many new.

        `advance` hears of each mail that was looked at.
        """
        uidvalidity = self._mailbox.select(folder).uidvalidity
        present = self._mailbox.uids_after(0)
        with self._database.reading() as session:
            known = messages.sighted_uids(session, account=self._account, folder=folder, uidvalidity=uidvalidity)
        self._move(folder, uidvalidity, [uid for uid in present if uid in known])
        advance(len(known.intersection(present)))
        return self._take_in(folder, uidvalidity, [uid for uid in present if uid not in known], advance)

    def take_new(self, folder: str) -> int:
        """Take in what came since the last look; how many."""
        uidvalidity = self._mailbox.select(folder).uidvalidity
        with self._database.reading() as session:
            last = messages.last_uid(session, account=self._account, folder=folder, uidvalidity=uidvalidity)
        return self._take_in(folder, uidvalidity, self._mailbox.uids_after(last))

    def _take_in(
        self, folder: str, uidvalidity: int, uids: Sequence[int], advance: Callable[[int], None] = lambda _: None
    ) -> int:
        """Mails that failed before come last and one by one, so that the others need not wait for them."""
        failed = self._failed(folder, uidvalidity) if uids else {}
        taken = 0
        for start in range(0, len(uids), LOOKED_AT):
            some = [uid for uid in uids[start : start + LOOKED_AT] if uid not in failed]
            taken += self._take_some(folder, uidvalidity, some)
            advance(len(some))
        for uid in (uid for uid in uids if failed.get(uid)):
            taken += self._take_some(folder, uidvalidity, [uid])
            with self._database.begin() as session:
                stuck.forget(session, [Place(self._account, folder, uidvalidity, uid)])
            advance(1)
        return taken

    def _failed(self, folder: str, uidvalidity: int) -> dict[int, bool]:
        """The mails that failed before, and whether it is time to try them again."""
        with self._database.reading() as session:
            found = stuck.find_stuck(session, account=self._account, folder=folder, uidvalidity=uidvalidity)
            return {uid: not stuck.is_resting(one, now=real_now()) for uid, one in found.items()}

    def _take_some(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> int:
        present = self._describe(folder, uidvalidity, uids)
        for group in _groups(present):
            places = {found.uid: Place(self._account, folder, uidvalidity, found.uid) for found in group}
            with self._blaming(list(places.values())):
                self._take_group(places, group)
            self._move(folder, uidvalidity, list(places))
        return len(present)

    def _describe(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> list[Found]:
        """The mails to take in. Receipt copies of our own deliveries are noted from their head, and moved away."""
        addressed = self._settings.forward_receipt is not Receipt.NONE
        present = self._mailbox.describe(uids, addressed=addressed) if uids else []
        heads = {Place(self._account, folder, uidvalidity, one.uid): one.head for one in present if one.head}
        noted = {place.uid for place in note_receipts(self._database, heads)} if heads else set()
        self._move(folder, uidvalidity, list(noted))
        return [one for one in present if one.uid not in noted]

    def _take_group(self, places: dict[int, Place], group: Sequence[Found]) -> None:
        if group[0].size > GROUP_OCTETS:
            self._take_large(places[group[0].uid], group[0])
            return
        raws = self._mailbox.fetch([found.uid for found in group])
        whole = [found for found in group if len(raws.get(found.uid, b"")) < PART]
        self._decide(self._keep(places, whole, raws))
        for found in (found for found in group if found not in whole):
            self._take_large(places[found.uid], found)

    def _keep(self, places: dict[int, Place], group: Sequence[Found], raws: dict[int, bytes]) -> list[Kept]:
        mails = [Arrived(places[one.uid], raws[one.uid], one.received_at) for one in group if one.uid in raws]
        with self._database.begin() as session:
            kept = messages.keep_all(session, mails, now=now())
            _advance(session, list(places.values())[-1])
        return kept

    def _take_large(self, place: Place, found: Found) -> None:
        """Fetch a large mail part by part, a commit each, going on where an interruption left it."""
        with self._database.begin() as session:
            message = messages.find_sighted(session, place)
            if message is None:
                message = messages.begin_message(
                    session, place, received_at=found.received_at, size=found.size, now=now()
                )
            message_id, ordinal = message.id, messages.parts_kept(session, message)
        while part := self._mailbox.fetch_part(place.uid, start=ordinal * PART, length=PART):
            with self._database.begin() as session:
                messages.add_part(session, message_id, ordinal, part)
            ordinal += 1
            if len(part) < PART:
                break
        if part is None:
            raise MailboxLost("the mail vanished while it was fetched")
        self._finish(place, message_id)
        self.resume()

    def _finish(self, place: Place, message_id: int) -> None:
        with self._database.begin() as session:
            messages.finish_message(session, message_id, now=now())
            _advance(session, place)

    @contextmanager
    def _blaming(self, places: Sequence[Place]) -> Iterator[None]:
        """A mail that cannot be fetched or kept must not hold up the others for ever: count it."""
        try:
            yield
        except OperationalError:
            raise
        except (MailboxLost, DBAPIError) as error:
            with self._database.begin() as session:
                stuck.note_failures(session, places, type(error).__name__, now=real_now())
            if isinstance(error, MailboxLost):
                raise
            raise MailboxLost(f"a mail could not be kept ({type(error).__name__})") from error

    def _undecided(self) -> list[Kept]:
        with self._database.reading() as session:
            return messages.find_undecided(session, account=self._account, limit=GROUP)

    def _decide(self, kept: Sequence[Kept]) -> None:
        """Read first, outside the transaction; then decide all of a group in one."""
        mails = [self._read(one) for one in kept]
        if not mails:
            return
        with self._database.begin() as session:
            opened = decide_all(session, mails, settings=self._settings, now=now())
        for one in opened:
            log.info("request-received", request=one.reference, held=one.arrival.hold)
        self._queued()

    def _read(self, kept: Kept) -> MailRead:
        is_whole = kept.size <= len(kept.head)
        letter, rights = read_mail(kept.head, whole=is_whole)
        if is_whole:
            self._recent.keep(kept.message_id, letter, kept.head)
        junk = all(self._mailbox.is_junk(folder) for folder in kept.folders)
        digest = self._author_digest(kept)
        return MailRead(kept.message_id, kept.received_at, kept.sha256, digest, kept.head, junk, letter, rights)

    def _author_digest(self, kept: Kept) -> str | None:
        digest = AuthorDigest()
        digest.update(kept.head)
        for ordinal in range(1, -(-kept.size // PART)):
            with self._database.reading() as session:
                digest.update(messages.read_part(session, kept.message_id, ordinal) or b"")
        return digest.hexdigest()

    def _move(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> None:
        """Everything kept is moved away, except from Junk: a MOVE would train the filter."""
        if not uids or self._mailbox.is_junk(folder) or folder == PROCESSED:
            return
        moved = self._mailbox.move(uids)
        if moved is None or moved.uidvalidity is None:
            return
        there = moved.uidvalidity
        went = {
            Place(self._account, folder, uidvalidity, old): Place(self._account, PROCESSED, there, new)
            for old, new in moved.uids.items()
        }
        with self._database.begin() as session:
            messages.record_moved(session, went)


def _advance(session: Session, place: Place) -> None:
    messages.advance(session, account=place.account, folder=place.folder, uidvalidity=place.uidvalidity, uid=place.uid)


def _groups(mails: Sequence[Found]) -> Iterator[list[Found]]:
    group: list[Found] = []
    octets = 0
    for found in mails:
        if group and (len(group) >= GROUP or octets + found.size > GROUP_OCTETS):
            yield group
            group, octets = [], 0
        group.append(found)
        octets += found.size
    if group:
        yield group
