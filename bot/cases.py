"""The two kinds of case that have a card in Slack."""

from bot.breach_cards import BreachCard
from bot.cards import RequestCard

Card = RequestCard | BreachCard


def is_request(reference: str) -> bool:
    """Whether a reference is a request's (DSR-…) and not a breach's."""
    return reference.upper().startswith("DSR-")
