"""The rows of breaches seen from SQL, without reading whole ledgers; and which of them are late.

The conditions here say in SQL what `storage.ledger.read_row` says of a row that is loaded.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from storage.customers import is_called
from storage.ledger import Row
from storage.lost_notices import newest_lost, reached_since
from storage.models import Affected, Breach, Call, Customer, Delivery
from storage.types import SPOKEN, Medium, Purpose

AT_ONCE = 1000
OFFERED = 100
"""Customers that are offered at once: as many as Slack takes."""


@dataclass(frozen=True)
class Count:
    """How many customers a breach names, how many of them must still be told, and how many are not affected."""

    named: int = 0
    waiting: int = 0
    excluded: int = 0


def has_arrived() -> ColumnElement[bool]:
    """Of a Delivery: a notice that its customer's server has, and that neither came back nor is delayed."""
    stands = (Delivery.accepted_at.is_not(None), Delivery.bounced_at.is_(None), Delivery.delayed_at.is_(None))
    return and_(_counts(Delivery), *stands)


def is_waiting() -> ColumnElement[bool]:
    """Whether the customer of an `Affected` must still be told."""
    return and_(Affected.excluded_at.is_(None), ~_has_notice(), ~was_reached())


def was_reached() -> ColumnElement[bool]:
    """Whether somebody of an `Affected` customer was reached by other means than our mail."""
    return exists().where(Call.affected_id == Affected.id, Call.reached)


def is_owed() -> ColumnElement[bool]:
    """Whether the customer of an `Affected` was only spoken to, and documents are due: `Row.owed`."""
    otherwise = exists().where(Call.affected_id == Affected.id, Call.reached, Call.means.not_in(SPOKEN))
    here = (Affected.excluded_at.is_(None), Affected.waived_at.is_(None))
    return and_(*here, was_reached(), ~otherwise, ~_has_notice())


def may_go_again() -> ColumnElement[bool]:
    """Whether the newest notice of an `Affected` did not arrive and is still of use: `Row.may_go_again`."""
    newest = aliased(Delivery)
    lost = exists().where(newest.affected_id == Affected.id, _counts(newest), newest_lost(newest))
    of_use = or_(lost.where(~reached_since(newest)), is_owed(), _has_notice())
    return and_(Affected.excluded_at.is_(None), lost, of_use)


def _has_notice() -> ColumnElement[bool]:
    return exists().where(Delivery.affected_id == Affected.id, has_arrived())


def _counts(mail: type[Delivery]) -> ColumnElement[bool]:
    """Of a Delivery: an e-mail that tells of a breach, and was not withdrawn."""
    return and_(mail.purpose == Purpose.NOTICE, mail.medium == Medium.EMAIL, mail.superseded_at.is_(None))


def rings() -> ColumnElement[bool]:
    """Whether a breach's clock still rings: it is open, and somebody is not told or nobody is named yet."""
    theirs = exists().where(Affected.breach_id == Breach.id)
    return and_(Breach.closed_at.is_(None), or_(~theirs, theirs.where(is_waiting())))


def count_rows(session: Session, breaches: Collection[Breach]) -> dict[int, Count]:
    """The counts of these breaches, by their ids, with one query for each thousand."""
    ids = [one.id for one in breaches]
    columns = (func.sum(case((is_waiting(), 1), else_=0)), func.count(Affected.excluded_at))
    rows = select(Affected.breach_id, func.count(), *columns).group_by(Affected.breach_id)
    found = {id_: Count() for id_ in ids}
    for start in range(0, len(ids), AT_ONCE):
        some = rows.where(Affected.breach_id.in_(ids[start : start + AT_ONCE]))
        found |= {row[0]: Count(*map(int, row[1:])) for row in session.execute(some)}
    return found


def suggest_affected(
    session: Session,
    reference: str,
    typed: str,
    *,
    excluded: bool | None = None,
    only: ColumnElement[bool] | None = None,
) -> list[tuple[str, str]]:
    """(reference, name) of the customers of this breach whose reference, name or alias contains what was typed.

    By name; `excluded` keeps to those that are not affected after all, or to the others; `only` to those of whom
    this can be said.
    """
    named = select(Customer.reference, Customer.name).join(Affected, Affected.customer_id == Customer.id).join(Breach)
    theirs = named.where(Breach.reference == reference, is_called(typed)).order_by(Customer.name, Customer.id)
    if excluded is not None:
        theirs = theirs.where(Affected.excluded_at.is_not(None) if excluded else Affected.excluded_at.is_(None))
    if only is not None:
        theirs = theirs.where(only)
    return [(one, name) for one, name in session.execute(theirs.limit(OFFERED))]


def is_found_late(affected: Affected) -> bool:
    """Whether the customer was named only after the deadline, which it inherits all the same."""
    return affected.added_at > affected.breach.deadline_at


def is_late(row: Row) -> bool:
    """Whether clause 6 was missed for this customer: told after the deadline, or found after it."""
    told_late = row.told_at is not None and row.told_at > row.affected.breach.deadline_at
    return not row.excluded and (told_late or is_found_late(row.affected))
