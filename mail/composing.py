"""From deliveries in the outbox to the bytes of their messages: composed once, at the first try, and kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, joinedload, undefer

from mail.acknowledging import reply_fields
from mail.drill import Wire, address_on_wire
from mail.forward import Envelope, compose
from mail.notice import notice_words
from mail.reading import Effective, read_mail
from mail.receipts import TO_CUSTOMERS, receipt_address
from mail.recent import LARGEST, RecentLetters
from mail.settings import MailSettings
from mail.threads import TO_PERSONS
from mail.words import confirmation_words, follow_up_words, forward_words, original_words
from storage import messages, requests, tokens
from storage.attached import Attached, find_attached, read_piece
from storage.attempts import find_original, withheld_size
from storage.database import Database
from storage.models import Customer, Delivery, Forward, Message, Request
from storage.outbox import Words
from storage.splicing import boundary_of, is_spliced
from storage.types import Channel, Purpose
from templates import DRILL_MARK

WITH_FILES = frozenset({Purpose.NOTICE, Purpose.PREVIEW, Purpose.CALL_SHEET, Purpose.EVIDENCE})
"""What files go with."""

BY_DELIVERY = frozenset({Purpose.CONFIRMATION, Purpose.NOTICE})
"""What belongs to no request, and is answered: the answer finds its delivery."""

ANSWERED = TO_CUSTOMERS | TO_PERSONS | {Purpose.DELETION}
"""What people outside answer: their answers belong to its case."""


class Missing(Exception):
    """A file that goes with a mail is not in the record any more: the mail waits, for it must not go without it."""


@dataclass(frozen=True)
class Outgoing:
    """A delivery whose bytes are fixed. `content` is all but the original, which is spliced in while it is sent.

    `sender` is the envelope's: signed, so that a bounce finds its delivery, and empty where none may come back
    (RFC 3834 section 3.3); `original` is set where it is small. `attached` are files, read while it is sent. `refusal`:
    why it must not go over the wire at all.
    """

    id: int
    message_id: str
    destination: str
    recipient: str
    sender: str
    receipt: str | None
    envelope_id: str
    content: bytes
    boundary: str
    original_id: int | None = None
    original: bytes | None = None
    original_size: int = 0
    attached: tuple[Attached, ...] = ()
    refusal: str | None = None

    @property
    def may_be_smaller(self) -> bool:
        """Whether something may be left out of it that a server finds too large."""
        return self.original_id is not None or any(file.is_document for file in self.attached)


def compose_all(session: Session, ids: Sequence[int], settings: MailSettings, recent: RecentLetters) -> list[Outgoing]:
    """Compose these deliveries, in this order. A repeat has the same bytes and the same Message-ID."""
    deliveries = list(session.scalars(_loaded(), {"ids": list(ids)}))
    originals = [one.original_id for one in deliveries if one.original_id]
    held = session.scalars(_originals(), {"ids": originals}).all()  # held, so that the session need not ask for them
    files = find_attached(session, [one.id for one in deliveries if one.purpose in WITH_FILES])
    outgoing = [_outgoing(session, one, settings, recent, files.get(one.id, ())) for one in deliveries]
    for original in held:
        recent.forget(original.id)
    return outgoing


@cache
def _loaded() -> Select[Delivery]:
    whole = joinedload(Delivery.forward)
    named = select(Delivery).where(Delivery.id.in_(bindparam("ids", expanding=True)))
    loaded = named.options(
        whole.joinedload(Forward.request), whole.joinedload(Forward.customer), undefer(Delivery.content)
    )
    return loaded.order_by(Delivery.due_at, Delivery.id)


@cache
def _originals() -> Select[Message]:
    return select(Message).where(Message.id.in_(bindparam("ids", expanding=True)))


def _outgoing(
    session: Session,
    delivery: Delivery,
    settings: MailSettings,
    recent: RecentLetters,
    attached: tuple[Attached, ...],
) -> Outgoing:
    """The one place where it is decided to whom a mail goes."""
    wire = address_on_wire(session, delivery, settings)
    message_id = delivery.message_id or f"<{tokens.sign(session, 'm', delivery.id)}@{settings.domain}>"
    original = session.get(Message, delivery.original_id) if delivery.original_id else None
    boundary = boundary_of(message_id)
    content = delivery.content or _compose(
        session, delivery, wire, message_id, original, settings, recent, bool(attached)
    )
    original = original if is_spliced(content, boundary) else None
    bounce = tokens.sign(session, "b", delivery.id)
    return Outgoing(
        delivery.id,
        message_id,
        (wire.meant_for is None and delivery.destination) or wire.recipient.rpartition("@")[2],
        wire.recipient,
        "" if delivery.purpose is Purpose.ACKNOWLEDGEMENT else tokens.plus_address(settings.mail_address, bounce),
        receipt_address(session, delivery.id, settings) if delivery.purpose in TO_CUSTOMERS else None,
        bounce,
        content,
        boundary,
        original.id if original else None,
        _small(session, original, recent),
        original.size if original else 0,
        attached,
        wire.refusal,
    )


def _compose(
    session: Session,
    delivery: Delivery,
    wire: Wire,
    message_id: str,
    original: Message | None,
    settings: MailSettings,
    recent: RecentLetters,
    with_files: bool,
) -> bytes:
    request = delivery.forward.request if delivery.forward else requests.find_request(session, delivery.case)
    about = find_original(session, delivery)
    composed = delivery.text is not None or delivery.purpose is Purpose.CONFIRMATION
    says = None if composed else _read_kept(session, about.id if about else 0, settings, recent)
    if says and says.channel is Channel.COLLEAGUE and delivery.purpose in TO_CUSTOMERS:
        original = None
    envelope = Envelope(
        company=settings.company_name,
        sender=settings.mail_address,
        recipient=wire.recipient,
        reply_to=_reply_to(session, delivery, request, settings),
        message_id=message_id,
        language=delivery.language,
        queued_at=delivery.queued_at,
        original_sha256=original.sha256 if original else None,
    )
    if delivery.purpose in TO_PERSONS and request:
        automatic = delivery.purpose is Purpose.ACKNOWLEDGEMENT
        fields = reply_fields(request.message.internet_id, message_id, automatic=automatic)
        envelope = replace(envelope, fields=tuple(fields))
    if delivery.purpose is Purpose.NOTICE:
        envelope = replace(envelope, fields=(("References", message_id),))  # a person decided to send it
    words = _words(session, delivery, says, about, settings)
    if wire.meant_for is not None:
        words, envelope = _of_drill(words), replace(envelope, meant_for=wire.meant_for)
    mixed = original is not None or with_files
    return compose(words, envelope, boundary=boundary_of(message_id), mixed=mixed)


def _of_drill(words: Words) -> Words:
    """An exercise says so before all else."""
    return words if words.subject.startswith(DRILL_MARK) else replace(words, subject=f"{DRILL_MARK} {words.subject}")


def _read_kept(session: Session, message_id: int, settings: MailSettings, recent: RecentLetters) -> Effective:
    """What a kept mail says, read from its head; never raises for what is in it."""
    if found := recent.find(message_id):
        return found.says
    head = messages.read_head(session, message_id)
    return read_mail(
        head,
        whole=len(head) < messages.PART,
        own_domains=settings.own_domains,
        own_address=settings.mail_address,
        to_decide=False,
    )


def _small(session: Session, original: Message | None, recent: RecentLetters) -> bytes | None:
    """All of the original, where that is little."""
    if original is None or original.size > LARGEST:
        return None
    found = recent.find(original.id)
    return found.raw if found else b"".join(messages.read_parts(session, original.id))


def original_parts(database: Database, message_id: int) -> Iterator[bytes]:
    """The raw bytes of a kept mail, each part read in a transaction of its own: none stays open on the wire."""
    ordinal = 0
    while True:
        with database.reading() as session:
            part = messages.read_part(session, message_id, ordinal)
        if part is None:
            return
        yield part
        ordinal += 1


def attached_parts(database: Database, file: Attached) -> Iterator[bytes]:
    """The bytes of a file that goes with a mail, in the same way. Raises Missing where they are not all here."""
    ordinal = seen = 0
    while seen < file.size:
        with database.reading() as session:
            piece = read_piece(session, file, ordinal)
        if not piece:
            raise Missing(f"file {file.ordinal} of delivery {file.delivery_id}")
        yield piece
        ordinal, seen = ordinal + 1, seen + len(piece)


def _words(
    session: Session, delivery: Delivery, says: Effective | None, about: Message | None, settings: MailSettings
) -> Words:
    """`says` is what the mail `about` which we write says. Of one that a colleague wrote only the letter is shown."""
    if delivery.purpose is Purpose.CONFIRMATION:
        return confirmation_words(delivery, session.get_one(Customer, delivery.customer_id), settings.company_name)
    if delivery.purpose is Purpose.NOTICE:
        return notice_words(session, delivery)
    if says is None:
        return Words(delivery.subject or "", delivery.text or "", delivery.html)
    received_at = about.received_at if about else delivery.queued_at
    if delivery.forward is None:
        return original_words(delivery.case, received_at, says.letter, language=delivery.language)
    company, withheld = settings.company_name, withheld_size(session, delivery)
    unattached = says.channel is Channel.COLLEAGUE
    if delivery.purpose == Purpose.FOLLOW_UP:
        return follow_up_words(
            delivery.forward,
            says.letter,
            received_at=received_at,
            company=company,
            withheld_size=withheld,
            unattached=unattached,
        )
    return forward_words(
        delivery.forward,
        says.letter,
        company=company,
        withheld_size=withheld,
        instructed=delivery.recipient != delivery.forward.address,
        unattached=unattached,
    )


def _reply_to(session: Session, delivery: Delivery, request: Request | None, settings: MailSettings) -> str:
    """A request's own signed address, where customers and persons answer; never for what goes to our own staff.

    What belongs to no request, and is to be answered, is known by its delivery.
    """
    if delivery.purpose in BY_DELIVERY:
        return tokens.plus_address(settings.mail_address, tokens.sign(session, "b", delivery.id))
    if request is None or delivery.purpose not in ANSWERED:
        return settings.mail_address
    return tokens.plus_address(settings.mail_address, tokens.sign(session, "c", request.id))
