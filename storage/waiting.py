"""What needs a person, by whose it is: a request that waits and has an owner, or a case with somebody's open task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import requests
from storage.models import Request, Task


@dataclass(frozen=True)
class Waiting:
    """The cases for one colleague, the oldest first: `mine` to do, then those that nobody has, then those of others.
    `count` are the requests that wait, shown or not."""

    count: int
    mine: tuple[Request, ...]
    nobodys: tuple[Request, ...]
    others: tuple[Request, ...]


@dataclass(frozen=True)
class _Case:
    """Who has a case: the owner of a request that waits, and those of its open tasks; None is nobody."""

    reference: str
    owners: frozenset[str | None]

    def rank(self, user: str) -> int:
        """0 mine, 1 nobody's, 2 others'."""
        return 0 if user in self.owners else 1 if None in self.owners else 2


def sort_by_owner(session: Session, user: str, *, limit: int) -> Waiting:
    """At most `limit` cases, mine before nobody's before the others', by three looks at the record."""
    held = _held(session)
    cases = _cases(session, held)
    chosen = sorted(cases, key=lambda case: case.rank(user))[:limit]
    found = {one.reference: one for one in requests.find_named(session, [case.reference for case in chosen])}
    ranked = [(case.rank(user), found[case.reference]) for case in chosen if case.reference in found]
    mine, nobodys, others = (tuple(one for at, one in ranked if at == rank) for rank in range(3))
    return Waiting(len(held), mine, nobodys, others)


def _held(session: Session) -> Mapping[str, tuple[datetime, str | None]]:
    """When each request that waits came, and its owner."""
    held = select(Request.reference, Request.received_at, Request.owner).where(requests.needs_person())
    return {reference: (received_at, owner) for reference, received_at, owner in session.execute(held)}


def _cases(session: Session, held: Mapping[str, tuple[datetime, str | None]]) -> Sequence[_Case]:
    """The cases that wait, and those with an open task; the oldest first."""
    owners: dict[str, set[str | None]] = {reference: {owner} for reference, (_, owner) in held.items()}
    came = {reference: received_at for reference, (received_at, _) in held.items()}
    tasks = select(Task.case, Task.owner, Request.received_at).join(Request, Request.reference == Task.case)
    for case, owner, received_at in session.execute(tasks.where(Task.done_at.is_(None))):
        owners.setdefault(case, set()).add(owner)
        came[case] = received_at
    return [_Case(case, frozenset(owners[case])) for case in sorted(came, key=lambda case: (came[case], case))]
