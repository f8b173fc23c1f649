"""`python -m bot register`, `bot breach drill` and `bot breach report`: the shell's side of drill and proof."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.breach_commands import Reference, breach_app
from bot.evidence_commands import Language
from bot.shell import at_a_terminal, at_the_desk, print_rows, reader_language, refuse_typed, shown
from storage.shell import fail, say, shell_actor

if TYPE_CHECKING:
    from bot.desk import Desk

Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to make.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")]
Written = Annotated[Language | None, typer.Option(help="By default STAFF_LANGUAGE; at a terminal, yours.")]


class Pace(StrEnum):
    """How many hours of a drill pass in one."""

    ONE = "1"
    FOUR = "4"
    TWELVE = "12"
    FORTY_EIGHT = "48"


@breach_app.command()
def drill(
    summary: Annotated[str, typer.Option(help="The scenario, invented, without personal data.")],
    customer: Annotated[list[str], typer.Option(help="A customer to take part, such as C0001; repeatable.")],
    pace: Annotated[Pace, typer.Option(help="How many of its hours pass in one; 48: the whole way in an hour.")],
) -> None:
    """Rehearse a breach: everything is marked as a drill, and its e-mails go to DRILL_ADDRESS."""
    from bot.drill import DrillForm, open_drill  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from templates import DRILL_MARK  # noqa: PLC0415 - slow

    refuse_typed(summary)
    if not summary.strip():
        fail("Say what happens in the drill: --summary TEXT.", 2)
    with at_the_desk() as desk:
        form = DrillForm(summary, tuple(customer), int(pace))
        with desk.decide() as session:
            breach = open_drill(session, desk.settings, form, by=shell_actor(), now=now())
        say(f"{DRILL_MARK} {breach.reference} is open: precautionary deadline {shown(breach.deadline_at)}.")


@breach_app.command()
def report(reference: Reference, output: Output = None, language: Written = None, force: Force = False) -> None:
    """Say on one page, for a board, how a breach or a drill was handled."""
    from bot.breach_report import make_report  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        chosen = language.value if language else desk.settings.staff_language
        with desk.database.reading() as session:
            page = make_report(session, reference, company=desk.settings.company_name, language=chosen, now=now())
        _write(page, output, force=force)


def register(
    output: Output = None,
    csv: Annotated[bool, typer.Option("--csv", help="As a table.")] = False,
    html: Annotated[bool, typer.Option("--html", help="As a page.")] = False,
    language: Written = None,
    force: Force = False,
) -> None:
    """All breaches and how each was handled, drills apart: a page, with --csv a table; at a terminal a short one."""
    if csv and html:
        fail("Either --csv or --html.", 2)
    if output is None and not (csv or html) and at_a_terminal():
        _print_register(language)
        return
    as_table = csv or (not html and output is not None and output.suffix.lower() == ".csv")
    with at_the_desk() as desk:
        chosen = language.value if language else desk.settings.staff_language
        _write(_read_register(desk, chosen, as_table=as_table), output, force=force)


def _print_register(language: Language | None) -> None:
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.register import read_register  # noqa: PLC0415 - slow
    from templates import render  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        chosen = language.value if language else reader_language(desk)
        with desk.database.reading() as session:
            rows = read_register(session, now=now())
    print_rows(render("register_table", chosen, rows=rows)) if rows else say("There is no breach.")
    say("The whole register, to keep or to hand over: -o FILE.html or -o FILE.csv.", err=True)


def _read_register(desk: "Desk", language: str, *, as_table: bool) -> str:
    from bot.register import register_page, register_table  # noqa: PLC0415 - slow
    from storage import journal  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.register import read_register  # noqa: PLC0415 - slow

    at, company = now(), desk.settings.company_name
    with desk.database.reading() as session:
        rows, head = read_register(session, now=at), journal.head(session)
    if as_table:
        return register_table(rows)
    return register_page(rows, head=head, company=company, language=language, now=at)


def _write(text: str, output: Path | None, *, force: bool) -> None:
    """Into the file, there whole or not at all, for its owner's eyes; or to where the command was typed."""
    from bot.packing import drafted, put_in_place, refuse_existing  # noqa: PLC0415 - slow

    if output is None:
        say(text.rstrip())
        return
    if not force:
        refuse_existing(output)
    with drafted(output) as draft:
        draft.write_text(text, encoding="utf-8")
        put_in_place(draft, output, force=force)
    say(f"Written to {output.name}.")
