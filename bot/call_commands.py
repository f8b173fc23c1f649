"""`python -m bot breach`: who was told and how, what is owed after, a lost notice once more, and the call sheet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.breach_commands import Instant, Reference, breach_app
from bot.evidence_commands import Language
from bot.shell import at_a_terminal, at_the_desk, print_rows, read_instant, reader_language, refuse_typed, shown
from storage.breach_types import Answered, ContactRole
from storage.shell import fail, say, shell_actor
from storage.types import SPOKEN, Means

if TYPE_CHECKING:
    from storage.outbox import Words

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer, such as C0001.")]
RoleReached = Annotated[str, typer.Option(help=f"Whom: {', '.join(ContactRole)}, or a short word of your own.")]
CallReference = Annotated[str, typer.Option(help="What the telephone system calls this call.")]
MANAGERS = frozenset({"manager", "director", "direction", "gérant", "gérante", "dirigeant", "dirigeante"})
LONGEST_ROLE = 60


@breach_app.command()
def notified(  # noqa: PLR0913 - a call is all of this; keyword-only
    reference: Reference,
    customer: Customer,
    *,
    means: Annotated[Means, typer.Option(help="How the customer was told.")],
    result: Annotated[Answered, typer.Option(help="Only who was reached has been told.")] = Answered.REACHED,
    role: RoleReached = "",
    person: Annotated[str, typer.Option(help="The name of who was reached; it never goes to Slack.")] = "",
    call_reference: CallReference = "",
    proof: Annotated[str, typer.Option(help="What shows it: the number of a registered letter, for example.")] = "",
    at: Instant = None,
) -> None:
    """Record that a customer was told, by which means, and who was reached."""
    from bot import telling  # noqa: PLC0415 - slow
    from bot.words import find_word  # noqa: PLC0415 - slow
    from storage import breaches, calls, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    told_at = read_instant(at) if at else now()
    known = {"role": _read_role(role), "call_reference": call_reference, "person": person, "proof": proof}
    _refuse_personal(known)
    reached = result is Answered.REACHED
    if reached and means in SPOKEN and not (known["role"] or person.strip()):
        fail("Say whom you reached: --role, such as manager, or --person NAME. Nobody is told by a voicemail.", 2)
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who, by = customers.get_customer(session, customer), shell_actor()
            affected = calls.record_told(
                session, breach, who, means=means, at=told_at, answered=result, by=by, now=now(), **known
            )
            topic = "breach_told" if reached else "breach_called"
            telling.tell_thread(session, breach.reference, topic, affected_id=affected.id, now=now())
        how = find_word("en", f"means.{means.value}", "proof_words")
        said = f"was told {how}" if reached else f"was not reached {how}: kept as an attempt, made"
        say(f"{breach.reference}: {who.name} {said} at {shown(told_at)}.")


@breach_app.command()
def call(
    reference: Reference,
    customer: Customer,
    no_answer: Annotated[bool, typer.Option("--no-answer", help="Nobody answered.")] = False,
    voicemail: Annotated[bool, typer.Option("--voicemail", help="A voicemail answered.")] = False,
    call_reference: CallReference = "",
    at: Instant = None,
) -> None:
    """Record a call that reached nobody: an attempt, the customer must still be told."""
    if no_answer is voicemail:
        fail("Say what happened: --no-answer or --voicemail. Whoever was reached: notified … --means telephone.", 2)
    result = Answered.VOICEMAIL if voicemail else Answered.NO_ANSWER
    notified(reference, customer, means=Means.TELEPHONE, result=result, call_reference=call_reference, at=at)


@breach_app.command()
def waive(
    reference: Reference,
    customer: Customer,
    reason: Annotated[str, typer.Option(help="Why nothing need be sent in writing. It is kept.")],
) -> None:
    """Say that a customer that was only spoken to needs no documents."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breaches, calls, customers  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    refuse_typed(reason)
    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who = customers.get_customer(session, customer)
            affected = calls.waive_documents(session, breach, who, reason, by=shell_actor(), now=now())
            telling.tell_thread(session, breach.reference, "breach_waived", affected_id=affected.id, now=now())
        say(f"{breach.reference}: no documents are owed to {who.name} any more.")


