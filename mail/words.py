"""What a customer or a colleague reads: the words of a forward and of an original sent to staff."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from mail.letter import Letter
from storage.deadlines import answer_date
from storage.models import Customer, Delivery, Forward
from storage.outbox import Words
from storage.types import Right
from templates import LANGUAGES, prepare, render

SHOWN = 12_000
"""Characters of a letter that stand in a mail's body; the whole of it is attached."""

_WWW = ("w.", "W.")
_LINK = re.compile(r"(?i)\b(https?|ftp)://|\b(www)\.")


@dataclass(frozen=True)
class Shown:
    """A letter as it stands in a body: its links dead, its length bounded."""

    text: str
    shortened: bool


def prepare_forwards() -> None:
    """Compile what a forward is written with: twenty milliseconds that the first one need not wait for."""
    for language in LANGUAGES:
        for name in ("forward_subject", "forward", "why", "rights"):
            prepare(name, language)
        prepare("forward", language, "html")


def forward_words(
    forward: Forward,
    letter: Letter,
    *,
    company: str,
    withheld_size: int | None = None,
    instructed: bool = False,
    unattached: bool = False,
) -> Words:
    """The forward to a customer, in its language, as text and HTML.

    `withheld_size`: the bytes of an original that is too large to attach. `instructed`: it goes to another address than
    that of the order, because the customer said so. `unattached`: the letter stood in a colleague's mail, which is not
    for the customer.
    """
    values = _values(forward, letter, company=company, withheld_size=withheld_size, unattached=unattached)
    return _write("forward", forward, values | {"instructed": instructed})


def follow_up_words(
    forward: Forward,
    letter: Letter,
    *,
    received_at: datetime,
    company: str,
    withheld_size: int | None = None,
    unattached: bool = False,
) -> Words:
    """The same person wrote again: to the same customer, in the same tone. Their month runs from the first letter."""
    values = _values(forward, letter, company=company, withheld_size=withheld_size, unattached=unattached)
    return _write("follow_up", forward, values | {"received_at": received_at})


def _write(template: str, forward: Forward, values: dict[str, Any]) -> Words:
    subject = render(f"{template}_subject", forward.language, reference=forward.request.reference)
    text = render(template, forward.language, **values)
    return Words(subject, text, render(template, forward.language, "html", **values))


def _values(
    forward: Forward, letter: Letter, *, company: str, withheld_size: int | None, unattached: bool
) -> dict[str, Any]:
    shown, request = show(letter, None if unattached else SHOWN), forward.request
    careful = [] if unattached else warnings_of(letter)
    return {
        "company": company,
        "reference": request.reference,
        "address": forward.address,
        "order_reference": forward.order_reference,
        "why": _why(forward),
        "received_at": request.received_at,
        "answer_date": answer_date(request.received_at),
        "data_subject": letter.reply_to or letter.sender,
        "rights": [_right(right, forward.language) for right in request.rights],
        "warnings": [render("warnings", forward.language, warning=warning) for warning in careful],
        "stop_contact": Right.OBJECTION in request.rights,
        "letter": shown.text,
        "shortened": shown.shortened,
        "withheld_size": withheld_size,
        "unattached": unattached,
    }


def original_words(reference: str, received_at: datetime, letter: Letter, *, language: str) -> Words:
    """The original, for a colleague who asked to read it."""
    shown = show(letter)
    values = {
        "reference": reference,
        "received_at": received_at,
        "data_subject": letter.sender,
        "subject": letter.subject,
        "letter": shown.text,
        "shortened": shown.shortened,
    }
    return Words(render("original_subject", language, reference=reference), render("original", language, **values))


def confirmation_words(delivery: Delivery, customer: Customer, company: str) -> Words:
    """Whether the address in a customer's order is still read: what to answer, why we ask, nothing to click."""
    values = {
        "company": company,
        "customer": customer.name,
        "address": delivery.recipient,
        "order_reference": customer.order_reference,
        "breaches_too": (customer.breach_address or delivery.recipient).lower() == delivery.recipient.lower(),
    }
    subject = render("confirmation_subject", delivery.language, company=company, customer=customer.name)
    return Words(subject, render("confirmation", delivery.language, **values))


def show(letter: Letter, most: int | None = SHOWN) -> Shown:
    """The letter's own words, or its subject when that is all there is; at most so many characters of them."""
    text = dead_links(letter.text.strip() or letter.subject.strip() or "-")
    return Shown(text[:most], len(text[:most]) < len(text) or letter.shortened)


def dead_links(text: str) -> str:
    """https://example.org -> https[:]//example.org: readable, and nothing a mail program makes clickable."""
    if "://" not in text and not any(ending in text for ending in _WWW):
        return text
    return _LINK.sub(lambda found: f"{found[1]}[:]//" if found[1] else f"{found[2]}[.]", text)


def warnings_of(letter: Letter) -> list[str]:
    """What to be careful with among the attachments: identity, executable."""
    found = {flag for attachment in letter.attachments for flag in attachment.flags}
    return sorted(found & {"identity", "executable"})


@cache
def _right(right: str, language: str) -> str:
    return render("rights", language, right=right)


def _why(forward: Forward) -> str:
    kind, _, value = (forward.evidence[0] if forward.evidence else "").partition(":")
    return render("why", forward.language, kind=kind, value=value)
