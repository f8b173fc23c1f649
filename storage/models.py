"""The tables. No column says "status": what state a case is in is read from instants and facts."""

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column, relationship

from storage.breach_types import Answered, ClaimKind, FactName
from storage.columns import Instant, Labels
from storage.deadlines import LADDER_HOURS
from storage.types import Channel, Correspondence, Hold, KeyKind, Kind, Means, Medium, Purpose, Role, Said, TaskKind

WORDS = Enum(
    enum.Enum,
    native_enum=False,
    create_constraint=False,
    length=40,
    values_callable=lambda words: [word.value for word in words],
)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """A row."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, enum.Enum: WORDS, tuple[str, ...]: Labels, str: Text, bytes: LargeBinary}  # noqa: RUF012 - read once by SQLAlchemy


def _key() -> Any:
    return mapped_column(primary_key=True, init=False)


def _of(target: str, *, cascade: bool = False, **options: Any) -> Any:
    return mapped_column(ForeignKey(target, ondelete="CASCADE" if cascade else "RESTRICT"), **options)


# --- who the desk works for, and who works at it ---


class Customer(Base, kw_only=True):
    """A controller: one of Kavkom's customers. `request_address` is the address in its order (clause 4).

    How well that address is: when something last came back from it, when the customer was last asked to confirm it, and
    when it last did. An import that changes the address forgets all three.
    """

    __tablename__ = "customer"

    id: Mapped[int] = _key()
    reference: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    request_address: Mapped[str]
    language: Mapped[str]
    order_reference: Mapped[str | None] = mapped_column(default=None)
    breach_address: Mapped[str | None] = mapped_column(default=None)
    breach_telephone: Mapped[str | None] = mapped_column(default=None)
    contract_start: Mapped[date | None] = mapped_column(default=None)
    contract_end: Mapped[date | None] = mapped_column(default=None)
    acknowledge: Mapped[bool] = mapped_column(default=True, server_default=true())
    address_bounced_at: Mapped[datetime | None] = mapped_column(default=None)
    address_asked_at: Mapped[datetime | None] = mapped_column(default=None)
    address_confirmed_at: Mapped[datetime | None] = mapped_column(default=None)


class CustomerKey(Base, kw_only=True):
    """Something a customer can be recognised by; one value may belong to several customers, or move between them."""

    __tablename__ = "customer_key"
    __table_args__ = (Index(None, "kind", "value"),)

    id: Mapped[int] = _key()
    customer_id: Mapped[int] = _of("customer.id", cascade=True, index=True)
    kind: Mapped[KeyKind]
    value: Mapped[str]
    valid_from: Mapped[date | None] = mapped_column(default=None)
    valid_to: Mapped[date | None] = mapped_column(default=None)


class Staff(Base, kw_only=True):
    """A colleague who may use the bot. Letters go to `email` only, never to an address typed in Slack."""

    __tablename__ = "staff"

    id: Mapped[int] = _key()
    slack_user: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[Role]
    language: Mapped[str]
    active_from: Mapped[date | None] = mapped_column(default=None)
    active_until: Mapped[date | None] = mapped_column(default=None)


# --- letters ---


class Cursor(Base, kw_only=True):
    """How far a mailbox folder has been read under one UIDVALIDITY (RFC 9051 section 2.3.1.1)."""

    __tablename__ = "cursor"

    account: Mapped[str] = mapped_column(primary_key=True)
    folder: Mapped[str] = mapped_column(primary_key=True)
    uidvalidity: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last_uid: Mapped[int] = mapped_column(BigInteger, default=0)


class Message(Base, kw_only=True):
    """A mail as it came, byte for byte, in parts. `kept_at` and `sha256` (hex) are set with its last part.

    `author_sha256` is that of what its author wrote, without what servers added: two copies of one mail share it.
    `internet_id` is its Message-ID, `sender` the data subject's address in lower case; both are erased with the body.
    """

    __tablename__ = "message"

    id: Mapped[int] = _key()
    received_at: Mapped[datetime]
    size: Mapped[int] = mapped_column(BigInteger)
    kept_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None, index=True)
    author_sha256: Mapped[str | None] = mapped_column(default=None, index=True)
    internet_id: Mapped[str | None] = mapped_column(default=None, index=True)
    sender: Mapped[str | None] = mapped_column(default=None, index=True)
    set_aside_reason: Mapped[str | None] = mapped_column(default=None)
    purge_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        Index("ix_message_undecided", "id", sqlite_where=decided_at.is_(None), postgresql_where=decided_at.is_(None)),
    )


class MessagePart(Base, kw_only=True):
    """At most 1 MiB of a message's raw bytes; `ordinal` counts from 0 and all parts but the last are full."""

    __tablename__ = "message_part"

    message_id: Mapped[int] = _of("message.id", cascade=True, primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class Sighting(Base, kw_only=True):
    """A place where a message was seen. The identity of a mail in a mailbox is all four of these.

    A receipt copy of one of our own deliveries has no message: its delivery and the hash of its header are enough.
    """

    __tablename__ = "sighting"
    __table_args__ = (UniqueConstraint("account", "folder", "uidvalidity", "uid"),)

    id: Mapped[int] = _key()
    account: Mapped[str]
    folder: Mapped[str]
    uidvalidity: Mapped[int] = mapped_column(BigInteger)
    uid: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int | None] = _of("message.id", cascade=True, index=True, default=None)
    delivery_id: Mapped[int | None] = _of("delivery.id", index=True, default=None)
    header_sha256: Mapped[str | None] = mapped_column(default=None)


