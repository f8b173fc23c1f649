"""Which customers a colleague chooses in Slack: by name, by pasted references, or by two days; kept for a confirmation.

What is confirmed must be what was shown: the choice travels with the modal that shows it, with the count.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zlib import compress, decompress

from sqlalchemy.orm import Session

from bot.fields import read_customers, read_day, read_text
from bot.personal import find_personal_data, refuse_personal_data
from storage import breach_choosing
from storage.breach_errors import NobodyChosen, TwoDaysNeeded, UnknownCustomers
from storage.errors import PersonalDataInText
from storage.models import Customer

_REFERENCE = re.compile(r"(?=[\w.\-–]*\d)[\w.\-–]{1,20}")
_BETWEEN = frozenset({"AND", "ET", "OR", "OU"})
"""Words that people put before the last of several."""


@dataclass(frozen=True)
class Choice:
    """References, and the first and last day of a period; `by_name` when all were chosen one by one."""

    references: tuple[str, ...] = ()
    days: tuple[date, date] | None = None
    by_name: bool = False

    def pack(self) -> str:
        """A few characters for each reference: private_metadata takes 3000."""
        days = [day.isoformat() for day in self.days] if self.days else []
        return urlsafe_b64encode(compress(json.dumps([*days, " ".join(self.references)]).encode(), 9)).decode()

    @classmethod
    def unpack(cls, packed: str) -> "Choice":
        *days, references = json.loads(decompress(urlsafe_b64decode(packed)))
        known = (date.fromisoformat(days[0]), date.fromisoformat(days[1])) if days else None
        return cls(tuple(references.split()), known)


@dataclass(frozen=True)
class Chosen:
    """The customers of a choice; `held`: whose contract had ended shortly before the period."""

    customers: Sequence[Customer]
    held: int = 0


def read_choice(view: Mapping[str, Any]) -> Choice:
    """Raises NobodyChosen, TwoDaysNeeded, PersonalDataInText for what can be no reference."""
    typed, named = read_text(view, "references"), read_customers(view)
    if find_personal_data(typed) == "e-mail":
        raise PersonalDataInText("e-mail")
    pasted = tuple(word for word in breach_choosing.read_references(typed) if word not in _BETWEEN)
    first, last = read_day(view, "active_from"), read_day(view, "active_to")
    if (first is None) != (last is None) or (first and last and last < first):
        raise TwoDaysNeeded
    days = (first, last) if first and last else None
    if not (named or pasted or days):
        raise NobodyChosen
    references = tuple(sorted({*named, *pasted}))
    return Choice(references, days, by_name=not (pasted or days))


def find_chosen(session: Session, choice: Choice) -> Chosen:
    """Raises UnknownCustomers, or PersonalDataInText when what is no reference looks like that."""
    try:
        named = breach_choosing.find_named(session, choice.references)
    except UnknownCustomers as unknown:
        refuse_personal_data(" ".join(unknown.references))
        shown = tuple(one for one in unknown.references if _REFERENCE.fullmatch(one))
        raise UnknownCustomers(shown, len(unknown.references) - len(shown)) from None
    if choice.days is None:
        return Chosen(named)
    active = breach_choosing.find_active(session, *choice.days)
    every = {one.id: one for one in (*named, *active.customers)}
    return Chosen(list(every.values()), active.held)
