"""`python -m storage paused` and `resume`: what may have gone out since a backup, and a person's word on it."""

from typing import TYPE_CHECKING, NoReturn

import typer

from storage.shell import fail, opened, print_table, say, shell_actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.gone_out import MayHaveGoneOut
    from storage.models import Pause

REASONS = {"restored": "this record was restored from a copy"}
MEANWHILE = "The list has grown meanwhile: nothing was changed. Please look at it again."


def show_paused(url: str) -> NoReturn:
    """Say what is paused and what may have gone out; exit 1 if something is."""
    from storage.restored import at_home  # noqa: PLC0415 - slow

    with opened(url, existing=True) as database, at_home(database), database.reading() as session:
        shown = _show(session)
    if shown is None:
        say("Nothing is paused.")
        raise SystemExit(0)
    say("Go on: python -m storage resume [--withhold REF … | --withhold-all]")
    raise SystemExit(1)


def resume_after_asking(url: str, *, withhold: list[str], withhold_all: bool, yes: bool, at_once: bool) -> None:
    """Show the list, ask, and go on."""
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.gone_out import ListGrew, resume  # noqa: PLC0415 - slow
    from storage.restored import at_home  # noqa: PLC0415 - slow

    with opened(url, existing=True) as database, at_home(database):
        with database.reading() as session:
            shown = _show(session)
            if shown is None:
                say("Nothing is paused.")
                return
            _refuse_too_early(session, at_once=at_once)
        chosen = _chosen(shown, withhold, withhold_all=withhold_all)
        _ask(shown, chosen, yes=yes)
        try:
            with database.begin() as session:
                resume(session, shown=shown, withhold=chosen, by=shell_actor(), now=now())
        except ListGrew:
            fail(MEANWHILE)
    say("Sending goes on.")


def _show(session: "Session") -> "MayHaveGoneOut | None":
    """Print each open pause and the list of the first; None when nothing is paused."""
    from storage.gone_out import may_have_gone_out  # noqa: PLC0415 - slow
    from storage.pauses import open_pauses  # noqa: PLC0415 - slow

    open_ones = open_pauses(session)
    for pause in open_ones:
        _say_pause(pause)
    if not open_ones:
        return None
    shown = may_have_gone_out(session, open_ones[0])
    _say_list(shown)
    return shown


def _say_pause(pause: "Pause") -> None:
    from storage.clock import in_paris  # noqa: PLC0415 - slow

    say(f"Sending is paused since {in_paris(pause.since_at)}: {REASONS.get(pause.reason, pause.reason)}.")


def _say_list(shown: "MayHaveGoneOut") -> None:
    from storage.clock import in_paris  # noqa: PLC0415 - slow

    if shown.deliveries:
        say("These may have gone out already, and are sent when you go on:")
        print_table(
            (one.reference, one.customer or "-", one.customer_name or "-", one.purpose.value, in_paris(one.queued_at))
            for one in shown.deliveries
        )
    held = [one for one in shown.requests if one.reference not in shown.references]
    if held:
        say("These were taken in again and wait for a person; they may have been forwarded already:")
        print_table((one.reference, f"received {in_paris(one.received_at)}") for one in held)
    doubts = f"{_count(len(shown.deliveries), 'e-mail')} and {_count(len(held), 'request')}"
    say(f"In doubt: {doubts}. Besides, {_count(shown.waiting, 'e-mail')} that only waited.")


def _refuse_too_early(session: "Session", *, at_once: bool) -> None:
    from storage.pauses import RESTORED, is_paused  # noqa: PLC0415 - slow
    from storage.restored import not_compared  # noqa: PLC0415 - slow

    pause = is_paused(session)
    if at_once or pause is None or pause.reason != RESTORED:
        return
    if missing := not_compared(session, pause):
        fail(
            f"Not yet: the mailbox ({', '.join(missing)}) was not compared with this record since, and letters in it "
            "may have been forwarded already. Start python -m mail, which sends nothing while it is paused, and look "
            "again; or go on with --at-once."
        )


def _chosen(shown: "MayHaveGoneOut", withhold: list[str], *, withhold_all: bool) -> set[str]:
    """The references to withhold; one that is not in the list is refused before anybody is asked."""
    chosen = {reference.strip().upper() for reference in withhold}
    for reference in sorted(chosen - shown.references):
        fail(f"{reference} is not in the list: nothing was changed.")
    return set(shown.references) if withhold_all else chosen


def _ask(shown: "MayHaveGoneOut", chosen: set[str], *, yes: bool) -> None:
    withheld = sum(one.reference in chosen for one in shown.deliveries)
    sent = len(shown.deliveries) - withheld + shown.waiting
    say(f"{_count(withheld, 'e-mail')} withheld, {_count(sent, 'e-mail')} sent.")
    try:
        agreed = yes or typer.confirm("Go on?")
    except typer.Abort:
        agreed = False
    if not agreed:
        fail("Nothing was changed.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
