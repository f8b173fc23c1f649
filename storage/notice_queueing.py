"""Queueing a version of the notice: one mail to each customer, with its files, in two statements.

Mails to one domain are paced, so that a provider does not take the thirtieth for the beginning of a flood.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from storage.bulk import insert_rows
from storage.clock import real_now
from storage.models import Attachment, Delivery, Notice
from storage.notice_types import Checked, Rendered
from storage.outbox import Queued, queue_all
from storage.types import Medium, Purpose

TOPIC = "notice"
PACE = timedelta(seconds=2)
"""Between two mails to one domain; the first goes at once."""
UNSENT = (Delivery.purpose == Purpose.NOTICE, Delivery.due_at.is_not(None), Delivery.sending_at.is_(None))
"""The notices for which no try has begun."""


def queue_notices(session: Session, notice: Notice, checked: Checked) -> None:
    """Queue them in the transaction that approves, as of the instant that they name themselves.

    A customer that has this version keeps what it has; one whose mail was withdrawn gets it as a further attempt.
    """
    before = _queued_before(session, notice)
    keys = [(_key(notice, one, before.get(one.addressee.affected_id, ())), one) for one in checked.rendered]
    new = {key: one for key, one in keys if key is not None}
    withdrawn = {of: rows[-1].id for of, rows in before.items()}
    queue_all(session, list(_rows(notice, checked.edition.reference, new, withdrawn)), now=checked.edition.at)
    queued = session.execute(select(Delivery.key, Delivery.id).where(Delivery.notice_id == notice.id))
    ids = {row.key: row.id for row in queued}
    insert_rows(session, Attachment, [row for key, one in new.items() for row in files_of(ids[key], one)])


def withdraw_unsent(session: Session, *which: ColumnElement[bool], now: datetime) -> int:
    """Withdraw those of these notices that no try has begun for; how many. One that may be on the wire stays."""
    unsent = update(Delivery).where(*which, *UNSENT)
    done = unsent.values(superseded_at=now, due_at=None, leased_by=None, leased_until=None).returning(Delivery.id)
    return len(session.scalars(done.execution_options(synchronize_session=False)).all())


def _queued_before(session: Session, notice: Notice) -> dict[int, list[Any]]:
    """What was queued of this version for each customer, by `Affected.id`."""
    columns = (Delivery.id, Delivery.affected_id, Delivery.attempt_of_id, Delivery.superseded_at)
    before: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(select(*columns).where(Delivery.notice_id == notice.id).order_by(Delivery.id)):
        before[row.affected_id].append(row)
    return before


def _key(notice: Notice, rendered: Rendered, before: Sequence[Any]) -> str | None:
    """The key of a first or a further attempt; None when one stands."""
    if any(row.superseded_at is None for row in before):
        return None
    key = f"notice:{notice.id}:{rendered.addressee.affected_id}"
    return f"{key}:again:{sum(row.attempt_of_id is not None for row in before) + 1}" if before else key


def _rows(
    notice: Notice, reference: str, new: Mapping[str, Rendered], withdrawn: Mapping[int, int]
) -> Iterator[Queued]:
    begin, before = real_now(), Counter[str]()
    for key, one in new.items():
        domain = one.addressee.address.rpartition("@")[2].lower()
        due_at = begin + before[domain] * PACE
        before[domain] += 1
        yield Queued(
            key=key,
            medium=Medium.EMAIL,
            purpose=Purpose.NOTICE,
            topic=TOPIC,
            recipient=one.addressee.address,
            language=one.addressee.language,
            case=reference,
            affected_id=one.addressee.affected_id,
            notice_id=notice.id,
            attempt_of_id=withdrawn.get(one.addressee.affected_id),
            subject=one.words.subject,
            text=one.words.text,
            html=one.words.html,
            due_at=due_at,
        )


def files_of(delivery_id: int, rendered: Rendered) -> Iterator[dict[str, object]]:
    """The rows of what goes with a mail."""
    for ordinal, file in enumerate(rendered.files):
        yield {"delivery_id": delivery_id, "ordinal": ordinal, **vars(file)}
