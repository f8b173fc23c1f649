"""From the mailbox into the record, and from the record to a decision.

Raw bytes first, in a transaction of their own; then reading and deciding; then the MOVE out of the folder, which may be
lost. What died in between is found again in SQL: a mail that is kept and not decided, or one still arriving.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from mail.ahead import Decide, Read, one_ahead
from mail.blaming import blaming
from mail.decider import Decider
from mail.large import take_large
from mail.mailbox import PROCESSED, Found, Mailbox
from mail.receipts import note_receipts
from mail.settings import MailSettings, Receipt
from mail.uidsets import chunked
from mail.windows import windows
from storage import messages, sightings, stuck
from storage.clock import now, real_now
from storage.database import Database
from storage.logs import Condition
from storage.messages import PART, Arrived, Keeping
from storage.sightings import Here
from storage.unfinished import find_unfinished, give_up, join_whole

GROUP = 100
GROUP_OCTETS = 4 << 20
"""What one FETCH brings is one transaction: at most 100 mails or 4 MiB; a larger mail comes alone, in parts."""

SUSPECTS = 10
"""Mails that are tried at once when one of their group has failed, and nobody knows which; then they come singly."""

NOT_DELIVERED = "NotDelivered"
"""The fault of a mail that the server lists, and gives nothing of."""


def nothing(_: int) -> None:
    """Who hears how far a pass has come, when nobody does."""


class Intake:
    """Takes in what one open mailbox holds. `moving` is said whether mails can be moved out of its folders.

    `let_pass` waits a moment for what was queued: a mail that came alone goes out before it is moved away.
    """

    def __init__(
        self,
        database: Database,
        mailbox: Mailbox,
        settings: MailSettings,
        decider: Decider,
        *,
        account: str,
        moving: Condition,
        let_pass: Callable[[], None],
    ) -> None:
        self._database = database
        self._mailbox = mailbox
        self._settings = settings
        self._account = account
        self._decider = decider
        self._moving = moving
        self._let_pass = let_pass
        self._copies = 0

    def resume(self) -> int:
        """Decide what a predecessor kept from this mailbox and did not decide; how many."""
        return self._decider.resume()

    def sweep(self, folder: str, *, advance: Callable[[int], None] = nothing) -> int:
        """Everything in a folder that SQL does not know is taken in; what it knows is moved away. How many new.

        `advance` hears of each mail that was looked at. Those that failed before are left to `try_stuck`.
        """
        selected = self._mailbox.select(folder)
        here, taken = Here(self._account, folder, selected.uidvalidity), 0
        for first, last, present in windows(self._mailbox, selected.uidnext):
            with self._database.reading() as session:
                known = sightings.sighted_uids(session, here, first=first, last=last)
            self._move(here, [uid for uid in present if uid in known])
            advance(len(known.intersection(present)))
            taken += self._take_in(here, [uid for uid in present if uid not in known], advance)
        return taken

    def take_new(self, folder: str) -> int:
        """Take in what came since the last look; how many, receipt copies among them.

        After anything but 0 one looks again before one waits: what came meanwhile was announced to a command that does
        not listen.
        """
        here, copies = Here(self._account, folder, self._mailbox.select(folder).uidvalidity), self._copies
        with self._database.reading() as session:
            last = sightings.last_uid(session, here)
        present = self._mailbox.uids_after(last)
        if not present:
            return 0
        with self._database.reading() as session:
            known = sightings.sighted_uids(session, here, first=last + 1)
        return self._take_in(here, [uid for uid in present if uid not in known]) + self._copies - copies

    def try_stuck(self, folder: str) -> int:
        """Try those again that failed before, unless they rest; the least suspected first. How many new."""
        here = Here(self._account, folder, self._mailbox.select(folder).uidvalidity)
        taken = 0
        for uids in _suspects(self._find_due(here)):
            taken += self._take_some(here, uids)
            self._forget(here, self._find_over(here, uids))
        return taken

    def _find_over(self, here: Here, uids: Sequence[int]) -> set[int]:
        """Which of these are in the record now, or gone."""
        with self._database.reading() as session:
            seen = {place.uid for place in sightings.find_whole_places(session, [here.place(uid) for uid in uids])}
        unseen = [uid for uid in uids if uid not in seen]
        return set(uids) - {found.uid for found in self._mailbox.describe(unseen)}

    def end_unfinished(self, folder: str) -> None:
        """Large mails that were renumbered, moved or deleted while they arrived: what came of them is kept.

        If the whole of one came otherwise it is that; else a person is asked about the part.
        """
        with self._database.reading() as session:
            arriving = find_unfinished(session, self._account, folder)
        if not arriving:
            return
        here = Here(self._account, folder, self._mailbox.select(folder).uidvalidity)
        there = {found.uid for found in self._mailbox.describe([one.uid for one in arriving if one.here == here])}
        for one in arriving:
            if one.here != here or one.uid not in there:
                self._end(one.message_id)

    def _end(self, message_id: int) -> None:
        with self._database.begin() as session:
            if join_whole(session, message_id):
                return
            kept_id = give_up(session, message_id, now=now())
            if kept_id is not None:
                self._decider.hold(session, messages.read_kept(session, kept_id))

    def _find_due(self, here: Here) -> dict[int, int]:
        """How often these have failed, by UID. What ails those no more that are kept is forgotten."""
        with self._database.reading() as session:
            found = stuck.find_stuck(session, here)
            settled = stuck.find_settled(session, here) if found else set()
            seen = sightings.find_whole_places(session, [here.place(uid) for uid in found])
            old = stuck.find_renumbered(session, here)
        if settled or old:
            with self._database.begin() as session:
                stuck.forget(session, [*old, *(here.place(uid) for uid in settled)])
        known = {place.uid for place in seen}
        return {
            uid: one.attempts
            for uid, one in found.items()
            if uid not in known and not stuck.is_resting(one, now=real_now())
        }

    def _forget(self, here: Here, uids: Sequence[int] | set[int]) -> None:
        with self._database.begin() as session:
            stuck.forget(session, [here.place(uid) for uid in uids])

    def _take_in(self, here: Here, uids: Sequence[int], advance: Callable[[int], None] = nothing) -> int:
        """Mails that failed before are passed over, so that the others need not wait for them."""
        if not uids:
            return 0
        with self._database.reading() as session:
            failed = stuck.find_stuck(session, here)
        taken = 0
        for some in chunked([uid for uid in uids if uid not in failed]):
            taken += self._take_some(here, some)
            advance(len(some))
        return taken

    def _take_some(self, here: Here, uids: Sequence[int]) -> int:
        with blaming(self._database, [here.place(uid) for uid in uids]):
            present = self._describe(here, uids)
        taken, groups = 0, list(_groups(present))
        with one_ahead(len(groups)) as hand_over:
            for group in groups:
                with blaming(self._database, [here.place(found.uid) for found in group]):
                    new, kept = self._take_group(here, group, hand_over)
                taken += new
                if new and len(present) == 1:
                    self._let_pass()
                self._move(here, kept)
        return taken

    def _describe(self, here: Here, uids: Sequence[int]) -> list[Found]:
        """The mails to take in. Receipt copies of our own deliveries are noted from their head, and moved away."""
        addressed = self._settings.forward_receipt is not Receipt.NONE
        present = self._mailbox.describe(uids, addressed=addressed) if uids else []
        heads = {here.place(one.uid): one.head for one in present if one.head}
        noted = {place.uid for place in note_receipts(self._database, heads)} if heads else set()
        self._copies += len(noted)
        self._move(here, list(noted))
        return [one for one in present if one.uid not in noted]

    def _take_group(
        self, here: Here, group: Sequence[Found], hand_over: Callable[[Read, Decide], None]
    ) -> tuple[int, list[int]]:
        """How many were new, and the UIDs of those that are kept; the decision about them is handed over."""
        if group[0].size > GROUP_OCTETS:
            return self._take_large(here, group[0])
        raws = self._fetch(here, group)
        whole = [found for found in group if found.uid in raws and len(raws[found.uid]) < PART]
        keeping = self._keep(here, whole, raws)
        hand_over(partial(self._decider.read, keeping.new), partial(self._decide_about, keeping))
        arriving = {place.uid for place in keeping.arriving}
        new, kept = len(keeping.new), [found.uid for found in whole if found.uid not in arriving]
        for found in (one for one in group if one.uid in arriving or len(raws.get(one.uid, b"")) >= PART):
            more, large = self._take_large(here, found)
            new, kept = new + more, kept + large
        return new, kept

    def _fetch(self, here: Here, group: Sequence[Found]) -> dict[int, bytes]:
        """The first parts. What is listed, and of which nothing comes, is tried again; one that vanished is not."""
        raws = self._mailbox.fetch([found.uid for found in group])
        came = [one.uid for one in group if raws.get(one.uid) or (one.uid in raws and not one.size)]
        raws = {uid: raws[uid] for uid in came}
        missing = [found.uid for found in group if found.uid not in raws]
        if missing:
            there = [here.place(found.uid) for found in self._mailbox.describe(missing)]
            with self._database.begin() as session:
                stuck.note_failures(session, there, NOT_DELIVERED, now=real_now())
        return raws

    def _keep(self, here: Here, group: Sequence[Found], raws: Mapping[int, bytes]) -> Keeping:
        mails = [Arrived(here.place(one.uid), raws[one.uid], one.received_at) for one in group]
        if not mails:
            return Keeping([], [])
        with self._database.begin() as session:
            keeping = messages.keep_all(session, mails, now=now())
            sightings.advance(session, mails[-1].place)
        return keeping

    def _take_large(self, here: Here, found: Found) -> tuple[int, list[int]]:
        kept = take_large(self._database, self._mailbox, here.place(found.uid), found)
        if kept is None:
            return 0, []
        with self._database.reading() as session:
            is_new = bool(messages.still_undecided(session, [kept.message_id]))
        if is_new:
            self._decider.decide([kept])
        else:
            self._decider.reconsider([kept])
        return int(is_new), [found.uid]

    def _decide_about(self, keeping: Keeping, read: Read) -> None:
        self._decider.decide(keeping.new, read)
        self._decider.reconsider(keeping.again)

    def _move(self, here: Here, uids: Sequence[int]) -> None:
        """Everything kept is moved away, except from Junk: a MOVE would train the filter."""
        if not uids or self._mailbox.is_junk(here.folder) or here.folder == PROCESSED:
            return
        moved = self._mailbox.move(uids)
        if moved is None:
            self._moving.failed(
                "the mails stay where they are: the folder does not let us move them", folder=here.folder
            )
            return
        self._moving.well()
        if moved.uidvalidity is None:
            return
        there = Here(self._account, PROCESSED, moved.uidvalidity)
        went = {here.place(old): there.place(new) for old, new in moved.uids.items()}
        with self._database.begin() as session:
            sightings.record_moved(session, went)


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


def _suspects(failures: Mapping[int, int]) -> Iterator[Sequence[int]]:
    """UIDs by how often they failed, the least suspected first: some at once, and singly from the second failure on."""
    yield from chunked([uid for uid, times in failures.items() if times == 1], SUSPECTS)
    yield from ([uid] for uid, _ in sorted(failures.items(), key=lambda one: one[1]) if failures[uid] > 1)
