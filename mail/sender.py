"""The outbox's e-mails, one by one, to our relay.

Each is three steps: a commit that says "sending" with the exact bytes, the wire, a commit that says what the relay
answered. A process that dies in between leaves a delivery that is tried again with the same Message-ID.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mail.composing import boundary_of, compose_delivery
from mail.forward import Form, allowed, form_of, splice
from mail.settings import MailSettings
from mail.smtp import LoginRefused, NotNow, Refused, Relay, Uncertain
from storage import messages, outbox, requests
from storage.clock import now, real_now
from storage.database import Database
from storage.holders import new_holder
from storage.logs import Condition
from storage.models import Delivery
from storage.types import Actor, Medium

log = structlog.get_logger()
SENDER = Actor("desk", "mail")
BATCH = 20
POISONED = timedelta(hours=1)
LOOK_EVERY = 0.25
"""Seconds between looks at the outbox; our own commits wake the sender at once."""


@dataclass(frozen=True)
class Outgoing:
    """A delivery whose bytes are fixed and whose "sending" is committed."""

    delivery_id: int
    recipient: str
    content: bytes
    boundary: str
    original_id: int | None


class Sender:
    """Sends what is due over one connection that stays open. It belongs to one thread."""

    def __init__(self, database: Database, settings: MailSettings) -> None:
        self._database = database
        self._settings = settings
        self._relay = Relay(settings)
        self._holder = new_holder()
        self._condition = Condition("sending")

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Send for ever, until `stop`."""
        self.start()
        while not stop.is_set():
            if not self._send_or_report():
                wake.wait(LOOK_EVERY)
                wake.clear()
        self._relay.quit()

    def start(self) -> None:
        """Free what a predecessor held when it died."""
        with self._database.begin() as session:
            outbox.release_dead(session, holder=self._holder)

    def close(self) -> None:
        self._relay.quit()

    def send_due(self) -> int:
        """Try everything that is due now, once; how many were tried."""
        with self._database.reading() as session:
            if not outbox.anything_due(session, [Medium.EMAIL], now=real_now()):
                return 0
        with self._database.begin() as session:
            leased = outbox.lease_due(session, Medium.EMAIL, holder=self._holder, count=BATCH, now=real_now())
            ids = [delivery.id for delivery in leased]
        for delivery_id in ids:
            self._send(delivery_id)
        return len(ids)

    def _send_or_report(self) -> int:
        try:
            return self.send_due()
        except SQLAlchemyError as error:
            self._condition.failed(f"database: {type(error).__name__}")
            return 0

    def _send(self, delivery_id: int) -> None:
        outgoing = self._prepare_or_postpone(delivery_id)
        if outgoing is None:
            return
        digest = sha256()
        try:
            reply = self._transmit(outgoing, digest.update)
        except Refused as error:
            self._record_refused(outgoing, error.reply)
        except (NotNow, LoginRefused, Uncertain) as error:
            self._defer(outgoing, error)
        else:
            self._record_accepted(outgoing, reply, digest.hexdigest())

    def _prepare_or_postpone(self, delivery_id: int) -> Outgoing | None:
        """The poison guard: a delivery that cannot be composed waits an hour, and the next one gets its turn."""
        try:
            return self._prepare(delivery_id)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001 - the poison guard
            log.warning("delivery-not-composed", delivery=delivery_id, fault=error)
            with self._database.begin() as session:
                outbox.defer(session.get_one(Delivery, delivery_id), reply="not composed", after=POISONED)
            return None

    def _prepare(self, delivery_id: int) -> Outgoing | None:
        """Fix the bytes of a delivery and commit that it is being sent."""
        with self._database.begin() as session:
            delivery = outbox.still_ours(session, delivery_id, holder=self._holder, now=real_now())
            if delivery is None:
                return None
            if delivery.content is None:
                compose_delivery(session, delivery, self._settings)
            outbox.record_sending(delivery, now=now())
            return Outgoing(
                delivery.id,
                delivery.recipient,
                delivery.content or b"",
                boundary_of(delivery),
                delivery.original_id,
            )

    def _transmit(self, outgoing: Outgoing, note: Callable[[bytes], None]) -> str:
        chunks: Iterable[bytes] = [outgoing.content]
        eight_bit = False
        if outgoing.original_id is not None:
            wanted = form_of(self._original(outgoing.original_id))
            form = allowed(wanted, eight_bit=self._relay.takes_eight_bit)
            eight_bit = form is Form.EIGHT_BIT
            chunks = splice(outgoing.content, self._original(outgoing.original_id), form, boundary=outgoing.boundary)
        return self._relay.transmit(
            sender=self._settings.mail_address,
            recipient=outgoing.recipient,
            content=_noted(chunks, note),
            eight_bit=eight_bit,
        )

    def _original(self, message_id: int) -> Iterator[bytes]:
        """The raw bytes of a kept mail, each part read in a transaction of its own: none stays open on the wire."""
        ordinal = 0
        while (part := self._part(message_id, ordinal)) is not None:
            yield part
            ordinal += 1

    def _part(self, message_id: int, ordinal: int) -> bytes | None:
        with self._database.reading() as session:
            return messages.read_part(session, message_id, ordinal)

    def _record_accepted(self, outgoing: Outgoing, reply: str, digest: str) -> None:
        with self._database.begin() as session:
            delivery = session.get_one(Delivery, outgoing.delivery_id)
            delivery.sha256 = digest
            outbox.record_accepted(delivery, reply=reply, now=now())
            requests.record_forwarded(session, delivery, by=SENDER, now=now())
        self._condition.well()

    def _record_refused(self, outgoing: Outgoing, reply: str) -> None:
        with self._database.begin() as session:
            delivery = session.get_one(Delivery, outgoing.delivery_id)
            outbox.record_refused(delivery, reply=reply, now=now())
            requests.record_forward_refused(session, delivery, by=SENDER, now=now())
        log.warning("delivery-refused", delivery=outgoing.delivery_id, reply=reply[:3])

    def _defer(self, outgoing: Outgoing, error: NotNow | LoginRefused | Uncertain) -> None:
        with self._database.begin() as session:
            outbox.defer(session.get_one(Delivery, outgoing.delivery_id), reply=_told(error))
        self._condition.failed(type(error).__name__ if not isinstance(error, NotNow) else error.reply[:3])


def _told(error: NotNow | LoginRefused | Uncertain) -> str:
    if isinstance(error, NotNow):
        return error.reply
    return "login refused" if isinstance(error, LoginRefused) else "no reply after the final dot"


def _noted(chunks: Iterable[bytes], note: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        note(chunk)
        yield chunk
