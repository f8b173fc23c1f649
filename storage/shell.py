"""What the three command lines share: an app that is quick to start, and help for a word it does not know."""

import difflib
import gc
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from storage.types import SHELL, Actor

if TYPE_CHECKING:
    from sqlalchemy.exc import DatabaseError

    from storage.database import Database

EX_UNAVAILABLE = 69
EX_TEMPFAIL = 75
WHOLE = 1000
"""Characters of a command's first sentence: all of it."""


class NearestMatch(TyperGroup):
    """An unknown subcommand gets the help and the nearest match; the help says of each what it does, uncut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(WHOLE)) for name, one in found if one and not one.hidden])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            near = difflib.get_close_matches(word, self.list_commands(ctx), 1, 0.5)
            say(ctx.get_help(), err=True)
            say(f"\n“{word}” is no command here." + (f" Did you mean “{near[0]}”?" if near else ""), err=True)
            ctx.exit(2)
        return super().resolve_command(ctx, args)


def new_app(description: str, **options: Any) -> typer.Typer:
    """A command line that starts in a tenth of a second: no rich help, no pretty tracebacks."""
    return typer.Typer(
        help=description,
        cls=NearestMatch,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        **options,
    )


def say(line: str, *, err: bool = False) -> None:
    """Print a line for the person at the shell."""
    print(line, file=sys.stderr if err else sys.stdout, flush=True)


def counted(number: int, noun: str) -> str:
    """A number and what it counts, one or several: 1 customer, 2 customers."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def fail(sentence: str, code: int = 1) -> NoReturn:
    """Say what is wrong and end."""
    say(sentence, err=True)
    raise SystemExit(code)


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the person at the shell says yes, or has said so with --yes; without a terminal nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here: say --yes.", 2)
    return typer.confirm(question)


def shell_account() -> str:
    """The account that types, by its real user id; an environment variable cannot make it another."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def shell_actor(claims: str | None = None) -> Actor:
    """Who types: the account of the shell, and the colleague that it `claims` to be where nothing shows it."""
    name = f"{SHELL}: {shell_account()}"
    return Actor(f"{name} as {claims}" if claims else name, SHELL)


@contextmanager
def importing() -> Iterator[None]:
    """While modules are imported nothing is garbage, and later they never are: the collector need not look at them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def without_collector() -> Iterator[None]:
    """While a command makes a million objects that stay: looking for garbage takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def opened(url: str, *, existing: bool = False) -> Iterator["Database"]:
    """The database of a command, upgraded where needed; what is wrong with it is said in a sentence, exit 69.

    What only looks must find an `existing` one: a mistyped URL would be an empty record that seems well.
    """
    from sqlalchemy.exc import DatabaseError  # noqa: PLC0415 - 0.4 s that --help need not wait for

    from storage.database import DatabaseTooNew, open_current  # noqa: PLC0415 - as above

    if existing:
        _refuse_missing(url)
    try:
        database = open_current(url)
        try:
            yield database
        finally:
            database.dispose()
    except DatabaseTooNew as error:
        fail(f"{error} Install the newer version of the desk, or restore a backup.", EX_UNAVAILABLE)
    except DatabaseError as error:
        if not _is_unreachable(error):
            raise
        fail(f"The database cannot be reached ({type(error.orig).__name__}): check DATABASE_URL.", EX_UNAVAILABLE)


def _refuse_missing(url: str) -> None:
    from storage.database import read_url  # noqa: PLC0415 - as above

    parsed = read_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        fail("There is no database there: check DATABASE_URL, or make one with python -m storage upgrade.", 69)


def _is_unreachable(error: "DatabaseError") -> bool:
    """Nobody answers, or what answers is no database; not our own mistakes in SQL."""
    from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError  # noqa: PLC0415 - as above

    return not isinstance(error, DataError | IntegrityError | ProgrammingError)


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Rows in aligned columns."""
    table = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        say("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
