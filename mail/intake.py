"""From the mailbox into the record, and from the record to a decision.

Raw bytes first, in a transaction of their own; then reading and deciding; then the MOVE out of the folder, which may be
lost. What died in between is found again in SQL: a mail that is kept and not decided, or one still arriving.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import structlog
from sqlalchemy.orm import Session

from mail.deciding import decide
from mail.folders import is_junk_name
from mail.mailbox import Found, Mailbox, MailboxLost
from mail.settings import MailSettings
from storage import messages
from storage.clock import now
from storage.database import Database
from storage.messages import PART, Place

ACCOUNT = "privacy"
GROUP = 100
GROUP_OCTETS = 4 << 20
"""What one FETCH brings is one transaction: at most 100 mails or 4 MiB; a larger mail comes alone, in parts."""

log = structlog.get_logger()


class Intake:
    """Takes in what one open mailbox holds. `queued` is called after each commit that may have queued mail."""

    def __init__(
        self, database: Database, mailbox: Mailbox, settings: MailSettings, *, queued: Callable[[], None]
    ) -> None:
        self._database = database
        self._mailbox = mailbox
        self._settings = settings
        self._queued = queued

    def resume(self) -> int:
        """Decide what a predecessor kept and did not decide; how many."""
        total = 0
        while count := self._decide_kept():
            total += count
        return total

    def sweep(self, folder: str) -> int:
        """Everything in a folder that SQL does not know is taken in; what it knows is moved away. How many new."""
        uidvalidity = self._mailbox.select(folder).uidvalidity
        present = self._mailbox.uids_after(0)
        with self._database.reading() as session:
            known = messages.sighted_uids(session, account=ACCOUNT, folder=folder, uidvalidity=uidvalidity)
        self._move(folder, [uid for uid in present if uid in known])
        return self._take_in(folder, uidvalidity, [uid for uid in present if uid not in known])

    def take_new(self, folder: str) -> int:
        """Take in what came since the last look; how many."""
        uidvalidity = self._mailbox.select(folder).uidvalidity
        with self._database.reading() as session:
            last = messages.last_uid(session, account=ACCOUNT, folder=folder, uidvalidity=uidvalidity)
        return self._take_in(folder, uidvalidity, self._mailbox.uids_after(last))

    def _take_in(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> int:
        present = self._mailbox.describe(uids)
        for group in _groups(present):
            places = {found.uid: Place(ACCOUNT, folder, uidvalidity, found.uid) for found in group}
            if group[0].size > GROUP_OCTETS:
                self._keep_in_parts(places[group[0].uid], group[0])
            else:
                self._keep(places, group)
            self._decide_kept()
            self._move(folder, list(places))
        return len(present)

    def _keep(self, places: dict[int, Place], group: Sequence[Found]) -> None:
        raws = self._whole(self._mailbox.fetch([found.uid for found in group]))
        with self._database.begin() as session:
            for found in group:
                if found.uid in raws:
                    _keep_one(session, places[found.uid], raws[found.uid], found)
            _advance(session, places[group[-1].uid])

    def _whole(self, raws: dict[int, bytes]) -> dict[int, bytes]:
        """Go on with those of which one FETCH brought only the first part."""
        for uid, raw in raws.items():
            last = raw
            while len(last) == PART:
                last = self._mailbox.fetch_part(uid, start=len(raws[uid]), length=PART) or b""
                raws[uid] += last
        return raws

    def _keep_in_parts(self, place: Place, found: Found) -> None:
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

    def _finish(self, place: Place, message_id: int) -> None:
        with self._database.begin() as session:
            messages.finish_message(session, message_id, now=now())
            _advance(session, place)

    def _decide_kept(self) -> int:
        with self._database.begin() as session:
            waiting = messages.find_undecided(session, limit=GROUP)
            for message in waiting:
                junk = all(is_junk_name(folder) for folder in messages.folders_of(session, message.id))
                request = decide(session, message, junk=junk, settings=self._settings, now=now())
                log.info("request-received", request=request.reference, held=request.hold)
        if waiting:
            self._queued()
        return len(waiting)

    def _move(self, folder: str, uids: Sequence[int]) -> None:
        """Everything kept is moved away, except from Junk: a MOVE would train the filter."""
        if uids and not self._mailbox.is_junk(folder):
            self._mailbox.move(uids)


def _keep_one(session: Session, place: Place, raw: bytes, found: Found) -> None:
    copy = messages.find_copy(session, place, sha256(raw).hexdigest())
    if copy is None:
        messages.keep_message(session, place, raw, received_at=found.received_at, now=now())
    else:
        messages.add_sighting(session, copy, place)


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
