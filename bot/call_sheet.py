"""The call sheet in words: an overview for whoever shares out the calls, then one page for each customer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.letters import write_mail
from bot.next_words import step_in_words
from bot.words import find_word, word
from storage.call_sheet import Attempt, CallSheet, Entry, record_call_sheet
from storage.models import Staff
from storage.next_step import NextStep
from storage.outbox import Words
from storage.staff_mails import queue_to
from storage.types import Actor, Purpose
from templates import LANGUAGES, in_words, render

TOPIC = "call_sheet"
IN_A_MAIL = 500
"""Customers whose pages one e-mail holds; the shell writes them all."""
_KINDS = {
    NextStep.TELEPHONE_LOST: "lost",
    NextStep.TELEPHONE_DELAYED: "delayed",
    NextStep.TELEPHONE_UNREAD: "unread",
}
"""What the notice's way makes of the second sentence."""


@dataclass(frozen=True)
class Script:
    """What to say, in one language: `code` is the language, `language` its name in the reader's."""

    code: str
    language: str
    opening: str
    sentences: tuple[str, str, str]
    read_back: str
    voicemail: str


@dataclass(frozen=True)
class Page:
    """One customer's page in the reader's words."""

    entry: Entry
    step: str
    language: str
    sent: tuple[str, ...]
    attempts: tuple[str, ...]
    scripts: tuple[Script, ...]


def write_mail_sheet(sheet: CallSheet, language: str, *, company: str) -> Words:
    """As much of it as one e-mail holds. It takes a moment: not while others wait to write."""
    return write_call_sheet(sheet, language, company=company, most=IN_A_MAIL)


def write_call_sheet(sheet: CallSheet, language: str, *, company: str, most: int | None = None) -> Words:
    """Subject, text and HTML; both print one page a customer, and each page may be handed out by itself."""
    shown = sheet.entries[:most]
    pages = _pages(sheet, shown, language, company)
    return write_mail(TOPIC, language, sheet=sheet, pages=pages, more=len(sheet.entries) - len(shown))


def write_call_table(sheet: CallSheet, language: str, *, company: str) -> str:
    """Whom, at which number and why, for a terminal: a line a customer, tabs between the cells."""
    return render("call_table", language, sheet=sheet, pages=_pages(sheet, sheet.entries, language, company))


def _pages(sheet: CallSheet, entries: Iterable[Entry], language: str, company: str) -> list[Page]:
    known: dict[tuple[str, str], Script] = {}
    return [_page(sheet, entry, language, company, known) for entry in entries]


def queue_call_sheet(
    session: Session,
    sheet: CallSheet,
    words: Words,
    colleague: Staff,
    *,
    gesture: str,
    by: Actor,
    now: datetime,
) -> bool:
    """To the colleague's own address from the staff table; journalled. False when this gesture did so before."""
    queued = queue_to(
        session,
        colleague,
        "call-sheet",
        sheet.breach,
        gesture=gesture,
        purpose=Purpose.CALL_SHEET,
        topic=TOPIC,
        words=words,
        now=now,
    )
    if queued:
        record_call_sheet(session, sheet, to=colleague.slack_user, by=by, now=now)
    return queued is not None


def _page(sheet: CallSheet, entry: Entry, language: str, company: str, known: dict[tuple[str, str], Script]) -> Page:
    kind, spoken = _KINDS.get(entry.step, "tell"), _spoken(entry.language)
    scripts = []
    for code in dict.fromkeys((spoken, language)):
        script = known.get((code, kind)) or _script(sheet, kind, code, language, company)
        known[code, kind] = script
        scripts.append(script)
    return Page(
        entry=entry,
        step=_to_do(entry, language),
        language=_named(entry.language, language),
        sent=tuple(render("call_notice", language, sent=one) for one in entry.notices),
        attempts=tuple(_attempt(one, language) for one in entry.attempts),
        scripts=tuple(scripts),
    )


def _to_do(entry: Entry, language: str) -> str:
    """The next step; on this sheet no customer is said to be waited for without when to call it all the same."""
    if not entry.waits:
        return step_in_words(entry.step, entry.step_at, language)
    at = in_words(entry.step_at, language) if entry.step_at else ""
    return word(language, f"on_sheet.{entry.step.value}", at=at)


def _script(sheet: CallSheet, kind: str, code: str, language: str, company: str) -> Script:
    """The lines of templates/call_script in their order."""
    values = {"breach": sheet.breach, "certain": sheet.certain, "drill": sheet.drill}
    said = render("call_script", code, company=company, kind=kind, **values)
    opening, first, second, third, read_back, voicemail = (line for line in said.splitlines() if line)
    return Script(code, _named(code, language), opening, (first, second, third), read_back, voicemail)


def _attempt(attempt: Attempt, language: str) -> str:
    return render(
        "call_attempt",
        language,
        attempt=attempt,
        means=word(language, f"means.{attempt.means}"),
        answered=word(language, f"answered.{attempt.answered}"),
        role=(find_word(language, f"contact.{attempt.role}") or attempt.role) if attempt.role else "",
    )


def _spoken(language: str) -> str:
    """French customers are spoken to in French, all others in English."""
    return language if language in LANGUAGES else "en"


def _named(code: str, language: str) -> str:
    return find_word(language, f"language.{code}") or word(language, "language.other")
