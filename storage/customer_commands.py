"""`python -m storage customers`: the directory, and how well its addresses are."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from storage.shell import fail, new_app, opened, print_table, say, shell_actor, without_collector

if TYPE_CHECKING:
    from storage.customer_file import Entry
    from storage.database import Database
    from storage.directory import Changes
    from storage.doubts import Doubt

customers_app = new_app("The directory of customers: import, look up, and know that their addresses are read.")
CsvFile = Annotated[Path, typer.Argument(metavar="FILE.csv", help="A CSV file in UTF-8.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
NONE_YET = "There are no customers yet: python -m storage customers import FILE.csv"


def database_url() -> str:
    """DATABASE_URL, from the settings, or exit 78."""
    from storage.settings import Settings, load_or_exit  # noqa: PLC0415 - slow

    return load_or_exit(Settings).database_url.get_secret_value()


@customers_app.command("import")
def import_customers(file: CsvFile, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Import customers.csv: all of it, or nothing.

    Bad lines are listed, all at once. What is odd, and what changes, is shown first; at a terminal it asks before
    it changes anything. A customer that the file does not name is left as it is. An order address that changes is no
    longer known to be read: `customers check` asks.
    """
    from storage.import_report import counts  # noqa: PLC0415 - slow
    from storage.importing import NotAgreed, import_directory  # noqa: PLC0415 - slow

    with opened(database_url()) as database, without_collector():
        entries, doubts = _read(file)
        asks = not (yes or dry_run) and sys.stdin.isatty() and sys.stdout.isatty()

        def agree(changes: "Changes") -> bool:
            _show(entries, changes, doubts)
            return not asks or not changes.any or _confirmed(f"Import {counts(changes)}?")

        try:
            changes = import_directory(database, entries, dry_run=dry_run, by=shell_actor(), agree=agree)
        except NotAgreed:
            fail("Nothing was changed.")
    say(f"Would import: {counts(changes)}. Nothing was changed." if dry_run else f"Imported: {counts(changes)}.")


@customers_app.command("export")
def export_customers(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Where it goes; it must not exist.")],
) -> None:
    """Write the directory into a customers.csv.

    Importing that file changes nothing. Aliases stand in it as they are compared: in lower case, without accents.
    """
    from storage.customer_file import write_entries  # noqa: PLC0415 - slow
    from storage.directory import find_recorded  # noqa: PLC0415 - slow

    with opened(database_url()) as database, database.reading() as session:
        entries = [one.entry for one in find_recorded(session).values()]
    try:
        write_entries(file, entries)
    except OSError as error:
        fail(f"{file.name} cannot be written: {error.strerror}.")
    say(f"Exported {len(entries)} customers to {file.name}.")


@customers_app.command("list")
def list_customers(
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="Only those of whose order address nobody knows that it is read.")
    ] = False,
) -> None:
    """List the customers: all, or whose address may be unread."""
    from storage.addresses import find_unconfirmed  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.customer_report import unwell_rows  # noqa: PLC0415 - slow
    from storage.customers import list_customers as find_all  # noqa: PLC0415 - slow

    with opened(database_url()) as database, database.reading() as session:
        if unconfirmed:
            rows = list(unwell_rows(find_unconfirmed(session, now=now()), now=now()))
            none = "Every live customer has confirmed its address within a year."
        else:
            rows = [(one.reference, one.name, one.request_address, one.language) for one in find_all(session)]
            none = NONE_YET
    print_table(rows) if rows else say(none)


@customers_app.command("show")
def show_customer(
    reference: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer, such as C0001.")],
) -> None:
    """Show all that is known of one customer.

    Its order, its address and how well that is, its contract, what it is recognised by and when, what it was sent.
    """
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.customer_report import sheet_rows  # noqa: PLC0415 - slow
    from storage.customer_sheet import gather_sheet  # noqa: PLC0415 - slow
    from storage.customers import get_customer  # noqa: PLC0415 - slow
    from storage.errors import UnknownCustomer  # noqa: PLC0415 - slow

    with opened(database_url()) as database, database.reading() as session:
        try:
            customer = get_customer(session, reference)
        except UnknownCustomer:
            fail(f"There is no customer {reference}. Whose is a number or an address? python -m storage customers who")
        print_table(list(sheet_rows(gather_sheet(session, customer, now=now()), today=_today())))


@customers_app.command("who")
def whose(
    typed: Annotated[
        list[str], typer.Argument(metavar="VALUE…", help="Numbers in any spelling, domains, addresses, SMS senders.")
    ],
    at: Annotated[
        str | None, typer.Option("--at", metavar="DATE", help="The day of the call or mail, such as 2026-03-31.")
    ] = None,
) -> None:
    """Say whose a number, domain or address is.

    On the day of --at, or today; and whose it was before or will be. Takes also SMS senders, intake aliases and names.
    Exit 1 if one of them is nobody's on that day.
    """
    from storage.whose import join_typed  # noqa: PLC0415 - slow

    day = _read_day(at)
    with opened(database_url()) as database:
        found = [_say_whose(database, one, day) for one in join_typed(typed)]
    if not all(found):
        raise SystemExit(1)


