"""What proves that a request was received and sent on (clauses 4 and 7), gathered from one state of the record.

A pack for one customer tells nothing of another one: what concerns others is not gathered, and their lines of the
journal keep their place and hash and lose their words. Everything is read through the session, bytes last.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage import journal, requests
from storage.breach_proof import BreachEvidence
from storage.chain import chain_of
from storage.contents import Content, State, is_attached, kept_content, sent_content
from storage.correspondence import find_mails
from storage.customers import get_customer
from storage.errors import NotForwarded
from storage.forwards import attempts_of
from storage.holding import TO_STAFF
from storage.models import Breach, Call, CaseMail, Customer, Delivery, Forward, Instruction, Message, Request
from storage.proof import Came, Evidence, Instructed, Passed, Spoken, Went, Who
from storage.proving import Naming, came_of, went_of
from storage.requests import forwarded_at
from storage.types import Actor, Channel, Correspondence, Medium, Purpose

CLAUSE = "7"


def gather(session: Session, reference: str, *, customer: str | None, now: datetime) -> Evidence:
    """Everything about a request, or what is for one customer. Raises UnknownCase, UnknownCustomer, NotForwarded."""
    request = requests.get_request(session, reference)
    only = get_customer(session, customer) if customer else None
    forwards = [one for one in request.forwards if only is None or one.customer_id == only.id]
    if only is not None and not forwards:
        raise NotForwarded(request.reference, only.name)
    return _Gathering(session, request, only, forwards).evidence(now)


def record_exported(
    session: Session, evidence: Evidence | BreachEvidence, *, sha256: str, files: int, by: Actor, now: datetime
) -> None:
    """Somebody made a pack: into the journal, with the SHA-256 (hex) of the whole file."""
    made: dict[str, journal.Detail] = {"customer": evidence.only, "sha256": sha256, "files": files}
    journal.record(session, "evidence-exported", by=by, now=now, case=evidence.reference, clause=CLAUSE, **made)


class _Gathering:
    """One pass over a case; file names are given once each, in the order of the record."""

    def __init__(self, session: Session, request: Request, only: Customer | None, forwards: Sequence[Forward]) -> None:
        self._session, self._request, self._only, self._forwards = session, request, only, forwards
        self._astray = only is not None and any(one.misrouted_at for one in forwards)
        self._naming = Naming(session)
        sent = select(Delivery).where(Delivery.case == request.reference, Delivery.medium == Medium.EMAIL)
        self._sent = list(session.scalars(sent.order_by(Delivery.id)))

    def evidence(self, now: datetime) -> Evidence:
        request, only = self._request, self._only
        chain = chain_of(self._session, request.reference, only=only.reference if only else None)
        letter = self._came(request.message, "original")
        passed = tuple(self._passed(forward) for forward in self._forwards)
        return Evidence(
            reference=request.reference,
            only=only.reference if only else None,
            made_at=now,
            received_at=request.received_at,
            channel=request.channel,
            recorded_by=self._who(request.recorded_by) if request.recorded_by else None,
            way=chain.find("request-recorded", "means"),
            kind=request.kind.value,
            rights=request.rights,
            flags=() if only else request.flags,
            language=request.language,
            hold=request.hold.value if request.hold else None,
            set_aside_at=None if only else request.set_aside_at,
            set_aside_reason=None if only else request.set_aside_reason,
            astray=self._astray,
            letter=letter if self._is_theirs_to_see() else None,
            came=tuple(self._further()),
            passed=passed,
            others=tuple(self._went(one) for one in self._sent if self._is_for_nobody_else(one)),
            breaches=() if only else tuple(self._breaches()),
            chain=chain,
        )

    def _is_theirs_to_see(self) -> bool:
        """A colleague's mail that holds the letter is not for customers, unless it was sent to them as it is."""
        if self._only is None or self._request.channel is not Channel.COLLEAGUE:
            return True
        return any(is_attached(self._session, one) for forward in self._forwards for one in attempts_of(forward))

    def _passed(self, forward: Forward) -> Passed:
        met_at = forwarded_at(forward)
        return Passed(
            customer=forward.customer.reference,
            name=forward.customer.name,
            address=forward.address,
            order_reference=forward.order_reference,
            evidence=_kinds_and_values(forward.evidence),
            routed_by=self._who(forward.routed_by),
            routed_at=forward.routed_at,
            misrouted_at=forward.misrouted_at,
            met_at=met_at,
            took=met_at - self._request.received_at if met_at else None,
            mails=tuple(self._went(one) for one in self._sent if self._is_of(one, forward)),
            calls=tuple(self._spoken(call) for call in sorted(forward.calls, key=lambda call: (call.at, call.id))),
            instructions=tuple(self._instructed(forward)),
        )

    def _is_of(self, sent: Delivery, forward: Forward) -> bool:
        if sent.purpose in TO_STAFF:
            return False
        return sent.forward_id == forward.id or (sent.forward_id is None and sent.customer_id == forward.customer_id)

    def _is_for_nobody_else(self, sent: Delivery) -> bool:
        """What went to the person, and, where the pack is for ourselves, to our own staff.

        Whom the request does not concern is not told who the person is.
        """
        if self._astray:
            return False
        if sent.purpose in TO_STAFF:
            return self._only is None
        return sent.forward_id is None and sent.customer_id is None

    def _went(self, sent: Delivery) -> Went:
        customer = self._customer_of(sent)
        to_staff = sent.purpose in TO_STAFF
        content = None if to_staff else sent_content(self._session, sent)
        stem = f"{sent.purpose.value}-{customer}" if customer else sent.purpose.value
        part = "-without-letter" if content and content.state is State.IN_PART else ""
        file = self._naming.file(f"{stem}{part}") if content else ""
        shown = self._shown(content) if content and sent.purpose is not Purpose.DELETION else content
        return went_of(sent, file=file, customer=customer, content=shown)

    def _customer_of(self, sent: Delivery) -> str | None:
        if sent.forward is not None:
            return sent.forward.customer.reference
        return self._session.get_one(Customer, sent.customer_id).reference if sent.customer_id else None

    def _further(self) -> Iterator[Came]:
        """The further mails of the case. For one customer: its own, and what was sent on to it."""
        sent_on = {one.original_id for one in self._sent if one.forward_id in {each.id for each in self._forwards}}
        for mail in find_mails(self._session, self._request.id):
            if self._only is not None and not self._is_about(mail, sent_on):
                continue
            message = self._session.get_one(Message, mail.message_id)
            forward = self._session.get(Forward, mail.forward_id) if mail.forward_id else None
            customer = forward.customer.reference if forward else None
            stem = "-".join(filter(None, ("received", mail.what.value, customer)))
            yield self._came(message, stem, mail, customer)

    def _is_about(self, mail: CaseMail, sent_on: Collection[int | None]) -> bool:
        own = {one.id for one in self._forwards}
        is_sent_on = mail.what is Correspondence.FOLLOW_UP and mail.message_id in sent_on
        return mail.forward_id in own or is_sent_on

    def _came(self, message: Message, stem: str, mail: CaseMail | None = None, customer: str | None = None) -> Came:
        return came_of(
            self._session,
            message,
            self._shown(kept_content(self._session, message)),
            file=self._naming.file(stem),
            what=mail.what if mail else None,
            said=mail.said.value if mail and mail.said else None,
            customer=customer,
            with_sender=not self._astray,
        )

    def _shown(self, content: Content) -> Content:
        """Nothing of the letter goes again to a customer that was asked to delete it."""
        return content.withheld() if self._astray else content

    def _spoken(self, call: Call) -> Spoken:
        return Spoken(call.means.value, call.reached, self._who(call.by), call.at, call.recorded_at)

    def _instructed(self, forward: Forward) -> Iterator[Instructed]:
        given = select(Instruction).where(
            Instruction.case == self._request.reference, Instruction.customer_id == forward.customer_id
        )
        for one in self._session.scalars(given.order_by(Instruction.id)):
            yield Instructed(self._who(one.recorded_by), one.recorded_at, one.address, one.note)

    def _breaches(self) -> Iterable[str]:
        """Those about the request itself, and about its going to a wrong customer (storage/misrouting.py)."""
        reference = self._request.reference
        about = select(Breach.reference).where(or_(Breach.about == reference, Breach.about.startswith(f"{reference}/")))
        return self._session.scalars(about.order_by(Breach.id))

    def _who(self, actor: str) -> Who:
        return self._naming.who(actor)


def _kinds_and_values(evidence: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """telephone:+33199000100; of a value with spaces the record keeps only its first word beside its kind."""
    pairs = [(kind, value) for kind, _, value in (one.partition(":") for one in evidence)]
    return tuple(pair for pair in pairs if pair[1]) or tuple(pairs[:1])
