"""The answer to our question which customer is meant: read together with the letter, and decided again.

What a number in it means was asked, so it need not be said again. Nothing is decided that the letter and its answer
would not decide together; a request that was held for a graver reason than not knowing whose it is stays held.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from mail.clues import Clue, Clues, Source
from mail.deciding import INTAKE, arrivals_of
from mail.letter import Letter
from mail.numbers import COUNTRIES, find_numbers
from mail.phrases import as_words, load_phrases
from mail.reading import Effective, MailRead, read_mail
from mail.reconsidering import decide_anew
from mail.sections import split_sections
from mail.settings import MailSettings
from mail.text import words_above_quotation
from storage import announcements, asking, correspondence, journal, messages, requests
from storage.models import Request
from storage.types import Channel, Hold, KeyKind

UNKNOWN_WHOSE = frozenset({Hold.NO_EVIDENCE, Hold.SEVERAL_CUSTOMERS})
"""Reasons to hold a letter that an answer can do away with."""

QUESTION = "Le numéro qui m’a appelé : "
"""What was asked, so that a number alone is an answer."""

READ = 4_000
"""Characters of an answer in which it is looked whether the person remembers."""


def decide_answers(session: Session, mails: Sequence[MailRead], *, settings: MailSettings, now: datetime) -> None:
    """Decide anew about the requests that these mails answer a question about, and say so, in this transaction."""
    read = {mail.message_id: mail for mail in mails}
    for message_id, request in correspondence.find_followed(session, list(read)):
        if asking.asked_at(session, request.reference) and requests.is_held(request):
            _decide(session, read[message_id], request, settings=settings, now=now)


def read_together(letter: Effective, answer: Effective) -> Effective:
    """The letter with what its answer adds (pure). A doubt about either is a doubt about both."""
    first, second = letter.letter, answer.letter
    both = replace(
        first,
        hidden=first.hidden or second.hidden,
        shortened=first.shortened or second.shortened,
        automatic=first.automatic or second.automatic,
        unreadable=first.unreadable or second.unreadable,
    )
    outer = both if letter.channel is Channel.MAIL else letter.outer
    return replace(letter, letter=both, outer=outer, clues=_clues_together(letter.clues, answer.clues, second))


def is_forgotten(letter: Letter) -> bool:
    """Whether an answer says that its writer does not remember."""
    said = as_words(words_above_quotation(letter.text[:READ]))
    return bool(load_phrases("answers.toml")["forgotten"].search(said))


def _clues_together(first: Clues, second: Clues, answer: Letter) -> Clues:
    return first._replace(
        found=tuple(dict.fromkeys((*first.found, *second.found, *_numbers_asked_for(answer)))),
        words=f"{first.words}\n{second.words}",
        wordless=False,
        own_domains=tuple(dict.fromkeys((*first.own_domains, *second.own_domains))),
        days=tuple(dict.fromkeys((*first.days, *second.days))),
        too_many=first.too_many or second.too_many,
        disguised=first.disguised or second.disguised,
        denies=first.denies or second.denies,
    )


def _numbers_asked_for(answer: Letter) -> list[Clue]:
    """The numbers in the answer's own words; in its signature they are its writer's."""
    written = split_sections(answer.text, answer.sender_name).written
    asked = QUESTION + " ".join(written.split())
    numbers = find_numbers(asked, COUNTRIES.get(answer.language, ()))
    return [Clue(KeyKind.TELEPHONE, values, Source.WRITTEN) for values in numbers]


def _decide(session: Session, mail: MailRead, request: Request, *, settings: MailSettings, now: datetime) -> None:
    if request.hold in UNKNOWN_WHOSE and not request.forwards:
        both = replace(mail, says=read_together(_letter_of(session, request, settings), mail.says))
        [arrival] = arrivals_of(session, [both], settings=settings, now=now)
        if decide_anew(session, request, arrival, settings=settings, now=now):
            _announce(session, request, "request_answer_routed", now=now)
            return
    forgotten = not request.candidates and is_forgotten(mail.letter)
    _announce(session, request, "request_answered_unknown" if forgotten else "request_answered", now=now)


def _letter_of(session: Session, request: Request, settings: MailSettings) -> Effective:
    head = messages.read_head(session, request.message_id)
    whole = len(head) < messages.PART
    return read_mail(head, whole=whole, own_domains=settings.own_domains, own_address=settings.mail_address)


def _announce(session: Session, request: Request, topic: str, *, now: datetime) -> None:
    entry = journal.record(
        session, "question-answered", by=INTAKE, now=now, case=request.reference, clause=requests.CLAUSE
    )
    announcements.show_card(session, entry)
    announcements.announce(session, entry, topic)
