"""What `bot breach` and `bot dsr` share: the record without Slack, who types, and refusals as sentences."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from storage.shell import fail, opened, print_table, say, shell_account, shell_actor
from storage.types import Actor, Role

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bot.desk import Desk
    from storage.models import Staff

By = Annotated[
    str | None,
    typer.Option("--by", metavar="COLLEAGUE", help="Who you are, if your account does not say: U0123 or an address."),
]


@contextmanager
def at_the_desk(*, anyone: bool = False) -> Iterator["Desk"]:
    """The desk, for one command; a refusal is its sentence and exit 1.

    As in Slack a viewer decides nothing, unless `anyone` may do this.
    """
    from bot.refusals import sentence_of  # noqa: PLC0415 - slow
    from bot.settings import DeskSettings  # noqa: PLC0415 - slow
    from bot.shell_desk import ShellDesk  # noqa: PLC0415 - slow
    from storage.errors import Refused  # noqa: PLC0415 - slow
    from storage.restored import at_home  # noqa: PLC0415 - slow
    from storage.settings import load_or_exit  # noqa: PLC0415 - slow

    settings = load_or_exit(DeskSettings)
    with opened(settings.database_url.get_secret_value()) as database, at_home(database) as pause:
        if pause:
            say("Sending by e-mail is paused: python -m storage paused", err=True)
        try:
            yield ShellDesk(database, settings, anyone=anyone)
        except Refused as refused:
            fail(sentence_of(refused, "en"))


def find_typist(session: "Session", by: str | None, *, at_least: Role) -> tuple[Actor, "Staff"]:
    """Who of the staff types: the account's own colleague, else whom `by` names, which only is a claim.

    Raises AccountUnknown, UnknownColleague, ColleagueCannot, RoleTooSmall.
    """
    from storage import staff  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.errors import AccountUnknown  # noqa: PLC0415 - slow

    own = staff.find_by_account(session, shell_account(), now=now())
    if own is not None:
        staff.refuse_role(own, at_least)
        return shell_actor(), own
    if by is None:
        raise AccountUnknown(shell_account())
    claimed = staff.get_colleague(session, by, now=now(), at_least=at_least)
    return shell_actor(claimed.slack_user), claimed


def say_typist(desk: "Desk", by: str | None, *, at_least: Role) -> Actor:
    """Say as whom this is done, before it is. Raises as `find_typist`."""
    with desk.database.reading() as session:
        actor, colleague = find_typist(session, by, at_least=at_least)
        say(f"As {colleague.name}, {colleague.role.value} ({actor.name}).", err=True)
    return actor


def at_a_terminal() -> bool:
    """Whether what is printed is read by a person, and not by a file or a pipe."""
    return sys.stdout.isatty()


def reader_language(desk: "Desk") -> str:
    """That of the colleague whose account it is, else the terminal's own (LC_ALL, LC_MESSAGES, LANG), else English."""
    from storage import staff  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with desk.database.reading() as session:
        colleague = staff.find_by_account(session, shell_account(), now=now())
    if colleague is not None:
        return colleague.language
    locale = next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := os.environ.get(name))), "")
    return "fr" if locale.lower().startswith("fr") else "en"


def print_rows(lines: str) -> None:
    """A template's table: a line a row, tabs between the cells."""
    print_table([tuple(line.split("\t")) for line in lines.splitlines()])


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
