"""What reports on deliveries say in codes and in words: half of all bounces have nothing but words."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mail.phrases import as_words, load_phrases


class Outcome(StrEnum):
    """What became of a delivery. DELAYED is not FAILED: the server goes on trying. DELIVERED includes handed on."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why, as far as codes tell and staff need to know."""

    NO_SUCH_ADDRESS = "no_such_address"
    NO_SUCH_DOMAIN = "no_such_domain"
    MAILBOX_FULL = "mailbox_full"
    TOO_LARGE = "too_large"
    REFUSED_CONTENT = "refused_content"
    TIMED_OUT = "timed_out"
    OTHER = "other"


@dataclass(frozen=True)
class Signs:
    """What speaks for a report in a mail that has no delivery-status part."""

    daemon: bool
    null_sender: bool
    names_failed: bool
    original: bool
    names_addresses: bool
    subject: str
    words: str


READ = 6_000
"""Characters of a report's own words that are read."""

_ORIGINAL = re.compile(
    r"^[ \t]*+(?:[-=*_]{2,}+[^\n]{0,60}(?:copy|original|returned|undelivered|unsent|headers?\b|below this|d.origine)"
    r"|>?(?:received|return-path)[ \t]*:|(?:the )?original message (?:[^\n]{0,40}follow|headers)"
    r"|en-t.tes? d[^\n]{0,20}origine)",
    re.IGNORECASE | re.MULTILINE,
)
_STATUS = re.compile(r"(?<![\d.])([245])\.([0-7])\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.,:/-])([45][0-5]\d)[ -]+(?=[^\d\s]|[45]\.\d)")
_BY_STATUS = {
    "1.0": Reason.NO_SUCH_ADDRESS,
    "1.1": Reason.NO_SUCH_ADDRESS,
    "1.2": Reason.NO_SUCH_DOMAIN,
    "1.3": Reason.NO_SUCH_ADDRESS,
    "1.6": Reason.NO_SUCH_ADDRESS,
    "1.10": Reason.NO_SUCH_DOMAIN,
    "2.1": Reason.NO_SUCH_ADDRESS,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_LARGE,
    "3.4": Reason.TOO_LARGE,
    "4.1": Reason.TIMED_OUT,
    "4.2": Reason.TIMED_OUT,
    "4.4": Reason.NO_SUCH_DOMAIN,
    "4.7": Reason.TIMED_OUT,
    "4.310": Reason.NO_SUCH_DOMAIN,
    "4.316": Reason.TIMED_OUT,
}
_BY_SUBJECT = {"6": Reason.REFUSED_CONTENT, "7": Reason.REFUSED_CONTENT}
_BY_REPLY = {
    "421": Reason.TIMED_OUT,
    "422": Reason.MAILBOX_FULL,
    "452": Reason.MAILBOX_FULL,
    "550": Reason.NO_SUCH_ADDRESS,
    "551": Reason.NO_SUCH_ADDRESS,
    "552": Reason.TOO_LARGE,
    "553": Reason.NO_SUCH_ADDRESS,
}
_IN_WORDS = (
    Reason.MAILBOX_FULL,
    Reason.TOO_LARGE,
    Reason.NO_SUCH_DOMAIN,
    Reason.NO_SUCH_ADDRESS,
    Reason.REFUSED_CONTENT,
    Reason.TIMED_OUT,
)


def words_before_original(text: str) -> tuple[str, bool]:
    """A report's own words, and whether the letter that it reports on follows in the same text."""
    found = _ORIGINAL.search(text)
    return text[: found.start()] if found else text, found is not None


def is_title_of_report(subject: str) -> bool:
    """Whether a subject is that of a report."""
    return bool(load_phrases("bounces.toml")["subject"].search(as_words(subject)))


def is_report_in_words(signs: Signs) -> bool:
    """Whether a mail without a delivery-status part reports on a delivery.

    A mail server's own address and two signs are enough. Anyone else must say so in subject and text, and show a code,
    an address that is not the writer's, or the letter: a person may write about a mail that came back, and then it is
    that person's letter.
    """
    phrases, subject = load_phrases("bounces.toml"), as_words(signs.subject)
    if signs.names_failed:
        return True
    if phrases["reply_of_a_machine"].match(subject) or phrases["sent_on_by_a_person"].match(subject):
        return False
    titled = is_title_of_report(signs.subject)
    said, shown = _says(as_words(signs.words[:READ])), [signs.original, _codes(signs.words), signs.names_addresses]
    if signs.daemon:
        return sum([titled, said, *shown]) >= 2
    return titled and said and (signs.null_sender or any(shown))


def _codes(words: str) -> bool:
    return bool(find_status(words[:READ]) or _REPLY.search(words[:READ]))


def _says(words: str) -> bool:
    phrases = load_phrases("bounces.toml")
    return any(phrases[name].search(words) for name in ("failed", "delayed", "final", "delivered"))


def guess_outcome(subject: str, words: str) -> Outcome:
    """What became of it, in words: who still tries has not failed."""
    phrases, said = load_phrases("bounces.toml"), as_words(f"{subject}. {words[:READ]}")
    late, over = phrases["delayed"].search(said), phrases["final"].search(said)
    if late and not over:
        return Outcome.DELAYED
    if over or phrases["failed"].search(said):
        return Outcome.FAILED
    reply = find_status(words[:READ]) or _first(_REPLY, words[:READ])
    return Outcome.DELIVERED if phrases["delivered"].search(said) else by_code("", reply)


def by_code(action: str, status: str | None) -> Outcome:
    """What a server's action and enhanced status code say; a delay is one whatever its class (RFC 3464 2.3.3)."""
    by_action = {
        "failed": Outcome.FAILED,
        "delayed": Outcome.DELAYED,
        "delivered": Outcome.DELIVERED,
        "relayed": Outcome.DELIVERED,
        "expanded": Outcome.DELIVERED,
    }
    by_class = {"5": Outcome.FAILED, "4": Outcome.DELAYED, "2": Outcome.DELIVERED}
    return by_action.get(action) or by_class.get((status or "")[:1], Outcome.UNKNOWN)


def find_status(text: str) -> str | None:
    """The first enhanced status code that says more than its class, else the first one (RFC 3463)."""
    found = [match[0] for match in _STATUS.finditer(text)]
    return next((code for code in found if not code.endswith(".0.0")), found[0] if found else None)


def find_reason(status: str | None, words: str) -> Reason:
    """By the enhanced status code, then by the words, then by the plain reply code: 550 means many things."""
    detail = (status or "").partition(".")[2]
    if detail in _BY_STATUS:
        return _BY_STATUS[detail]
    said, phrases = as_words(words[:READ]), load_phrases("bounces.toml")
    in_words = next((reason for reason in _IN_WORDS if phrases[reason].search(said)), None)
    reply = _first(_REPLY, words[:READ]) or ""
    return in_words or _BY_SUBJECT.get(detail[:1]) or _BY_REPLY.get(reply, Reason.OTHER)


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None
