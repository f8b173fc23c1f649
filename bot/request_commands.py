"""`python -m bot dsr`: what waits, and the same decisions as in Slack, for when Slack is down."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.shell import at_the_desk, read_instant, shown
from bot.ways import Way
from storage.shell import fail, new_app, print_table, say, shell_actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bot.cards import RequestCard
    from bot.recording import Recording
    from storage.looking import SentOn, Written

request_app = new_app("Data subjects' requests: forwarded upon receipt (clause 4).")
Reference = Annotated[str, typer.Argument(metavar="REF", help="The request, such as DSR-2026-0042.")]


@request_app.command("list")
def list_requests() -> None:
    """List the requests that wait for a person, the longest waiting first."""
    from bot.showing import show_request  # noqa: PLC0415 - slow
    from bot.who import NamesAtAShell  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        names = NamesAtAShell(session)
        waiting = [show_request(session, one, names=names) for one in requests.find_waiting(session)]
    rows = [
        (one.reference, ", ".join(one.rights) or "-", one.language, shown(one.received_at), one.owner or "nobody's")
        for one in waiting
    ]
    print_table(rows) if rows else say("Nothing waits.")


@request_app.command()
def show(reference: Reference) -> None:
    """Show a request: since when it is here, who has it, and whom to telephone if it did not arrive."""
    from bot.failure_shell import tell_decision, tell_forward, tell_order, tell_task  # noqa: PLC0415 - slow
    from bot.showing import show_request  # noqa: PLC0415 - slow
    from bot.who import NamesAtAShell  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        request = requests.get_request(session, reference)
        card = show_request(session, request, names=NamesAtAShell(session))
        say(f"{card.reference}: {_state(card)}, received {shown(card.received_at)}")
        say(f"rights: {', '.join(card.rights) or '-'}; language: {card.language}; kind: {card.kind}")
        tell_decision(card)
        for forward, line in zip(request.forwards, card.forwards, strict=True):
            tell_forward(session, line)
            tell_order(forward)
        for task in card.tasks:
            tell_task(task, card.reference)


@request_app.command()
def route(
    reference: Reference,
    customer: Annotated[list[str], typer.Argument(metavar="CUSTOMER…", help="Customers, such as C0001 C0002.")],
) -> None:
    """Forward a request to its customer, or to each of several."""
    from bot.acts import Acts  # noqa: PLC0415 - slow
    from storage import customers, requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            acts = Acts(session, desk.settings, shell_actor(), now())
            if len(customer) > 1 and desk.settings.two_persons:
                fail("With TWO_PERSONS one customer at a time is proposed.")
            several = len(customer) > 1
            left = [acts.choose(request, one, several=several) for one in customers.get_customers(session, customer)]
        done = "is on its way to" if all(left) else "waits for a second person to agree to"
        say(f"{request.reference} {done} {', '.join(customer)}.")


@request_app.command("set-aside")
def set_aside(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="spam, duplicate, not_a_request, test, or “other: why”.")],
) -> None:
    """Put a held request aside; it can be taken back."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            if reason.partition(":")[0].strip() == requests.OWN_CONTROLLER:
                fail(f"What Kavkom itself answers has a month: python -m bot dsr own {request.reference}", 2)
            requests.set_aside(session, request, reason, by=shell_actor(), now=now())
            telling.tell_thread(session, request.reference, "request_set_aside", now=now())
        say(f"{request.reference} is set aside; python -m bot dsr take-back {request.reference} undoes that.")


@request_app.command("take-back")
def take_back(reference: Reference) -> None:
    """Undo set-aside: the request waits again."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            requests.take_back(session, request, by=shell_actor(), now=now())
            telling.tell_thread(session, request.reference, "request_taken_back", now=now())
        say(f"{request.reference} waits for a person again.")


@request_app.command()
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A saved mail (.eml), a scan, or a note of a call.")],
    received_at: Annotated[str, typer.Option(metavar="INSTANT", help="When it reached us: 2026-10-23T17:40 (Paris).")],
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The person's e-mail address.")
    ] = None,
    channel: Annotated[Way | None, typer.Option(help="How it came; by default a letter, or an e-mail.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be recorded; record nothing.")] = False,
) -> None:
    """Record a request that reached us by letter, by telephone or in a colleague's mailbox, with its real date."""
    from bot import recording  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    at, person = read_instant(received_at), sender and _read_address(sender)
    with at_the_desk() as desk:
        own = desk.settings.mail_address
        prepared = recording.prepare(file, received_at=at, way=channel, sender=person, own_address=own)
        if dry_run:
            recording.preview(desk, prepared, now=now())
            say(f"{file.name}: {_described(prepared)}. Nothing was recorded.")
            return
        reference = recording.record(desk, prepared, by=shell_actor(), now=now())
    say(f"{reference} is recorded: {_described(prepared)}.")
    say(f"It waits for a person: python -m bot dsr route {reference} CUSTOMER, or its card in Slack.")


