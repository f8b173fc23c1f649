"""What became of the rungs: read from the record, from the workspace, and from the mailboxes."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Delivery, Reminder
from storage.types import BY_MAIL, Medium, Purpose
from tests.playground import people
from tests.playground.model import Message
from tests.torture.ladder_plan import Case, Told

MOST_DOUBLED = 0.02
OPENED = "opens the card"
"""What only the message of an opening says."""
_REFERENCE = re.compile(r"(?:BR|DRILL)-\d{4}-\d{4}")
_MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.MULTILINE | re.IGNORECASE)


@dataclass
class LadderVerdict:
    """Sentences about what is lost or came after the end, and counts; `told` are deliveries that were accepted."""

    rungs: int = 0
    told: int = 0
    spoken_for: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: int = 0
    after_the_end: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.after_the_end) and self.doubled < MOST_DOUBLED * max(self.told, 1)


@dataclass(frozen=True)
class Wire:
    """What arrived: in Slack every message without blocks (cards have some), by e-mail the Message-IDs of each box."""

    posts: Sequence[Message]
    mails: Mapping[str, Sequence[bytes]]

    @property
    def stamps(self) -> set[str]:
        return {one.ts for one in self.posts}

    @property
    def message_ids(self) -> Counter[str]:
        found = (_MESSAGE_ID.search(raw) for mails in self.mails.values() for raw in mails)
        return Counter(one.group(1).decode("ascii") for one in found if one)


def judge(session: Session, cases: Iterable[Case], wire: Wire, *, now: datetime) -> LadderVerdict:
    """Every rung has its row, every reader of a rung was told of it or of a newer one, and none after the end."""
    verdict = LadderVerdict()
    known = {case.reference: case for case in cases}
    reminders, deliveries = _by_case(session)
    stamps, ids = wire.stamps, wire.message_ids
    for reference, case in known.items():
        groups = _groups(reminders[reference])
        rang = {name for names, _ in groups.values() for name in names}
        expected = case.rungs(now)
        verdict.rungs += len(expected)
        verdict.lost += [f"{reference}: {name} did not ring" for name in expected if name not in rang]
        verdict.after_the_end += [f"{reference}: {name} rang" for name in rang if name not in expected]
        for names, ids_of_group in groups.values():
            own = [one for one in deliveries[reference] if one.reminder_id in ids_of_group]
            verdict.lost += _untold(case, names, case.audience(names), own)
        for one in deliveries[reference]:
            _judge_one(verdict, case, one, deliveries[reference], stamps, ids)
    verdict.doubled = _doubled_posts(wire.posts, deliveries) + sum(n - 1 for n in ids.values())
    verdict.after_the_end += _too_late(wire.posts, known)
    return verdict


def _by_case(session: Session) -> tuple[dict[str, list[Reminder]], dict[str, list[Delivery]]]:
    reminders: dict[str, list[Reminder]] = defaultdict(list)
    deliveries: dict[str, list[Delivery]] = defaultdict(list)
    for reminder in session.scalars(select(Reminder).order_by(Reminder.id)):
        reminders[reminder.case].append(reminder)
    for one in session.scalars(select(Delivery).where(Delivery.purpose != Purpose.CARD).order_by(Delivery.id)):
        if one.recipient != BY_MAIL:
            deliveries[one.case].append(one)
    return reminders, deliveries


def _groups(reminders: Iterable[Reminder]) -> dict[datetime, tuple[list[str], list[int]]]:
    """The rungs that rang together, by when: their names and ids."""
    found: dict[datetime, tuple[list[str], list[int]]] = {}
    for one in reminders:
        names, ids = found.setdefault(one.rung_at, ([], []))
        names.append(one.rung.partition("@")[0])
        ids.append(one.id)
    return found


def _untold(case: Case, names: list[str], audience: Told, own: Iterable[Delivery]) -> list[str]:
    queued = {(one.medium, one.recipient) for one in own}
    return [f"{case.reference}: {names} was not queued for {who}" for who in sorted(audience - queued)]


def _judge_one(
    verdict: LadderVerdict,
    case: Case,
    one: Delivery,
    all_of_case: Sequence[Delivery],
    stamps: set[str],
    message_ids: Mapping[str, int],
) -> None:
    """Accepted and really there, or withdrawn because a newer one was, or because it was over."""
    if one.accepted_at is not None:
        verdict.told += 1
        there = one.reply in stamps if one.medium is Medium.SLACK else bool(message_ids.get(one.message_id or ""))
        if not there:
            verdict.lost.append(f"{case.reference}: {one.key} was accepted and is nowhere")
    elif one.superseded_at is None:
        tried = f"tried {one.attempts} times, {one.reply}, next {one.due_at}, leased until {one.leased_until}"
        verdict.lost.append(f"{case.reference}: {one.key} was never sent: {tried}")
    elif _is_spoken_for(one, all_of_case) or case.over_at is not None:
        verdict.spoken_for += 1
    else:
        verdict.lost.append(f"{case.reference}: {one.key} was withdrawn for nothing newer")


def _is_spoken_for(one: Delivery, all_of_case: Iterable[Delivery]) -> bool:
    newer = (two for two in all_of_case if two.id > one.id and two.purpose is Purpose.REMINDER)
    return any(two.recipient == one.recipient and two.accepted_at is not None for two in newer)


def _doubled_posts(posts: Iterable[Message], deliveries: Mapping[str, Iterable[Delivery]]) -> int:
    """Posts beyond those that were accepted, by case and conversation: two of one, or one that nobody recorded."""
    posted = Counter((_reference(one), one.channel) for one in posts)
    accepted = Counter(
        (case, _channel(one.recipient))
        for case, some in deliveries.items()
        for one in some
        if one.medium is Medium.SLACK and one.accepted_at is not None
    )
    return sum((posted - accepted).values())


def _channel(recipient: str) -> str:
    person = people.EVERYBODY.get(recipient)
    return person.direct_channel if person else people.PRIVACY_DESK


def _too_late(posts: Iterable[Message], cases: Mapping[str, Case]) -> list[str]:
    """Reminders of a closed breach later than its closing; that it was opened may be told late."""
    found = []
    for one in posts:
        case = cases.get(_reference(one))
        if OPENED in one.text:
            continue
        if case is not None and case.ends == "closed" and case.over_ts is not None and float(one.ts) > case.over_ts:
            found.append(f"{case.reference} was spoken of after it was closed: {one.text[:60]!r}")
    return found


def _reference(post: Message) -> str:
    found = _REFERENCE.search(post.text)
    return found.group() if found else ""
