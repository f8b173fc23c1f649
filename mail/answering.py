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
from mail.phrases import as_words, load_phrases, says_only
from mail.reading import Effective, MailRead, read_mail
from mail.reconsidering import decide_anew
from mail.sections import split_sections
from mail.settings import MailSettings
from mail.text import words_above_quotation
from storage import announcements, asking, correspondence, facts, journal, messages, requests
from storage.arrivals import Arrival
from storage.models import Message, Request
from storage.proposals import CandidateFound
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
        if asking.asked_at(session, request) and requests.is_held(request):
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
    return replace(letter, letter=both, outer=outer, clues=_clues_together(letter.clues, answer))


def is_forgotten(letter: Letter) -> bool:
    """Whether an answer says that its writer does not remember."""
    return bool(load_phrases("answers.toml")["forgotten"].search(_said(letter)))


def is_plain(answer: Effective) -> bool:
    """Whether an answer leaves nothing to a person: no doubt, no denial, no second number, nothing that it asks."""
    said = _said(answer.letter)
    if answer.rights.flags or is_forgotten(answer.letter) or load_phrases("answers.toml")["unsure"].search(said):
        return False
    numbers = {clue.values for clue in _found(answer) if clue.kind is KeyKind.TELEPHONE}
    return len(numbers) <= 1


def _said(letter: Letter) -> str:
    return as_words(words_above_quotation(letter.text[:READ]))


def _found(answer: Effective) -> list[Clue]:
    """What an answer brings."""
    return [*answer.clues.found, *_numbers_asked_for(answer.letter)]


def _clues_together(first: Clues, second: Effective) -> Clues:
    added = second.clues
    return first._replace(
        found=tuple(dict.fromkeys((*first.found, *_found(second)))),
        words=f"{first.words}\n{added.words}",
        wordless=False,
        own_domains=tuple(dict.fromkeys((*first.own_domains, *added.own_domains))),
        days=tuple(dict.fromkeys((*first.days, *added.days))),
        too_many=first.too_many or added.too_many,
        disguised=first.disguised or added.disguised,
        denies=first.denies or added.denies,
    )


def _numbers_asked_for(answer: Letter) -> list[Clue]:
    """The number in an answer that says nothing else; in its signature it would be its writer's."""
    written = split_sections(words_above_quotation(answer.text), answer.sender_name).written
    writer = as_words(f"{answer.sender_name} {(answer.sender or '').partition('@')[0]}")
    if not says_only(as_words(written), "answers.toml", "beside", also=writer):
        return []
    numbers = find_numbers(QUESTION + " ".join(written.split()), COUNTRIES.get(answer.language, ()))
    return [Clue(KeyKind.TELEPHONE, values, Source.WRITTEN) for values in numbers]


def _decide(session: Session, mail: MailRead, request: Request, *, settings: MailSettings, now: datetime) -> None:
    if request.hold in UNKNOWN_WHOSE and not request.forwards:
        both = replace(mail, says=read_together(_letter_of(session, request, settings), mail.says))
        [arrival] = arrivals_of(session, [both], settings=settings, now=now)
        if not (_may_decide(session, mail, request) and _brings(mail.says, arrival)):
            arrival = _for_person(arrival)
        if decide_anew(session, request, arrival, settings=settings, now=now):
            _announce(session, request, "request_answer_routed", now=now)
            return
    forgotten = not request.candidates and is_forgotten(mail.letter)
    _announce(session, request, "request_answered_unknown" if forgotten else "request_answered", now=now)


def _may_decide(session: Session, mail: MailRead, request: Request) -> bool:
    """Whether the person itself answers plainly, and nothing but whose it is was open.

    A second copy of a letter that another customer has is a person's business.
    """
    letter = session.get_one(Message, request.message_id)
    first = facts.find_first(session, [letter.author_sha256] if letter.author_sha256 else [])
    is_first = first.get(letter.author_sha256 or "", letter.id) == letter.id
    is_writer = bool(letter.sender) and (mail.letter.sender or "").lower() == letter.sender
    return is_writer and is_first and request.proposed_id is None and is_plain(mail.says)


def _for_person(arrival: Arrival) -> Arrival:
    """The customer that was found, if one was, is the likeliest, and a person decides."""
    if arrival.customer is None:
        return arrival
    found = (CandidateFound(arrival.customer, tuple(one.partition(":")[0] for one in arrival.evidence)),)
    return replace(arrival, customer=None, hold=Hold.SEVERAL_CUSTOMERS, candidates=found)


def _brings(answer: Effective, arrival: Arrival) -> bool:
    """Whether some of what decides stands in the answer itself."""
    brought = {value for clue in _found(answer) for value in clue.values}
    return any(one.partition(":")[2] in brought for one in arrival.evidence)


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
