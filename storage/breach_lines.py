"""One customer's line, and one call, as a pack of evidence shows them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from storage.breach_proof import Called, Line
from storage.ledger import Row
from storage.models import Affected, Call
from storage.proof import Who

Shown = Callable[[str | None], str | None]
"""A text, or None where whoever reads the pack may not read it."""


def line_of(
    row: Row, *, since: datetime, late: bool, version: int | None, who: Callable[[str], Who], shown: Shown
) -> Line:
    """`since`: when Kavkom knew, or first doubted; `version`: the newest notice that the customer's server has."""
    one, attempt = row.affected, row.attempt
    told_by = next((call for call in one.calls if call.reached), None)
    return Line(
        customer=row.customer.reference,
        name=row.customer.name,
        added_at=one.added_at,
        state=row.state.value,
        told_at=row.told_at,
        means=row.means.value if row.means else None,
        took=max(row.told_at - since, timedelta()) if row.told_at else None,
        late=late,
        version=version,
        accepted_at=row.accepted_at,
        received_at=row.received_at,
        bounced_at=attempt.bounced_at if attempt else None,
        refused_at=attempt.refused_at if attempt else None,
        calls=len(one.calls),
        role=told_by.role if told_by else None,
        call_reference=told_by.call_reference if told_by else None,
        owed=row.owed,
        waived_at=one.waived_at,
        waived_by=who(one.waived_by) if one.waived_by else None,
        waived_reason=shown(one.waived_reason),
        excluded_at=one.excluded_at,
        excluded_by=who(one.excluded_by) if one.excluded_by else None,
        excluded_reason=shown(one.excluded_reason),
    )


def called(call: Call, *, who: Callable[[str], Who], shown: Shown) -> Called:
    """A call about a breach."""
    customer = _affected(call).customer
    return Called(
        customer=customer.reference,
        name=customer.name,
        means=call.means.value,
        reached=call.reached,
        answered=call.answered.value if call.answered else None,
        at=call.at,
        by=who(call.by),
        recorded_at=call.recorded_at,
        role=call.role,
        person=call.person,
        call_reference=call.call_reference,
        proof=shown(call.proof),
    )


def _affected(call: Call) -> Affected:
    assert call.affected is not None  # noqa: S101 - these calls hang on a breach
    return call.affected
