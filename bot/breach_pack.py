"""The files of a breach's pack of evidence: mails as they went and came, documents, tables, and the page."""

from bot.breach_page import render_breach_page
from bot.marking import mark_html
from bot.packing import Packing, Written
from bot.tables import cells, head_table, table
from storage.breach_proof import BreachEvidence
from storage.types import Actor
from templates import DRILL_MARK

SENT = (
    *("file", "purpose", "customer", "recipient", "message_id", "queued_at", "accepted_at", "refused_at", "bounced_at"),
    *("bounce_status", "delayed_at", "withdrawn_at", "receipt_at", "attempts", "reply", "sha256"),
)
CAME = ("file", "what", "said", "customer", "received_at", "sender")
LINES = ("number", "at", "actor", "origin", "case", "action", "clause", "detail", "previous", "hash")
LEDGER = (
    *("customer", "name", "state", "told_at", "means", "took", "late", "version", "accepted_at", "received_at"),
    *("bounced_at", "refused_at", "calls", "role", "call_reference", "owed", "waived_at", "waived_by", "waived_reason"),
    *("excluded_at", "excluded_by", "excluded_reason", "added_at"),
)
FACTS = ("name", "value", "customer", "by", "at")
CLAIMS = ("what", "instant", "by", "claimed_at", "reason")
CALLS = (
    *("customer", "name", "means", "reached", "answered", "at", "by", "recorded_at", "role", "person"),
    *("call_reference", "proof"),
)
NOTICES = (*("version", "final", "prepared_at", "prepared_by", "approved_at", "approved_by", "alone_reason", "sent"),)
DOCUMENTS = (
    *("file", "name", "content_type", "size", "sha256", "customer", "is_marked", "received_at", "sent_by"),
    *("marked_at", "marked_by", "withdrawn_at"),
)
ENCLOSED = ("mail", "ordinal", "name", "content_type", "sha256", "file")
REMINDERS = ("rung", "due_at", "rung_at")
FILES = ("name", "size", "sha256", "verdict", "recorded")


def fill_breach(
    pack: Packing, evidence: BreachEvidence, *, company: str, language: str, by: Actor
) -> tuple[Written, ...]:
    """Write everything; the page comes after what it speaks of, the manifest last."""
    for mail in evidence.mails:
        if mail.content:
            pack.add_mail(mail.file, mail.content)
    for document in evidence.documents:
        pack.add_mail(document.file, document.content)
    for name, columns, rows in _tables(evidence):
        pack.add_text(name, table(columns, [cells(row, columns) for row in rows]))
    pack.add_text("journal-head.csv", head_table(evidence.chain, evidence.made_at))
    page = render_breach_page(evidence, tuple(pack.files), company=company, by=by, language=language)
    if evidence.drill:
        pack.add_text("EXERCICE-DRILL.txt", f"{DRILL_MARK} {evidence.reference}\n")
    pack.add_text("files.csv", table(FILES, [cells(file, FILES) for file in pack.files]))
    pack.add_text("index.html", f"{mark_html(page, evidence.reference)}\n")
    pack.add_manifest("manifest.txt")
    return tuple(pack.files)


def _tables(evidence: BreachEvidence) -> list[tuple[str, tuple[str, ...], tuple[object, ...]]]:
    ours = [] if evidence.only else [("reminders.csv", REMINDERS, evidence.reminders)]
    return [
        ("ledger.csv", LEDGER, evidence.lines),
        ("instants.csv", CLAIMS, evidence.claims),
        ("facts.csv", FACTS, evidence.facts),
        ("notices.csv", NOTICES, evidence.notices),
        ("sent.csv", SENT, evidence.sent),
        ("received.csv", CAME, evidence.came),
        ("calls.csv", CALLS, evidence.calls),
        ("documents.csv", DOCUMENTS, evidence.documents),
        ("enclosed.csv", ENCLOSED, evidence.enclosed),
        *ours,
        ("journal.csv", LINES, evidence.chain.lines),
    ]