@customers_app.command("check")
def check_addresses(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List them; write to nobody.")] = False,
    yes: Yes = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Ask so many customers at most.")] = None,
) -> None:
    """Ask customers by e-mail whether they read it.

    Those are asked whose order address was not confirmed for a year: data subjects' requests and breach notices go
    there. A short mail asks for one word in reply; who was asked within 30 days, or where mail came back, is left
    alone. `customers list --unconfirmed` lists who has not answered, and from whom mail came back.
    """
    with opened(database_url()) as database:
        to_ask, unwell = _find_to_ask(database, limit)
        if dry_run and unwell:
            print_table(unwell)
        say(_would_ask(len(to_ask), len(unwell)))
        if dry_run or not to_ask:
            return
        if not (yes or _confirmed(f"Write to {_customers(len(to_ask))}?")):
            fail("Nobody was written to.")
        asked = _ask(database, to_ask)
    say(f"{_customers(asked)} asked: python -m mail sends it, and an answer confirms the address.")


def refuse_table(error: Exception) -> NoReturn:
    """Every bad line, and that nothing was imported."""
    problems = getattr(error, "problems", [])
    for problem in problems:
        say(str(problem), err=True)
    lines = len({problem.line for problem in problems if problem.line})
    todo = f": {lines} {'line needs' if lines == 1 else 'lines need'} mending" if lines else ""
    fail(f"Nothing was imported{todo}.")


def _read(file: Path) -> tuple[list["Entry"], list["Doubt"]]:
    from storage.directory import read_customers  # noqa: PLC0415 - slow
    from storage.progress import progress  # noqa: PLC0415 - slow
    from storage.tables import BadTable  # noqa: PLC0415 - slow

    try:
        with progress(None, "customers read") as counting:
            return read_customers(file, counting, own_address=_own_address())
    except BadTable as error:
        refuse_table(error)


def _show(entries: Sequence["Entry"], changes: "Changes", doubts: Sequence["Doubt"]) -> None:
    from storage.doubts import find_doubts_among  # noqa: PLC0415 - slow
    from storage.import_report import change_lines, doubt_lines  # noqa: PLC0415 - slow

    among = find_doubts_among(entries, changes.others, own_address=_own_address(), today=_today())
    for line in (*doubt_lines([*doubts, *among, *changes.moved]), *change_lines(changes)):
        say(line)


def _say_whose(database: "Database", typed: str, day: date) -> bool:
    from storage.customer_report import holder_row  # noqa: PLC0415 - slow
    from storage.whose import find_holders  # noqa: PLC0415 - slow

    with database.reading() as session:
        holders = find_holders(session, typed)
        theirs = [holder_row(one, day=day) for one in holders if one.has_it(day)]
        others = [holder_row(one, day=day) for one in holders if not one.has_it(day)]
    owners = len({row[0] for row in theirs})
    who = "nobody’s" if not theirs else "one customer’s" if owners == 1 else f"shared by {owners} customers"
    say(f"{typed} on {day}: {who}{'; at other times:' if others and not theirs else ''}")
    print_table([("  ", *row) for row in (*theirs, *others)]) if holders else None
    return bool(theirs)


def _find_to_ask(database: "Database", limit: int | None) -> tuple[list[int], list[tuple[str, ...]]]:
    """The ids of whom to ask, and a row for each customer whose address is not known to be well."""
    from storage import addresses  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.customer_report import unwell_rows  # noqa: PLC0415 - slow

    with database.reading() as session:
        to_ask = addresses.find_to_ask(session, own_address=_own_address(), now=now())[:limit]
        unwell = addresses.find_unconfirmed(session, now=now())
        rows, asked = unwell_rows(unwell, now=now()), {one.reference for one in to_ask}
        return [one.id for one in to_ask], [(*row, "to be asked" * (row[0] in asked)) for row in rows]


def _ask(database: "Database", ids: Sequence[int]) -> int:
    """In transactions so short that nobody waits; who was asked meanwhile is not asked again. How many were."""
    from storage import addresses  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.progress import progress  # noqa: PLC0415 - slow

    with progress(len(ids), "customers asked") as counting:
        for start in range(0, len(ids), addresses.AT_ONCE):
            with database.begin() as session:
                some = ids[start : start + addresses.AT_ONCE]
                counting.advance(len(addresses.ask(session, some, by=shell_actor(), now=now())))
    return counting.done


def _would_ask(to_ask: int, unwell: int) -> str:
    if not unwell:
        return "Every live customer has confirmed its address within a year."
    if not to_ask:
        return f"{_customers(unwell)} not confirmed; all were asked, or mail came back, within 30 days."
    return f"{_customers(unwell)} not confirmed; {_customers(to_ask)} can be asked now."


def _customers(number: int) -> str:
    return f"{number} {'customer' if number == 1 else 'customers'}"


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question)
    except typer.Abort:
        return False


def _own_address() -> str | None:
    """MAIL_ADDRESS, where it is set: the directory can do without."""
    from storage.settings import find_value  # noqa: PLC0415 - slow

    return find_value("MAIL_ADDRESS")


def _today() -> date:
    from storage.clock import PARIS, now  # noqa: PLC0415 - slow

    return now().astimezone(PARIS).date()


def _read_day(text: str | None) -> date:
    """The day that was typed, or today; else a sentence and exit 2."""
    try:
        return date.fromisoformat(text) if text else _today()
    except ValueError:
        fail("--at takes a day, such as 2026-03-31.", 2)
