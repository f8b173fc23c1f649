"""The modals of a breach's documents (pure): which one, then for whom; or have them sent by e-mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.blocks import context, section
from bot.document_words import OPTIONS, DocumentLine, say_document, size_in_words
from bot.fields import View, external, field, modal, option, read_choice, read_option, select
from bot.words import word
from templates import render

DOCUMENTS, MARK = "breach_documents", "breach_mark"
ADDRESS, MAILED = "address", "mailed"
FOR_ALL, FOR_ONE, WITHDRAW = "all", "one", "withdraw"
SHOWN = 20


@dataclass(frozen=True)
class Marking:
    """What a person said of one document: for all, for one customer, or withdrawn."""

    reference: str
    number: int
    fate: str
    customer: str | None


def documents_form(reference: str, lines: Sequence[DocumentLine], language: str) -> View:
    """Each document in a line, those that came last first; what to do is chosen, nothing is chosen before."""
    newest = list(reversed(lines))
    choices = [option(_name(one, language), str(one.number)) for one in newest[:OPTIONS]]
    mail = [option(word(language, "document.mailed"), MAILED)] if lines else []
    blocks = [
        section(render("breach_documents_form", language, "slack", reference=reference)),
        *(context(say_document(one, language)) for one in newest[:SHOWN]),
        select(language, "document", [*choices, *mail, option(word(language, "document.address"), ADDRESS)]),
    ]
    return modal(language, DOCUMENTS, blocks, reference, submit="next")


def mark_form(reference: str, line: DocumentLine, names: Sequence[str], language: str) -> View:
    """For whom one document is; `names` are the affected customers that it names."""
    fates = [option(word(language, f"document.{fate}"), fate) for fate in (FOR_ONE, FOR_ALL, WITHDRAW)]
    typeahead = field(
        language,
        "document_customer",
        external("external_select", "document_customer", language),
        optional=True,
    )
    blocks = [
        section(say_document(line, language)),
        section(render("breach_document_names", language, "slack", names=list(names))),
        select(language, "fate", fates),
        typeahead,
    ]
    return modal(language, MARK, blocks, f"{reference}|{line.number}")


def read_marking(view: Mapping[str, Any]) -> Marking:
    reference, _, number = str(view["private_metadata"]).partition("|")
    return Marking(reference, int(number), read_option(view, "fate"), read_choice(view, "document_customer"))


def _name(line: DocumentLine, language: str) -> str:
    size = size_in_words(line.size, language)
    return word(language, "document.name", number=line.number, kind=line.content_type[:30], size=size)
