"""Letters that cannot wait: an authority's, a customer's own, and whatever may tell of a data breach.

They ring in the transaction that opens their case: each active dpo and the case's thread in Slack, dpo and escalation
addresses by e-mail. A flood of them rings a few times and is then told as one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from storage import alarms, outbox, staff, tasks
from storage.alarms import ONE_BY_ONE
from storage.announcements import DESK_CASE
from storage.models import Message, Request, Staff
from storage.outbox import Queued
from storage.types import Actor, Kind, Role, TaskKind

RINGS, MANY_RING = "letter_rings", "letters_ring"
"""The topics of one such letter, and of more of them than are told one by one."""
POSSIBLE_BREACH = "possible_breach"
"""The flag that makes a letter of any kind ring."""
TASKS = {Kind.AUTHORITY: TaskKind.AUTHORITY, Kind.CONTROLLER: TaskKind.CONTROLLER}
"""What must be done about the kinds that ring."""


@dataclass(frozen=True)
class Came:
    """A letter whose case has just been opened, or a `further` mail of a case that is known."""

    reference: str
    message_id: int
    kind: Kind
    flags: tuple[str, ...]
    further: bool = False

    @property
    def key(self) -> str:
        """What makes telling of it twice telling of it once."""
        return f"{self.reference}:{self.message_id}" if self.further else self.reference


def rings(kind: Kind, flags: Collection[str]) -> bool:
    """Whether a letter of this kind, with these flags, rings at once; wherever it lay, in Junk, too."""
    return kind in TASKS or POSSIBLE_BREACH in flags


def ring_letters(session: Session, letters: Iterable[Came], *, by: Actor, now: datetime) -> None:
    """Queue who is told of those that ring, and open what must be done about them."""
    ringing = [one for one in letters if rings(one.kind, one.flags)]
    if not ringing:
        return
    dpos = staff.active_staff(session, now=now, role=Role.DPO)
    outbox.queue_all(session, [_by_mail(one) for one in ringing], now=now)
    slots = iter(range(ONE_BY_ONE))
    for one in ringing:
        what = None if one.further else TASKS.get(one.kind)
        if what is not None:
            letter = session.get(Message, one.message_id)
            tasks.open_task(session, one.reference, what, message=letter, by=by, now=now)
        _tell(session, one, dpos, slots, now=now)


def ring_further(session: Session, request: Request, message: Message, *, by: Actor, now: datetime) -> None:
    """A further mail of a case may tell of a data breach: noted there, and rings unless the case did so before."""
    if POSSIBLE_BREACH not in request.flags:
        request.flags = (*request.flags, POSSIBLE_BREACH)
        came = Came(request.reference, message.id, request.kind, (POSSIBLE_BREACH,), further=True)
        ring_letters(session, [came], by=by, now=now)


def _tell(session: Session, one: Came, dpos: Sequence[Staff], slots: Iterator[int], *, now: datetime) -> None:
    """In the thread and directly, while a slot of this quarter of an hour is free; else once that there are many."""
    window, case = alarms.window_of(now), one.reference
    free = (f"slack:{RINGS}:slot:{window}:{slot}" for slot in slots)
    if any(alarms.take_slot(session, slot, RINGS, case, now=now) for slot in free):
        rows = [alarms.to_colleague(f"slack:{RINGS}:{one.key}", RINGS, case, dpo) for dpo in dpos]
    else:
        key = f"slack:{MANY_RING}:{window}"
        rows = [alarms.to_colleague(key, MANY_RING, DESK_CASE, dpo) for dpo in (None, *dpos)]
    outbox.queue_all(session, rows, now=now)


def _by_mail(one: Came) -> Queued:
    """The key is that of a held request that Slack could not show (bot/outage.py): it is not told twice."""
    return alarms.by_mail(f"held:{one.key}", RINGS, one.reference)