@breach_app.command()
def again(
    reference: Reference,
    customer: Customer,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="To the address on record: the customer's instruction, or the directory.")
    ] = False,
) -> None:
    """Send a notice that was refused or came back once more, to the same address; so it is sent after a call, too."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breaches, customers, notice_again  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who, own, by = customers.get_customer(session, customer), desk.settings.mail_address, shell_actor()
            sent = notice_again.send_notice_again(
                session, breach, who, to_recorded=recorded, own_address=own, by=by, now=now()
            )
            telling.tell_thread(session, breach.reference, "breach_sent_again", affected_id=sent.affected_id, now=now())
        say(f"{breach.reference}: the notice is on its way to {who.name} again.")


@breach_app.command()
def redirect(
    reference: Reference,
    customer: Customer,
    to: Annotated[str, typer.Option(metavar="ADDRESS", help="Where the customer wants it sent.")],
    instruction: Annotated[str, typer.Option(help="Who of the customer said so, when and how. It is kept.")],
) -> None:
    """Send the newest notice to another address, as the customer instructed."""
    from bot import telling  # noqa: PLC0415 - slow
    from storage import breaches, customers, notice_again  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        with desk.decide() as session:
            breach = breaches.get_breach(session, reference, to_change=True)
            who, own, by = customers.get_customer(session, customer), desk.settings.mail_address, shell_actor()
            sent = notice_again.redirect_notice(
                session, breach, who, to, instruction=instruction, own_address=own, by=by, now=now()
            )
            telling.tell_thread(session, breach.reference, "breach_redirected", affected_id=sent.affected_id, now=now())
        named = f"{who.name} at the address it named; the instruction is recorded"
        say(f"{breach.reference}: the notice is on its way to {named}.")


@breach_app.command("calls")
def call_sheet(
    reference: Reference,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="A file: .html prints a page a customer.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every customer that is not told yet, too.")] = False,
    language: Annotated[Language | None, typer.Option(help="By default STAFF_LANGUAGE; at a terminal, yours.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
) -> None:
    """Whom to telephone now, at which number, and why; in a file, or piped on, also what to say."""
    from bot.call_sheet import write_call_sheet, write_call_table  # noqa: PLC0415 - slow
    from bot.packing import drafted, put_in_place, refuse_existing  # noqa: PLC0415 - slow
    from storage import breaches  # noqa: PLC0415 - slow
    from storage.call_sheet import make_call_sheet, record_call_sheet  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with at_the_desk() as desk:
        if output and not force:
            refuse_existing(output)
        with desk.database.reading() as session:
            sheet = make_call_sheet(session, breaches.get_breach(session, reference), everyone=everyone, now=now())
        in_short = output is None and at_a_terminal()
        own = reader_language(desk) if in_short else desk.settings.staff_language
        company, chosen = desk.settings.company_name, language.value if language else own
        words = write_call_sheet(sheet, chosen, company=company)
        with desk.decide() as session:
            record_call_sheet(session, sheet, by=shell_actor(), now=now())
        if in_short:
            print_rows(write_call_table(sheet, chosen, company=company))
            say(f"What to say, a page a customer: python -m bot breach calls {sheet.breach} -o SHEET.html", err=True)
            return
        if output is None:
            say(words.text)
            return
        with drafted(output) as draft:
            draft.write_text(f"{_as_file(words, output)}\n", encoding="utf-8")
            put_in_place(draft, output, force=force)
        others = len(sheet.entries) - sheet.to_call
        under_way = f"{others} whose notice is on its way, " if others else ""
        say(f"{sheet.breach}: {sheet.to_call} to call, {under_way}in {output.name}.")


def _as_file(words: "Words", output: Path) -> str:
    """HTML where the file is called so, else text."""
    return words.html if words.html and output.suffix.lower() in {".html", ".htm"} else words.text


def _read_role(typed: str) -> str:
    """One of the known words for what somebody typed, where it is one; a manager is the management."""
    role = typed.strip()
    return ContactRole.MANAGEMENT.value if role.lower() in MANAGERS else role[:LONGEST_ROLE]


def _refuse_personal(known: dict[str, str]) -> None:
    """As in Slack, but for the name of who was reached. A sentence and exit 1."""
    from bot.call_forms import looks_personal  # noqa: PLC0415 - slow
    from bot.refusals import sentence_of  # noqa: PLC0415 - slow
    from storage.errors import PersonalDataInText  # noqa: PLC0415 - slow

    for name in ("role", "call_reference", "proof"):
        if look := looks_personal(known[name], name):
            fail(sentence_of(PersonalDataInText(look), "en"))
