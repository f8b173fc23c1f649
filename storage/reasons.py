"""A reason that somebody gives: kept for years, so it must say something."""

from storage.errors import ReasonMissing, ReasonTooShort

LETTERS = 4
"""Letters and digits that a reason has at least: a full stop, an "x" or an "ok" tells nobody anything later."""


def read_reason(reference: str, typed: str) -> str:
    """What was typed, without the space around it. Raises ReasonMissing, ReasonTooShort."""
    if not typed.strip():
        raise ReasonMissing(reference)
    if sum(map(str.isalnum, typed)) < LETTERS:
        raise ReasonTooShort(reference)
    return typed.strip()
