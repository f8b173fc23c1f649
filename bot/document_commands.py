"""`python -m bot breach`: the documents of a breach, and for whom each is; here, unlike in Slack, with their names."""

from typing import Annotated

import typer

from bot.breach_commands import Reference, breach_app
from bot.shell import at_the_desk, shown
from storage.shell import fail, print_table, say, shell_actor

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Its number within the breach, as “documents” shows it.")]


@breach_app.command("documents")
def list_documents(reference: Reference) -> None:
    """List the documents that staff mailed to a breach, for whom each is, and the address that takes more."""
    from bot.document_words import address_for, show_documents, size_in_words  # noqa: PLC0415 - slow
    from storage import breaches, documents  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk, desk.database.begin() as session:
        breach = breaches.get_breach(session, reference)
        names = [one.name or "-" for one in documents.documents_of(session, breach)]
        lines = show_documents(session, breach)
        address = address_for(session, breach, desk.settings.mail_address, now=now())
    rows = [
        (
            str(one.number),
            name,
            one.content_type,
            size_in_words(one.size, "en"),
            one.sha256 or "UNREADABLE",
            shown(one.received_at),
            _fate(one.withdrawn, one.for_all, one.customer) + (", sent" if one.sent else ""),
        )
        for one, name in zip(lines, names, strict=True)
    ]
    print_table(rows) if rows else say("There is no document.")
    say(f"Staff mail documents to {address}." if address else "Set MAIL_ADDRESS to see where staff mail documents to.")


@breach_app.command("mark")
def mark_document(
    reference: Reference,
    number: Number,
    customer: Annotated[str | None, typer.Option("--for", metavar="CUSTOMER", help="For this customer only.")] = None,
    for_all: Annotated[bool, typer.Option("--for-all", help="For all affected customers.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="For nobody any more.")] = False,
) -> None:
    """Say for whom a document is. Nothing is attached to a notice before."""
    from storage import breaches, customers, documents  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    if [customer is not None, for_all, withdraw].count(True) != 1:
        fail("Say one of these: --for CUSTOMER, --for-all, --withdraw.", 2)
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            one = customers.get_customer(session, customer) if customer else None
            if withdraw:
                documents.withdraw_document(session, breach, number, by=shell_actor(), now=now())
                named = []
            else:
                document = documents.mark_document(session, breach, number, one, by=shell_actor(), now=now())
                named = documents.others_named(session, breach, document, given=one)
        say(f"{breach.reference}: document {number} is {_fate(withdraw, for_all, customer)}.")
        if named:
            listed = ", ".join(f"{other.name} ({other.reference})" for other in named)
            say(f"CAREFUL: it names {listed}. Read it before a notice goes out.", err=True)


def _fate(withdrawn: bool, for_all: bool, customer: str | None) -> str:
    if withdrawn:
        return "withdrawn"
    return "for all" if for_all else f"for {customer} only" if customer else "to be marked"
