"""What `bot breach` and `bot dsr` share: the record without Slack, and refusals as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from storage.shell import fail, opened, say

if TYPE_CHECKING:
    from bot.desk import Desk


@contextmanager
def at_the_desk() -> Iterator["Desk"]:
    """The desk, for one command; a refusal is its sentence and exit 1."""
    from bot.desk import Desk  # noqa: PLC0415 - slow
    from bot.refusals import sentence_of  # noqa: PLC0415 - slow
    from bot.settings import DeskSettings  # noqa: PLC0415 - slow
    from storage.errors import Refused  # noqa: PLC0415 - slow
    from storage.restored import at_home  # noqa: PLC0415 - slow
    from storage.settings import load_or_exit  # noqa: PLC0415 - slow

    settings = load_or_exit(DeskSettings)
    with opened(settings.database_url.get_secret_value()) as database, at_home(database) as pause:
        if pause:
            say("Sending by e-mail is paused: python -m storage paused", err=True)
        try:
            yield Desk(database, settings)
        except Refused as refused:
            fail(sentence_of(refused, "en"))


def read_instant(text: str) -> datetime:
    """The instant a person typed, or a sentence and exit 2."""
    from storage.clock import UnreadableInstant  # noqa: PLC0415 - slow
    from storage.clock import read_instant as read  # noqa: PLC0415 - slow

    try:
        return read(text)
    except UnreadableInstant:
        fail(f"“{text}” is no date and time in Paris such as 2026-10-23T17:40, nor one with an offset.", 2)


def shown(instant: datetime | None) -> str:
    """An instant in Paris with its zone, or a dash."""
    from storage.clock import in_paris  # noqa: PLC0415 - slow

    return in_paris(instant) if instant else "-"


def refuse_typed(text: str) -> None:
    """As in Slack: personal data has no place in what is typed. A sentence and exit 1."""
    from bot.personal import refuse_personal_data  # noqa: PLC0415 - slow
    from bot.refusals import sentence_of  # noqa: PLC0415 - slow
    from storage.errors import Refused  # noqa: PLC0415 - slow

    try:
        refuse_personal_data(text)
    except Refused as refused:
        fail(sentence_of(refused, "en"))
