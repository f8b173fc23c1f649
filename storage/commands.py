"""The commands of `python -m storage`. What is slow to import is imported by the command that needs it."""

from pathlib import Path
from typing import Annotated

import typer

from storage.customer_commands import CsvFile, DryRun, customers_app, database_url, refuse_table
from storage.shell import fail, new_app, opened, print_table, say, shell_actor

app = new_app("The record of the Privacy Desk: upgrade, import, back up, verify, go on after a restore.")
staff_app = new_app("The colleagues who may use the bot.")
app.add_typer(customers_app, name="customers")
app.add_typer(staff_app, name="staff")


@app.command()
def upgrade() -> None:
    """Bring the database to this version of the program."""
    from storage.database import newest_revision  # noqa: PLC0415 - slow

    with opened(database_url()):
        say(f"The database is at revision {newest_revision()}.")


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="NUMBER:HASH", help="A line that was noted elsewhere, to compare with.")
    ] = None,
) -> None:
    """Walk the journal's hash chain and compare the rows and mails of breaches with it; exit 1 if any was changed."""
    from storage import journal  # noqa: PLC0415 - slow
    from storage.sealed_mails import verify_mails  # noqa: PLC0415 - slow
    from storage.sealing import verify_rows  # noqa: PLC0415 - slow

    kept = _read_head(head) if head else None
    with opened(database_url(), existing=True) as database, database.reading() as session:
        problems = [*journal.verify(session), *verify_rows(session), *verify_mails(session)]
        problems += journal.compare(session, *kept) if kept else []
        number, digest = journal.head(session)
    for problem in problems:
        say(problem, err=True)
    if problems:
        fail("The record does not hold. Keep this database as it is, and compare it with a backup.")
    say(f"The journal holds: {number} entries, head {digest}.")


def _read_head(text: str) -> tuple[int, str]:
    """What was noted: the number of a line, and its hash."""
    number, colon, digest = text.strip().partition(":")
    if not (colon and number.isdecimal() and len(digest) == 64):
        fail("--head is the number and the hash of a line, as they stand in a digest: 1234:ab12…", 2)
    return int(number), digest.lower()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; it must not exist.")],
) -> None:
    """Copy an SQLite database while the desk runs. For PostgreSQL use pg_dump."""
    from storage.backup import BackupRefused, back_up  # noqa: PLC0415 - slow

    with opened(database_url(), existing=True) as database:
        try:
            back_up(database, file)
        except BackupRefused as error:
            fail(str(error))
    say(f"Copied to {file.name}.")


@app.command()
def paused() -> None:
    """Say whether sending is paused, and what may have gone out already; exit 1 if it is."""
    from storage.pause_commands import show_paused  # noqa: PLC0415 - slow

    show_paused(database_url())


@app.command()
def resume(
    withhold: Annotated[list[str] | None, typer.Option(metavar="REF", help="This went out: do not send it.")] = None,
    withhold_all: Annotated[bool, typer.Option("--withhold-all", help="All in doubt went out: send none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    at_once: Annotated[bool, typer.Option("--at-once", help="Before the mailbox was compared.")] = False,
) -> None:
    """Go on sending after a pause, except what went out already."""
    from storage.pause_commands import resume_after_asking  # noqa: PLC0415 - slow

    resume_after_asking(database_url(), withhold=withhold or [], withhold_all=withhold_all, yes=yes, at_once=at_once)


@staff_app.command("import")
def import_staff(file: CsvFile, dry_run: DryRun = False) -> None:
    """Import staff.csv: slack_user,name,email,role,language,active_from,active_until."""
    from storage.importing import import_staff as import_all  # noqa: PLC0415 - slow
    from storage.tables import BadTable  # noqa: PLC0415 - slow

    with opened(database_url()) as database:
        try:
            lines = import_all(database, file, dry_run=dry_run, by=shell_actor())
        except BadTable as error:
            refuse_table(error)
    for line in lines:
        say(line)


@staff_app.command("list")
def list_staff() -> None:
    """List the colleagues who may use the bot today."""
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.staff import active_staff  # noqa: PLC0415 - slow

    with opened(database_url()) as database, database.reading() as session:
        rows = [(one.slack_user, one.name, one.role.value, one.language) for one in active_staff(session, now=now())]
    print_table(rows) if rows else say("There is no staff yet: python -m storage staff import FILE.csv")
