"""Looking at the customers of a breach without reading its whole ledger."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.customers import is_called
from storage.models import Affected, Breach, Customer

OFFERED = 100
"""Customers that are offered at once: as many as Slack takes."""


def suggest_affected(session: Session, reference: str, typed: str) -> list[tuple[str, str]]:
    """(reference, name) of the customers of this breach whose reference, name or alias contains what was typed.

    By name; those that are not affected after all come, too.
    """
    named = select(Customer.reference, Customer.name).join(Affected, Affected.customer_id == Customer.id).join(Breach)
    theirs = named.where(Breach.reference == reference, is_called(typed)).order_by(Customer.name, Customer.id)
    return [(one, name) for one, name in session.execute(theirs.limit(OFFERED))]
