"""`python -m bot breach`: the same moves as in Slack, for when Slack is down."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.shell import at_the_desk, read_instant, refuse_typed, shown
from storage.shell import fail, new_app, print_table, say, shell_actor
from storage.types import Means

if TYPE_CHECKING:
    from datetime import datetime

    from bot.cards import BreachCard
    from bot.telling import Told

breach_app = new_app("Personal data breaches: 48 hours from awareness (clause 6).")
Reference = Annotated[str, typer.Argument(metavar="REF", help="The breach, such as BR-2026-0007.")]
Instant = Annotated[str | None, typer.Option(metavar="INSTANT", help="2026-10-23T17:40 (Paris), or with an offset.")]


@breach_app.command("open")
def open_breach(
    summary: Annotated[str, typer.Option(help="What happened, without personal data.")],
    aware_at: Instant = None,
    suspected_at: Instant = None,
    customer: Annotated[list[str] | None, typer.Option(help="An affected customer, such as C0001; repeatable.")] = None,
) -> None:
    """Open a breach, from awareness or from a suspicion, and tell lead, dpo and escalation addresses."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_opening, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    refuse_typed(summary)
    if not (aware_at or suspected_at):
        fail("Say when: --aware-at INSTANT if it is certain, --suspected-at INSTANT if it is not yet.", 2)
    aware, suspected = aware_at and read_instant(aware_at), suspected_at and read_instant(suspected_at)
    with at_the_desk() as desk:
        with desk.decide() as session:
            named = customers.get_customers(session, customer or [])
            by, at = shell_actor(), now()
            breach = breach_opening.open_breach(
                session,
                summary=summary,
                customers=named,
                aware_at=aware or None,
                suspected_at=suspected or None,
                by=by,
                now=at,
            )
            told = telling.tell_opened(session, breach, desk.settings, now=at)
        say(f"{breach.reference} is open: {_deadline(breach.deadline_at, precautionary=breach.aware_at is None)}.")
        _say_told(told)


def _say_told(told: "Told") -> None:
    if told.people or told.addresses:
        say(f"Told: {len(told.people)} of the staff, {len(told.addresses)} escalation addresses.")
    else:
        say(
            "NOBODY WAS TOLD: call the data protection officer now. Then import staff.csv with a dpo "
            "(python -m storage staff import), and set ESCALATION_ADDRESSES.",
            err=True,
        )


@breach_app.command("list")
def list_breaches() -> None:
    """List the breaches, the newest first."""
    from bot.showing import show_breach  # noqa: PLC0415 - slow
    from storage import breaches  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        found = [show_breach(session, one) for one in breaches.list_breaches(session)]
    rows = [(one.reference, _state(one), f"{len(one.untold)} not told", shown(one.deadline_at)) for one in found]
    print_table(rows) if rows else say("There is no breach.")


@breach_app.command()
def show(reference: Reference) -> None:
    """Show a breach: its instants, its deadline, and who was told."""
    from bot.showing import show_breach  # noqa: PLC0415 - slow
    from storage import breaches  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        card = show_breach(session, breaches.get_breach(session, reference))
    say(f"{card.reference}: {_state(card)}, {_deadline(card.deadline_at, precautionary=card.precautionary)}")
    say(f"suspected {shown(card.suspected_at)}, aware {shown(card.aware_at)}, closed {shown(card.closed_at)}")
    for line in card.customers:
        told = f"told {shown(line.told_at)} by {line.means}" if line.told_at else "not told yet"
        say(f"  {line.customer_reference} {line.customer}: {told}")


@breach_app.command()
def aware(
    reference: Reference, at: Annotated[str, typer.Option(metavar="INSTANT", help="Since when it is certain.")]
) -> None:
    """Say since when Kavkom knows that this is a breach."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_claims, breaches  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    aware_at = read_instant(at)
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            breach_claims.become_aware(session, breach, aware_at, by=shell_actor(), now=now())
            telling.tell_thread(session, breach.reference, "breach_aware", now=now())
        say(f"{breach.reference}: aware since {shown(breach.aware_at)}, {_deadline(breach.deadline_at)}.")


@breach_app.command()
def notified(
    reference: Reference,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer, such as C0001.")],
    means: Annotated[Means, typer.Option(help="How the customer was told.")],
    at: Instant = None,
) -> None:
    """Record that a customer was told."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_customers, breaches, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    told_at = read_instant(at) if at else now()
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who, by = customers.get_customer(session, customer), shell_actor()
            affected = breach_customers.record_told(session, breach, who, means=means, at=told_at, by=by, now=now())
            telling.tell_thread(session, breach.reference, "breach_told", affected_id=affected.id, now=now())
        say(f"{breach.reference}: {who.name} was told by {means.value} at {shown(told_at)}.")


@breach_app.command()
def add(
    reference: Reference,
    customer: Annotated[list[str], typer.Argument(metavar="CUSTOMER…", help="Customers, such as C0001 C0002.")],
) -> None:
    """Name further affected customers; they inherit the deadline."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breach_customers, breaches, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            named = customers.get_customers(session, customer)
            added = breach_customers.add_customers(session, breach, named, by=shell_actor(), now=now())
            if added:
                telling.tell_thread(session, breach.reference, "breach_customers_added", now=now())
        say(f"{breach.reference}: {len(added)} customers added.")


@breach_app.command()
def close(
    reference: Reference,
    no_breach: Annotated[
        str | None, typer.Option("--no-breach", metavar="REASON", help="The dpo: it was no breach, because …")
    ] = None,
) -> None:
    """Close a breach; refused while a customer is not told. Or, with its reason, a suspicion that was none."""
    from bot import breach_report, telling  # noqa: PLC0415 - slow
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    refuse_typed(no_breach or "")
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            if no_breach is None:
                breach_closing.close_breach(session, breach, by=shell_actor(), now=now())
            else:
                breach_closing.close_as_no_breach(session, breach, no_breach, by=shell_actor(), now=now())
            topic = "breach_closed" if no_breach is None else "breach_no_breach"
            telling.tell_thread(session, breach.reference, topic, now=now())
            breach_report.tell_drill_closed(session, breach, desk.settings, now=now())
        say(f"{breach.reference} is closed.")


def _deadline(deadline_at: "datetime", *, precautionary: bool = False) -> str:
    return f"{'precautionary ' if precautionary else ''}deadline {shown(deadline_at)}"


def _state(card: "BreachCard") -> str:
    return "closed" if card.closed_at else "suspicion" if card.precautionary else "breach"
