"""The staff table: who may use the bot, in which role, and where their mail goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.deadlines import PARIS
from storage.errors import ColleagueCannot, RoleTooSmall, UnknownColleague, UnknownStaff
from storage.models import Staff
from storage.types import Actor, Role, typist_of

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

    def find_by_account(self, account: str) -> Staff | None:
        """The colleague whose address begins like this account of the shell; None without exactly one."""
        found = [one for one in self.active if _account_of(one) == account.lower()]
        return found[0] if len(found) == 1 else None

    def user_of(self, name: str) -> str | None:
        """Of the name of an actor at a shell: the Slack user id that it claims or whose account it is, or None."""
        account, claims = typist_of(name) or ("", "")
        colleague = self.find_by_account(account)
        return claims or (colleague.slack_user if colleague else None)


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
    refuse_role(colleague, at_least)
    return colleague


def get_colleague(session: Session, named: str, *, now: datetime, at_least: Role = Role.VIEWER) -> Staff:
    """Somebody that a person named, by Slack user id or company address. Raises UnknownColleague, ColleagueCannot."""
    wanted = named.strip().lower()
    for one in active_staff(session, now=now):
        if wanted in (one.slack_user.lower(), one.email.lower()):
            if _RANK[one.role] < _RANK[at_least]:
                raise ColleagueCannot(one.name, at_least.value, one.slack_user)
            return one
    raise UnknownColleague(named.strip() if wanted.isalnum() else "")


def find_by_account(session: Session, account: str, *, now: datetime) -> Staff | None:
    """The active colleague whose address begins like this account of the shell; None without exactly one."""
    return read_roster(session, now=now).find_by_account(account)


def was_account(session: Session, account: str, *, now: datetime) -> bool:
    """Whether it is the account of somebody who is no longer, or not yet, of the staff."""
    own = [one for one in session.scalars(select(Staff)) if _account_of(one) == account.lower()]
    return bool(own) and not any(is_active(one, now.astimezone(PARIS).date()) for one in own)


def refuse_role(colleague: Staff, at_least: Role) -> None:
    """Raises RoleTooSmall."""
    if _RANK[colleague.role] < _RANK[at_least]:
        raise RoleTooSmall(at_least.value)


def are_two(session: Session, first: str, by: Actor, *, now: datetime) -> bool:
    """Whether two names of actors surely are two colleagues; an account that nobody of the staff has may be anyone's.

    What somebody at a shell only claims to be (`… as U0123`) proves nothing.
    """
    one, other = (_person_of(session, name, now=now) for name in (first, by.name))
    return one is not None and other is not None and one != other


def is_known(session: Session, name: str, *, now: datetime) -> bool:
    """Whether the name of an actor shows which colleague it is."""
    return _person_of(session, name, now=now) is not None


def _person_of(session: Session, name: str, *, now: datetime) -> int | None:
    """Whose name of an actor this is, as `Staff.id`."""
    if typist := typist_of(name):
        colleague = find_by_account(session, typist[0], now=now)
        return colleague.id if colleague else None
    return session.scalars(select(Staff.id).where(Staff.slack_user == name)).first()


def _account_of(colleague: Staff) -> str:
    return colleague.email.partition("@")[0].lower()


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
