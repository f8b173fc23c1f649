"""What closing a breach would leave behind, to be said before it is closed: who was told, what is withdrawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.ledger import read_ledger
from storage.models import Affected, Breach, Customer, Delivery, Notice
from storage.notice_queueing import UNSENT
from storage.notice_reading import find_draft, list_notices


@dataclass(frozen=True)
class Outlook:
    """Names of customers that were told; of those whose notice has not begun to be sent; and of those, not told yet,
    whose notice is with a mail server or may be.

    `draft`: the version that is prepared and not approved. `final`: the newest version that went out is the last.
    """

    affected: int
    told: tuple[str, ...]
    queued: tuple[str, ...]
    on_the_way: tuple[str, ...]
    draft: int | None
    final: bool

    @property
    def lacks_final(self) -> bool:
        """Whether customers may be waiting for another notice."""
        return bool(self.affected) and not self.final


def look_ahead(session: Session, breach: Breach) -> Outlook:
    """As it stands now; nothing changes."""
    rows, draft = [row for row in read_ledger(breach) if not row.excluded], find_draft(session, breach)
    return Outlook(
        affected=len(rows),
        told=tuple(row.customer.name for row in rows if row.told_at is not None),
        queued=_queued(session, breach),
        on_the_way=tuple(row.customer.name for row in rows if row.told_at is None and row.may_arrive),
        draft=draft.version if draft else None,
        final=has_final(list_notices(session, breach)),
    )


def look_again(session: Session, breach: Breach) -> Outlook:
    """The same in the transaction that closes it: what waits to be sent waits until that ends."""
    session.execute(select(Delivery.id).where(Delivery.case == breach.reference, *UNSENT).with_for_update())
    return look_ahead(session, breach)


def has_final(notices: Sequence[Notice]) -> bool:
    """Whether the newest version that went out was called the last; `notices` in the order of their versions."""
    sent = [one for one in notices if one.approved_at is not None]
    return bool(sent) and sent[-1].final


def _queued(session: Session, breach: Breach) -> tuple[str, ...]:
    whose = select(Customer.name).join(Affected, Affected.customer_id == Customer.id)
    rows = whose.join(Delivery, Delivery.affected_id == Affected.id).where(Delivery.case == breach.reference, *UNSENT)
    return tuple(session.scalars(rows.distinct().order_by(Customer.name)))