class Stuck(Base, kw_only=True):
    """A mail in a mailbox that could not be taken in yet: counted, told to staff, tried again, never forgotten."""

    __tablename__ = "stuck"

    account: Mapped[str] = mapped_column(primary_key=True)
    folder: Mapped[str] = mapped_column(primary_key=True)
    uidvalidity: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    uid: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    attempts: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    fault: Mapped[str]
    raised_at: Mapped[datetime | None] = mapped_column(default=None)


# --- the two duties ---


class Request(Base, kw_only=True):
    """A data subject's letter (clause 4). Held while it has no forward and is not set aside.

    `owner` is the colleague who has taken a held one; `referred_at` when it was handed to the dpo. With TWO_PERSONS a
    customer is first proposed by one colleague and then forwarded by another.
    """

    __tablename__ = "request"

    id: Mapped[int] = _key()
    reference: Mapped[str] = mapped_column(unique=True)
    message_id: Mapped[int] = _of("message.id", unique=True)
    received_at: Mapped[datetime]
    kind: Mapped[Kind]
    language: Mapped[str]
    hold: Mapped[Hold | None]
    flags: Mapped[tuple[str, ...]] = mapped_column(default=())
    rights: Mapped[tuple[str, ...]] = mapped_column(default=())
    channel: Mapped[Channel] = mapped_column(default=Channel.MAIL, server_default=Channel.MAIL.value)
    recorded_by: Mapped[str | None] = mapped_column(default=None)
    set_aside_at: Mapped[datetime | None] = mapped_column(default=None)
    set_aside_reason: Mapped[str | None] = mapped_column(default=None)
    owner: Mapped[str | None] = mapped_column(default=None)
    taken_at: Mapped[datetime | None] = mapped_column(default=None)
    referred_at: Mapped[datetime | None] = mapped_column(default=None)
    proposed_id: Mapped[int | None] = _of("customer.id", default=None)
    proposed_by: Mapped[str | None] = mapped_column(default=None)
    proposed_at: Mapped[datetime | None] = mapped_column(default=None)

    message: Mapped[Message] = relationship(init=False, viewonly=True)
    proposed: Mapped[Customer | None] = relationship(init=False, viewonly=True)
    candidates: Mapped[list["Candidate"]] = relationship(
        init=False, default_factory=list, viewonly=True, order_by="Candidate.rank"
    )
    forwards: Mapped[list["Forward"]] = relationship(
        init=False, default_factory=list, back_populates="request", order_by="Forward.id"
    )


