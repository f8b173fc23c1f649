"""Whom a held request may concern, as the desk proposes it, and how often people agree with that."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, case, delete, func, select
from sqlalchemy.orm import Session

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


def agreement(session: Session) -> tuple[int, int]:
    """(agreed, decided): how often people forwarded what waited for them alone to the customer proposed.

    What waited for them alone is certain, and was held because AUTOMATIC_FORWARDING does not let it go by itself. A
    request that they sent to several customers agrees if the one proposed is among them.
    """
    proposed = and_(Candidate.request_id == Request.id, Candidate.rank == 0)
    agrees = func.max(case((Forward.customer_id == Candidate.customer_id, 1), else_=0)).label("agrees")
    decided = (
        select(agrees)
        .select_from(Request)
        .join(Candidate, proposed)
        .join(Forward, Forward.request_id == Request.id)
        .where(Request.hold == Hold.AUTOMATIC_FORWARDING_OFF, Forward.routed_by != DESK.name)
        .group_by(Request.id)
        .subquery()
    )
    agreed, count = session.execute(select(func.sum(decided.c.agrees), func.count()).select_from(decided)).one()
    return agreed or 0, count
