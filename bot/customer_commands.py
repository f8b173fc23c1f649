"""`python -m bot breach add`, `exclude` and `include`: the customers of a breach, for when Slack is down."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.breach_commands import Reference, breach_app
from bot.shell import at_the_desk, refuse_typed
from storage.shell import confirmed, counted, fail, say, shell_actor

if TYPE_CHECKING:
    from datetime import date

    from bot.desk import Desk
    from storage.breach_choosing import Line
    from storage.tables import BadTable

SHOWN = 20
EX_DATAERR = 65
Day = Annotated[str | None, typer.Option(metavar="DAY", help="2026-03-31; both days are included.")]
Known = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer, such as C0001.")]


@breach_app.command()
def add(
    reference: Reference,
    customer: Annotated[
        list[str] | None, typer.Argument(metavar="[CUSTOMER…]", help="Customers, such as C0001 C0002.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="customer_id, and perhaps data_kinds (|), persons, records.")
    ] = None,
    active_from: Day = None,
    active_to: Day = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be added.")] = False,
    yes: Annotated[bool, typer.Option(help="Add all who were active in that time without asking.")] = False,
) -> None:
    """Name further affected customers; they inherit the deadline. All or nothing."""
    if sum((bool(customer), file is not None, bool(active_from or active_to))) != 1:
        fail("Name customers, or give --file FILE.csv, or --active-from DAY and --active-to DAY: one of the three.", 2)
    with at_the_desk() as desk:
        if file is not None:
            lines = _read(desk, file)
        elif customer:
            lines = _lines(customer)
        else:
            lines = _find_active(desk, _read_days(active_from, active_to))
        _preview(desk, reference, lines)
        asks = bool(active_from) and not dry_run
        if dry_run or (asks and not confirmed("Add them?", yes=yes)):
            say("Nothing was changed.")
            return
        _add(desk, reference, lines)


@breach_app.command()
def exclude(
    reference: Reference, customer: Known, reason: Annotated[str, typer.Option(help="Why it is not affected.")]
) -> None:
    """Mark a customer as not affected after all: it need not be told."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_excluding, breaches, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    refuse_typed(reason)
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who, by = customers.get_customer(session, customer), shell_actor()
            affected = breach_excluding.exclude_customer(session, breach, who, reason, by=by, now=now())
            telling.tell_thread(session, breach.reference, "breach_excluded", affected_id=affected.id, now=now())
        say(f"{breach.reference}: {who.name} is not affected.")


@breach_app.command()
def include(reference: Reference, customer: Known) -> None:
    """It is affected after all, and to be told like the others."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_excluding, breaches, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who, by = customers.get_customer(session, customer), shell_actor()
            affected = breach_excluding.include_customer(session, breach, who, by=by, now=now())
            telling.tell_thread(session, breach.reference, "breach_included", affected_id=affected.id, now=now())
        say(f"{breach.reference}: {who.name} is affected.")


def _lines(references: list[str]) -> "list[Line]":
    from storage.breach_choosing import Line, read_references  # noqa: PLC0415 - slow

    return [Line(one, {}) for one in read_references(" ".join(references))]


def _read(desk: "Desk", file: Path) -> "list[Line]":
    from storage import breach_choosing  # noqa: PLC0415 - slow
    from storage.tables import BadTable  # noqa: PLC0415 - slow

    try:
        with desk.database.reading() as session:
            return breach_choosing.read_lines(session, file)
    except BadTable as bad:
        _fail_with(bad)


def _fail_with(bad: "BadTable") -> NoReturn:
    for problem in bad.problems:
        say(str(problem), err=True)
    fail(f"{counted(len(bad.problems), 'bad line')}: nothing was changed.", EX_DATAERR)


def _read_days(first: str | None, last: str | None) -> "tuple[date, date]":
    """Raises TwoDaysNeeded."""
    from storage.breach_errors import TwoDaysNeeded  # noqa: PLC0415 - slow
    from storage.tables import BadCell, read_day  # noqa: PLC0415 - slow

    if not (first and last):
        raise TwoDaysNeeded
    try:
        days = read_day(first, "--active-from"), read_day(last, "--active-to")
    except BadCell as bad:
        fail(str(bad), 2)
    if days[1] < days[0]:
        raise TwoDaysNeeded
    return days


def _find_active(desk: "Desk", days: "tuple[date, date]") -> "list[Line]":
    from storage import breach_choosing  # noqa: PLC0415 - slow

    with desk.database.reading() as session:
        active = breach_choosing.find_active(session, *days)
        lines = [breach_choosing.Line(one.reference, {}) for one in active.customers]
    if active.held:
        say(f"{active.held} more had ended their contract at most 30 days before: their data was still held.")
    return lines


def _preview(desk: "Desk", reference: str, lines: "list[Line]") -> None:
    """Raises UnknownCustomers, UnknownCase."""
    from storage import breach_choosing, breaches  # noqa: PLC0415 - slow

    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        named = breach_choosing.find_named(session, [one.reference for one in lines])
        known = {one.customer_id for one in breach.affected}
        new = [f"{one.reference} {one.name}" for one in named if one.id not in known]
    say(f"{breach.reference}: {len(new)} new, {len(named) - len(new)} named already.")
    for one in new[:SHOWN]:
        say(f"+ {one}")
    if len(new) > SHOWN:
        say(f"+ … and {len(new) - SHOWN} more")


def _add(desk: "Desk", reference: str, lines: "list[Line]") -> None:
    """Add exactly those who were shown, with what the file says of each, in one commit."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_choosing, breach_customers, breaches  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with desk.decide() as session:
        breach, by = breaches.get_breach(session, reference, to_change=True), shell_actor()
        named = breach_choosing.find_named(session, [one.reference for one in lines])
        added = breach_customers.add_customers(session, breach, named, by=by, now=now())
        known = breach_customers.record_facts(session, breach, lines, by=by, now=now())
        if added:
            telling.tell_thread(session, breach.reference, "breach_customers_added", now=now())
    facts = f", {counted(known, 'fact')} recorded" if known else ""
    say(f"{breach.reference}: {counted(len(added), 'customer')} added{facts}.")
