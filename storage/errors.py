"""Refusals: an illegal move, told to a person by the sentence in templates/refused/<its name>.<language>.txt."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(eq=False)
class Refused(Exception):
    """A move that the record does not allow. Its fields fill its sentence."""

    @property
    def template(self) -> str:
        """The name of its sentence: AlreadyForwarded -> already_forwarded."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def fields(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def colleague(self) -> tuple[str, str] | None:
        """The field with the name of a colleague, and that actor's own name, where its sentence says one."""
        return None

    def __str__(self) -> str:
        return f"{self.template} {self.fields}"


@dataclass(eq=False)
class UnknownCase(Refused):
    """There is no case with this reference."""

    reference: str


@dataclass(eq=False)
class UnknownCustomer(Refused):
    """There is no customer with this reference."""

    reference: str


@dataclass(eq=False)
class UnknownStaff(Refused):
    """This person is not in the staff table, or not any more."""

    slack_user: str


@dataclass(eq=False)
class UnknownColleague(Refused):
    """Whom a person named is not in the staff table, or not any more; `named` is empty for what is not repeated."""

    named: str


@dataclass(eq=False)
class ColleagueCannot(Refused):
    """The role of the colleague that a person named does not reach."""

    name: str
    needed: str
    slack_user: str

    @property
    def colleague(self) -> tuple[str, str]:
        return "name", self.slack_user


@dataclass(eq=False)
class AccountUnknown(Refused):
    """Whose account of the shell this is nobody knows, and the act needs a colleague."""

    account: str


@dataclass(eq=False)
class AccountEnded(Refused):
    """The account of the shell is that of somebody who is no longer of the staff."""

    account: str


@dataclass(eq=False)
class AlreadyForwarded(Refused):
    """This request was already forwarded to this customer."""

    reference: str
    customer: str
    routed_at: datetime


@dataclass(eq=False)
class AlreadyRecorded(Refused):
    """The same letter, byte for byte, is a request already."""

    reference: str


@dataclass(eq=False)
class AlreadySetAside(Refused):
    """This request is set aside: take it back first."""

    reference: str


@dataclass(eq=False)
class NotSetAside(Refused):
    """This request is not set aside."""

    reference: str


@dataclass(eq=False)
class ForwardedCannotBeSetAside(Refused):
    """A forwarded request stays forwarded."""

    reference: str


@dataclass(eq=False)
class CustomerAddressIsOurs(Refused):
    """The customer's address is one of our own intake addresses: a forward would come straight back."""

    customer: str
    customer_name: str


@dataclass(eq=False)
class ContractEnded(Refused):
    """The customer's contract ended and its data was due to be deleted."""

    customer: str
    customer_name: str


@dataclass(eq=False)
class InstantInFuture(Refused):
    """The instant lies in the future."""

    at: datetime


@dataclass(eq=False)
class ToldBeforeNoticed(Refused):
    """A customer cannot have been told before anything was noticed."""

    reference: str
    noticed_at: datetime


@dataclass(eq=False)
class ReasonMissing(Refused):
    """Setting aside needs a reason."""

    reference: str


@dataclass(eq=False)
class ReasonTooShort(Refused):
    """The reason says nothing to whoever reads it years from now."""

    reference: str


@dataclass(eq=False)
class PersonalDataInText(Refused):
    """The text holds what looks like personal data, which does not belong in Slack."""

    looks_like: str


@dataclass(eq=False)
class RoleTooSmall(Refused):
    """This needs another role."""

    needed: str


@dataclass(eq=False)
class NotForwarded(Refused):
    """This request was never forwarded to this customer."""

    reference: str
    customer: str


@dataclass(eq=False)
class ForwardNotFailed(Refused):
    """The forward to this customer has not failed: it is on its way, accepted, or told otherwise."""

    reference: str
    customer: str


@dataclass(eq=False)
class MalformedAddress(Refused):
    """What was given is no e-mail address. It is not repeated: it may be somebody's."""


@dataclass(eq=False)
class InstructionMissing(Refused):
    """Another address is used only as the customer's recorded instruction."""

    reference: str
    customer: str


@dataclass(eq=False)
class UnknownTask(Refused):
    """The case has no task with this number."""

    reference: str


@dataclass(eq=False)
class TaskTaken(Refused):
    """Somebody else has taken this task."""

    reference: str


@dataclass(eq=False)
class TaskDone(Refused):
    """This task is done."""

    reference: str


@dataclass(eq=False)
class NotHeld(Refused):
    """This request does not wait for a decision any more."""

    reference: str


@dataclass(eq=False)
class RequestTaken(Refused):
    """A colleague has taken this request already."""

    reference: str


@dataclass(eq=False)
class NeedsSecondPerson(Refused):
    """Two persons must agree on the customer, and this one has proposed it."""

    reference: str
    customer: str


@dataclass(eq=False)
class NothingProposed(Refused):
    """No customer is proposed for this request."""

    reference: str


@dataclass(eq=False)
class NobodyToAsk(Refused):
    """The person who wrote cannot be written to: there is no address, or it is not a person's."""

    reference: str


@dataclass(eq=False)
class AlreadyAsked(Refused):
    """The person has been asked, and has not answered yet."""

    reference: str
    asked_at: datetime


@dataclass(eq=False)
class NotAnswered(Refused):
    """The person was not asked, or has not answered, or the request has been with somebody."""

    reference: str


@dataclass(eq=False)
class AlreadyMisrouted(Refused):
    """It is on record that this forward went to the wrong customer."""

    reference: str
    customer: str


@dataclass(eq=False)
class NothingForwarded(Refused):
    """This request is with no customer, so it went to no wrong one."""

    reference: str


@dataclass(eq=False)
class SameCustomer(Refused):
    """The right customer and the wrong one are the same."""

    reference: str
    customer: str
