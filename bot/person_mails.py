"""The mails that a person of the staff decides to send about a request: to its writer, or to a wrong customer."""

from storage.failures import find_forward
from storage.models import Customer, Request
from storage.outbox import Words
from templates import LANGUAGES, MORE_LANGUAGES, render


def write_question(request: Request, company: str) -> tuple[Words, str]:
    """Which number, when, which name; and the language it is in."""
    return _to_person("question", request, company)


def write_closing(request: Request, company: str) -> tuple[Words, str]:
    """Nobody can know which customer is meant; and the language it is in."""
    return _to_person("closing", request, company)


def write_deletion(request: Request, wrong: Customer, company: str, language: str | None = None) -> Words:
    """To a customer that the request does not concern: please delete it. In its own language, unless one is given."""
    forward = find_forward(request, wrong)
    values = {"reference": request.reference, "company": company, "sent_at": forward.routed_at}
    return _write("deletion", language or forward.language, **values)


def _to_person(template: str, request: Request, company: str) -> tuple[Words, str]:
    """In the person's language where we have it, else in English."""
    language = request.language if request.language in LANGUAGES + MORE_LANGUAGES else "en"
    values = {"reference": request.reference, "company": company, "received_at": request.received_at}
    return _write(template, language, **values), language


def _write(template: str, language: str, **values: object) -> Words:
    return Words(render(f"{template}_subject", language, **values), render(template, language, **values))
