"""Whom a held request may concern, as the desk proposes it, and how often people agree with that."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.bulk import Row, insert_rows
from storage.models import Candidate, Customer, Forward, Request
from storage.types import DESK, Hold

MOST = 3
"""Candidates that are kept of a request."""


@dataclass(frozen=True)
class CandidateFound:
    """A customer, and the kinds of evidence that point to it ("telephone"): never what the letter says."""

    customer: Customer
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Proposals:
    """Of requests that AUTOMATIC_FORWARDING=off left to people: how many were decided, how many as proposed."""

    agreed: int
    decided: int


def add_candidates(session: Session, found: Iterable[tuple[int, Sequence[CandidateFound]]]) -> None:
    """Keep the candidates of new requests, by id, the likeliest first: one statement for all."""
    insert_rows(session, Candidate, [row for id_, candidates in found for row in _rows(id_, candidates)])


def keep_candidates(session: Session, request_id: int, candidates: Sequence[CandidateFound]) -> None:
    """A request was looked at again: these are its candidates now, the likeliest first."""
    session.execute(delete(Candidate).where(Candidate.request_id == request_id))
    insert_rows(session, Candidate, list(_rows(request_id, candidates)))
    session.expire(session.get_one(Request, request_id), ["candidates"])


def _rows(request_id: int, candidates: Sequence[CandidateFound]) -> Iterator[Row]:
    for rank, one in enumerate(candidates[:MOST]):
        yield {"request_id": request_id, "rank": rank, "customer_id": one.customer.id, "evidence": one.kinds}


def agreement(session: Session, *, since: datetime | None = None, until: datetime | None = None) -> Proposals:
    """How often people did with what waited for them alone as was proposed; of all, or of what they decided then.

    What waited for them alone is certain, and was held because AUTOMATIC_FORWARDING does not let it go by itself. They
    agree where it went to the likeliest candidate and to nobody else. Set aside is decided, too.
    """
    first = and_(Candidate.request_id == Request.id, Candidate.rank == 0)
    forward = exists().where(Forward.request_id == Request.id, *_within(Forward.routed_at, None, until))
    to_first = forward.where(Forward.customer_id == Candidate.customer_id, Forward.misrouted_at.is_(None))
    elsewhere = forward.where(Forward.customer_id != Candidate.customer_id)
    agreed = func.coalesce(func.sum(case((and_(to_first, ~elsewhere), 1), else_=0)), 0)
    sent = forward.where(Forward.routed_by != DESK.name, *_within(Forward.routed_at, since, until))
    aside = and_(Request.set_aside_at.is_not(None), *_within(Request.set_aside_at, since, until))
    decided = (Request.hold == Hold.AUTOMATIC_FORWARDING_OFF, or_(sent, aside))
    counted = select(agreed, func.count()).select_from(Request).join(Candidate, first).where(*decided)
    return Proposals(*session.execute(counted).one())


def _within(
    instant: InstrumentedAttribute[Any], since: datetime | None, until: datetime | None
) -> Iterator[ColumnElement[bool]]:
    if since is not None:
        yield instant >= since
    if until is not None:
        yield instant < until
