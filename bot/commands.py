"""The commands of `python -m bot`. What is slow to import is imported by the command that needs it."""

from typing import Annotated

import typer

from bot import (  # noqa: F401 - add their commands to `bot dsr` and `bot breach`
    call_commands,
    closing_commands,
    customer_commands,
    decision_commands,
    document_commands,
    failure_commands,
    notice_commands,
    record_commands,
)
from bot.breach_commands import breach_app
from bot.evidence_commands import evidence
from bot.proof_commands import register
from bot.request_commands import request_app
from bot.shell import at_the_desk
from storage.shell import EX_UNAVAILABLE, fail, importing, new_app, opened, say

app = new_app(
    "Slack and the clocks of the Privacy Desk. Without a command it runs for ever.", invoke_without_command=True
)
app.add_typer(breach_app, name="breach")
app.add_typer(request_app, name="dsr")
app.command()(evidence)
app.command()(register)


@app.callback()
def run(context: typer.Context) -> None:
    """Slack and the clocks of the Privacy Desk. Without a command it runs for ever."""
    if context.invoked_subcommand is not None:
        return
    with importing():
        from bot.running import run_for_ever  # noqa: PLC0415 - slow
        from bot.settings import BotSettings  # noqa: PLC0415 - slow
        from storage.logs import log_paused, start_logging  # noqa: PLC0415 - slow
        from storage.restored import at_home  # noqa: PLC0415 - slow
        from storage.settings import load_or_exit  # noqa: PLC0415 - slow

    settings = load_or_exit(BotSettings)
    start_logging(settings.log_format)
    with opened(settings.database_url.get_secret_value()) as database, at_home(database) as pause:
        if pause:
            log_paused(pause.reason, pause.since_at)
        raise typer.Exit(run_for_ever(database, settings))


@app.command()
def check() -> None:
    """Ask Slack whether tokens, scopes and the channel are as they should be; post nothing."""
    from bot.check import find_problems  # noqa: PLC0415 - slow
    from bot.settings import BotSettings  # noqa: PLC0415 - slow
    from storage.settings import load_or_exit  # noqa: PLC0415 - slow

    settings = load_or_exit(BotSettings)
    with opened(settings.database_url.get_secret_value()):
        problems = find_problems(settings)
    for problem in problems:
        say(problem, err=True)
    if problems:
        fail(f"{len(problems)} {'thing needs' if len(problems) == 1 else 'things need'} mending.", EX_UNAVAILABLE)
    say("Slack accepts both tokens, and the bot can post in its channel.")


@app.command()
def digest(
    date: Annotated[
        str | None, typer.Option(metavar="DAY", help="2026-11-27; today's, or yesterday's before 8.")
    ] = None,
) -> None:
    """Print the daily figures: what came, went, waits, and the journal's last entry. Nothing is sent."""
    from bot.digest import read_day, write  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow
    from storage.digest import gather  # noqa: PLC0415 - slow

    at = now()
    day = read_day(date, now=at)
    if day is None:
        fail(f"“{date}” is no day such as 2026-11-27, or it is still to come.", 2)
    with at_the_desk() as desk, desk.database.reading() as session:
        words = write(gather(session, day, now=at), "en", company=desk.settings.company_name, now=at, in_time=True)
    say(words.text)


@app.command()
def manifest() -> None:
    """Print the app's manifest, to be pasted where a Slack app is made."""
    from bot.check import read_manifest  # noqa: PLC0415 - slow

    say(read_manifest().rstrip())
