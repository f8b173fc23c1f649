"""In SQL: which notices of a breach did not arrive, so that a person must tell the customer otherwise."""

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from storage.breaches import DRILL
from storage.columns import minute_of
from storage.models import Affected, Call, Delivery
from storage.types import Purpose


def lost_notice() -> ColumnElement[bool]:
    """Of a Delivery, as storage/ledger.py: the customer's newest notice, and nobody was reached since. No drill's."""
    excluded = exists().where(Affected.id == Delivery.affected_id, Affected.excluded_at.is_not(None))
    return and_(of_notice(), newest_lost(Delivery), ~reached_since(Delivery), ~excluded)


def newest_lost(mail: type[Delivery]) -> ColumnElement[bool]:
    """Of a notice: it did not arrive, and none to its customer is newer."""
    newer = aliased(Delivery)
    later = (newer.affected_id == mail.affected_id, newer.purpose == Purpose.NOTICE, newer.superseded_at.is_(None))
    return and_(lost(mail), ~exists().where(*later, newer.id > mail.id))


def reached_since(mail: type[Delivery]) -> ColumnElement[bool]:
    """Of a notice: its customer was reached after it was queued."""
    since = Call.at >= minute_of(mail.queued_at)  # a picker knows whole minutes: as in storage/ledger.py
    return exists().where(Call.affected_id == mail.affected_id, Call.reached, since)


def of_notice() -> ColumnElement[bool]:
    """A notice to a customer, not one of an exercise."""
    return and_(Delivery.purpose == Purpose.NOTICE, Delivery.case.not_like(f"{DRILL}-%"))


def lost(mail: type[Delivery] = Delivery) -> ColumnElement[bool]:
    """Refused, or returned."""
    return or_(mail.refused_at.is_not(None), mail.bounced_at.is_not(None))
