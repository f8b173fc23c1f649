"""In SQL: which notices of a breach did not arrive, so that a person must tell the customer otherwise."""

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from storage.breaches import DRILL
from storage.columns import minute_of
from storage.models import Affected, Call, Delivery
from storage.types import Purpose


def lost_notice() -> ColumnElement[bool]:
    """Of a Delivery, as storage/ledger.py: the customer's newest notice, and nobody was reached since. No drill's."""
    newer = aliased(Delivery)
    later = exists().where(
        newer.affected_id == Delivery.affected_id,
        newer.purpose == Purpose.NOTICE,
        newer.superseded_at.is_(None),
        newer.id > Delivery.id,
    )
    since = Call.at >= minute_of(Delivery.queued_at)  # a picker knows whole minutes: as in storage/ledger.py
    spoken = exists().where(Call.affected_id == Delivery.affected_id, Call.reached, since)
    excluded = exists().where(Affected.id == Delivery.affected_id, Affected.excluded_at.is_not(None))
    return and_(of_notice(), lost(), ~later, ~spoken, ~excluded)


def of_notice() -> ColumnElement[bool]:
    """A notice to a customer, not one of an exercise."""
    return and_(Delivery.purpose == Purpose.NOTICE, Delivery.case.not_like(f"{DRILL}-%"))


def lost() -> ColumnElement[bool]:
    """Refused, or returned."""
    return or_(Delivery.refused_at.is_not(None), Delivery.bounced_at.is_not(None))
