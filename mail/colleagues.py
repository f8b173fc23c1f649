"""A colleague forwards a letter that arrived in his mailbox: that letter is the request, its writer the data subject.

Whatever is not surely one letter of one outsider is for a person: nothing is unwrapped.
"""

from collections.abc import Collection
from dataclasses import replace

from mail.forwarded import Forwarded, find_forwarded
from mail.headers import split_head
from mail.language import guess_language
from mail.letter import HEAD, Letter, read_letter
from mail.parts import WANTED, Part, read_parts
from mail.text import own_words

_LETTERS = {"message/rfc822", "message/global"}


def unwrap(
    raw: bytes, letter: Letter, *, own_domains: Collection[str], intake: Collection[str] = frozenset()
) -> Letter | None:
    """The letter that a colleague's mail forwards, or None when it forwards none, several, or one that is in doubt.

    `letter` is what `raw` says; `intake` are our own intake addresses, whose mail is no colleague's. The result's
    recipients are those of the inner letter alone; whom the colleague sent it to, `letter.recipients`, is his choice
    and says nothing about the person's. Never raises; reads the first HEAD octets.
    """
    domains = {domain.lower().lstrip("@") for domain in own_domains}
    if not _is_of(letter.sender, domains) or letter.automatic or _without_tag(letter.sender or "") in _lower(intake):
        return None
    inside = _attached(raw)
    written = find_forwarded(letter.subject, letter.text)
    if len(inside) + bool(written) != 1:
        return None
    inner = _from_text(letter, written) if written else _read_attached(inside[0])
    return inner if inner and inner.sender and not _is_of(inner.sender, domains) else None


def find_enclosed(raw: bytes) -> bytes | None:
    """The bytes of the one letter that a mail has as an attachment, exactly as it was attached, if it is whole."""
    inside = _attached(raw, len(raw))
    return inside[0].content() if len(inside) == 1 and inside[0].complete else None


def _attached(raw: bytes, most: int = HEAD) -> list[Part]:
    """The letters that the first octets of a mail have as attachments."""
    head = raw[:most]
    if head.startswith((b"From ", b">From ")):
        head = head.partition(b"\n")[2]
    fields, body = split_head(head, WANTED)
    leaves = read_parts(fields, head[body:], truncated=len(raw) > most).leaves
    return [part for part in leaves if part.content_type in _LETTERS or part.name.lower().endswith(".eml")]


def _read_attached(part: Part) -> Letter | None:
    letter = read_letter(part.content(), truncated=not part.complete)
    return None if letter.unreadable == "headers" else letter


def _from_text(letter: Letter, written: Forwarded) -> Letter:
    """What was written into the colleague's text; its attachments travelled with it."""
    return replace(
        letter,
        subject=written.subject,
        sender=written.sender.address,
        sender_name=written.sender.name,
        reply_to=None,
        date=written.date,
        message_id=None,
        in_reply_to=None,
        references=(),
        recipients=written.recipients,
        text=written.text,
        language=guess_language(f"{written.subject}\n{own_words(written.text[:2000])[:1000]}"),
    )


def _is_of(address: str | None, domains: Collection[str]) -> bool:
    return bool(address) and (address or "").rpartition("@")[2].lower() in domains


def _without_tag(address: str) -> str:
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _lower(addresses: Collection[str]) -> set[str]:
    return {_without_tag(address) for address in addresses}
