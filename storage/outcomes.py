"""What became of our e-mails on the wire, recorded in groups: the other side's answer is the proof."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from storage import acknowledgements, addresses, breaches, failures, notice_failures, outbox, requests
from storage.bulk import update_rows
from storage.clock import real_now
from storage.models import Delivery, Forward
from storage.sent import Sent, find_sent, record_accepted_all, sent_of
from storage.types import Actor, Medium, Purpose

BY_RECEIPT = "accepted: the receipt copy came"


@dataclass(frozen=True)
class Accepted:
    """The relay took the mail; `reply` is its 250 text, `sha256` (hex) that of all that was sent."""

    delivery_id: int
    reply: str
    sha256: str


@dataclass(frozen=True)
class Refused:
    """The relay will never take it (5xx)."""

    delivery_id: int
    reply: str


@dataclass(frozen=True)
class TooLarge:
    """The relay will never take it with its original (552); it may take it without."""

    delivery_id: int
    reply: str


@dataclass(frozen=True)
class Deferred:
    """The relay did not take it now, and certainly does not have it."""

    delivery_id: int
    reply: str
    after: timedelta | None = None


@dataclass(frozen=True)
class Unknown:
    """It was sent to its final dot, and no answer came (RFC 1047)."""

    delivery_id: int


@dataclass(frozen=True)
class Untried:
    """It was to be sent by `holder`, and was not: it is due as before. `begun`: that a try begins had been recorded."""

    delivery_id: int
    begun: bool
    holder: str


Outcome = Accepted | Refused | TooLarge | Deferred | Unknown | Untried


def record(session: Session, outcomes: Sequence[Outcome], *, by: Actor, now: datetime) -> None:
    """Record what became of deliveries, in one go. What was settled meanwhile, by a receipt copy, stays settled."""
    accepted, better = _accept(session, outcomes, now=now)
    failures = {one.delivery_id: one for one in outcomes if not isinstance(one, Accepted)}
    _take_turns(session, [*accepted, *better], failures)
    if accepted:
        _follow_acceptance(session, accepted, by=by, now=now)
    notice_failures.record_better_proof(session, better, by=by, now=now)
    for delivery in _load(session, failures):
        if delivery.due_at is not None:
            _record_failure(session, delivery, failures[delivery.id], by=by, now=now)


def record_acceptance(session: Session, outcome: Accepted, *, by: Actor, now: datetime) -> None:
    """Record that the relay took a mail, and of what follows only a notice's line: for when that cannot be recorded."""
    accepted, better = _accept(session, [outcome], now=now)
    _note_apart(session, accepted, better, by=by, now=now)


def record_receipts(session: Session, delivery_ids: Collection[int], *, now: datetime) -> set[int]:
    """Copies of our own deliveries came home: what was sent with them was accepted. Those that are in this record.

    The sender that is at it may still get its 250, which says more; `settle_by_receipt` decides where nobody is.
    """
    noted = update(Delivery).where(Delivery.id.in_(delivery_ids))
    first = noted.values(receipt_at=func.coalesce(Delivery.receipt_at, now)).returning(Delivery.id)
    return set(session.scalars(first.execution_options(synchronize_session=False)))


def settle_by_receipt(session: Session, *, by: Actor, now: datetime, follow: bool = True) -> int:
    """Tries whose outcome nobody heard, and whose receipt copy came, were accepted; how many.

    Without `follow` nothing that follows from it is recorded but a notice's line: for when that fails.
    """
    free = or_(Delivery.leased_until.is_(None), Delivery.leased_until < real_now())
    proven = (Delivery.medium == Medium.EMAIL, Delivery.due_at.is_not(None), Delivery.receipt_at.is_not(None), free)
    found = find_sent(session, session.scalars(select(Delivery.id).where(*proven)).all()).values()
    settled = [one._replace(accepted_at=now) for one in found if one.due_at is not None]  # nobody else was quicker
    record_accepted_all(session, [{"id": one.id, "reply": BY_RECEIPT} for one in settled], now=now)
    if follow and settled:
        _take_turns(session, settled)
        _follow_acceptance(session, settled, by=by, now=now)
    elif settled:
        _note_apart(session, settled, by=by, now=now)
    return len(settled)


def _take_turns(session: Session, accepted: Sequence[Sent], failures: Collection[int] = ()) -> None:
    """Of the breaches that these are notices of: whoever has one writes the journal next, which then waits for us."""
    cases = {one.case for one in accepted if one.purpose is Purpose.NOTICE}
    failed = select(Delivery.case).where(Delivery.id.in_(failures), Delivery.purpose == Purpose.NOTICE)
    breaches.take_turns(session, cases | set(session.scalars(failed) if failures else ()))


