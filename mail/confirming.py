"""A customer's answer to our question whether its order address is still read (storage/addresses.py).

It brings back our own signature, which only who got the question has. A mere "received" or "yes" confirms; an automatic
answer counts as nothing; and whatever says anything else a person reads. It rings, as a customer's own letter does,
where it asks for something or may tell of a data breach.
"""

import re
from datetime import datetime

from sqlalchemy.orm import Session

from mail.letter import Letter
from mail.phrases import as_words, load_phrases
from mail.reading import MailRead
from mail.replies import READ, SHORT, read_reply
from mail.sections import split_sections
from mail.text import words_above_quotation
from storage import addresses, arrivals, correspondence, tasks
from storage.arrivals import Arrival, Reading
from storage.models import Delivery, Message
from storage.types import Actor, Channel, Correspondence, Hold, Kind, Said, TaskKind

_ADDRESS = re.compile(r"[^\s<>(),;:\"'@]{1,64}@[^\s<>(),;:\"'@]{1,250}\.\w+")
_SENTENCES = re.compile(r"(?<=[.!?;])(?=\s)|(?<=\n)")

UNSURE = frozenset({Said.OTHER, Said.NOT_OURS})
"""Answers that ask nothing of us: somebody reads them, and nothing rings."""


def settle_answer(session: Session, mail: MailRead, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """Record what was answered to a question about an address; nothing is lost, and nothing is sent on by itself."""
    said = Said.OTHER
    if not (mail.says.is_in_doubt or mail.says.channel is Channel.COLLEAGUE):
        said = read_answer(mail.letter, asked=delivery.recipient)
    if said not in (Said.RECEIVED, Said.OUT_OF_OFFICE):
        _hold(session, mail, said, by=by, now=now)
        return
    message = session.get_one(Message, mail.message_id)
    if said is Said.RECEIVED:
        addresses.confirm(session, delivery, message=message, by=by, now=now)
    what = Correspondence.REPLY if said is Said.RECEIVED else Correspondence.AUTOMATIC
    correspondence.attach(session, message, what, delivery_id=delivery.id, said=said, now=now)


def read_answer(letter: Letter, *, asked: str) -> Said:
    """What an answer means: RECEIVED confirms the address that was `asked`, also where it only says "yes" (pure)."""
    said, text = read_reply(letter), words_above_quotation(letter.text[:READ])
    words, phrases = _above_our_words(as_words(text)), load_phrases("replies.toml")
    if said is Said.RECEIVED or (said is Said.OTHER and phrases["confirmed"].search(words) and len(text) <= SHORT):
        text = _without_disclaimer(text)
        named = {one.lower() for one in _ADDRESS.findall(split_sections(text, letter.sender_name).written)}
        others = named - {asked.lower(), (letter.sender or "").lower()}
        moved = phrases["readdressed"].search(_above_our_words(as_words(text)))
        return Said.OTHER if others or moved else Said.RECEIVED
    return said


def _above_our_words(words: str) -> str:
    quoted = load_phrases("replies.toml")["our_forward"].search(words)
    return words[: quoted.start()] if quoted else words


def _without_disclaimer(text: str) -> str:
    """Without the sentences that lawyers add: neither "not" nor an address in them is about our question."""
    disclaimer = load_phrases("replies.toml")["disclaimer"]
    return "".join(one for one in _SENTENCES.split(text) if not disclaimer.search(as_words(one)))


def _hold(session: Session, mail: MailRead, said: Said, *, by: Actor, now: datetime) -> None:
    """A case of its own, which goes to nobody. What only cannot be told for sure is something to read."""
    read = mail.says.rights
    is_breach = "possible_breach" in read.flags
    asks = is_breach or bool(read.rights) or said not in UNSURE
    reading = Reading(Kind.CONTROLLER if asks else Kind.NOT_REQUEST, read.rights, mail.letter.language, read.flags)
    hold = Hold.POSSIBLE_BREACH if is_breach else Hold.CONTROLLER
    arrival = Arrival(mail.message_id, mail.received_at, mail.sha256, reading, hold=hold)
    [opened] = arrivals.receive_all(session, [arrival], by=by, now=now)
    if not asks:
        message = session.get_one(Message, mail.message_id)
        tasks.open_task(session, opened.reference, TaskKind.READ, message=message, by=by, now=now)
