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
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.breach_outlook import look_ahead  # noqa: PLC0415 - slow

    say_typist(desk, by, at_least=Role.HANDLER)
    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        breach_closing.refuse_unfinished(breach)
        outlook = look_ahead(session, breach)
    shown: list[str] | None = None
    while (lines := list(_warn(outlook))) != shown:
        _say_new(lines, shown, err=True)
        asked = outlook.lacks_final and sys.stdin.isatty()
        if asked and not confirmed(f"Close {breach.reference} all the same?", yes=yes):
            fail("Nothing was changed.")
        shown, outlook = lines, _close_as_shown(desk, reference, late_reason, by, lines)
    say(f"{breach.reference} is closed{'; no final notice went out' if outlook.lacks_final else ''}.")


def _close_as_shown(
    desk: "Desk", reference: str, late_reason: str | None, by: str | None, shown: list[str]
) -> "Outlook":
    """Close it, if what there is to say of it is what was shown; how it stood."""
    from bot import breach_report  # noqa: PLC0415 - slow
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.breach_outlook import look_again  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with desk.decide() as session:
        actor, _ = find_typist(session, by, at_least=Role.HANDLER)
        breach = breaches.get_breach(session, reference, to_change=True)
        breach_closing.refuse_unfinished(breach)
        outlook = look_again(session, breach)
        if list(_warn(outlook)) == shown:
            breach_closing.close_breach(session, breach, late_reason=late_reason, by=actor, now=now())
            breach_report.tell_closed(session, breach, desk.settings, now=now())
    return outlook


def _close_as_no_breach(desk: "Desk", reference: str, reason: str, by: str | None, *, yes: bool) -> None:
    """What it withdraws, and who was told, is shown and asked; anew where that changed while somebody thought."""
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.breach_outlook import look_ahead  # noqa: PLC0415 - slow
    from storage.reasons import read_reason  # noqa: PLC0415 - slow

    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        breaches.refuse_closed(breach)
        read_reason(breach.reference, reason)
        outlook, role = look_ahead(session, breach), breach_closing.role_to_rule_out(breach)
    say_typist(desk, by, at_least=role)
    shown: Outlook | None = None
    while outlook != shown:
        before = list(_say_ruling_out(breach.reference, shown)) if shown else None
        _say_new(list(_say_ruling_out(breach.reference, outlook)), before)
        if not confirmed(f"Close {breach.reference} as no breach?", yes=yes):
            fail("Nothing was changed.")
        shown, outlook = outlook, _rule_out(desk, reference, reason, by, outlook)
    say(f"{breach.reference} is closed: no breach.")


def _rule_out(desk: "Desk", reference: str, reason: str, by: str | None, shown: "Outlook") -> "Outlook":
    """Close it as no breach, if it stands as was shown; how it stood."""
    from bot import breach_report  # noqa: PLC0415 - slow
    from storage import breach_closing, breaches  # noqa: PLC0415 - slow
    from storage.breach_outlook import look_again  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        breaches.refuse_closed(breach)
        actor, _ = find_typist(session, by, at_least=breach_closing.role_to_rule_out(breach))
        outlook = look_again(session, breach)
        if outlook == shown:
            breach_closing.close_as_no_breach(session, breach, reason, by=actor, now=now())
            breach_report.tell_closed(session, breach, desk.settings, now=now())
    return outlook


def _say_new(lines: list[str], before: list[str] | None, *, err: bool = False) -> None:
    """All lines at first; later what is new among them, or all where the change is in what they only count."""
    if before is not None:
        say("Meanwhile this has changed, and nothing was closed:", err=err)
    for line in [line for line in lines if line not in (before or ())] or lines:
        say(line, err=err)


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
