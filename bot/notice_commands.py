"""The notice of a breach from a shell: what it would say, a preview, its approval; the same moves as in Slack."""

from typing import TYPE_CHECKING, Annotated

import typer

from bot.breach_commands import Reference, breach_app
from bot.shell import By, at_the_desk, find_typist, refuse_typed, say_typist, shown
from storage.shell import confirmed, counted, fail, say, shell_account, shell_actor
from storage.types import Role

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bot.desk import Desk
    from bot.notice_cards import NoticeSheet, SendingSheet, WarningLine

Customer = Annotated[str | None, typer.Option(metavar="CUSTOMER", help="A customer, such as C0001.")]
Yes = Annotated[bool, typer.Option("--yes", help="Send without asking once more.")]
Seen = Annotated[bool, typer.Option("--mentions-seen", help="I have looked at the notices that name another customer.")]


@breach_app.command()
def notice(
    reference: Reference,
    final: Annotated[bool, typer.Option("--final", help="No further notice will come.")] = False,
    preview_to_me: Customer = None,
    print_: Annotated[
        str | None, typer.Option("--print", metavar="CUSTOMER", help="Print one customer's notice; change nothing.")
    ] = None,
) -> None:
    """Prepare the next notice and ask for its approval; or look at one customer's, by e-mail or here."""
    with at_the_desk() as desk:
        if print_ is not None:
            say(_text_of(desk, reference, print_, final=final))
        elif preview_to_me is not None:
            if final:
                fail("Prepare it as the last first (notice REF --final), then have it previewed without --final.", 2)
            _preview(desk, reference, preview_to_me)
        else:
            _prepare(desk, reference, final=final)


@breach_app.command()
def approve(
    reference: Reference,
    alone: Annotated[bool, typer.Option("--alone", help="Without a second person; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why without a second person; no personal data.")] = "",
    mentions_seen: Seen = False,
    yes: Yes = False,
    by: By = None,
) -> None:
    """Approve the prepared notice and send it, one mail to each affected customer."""
    from bot.notice_cards import ALONE, APPROVE  # noqa: PLC0415 - slow

    if alone and not reason.strip():
        fail("Say why: --alone --reason TEXT.", 2)
    refuse_typed(reason)
    _send(reference, ALONE if alone else APPROVE, by, reason=reason, mentions_seen=mentions_seen, yes=yes)


@breach_app.command("send-added")
def send_added(reference: Reference, mentions_seen: Seen = False, yes: Yes = False, by: By = None) -> None:
    """Send the newest notice to the customers that were added since it went out."""
    from bot.notice_cards import ADDED  # noqa: PLC0415 - slow

    _send(reference, ADDED, by, reason="", mentions_seen=mentions_seen, yes=yes)


def _prepare(desk: "Desk", reference: str, *, final: bool) -> None:
    from bot import notice_acts  # noqa: PLC0415 - slow
    from storage import breaches, staff  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with desk.decide() as session:
        breach = breaches.get_breach(session, reference, to_change=True)
        draft = notice_acts.prepare_and_ask(session, breach, final=final, by=shell_actor(), now=now())
        known = staff.is_known(session, draft.prepared_by, now=now())
    _say_sheet(notice_acts.look(desk, reference, by=shell_actor(), now=now()), known=known)


def _say_sheet(sheet: "NoticeSheet", *, known: bool) -> None:
    """What is not known yet is among the warnings, as the notice names it. `known`: who prepared it."""
    say(f"{sheet.reference}: notice {sheet.version}{', the last,' if sheet.final else ''} is prepared, not sent.")
    if sheet.customers:
        say(f"It goes to {counted(len(sheet.customers), 'customer')}.")
    else:
        say(f"There is nobody to send it to yet: name customers (python -m bot breach add {sheet.reference} C0001).")
    _say_warnings(sheet.warnings)
    if known:
        say(f"Somebody else approves it: python -m bot breach approve {sheet.reference}")
    else:
        say(
            "The account that prepared it is nobody's of the staff: nobody can be known to be a second person, until a "
            "colleague prepares it again, in Slack or from an account of their own.",
            err=True,
        )
    say(f"Alone, with a reason, from {shown(sheet.alone_at)}: … approve {sheet.reference} --alone --reason TEXT")


def _say_warnings(warnings: "tuple[WarningLine, ...]") -> None:
    from bot.notice_forms import say_warning  # noqa: PLC0415 - slow

    for one in warnings:
        say(f"  ! {say_warning(one, 'en')}", err=True)


def _text_of(desk: "Desk", reference: str, customer: str, *, final: bool) -> str:
    """One customer's notice as it stands, or as it would be as the last one, and then that is said."""
    from dataclasses import replace  # noqa: PLC0415 - as the others

    from bot.notice_words import render_notice  # noqa: PLC0415 - slow
    from storage import breaches, notice_reading  # noqa: PLC0415 - slow
    from storage.breach_errors import NotAffected  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    with desk.database.reading() as session:
        breach = breaches.get_breach(session, reference)
        own = desk.settings.mail_address
        edition = notice_reading.read_next(session, breach, own_address=own, now=now())
    if final and not edition.final:
        edition = replace(edition, final=True)
        say(f"Printed as if it were the last; to prepare it so: notice {edition.reference} --final", err=True)
    one = edition.find(customer)
    if one is None:
        raise NotAffected(edition.reference, customer)
    rendered = render_notice(edition, one, desk.settings)
    return f"To: {one.address}\nSubject: {rendered.words.subject}\n\n{rendered.words.text}"


def _preview(desk: "Desk", reference: str, customer: str) -> None:
    from uuid import uuid4  # noqa: PLC0415 - as the others

    from bot.notice_preview import send_preview  # noqa: PLC0415 - slow
    from storage import breaches, staff  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    account = shell_account()
    with desk.decide() as session:
        me = staff.find_by_account(session, account, now=now())
        if me is None:
            fail(f"No colleague of the staff table has an address for the account {account}: use --print.")
        breach = breaches.get_breach(session, reference)
        settings, gesture = desk.settings, uuid4().hex
        send_preview(session, breach, customer, me, settings, gesture=gesture, by=shell_actor(), now=now())
    say("The preview is on its way to your company address. Nothing was sent to the customer.")


def _send(reference: str, step: str, by: str | None, *, reason: str, mentions_seen: bool, yes: bool) -> None:
    from bot import notice_acts  # noqa: PLC0415 - slow
    from storage.breach_errors import NobodyToNotify  # noqa: PLC0415 - slow
    from storage.clock import now  # noqa: PLC0415 - slow

    def may_still(session: "Session") -> bool:
        return find_typist(session, by, at_least=Role.HANDLER) is not None

    with at_the_desk() as desk:
        actor = say_typist(desk, by, at_least=Role.HANDLER)
        sheet = notice_acts.look_at_sending(desk, reference, step, now=now())
        if not sheet.customers:
            raise NobodyToNotify(sheet.reference)
        _say_warnings(sheet.warnings)
        if not confirmed(_question(sheet), yes=yes):
            fail("Nothing was sent.")
        wish = notice_acts.Wish(reference, step, sheet.notice_id, sheet.seen, reason, mentions_seen=mentions_seen)
        approval = notice_acts.send(desk, wish, by=actor, admit=may_still)
        number = approval.customers if approval else 0
        say(f"{sheet.reference}: notice {sheet.version} is on its way to {counted(number, 'customer')}.")


def _question(sheet: "SendingSheet") -> str:
    where = " (a drill: all of it to the drill address)" if sheet.drill else ""
    return f"Send notice {sheet.version} of {sheet.reference} to {counted(sheet.customers, 'customer')}{where}?"
