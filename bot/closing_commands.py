"""`python -m bot breach close`: what it leaves behind is said, and asked, before it is done."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from bot.breach_commands import Reference, breach_app
from bot.shell import By, at_the_desk, find_typist, refuse_typed, say_typist
from storage.shell import confirmed, fail, say
from storage.types import Role

if TYPE_CHECKING:
    from bot.desk import Desk
    from storage.breach_outlook import Outlook

SHOWN = 20


@breach_app.command()
def close(
    reference: Reference,
    no_breach: Annotated[
        str | None,
        typer.Option(
            "--no-breach", metavar="REASON", help="It was no breach, because …; once it was certain, the dpo's alone."
        ),
    ] = None,
    late_reason: Annotated[
        str | None, typer.Option("--late-reason", metavar="REASON", help="Why customers were told late, if any were.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Close without asking once more.")] = False,
    by: By = None,
) -> None:
    """Close a breach; refused while a customer is not told. Or, with its reason, a suspicion that was none."""
    refuse_typed(f"{no_breach or ''}\n{late_reason or ''}")
    with at_the_desk() as desk:
        if no_breach is None:
            _close(desk, reference, late_reason, by, yes=yes)
        else:
            _close_as_no_breach(desk, reference, no_breach, by, yes=yes)


def _close(desk: "Desk", reference: str, late_reason: str | None, by: str | None, *, yes: bool) -> None:
    """Where no final notice went out that is said before; at a terminal it is asked, elsewhere closing goes on."""
    from bot import breach_report, telling  # noqa: PLC0415 - slow
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.breach_outlook import look_ahead  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    say_typist(desk, by, at_least=Role.HANDLER)
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        breach_closing.refuse_unfinished(breach)
        outlook = look_ahead(session, breach)
    for line in _warn(outlook):
        say(line, err=True)
    if outlook.lacks_final and sys.stdin.isatty() and not confirmed(f"Close {breach.reference} all the same?", yes=yes):
        fail("Nothing was changed.")
    with desk.decide() as session:
        actor, _ = find_typist(session, by, at_least=Role.HANDLER)
        breach = breaches.get_breach(session, reference, to_change=True)
        breach_closing.close_breach(session, breach, late_reason=late_reason, by=actor, now=now())
        telling.tell_thread(session, breach.reference, "breach_closed", now=now())
        breach_report.tell_drill_closed(session, breach, desk.settings, now=now())
    say(f"{breach.reference} is closed{'; no final notice went out' if outlook.lacks_final else ''}.")


def _close_as_no_breach(desk: "Desk", reference: str, reason: str, by: str | None, *, yes: bool) -> None:
    from bot import breach_report, telling  # noqa: PLC0415 - slow
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.breach_outlook import look_ahead  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.reasons import read_reason  # noqa: PLC0415 - slow

    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        breaches.refuse_closed(breach)
        read_reason(breach.reference, reason)
        outlook, role = look_ahead(session, breach), breach_closing.role_to_rule_out(breach)
    say_typist(desk, by, at_least=role)
    for line in _say_ruling_out(breach.reference, outlook):
        say(line)
    if not confirmed(f"Close {breach.reference} as no breach?", yes=yes):
        fail("Nothing was changed.")
    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        actor, _ = find_typist(session, by, at_least=breach_closing.role_to_rule_out(breach))
        breach_closing.close_as_no_breach(session, breach, reason, by=actor, now=now())
        telling.tell_thread(session, breach.reference, "breach_no_breach", now=now())
        breach_report.tell_drill_closed(session, breach, desk.settings, now=now())
    say(f"{breach.reference} is closed: no breach.")


def _warn(outlook: "Outlook") -> Iterator[str]:
    """What an ordinary closing leaves open."""
    if outlook.draft is not None:
        yield f"Notice {outlook.draft} is prepared and was never sent: it stays so."
    if outlook.lacks_final:
        yield "No final notice went out: customers may still expect one (python -m bot breach notice … --final)."


def _say_ruling_out(reference: str, outlook: "Outlook") -> Iterator[str]:
    """What becomes of the notices, and who was told already: closing writes to nobody."""
    yield f"{reference} will be closed as no breach, and stay in the register."
    if outlook.queued:
        yield f"Withdrawn, not sent yet: the notice to {_names(outlook.queued)}."
    if outlook.draft is not None:
        yield f"Notice {outlook.draft}, prepared and not approved, goes to nobody."
    if not (outlook.queued or outlook.draft):
        yield "No notice waits to be withdrawn."
    if outlook.on_the_way:
        yield f"On its way already, not to be called back: the notice to {_names(outlook.on_the_way)}."
    if outlook.told:
        yield f"Told already, {len(outlook.told)} of {outlook.affected}: {_names(outlook.told)}."
        yield "Closing writes to nobody: somebody must tell them that it was none."
    else:
        yield "No customer has been told."


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
