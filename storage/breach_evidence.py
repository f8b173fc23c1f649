"""What proves that a breach was told in time (clauses 6 and 7), gathered from one state of the record.

A pack for one customer tells nothing of another one: other rows are not gathered, a text that names another customer
is withheld, what is known of the whole breach is left out where it is known of this customer, and lines of the journal
about others keep their place and hash and lose their words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from storage.breach_claims import list_claims
from storage.breach_errors import NotAffected
from storage.breach_facts import BreachFacts, known_facts
from storage.breach_lines import called, line_of
from storage.breach_proof import Approved, BreachEvidence, Called, Claimed, Known, Line, Rang
from storage.breach_types import FactName
from storage.breaches import get_breach, is_drill
from storage.chain import Chain, ChainLine, chain_of
from storage.contents import Content, kept_content, sent_content
from storage.customers import get_customer
from storage.enclosures import Filing, enclosures_of
from storage.holding import TO_STAFF
from storage.ledger import notices_of, read_row
from storage.models import (
    Affected,
    Breach,
    BreachFact,
    Call,
    CaseMail,
    Customer,
    Delivery,
    Document,
    Message,
    Notice,
    Reminder,
)
from storage.proof import Came, Went
from storage.proving import Naming, came_of, went_of
from storage.types import Correspondence, Medium, Purpose

FOR_US = frozenset({*TO_STAFF, Purpose.PREVIEW, Purpose.CALL_SHEET, Purpose.EVIDENCE})
"""E-mails to our own staff: in no customer's pack."""


def gather_breach(
    session: Session, reference: str, *, customer: str | None, with_bytes: bool = True, now: datetime
) -> BreachEvidence:
    """Everything about a breach, or what is for one customer; without bytes it has no documents, and mails no content.

    Raises UnknownCase, UnknownCustomer, NotAffected.
    """
    breach = get_breach(session, reference)
    only = get_customer(session, customer) if customer else None
    rows = [one for one in breach.affected if only is None or one.customer_id == only.id]
    if only is not None and not rows:
        raise NotAffected(breach.reference, only.name)
    return _Gathering(session, breach, only, rows, with_bytes, now).evidence()


