"""A letter forwarded inline, as mail programs write it into a text: Gmail, Outlook, Apple Mail, Thunderbird."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mail.headers import Mailbox, read_addresses, read_mailboxes, read_words
from mail.lexicon import plain
from mail.written_dates import read_written_date

HEADING_LINES = 40
"""Lines in which a heading ends: a list of recipients may be long."""

_SAYS_FORWARDED = re.compile(
    r"^[ \t]*(?:-{3,}[ \t]*(?:Forwarded message|Message (?:transféré|réexpédié|transmis)|Courriel transféré)"
    r"[ \t]*:?[ \t]*-{3,}|"
    r"Begin forwarded message[ \t\xa0]?:|Début du (?:message|courriel|mail) (?:réexpédié|transféré)[ \t\xa0]?:)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_BEGINS_HEADING = re.compile(r"^[ \t*]*(?:De|From|Expéditeur)\*?[ \t\xa0]?:", re.MULTILINE)
_FORWARD_TITLE = re.compile(r"\s*(?:fwd?|tr|wg|i|rv)\s?:\s*", re.IGNORECASE)
_REPLY_TITLE = re.compile(r"\s*(?:re|rép|rep|aw|antw|sv|ref)\s?:", re.IGNORECASE)
_LINE = re.compile(r"[ \t*]*([A-Za-zÀ-ÿ][A-Za-zÀ-ÿ '-]{0,20}?)\*?[ \t\xa0\u202f]*:[ \t*]*(.*)")
_LABELS = {
    **dict.fromkeys(("de", "from", "expediteur"), "from"),
    **dict.fromkeys(("date", "envoye", "envoye le", "sent", "sent on"), "date"),
    **dict.fromkeys(("a", "to", "pour", "destinataire"), "to"),
    **dict.fromkeys(("cc", "copie", "copie a", "cci"), "cc"),
    **dict.fromkeys(("objet", "sujet", "subject"), "subject"),
    **dict.fromkeys(("repondre a", "reply-to", "reply to"), "reply-to"),
    **dict.fromkeys(("importance", "priorite", "priority", "organisation", "organization"), "other"),
}
_QUOTED = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)
_LINK = re.compile(r"[<\[(]\s?mailto:([^<>\[\]()\s]{3,254})\s?[>\])]")
_WHOLE = frozenset({"from", "date", "to", "subject"})


@dataclass(frozen=True)
class Forwarded:
    """The letter in a forward; the words of the colleague who forwarded it are left out."""

    sender: Mailbox
    date: datetime | None
    subject: str
    recipients: tuple[str, ...]
    text: str


def find_forwarded(subject: str, text: str) -> Forwarded | None:
    """The one letter forwarded in a text; None when there is none, or none that is surely one."""
    if _REPLY_TITLE.match(subject):
        return None
    marks = list(_SAYS_FORWARDED.finditer(text))
    if len(marks) > 1:
        return None
    if marks:
        return _read(subject, _unquoted(text[marks[0].end() :]))
    begins = _BEGINS_HEADING.search(text)
    return _read(subject, text[begins.start() :]) if begins and _FORWARD_TITLE.match(subject) else None


def _read(subject: str, text: str) -> Forwarded | None:
    heading, body = _split_heading(text.lstrip("\r\n \t"))
    senders = read_mailboxes(_addresses(heading.get("from", "")))
    if not senders or len(senders) != 1 or not heading.keys() & {"date", "subject"}:
        return None
    title = heading.get("subject", _FORWARD_TITLE.sub("", subject, count=1))
    to = ", ".join(heading[name] for name in ("to", "cc") if name in heading)
    return Forwarded(
        sender=Mailbox(read_words(senders[0].name.encode("utf-8", "replace"), 200).strip(' "*\0'), senders[0].address),
        date=read_written_date(heading.get("date", "")),
        subject=read_words(title.encode("utf-8", "replace"), 500),
        recipients=tuple(dict.fromkeys(read_addresses(_addresses(to)))),
        text=body.strip(),
    )


def _split_heading(text: str) -> tuple[dict[str, str], str]:
    """The fields of a heading, and what follows. A field named twice is the letter's own: it may begin like one."""
    heading, lines = dict[str, str](), text.split("\n")
    end, name, waiting = 0, "", list[str]()
    for at, line in enumerate(lines[:HEADING_LINES]):
        label, value = _field(line)
        if label and label not in heading:
            heading |= {label: value} | ({name: " ".join([heading[name], *waiting])} if name else {})
            end, name, waiting = at + 1, label, []
        elif name in {"to", "cc"} and heading[name].endswith((",", ";")) and line.strip():
            heading[name], end = f"{heading[name]} {line.strip()}", at + 1
        elif label or heading.keys() >= _WHOLE or len(waiting) >= 3:
            break
        else:
            waiting.append(line.strip())
    return heading, "\n".join(lines[end:])


def _field(line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line[:2000])
    label = _LABELS.get(plain(found[1]).strip(), "") if found else ""
    return (label, found[2].strip(" \t*")) if found and label else ("", "")


def _unquoted(text: str) -> str:
    """Apple Mail quotes what it forwards: without the marks, up to where they end."""
    lines = text.lstrip("\n \t").split("\n")
    if not lines[0].lstrip().startswith(">"):
        return text
    return "\n".join(_QUOTED.sub("", line) for line in _quoted_lines(lines))


def _quoted_lines(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.strip() and not line.lstrip().startswith(">"):
            return
        yield line


def _addresses(value: str) -> bytes:
    """An address as mail programs show it, as a header has it: `Jo [mailto:jo@b.example]` is `Jo <jo@b.example>`."""
    nested = re.sub(r"(<[^<>\s]{3,254})<mailto:[^<>\s]{3,254}>>", r"\1>", value[:4000])
    doubled = re.sub(r"([\w.+-]{1,64}@[\w.-]{1,190})\s?<mailto:\1>", r"\1", nested)
    return _LINK.sub(r"<\1>", doubled).replace("*", "").encode("utf-8", "replace")
