"""Kinds of settings that both halves have: addresses, lengths of time, languages. No refusal quotes the value."""

import re
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from storage.tables import ADDRESS

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,63}")


def read_list(value: object) -> object:
    """`a, b` as a tuple without empty parts; what is no text is left as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise ValueError("is no e-mail address")
    return value


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    _refuse_if(not all(map(ADDRESS.fullmatch, values)), "holds something that is no e-mail address")
    return values


def _domains(values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(value.lower().removeprefix("@") for value in values)
    _refuse_if(not all(map(DOMAIN.fullmatch, found)), "holds something that is no domain")
    return found


def _language(value: str) -> str:
    _refuse_if(value.lower() not in {"fr", "en"}, "is no language the desk speaks")
    return value.lower()


def _ladder(values: tuple[str, ...]) -> tuple[str, ...]:
    """Hours before a deadline, as `36,24,12`: whole, each smaller than the one before."""
    whole = all(value.isascii() and value.isdigit() and len(value) < 3 for value in values)
    _refuse_if(not (values and whole), "holds something that is no whole number of hours")
    hours = [int(value) for value in values]
    _refuse_if(hours[0] > 48 or any(a <= b for a, b in pairwise(hours)), "must fall from at most 48 hours")
    return tuple(map(str, hours))


def _length(value: object) -> object:
    if not isinstance(value, str):
        return value
    number, unit = value.strip()[:-1], value.strip()[-1:]
    _refuse_if(
        not (number.isascii() and number.isdigit() and len(number) < 6 and unit in UNITS), "is no length of time"
    )
    return timedelta(**{UNITS[unit]: int(number)})


def _refuse_if(wrong: bool, sentence: str) -> None:
    if wrong:
        raise ValueError(sentence)


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(read_list)]
Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[Names, AfterValidator(_addresses)]
Domains = Annotated[Names, AfterValidator(_domains)]
Language = Annotated[str, AfterValidator(_language)]
Ladder = Annotated[Names, AfterValidator(_ladder)]
Length = Annotated[timedelta, BeforeValidator(_length)]
