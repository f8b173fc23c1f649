"""Telephone numbers as the directory spells them (ITU-T E.164). Only for imports and commands: the library is slow."""

from functools import lru_cache

import phonenumbers

HOME = "FR"
"""Where a number is that a colleague types without its country."""


def read_number(text: str, *, country: str | None = None) -> str | None:
    """+33199000100 for any spelling of a number that is possible; None for what is none.

    Without a `country` it must begin with + and its country's code.
    """
    number = _parsed(text, country)
    if number is None or not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_number(text: str) -> bool:
    """Whether this is written as a number with its country's code, of whatever length."""
    return _parsed(text, None) is not None


def is_in_use(number: str) -> bool:
    """Whether numbers such as this (E.164) are given out; a quarter of plausible ones are not known to be."""
    parsed = _parsed(number, None)
    return parsed is not None and phonenumbers.is_valid_number(parsed)


@lru_cache(maxsize=1 << 18)  # an import looks at each of them twice
def _parsed(text: str, country: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