class Candidate(Base, kw_only=True):
    """A customer whom a held request may concern: `rank` counts from 0, the likeliest; `evidence` are kinds only."""

    __tablename__ = "candidate"

    request_id: Mapped[int] = _of("request.id", cascade=True, primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = _of("customer.id", index=True)
    evidence: Mapped[tuple[str, ...]]

    customer: Mapped[Customer] = relationship(init=False, viewonly=True)


class Forward(Base, kw_only=True):
    """A request sent on to one customer; the address and order are kept as they were that day.

    `misrouted_at`: since when somebody suspects that it is the wrong customer.
    """

    __tablename__ = "forward"
    __table_args__ = (UniqueConstraint("request_id", "customer_id"),)

    id: Mapped[int] = _key()
    request_id: Mapped[int] = _of("request.id", init=False)
    customer_id: Mapped[int] = _of("customer.id", init=False, index=True)
    address: Mapped[str]
    order_reference: Mapped[str | None]
    language: Mapped[str]
    evidence: Mapped[tuple[str, ...]]
    routed_by: Mapped[str]
    routed_at: Mapped[datetime]
    misrouted_at: Mapped[datetime | None] = mapped_column(default=None)
    misrouted_by: Mapped[str | None] = mapped_column(default=None)

    request: Mapped[Request] = relationship(back_populates="forwards")
    customer: Mapped[Customer] = relationship()
    deliveries: Mapped[list["Delivery"]] = relationship(
        init=False, default_factory=list, back_populates="forward", order_by="Delivery.id"
    )
    calls: Mapped[list["Call"]] = relationship(
        init=False, default_factory=list, back_populates="forward", order_by="Call.id"
    )


class CaseMail(Base, kw_only=True):
    """A further mail of a case: a follow-up, a second copy, a customer's reply, a report about a delivery, documents.

    It belongs to a request and one of its forwards, or to a breach and one of its customers.
    """

    __tablename__ = "case_mail"

    message_id: Mapped[int] = _of("message.id", cascade=True, primary_key=True)
    what: Mapped[Correspondence]
    at: Mapped[datetime]
    request_id: Mapped[int | None] = _of("request.id", default=None, index=True)
    forward_id: Mapped[int | None] = _of("forward.id", default=None)
    breach_id: Mapped[int | None] = _of("breach.id", default=None, index=True)
    affected_id: Mapped[int | None] = _of("affected.id", default=None, index=True)
    delivery_id: Mapped[int | None] = _of("delivery.id", default=None)
    said: Mapped[Said | None] = mapped_column(default=None)


class Task(Base, kw_only=True):
    """Something a colleague must do about a case, who has taken it, and by when where the law or a letter says so."""

    __tablename__ = "task"
    __table_args__ = (Index(None, "case"),)

    id: Mapped[int] = _key()
    case: Mapped[str]
    what: Mapped[TaskKind]
    opened_at: Mapped[datetime]
    message_id: Mapped[int | None] = _of("message.id", default=None)
    owner: Mapped[str | None] = mapped_column(default=None)
    taken_at: Mapped[datetime | None] = mapped_column(default=None)
    due_at: Mapped[datetime | None] = mapped_column(default=None)
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    done_by: Mapped[str | None] = mapped_column(default=None)


class Instruction(Base, kw_only=True):
    """A customer's documented instruction (agreement clauses 2 and 9): the mail that holds it, or what was recorded."""

    __tablename__ = "instruction"

    id: Mapped[int] = _key()
    customer_id: Mapped[int] = _of("customer.id", index=True)
    case: Mapped[str | None]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    message_id: Mapped[int | None] = _of("message.id", default=None)
    address: Mapped[str | None] = mapped_column(default=None)
    note: Mapped[str | None] = mapped_column(default=None)


class Breach(Base, kw_only=True):
    """A personal data breach, or the suspicion of one (clause 6). The earliest claimed awareness counts.

    `about` is what it came from: a letter that tells of a breach ("DSR-2026-0042"), or a request that went to a wrong
    customer ("DSR-2026-0042/C0001").
    A suspicion may end as *no breach*, with the reason of whoever closed it. The instants are those that count; every
    claim is a row of `Claim`. `ladder` are the hours before the deadline at which it rings, as set when it was opened;
    `lead` is who has claimed it. A drill differs by its reference, and by a `pace` at which its hours pass.
    """

    __tablename__ = "breach"

    id: Mapped[int] = _key()
    reference: Mapped[str] = mapped_column(unique=True)
    summary: Mapped[str]
    opened_at: Mapped[datetime]
    opened_by: Mapped[str]
    deadline_at: Mapped[datetime] = mapped_column(index=True)
    detected_at: Mapped[datetime | None] = mapped_column(default=None)
    suspected_at: Mapped[datetime | None] = mapped_column(default=None)
    told_at: Mapped[datetime | None] = mapped_column(default=None)
    aware_at: Mapped[datetime | None] = mapped_column(default=None)
    aware_by: Mapped[str | None] = mapped_column(default=None)
    lead: Mapped[str | None] = mapped_column(default=None)
    pace: Mapped[int] = mapped_column(default=1)
    opened_through: Mapped[str | None] = mapped_column(default=None, unique=True)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[str | None] = mapped_column(default=None)
    about: Mapped[str | None] = mapped_column(default=None, index=True)
    no_breach_reason: Mapped[str | None] = mapped_column(default=None)
    lead_at: Mapped[datetime | None] = mapped_column(default=None)
    late_reason: Mapped[str | None] = mapped_column(default=None)
    ladder: Mapped[tuple[str, ...]] = mapped_column(default=LADDER_HOURS, server_default=" ".join(LADDER_HOURS))

    affected: Mapped[list["Affected"]] = relationship(
        init=False, default_factory=list, back_populates="breach", order_by="Affected.id"
    )


class Affected(Base, kw_only=True):
    """One customer of one breach: its own row, its own proof.

    `excluded_…`: why it is not affected after all. `waived_…`: why the documents that are owed after a call need not be
    sent.
    """

    __tablename__ = "affected"
    __table_args__ = (UniqueConstraint("breach_id", "customer_id"),)

    id: Mapped[int] = _key()
    breach_id: Mapped[int] = _of("breach.id", init=False)
    customer_id: Mapped[int] = _of("customer.id", init=False, index=True)
    added_at: Mapped[datetime]
    excluded_reason: Mapped[str | None] = mapped_column(default=None)
    excluded_at: Mapped[datetime | None] = mapped_column(default=None)
    excluded_by: Mapped[str | None] = mapped_column(default=None)
    waived_reason: Mapped[str | None] = mapped_column(default=None)
    waived_at: Mapped[datetime | None] = mapped_column(default=None)
    waived_by: Mapped[str | None] = mapped_column(default=None)

    breach: Mapped[Breach] = relationship(back_populates="affected")
    customer: Mapped[Customer] = relationship()
    calls: Mapped[list["Call"]] = relationship(
        init=False, default_factory=list, back_populates="affected", order_by="Call.id"
    )
    deliveries: Mapped[list["Delivery"]] = relationship(
        init=False, default_factory=list, viewonly=True, order_by="Delivery.id"
    )
    mails: Mapped[list[CaseMail]] = relationship(
        init=False, default_factory=list, viewonly=True, order_by="CaseMail.message_id"
    )


class Claim(Base, kw_only=True):
    """Somebody names an instant of a breach; never changed, never deleted. `reason`: why a later one counts."""

    __tablename__ = "claim"

    id: Mapped[int] = _key()
    breach_id: Mapped[int] = _of("breach.id", index=True)
    what: Mapped[ClaimKind]
    instant: Mapped[datetime]
    by: Mapped[str]
    claimed_at: Mapped[datetime]
    reason: Mapped[str | None] = mapped_column(default=None)


class BreachFact(Base, kw_only=True):
    """Something known of a breach, or of one customer in it; the newest row of a name counts, none is ever changed.

    `value` is JSON of the shape that `FactName` says, null for "not known yet".
    """

    __tablename__ = "breach_fact"

    id: Mapped[int] = _key()
    breach_id: Mapped[int] = _of("breach.id", index=True)
    name: Mapped[FactName]
    value: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    affected_id: Mapped[int | None] = _of("affected.id", default=None)


class Notice(Base, kw_only=True):
    """One numbered version of what customers are told of a breach (GDPR 33(4): in phases).

    A draft until it is approved; a draft that is prepared anew keeps its row. `last_fact_id` is the newest fact that it
    tells of, so that what changed since the version before can be said. `alone_reason`: why the lead approved it alone.
    """

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("breach_id", "version"),)

    id: Mapped[int] = _key()
    breach_id: Mapped[int] = _of("breach.id")
    version: Mapped[int]
    prepared_at: Mapped[datetime]
    prepared_by: Mapped[str] = mapped_column(default="desk", server_default="desk")
    last_fact_id: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    final: Mapped[bool] = mapped_column(default=False, server_default=false())
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    approved_by: Mapped[str | None] = mapped_column(default=None)
    alone_reason: Mapped[str | None] = mapped_column(default=None)


