"""Refusals about breaches (clause 6): illegal moves of one, of its customers, notices, documents and calls."""

from dataclasses import dataclass
from datetime import datetime

from storage.errors import Refused


@dataclass(eq=False)
class BreachClosed(Refused):
    """The breach is closed."""

    reference: str


@dataclass(eq=False)
class AlreadyAware(Refused):
    """Awareness is set; a later instant needs the DPO."""

    reference: str
    aware_at: datetime


@dataclass(eq=False)
class NotAffected(Refused):
    """The customer is not among those affected by the breach."""

    reference: str
    customer: str


@dataclass(eq=False)
class CustomersNotTold(Refused):
    """The breach cannot be closed: these customers have not been told."""

    reference: str
    customers: tuple[str, ...]


@dataclass(eq=False)
class NobodyAffected(Refused):
    """The breach cannot be closed while no customer is named and nobody is aware."""

    reference: str


@dataclass(eq=False)
class BreachAlreadyOpen(Refused):
    """A breach that came from this request is open."""

    reference: str
    breach: str


@dataclass(eq=False)
class NoticeNotPrepared(Refused):
    """There is no notice to approve, or none has gone out."""

    reference: str


@dataclass(eq=False)
class NoticeChanged(Refused):
    """What is known, or who is told, has changed since the notice was shown."""

    reference: str


@dataclass(eq=False)
class NoticeApproved(Refused):
    """Somebody has approved this notice already; `actor`: a Slack user id, or the name of an actor at a shell."""

    reference: str
    by: str
    approved_at: datetime
    actor: str

    @property
    def colleague(self) -> tuple[str, str]:
        return "by", self.actor


@dataclass(eq=False)
class NoticeNeedsSecond(Refused):
    """A notice is approved by another person than the one who prepared it."""

    reference: str
    alone_at: datetime


@dataclass(eq=False)
class TooEarlyAlone(Refused):
    """The lead may send it alone only when nobody else came, or near the deadline."""

    reference: str
    alone_at: datetime


@dataclass(eq=False)
class LeadOnly(Refused):
    """Only the lead of the breach may do this."""

    reference: str


@dataclass(eq=False)
class NobodyToNotify(Refused):
    """No customer is named to whom the notice could go, or all have it."""

    reference: str


@dataclass(eq=False)
class MentionsNotSeen(Refused):
    """The notices of these customers seem to name another customer, and nobody said that this was looked at."""

    reference: str
    customers: tuple[str, ...]


@dataclass(eq=False)
class NoticeFaulty(Refused):
    """The notice of a customer is not what it should be, so none was sent: something is wrong in the program."""

    reference: str
    customer: str


@dataclass(eq=False)
class NoDrillAddress(Refused):
    """A drill has nowhere to go: DRILL_ADDRESS is not set."""

    reference: str


@dataclass(eq=False)
class ProofMissing(Refused):
    """What is told in writing, other than by our mail, counts with a proof only."""

    reference: str
    customer: str


@dataclass(eq=False)
class DocumentsNotOwed(Refused):
    """This customer is owed no documents: nobody only spoke to it, or it has a notice, or they were waived."""

    reference: str
    customer: str


@dataclass(eq=False)
class NoticeNotFailed(Refused):
    """The notice to this customer neither came back nor was refused: it is on its way, or there."""

    reference: str
    customer: str


@dataclass(eq=False)
class NothingSent(Refused):
    """No notice was ever sent to this customer, so none can be sent again."""

    reference: str
    customer: str


@dataclass(eq=False)
class NobodyToCall(Refused):
    """The call sheet would be empty: everybody is told, and nobody's answer is overdue."""

    reference: str


@dataclass(eq=False)
class UnknownCustomers(Refused):
    """There are no customers with these references; nothing was done for the others either.

    `others`: how many words besides do not look like references, and are not repeated.
    """

    references: tuple[str, ...]
    others: int = 0


@dataclass(eq=False)
class NobodyChosen(Refused):
    """No customer was chosen, by none of the ways."""


@dataclass(eq=False)
class TwoDaysNeeded(Refused):
    """Customers of a period are found by its first and its last day."""


@dataclass(eq=False)
class WhyExcludedMissing(Refused):
    """That a customer is not affected needs a reason."""

    reference: str
    customer: str


@dataclass(eq=False)
class AlreadyExcluded(Refused):
    """The customer is marked as not affected already."""

    reference: str
    customer: str


@dataclass(eq=False)
class NotExcluded(Refused):
    """The customer is among those affected: there is nothing to take back."""

    reference: str
    customer: str


@dataclass(eq=False)
class DocumentsOwed(Refused):
    """The breach cannot be closed: these customers were told in words and the documents are owed (clause 6)."""

    reference: str
    customers: tuple[str, ...]


@dataclass(eq=False)
class WhyLateMissing(Refused):
    """The breach cannot be closed without saying why these customers were told late."""

    reference: str
    customers: tuple[str, ...]


@dataclass(eq=False)
class NothingDecided(Refused):
    """The breach cannot be closed: no customer is affected, and nobody has decided what it was."""

    reference: str


@dataclass(eq=False)
class UnknownDocument(Refused):
    """The breach has no document with this number."""

    reference: str


@dataclass(eq=False)
class DocumentUnreadable(Refused):
    """The document could not be read when it came: it is sent to nobody."""

    reference: str
    number: int


@dataclass(eq=False)
class DocumentSent(Refused):
    """The document is in a notice already: for whom it is cannot change any more."""

    reference: str
    number: int


@dataclass(eq=False)
class NothingToRead(Refused):
    """Nobody has replied, and nothing else came that a person must read."""

    reference: str


@dataclass(eq=False)
class OwnAddressUnknown(Refused):
    """MAIL_ADDRESS is not set here, so no address of ours can be told."""


@dataclass(eq=False)
class CustomerNotChosen(Refused):
    """A document is to be for one customer, and none was chosen."""

    reference: str


@dataclass(eq=False)
class AlreadyLed(Refused):
    """A colleague leads this breach already."""

    reference: str


@dataclass(eq=False)
class EndedBeforeStart(Refused):
    """A breach cannot have ended before it began."""

    reference: str
    started_at: datetime
