"""A customer's answer to our question whether its order address is still read (storage/addresses.py).

It brings back our own signature, which only who got the question has. A mere "received" or "yes" confirms; an automatic
answer counts as nothing; and whatever says anything else is a customer's own letter, which a person reads.
"""

import re
from datetime import datetime

from sqlalchemy.orm import Session

from mail.letter import Letter
from mail.phrases import as_words, load_phrases
from mail.reading import MailRead
from mail.replies import READ, SHORT, read_reply
from mail.text import words_above_quotation
from storage import addresses, arrivals, correspondence
from storage.arrivals import Arrival, Reading
from storage.models import Delivery, Message
from storage.types import Actor, Channel, Correspondence, Hold, Kind, Said

_ADDRESS = re.compile(r"[^\s<>(),;:\"'@]{1,64}@[^\s<>(),;:\"'@]{1,250}\.\w+")


def settle_answer(session: Session, mail: MailRead, delivery: Delivery, *, by: Actor, now: datetime) -> None:
    """Record what was answered to a question about an address; nothing is lost, and nothing is sent on by itself."""
    said = Said.OTHER
    if not (mail.says.is_in_doubt or mail.says.channel is Channel.COLLEAGUE):
        said = read_answer(mail.letter, asked=delivery.recipient)
    if said not in (Said.RECEIVED, Said.OUT_OF_OFFICE):
        _hold(session, mail, by=by, now=now)
        return
    message = session.get_one(Message, mail.message_id)
    if said is Said.RECEIVED:
        addresses.confirm(session, delivery, message=message, by=by, now=now)
    what = Correspondence.REPLY if said is Said.RECEIVED else Correspondence.AUTOMATIC
    correspondence.attach(session, message, what, delivery_id=delivery.id, said=said, now=now)


def read_answer(letter: Letter, *, asked: str) -> Said:
    """What an answer means: RECEIVED confirms the address that was `asked`, also where it only says "yes" (pure)."""
    said, text = read_reply(letter), words_above_quotation(letter.text[:READ])
    words, phrases = as_words(text), load_phrases("replies.toml")
    if quoted := phrases["our_forward"].search(words):
        words = words[: quoted.start()]
    if said is Said.RECEIVED or (said is Said.OTHER and phrases["confirmed"].search(words) and len(text) <= SHORT):
        others = {one.lower() for one in _ADDRESS.findall(text)} - {asked.lower(), (letter.sender or "").lower()}
        return Said.OTHER if others or phrases["readdressed"].search(words) else Said.RECEIVED
    return said


def _hold(session: Session, mail: MailRead, *, by: Actor, now: datetime) -> None:
    """A case of its own, as a customer's letter: it rings, and goes to nobody."""
    read = mail.says.rights
    reading = Reading(Kind.CONTROLLER, read.rights, mail.letter.language, read.flags)
    hold = Hold.POSSIBLE_BREACH if "possible_breach" in read.flags else Hold.CONTROLLER
    arrival = Arrival(mail.message_id, mail.received_at, mail.sha256, reading, hold=hold)
    arrivals.receive_all(session, [arrival], by=by, now=now)
