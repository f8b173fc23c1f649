"""What each customer is to be told, read from the record by a number of queries that does not grow with theirs."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from storage.breach_facts import BreachFacts, facts_of_all, last_fact
from storage.breach_types import IN_ENGLISH, ClaimKind, FactName
from storage.breaches import is_drill
from storage.deadlines import earliest
from storage.instructed import instructed_addresses
from storage.ledger import Row, has_arrived, notices_of, read_ledger
from storage.models import Affected, Attachment, Breach, BreachFact, Claim, Delivery, Document, Notice
from storage.notice_types import Addressee, Edition, Enclosed, Told
from storage.requests import is_ours
from storage.tables import ADDRESS
from storage.types import Purpose


@dataclass(frozen=True)
class _Known:
    """What all rows are read with."""

    breach: Breach
    facts: Mapping[int, BreachFacts]
    told: Mapping[int, Mapping[int, Told]]
    documents: Mapping[int, tuple[Enclosed, ...]]
    addresses: Mapping[int, str]
    moved: Mapping[int, datetime]
    now: datetime


def list_notices(session: Session, breach: Breach) -> list[Notice]:
    """Every version, the draft too, as they are now."""
    wanted = select(Notice).where(Notice.breach_id == breach.id).order_by(Notice.version)
    return list(session.scalars(wanted.execution_options(populate_existing=True)))


def find_draft(session: Session, breach: Breach) -> Notice | None:
    """The version that is prepared and not approved; there is one at most."""
    return next((one for one in list_notices(session, breach) if one.approved_at is None), None)


def newest_approved(session: Session, breach: Breach) -> Notice | None:
    """The newest version that went out."""
    return next((one for one in reversed(list_notices(session, breach)) if one.approved_at is not None), None)


def read_next(session: Session, breach: Breach, *, own_address: str | None, now: datetime) -> Edition:
    """The draft, or what the next version would be: with all that is known now, to every customer not excluded."""
    notices = list_notices(session, breach)
    draft = next((one for one in notices if one.approved_at is None), None)
    version = draft.version if draft else len(notices) + 1
    rows = [row for row in read_ledger(breach) if not row.excluded]
    last, facts = last_fact(session, breach), facts_of_all(session, breach)
    edition = _edition(session, breach, rows, notices, facts, own_address=own_address, now=now)
    final, notice_id = (draft.final, draft.id) if draft else (False, None)
    return replace(edition, version=version, final=final, notice_id=notice_id, last_fact_id=last)


def read_for_added(
    session: Session, breach: Breach, notice: Notice, *, own_address: str | None, now: datetime
) -> Edition:
    """An approved version as it goes to customers added since: what was approved, and what is known of them alone."""
    rows = [row for row in read_ledger(breach) if not row.excluded and not _was_sent(row.affected, notice)]
    facts = _as_approved(session, breach, notice)
    notices = list_notices(session, breach)
    edition = _edition(session, breach, rows, notices, facts, own_address=own_address, now=now)
    last = notice.last_fact_id
    return replace(edition, version=notice.version, final=notice.final, notice_id=notice.id, last_fact_id=last)


def _edition(
    session: Session,
    breach: Breach,
    rows: Collection[Row],
    notices: Collection[Notice],
    facts: Mapping[int, BreachFacts],
    *,
    own_address: str | None,
    now: datetime,
) -> Edition:
    """With the version still to be filled in."""
    told = _told(session, breach, [one for one in notices if any(row.notice_id == one.id for row in rows)])
    addresses = find_addresses(session, breach)
    known = _Known(breach, facts, told, _documents(session, breach), addresses, _moved(session, breach), now)
    reachable = [row for row in rows if is_writable(addresses[row.affected.id], own_address)]
    others = [row for row in rows if not is_writable(addresses[row.affected.id], own_address)]
    return Edition(
        at=now,
        reference=breach.reference,
        drill=is_drill(breach.reference),
        version=0,
        final=False,
        notice_id=None,
        last_fact_id=0,
        aware_at=breach.aware_at,
        noticed_at=earliest(breach.suspected_at, breach.told_at, breach.detected_at),
        deadline_at=breach.deadline_at,
        addressees=tuple(_addressee(row, known) for row in reachable),
        everybody=tuple((one.customer.reference, one.customer.name) for one in breach.affected),
        unaddressed=tuple(row.customer.reference for row in others),
    )


def _addressee(row: Row, known: _Known) -> Addressee:
    affected, customer = row.affected, row.customer
    sent = [one for one in notices_of(affected) if one.refused_at is None and one.bounced_at is None]
    begun = [one.queued_at for one in notices_of(affected)]
    begun += [known.moved[affected.id]] if affected.id in known.moved else []
    called = [call.at for call in affected.calls if call.reached]
    late = known.breach.aware_at is not None and row.told_at is None and known.now > known.breach.deadline_at
    return Addressee(
        affected_id=affected.id,
        customer=customer.reference,
        name=customer.name,
        language="fr" if customer.language == "fr" else "en",
        address=known.addresses[affected.id],
        facts=known.facts[affected.id],
        counted_from=min([*begun, *called], default=known.now),
        called=bool(called) and min(called) <= min(begun, default=known.now),
        first=not sent,
        late=late,
        added_at=affected.added_at,
        told=known.told.get(row.notice_id, {}).get(affected.id) if row.notice_id else None,
        documents=known.documents.get(affected.id, ()),
    )


def _moved(session: Session, breach: Breach) -> dict[int, datetime]:
    """When a mail was queued that was withdrawn while it waited, and went to another address in the same words: they
    name that instant. By `Affected.id`."""
    before, after = aliased(Delivery), aliased(Delivery)
    same = (after.affected_id == before.affected_id, after.notice_id == before.notice_id, after.text == before.text)
    begun = select(before.affected_id, func.min(before.queued_at, type_=before.queued_at.type)).join(after, and_(*same))
    ours = (before.case == breach.reference, before.purpose == Purpose.NOTICE, before.superseded_at.is_not(None))
    moved = session.execute(begun.where(*ours, after.superseded_at.is_(None)).group_by(before.affected_id))
    return {affected_id: at for affected_id, at in moved if affected_id is not None and at is not None}


def find_addresses(session: Session, breach: Breach) -> dict[int, str]:
    """Where notices go today, by `Affected.id`: where the customer instructed us to write about this breach, else its
    breach address, else that of its order (clause 6)."""
    instructed = instructed_addresses(session, breach.reference)
    return {
        one.id: instructed.get(one.customer_id) or one.customer.breach_address or one.customer.request_address
        for one in breach.affected
    }


def is_writable(address: str, own_address: str | None) -> bool:
    """Whether a mail can go there: it is one address, and none of ours, which would take it and tell nobody."""
    if ADDRESS.fullmatch(address) is None:
        return False
    return own_address is None or not is_ours(address, own_address)


def _was_sent(affected: Affected, notice: Notice) -> bool:
    return any(one.notice_id == notice.id for one in notices_of(affected))


def _told(session: Session, breach: Breach, notices: Collection[Notice]) -> dict[int, dict[int, Told]]:
    """What these versions told each customer, by `Notice.id` and `Affected.id`."""
    aware = select(func.min(Claim.claimed_at)).where(Claim.breach_id == breach.id, Claim.what == ClaimKind.AWARE)
    since = session.scalar(aware) if notices else None
    found = {}
    for notice in notices:
        confirmed = since is not None and notice.approved_at is not None and since <= notice.approved_at
        facts = _as_approved(session, breach, notice)
        found[notice.id] = {of: Told(notice.version, one, confirmed) for of, one in facts.items()}
    return found


def _as_approved(session: Session, breach: Breach, notice: Notice) -> dict[int, BreachFacts]:
    """What was approved with a notice; a customer that was added after it has its own facts as they are today."""
    then = facts_of_all(session, breach, until=notice.last_fact_id)
    later = [one.id for one in breach.affected if notice.approved_at and one.added_at > notice.approved_at]
    own = _own_since(session, breach, notice, later)
    newest = facts_of_all(session, breach) if own else {}
    return {of: _with_own(one, newest.get(of), own.get(of, ())) for of, one in then.items()}


def _own_since(session: Session, breach: Breach, notice: Notice, later: Collection[int]) -> dict[int, list[FactName]]:
    """Of customers named later, which facts about them alone came after the notice."""
    rows = select(BreachFact.affected_id, BreachFact.name).where(BreachFact.breach_id == breach.id)
    own: dict[int, list[FactName]] = defaultdict(list)
    if later:
        since = rows.where(BreachFact.id > notice.last_fact_id, BreachFact.affected_id.in_(later))
        for of, name in session.execute(since):
            own[of or 0].append(name)
    return own


def _with_own(then: BreachFacts, newest: BreachFacts | None, own: Collection[FactName]) -> BreachFacts:
    if newest is None or not own:
        return then
    names = {name.value for name in own}
    names |= {FactName.SENSITIVE_KINDS.value} if FactName.DATA_KINDS in own else set()
    names |= {
        other.value for text, english in IN_ENGLISH.items() if {text, english} & set(own) for other in (text, english)
    }
    return replace(then, **{name: getattr(newest, name) for name in names})


def _documents(session: Session, breach: Breach) -> dict[int, tuple[Enclosed, ...]]:
    """The documents that are for a customer, or for all, and that it does not have yet; by `Affected.id`."""
    marked = select(Document).where(Document.breach_id == breach.id, Document.marked_at.is_not(None))
    documents = session.scalars(marked.where(Document.withdrawn_at.is_(None)).order_by(Document.id)).all()
    had = _had(session, breach) if documents else {}
    return {
        affected.id: tuple(
            Enclosed(one.id, one.name, one.content_type)
            for one in documents
            if (one.for_all or one.customer_id == affected.customer_id) and one.id not in had.get(affected.id, ())
        )
        for affected in breach.affected
    }


def _had(session: Session, breach: Breach) -> dict[int, set[int]]:
    """The documents that went with notices which arrived."""
    sent = select(Attachment.delivery_id, Attachment.document_id).join(Delivery, Delivery.id == Attachment.delivery_id)
    ours = sent.where(Delivery.case == breach.reference, Delivery.purpose == Purpose.NOTICE)
    enclosed: dict[int, set[int]] = defaultdict(set)
    for delivery_id, document_id in session.execute(ours.where(Attachment.document_id.is_not(None))):
        enclosed[delivery_id].add(document_id or 0)
    had: dict[int, set[int]] = defaultdict(set)
    for affected in breach.affected:
        for delivery in notices_of(affected):
            if has_arrived(delivery):
                had[affected.id] |= enclosed.get(delivery.id, set())
    return had