@request_app.command()
def find(
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="The person's e-mail address.")],
) -> None:
    """Find what came from an address, and what became of it; that you looked is on record."""
    from storage import looking  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    address = _read_address(sender)
    with at_the_desk() as desk:
        with desk.decide() as session:
            found = looking.find_written(session, address)
            looking.record_looked_up(session, found, by=shell_actor(), now=now())
        with desk.database.reading() as session:
            for one in found:
                _tell_written(session, one)
    if not found:
        say("Nothing came from this address. Ask for the day, for another address, or for the number that called:")
        say("it may have come by post, or from somebody who wrote on the person’s behalf.")


def _tell_written(session: "Session", one: "Written") -> None:
    """One mail of a person, and what became of it."""
    from bot.failure_shell import tell_forward  # noqa: PLC0415 - slow
    from bot.showing import show_request  # noqa: PLC0415 - slow
    from bot.who import NamesAtAShell  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow

    if one.reference is None:
        state = "kept, it belongs to no request" if one.decided_at else "not decided yet"
        say(f"{shown(one.received_at)}: {_WROTE[one.what] if one.what else 'a mail'}, {state}")
    elif one.what is not None:
        say(f"{shown(one.received_at)}: {_WROTE[one.what]}, {one.reference}")
        for sent in one.sent_on:
            say(f"  {sent.customer} {sent.name}: queued {shown(sent.queued_at)}, {_sent_on(sent)}")
    else:
        request = requests.get_request(session, one.reference)
        card = show_request(session, request, names=NamesAtAShell(session))
        waits = f" for {card.hold}" if card.held and card.hold else ""
        say(f"{shown(one.received_at)}: {_WROTE[None]}, {one.reference}, {_state(card)}{waits}")
        for line in card.forwards:
            tell_forward(session, line)
        if one.acknowledged_at:
            say(f"  the person was told that it came {shown(one.acknowledged_at)}")


_WROTE = {
    None: "a letter",
    "follow-up": "wrote again",
    "copy": "the same letter once more",
    "reply": "an answer, for a person to read",
    "report": "a report about a delivery",
    "automatic": "an automatic answer",
    "covering": "a mail in which a letter came",
}


def _sent_on(sent: "SentOn") -> str:
    if sent.failed_at is not None:
        return f"NOT RECEIVED {shown(sent.failed_at)}"
    return f"accepted {shown(sent.accepted_at)}" if sent.accepted_at else "not accepted yet"


def _read_address(text: str) -> str:
    """An e-mail address as it was typed, or a sentence and exit 2."""
    from storage.tables import ADDRESS  # noqa: PLC0415 - slow

    if not ADDRESS.fullmatch(text.strip()):
        fail("--from takes one e-mail address, such as jeanne@example.org.", 2)
    return text.strip()


def _described(prepared: "Recording") -> str:
    """How it came, when, and what that means for the customer."""
    from storage.deadlines import answer_date  # noqa: PLC0415 - slow

    size = f"{max(len(prepared.raw) // 1024, 1)} KB"
    known = "sender known" if prepared.sender else "sender not known"
    month = f"the month to answer ends on {answer_date(prepared.received_at)}"
    return f"{prepared.way.value}, {size}, {known}, received {shown(prepared.received_at)}; {month}"


def _state(card: "RequestCard") -> str:
    if card.set_aside_at is not None:
        return f"set aside ({card.set_aside_reason})"
    return "held" if card.held else "not received by every customer" if card.failed else "forwarded"