class _Gathering:
    """One pass over a breach, in the order of the record."""

    def __init__(
        self,
        session: Session,
        breach: Breach,
        only: Customer | None,
        rows: Sequence[Affected],
        with_bytes: bool,
        now: datetime,
    ) -> None:
        self._with_bytes = with_bytes
        self._session, self._breach, self._only, self._rows, self._now = session, breach, only, rows, now
        self._naming = Naming(session)
        self._names = {one.id: one.customer.reference for one in rows}
        numbered = select(Notice.id, Notice.version).where(Notice.breach_id == breach.id)
        self._versions = {number: version for number, version in session.execute(numbered)}  # noqa: C416 - rows
        self._others = _others(breach, only)
        self._sent = list(session.scalars(self._deliveries()))

    def evidence(self) -> BreachEvidence:
        breach, only = self._breach, self._only
        who = self._naming.who
        filing = self._file_documents()
        sent = tuple(self._went(one, filing) for one in self._sent)
        return BreachEvidence(
            reference=breach.reference,
            drill=is_drill(breach.reference),
            pace=breach.pace,
            only=only.reference if only else None,
            made_at=self._now,
            opened_at=breach.opened_at,
            opened_by=who(breach.opened_by),
            summary=None if only else breach.summary,
            about=None if only else breach.about,
            detected_at=breach.detected_at,
            suspected_at=breach.suspected_at,
            told_at=breach.told_at,
            aware_at=breach.aware_at,
            aware_by=who(breach.aware_by) if breach.aware_by else None,
            deadline_at=breach.deadline_at,
            lead=who(breach.lead) if breach.lead else None,
            lead_at=breach.lead_at,
            closed_at=breach.closed_at,
            closed_by=who(breach.closed_by) if breach.closed_by else None,
            no_breach_reason=self._shown(breach.no_breach_reason),
            late_reason=self._shown(breach.late_reason),
            claims=tuple(self._claims()),
            known=self._known(),
            facts=tuple(self._facts()),
            notices=tuple(self._notices()),
            lines=tuple(self._lines()),
            calls=tuple(self._called(call) for one in self._rows for call in one.calls),
            sent=sent,
            came=tuple(self._came()),
            documents=tuple(filing.files),
            enclosed=tuple(filing.enclosed),
            reminders=() if only else tuple(self._rang()),
            chain=self._chain(),
        )

    def _chain(self) -> Chain:
        """The journal's lines; a name in a detail is as telling as a reference."""
        chain = chain_of(self._session, self._breach.reference, only=self._only.reference if self._only else None)
        return replace(chain, lines=tuple(self._unnamed(line) for line in chain.lines))

    def _unnamed(self, line: ChainLine) -> ChainLine:
        return line if self._shown(line.readable) is not None else line.withheld()

    def _deliveries(self) -> Select[Delivery]:
        ours = select(Delivery).where(Delivery.case == self._breach.reference, Delivery.medium == Medium.EMAIL)
        if self._only is not None:
            ours = ours.where(Delivery.affected_id.in_(list(self._names)), Delivery.purpose.not_in(FOR_US))
        return ours.order_by(Delivery.id)

    def _shown(self, text: str | None) -> str | None:
        """A text that names another customer is not for this one."""
        named = self._others is not None and text is not None and self._others.search(text)
        return None if named else text

    def _claims(self) -> Iterator[Claimed]:
        for one in list_claims(self._session, self._breach):
            by = self._naming.who(one.by)
            yield Claimed(one.what.value, one.instant, by, one.claimed_at, self._shown(one.reason))

    def _known(self) -> BreachFacts:
        """What is known now; for one customer, without how many are affected in all."""
        if self._only is None:
            return known_facts(self._session, self._breach)
        known = known_facts(self._session, self._breach, self._rows[0])
        texts = {name.value: getattr(known, name) for name in FactName}
        hidden = {name for name, text in texts.items() if isinstance(text, str) and self._shown(text) is None}
        unknown: dict[str, Any] = dict.fromkeys(hidden | self._numbers_of_all())
        return replace(known, **unknown)

    def _numbers_of_all(self) -> set[str]:
        """The numbers that are known of all customers together only."""
        if self._only is None or len(self._breach.affected) == 1:
            return set()
        own = select(BreachFact.name).where(BreachFact.affected_id == self._rows[0].id)
        known = set(self._session.scalars(own))
        return {one.value for one in (FactName.PERSONS, FactName.RECORDS) if one not in known}

    def _facts(self) -> Iterator[Known]:
        """Everything that was written down; for one customer, of the whole breach only what is not known of it."""
        written = select(BreachFact).where(BreachFact.breach_id == self._breach.id).order_by(BreachFact.id)
        found = list(self._session.scalars(written))
        left_out = self._numbers_of_all()
        if self._only is not None:
            left_out |= {one.name.value for one in found if one.affected_id in self._names}
        for one in found:
            is_of_all = one.affected_id is None and one.name.value not in left_out
            if (is_of_all or one.affected_id in self._names) and self._shown(one.value) is not None:
                customer = self._names.get(one.affected_id or 0)
                yield Known(one.name.value, one.value, customer, self._naming.who(one.by), one.at)

    def _notices(self) -> Iterator[Approved]:
        """The versions; for one customer those that were sent to it."""
        told = [one.notice_id for row in self._rows for one in notices_of(row) if one.accepted_at]
        of_it = {one.notice_id for row in self._rows for one in row.deliveries}
        versions = select(Notice).where(Notice.breach_id == self._breach.id).order_by(Notice.version)
        for one in self._session.scalars(versions):
            if self._only is None or one.id in of_it:
                yield self._approved(one, told.count(one.id))

    def _approved(self, notice: Notice, sent: int) -> Approved:
        who = self._naming.who
        return Approved(
            version=notice.version,
            prepared_at=notice.prepared_at,
            prepared_by=who(notice.prepared_by),
            final=notice.final,
            approved_at=notice.approved_at,
            approved_by=who(notice.approved_by) if notice.approved_by else None,
            alone_reason=self._shown(notice.alone_reason),
            sent=sent,
        )

    def _lines(self) -> Iterator[Line]:
        since = self._breach.aware_at or self._breach.suspected_at or self._breach.opened_at
        for row in map(read_row, self._rows):
            late = not row.excluded and (row.told_at or self._now) > self._breach.deadline_at
            version = self._versions.get(row.notice_id or 0)
            yield line_of(row, since=since, late=late, version=version, who=self._naming.who, shown=self._shown)

    def _called(self, call: Call) -> Called:
        return called(call, who=self._naming.who, shown=self._shown)

    def _went(self, sent: Delivery, filing: Filing) -> Went:
        """A pack that was e-mailed before is named and not packed again."""
        customer = self._names.get(sent.affected_id or 0)
        shown = self._with_bytes and sent.purpose is not Purpose.EVIDENCE
        content = sent_content(self._session, sent) if shown else None
        version = self._versions.get(sent.notice_id or 0)
        parts = (sent.purpose.value, str(version or ""), customer, "" if customer else sent.topic)
        file = self._naming.file(f"sent/{'-'.join(filter(None, parts))}") if content else ""
        if content:
            filing.add_enclosures(sent, file, self._enclosures.get(sent.id, ()))
        return went_of(sent, file=file, customer=customer, content=content)

    def _file_documents(self) -> Filing:
        """Every document of the breach; for one customer those that went to it."""
        filing = Filing(self._session, self._naming, self._shown)
        self._enclosures = enclosures_of(self._session, self._sent) if self._with_bytes else {}
        went = {one.document_id for some in self._enclosures.values() for one in some}
        documents = select(Document).where(Document.breach_id == self._breach.id).order_by(Document.id)
        for one in self._session.scalars(documents) if self._with_bytes else ():
            if self._only is None or one.id in went:
                filing.add_document(one)
        return filing

    def _came(self) -> Iterator[Came]:
        """Replies, reports about deliveries and mails with documents; for one customer its own replies and reports."""
        about = CaseMail.affected_id.in_(list(self._names)) | CaseMail.delivery_id.in_([one.id for one in self._sent])
        wanted = about if self._only else or_(about, CaseMail.breach_id == self._breach.id)
        mails = select(CaseMail).where(wanted).order_by(CaseMail.at, CaseMail.message_id)
        for mail in self._session.scalars(mails):
            if self._only is None or mail.what is not Correspondence.DOCUMENTS:
                yield self._letter(mail)

    def _letter(self, mail: CaseMail) -> Came:
        message = self._session.get_one(Message, mail.message_id)
        by_delivery = {one.id: one.affected_id for one in self._sent}
        customer = self._names.get(mail.affected_id or by_delivery.get(mail.delivery_id or 0) or 0)
        stem = "-".join(filter(None, (mail.what.value, customer)))
        return came_of(
            self._session,
            message,
            self._kept(message),
            file=self._naming.file(f"received/{stem}"),
            what=mail.what,
            said=mail.said.value if mail.said else None,
            customer=customer,
        )

    def _kept(self, message: Message) -> Content:
        return kept_content(self._session, message)

    def _rang(self) -> Iterator[Rang]:
        rungs = select(Reminder).where(Reminder.case == self._breach.reference).order_by(Reminder.id)
        for one in self._session.scalars(rungs):
            yield Rang(one.rung.partition("@")[0], one.due_at, one.rung_at)


def _others(breach: Breach, only: Customer | None) -> re.Pattern[str] | None:
    """Whatever names another customer of the breach; None when all are shown, or there is no other one."""
    others = [one.customer for one in breach.affected if only is not None and one.customer_id != only.id]
    words = {word for one in others for word in _names_of(one) if word}
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words), re.IGNORECASE) if words else None


def _names_of(customer: Customer) -> tuple[str | None, ...]:
    return (customer.reference, customer.name, customer.request_address, customer.breach_address)