class Call(Base, kw_only=True):
    """A customer was spoken to, or written to by other means than our mail; `reached` is False for a voicemail.

    It is about a breach that affects the customer, or about a forward that its mail server would not take. `role` is
    that of the person reached, `call_reference` that of the telephone system; `person` is a name and never goes to
    Slack. `proof`: what shows that other means reached the customer, such as the number of a registered letter.
    """

    __tablename__ = "call"

    id: Mapped[int] = _key()
    affected_id: Mapped[int | None] = _of("affected.id", init=False, index=True)
    forward_id: Mapped[int | None] = _of("forward.id", init=False, index=True)
    means: Mapped[Means]
    reached: Mapped[bool]
    by: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    answered: Mapped[Answered | None] = mapped_column(default=None)
    role: Mapped[str | None] = mapped_column(default=None)
    call_reference: Mapped[str | None] = mapped_column(default=None)
    person: Mapped[str | None] = mapped_column(default=None)
    proof: Mapped[str | None] = mapped_column(default=None)

    affected: Mapped[Affected | None] = relationship(back_populates="calls", default=None)
    forward: Mapped[Forward | None] = relationship(back_populates="calls", default=None)


class Document(Base, kw_only=True):
    """A document mailed to a breach: for one customer, or for all, once a person has said which (`marked_…`).

    It is kept, decoded, as a mail of its own; `part` is its place (counted from 0) in the mail that brought it, and
    `sha256` is None when that could not be read. `name` never goes to Slack.
    """

    __tablename__ = "document"

    id: Mapped[int] = _key()
    breach_id: Mapped[int] = _of("breach.id", index=True)
    message_id: Mapped[int] = _of("message.id")
    part: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    name: Mapped[str] = mapped_column(default="", server_default="")
    content_type: Mapped[str] = mapped_column(
        default="application/octet-stream", server_default="application/octet-stream"
    )
    size: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    sha256: Mapped[str | None] = mapped_column(default=None)
    received_at: Mapped[datetime | None] = mapped_column(default=None)
    sent_by: Mapped[str | None] = mapped_column(default=None)
    for_all: Mapped[bool] = mapped_column(default=False)
    customer_id: Mapped[int | None] = _of("customer.id", default=None)
    marked_at: Mapped[datetime | None] = mapped_column(default=None)
    marked_by: Mapped[str | None] = mapped_column(default=None)
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (UniqueConstraint("message_id", "part"),)


