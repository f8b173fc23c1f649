"""Queueing a version of the notice: one mail to each customer, with its files, in two statements.

Mails to one domain are paced, so that a provider does not take the thirtieth for the beginning of a flood.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select
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


def queue_notices(session: Session, notice: Notice, checked: Checked) -> None:
    """Queue them in the transaction that approves, as of the instant that they name themselves.

    A customer that has this version keeps what it has.
    """
    known = set(session.scalars(select(Delivery.key).where(Delivery.notice_id == notice.id)))
    new = {key_of(notice, one): one for one in checked.rendered if key_of(notice, one) not in known}
    queue_all(session, list(_rows(notice, checked.edition.reference, new)), now=checked.edition.at)
    queued = session.execute(select(Delivery.key, Delivery.id).where(Delivery.notice_id == notice.id))
    ids = {row.key: row.id for row in queued}
    insert_rows(session, Attachment, [row for key, one in new.items() for row in files_of(ids[key], one)])


def key_of(notice: Notice, rendered: Rendered) -> str:
    return f"notice:{notice.id}:{rendered.addressee.affected_id}"


def _rows(notice: Notice, reference: str, new: dict[str, Rendered]) -> Iterator[Queued]:
    begin, before = real_now(), Counter[str]()
    for key, one in new.items():
        domain = one.addressee.address.rpartition("@")[2].lower()
        due_at = begin + before[domain] * PACE
        before[domain] += 1
        yield _queued(key, notice, reference, one, due_at)


def _queued(key: str, notice: Notice, reference: str, one: Rendered, due_at: datetime) -> Queued:
    return Queued(
        key=key,
        medium=Medium.EMAIL,
        purpose=Purpose.NOTICE,
        topic=TOPIC,
        recipient=one.addressee.address,
        language=one.addressee.language,
        case=reference,
        affected_id=one.addressee.affected_id,
        notice_id=notice.id,
        subject=one.words.subject,
        text=one.words.text,
        html=one.words.html,
        due_at=due_at,
    )


def files_of(delivery_id: int, rendered: Rendered) -> Iterator[dict[str, object]]:
    """The rows of what goes with a mail."""
    for ordinal, file in enumerate(rendered.files):
        yield {"delivery_id": delivery_id, "ordinal": ordinal, **vars(file)}
