"""`python -m bot dsr`: what to do when a forward fails, and the open tasks. Another address is given here only."""

from typing import Annotated

import typer

from bot.request_commands import Reference, request_app
from bot.shell import at_the_desk, read_instant, shown
from storage.shell import print_table, say, shell_actor
from storage.types import Means

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Its number within the request, as “tasks” shows it.")]
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer, such as C0001.")]


@request_app.command("send-again")
def send_again(reference: Reference, customer: Customer) -> None:
    """Send a forward that was refused or came back once more, to the same address."""
    from storage import customers, failures, requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            who = customers.get_customer(session, customer)
            failures.send_again(session, request, who, by=shell_actor(), now=now())
        say(f"{request.reference} is on its way to {who.name} again.")


@request_app.command()
def redirect(
    reference: Reference,
    customer: Customer,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where the customer wants it sent.")],
    instruction: Annotated[str, typer.Option(help="Who of the customer said so, when and how. It is kept.")],
) -> None:
    """Send a forward to another address, as the customer instructed."""
    from storage import customers, failures, requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            who, own, by = customers.get_customer(session, customer), desk.settings.mail_address, shell_actor()
            failures.redirect(
                session, request, who, address, instruction=instruction, own_address=own, by=by, now=now()
            )
        say(f"{request.reference} is on its way to {who.name} at the address it named; the instruction is recorded.")


@request_app.command()
def reached(
    reference: Reference,
    customer: Customer,
    means: Annotated[Means, typer.Option(help="How the customer was told.")],
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="When; now if not given.")] = None,
) -> None:
    """Record that a customer was told of a request by other means than our mail."""
    from storage import customers, failures, requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    told_at = read_instant(at) if at else now()
    with at_the_desk() as desk:
        with desk.decide() as session:
            request = requests.get_request(session, reference, to_change=True)
            who = customers.get_customer(session, customer)
            failures.record_reached(session, request, who, means=means, at=told_at, by=shell_actor(), now=now())
        say(
            f"{request.reference}: {who.name} was told by {means.value} at {shown(told_at)}; hand over the letter, too."
        )


@request_app.command("tasks")
def list_tasks() -> None:
    """List what is still to be done about requests, since and until when, and who has taken it."""
    from storage import tasks  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        rows = [
            (task.case, str(number), task.what.value, shown(task.opened_at), shown(task.due_at), task.owner or "-")
            for number, task in tasks.find_most_urgent(session, limit=10_000)
        ]
    print_table(rows) if rows else say("There is nothing to do.")


@request_app.command("take-task")
def take_task(reference: Reference, number: Number) -> None:
    """Take a task: the others see that it is yours."""
    from storage import tasks  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            task = tasks.get_task(session, reference.strip().upper(), number)
            tasks.take_task(session, task, by=shell_actor(), now=now())
        say(f"{task.case}: task {number} is yours.")


@request_app.command("finish-task")
def finish_task(reference: Reference, number: Number) -> None:
    """Say that a task is done."""
    from storage import tasks  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            task = tasks.get_task(session, reference.strip().upper(), number)
            tasks.finish_task(session, task, by=shell_actor(), now=now())
        say(f"{task.case}: task {number} is done.")


@request_app.command("due")
def set_due(
    reference: Reference,
    number: Number,
    instant: Annotated[str, typer.Argument(metavar="INSTANT", help="By when: 2026-12-04T12:00 (Paris).")],
) -> None:
    """Say by when a task must be done: reminders come before it, and daily after it."""
    from storage import tasks  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    due_at = read_instant(instant)
    with at_the_desk() as desk:
        with desk.decide() as session:
            task = tasks.get_task(session, reference.strip().upper(), number)
            tasks.set_due(session, task, due_at, by=shell_actor(), now=now())
        passed = ", which has passed: it rings now" if due_at <= now() else ""
        say(f"{task.case}: task {number} is due {shown(due_at)}{passed}.")
