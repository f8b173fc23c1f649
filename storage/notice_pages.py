"""The page that goes with a notice, made a PDF before it is first sent: the same words, set from what was approved."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import PurePosixPath

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import Session

from storage import journal, outbox
from storage.breaches import CLAUSE
from storage.journal import Line
from storage.models import Affected, Attachment, Customer, Delivery
from storage.types import Actor, Purpose

HTML, PDF = "text/html", "application/pdf"


@dataclass(frozen=True)
class Unset:
    """A page that goes with a mail, as it was approved. `customer`: whose notice it is, None for a preview."""

    delivery_id: int
    case: str
    customer: str | None
    queued_at: datetime
    name: str
    html: bytes


@dataclass(frozen=True)
class Made:
    """What became of a page: its PDF; or None, and why not, in no word of it."""

    page: Unset
    pdf: bytes | None
    fault: str = ""


def find_unset(session: Session, ids: Collection[int]) -> list[Unset]:
    """The pages of those of these deliveries that are notices or previews, and that no try has begun for."""
    rows = session.execute(_unset(), {"ids": list(ids)})
    return [Unset(*row[:-1], row.content or b"") for row in rows]


@cache
def _unset() -> Select[int, str, str | None, datetime, str, bytes | None]:
    columns = (Delivery.id, Delivery.case, Customer.reference, Delivery.queued_at, Attachment.name, Attachment.content)
    found = select(*columns).join(Attachment, Attachment.delivery_id == Delivery.id)
    found = found.outerjoin(Affected, Affected.id == Delivery.affected_id)
    found = found.outerjoin(Customer, Customer.id == Affected.customer_id)
    named = Delivery.id.in_(bindparam("ids", expanding=True))
    unsent = (named, Delivery.purpose.in_((Purpose.NOTICE, Purpose.PREVIEW)), Delivery.content.is_(None))
    ours = (Attachment.ordinal == 0, Attachment.content_type == HTML, Attachment.content.is_not(None))
    return found.where(*unsent, *ours).order_by(Delivery.id)


def keep_pages(
    session: Session, made: Sequence[Made], *, holder: str, by: Actor, now: datetime, real_now: datetime
) -> None:
    """A PDF takes the place of its page, if the delivery is still the holder's; the journal has the hashes of both.

    A page that could not be set stays as it is, and the journal says why.
    """
    ours = outbox.find_ours(session, [one.page.delivery_id for one in made], holder=holder, now=real_now)
    kept = [one for one in made if one.page.delivery_id in ours]
    for one in kept:
        if one.pdf is not None:
            _replace(session, one.page, one.pdf)
    lines = [_line(one) for one in kept if one.page.customer is not None]
    journal.record_all(session, lines, by=by, now=now)


def _replace(session: Session, page: Unset, pdf: bytes) -> None:
    name = str(PurePosixPath(page.name).with_suffix(".pdf"))
    same = (Attachment.delivery_id == page.delivery_id, Attachment.ordinal == 0)
    session.execute(update(Attachment).where(*same).values(content=pdf, content_type=PDF, name=name))


def _line(made: Made) -> Line:
    """The hash of the page is one of those that the approval's hash is made of."""
    page = made.page
    detail: dict[str, journal.Detail] = {"customer": page.customer, "html": sha256(page.html).hexdigest()}
    if made.pdf is None:
        return Line("notice-left-as-html", page.case, CLAUSE, {**detail, "fault": made.fault})
    return Line("notice-set-as-pdf", page.case, CLAUSE, {**detail, "pdf": sha256(made.pdf).hexdigest()})