def _follow_acceptance(session: Session, accepted: Sequence[Sent], *, by: Actor, now: datetime) -> None:
    """What an acceptance brings about: the journal's line, the card, and the person's acknowledgement."""
    requests.record_forwarded(session, accepted, by=by, now=now)
    notice_failures.record_notified(session, accepted, by=by, now=now)
    acknowledgements.release_all(session, [one for one in accepted if one.purpose is Purpose.FORWARD])
    for one in accepted:
        if one.purpose is Purpose.ACKNOWLEDGEMENT:
            acknowledgements.record_acknowledged(session, one, by=by, now=now)


def _note_apart(
    session: Session, accepted: Sequence[Sent], better: Sequence[Sent] = (), *, by: Actor, now: datetime
) -> None:
    """The lines about notices, each for itself: what is accepted and in no line looks like a forgery for ever.

    Where even that fails it is accepted all the same, or it would be sent again.
    """
    with _apart(session, [one.id for one in (*accepted, *better)]):
        _take_turns(session, [*accepted, *better])
        for note, some in ((notice_failures.note_taken, accepted), (notice_failures.record_better_proof, better)):
            for one in some:
                with _apart(session, [one.id]):
                    note(session, [one], by=by, now=now)


@contextmanager
def _apart(session: Session, deliveries: Sequence[int]) -> Iterator[None]:
    """A poison guard: what fails inside leaves nothing behind, and what was recorded before stays."""
    try:
        with session.begin_nested():
            yield
    except Exception as error:  # noqa: BLE001 - a database that is gone fails at the commit, too
        structlog.get_logger().warning("notice-not-noted", deliveries=deliveries, fault=error)


def _accept(session: Session, outcomes: Sequence[Outcome], *, now: datetime) -> tuple[list[Sent], list[Sent]]:
    """What the relay took: what is new, and what a receipt copy had shown, for the 250 is the better proof."""
    taken = {one.delivery_id: one for one in outcomes if isinstance(one, Accepted)}
    if not taken:
        return [], []
    found = find_sent(session, taken).values()
    new, better = ([one for one in found if (one.accepted_at is None) is is_new] for is_new in (True, False))
    proofs = {one.id: {"id": one.id, "reply": taken[one.id].reply, "sha256": taken[one.id].sha256} for one in found}
    record_accepted_all(session, [proofs[one.id] for one in new], now=now)
    update_rows(session, Delivery, [proofs[one.id] for one in better])
    accepted = [one._replace(accepted_at=now, sha256=taken[one.id].sha256) for one in new]
    return accepted, [one._replace(sha256=taken[one.id].sha256) for one in better]


def _record_failure(
    session: Session,
    delivery: Delivery,
    outcome: Refused | TooLarge | Deferred | Unknown | Untried,
    *,
    by: Actor,
    now: datetime,
) -> None:
    if isinstance(outcome, Deferred):
        if delivery.sending_at is None:
            delivery.attempts += 1  # no connection: a try that did not even begin
        outbox.defer(delivery, reply=outcome.reply, after=outcome.after)
    elif isinstance(outcome, Untried):
        outbox.give_back_untried(delivery, begun=outcome.begun, holder=outcome.holder)
    elif isinstance(outcome, Unknown):
        outbox.leave_uncertain(delivery)
    elif isinstance(outcome, Refused) or not _send_smaller(session, delivery, outcome.reply, by=by, now=now):
        outbox.record_refused(delivery, reply=outcome.reply, now=now)
        if isinstance(outcome, Refused):
            addresses.mark_lost(session, delivery, by=by, now=now)
        _follow_refusal(session, delivery, by=by, now=now)


def _send_smaller(session: Session, delivery: Delivery, reply: str, *, by: Actor, now: datetime) -> Delivery | None:
    """What a server finds too large goes again with less."""
    if delivery.purpose is Purpose.NOTICE:
        return notice_failures.send_without_documents(session, delivery, reply=reply, by=by, now=now)
    return failures.forward_without_original(session, delivery, reply=reply, now=now)


def _follow_refusal(session: Session, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    requests.record_refused(session, sent_of(delivery), by=by, now=now)
    if delivery.purpose is Purpose.NOTICE:
        notice_failures.record_refused(session, delivery, by=by, now=now)
    if delivery.purpose is Purpose.ACKNOWLEDGEMENT:
        acknowledgements.record_acknowledged(session, sent_of(delivery), by=by, now=now)


def _load(session: Session, ids: Collection[int]) -> list[Delivery]:
    return list(session.scalars(_WHOLE, {"ids": list(ids)})) if ids else []


_WHOLE = (
    select(Delivery)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .with_for_update(of=Delivery)
    .options(joinedload(Delivery.forward).joinedload(Forward.customer))
)
