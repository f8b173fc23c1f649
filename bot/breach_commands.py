"""`python -m bot breach`: the same moves as in Slack, for when Slack is down."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bot.shell import at_the_desk, read_instant, refuse_typed, shown
from storage.shell import counted, fail, new_app, print_table, say, shell_actor

if TYPE_CHECKING:
    from datetime import datetime

    from bot.breach_cards import BreachCard, BreachLine
    from bot.telling import Told

breach_app = new_app("Personal data breaches: 48 hours from awareness (clause 6).")
Reference = Annotated[str, typer.Argument(metavar="REF", help="The breach, such as BR-2026-0007.")]
Instant = Annotated[str | None, typer.Option(metavar="INSTANT", help="2026-10-23T17:40 (Paris), or with an offset.")]


@breach_app.command("open")
def open_breach(
    summary: Annotated[str, typer.Option(help="What happened, without personal data.")],
    aware_at: Instant = None,
    suspected_at: Instant = None,
    told_at: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="When a sub-processor told us of it; not certain yet.")
    ] = None,
    customer: Annotated[list[str] | None, typer.Option(help="An affected customer, such as C0001; repeatable.")] = None,
) -> None:
    """Open a breach, from awareness or from a suspicion, and tell lead, dpo and escalation addresses."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_opening, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    refuse_typed(summary)
    if not summary.strip():
        fail("Say what happened: --summary TEXT; a doubt in a few words is enough.", 2)
    if not (aware_at or suspected_at or told_at):
        fail("Say when: --aware-at INSTANT if it is certain, --suspected-at or --told-at INSTANT if it is not yet.", 2)
    aware, suspected, told_us = (one and read_instant(one) for one in (aware_at, suspected_at, told_at))
    with at_the_desk(anyone=True) as desk:
        with desk.decide() as session:
            named = customers.get_customers(session, customer or [])
            by, at = shell_actor(), now()
            breach = breach_opening.open_breach(
                session,
                summary=summary,
                customers=named,
                aware_at=aware or None,
                suspected_at=suspected or None,
                told_at=told_us or None,
                ladder=desk.settings.breach_ladder,
                by=by,
                now=at,
            )
            told = telling.tell_opened(session, breach, desk.settings, now=at)
        say(f"{breach.reference} is open: {_deadline(breach.deadline_at, precautionary=breach.aware_at is None)}.")
        if breach.deadline_at < at:
            say("That deadline HAS ALREADY PASSED: tell the affected customers what is known now.", err=True)
        _say_told(told)


def _say_told(told: "Told") -> None:
    if told.people or told.addresses:
        say(f"Told: {len(told.people)} of the staff, {counted(len(told.addresses), 'escalation address')}.")
    else:
        say(
            "NOBODY WAS TOLD: call the data protection officer now. Then import staff.csv with a dpo "
            "(python -m storage staff import), and set ESCALATION_ADDRESSES.",
            err=True,
        )


@breach_app.command("list")
def list_breaches() -> None:
    """List the breaches, the newest first."""
    from bot.showing import show_lines  # noqa: PLC0415 - slow
    from storage import breach_lists  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        found = show_lines(session, breach_lists.list_all(session))
    rows = [(one.reference, _state(one), _how_many_told(one), shown(one.deadline_at), one.lead or "-") for one in found]
    print_table(rows) if rows else say("There is no breach.")


@breach_app.command()
def show(
    reference: Reference, csv: Annotated[bool, typer.Option("--csv", help="Its customers only, as CSV.")] = False
) -> None:
    """Show a breach: its instants, its deadline, what is known of it, and each customer with the next step."""
    from bot import ledger_table  # noqa: PLC0415 - slow
    from bot.record_sheet import describe_record  # noqa: PLC0415 - slow
    from bot.showing import show_breach  # noqa: PLC0415 - slow
    from storage import breaches  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        card, ledger = show_breach(session, breach), ledger_table.list_rows(session, breach, now=now())
        record = describe_record(session, breach, desk.settings.telecom_operator)
    if csv:
        ledger_table.write_csv(ledger, sys.stdout)
        return
    say(f"{card.reference}: {_state(card)}, {_deadline(card.deadline_at, precautionary=card.precautionary)}")
    say(f"suspected {shown(card.suspected_at)}, aware {shown(card.aware_at)}, closed {shown(card.closed_at)}")
    for sentence in record:
        say(sentence)
    print_table(ledger_table.say_rows(ledger)) if ledger else say("No affected customer is named yet.")


def _how_many_told(one: "BreachLine") -> str:
    if one.no_breach:
        return "-"
    return f"{one.told} of {one.affected} told" if one.affected else "nobody named yet"


def _deadline(deadline_at: "datetime", *, precautionary: bool = False) -> str:
    return f"{'precautionary ' if precautionary else ''}deadline {shown(deadline_at)}"


def _state(card: "BreachCard | BreachLine") -> str:
    if card.no_breach:
        return "closed, no breach"
    return "closed" if card.closed_at else "suspicion" if card.precautionary else "breach"
