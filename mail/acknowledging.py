"""The acknowledgement to a person: whether one goes out, what it says, and its header fields (RFC 3834).

It says that the letter came, who we are, and what happens next. It never names a customer: it is given none.
"""

import re
import textwrap
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from mail.letter import Letter
from mail.settings import MailSettings
from storage import acknowledgements
from storage.acknowledgements import Silence
from storage.models import Request
from storage.outbox import Words
from storage.requests import is_ours
from storage.tables import ADDRESS
from storage.types import Actor, Channel, Hold, Kind
from templates import LANGUAGES, MORE_LANGUAGES, render

WIDTH = 72
KINDS = frozenset({Kind.REQUEST, Kind.FOLLOW_UP})
NOT_WHILE = frozenset({Hold.JUNK, Hold.AUTOMATIC_MAIL, Hold.OWN_MAIL, Hold.TOO_MANY, Hold.COLLEAGUE})
"""Held for a reason that also forbids an automatic answer."""

ASKED_WHEN = frozenset({Hold.NO_EVIDENCE, Hold.SEVERAL_CUSTOMERS, Hold.UNREADABLE})
"""Held for a reason that the person can help with: which number called, when, which name."""

_REFERENCE = re.compile(
    r"(?i:\b(?:n/?r[ée]f|v/?r[ée]f|r[ée]f[ée]rences?|referencia|referenz|riferimento|referentie|r[ée]f|rif|dossier|"
    r"aktenzeichen|geschäftszeichen|vorgang|az|expediente|exp|pratica|kenmerk|zaaknummer|case)\b|\bn[°º])"
    r"[.\s]{0,2}(?:(?i:n[°ºr]\.?|no\.|num[ée]ro|nummer|number)\s?)?[:#\s]{0,3}"
    r"(?P<reference>[A-Z0-9-]{3,20})(?![\w/@.-]*\w)"
)
_OURS = re.compile(r"(?:DSR|BR|DRILL)-")
_TELEPHONE = re.compile(r"[\d-]{9,}")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,120}@[!-;=?A-~]{1,120}>")


def acknowledge_received(
    session: Session,
    request: Request,
    letter: Letter,
    *,
    junk: bool,
    settings: MailSettings,
    by: Actor,
    now: datetime,
) -> Silence | None:
    """Prepare the acknowledgement in the transaction that decided about the letter; else say why not, and record it.

    That of a held request is due at once, that of a forwarded one once its 250 is recorded (storage/outcomes.py).
    """
    why = may_acknowledge(
        letter,
        kind=request.kind,
        channel=request.channel,
        hold=request.hold,
        junk=junk,
        own_address=settings.mail_address,
        own_domains={settings.domain.lower()},
    )
    recipient = letter.sender or ""
    if why := why or acknowledgements.find_silence(session, request, recipient, now=now):
        acknowledgements.record_silence(session, request, why, by=by, now=now)
        return why
    language = language_for(letter.language)
    words = acknowledgement_words(request, letter.subject, language, company=settings.company_name)
    acknowledgements.queue_acknowledgement(
        session, request, recipient=recipient, language=language, words=words, now=now
    )
    return None


def may_acknowledge(
    letter: Letter,
    *,
    kind: Kind,
    channel: Channel,
    hold: Hold | None,
    junk: bool,
    own_address: str,
    own_domains: Collection[str],
) -> Silence | None:
    """Whether an automatic answer may go to this letter's From; None when it may, else why not (pure).

    RFC 3834 section 4 wants it sent to the envelope's sender, because From is only what somebody wrote. So From must be
    exactly one mailbox, and the same as Return-Path where our server noted one: then it is both. A Reply-To at another
    domain would make us write on behalf of somebody to somebody else.
    """
    reasons = {
        Silence.CHANNEL: channel is not Channel.MAIL,
        Silence.JUNK: junk,
        Silence.KIND: kind not in KINDS,
        Silence.AUTOMATIC: letter.automatic is not None,
        Silence.HOLD: hold in NOT_WHILE,
        Silence.SENDER: not _can_be_written_to(letter.sender),
        Silence.RETURN_PATH: not _is_from_its_envelope(letter),
        Silence.REPLY_TO: letter.reply_unclear or _domain(letter.reply_to or letter.sender) != _domain(letter.sender),
        Silence.OWN: is_ours(letter.sender or "", own_address) or _domain(letter.sender) in own_domains,
    }
    return next((why for why, holds in reasons.items() if holds), None)


def acknowledgement_words(request: Request, subject: str, language: str, *, company: str) -> Words:
    """The words for a request just decided: held, or without a hold, and accepted by the time they are sent."""
    values = {
        "company": company,
        "reference": request.reference,
        "their_reference": find_reference(subject),
        "received_at": request.received_at,
        "forwarded": request.hold is None,
        "ask": request.hold in ASKED_WHEN,
        "to_us": request.hold is not None and "own" in request.flags,
        "breach": request.hold is Hold.POSSIBLE_BREACH,
    }
    head = render("acknowledgement_subject", language, reference=request.reference)
    return Words(head, _wrapped(render("acknowledgement", language, **values)))


def language_for(language: str) -> str:
    """The language a person is answered in: their letter's where we have it, else English."""
    return language if language in LANGUAGES + MORE_LANGUAGES else "en"


def find_reference(subject: str) -> str | None:
    """A reference of theirs that the subject plainly gives, such as AB-123: nothing that could be a message of its own.

    None for ours, for what may be a telephone number, and below three characters ("dossier 2").
    """
    found = _REFERENCE.search(subject)
    reference = found["reference"] if found else ""
    if not any(letter.isdigit() for letter in reference) or reference[0] == "-" or reference[-1] == "-":
        return None
    return None if _OURS.match(reference) or _TELEPHONE.fullmatch(reference) else reference


def reply_fields(their_id: str | None, own_id: str, *, automatic: bool = True) -> list[tuple[str, str]]:
    """The header fields of an answer to a person, in place of our usual References and Auto-Submitted.

    Their Message-ID is left out unless it is a plain one (RFC 5322 section 3.6.4); it may have been erased.
    """
    known = their_id if their_id and _MESSAGE_ID.fullmatch(their_id) else None
    fields = [("In-Reply-To", known)] if known else []
    references = f"{known} {own_id}" if known else own_id
    submitted = [("Auto-Submitted", "auto-replied")] if automatic else []
    return [*fields, ("References", references), *submitted]


def _can_be_written_to(address: str | None) -> bool:
    return address is not None and len(address) <= 254 and ADDRESS.fullmatch(address) is not None


def _is_from_its_envelope(letter: Letter) -> bool:
    return letter.return_path is None or letter.return_path.lower() == (letter.sender or "").lower()


def _domain(address: str | None) -> str:
    return (address or "").rpartition("@")[2].lower()


def _wrapped(text: str) -> str:
    """Paragraphs, each written in one line, in lines of at most WIDTH characters; references stay whole."""
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="  " if line.startswith("- ") else "", break_on_hyphens=False)
        for line in text.splitlines()
    )
