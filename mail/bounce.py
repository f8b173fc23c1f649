"""Whether a mail is a report on a delivery, and what it says (RFC 3464, and the many free forms): pure and bounded.

It never decides whose delivery is meant. It names candidates, and who calls it verifies each: first the addresses that
the report came back to, then the envelope identifier, then the message identifiers, all signed by us. So a report that
somebody forged says nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mail.bounce_words import (
    Outcome,
    Reason,
    Signs,
    by_code,
    find_reason,
    find_status,
    guess_outcome,
    is_report_in_words,
    words_before_original,
)
from mail.headers import Fields, first, read_addresses, read_parameter, read_words, split_head
from mail.letter import HEAD
from mail.markup import HTML_LIMIT, read_html
from mail.parts import Part, content_type_of, read_parts
from mail.text import decode

MAX_IDS = 200
MAX_RECIPIENTS = 100

_WANTED = frozenset(
    b"subject from return-path to cc delivered-to x-original-to precedence in-reply-to references x-failed-recipients "
    b"content-type content-transfer-encoding content-disposition".split()
)
_STATUS_FIELDS = frozenset(
    b"original-envelope-id final-recipient original-recipient action status diagnostic-code".split()
)
_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED_PARTS = {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"}
_DAEMON = re.compile(
    rb"mailer[-_. ]?daemon|post ?master|mdaemon|mail[-_. ]?deliver|delivery[-_. ]?(?:sub)?system|system administrator|"
    rb"mail[-_. ]?(?:sub)?system|microsoft exchange|(?:^|[<\s])ndr@|^\s*(?:[^<]*<\s*>)?\s*$",
    re.IGNORECASE,
)
_GROUP_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_SECOND_RECIPIENT = re.compile(rb"\n(?=Final-Recipient[ \t]*:)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.+=%-])[\w.+=%'*/!#&-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_ID = re.compile(
    r"<([^<>\s@]{1,200}@[^<>\s@]{1,200})>|message[- ]?id\w{0,8}\W{1,10}([\w.+=$%-]{1,200}@[\w.-]{1,200})",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recipient:
    """One recipient of the delivery reported on. `original`: as we addressed it, when the report says so."""

    address: str
    original: str | None
    outcome: Outcome
    status: str | None
    reason: Reason


@dataclass(frozen=True)
class Report:
    """A report on a delivery, in codes and candidates; its free text stays in the mail.

    `outcome` is FAILED if it is so for any recipient. `returned_to`: the plus-addresses of ours, if they are, that it
    was sent to. `message_ids`: all that look like one, with their angle brackets, in the order in which they stand.
    """

    outcome: Outcome
    status: str | None
    reason: Reason
    recipients: tuple[Recipient, ...]
    envelope_id: str | None
    returned_to: tuple[str, ...]
    message_ids: tuple[str, ...]


@dataclass(frozen=True)
class _Opened:
    fields: Fields
    leaves: tuple[Part, ...]
    words: str
    shows_original: bool

    @property
    def subject(self) -> str:
        return read_words(first(self.fields, "subject"), 300)


def read_report(raw: bytes) -> Report | None:
    """What a mail reports on a delivery; None when it is no such report, as automatic replies and receipts are not.

    Never raises; reads the first HEAD octets.
    """
    fields, body = split_head(raw[:HEAD], _WANTED)
    opened = _open(fields, raw[body:HEAD], truncated=len(raw) > HEAD)
    groups = list(_status_groups(opened.leaves))
    recipients = tuple(_recipients(groups))
    if not recipients and not _is_report(opened):
        return None
    recipients = recipients or tuple(_recipients_in_words(opened))
    outcome = _worst(recipients) or guess_outcome(opened.subject, opened.words)
    told = next((one for one in recipients if one.outcome == outcome), None)
    status = told.status if told else find_status(opened.words)
    return Report(
        outcome=outcome,
        status=status,
        reason=told.reason if told else find_reason(status, opened.words),
        recipients=recipients,
        envelope_id=next(filter(None, (_line(group, "original-envelope-id") for group in groups)), None),
        returned_to=tuple(address for address in _sent_to(fields) if "+" in address.partition("@")[0]),
        message_ids=tuple(_message_ids(opened)),
    )


def _open(fields: Fields, body: bytes, *, truncated: bool) -> _Opened:
    leaves = read_parts(fields, body, truncated=truncated).leaves
    returned = next((at for at, part in enumerate(leaves) if part.content_type in _RETURNED_PARTS), None)
    texts = [part for part in leaves[:returned] if part.is_words]
    plain = [part for part in texts if part.content_type == "text/plain"]
    words, shown = words_before_original("\n".join(map(_text_of, plain or texts)))
    return _Opened(fields, leaves, words, shown or returned is not None)


def _text_of(part: Part) -> str:
    text = decode(part.content(), part.charset)
    return read_html(text[:HTML_LIMIT]).text if part.content_type == "text/html" else text


def _is_report(opened: _Opened) -> bool:
    """Whether it is a report without saying so in fields. A receipt of reading, or a complaint about spam, is none."""
    kind = first(opened.fields, "content-type")
    is_multipart_report = content_type_of(opened.fields) == "multipart/report"
    if is_multipart_report and (read_parameter(kind, "report-type") or "").lower() not in {"", "delivery-status"}:
        return False
    if first(opened.fields, "precedence").strip().lower() == b"auto_reply":
        return False
    sender = first(opened.fields, "from")
    return is_report_in_words(
        Signs(
            daemon=bool(_DAEMON.search(sender)),
            null_sender=first(opened.fields, "return-path").strip() == b"<>",
            names_failed="x-failed-recipients" in opened.fields,
            original=opened.shows_original,
            subject=opened.subject,
            words=opened.words,
        )
    )


# --- fields ---


def _status_groups(leaves: tuple[Part, ...]) -> Iterator[Fields]:
    """The groups of fields of the delivery-status parts; some servers write them into the text instead."""
    parts = [part for part in leaves if part.content_type in _STATUS_PARTS] or [
        part for part in leaves if part.is_words
    ]
    for part in parts:
        content = part.content()
        if part.content_type in _STATUS_PARTS or b"final-recipient" in content.lower():
            for group in _GROUP_END.split(content, MAX_RECIPIENTS * 2):
                for one in _SECOND_RECIPIENT.split(b"\n" + group)[: MAX_RECIPIENTS * 2]:
                    yield split_head(one.strip(b"\r\n"), _STATUS_FIELDS)[0]


def _recipients(groups: list[Fields]) -> Iterator[Recipient]:
    for group in groups[: MAX_RECIPIENTS * 2]:
        address = _address(group, "final-recipient") or _address(group, "original-recipient")
        if address and ("action" in group or "status" in group):
            action = (_line(group, "action") or "").lower().partition(" ")[0].strip("().;")
            diagnostic = _line(group, "diagnostic-code") or ""
            status = _status(_line(group, "status") or "", diagnostic)
            outcome = by_code(action, status)
            yield Recipient(
                address, _address(group, "original-recipient"), outcome, status, find_reason(status, diagnostic)
            )


def _status(stated: str, diagnostic: str) -> str | None:
    """The stated code, or the one in the diagnosis when that is of the same class and says more."""
    code, closer = find_status(stated), find_status(diagnostic)
    says_more = closer is not None and (code is None or (code.endswith(".0.0") and closer[0] == code[0]))
    return closer if says_more else code


def _line(fields: Fields, name: str) -> str | None:
    return read_words(first(fields, name), 1000) or None


def _address(fields: Fields, name: str) -> str | None:
    value = (_line(fields, name) or "").rpartition(";")[2].strip().strip("<>").strip()
    return value[:254].lower() or None


def _worst(recipients: tuple[Recipient, ...]) -> Outcome | None:
    found = {one.outcome for one in recipients}
    return next((one for one in (Outcome.FAILED, Outcome.DELAYED, Outcome.DELIVERED) if one in found), None)


# --- words ---


def _recipients_in_words(opened: _Opened) -> Iterator[Recipient]:
    status = find_status(opened.words)
    outcome, reason = guess_outcome(opened.subject, opened.words), find_reason(status, opened.words)
    for address in list(_addresses(opened))[:MAX_RECIPIENTS]:
        yield Recipient(address, None, outcome, status, reason)


def _addresses(opened: _Opened) -> Iterator[str]:
    """Those that the report names as failed, or else all in its words but those between whom it travelled."""
    named = [one for value in opened.fields.get("x-failed-recipients", []) for one in read_addresses(value)]
    own = {*_sent_to(opened.fields), *read_addresses(first(opened.fields, "from"))}
    found = _ADDRESS.findall(opened.words[: HEAD // 16])
    yield from dict.fromkeys(named or (address.lower() for address in found if address.lower() not in own))


# --- candidates ---


def _sent_to(fields: Fields) -> list[str]:
    names = ("delivered-to", "x-original-to", "to")
    return list(dict.fromkeys(address for name in names for address in read_addresses(first(fields, name))))


def _message_ids(opened: _Opened) -> list[str]:
    found: dict[str, None] = {}
    for text in _texts(opened):
        for match in _ID.finditer(text.replace("&lt;", "<").replace("&gt;", ">")):
            found.setdefault(f"<{match[1] or match[2]}>")
            if len(found) >= MAX_IDS:
                return list(found)
    return list(found)


def _texts(opened: _Opened) -> Iterator[str]:
    for part in opened.leaves:
        yield part.content().decode("utf-8", "replace")
    for name in ("in-reply-to", "references"):
        yield first(opened.fields, name).decode("utf-8", "replace")
