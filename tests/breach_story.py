"""A breach in which much happened, as the record holds it: for what is shown and proved of it."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import breach_claims, breach_closing, breach_customers, breach_opening, breaches, notice_failures
from storage.breach_facts import Value, append_facts, last_fact
from storage.breach_types import ONGOING, Answered, DataKind, FactName, Nature, Origin, PersonKind
from storage.models import Affected, Attachment, Breach, Call, CaseMail, Customer, Delivery, Document, Notice, Staff
from storage.sealing import seal_notice
from storage.sent import sent_of
from storage.types import DESK, Actor, Correspondence, Means, Medium, Purpose, Role, Said
from tests.storage_support import ANNE, BORIS, NOW, add_customer, hours, keep_letter

NAMES = {"C0001": "Garage du Lac", "C0002": "Hôtel Azur", "C0003": "Tel Aviv Tours", "C0004": "Boulangerie Roux"}
REPORT = b"%PDF-1.7 what happened, for everybody\n"
SECRET = b"%PDF-1.7 the numbers of Garage du Lac\n"


def tell_story(session: Session, *, drill: bool = False, closed: bool = True) -> Breach:
    """Four customers: one has it and said so, one bounced and was telephoned late, one is not affected, one was told by
    letter; two versions of the notice, two documents."""
    session.add_all(_staff())
    for reference, name in NAMES.items():
        slug = name.split()[0].lower().replace("ô", "o")
        add_customer(session, reference, name=name, request_address=f"contact@{slug}.example", language="fr")
    chosen = session.scalars(select(Customer).order_by(Customer.id)).all()
    breach = breach_opening.open_breach(
        session,
        summary="Recordings were sent to Hôtel Azur and others",
        customers=chosen[:3],
        suspected_at=NOW - hours(2),
        lead="U02BORIS",
        drill=drill,
        by=BORIS,
        now=NOW,
    )
    breach_claims.become_aware(session, breach, NOW - hours(1), by=ANNE, now=NOW + hours(1))
    _write_facts(session, breach)
    breach_customers.add_customers(session, breach, chosen[3:], by=BORIS, now=NOW + hours(2))
    first = _approve(session, breach, 1, NOW + hours(3), alone="Nobody else was awake on Sunday")
    documents = _documents(session, breach)
    garage, hotel, tours, bakery = breach.affected
    _send(session, garage, first, documents, accepted=NOW + hours(3))
    lost = _send(session, hotel, first, documents[:1], accepted=NOW + hours(3))
    _bounce(session, lost, NOW + hours(4))
    _reply(session, garage, NOW + hours(5))
    _call(session, hotel, NOW + hours(6), Answered.VOICEMAIL)
    _call(session, hotel, NOW + hours(50), Answered.REACHED)
    letter = Call(affected=bakery, means=Means.REGISTERED_LETTER, reached=True, by="U01ANNE", at=NOW + hours(20),
                  recorded_at=NOW + hours(21), proof="2C 123 456 7890 1")  # fmt: skip
    session.add(letter)
    breaches.record(session, breach, "customer-told", by=ANNE, now=NOW + hours(21), customer="C0004")
    for one in (hotel, bakery):
        one.waived_at, one.waived_by, one.waived_reason = NOW + hours(51), "U01ANNE", "It has them otherwise"
    breaches.record(session, breach, "documents-waived", by=ANNE, now=NOW + hours(51), customer="C0004")
    tours.excluded_at, tours.excluded_by, tours.excluded_reason = NOW + hours(7), "U01ANNE", "It left us in spring"
    breaches.record(session, breach, "customer-excluded", by=ANNE, now=NOW + hours(7), customer="C0003")
    seen = {"customers": ["C0001"], "mentions_seen": ["C0001: Hôtel Azur"]}
    breaches.record(session, breach, "notice-approved", by=ANNE, now=NOW + hours(29), **seen)
    final = _approve(session, breach, 2, NOW + hours(30), final=True)
    _send(session, garage, final, documents[:1], accepted=NOW + hours(30))
    if closed:
        session.expire_all()
        again = breaches.get_breach(session, breach.reference)
        why = "The address of Hôtel Azur was wrong in the directory"
        breach_closing.close_breach(session, again, late_reason=why, by=ANNE, now=NOW + hours(60))
    return breaches.get_breach(session, breach.reference)


def _staff() -> list[Staff]:
    known: dict[str, Any] = {"role": Role.DPO, "language": "fr"}
    anne = Staff(slack_user="U01ANNE", name="Anne Moreau", email="anne@kavkom.example", **known)
    return [anne, Staff(slack_user="U02BORIS", name="Boris Petit", email="boris@kavkom.example", **known)]


def _write_facts(session: Session, breach: Breach) -> None:
    of_all: dict[FactName, Value] = {
        FactName.ACCOUNT: "Des enregistrements d’appels ont été envoyés à un mauvais destinataire.",
        FactName.NATURE: (Nature.CONFIDENTIALITY.value,),
        FactName.ORIGIN: Origin.WRONG_RECIPIENT.value,
        FactName.DATA_KINDS: (DataKind.CONVERSATIONS.value, DataKind.CONTACT.value),
        FactName.PERSON_KINDS: (PersonKind.CUSTOMERS_AND_PROSPECTS.value,),
        FactName.PERSONS: 4711,
        FactName.STARTED_AT: NOW - hours(30),
        FactName.ENDED_AT: ONGOING,
        FactName.MEASURES_AFTER: "Hôtel Azur a été prié d’effacer.",
    }
    append_facts(session, breach, of_all, by="U02BORIS", now=NOW + hours(1))
    garage, hotel = breach.affected[:2]
    append_facts(session, breach, {FactName.PERSONS: 17}, affected=garage, by="U02BORIS", now=NOW + hours(2))
    append_facts(session, breach, {FactName.PERSONS: 923}, affected=hotel, by="U02BORIS", now=NOW + hours(2))
    breaches.record(session, breach, "breach-facts", by=BORIS, now=NOW + hours(2), names=["persons"])


def _approve(
    session: Session, breach: Breach, version: int, at: datetime, *, final: bool = False, alone: str | None = None
) -> Notice:
    notice = Notice(
        breach_id=breach.id,
        version=version,
        prepared_at=at - hours(0.5),
        prepared_by="U02BORIS",
        last_fact_id=last_fact(session, breach),
        final=final,
        approved_at=at,
        approved_by="U02BORIS" if alone else "U01ANNE",
        alone_reason=alone,
    )
    session.add(notice)
    breaches.record(session, breach, "notice-approved", by=ANNE, now=at, version=version)
    return notice


def _documents(session: Session, breach: Breach) -> list[Document]:
    """One for all, and one for the garage alone; each kept, decoded, as a mail of its own."""
    made = []
    for number, (content, customer_id) in enumerate(((REPORT, None), (SECRET, breach.affected[0].customer_id))):
        message = keep_letter(session, content, at=NOW + hours(2))
        document = Document(
            breach_id=breach.id, message_id=message.id, name=f"rapport-{number}.pdf", content_type="application/pdf",
            size=len(content), sha256=sha256(content).hexdigest(), received_at=NOW + hours(2), sent_by="U02BORIS",
            for_all=customer_id is None, customer_id=customer_id, marked_at=NOW + hours(2), marked_by="U02BORIS",
        )  # fmt: skip
        made.append(document)
    session.add_all(made)
    session.flush()
    return made


def _send(
    session: Session, affected: Affected, notice: Notice, documents: list[Document], *, accepted: datetime
) -> Delivery:
    """An accepted notice, with the bytes that went over the wire."""
    customer = affected.customer
    content = f"To: {customer.request_address}\r\nSubject: Violation\r\n\r\nBonjour {customer.name}.\r\n".encode()
    sent = Delivery(
        key=f"notice:{notice.id}:{affected.id}", medium=Medium.EMAIL, purpose=Purpose.NOTICE, topic="notice",
        recipient=customer.request_address, language="fr", case=affected.breach.reference,
        queued_at=notice.approved_at or accepted, due_at=None, affected_id=affected.id, notice_id=notice.id,
        subject="Violation", text="Bonjour", content=content, message_id=f"<n{notice.id}.{affected.id}@kavkom.example>",
        sha256=sha256(content).hexdigest(), attempts=1, accepted_at=accepted, reply=f"250 OK {affected.id}-{notice.id}",
    )  # fmt: skip
    session.add(sent)
    session.flush()
    session.add(Attachment(delivery_id=sent.id, ordinal=0, name="avis.html", content_type="text/html",
                           content=f"<p>{customer.name}</p>".encode()))  # fmt: skip
    for number, document in enumerate(documents, 1):
        session.add(Attachment(delivery_id=sent.id, ordinal=number, name=document.name, document_id=document.id,
                               content_type=document.content_type))  # fmt: skip
    session.flush()
    notice_failures.record_notified(session, [sent_of(sent)], by=DESK, now=accepted)
    session.expire(affected)
    return sent


def _bounce(session: Session, sent: Delivery, at: datetime) -> None:
    sent.bounced_at, sent.bounce_status = at, "5.1.1"
    report = keep_letter(session, b"From: mailer-daemon@relay.example\r\n\r\ncontact@hotel.example unknown\r\n", at=at)
    session.add(CaseMail(message_id=report.id, what=Correspondence.REPORT, at=at, delivery_id=sent.id,
                         breach_id=(breach := breaches.get_breach(session, sent.case)).id))  # fmt: skip
    proof = {"report_sha256": report.sha256, **seal_notice(session, sent.id)}
    breaches.record(session, breach, "notice-bounced", by=DESK, now=at, customer="C0002", **proof)


def _reply(session: Session, affected: Affected, at: datetime) -> None:
    mail = keep_letter(session, b"From: contact@garage.example\r\n\r\nBien recu.\r\n", at=at)
    session.add(CaseMail(message_id=mail.id, what=Correspondence.REPLY, at=at, breach_id=affected.breach_id,
                         affected_id=affected.id, said=Said.RECEIVED))  # fmt: skip
    told = {"customer": "C0001", "sha256": mail.sha256, "said": "received"}
    breaches.record(session, affected.breach, "customer-replied", by=DESK, now=at, **told)


def _call(session: Session, affected: Affected, at: datetime, answered: Answered) -> None:
    reached = answered is Answered.REACHED
    call = Call(affected=affected, means=Means.TELEPHONE, reached=reached, by="U01ANNE", at=at, recorded_at=at,
                answered=answered, role="direction" if reached else None, call_reference="K-7781" if reached else None,
                person="Madame Lenoir" if reached else None)  # fmt: skip
    session.add(call)
    by: Actor = DESK if not reached else ANNE
    breaches.record(session, affected.breach, "customer-called", by=by, now=at, customer=affected.customer.reference)
