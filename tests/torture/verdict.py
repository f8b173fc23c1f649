"""What became of the letters: read from the customers' mailboxes, and from the record."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from storage import journal
from storage.models import Delivery, Forward, Message, Request, Sighting
from tests.received import NoForward, original_of, promised_sha256
from tests.torture.letters import Posted, tokens_of


@dataclass
class Verdict:
    """Each is a list of letters (by token) or of sentences; all of them must be empty."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    record: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.record)


def judge_mailboxes(posted: Iterable[Posted], mailboxes: Mapping[str, Sequence[bytes]]) -> Verdict:
    """Every letter must be, whole, in its customer's mailbox once, and in no other."""
    verdict, at_home = Verdict(), Counter[str]()
    home = {one.token: one.client.address for one in posted}
    for address, mails in mailboxes.items():
        for mail in mails:
            if fault := _fault_of(mail):
                verdict.wrong.append(f"{address}: {fault}")
            for token in tokens_of(_original_or_all(mail)):
                at_home[token] += home.get(token) == address
                if home.get(token) != address:
                    verdict.wrong.append(f"letter {token} is in the mailbox of {address}")
    verdict.lost = [token for token in home if at_home[token] == 0]
    verdict.doubled = [token for token in home if at_home[token] > 1]
    return verdict


def _original_or_all(mail: bytes) -> bytes:
    try:
        return original_of(mail)
    except NoForward:
        return mail


def _fault_of(mail: bytes) -> str | None:
    try:
        original = original_of(mail)
    except NoForward:
        return "a mail that is no forward"
    if promised_sha256(mail) != sha256(original).hexdigest():
        return "an original that was altered on its way"
    return None if len(tokens_of(original)) == 1 else "a forward that holds not exactly one letter"


def judge_record(session: Session, expected: int) -> list[str]:
    """What the record says against itself, or against the number of letters that were posted."""
    kept = select(func.count()).select_from(Message).where(Message.kept_at.is_not(None))
    counts = {
        "messages kept": session.scalar(kept),
        "requests": session.scalar(select(func.count()).select_from(Request)),
        "forwards": session.scalar(select(func.count()).select_from(Forward)),
        "forwards accepted": session.scalar(
            select(func.count()).where(Delivery.forward_id.is_not(None), Delivery.accepted_at.is_not(None))
        ),
    }
    faults = [f"{count} {what} of {expected} letters" for what, count in counts.items() if count != expected]
    return faults + [f"{count} {what}" for what, count in _must_be_none(session).items() if count] + _broken(session)


def _must_be_none(session: Session) -> dict[str, int]:
    """Counts of rows that should not be there once everything is settled."""
    whole = exists().where(Message.id == Sighting.message_id, Message.kept_at.is_not(None))
    seen = exists().where(Sighting.message_id == Message.id)
    found = {
        "sightings of nothing that was kept": select(func.count())
        .select_from(Sighting)
        .where(~whole, Sighting.delivery_id.is_(None)),
        "messages that were seen nowhere": select(func.count()).select_from(Message).where(~seen),
        "deliveries still waiting": select(func.count())
        .select_from(Delivery)
        .where(Delivery.forward_id.is_not(None), Delivery.due_at.is_not(None)),
        "letters held": select(func.count()).select_from(Request).where(Request.hold.is_not(None)),
    }
    return {what: session.scalar(query) or 0 for what, query in found.items()}


def _broken(session: Session) -> list[str]:
    return [f"the journal is broken: {sentence}" for sentence in journal.verify(session)]
