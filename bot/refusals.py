"""What Slack's side refuses on top of the record. The sentences stand in templates/refused/ like the others."""

from dataclasses import dataclass

from storage.errors import Refused
from templates import refusal


@dataclass(eq=False)
class NotAMember(Refused):
    """Guests, bots, deleted users and people of other companies may do nothing here."""


@dataclass(eq=False)
class PersonNotChecked(Refused):
    """Slack did not say who this is, so nothing was done."""


@dataclass(eq=False)
class ChangedMeanwhile(Refused):
    """The case has changed since this button was shown."""

    reference: str


@dataclass(eq=False)
class FileUnreadable(Refused):
    """The file cannot be read."""

    name: str
    why: str


@dataclass(eq=False)
class FileEmpty(Refused):
    """There is nothing in the file."""

    name: str


@dataclass(eq=False)
class FileTooLarge(Refused):
    """The file is too large to be recorded; both sizes in MB."""

    name: str
    size: str
    limit: str


@dataclass(eq=False)
class FileExists(Refused):
    """There is a file with this name."""

    name: str


@dataclass(eq=False)
class FileNotWritten(Refused):
    """The file cannot be written there."""

    name: str
    why: str


@dataclass(eq=False)
class NoAddressForDrills(Refused):
    """No drill is opened while DRILL_ADDRESS does not say where its mails go."""


def sentence_of(refused: Refused, language: str) -> str:
    """The refusal as a sentence, in the reader's language."""
    return refusal(refused.template, language, **refused.fields)
