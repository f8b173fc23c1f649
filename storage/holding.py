"""What a pause holds: every e-mail that leaves the house. What tells our own staff goes on."""

from sqlalchemy import ColumnElement, and_, exists, or_

from storage.models import Delivery, Pause
from storage.types import Medium, Purpose

TO_STAFF = (
    *(Purpose.ALERT, Purpose.REMINDER, Purpose.ANNOUNCEMENT, Purpose.CARD, Purpose.ORIGINAL, Purpose.DIGEST),
    *(Purpose.PREVIEW, Purpose.CALL_SHEET, Purpose.EVIDENCE),
)
"""All other purposes, new ones too, write to somebody outside."""


def leaves_the_house() -> ColumnElement[bool]:
    """Of a delivery: it is an e-mail to somebody who is not staff."""
    return and_(Delivery.medium == Medium.EMAIL, Delivery.purpose.not_in(TO_STAFF))


def may_go() -> ColumnElement[bool]:
    """Of a delivery: no pause holds it. For whoever leases: the table of pauses has a few rows."""
    paused = exists().where(Pause.ended_at.is_(None))
    return or_(Delivery.medium != Medium.EMAIL, Delivery.purpose.in_(TO_STAFF), ~paused)
