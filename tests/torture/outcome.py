"""What is asked of a run, when it is over, and what is told of it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.models import Delivery, Message
from tests.servers import Exim, wait_until
from tests.torture.deaths import WINDOW
from tests.torture.verdict import Verdict

SETTLING = 180.0
"""Seconds the last run may take."""

SHOWN = 12
"""Lines of each kind of fault that are printed."""

_REPORTED = re.compile(r"level=(warning|error|critical) event=(\S+)(?:.* (?:because|fault)=(\"[^\"]*\"|\S+))?")


@dataclass(frozen=True)
class Plan:
    """What is asked for. With `points`, every death is at one of them."""

    letters: int = 200
    deaths: int = 100
    processes: int = 1
    renumber: bool = False
    proxy: bool = False
    seed: int = 1
    points: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What came of it. `uncertain`: deliveries that a dead process had begun to send, by how they were settled."""

    verdict: Verdict
    deaths: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    renumbered: int = 0
    tricks: int = 0
    left_in_inbox: int = 0
    seconds: float = 0.0


def wait_until_settled(database: Database, letters: int) -> None:
    """Until every letter is decided and nothing waits to be sent. Raises TimeoutError."""

    def is_settled() -> bool:
        with database.reading() as session:
            decided = session.scalar(select(func.count()).where(Message.decided_at.is_not(None))) or 0
            waiting = select(func.count()).where(Delivery.forward_id.is_not(None), Delivery.due_at.is_not(None))
            return decided >= letters and session.scalar(waiting) == 0

    wait_until(is_settled, "a settled record", SETTLING)


def empty_queue(exim: Exim) -> None:
    """Until all that Exim has accepted is delivered."""
    spool = exim.folder / "spool" / "input"
    exim.run(exim.folder / "exim4", "-C", exim.folder / "exim.conf", "-qff")
    wait_until(lambda: not any(path.is_file() for path in spool.rglob("*-H")), "an empty queue of Exim")


def how_settled(session: Session, on_the_wire: Mapping[int, int]) -> Counter[str]:
    """What became of deliveries that died when tried for the n-th time: sent once more, or known to be accepted."""
    settled = Counter[str]()
    for delivery_id, attempts in on_the_wire.items():
        delivery = session.get_one(Delivery, delivery_id)
        if delivery.accepted_at is None:
            settled["not accepted"] += 1
        else:
            settled["sent again" if delivery.attempts > attempts else "settled without sending again"] += 1
    return settled


def is_receipt(mail: bytes) -> bool:
    """Whether a mail of our own mailbox is the copy of a forward: the last of them may still be coming home."""
    return b"\nDelivered-To: privacy+r." in mail.partition(b"\r\n\r\n")[0]


def reported_by(logs: Iterable[Path]) -> Counter[str]:
    """The warnings and errors that the processes logged, with their reason."""
    said = Counter[str]()
    for log in logs:
        text = log.read_text("utf-8", "replace")
        said.update(" ".join(filter(None, found)) for found in _REPORTED.findall(text))
        said["Traceback"] += text.count("Traceback (most recent call last)")
    return +said


def figures(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """The lines at the end."""
    verdict, deaths = outcome.verdict, outcome.deaths
    yield f"{plan.letters} letters, {sum(deaths.values())} deaths, {outcome.seconds:.0f} s."
    yield f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.wrong)} wrong."
    yield f"Deaths between our final dot and their reply: {deaths[WINDOW]}."
    yield from _counts("Deaths", deaths)
    yield from _counts("Deliveries begun by a process that died", outcome.uncertain)
    yield from _counts("The processes reported", outcome.reported)
    if plan.renumber:
        yield f"Mailboxes renumbered: {outcome.renumbered}."
    if plan.proxy:
        yield f"Connections cut or stalled: {outcome.tricks} times."
    yield f"Letters left in INBOX: {outcome.left_in_inbox}."
    for name in ("lost", "doubled", "wrong", "record"):
        yield from (f"{name}: {one}" for one in getattr(verdict, name)[:SHOWN])


def _counts(title: str, counts: Counter[str]) -> Iterator[str]:
    if counts:
        yield f"{title}:"
        yield from (f"{number:6} {name}" for name, number in counts.most_common())
