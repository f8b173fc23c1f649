"""A breach of two customers from its documents to its evidence, and a drill; personal data in whatever is typed."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Letter
from typing import Any

from sqlalchemy import select

from storage import tokens
from storage.breaches import get_breach
from storage.database import Database
from storage.models import Delivery, Document
from tests.mail_support import GARAGE, US
from tests.playground import people
from tests.playground.mailhost import MailHost
from tests.playground.workspace import Message, Workspace
from tests.servers import wait_until

ANNE = people.ANNE.id
STRANGER = "quetzal@oiseau.example"
WORDS = "Zoltan Quetzal, 06 39 98 00 42, +33639980042, 0639980042, FR7630006000011234567890189"
FIELDS = {
    *("references", "exclusion_reason", "alone_reason", "call_reference", "proof", "waive_reason", "scenario"),
    *("no_breach_reason", "late_reason"),
}
"""What takes free text on the way."""


def tell_and_prove(workspace: Workspace, mail_host: MailHost, database: Database, reference: str) -> set[str]:
    """Documents, notice, answer, lost notice, call, evidence, closing, and a drill; the fields that refused WORDS."""
    refused = name_customers(workspace, reference)
    bring_documents(workspace, mail_host, database, reference)
    refused |= send_notice(workspace, reference)
    answer_notice(mail_host, database, reference)
    refused |= call_the_lost_one(workspace, database, reference)
    workspace.command(ANNE, f"/breach {reference} evidence")
    wait_until(lambda: is_accepted(database, "evidence_wanted"), "the evidence")
    refused |= rehearse(workspace)
    closing = pressed(workspace, reference, "breach_close")
    refused |= refusing(workspace, closing, {"late_reason": WORDS})
    workspace.submit(ANNE, closing, {"late_reason": "Le doute est ancien"})
    return refused


def name_customers(workspace: Workspace, reference: str) -> set[str]:
    adding = pressed(workspace, reference, "breach_add")
    refused = refusing(workspace, adding, {"references": WORDS})
    workspace.submit(ANNE, adding, {"customers": ["C0001", "C0002"], "references": ""})
    excluding = pressed(workspace, reference, "breach_exclude")
    return refused | refusing(workspace, excluding, {"affected_customer": "C0002", "exclusion_reason": WORDS})


def bring_documents(workspace: Workspace, mail_host: MailHost, database: Database, reference: str) -> None:
    """A colleague's document that is marked for all, and a stranger's mail that is read."""
    with database.begin() as session:
        to = tokens.plus_address(US, tokens.sign(session, "d", get_breach(session, reference).id))
    for sender in ("anne@kavkom.example", STRANGER):
        mail_host.append(US, "INBOX", letter_with_a_file(sender, to))
    wait_until(lambda: has_document(database), "the document")
    workspace.submit(ANNE, pressed(workspace, reference, "breach_documents"), {"document": "mailed"})
    marking = workspace.submit(ANNE, pressed(workspace, reference, "breach_documents"), {"document": "1"}).view
    assert marking is not None
    workspace.submit(ANNE, marking, {"fate": "all"})
    workspace.click(ANNE, card(workspace, reference, "breach_read_reply"), "breach_read_reply")


def send_notice(workspace: Workspace, reference: str) -> set[str]:
    for step in ("preview", "ask"):
        workspace.submit(ANNE, pressed(workspace, reference, "breach_notice"), {"notice_step": step})
    form = pressed(workspace, reference, "breach_notice")
    confirming = workspace.submit(ANNE, form, {"notice_step": "alone"}).view
    assert confirming is not None
    refused = refusing(workspace, confirming, {"alone_reason": WORDS})
    assert workspace.submit(ANNE, confirming, {"alone_reason": "Personne d’autre n’est là"}).closed
    return refused


def answer_notice(mail_host: MailHost, database: Database, reference: str) -> None:
    """The garage writes back, with personal data in every place."""

    def find() -> Letter | None:
        mails = (message_from_bytes(raw) for raw in mail_host.mailbox(GARAGE))
        return next((one for one in mails if reference in str(make_header(decode_header(one["Subject"])))), None)

    wait_until(lambda: find() is not None, "the notice")
    notice = find()
    assert notice is not None
    answer = (
        f"From: Zoltan Quetzal <{GARAGE}>\r\nTo: {notice['Reply-To']}\r\nSubject: Re: {WORDS}\r\n\r\nQui est {WORDS} ?"
    )
    mail_host.append(US, "INBOX", answer.encode())
    wait_until(lambda: bool(said(database, "breach_reply")), "the answer")


def call_the_lost_one(workspace: Workspace, database: Database, reference: str) -> set[str]:
    """Its server refuses the notice, twice; a voicemail, then somebody who wants nothing in writing."""
    again = pressed(workspace, reference, "breach_again")
    workspace.submit(ANNE, again, {"affected_customer": "C0002"})
    wait_until(lambda: len(said(database, "breach_notice_refused")) > 1, "the second refusal")
    workspace.command(ANNE, f"/breach {reference} sheet")
    refused = set()
    for answered in ("voicemail", "reached"):
        call = asked(workspace, f"/breach {reference} call")
        known = {"affected_customer": "C0002", "answered": answered, "contact": "management"}
        refused |= refusing(workspace, call, known | {"call_reference": WORDS, "proof": WORDS})
        assert workspace.submit(ANNE, call, known | {"call_reference": "CALL-7", "proof": ""}).closed
    waiving = asked(workspace, f"/breach {reference} waive")
    refused |= refusing(workspace, waiving, {"affected_customer": "C0002", "waive_reason": WORDS})
    assert workspace.submit(ANNE, waiving, {"affected_customer": "C0002", "waive_reason": "Elle n’en veut pas"}).closed
    return refused


def rehearse(workspace: Workspace) -> set[str]:
    """A drill that is opened, and closed as no breach."""
    drill = asked(workspace, "/breach drill")
    given = {"scenario": "Un disque est perdu", "customers": ["C0001"], "pace": "1"}
    refused = refusing(workspace, drill, given | {"scenario": WORDS})
    assert workspace.submit(ANNE, drill, given).view is not None
    closing = pressed(workspace, "DRILL-", "breach_no_breach")
    refused |= refusing(workspace, closing, {"no_breach_reason": WORDS})
    workspace.submit(ANNE, closing, {"no_breach_reason": "La fin de l’exercice"})
    return refused


def refusing(workspace: Workspace, view: dict[str, Any], values: dict[str, Any]) -> set[str]:
    """The fields beside which a refusal stands."""
    return set(workspace.submit(ANNE, view, values).errors)


def pressed(workspace: Workspace, reference: str, action: str) -> dict[str, Any]:
    """The modal of a card's button."""
    view = workspace.click(ANNE, card(workspace, reference, action), action).view
    assert view is not None
    return view


