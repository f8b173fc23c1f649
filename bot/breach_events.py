"""What happened in a breach, in order (pure): lines that a reader can follow, however many customers there are."""

from collections.abc import Iterator
from operator import attrgetter

from bot.evidence_page import Event
from storage.breach_proof import Approved, BreachEvidence, Called, Claimed, Line
from storage.proof import Came, Went
from storage.types import Correspondence, Purpose

FEW = 8
"""Up to so many customers each has lines of its own; of more, the first, the half and the last are told."""

MOST = 60
"""Lines at most: what came back and who was telephoned may be hundreds; the tables have them all."""


def in_order(evidence: BreachEvidence) -> list[Event]:
    """Oldest first; what happened in one instant in the order of its causes."""
    events = [_claimed(one) for one in evidence.claims]
    events.append(Event(evidence.opened_at, "opened", by=evidence.opened_by))
    if evidence.lead and evidence.lead_at:
        events.append(Event(evidence.lead_at, "led", by=evidence.lead))
    events += [event for one in evidence.notices for event in _approved(one)]
    events += _told(evidence)
    events += list(_of_customers(evidence))[: MOST - len(events)]
    if min(evidence.made_at, evidence.closed_at or evidence.made_at) >= evidence.deadline_at:
        events.append(Event(evidence.deadline_at, "deadline", tone="bad" if evidence.late else "other"))
    if evidence.closed_at and evidence.closed_by:
        kind = "no_breach" if evidence.no_breach_reason else "closed"
        events.append(Event(evidence.closed_at, kind, by=evidence.closed_by))
    return sorted(events, key=attrgetter("at"))


def _claimed(one: Claimed) -> Event:
    return Event(one.instant, one.what, by=one.by, detail=one.reason, tone="came")


def _approved(one: Approved) -> Iterator[Event]:
    if one.approved_at and one.approved_by:
        yield Event(one.approved_at, "approved", by=one.approved_by, detail=str(one.version), purpose=one.alone_reason)


def _told(evidence: BreachEvidence) -> list[Event]:
    told = sorted((one for one in evidence.concerned if one.told_at), key=lambda one: one.told_at or evidence.opened_at)
    if len(told) <= FEW:
        return [_was_told(one, "told", evidence) for one in told]
    chosen = {0: "first_told", (len(told) - 1) // 2: "half_told", len(told) - 1: "last_told"}
    return [_was_told(told[place], kind, evidence) for place, kind in chosen.items()]


def _was_told(line: Line, kind: str, evidence: BreachEvidence) -> Event:
    at = line.told_at or evidence.opened_at
    return Event(at, kind, line.name, detail=line.means, tone="bad" if line.late else "good")


def _of_customers(evidence: BreachEvidence) -> Iterator[Event]:
    """What went wrong, first; then who was telephoned in vain, who answered, and who turned out not to be affected."""
    names = {line.customer: line.name for line in evidence.lines}
    notices = [mail for mail in evidence.sent if mail.purpose is Purpose.NOTICE and mail.customer]
    replies = [mail for mail in evidence.came if mail.what is Correspondence.REPLY]
    yield from (event for mail in notices for event in _lost(mail, names[mail.customer or ""]))
    yield from (_in_vain(call) for call in evidence.calls if not call.reached)
    yield from (
        Event(one.excluded_at, "excluded", one.name, by=one.excluded_by) for one in evidence.lines if one.excluded_at
    )
    yield from (_replied(mail, names.get(mail.customer or "")) for mail in replies)


def _lost(mail: Went, name: str) -> Iterator[Event]:
    if mail.refused_at:
        yield Event(mail.refused_at, "refused", name, detail=mail.reply, file=mail.file, tone="bad")
    if mail.delayed_at:
        yield Event(mail.delayed_at, "delayed", name, file=mail.file, tone="bad")
    if mail.bounced_at:
        yield Event(mail.bounced_at, "bounced", name, detail=mail.bounce_status, file=mail.file, tone="bad")


def _in_vain(call: Called) -> Event:
    return Event(call.at, "not_reached", call.name, by=call.by, detail=call.answered)


def _replied(came: Came, name: str | None) -> Event:
    return Event(came.received_at, "reply", name, detail=came.said, file=came.file, tone="came")
