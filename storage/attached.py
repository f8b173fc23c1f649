"""The files that go with an e-mail: written here, or documents of a breach; read a part at a time, never held whole.

They are joined to the words of the mail while it is sent, as the original of a forward is (storage/splicing.py): a
document that goes to three hundred customers stands in the record once.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import ColumnElement, func, insert, literal, select
from sqlalchemy.orm import Session

from storage.messages import parts_kept, read_part
from storage.models import Attachment, Delivery, Document, Message
from storage.splicing import BASE64_LINE, BASE64_OCTETS, base64_of

_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}(?:; ?charset=[\w-]{1,40})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069/\\:\"]+")
_PIECE = 60
"""Characters of an encoded file name in one line (RFC 2231 section 3)."""

LONGEST_NAME = 120


@dataclass(frozen=True)
class Attached:
    """A file of an e-mail; `message_id` is where a document is kept, None for what was written here."""

    delivery_id: int
    ordinal: int
    name: str
    content_type: str
    size: int
    message_id: int | None

    @property
    def is_document(self) -> bool:
        return self.message_id is not None

    @property
    def size_sent(self) -> int:
        """Octets on the wire, with its head."""
        return self.size * (BASE64_LINE + 2) // BASE64_OCTETS + len(_head_of(self)) + BASE64_LINE


def find_attached(session: Session, ids: Collection[int]) -> dict[int, tuple[Attached, ...]]:
    """The files of these deliveries, in order, by delivery; those without files are left out."""
    if not ids:
        return {}
    size = func.coalesce(func.length(Attachment.content), Message.size, 0)
    columns = (Attachment.delivery_id, Attachment.ordinal, Attachment.name, Attachment.content_type, size, Message.id)
    kept = select(*columns).outerjoin(Document, Document.id == Attachment.document_id)
    rows = kept.outerjoin(Message, Message.id == Document.message_id).where(Attachment.delivery_id.in_(ids))
    found: dict[int, tuple[Attached, ...]] = {}
    for row in session.execute(rows.order_by(Attachment.delivery_id, Attachment.ordinal)):
        found[row[0]] = (*found.get(row[0], ()), Attached(*row))
    return found


def read_piece(session: Session, file: Attached, ordinal: int) -> bytes | None:
    """A part of a file's bytes, None past its end."""
    if file.message_id is not None:
        return read_part(session, file.message_id, ordinal)
    if ordinal:
        return None
    own = (Attachment.delivery_id == file.delivery_id, Attachment.ordinal == file.ordinal)
    return session.scalar(select(Attachment.content).where(*own))


def pieces_of(session: Session, file: Attached) -> Iterator[bytes]:
    """The bytes of a file, in parts."""
    ordinal = 0
    while (piece := read_piece(session, file, ordinal)) is not None:
        yield piece
        ordinal += 1


def copy_attachments(session: Session, before: Delivery, to: Delivery, *which: ColumnElement[bool]) -> None:
    """Attach to a delivery those of the files that go with another one. In SQL: they may be large."""
    names = ("ordinal", "name", "content_type", "content", "document_id")
    same = select(literal(to.id), *(getattr(Attachment, name) for name in names))
    wanted = same.where(Attachment.delivery_id == before.id, *which)
    session.execute(insert(Attachment).from_select(["delivery_id", *names], wanted))


def is_kept(session: Session, file: Attached) -> bool:
    """Whether its bytes are still here: a document is erased with the mails."""
    if file.message_id is None:
        return True
    message = session.get(Message, file.message_id)
    return message is not None and (not message.size or parts_kept(session, message) > 0)


def join(
    content: bytes, files: Iterable[Attached], read: Callable[[Attached], Iterable[bytes]], *, boundary: str
) -> Iterator[bytes]:
    """The whole message with its files, in chunks: what goes over the wire before dot-stuffing."""
    yield content
    for file in files:
        yield f"\r\n--{boundary}\r\n".encode("ascii") + _head_of(file)
        yield from base64_of(read(file))
    yield f"\r\n--{boundary}--\r\n".encode("ascii")


def _head_of(file: Attached) -> bytes:
    """Type, encoding and name (RFC 2183, 2231); programs that do not know RFC 2231 read the plain name of the type."""
    name = _CONTROL.sub("_", file.name).strip(". ")[-LONGEST_NAME:] or f"document-{file.ordinal + 1}"
    plain = name.encode("ascii", "replace").decode("ascii").replace("?", "_")
    disposition = f'; filename="{plain}"' if name.isascii() else _encoded_name(name)
    head = (
        f'Content-Type: {_type_of(file)};\r\n name="{plain}"\r\nContent-Transfer-Encoding: base64\r\n'
        f"Content-Disposition: attachment{disposition.replace('; ', chr(59) + chr(13) + chr(10) + ' ')}\r\n\r\n"
    )
    return head.encode("ascii")


def _type_of(file: Attached) -> str:
    """A mail or a multipart may not travel in base64 (RFC 2046 section 5.2.1): it goes as a file."""
    kind = file.content_type.strip().lower()
    if not _TYPE.fullmatch(kind) or kind.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    own_text = kind.startswith("text/") and not file.is_document and "charset" not in kind
    return f"{kind}; charset=utf-8" if own_text else kind


def _encoded_name(name: str) -> str:
    """RFC 2231 sections 3 and 4: in UTF-8, in as many pieces as it needs."""
    letters, pieces = [quote(letter, safe="") for letter in name], [""]
    for letter in letters:
        if len(pieces[-1]) + len(letter) > _PIECE:
            pieces.append("")
        pieces[-1] += letter
    first, *rest = pieces
    if not rest:
        return f"; filename*=UTF-8''{first}"
    further = [f"; filename*{number}*={piece}" for number, piece in enumerate(rest, 1)]
    return "".join([f"; filename*0*=UTF-8''{first}", *further])