def asked(workspace: Workspace, line: str) -> dict[str, Any]:
    """The modal of a command."""
    view = workspace.command(ANNE, line).view
    assert view is not None
    return view


def card(workspace: Workspace, reference: str, action: str) -> Message:
    def find() -> Message | None:
        found = (
            one for one in workspace.messages() if reference in str(one.blocks) and f"'{action}'" in str(one.blocks)
        )
        return next(found, None)

    found = workspace.wait_for(find, what=f"the card of {reference} with {action}")
    assert found is not None
    return found


def letter_with_a_file(sender: str, to: str) -> bytes:
    head = f"From: Zoltan Quetzal <{sender}>\r\nTo: {to}\r\nSubject: {WORDS}\r\nMIME-Version: 1.0\r\n"
    return (
        f'{head}Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
        f"--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{WORDS}\r\n"
        f'--x\r\nContent-Type: text/csv; name="Quetzal-Zoltan.csv"\r\n'
        f'Content-Disposition: attachment; filename="Quetzal-Zoltan.csv"\r\n\r\n{WORDS}\r\n--x--\r\n'
    ).encode()


def has_document(database: Database) -> bool:
    with database.reading() as session:
        return session.scalars(select(Document.id)).first() is not None


def is_accepted(database: Database, topic: str) -> bool:
    sent = select(Delivery.id).where(Delivery.topic == topic, Delivery.accepted_at.is_not(None))
    with database.reading() as session:
        return session.scalars(sent.limit(1)).first() is not None


def said(database: Database, topic: str) -> list[str]:
    """The keys of what was announced under topics that begin so."""
    with database.reading() as session:
        return list(session.scalars(select(Delivery.key).where(Delivery.topic.startswith(topic))))
