"""`python -m bot dsr`: what waits, and the same decisions as in Slack, for when Slack is down."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.shell import at_the_desk, shown
from storage.shell import new_app, print_table, say, shell_actor

if TYPE_CHECKING:
    from bot.cards import RequestCard

request_app = new_app("Data subjects' requests: forwarded upon receipt (clause 4).")
Reference = Annotated[str, typer.Argument(metavar="REF", help="The request, such as DSR-2026-0042.")]


@request_app.command("list")
def list_requests() -> None:
    """List the requests that wait for a person, the longest waiting first."""
    from bot.cards import show_request  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        waiting = [show_request(session, one) for one in requests.find_waiting(session)]
    rows = [(one.reference, ", ".join(one.rights) or "-", one.language, shown(one.received_at)) for one in waiting]
    print_table(rows) if rows else say("Nothing waits.")


@request_app.command()
def show(reference: Reference) -> None:
    """Show a request: since when it is here, who has it, and whom to telephone if it did not arrive."""
    from bot.cards import show_request  # noqa: PLC0415 - slow
    from bot.failure_shell import tell_forward, tell_task  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        card = show_request(session, requests.get_request(session, reference))
        say(f"{card.reference}: {_state(card)}, received {shown(card.received_at)}")
        say(f"rights: {', '.join(card.rights) or '-'}; language: {card.language}; kind: {card.kind}")
        for line in card.forwards:
            tell_forward(session, line)
        for task in card.tasks:
            tell_task(task, card.reference)


@request_app.command()
def route(
    reference: Reference,
    customer: Annotated[list[str], typer.Argument(metavar="CUSTOMER…", help="Customers, such as C0001 C0002.")],
) -> None:
    """Forward a request to its customer, or to each of several."""
    from bot import telling  # noqa: PLC0415 - slow
    from bot.desk import CHOSEN_BY_STAFF  # noqa: PLC0415 - slow
    from storage import customers, replies, requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            own, by, at = desk.settings.mail_address, shell_actor(), now()
            for one in customers.get_customers(session, customer):
                forward = requests.forward_request(
                    session, request, one, evidence=CHOSEN_BY_STAFF, own_address=own, by=by, now=at
                )
                replies.send_follow_ups(session, forward, now=at)
            telling.tell_thread(session, request.reference, "request_routed", now=at)
        say(f"{request.reference} is on its way to {', '.join(customer)}.")


@request_app.command("set-aside")
def set_aside(
    reference: Reference,
    reason: Annotated[str, typer.Option(help="spam, duplicate, not_a_request, own_controller, test, or “other: why”.")],
) -> None:
    """Put a held request aside; it can be taken back."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
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


def _state(card: "RequestCard") -> str:
    if card.set_aside_at is not None:
        return f"set aside ({card.set_aside_reason})"
    return "held" if card.held else "not received by every customer" if card.failed else "forwarded"
