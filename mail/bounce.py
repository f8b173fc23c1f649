"""Whether a mail is a report on a delivery, and what it says (RFC 3464, and the many free forms): pure and bounded.

It never decides whose delivery is meant. It names candidates, and who calls it verifies each: first the addresses that
the report came back to, then the envelope identifier, then the message identifiers, all signed by us. So a report that
somebody forged says nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mail.bounce_words import (
    READ,
    Outcome,
    Reason,
    Signs,
    by_code,
    find_reason,
    find_status,
    guess_outcome,
    is_report_in_words,
    is_title_of_report,
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
    b"received subject from return-path to delivered-to x-original-to precedence in-reply-to references "
    b"x-failed-recipients content-type content-transfer-encoding content-disposition".split()
)
_STATUS_FIELDS = frozenset(
    b"original-envelope-id final-recipient original-recipient action status diagnostic-code".split()
)
_STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED_PARTS = {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"}
_RECEIPTS = {"message/disposition-notification"}
_THROWN_AWAY = re.compile(
    rb"^Disposition[ \t]*:[ \t]*automatic-action/[^\n]{0,80};[ \t]*deleted", re.IGNORECASE | re.MULTILINE
)
_DAEMON = re.compile(
    rb"mailer[-_. ]?daemon|post ?master|mdaemon|mail[-_. ]?deliver|delivery[-_. ]?(?:sub)?system|system administrator|"
    rb"mail[-_. ]?(?:sub)?system|microsoft exchange|(?:^|[<\s])ndr@|^\s*(?:[^<]*<\s*>)?\s*$",
    re.IGNORECASE,
)
_IN_FIELDS = re.compile(
    rb"\n(?:Content-Type[ \t]*:\s*message/(?:global-)?delivery-status|Final-Recipient[ \t]*:)", re.IGNORECASE
)
_GROUP_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_NEXT_RECIPIENT = re.compile(rb"^(?=Final-Recipient[ \t]*:)", re.IGNORECASE | re.MULTILINE)
_LABELLED_ID = re.compile(r"message[- ]?id\w{0,8}\W{1,10}\S{1,300}", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?<![\w.+=%-])(?:smtp[:=])?([\w][\w.+=%'*/!#&-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})", re.IGNORECASE
)
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

    `outcome` is FAILED if it is so for any recipient. `returned_to`: the plus-addresses that it was sent to.
    `message_ids`: all that look like one, with their angle brackets, in the order in which they stand.
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
    head = raw[:HEAD] if b"\n" in raw[:HEAD] else raw[:HEAD].replace(b"\r", b"\n")
    fields, body = split_head(head, _WANTED)
    if not _may_be_report(fields) and not _IN_FIELDS.search(head, body):
        return None
    opened = _open(fields, head[body:], truncated=len(raw) > HEAD)
    groups = list(_status_groups(opened.leaves)) or list(_status_groups(_leaves_within(opened)))
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


def _may_be_report(fields: Fields) -> bool:
    """What can be seen of a report without opening it: most mails end here."""
    subject = read_words(first(fields, "subject"), 300)
    return "x-failed-recipients" in fields or _is_daemon(fields) or is_title_of_report(subject)


def _is_daemon(fields: Fields) -> bool:
    return "from" in fields and bool(_DAEMON.search(first(fields, "from")))


def _open(fields: Fields, body: bytes, *, truncated: bool) -> _Opened:
    leaves = read_parts(fields, body, truncated=truncated).leaves
    returned = next((at for at, part in enumerate(leaves) if part.content_type in _RETURNED_PARTS), None)
    texts = [part for part in leaves[:returned] if part.is_words]
    plain = [part for part in texts if part.content_type == "text/plain"]
    words, shown = words_before_original("\n".join(map(_text_of, plain or texts)))
    return _Opened(fields, leaves, words, shown or returned is not None)


def _leaves_within(opened: _Opened) -> tuple[Part, ...]:
    """What a mail server's report has in the mail that it returns: some gateways wrap another server's report."""
    returned = (part for part in opened.leaves if part.content_type == "message/rfc822")
    inner = next(returned, None) if _is_daemon(opened.fields) else None
    if inner is None:
        return ()
    fields, body = split_head(inner.content(), _WANTED)
    return read_parts(fields, inner.content()[body:], truncated=not inner.complete).leaves


def _text_of(part: Part) -> str:
    text = decode(part.content(), part.charset)
    return read_html(text[:HTML_LIMIT]).text if part.content_type == "text/html" else text


def _is_report(opened: _Opened) -> bool:
    """Whether it is a report without saying so in fields. A receipt of reading, or a complaint about spam, is none."""
    if _reports_something_else(opened):
        return False
    if first(opened.fields, "precedence").strip().lower() == b"auto_reply":
        return False
    return is_report_in_words(
        Signs(
            daemon=_is_daemon(opened.fields),
            null_sender=first(opened.fields, "return-path").strip() == b"<>",
            names_failed="x-failed-recipients" in opened.fields,
            original=opened.shows_original,
            names_addresses=any(_addresses(opened)),
            subject=opened.subject,
            words=opened.words,
        )
    )


def _reports_something_else(opened: _Opened) -> bool:
    """A receipt or a complaint (RFC 8098, RFC 5965); but Dovecot says with a receipt that it threw a mail away."""
    kind = read_parameter(first(opened.fields, "content-type"), "report-type") or "delivery-status"
    thrown_away = any(_THROWN_AWAY.search(part.content()) for part in opened.leaves if part.content_type in _RECEIPTS)
    is_report = content_type_of(opened.fields) == "multipart/report"
    return is_report and kind.lower() != "delivery-status" and not thrown_away


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
                several = len(_NEXT_RECIPIENT.findall(group)) > 1
                for one in _NEXT_RECIPIENT.split(group)[: MAX_RECIPIENTS * 2] if several else [group]:
                    yield split_head(one.strip(b"\r\n"), _STATUS_FIELDS)[0]


def _recipients(groups: list[Fields]) -> Iterator[Recipient]:
    for group in groups[: MAX_RECIPIENTS * 2]:
        original = _address(group, "original-recipient")
        final = _address(group, "final-recipient")
        address = final if final and ("@" in final or not original) else original
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
    """Those that the report names as failed; else those in angle brackets in its words, else all in them.

    Never those between whom it travelled, nor a postmaster to write to.
    """
    named = [one for value in opened.fields.get("x-failed-recipients", []) for one in read_addresses(value)]
    own = {*_sent_to(opened.fields), *read_addresses(first(opened.fields, "from"))}
    words = _LABELLED_ID.sub("", opened.words[:READ]).lower()
    found = [one for one in _ADDRESS.findall(words) if one not in own]
    others = [one for one in found if not one.startswith(("postmaster@", "mailer-daemon@"))]
    marked = [one for one in others if f"<{one}>" in words]
    yield from dict.fromkeys(named or marked or others)


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
