"""`python -m bot dsr`: the decisions that Slack's buttons make, for when Slack is down. What is sent is shown first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.request_commands import Reference, request_app
from bot.shell import at_the_desk, shown
from storage.shell import confirmed, say, shell_actor

if TYPE_CHECKING:
    from bot.acts import Acts
    from storage.models import Request
    from storage.outbox import Words

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@contextmanager
def _deciding(reference: str) -> Iterator[tuple["Acts", "Request"]]:
    """The acts of whoever types, on a request that nobody else changes meanwhile; committed at the end."""
    from bot.acts import Acts  # noqa: PLC0415 - slow
    from storage import requests  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.decide() as session:
        request = requests.get_request(session, reference, to_change=True)
        yield Acts(session, desk.settings, shell_actor(), now()), request


@request_app.command()
def take(reference: Reference) -> None:
    """Take a held request: others see who has it."""
    from storage import decisions  # noqa: PLC0415 - slow

    with _deciding(reference) as (acts, request):
        decisions.take(acts.session, request, by=acts.by, now=acts.now)
    say(f"{request.reference} is yours.")


@request_app.command()
def refer(reference: Reference) -> None:
    """Hand a held request to the data protection officer: nobody here knows whose it is."""
    with _deciding(reference) as (acts, request):
        acts.refer(request)
    say(f"{request.reference} is with the data protection officer.")


@request_app.command()
def own(reference: Reference) -> None:
    """Keep a held request for Kavkom itself, which is the controller; the dpo has a month from receipt."""
    from storage.deadlines import own_answer_due  # noqa: PLC0415 - slow

    with _deciding(reference) as (acts, request):
        acts.keep_as_own(request)
    say(f"{request.reference} is for Kavkom itself; an answer is due by {shown(own_answer_due(request.received_at))}.")


@request_app.command()
def ask(reference: Reference, yes: Yes = False) -> None:
    """Ask the person which number called, when, and which name was given. The mail is shown first."""
    from bot.person_mails import write_question  # noqa: PLC0415 - slow

    if _shown(reference, write_question, yes):
        with _deciding(reference) as (acts, request):
            acts.ask(request)
        say(f"The person of {request.reference} is asked.")


@request_app.command("close-unknown")
def close_unknown(reference: Reference, yes: Yes = False) -> None:
    """Close with a last mail: not even the person knows which customer is meant. The mail is shown first."""
    from bot.person_mails import write_closing  # noqa: PLC0415 - slow

    if _shown(reference, write_closing, yes):
        with _deciding(reference) as (acts, request):
            acts.close_unknown(request)
        say(f"{request.reference} is closed; python -m bot dsr take-back {request.reference} undoes that.")


@request_app.command("possible-breach")
def possible_breach(reference: Reference) -> None:
    """Open a possible breach from a letter; its 48 hours count from the receipt."""
    with _deciding(reference) as (acts, request):
        breach = acts.open_possible_breach(request, lead=None)
    deadline = shown(breach.deadline_at)
    say(f"{breach.reference} is open about {request.reference}, precautionary deadline {deadline}.")


@request_app.command()
def misrouted(
    reference: Reference,
    customer: Annotated[str, typer.Argument(metavar="WRONG", help="The customer that got it by mistake.")],
    right: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="The right customer, if known.")] = None,
    yes: Yes = False,
) -> None:
    """Record that a request went to a wrong customer: a possible breach, a mail asking to delete, the right forward."""
    from storage import customers  # noqa: PLC0415 - slow

    if not confirmed(f"Open a possible breach, and ask {customer} to delete what it got?", yes=yes):
        return
    with _deciding(reference) as (acts, request):
        wrong = customers.get_customer(acts.session, customer)
        to = customers.get_customer(acts.session, right) if right else None
        breach = acts.record_misrouted(request, wrong, to, lead=None)
    told = f"{breach.reference} is open" if breach else "nothing had left, so no breach is open"
    say(f"{request.reference} is taken from {wrong.reference}; {told}.")


@request_app.command("reject")
def reject_proposal(reference: Reference) -> None:
    """Reject the customer that a colleague proposed (TWO_PERSONS)."""
    with _deciding(reference) as (acts, request):
        acts.reject_proposal(request)
    say(f"{request.reference} waits for another decision.")


def _shown(reference: str, write: Callable[["Request", str], tuple["Words", str]], yes: bool) -> bool:
    """Print the mail, and ask whether it shall go."""
    from storage import requests  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.reading() as session:
        request = requests.get_request(session, reference)
        words, _ = write(request, desk.settings.company_name)
    say(f"Subject: {words.subject}\n\n{words.text}\n")
    return confirmed("Send this to the person?", yes=yes)
