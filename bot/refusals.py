"""What Slack's side refuses on top of the record. The sentences stand in templates/refused/ like the others."""

from dataclasses import dataclass

from markupsafe import Markup

from bot.blocks import mention
from storage.errors import Refused
from templates import escape_slack, refusal


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


def sentence_in_slack(refused: Refused, language: str) -> str | Markup:
    """As plain text; as mrkdwn where it is about a colleague, who is mentioned there and not named."""
    if refused.colleague is None:
        return sentence_of(refused, language)
    field, actor = refused.colleague
    sentence = escape_slack(refusal(refused.template, language, **refused.fields | {field: _HOLE}))
    return Markup(sentence.replace(_HOLE, mention(actor, language)))  # noqa: S704 - escaped, both of them


_HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands in a sentence for whom it mentions, while the sentence is escaped."""