class Attachment(Base, kw_only=True):
    """A file that goes with an e-mail: written here (`content`), or a document of a breach."""

    __tablename__ = "attachment"

    delivery_id: Mapped[int] = _of("delivery.id", cascade=True, primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    content_type: Mapped[str]
    content: Mapped[bytes | None] = mapped_column(default=None)
    document_id: Mapped[int | None] = _of("document.id", default=None)


# --- telling the world ---


class Reminder(Base, kw_only=True):
    """A rung of a case's ladder that has fallen due."""

    __tablename__ = "reminder"
    __table_args__ = (UniqueConstraint("case", "rung"),)

    id: Mapped[int] = _key()
    case: Mapped[str]
    rung: Mapped[str]
    due_at: Mapped[datetime]
    rung_at: Mapped[datetime]


_FAILED = text("refused_at IS NOT NULL OR bounced_at IS NOT NULL")


class Delivery(Base, kw_only=True):
    """Something to tell somebody, queued in the transaction that decided it.

    `due_at` is the next try in real time, and NULL when nothing is left to do. An e-mail has its words (subject, text,
    html) when it is queued, or is composed from its forward at the first attempt; `content` are the bytes sent, without
    the spliced original. A Slack text is rendered from the record when it is sent.

    `sending_at` stands while the outcome of a try is not known: with no living process at it, the try is *uncertain*
    (RFC 1047) until a receipt copy comes (`receipt_at`) or RECEIPT_GRACE is over. `destination` is the domain of an
    e-mail's recipient.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index(None, "medium", "due_at"),
        Index(None, "case"),
        Index("ix_delivery_failed", "forward_id", sqlite_where=_FAILED, postgresql_where=_FAILED),
    )

    id: Mapped[int] = _key()
    key: Mapped[str] = mapped_column(unique=True)
    medium: Mapped[Medium]
    purpose: Mapped[Purpose]
    topic: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    case: Mapped[str]
    queued_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    forward_id: Mapped[int | None] = _of("forward.id", default=None, index=True)
    affected_id: Mapped[int | None] = _of("affected.id", default=None, index=True)
    notice_id: Mapped[int | None] = _of("notice.id", default=None)
    reminder_id: Mapped[int | None] = _of("reminder.id", default=None, index=True)
    original_id: Mapped[int | None] = _of("message.id", default=None)
    attempt_of_id: Mapped[int | None] = _of("delivery.id", default=None)
    customer_id: Mapped[int | None] = _of("customer.id", default=None)
    subject: Mapped[str | None] = mapped_column(default=None)
    text: Mapped[str | None] = mapped_column(default=None)
    html: Mapped[str | None] = mapped_column(default=None)
    content: Mapped[bytes | None] = mapped_column(default=None, deferred=True)
    message_id: Mapped[str | None] = mapped_column(default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    attempts: Mapped[int] = mapped_column(default=0)
    leased_by: Mapped[str | None] = mapped_column(default=None)
    leased_until: Mapped[datetime | None] = mapped_column(default=None)
    sending_at: Mapped[datetime | None] = mapped_column(default=None)
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    refused_at: Mapped[datetime | None] = mapped_column(default=None)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)
    reply: Mapped[str | None] = mapped_column(default=None)
    destination: Mapped[str | None] = mapped_column(default=None)
    receipt_at: Mapped[datetime | None] = mapped_column(default=None)
    delayed_at: Mapped[datetime | None] = mapped_column(default=None)
    bounced_at: Mapped[datetime | None] = mapped_column(default=None)
    bounce_status: Mapped[str | None] = mapped_column(default=None)

    forward: Mapped[Forward | None] = relationship(init=False, back_populates="deliveries")
    reminder: Mapped[Reminder | None] = relationship(init=False, viewonly=True)


class Card(Base, kw_only=True):
    """Where a case is shown in Slack: one message, updated in place, its events in its thread."""

    __tablename__ = "card"
    __table_args__ = (UniqueConstraint("case", "channel"),)

    id: Mapped[int] = _key()
    case: Mapped[str]
    channel: Mapped[str]
    ts: Mapped[str]
    shown_version: Mapped[int] = mapped_column(default=0)


class Gesture(Base, kw_only=True):
    """A button or a submission that was already acted upon: pressing it twice does nothing twice."""

    __tablename__ = "gesture"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[datetime]


# --- what keeps the record honest ---


class Entry(Base, kw_only=True):
    """One line of the journal, a hash chain. `detail` is canonical JSON of references and hashes, never contents."""

    __tablename__ = "entry"
    __table_args__ = (Index(None, "case"),)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    origin: Mapped[str]
    case: Mapped[str | None]
    action: Mapped[str]
    clause: Mapped[str | None]
    detail: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]


class Heartbeat(Base, kw_only=True):
    """When something was last alive, in real time, and which process holds it until when."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    beat_at: Mapped[datetime]
    holder: Mapped[str | None] = mapped_column(default=None)
    held_until: Mapped[datetime | None] = mapped_column(default=None)


class Counter(Base, kw_only=True):
    """The last number given out under a name: "DSR-2026", "journal"."""

    __tablename__ = "counter"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Secret(Base, kw_only=True):
    """A key that signs addresses, made at the first start; retired ones still read old addresses."""

    __tablename__ = "secret"

    id: Mapped[int] = _key()
    key: Mapped[bytes]
    made_at: Mapped[datetime]
    retired_at: Mapped[datetime | None] = mapped_column(default=None)


class Pause(Base, kw_only=True):
    """Sending by e-mail is paused until a person says that it may go on: after a restored backup, for example."""

    __tablename__ = "pause"

    id: Mapped[int] = _key()
    reason: Mapped[str]
    since_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(default=None)


class Mark(Base, kw_only=True):
    """A fact about this database itself: where it lives, and that it is a copy."""

    __tablename__ = "mark"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    at: Mapped[datetime]
