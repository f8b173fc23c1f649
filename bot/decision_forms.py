"""The modals in which a request is decided: confirm, ask the person, hand over, say that it went astray (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.blocks import SHOWN, Block, plain, section
from bot.breach_cards import BreachCard
from bot.cards import CandidateLine, ForwardLine, RequestCard
from bot.fields import View, customer_select, modal, option, select, text_input
from bot.words import find_word, word
from storage.models import Staff
from storage.outbox import Words
from templates import render

CONFIRM, ASK, CLOSE_UNKNOWN = "dsr_confirm", "dsr_ask", "dsr_close_unknown"
HAND_OVER, POSSIBLE_BREACH, MISROUTED = "dsr_hand_over", "dsr_possible_breach", "dsr_misrouted"
NO_BREACH = "breach_no_breach"


@dataclass(frozen=True)
class Choice:
    """The customer chosen for a request, as the confirmation shows it; `second`: another person must agree first."""

    reference: str
    customer: str
    name: str
    address: str
    reason: str
    second: bool = False


def confirm_form(choice: Choice, language: str) -> View:
    """What will be sent to whom and why, in so many words."""
    blocks = [section(render("request_confirm", language, "slack", choice=choice))]
    submit = "propose" if choice.second else "forward"
    return modal(language, CONFIRM, blocks, f"{choice.reference}|{choice.customer}", submit=submit)


def say_reason(card: RequestCard, customer: str, language: str) -> str:
    """Why this customer: a colleague's proposal, the clues that point to it, or nothing but the reader's choice."""
    if card.proposal and card.proposal.reference == customer:
        return word(language, "said.because_proposed")
    found = next((one for one in card.candidates if one.reference == customer), None)
    if found is None:
        return word(language, "said.because_chosen")
    return word(language, "said.because_found", evidence=_say_evidence(found, language))


def ask_form(reference: str, words: Words, language: str) -> View:
    """The question, as the person will read it."""
    return _with_mail(ASK, "request_ask_form", reference, words, language)


def close_unknown_form(reference: str, words: Words, language: str) -> View:
    """The last mail, as the person will read it."""
    return _with_mail(CLOSE_UNKNOWN, "request_close_unknown_form", reference, words, language)


def hand_over_form(reference: str, colleagues: Iterable[Staff], language: str) -> View:
    intro = section(render("request_hand_over_form", language, "slack", reference=reference))
    options = [option(one.name, one.slack_user) for one in colleagues][:100]
    return modal(language, HAND_OVER, [intro, select(language, "colleague", options)], reference, submit="hand_over")


def possible_breach_form(reference: str, received_at: datetime, language: str) -> View:
    text = render("request_possible_breach_form", language, "slack", reference=reference, received_at=received_at)
    return modal(language, POSSIBLE_BREACH, [section(text)], reference, submit="open")


def misrouted_form(reference: str, lines: Iterable[ForwardLine], deletion: Words, language: str) -> View:
    """Which customer got it by mistake, which is the right one, and what the wrong one will read."""
    options = [option(f"{one.customer} ({one.customer_reference})", one.customer_reference) for one in lines][:100]
    blocks = [
        section(render("request_misrouted_form", language, "slack", reference=reference)),
        select(language, "wrong_customer", options, chosen=options[0] if len(options) == 1 else None),
        customer_select(language, "right_customer", optional=True),
        _mail(deletion),
    ]
    return modal(language, MISROUTED, blocks, reference, submit="send_and_open")


def no_breach_form(card: BreachCard, language: str) -> View:
    """Why it was none; before, who was told already and must hear of it: closing tells customers nothing."""
    intro = section(render("breach_no_breach_form", language, "slack", card=card, shown=SHOWN))
    blocks = [intro, text_input(language, "no_breach_reason", optional=False)]
    return modal(language, NO_BREACH, blocks, card.reference, submit="close_it")


def _with_mail(name: str, template: str, reference: str, words: Words, language: str) -> View:
    intro = section(render(template, language, "slack", reference=reference))
    return modal(language, name, [intro, _mail(words)], reference, submit="send")


def _mail(words: Words) -> Block:
    """A mail as it will be read, with nothing in it that Slack might format."""
    return {"type": "section", "text": plain(f"{words.subject}\n\n{words.text}", 3000)}


def _say_evidence(found: CandidateLine, language: str) -> str:
    kinds = (find_word(language, f"evidence.{kind}") for kind in found.evidence)
    return ", ".join(kind for kind in kinds if kind) or word(language, "evidence.name")
