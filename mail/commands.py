"""The commands of `python -m mail`. What is slow to import is imported by the command that needs it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from storage.shell import EX_TEMPFAIL, fail, importing, new_app, opened, print_table, say

if TYPE_CHECKING:
    from mail.reader import Reader
    from mail.settings import MailSettings, ReadingSettings
    from storage.settings import Settings

    Chosen = TypeVar("Chosen", bound=Settings)

app = new_app(
    "The mail half of the Privacy Desk. Without a command: fetch, decide, send, for ever.", invoke_without_command=True
)
EX_UNAVAILABLE = 69


def _settings() -> "MailSettings":
    from mail.settings import MailSettings  # noqa: PLC0415 - slow
    from storage.settings import load_or_exit  # noqa: PLC0415 - slow

    return load_or_exit(MailSettings)


def _reader() -> "Reader":
    """The process that reads mails: it starts while ours is still importing."""
    with importing():
        from mail.reader import Reader  # noqa: PLC0415 - slow

    return Reader()


def _url(settings: "ReadingSettings") -> str:
    return settings.database_url.get_secret_value()


@app.callback()
def run(context: typer.Context) -> None:
    """Fetch, decide and send until told to stop."""
    if context.invoked_subcommand is not None:
        return
    with _reader() as reader:
        with importing():
            from mail.service import serve  # noqa: PLC0415 - slow
            from storage.logs import log_paused, start_logging  # noqa: PLC0415 - slow
            from storage.restored import at_home  # noqa: PLC0415 - slow

        settings = _settings()
        start_logging(settings.log_format)
        with opened(_url(settings)) as database, at_home(database) as pause:
            if pause:
                log_paused(pause.reason, pause.since_at)
            serve(database, settings, reader=reader)


@app.command()
def drain(
    patience: Annotated[float, typer.Option(help="Seconds to go on trying what is refused for now.")] = 60,
) -> None:
    """One pass: take in everything, send everything; exit 75 if another process polls the mailbox."""
    with _reader() as reader:
        with importing():
            from mail.service import AnotherPoller, MailboxAway  # noqa: PLC0415 - slow
            from mail.service import drain as drain_once  # noqa: PLC0415 - slow
            from storage.logs import log_paused, start_logging  # noqa: PLC0415 - slow
            from storage.progress import progress  # noqa: PLC0415 - slow
            from storage.restored import at_home  # noqa: PLC0415 - slow

        settings = _settings()
        start_logging(settings.log_format, quiet=True)
        with opened(_url(settings)) as database, at_home(database) as pause:
            if pause:
                log_paused(pause.reason, pause.since_at)
            try:
                with progress(None, "mails looked at") as counting:
                    done = drain_once(database, settings, reader=reader, patience=patience, advance=counting.advance)
            except AnotherPoller:
                fail("Another process polls this mailbox: stop it first, or let it work.", EX_TEMPFAIL)
            except MailboxAway as error:
                fail(f"Nothing more was taken in: {error}. What is kept stays queued.", EX_UNAVAILABLE)
    say(
        f"{done.received} received, {done.sent} sent, {done.held} held for a person, "
        f"{done.waiting} still queued, {done.refused} refused."
    )


@app.command()
def check() -> None:
    """Log in everywhere and send nothing; exit 69 if a side is not well."""
    from mail.checking import check as check_all  # noqa: PLC0415 - slow
    from mail.typesetting import say_whether  # noqa: PLC0415 - as the other

    settings = _settings()
    with opened(_url(settings)):
        say("Database: it answers and is up to date.")
    wells = []
    for well, sentence in check_all(settings):
        say(sentence, err=not well)
        wells.append(well)
    say(say_whether())
    if not all(wells):
        raise SystemExit(EX_UNAVAILABLE)


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Last contacts, waiting, held, sent, how fast, failing."""
    from mail.status import as_json, as_rows  # noqa: PLC0415 - slow
    from storage.clock import now, real_now  # noqa: PLC0415 - slow
    from storage.figures import gather  # noqa: PLC0415 - slow
    from storage.settings import Settings, load_or_exit  # noqa: PLC0415 - slow

    settings = load_or_exit(Settings)
    with opened(settings.database_url.get_secret_value()) as database, database.reading() as session:
        figures = gather(session, now=now(), real_now=real_now())
    if json:
        say(as_json(figures))
    else:
        print_table(as_rows(figures, real_now=real_now()))


@app.command()
def explain(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Mails as files (.eml).")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="As if received then.")] = None,
) -> None:
    """Decide about mails without writing or sending, and say why."""
    from mail.explaining import as_json  # noqa: PLC0415 - slow
    from mail.explaining import explain as explain_one  # noqa: PLC0415 - slow
    from mail.settings import ReadingSettings  # noqa: PLC0415 - slow
    from mail.telling import as_text  # noqa: PLC0415 - slow
    from storage.clock import UnreadableInstant, now, read_instant  # noqa: PLC0415 - slow
    from storage.settings import load_or_exit  # noqa: PLC0415 - slow

    settings = load_or_exit(ReadingSettings)
    try:
        instant = read_instant(at) if at else now()
    except UnreadableInstant:
        fail("--at is no instant such as 2026-10-23T17:40+02:00.", 2)
    form = as_json if json else as_text
    with opened(_url(settings)) as database, database.reading() as session:
        for file in files:
            try:
                say(form(explain_one(session, file, settings=settings, at=instant)))
            except OSError as error:
                fail(f"{file.name} cannot be read: {error.strerror}.", 66)
