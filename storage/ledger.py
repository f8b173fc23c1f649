"""The ledger of a breach: how far each affected customer has come (clause 6), read from its notices, calls, replies.

A customer is *told* when its server accepted a notice that neither came back nor is delayed, or when a named person
reached it by other means. A voicemail is nobody. Documents are owed after a call until a notice was accepted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.breach_types import RowState
from storage.models import Affected, Breach, Call, CaseMail, Customer, Delivery
from storage.outbox import NO_REPLY
from storage.types import SPOKEN, Correspondence, Means, Medium, Purpose, Said

UNREAD = timedelta(hours=12)
"""How long after a notice was accepted a customer that has not said "received" is telephoned; in a drill, sooner."""


@dataclass(frozen=True)
class Row:
    """One customer's line. `notice_id` is the newest notice that its server has; `attempt` the newest that was queued.

    `told_at` is the first time it was told, by `means`; `owed`: it was only spoken to, and documents are due.
    """

    affected: Affected
    state: RowState
    told_at: datetime | None
    means: Means | None
    accepted_at: datetime | None
    received_at: datetime | None
    notice_id: int | None
    owed: bool
    attempt: Delivery | None

    @property
    def customer(self) -> Customer:
        return self.affected.customer

    @property
    def excluded(self) -> bool:
        return self.state is RowState.NOT_AFFECTED

    @property
    def waits(self) -> bool:
        """Whether this customer must still be told."""
        return not self.excluded and self.told_at is None

    @property
    def failed(self) -> bool:
        return self.state in (RowState.REFUSED, RowState.BOUNCED)

    @property
    def may_arrive(self) -> bool:
        """Whether no move of ours can call its newest notice back: it is with a server, or may be, and not lost."""
        newest = self.attempt
        if newest is None or self.excluded or _lost(newest) is not None:
            return False
        return newest.sending_at is not None or newest.delayed_at is not None

    @property
    def may_go_again(self) -> bool:
        """Whether its newest notice did not arrive and is still of use: not if waived, or proven otherwise."""
        newest = self.attempt
        if newest is None or self.excluded or _lost(newest) is None:
            return False
        return self.failed or self.owed or self.accepted_at is not None

    @property
    def unread_at(self) -> datetime | None:
        """When a customer whose server has the notice is telephoned, unless somebody answers before."""
        return self.accepted_at + UNREAD / self.affected.breach.pace if self.accepted_at else None

    def must_be_called(self, now: datetime) -> bool:
        """Whether it stands on the call sheet: its newest notice did not arrive, or nobody has said that one did.

        Nobody need be called who was reached since that notice was queued, or who was reached at all if it arrived.
        """
        if self.failed or self.state is RowState.DELAYED:
            return True
        if self.excluded or self.received_at is not None or reached(self.affected) is not None:
            return False
        return self.unread_at is not None and now >= self.unread_at


def read_ledger(breach: Breach) -> list[Row]:
    """The row of every affected customer, in the order in which they were named."""
    return [read_row(affected) for affected in breach.affected]


def read_row(affected: Affected) -> Row:
    """How far one customer has come."""
    notices, call = notices_of(affected), reached(affected)
    here = [one for one in notices if has_arrived(one)]
    accepted_at = here[0].accepted_at if here else None
    written = [(accepted_at, Means.EMAIL)] if accepted_at else []
    told_at, means = min([*written, *([(call.at, call.means)] if call else [])], default=(None, None))
    newest, received_at = notices[-1] if notices else None, _received_at(affected)
    return Row(
        affected=affected,
        state=_state(affected, newest, received_at),
        told_at=told_at,
        means=means,
        accepted_at=accepted_at,
        received_at=received_at,
        notice_id=here[-1].notice_id if here else None,
        owed=not here and _is_owed(affected),
        attempt=newest,
    )


def notified_at(affected: Affected) -> datetime | None:
    """When this customer was told (the first time), or None while it has not been."""
    return read_row(affected).told_at


def notices_of(affected: Affected) -> list[Delivery]:
    """The e-mails that told this customer of the breach, oldest first; those withdrawn are not among them."""
    mails = (one for one in affected.deliveries if one.purpose is Purpose.NOTICE and one.medium is Medium.EMAIL)
    return sorted((one for one in mails if one.superseded_at is None), key=lambda one: one.id)


def has_arrived(delivery: Delivery) -> bool:
    """Whether the customer's server has it: accepted, and neither returned nor delayed."""
    return delivery.accepted_at is not None and delivery.bounced_at is None and delivery.delayed_at is None


def reached(affected: Affected) -> Call | None:
    """The first time that this customer was told by other means than our mail."""
    return min((call for call in affected.calls if call.reached), key=lambda call: call.at, default=None)


def _is_owed(affected: Affected) -> bool:
    """Whether it was told by word of mouth only, and nobody has said that nothing in writing is wanted."""
    means = {call.means for call in affected.calls if call.reached}
    return bool(means) and means <= SPOKEN and affected.waived_at is None and affected.excluded_at is None


def _received_at(affected: Affected) -> datetime | None:
    """When it first answered a notice; an out-of-office reply is no answer."""
    answers = (mail for mail in affected.mails if mail.what is Correspondence.REPLY and _is_answer(mail))
    return min((mail.at for mail in answers), default=None)


def _is_answer(mail: CaseMail) -> bool:
    return mail.said is not None and mail.said is not Said.OUT_OF_OFFICE


def _state(affected: Affected, newest: Delivery | None, received_at: datetime | None) -> RowState:
    """The newest notice decides, until somebody was reached after it or has answered."""
    call = max((one.at for one in affected.calls if one.reached), default=None)
    if affected.excluded_at is not None:
        return RowState.NOT_AFFECTED
    if newest is None:
        return RowState.TOLD if call else RowState.TO_TELL
    if call is not None and call >= newest.queued_at.replace(second=0, microsecond=0) and not has_arrived(newest):
        return RowState.TOLD
    if lost := _lost(newest):
        return lost
    if received_at is not None:
        return RowState.RECEIVED
    return RowState.TOLD if call and newest.accepted_at is None else _progress(newest)


def _lost(delivery: Delivery) -> RowState | None:
    if delivery.bounced_at is not None:
        return RowState.BOUNCED
    return RowState.REFUSED if delivery.refused_at is not None else None


def _progress(delivery: Delivery) -> RowState:
    if delivery.delayed_at is not None:
        return RowState.DELAYED
    if delivery.accepted_at is not None:
        return RowState.ACCEPTED
    uncertain = delivery.sending_at is not None and delivery.reply == NO_REPLY
    return RowState.UNCERTAIN if uncertain else RowState.SENDING
