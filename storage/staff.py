"""The staff table: who may use the bot, in which role, and where their mail goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.deadlines import PARIS
from storage.errors import RoleTooSmall, UnknownStaff
from storage.models import Staff
from storage.types import Role

_RANK = {Role.VIEWER: 0, Role.HANDLER: 1, Role.DPO: 2}


@dataclass(frozen=True)
class Roster:
    """Who is active on a day: read once, and asked about any number of cases."""

    active: Sequence[Staff]

    @property
    def dpos(self) -> list[Staff]:
        return [one for one in self.active if one.role is Role.DPO]

    def find(self, slack_user: str | None) -> Staff | None:
        """The colleague with this Slack user id, if active."""
        return next((one for one in self.active if one.slack_user == slack_user), None)


def read_roster(session: Session, *, now: datetime) -> Roster:
    """The staff of today, by one query."""
    return Roster(active_staff(session, now=now))


def find_staff(session: Session, slack_user: str, *, now: datetime) -> Staff | None:
    """The colleague with this Slack user id, if active today."""
    colleague = session.scalars(select(Staff).where(Staff.slack_user == slack_user)).first()
    return colleague if colleague and is_active(colleague, now.astimezone(PARIS).date()) else None


def get_staff(session: Session, slack_user: str, *, now: datetime, at_least: Role = Role.VIEWER) -> Staff:
    """As `find_staff`. Raises UnknownStaff, or RoleTooSmall when the role does not reach."""
    colleague = find_staff(session, slack_user, now=now)
    if colleague is None:
        raise UnknownStaff(slack_user)
    if _RANK[colleague.role] < _RANK[at_least]:
        raise RoleTooSmall(at_least.value)
    return colleague


def active_staff(session: Session, *, now: datetime, role: Role | None = None) -> list[Staff]:
    """All who are active today, in one role if given."""
    today = now.astimezone(PARIS).date()
    everyone = session.scalars(select(Staff).order_by(Staff.id))
    return [one for one in everyone if is_active(one, today) and role in (None, one.role)]


def ensure_first_dpo(session: Session, slack_user: str, *, email: str, language: str) -> bool:
    """SLACK_STAFF names the first dpo of an empty table; from then on the table decides. True when added."""
    if session.scalars(select(Staff.id).limit(1)).first() is not None:
        return False
    session.add(Staff(slack_user=slack_user, name=slack_user, email=email, role=Role.DPO, language=language))
    session.flush()
    return True


def is_active(colleague: Staff, today: date) -> bool:
    """Whether this day in Paris is one of theirs; both ends are included."""
    started = colleague.active_from is None or colleague.active_from <= today
    return started and (colleague.active_until is None or today <= colleague.active_until)
