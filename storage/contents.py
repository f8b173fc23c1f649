"""The bytes of a mail as the record can still show them, with the SHA-256 that it noted when it took or sent them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.attached import find_attached, is_kept, join, pieces_of
from storage.messages import parts_kept, read_parts, whole_of
from storage.models import Delivery, Message
from storage.splicing import Form, boundary_of, form_of, is_spliced, splice


class State(StrEnum):
    """How much of a mail there is to show. IN_PART: our own words, for the letter inside was erased.

    WITHHELD: it is not for whom it is read.
    """

    WHOLE = "whole"
    IN_PART = "in-part"
    ERASED = "erased"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Content:
    """A mail as bytes. `recorded`: the SHA-256 (hex) of all of it, None where nobody noted one; `size` is about right.

    `read` gives the bytes from the start each time, in parts; it needs the session that they were gathered with.
    """

    state: State
    size: int
    recorded: str | None
    read: Callable[[], Iterator[bytes]]

    def withheld(self) -> "Content":
        """The same, of which the reader gets nothing but the SHA-256; what was erased stays so."""
        if self.state is State.ERASED:
            return self
        return replace(self, state=State.WITHHELD, size=0, read=lambda: iter(()))


def kept_content(session: Session, message: Message) -> Content:
    """A mail that came, byte for byte."""
    state = State.WHOLE if parts_kept(session, message) else State.ERASED
    return Content(state, message.size, message.sha256, lambda: read_parts(session, message.id))


def sent_content(session: Session, delivery: Delivery) -> Content | None:
    """An e-mail of ours as it went over the wire, before dot-stuffing; None when it was never tried.

    The form in which its original travelled depends on what the relay offered that day: the recorded SHA-256 tells.
    """
    content = session.scalar(select(Delivery.content).where(Delivery.id == delivery.id))
    if content is None or delivery.message_id is None:
        went = delivery.sha256 or delivery.accepted_at
        return Content(State.ERASED, 0, delivery.sha256, lambda: iter(())) if went else None
    boundary = boundary_of(delivery.message_id)
    if delivery.original_id is None and is_spliced(content, boundary):
        return _with_files(session, delivery, content, boundary)
    original = session.get(Message, delivery.original_id) if is_spliced(content, boundary) else None
    if original is None:
        return Content(State.WHOLE, len(content), delivery.sha256, lambda: iter([content]))
    if not parts_kept(session, original):
        return Content(State.IN_PART, len(content), delivery.sha256, lambda: iter([content]))

    def joined(form: Form) -> Iterator[bytes]:
        return splice(content, read_parts(session, original.id), form, boundary=boundary)

    form = _form_sent(session, original, joined, delivery.sha256)
    size = len(content) + original.size * (4 if form is Form.BASE64 else 3) // 3
    return Content(State.WHOLE, size, delivery.sha256, lambda: joined(form))


def _with_files(session: Session, delivery: Delivery, content: bytes, boundary: str) -> Content:
    """A mail with files, joined as it was sent; our own words where one of them was erased."""
    files = find_attached(session, [delivery.id]).get(delivery.id, ())
    if not all(is_kept(session, file) for file in files):
        return Content(State.IN_PART, len(content), delivery.sha256, lambda: iter([content]))

    def joined() -> Iterator[bytes]:
        return join(content, files, lambda file: pieces_of(session, file), boundary=boundary)

    size = len(content) + sum(file.size_sent for file in files)
    return Content(State.WHOLE, size, delivery.sha256, joined)


def is_attached(session: Session, delivery: Delivery) -> bool:
    """Whether an e-mail of ours was composed with its original attached."""
    content = session.scalar(select(Delivery.content).where(Delivery.id == delivery.id))
    return bool(content and delivery.message_id) and is_spliced(content or b"", boundary_of(delivery.message_id or ""))


def _form_sent(
    session: Session, original: Message, joined: Callable[[Form], Iterator[bytes]], recorded: str | None
) -> Form:
    """A relay without 8BITMIME got as base64 what is 8bit; everything else can travel in one way only."""
    form = form_of(read_parts(session, original.id))
    if form is Form.EIGHT_BIT and recorded and digest_of(joined(form)) != recorded:
        return Form.BASE64 if digest_of(joined(Form.BASE64)) == recorded else form
    return form


def digest_of(chunks: Iterator[bytes]) -> str:
    """The SHA-256 (hex) of bytes that come in parts."""
    return whole_of(chunks).sha256
