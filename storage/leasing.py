"""Which deliveries are free to be tried: statements made once, for making them takes longer than running them."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, exists, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from storage.holding import may_go
from storage.models import Delivery
from storage.types import BY_MAIL, Purpose

_NOW: ColumnElement[datetime] = bindparam("now", type_=Delivery.due_at.type)


@dataclass(frozen=True)
class Except:
    """What is not to be tried now, although it is due.

    A try whose outcome is unknown and that began after `uncertain_since`: its receipt copy may still come, except for
    these purposes `without_proof`. What goes to one of these `destinations`: their servers want a rest.
    """

    uncertain_since: datetime | None = None
    destinations: tuple[str, ...] = ()
    without_proof: tuple[Purpose, ...] = ()

    @property
    def shape(self) -> tuple[bool, bool]:
        """Which of the two there are: a statement is made once for each shape."""
        return self.uncertain_since is not None, bool(self.destinations)

    @property
    def values(self) -> dict[str, Any]:
        """What stands in the statement for them."""
        return {
            "since": self.uncertain_since,
            "destinations": self.destinations,
            "without_proof": self.without_proof,
        }


NOTHING = Except()


@cache
def any_due(shape: tuple[bool, bool]) -> Select[bool]:
    """Whether a delivery of these `media` is free `now`."""
    of_media = Delivery.medium.in_(bindparam("media", expanding=True))
    return select(exists().where(of_media, *_free(*shape)))


@cache
def leasing(shape: tuple[bool, bool]) -> ReturningUpdate[int]:
    """Take up to `count` free deliveries of `of_medium` for a `holder`, `until` then, oldest first; their ids.

    The condition stands outside the subquery, too: that is what makes it right on PostgreSQL; and so does the common
    table expression, which is evaluated once: a plain subquery may be run for each row, and takes more than `count`.
    """
    due = select(Delivery.id).where(
        Delivery.medium == bindparam("of_medium", type_=Delivery.medium.type), *_free(*shape)
    )
    oldest = due.order_by(Delivery.due_at, Delivery.id).limit(bindparam("count", type_=Integer))
    chosen = oldest.with_for_update(skip_locked=True).cte("chosen")
    taken = update(Delivery).where(Delivery.id.in_(select(chosen.c.id)), *_free(*shape))
    leased = taken.values(leased_by=bindparam("holder"), leased_until=bindparam("until", type_=Delivery.due_at.type))
    return leased.returning(Delivery.id).execution_options(synchronize_session=False)


@cache
def leased_by() -> Select[int]:
    """Of the deliveries with these `ids`, those that the `holder` still has and that no receipt copy proves; locked."""
    theirs = (Delivery.leased_by == bindparam("holder"), Delivery.due_at.is_not(None), Delivery.leased_until > _NOW)
    named = (Delivery.id.in_(bindparam("ids", expanding=True)), Delivery.receipt_at.is_(None))
    return select(Delivery.id).where(*named, *theirs).with_for_update()


def _free(uncertain: bool, resting: bool) -> list[ColumnElement[bool]]:
    free = [Delivery.due_at <= _NOW, or_(Delivery.leased_until.is_(None), Delivery.leased_until < _NOW), may_go()]
    free.append(Delivery.receipt_at.is_(None))  # what is proven is settled, not sent
    free.append(Delivery.recipient != BY_MAIL)
    if uncertain:
        began_before = Delivery.sending_at <= bindparam("since", type_=Delivery.due_at.type)
        unproven = Delivery.purpose.in_(bindparam("without_proof", expanding=True, type_=Delivery.purpose.type))
        free.append(or_(Delivery.sending_at.is_(None), began_before, unproven))
    if resting:
        destinations: Any = bindparam("destinations", expanding=True)
        free.append(or_(Delivery.destination.is_(None), Delivery.destination.not_in(destinations)))
    return free
