"""The pages on which is recorded what is known of a breach, and reading them (pure).

Typed texts are never shown again; choices, numbers and instants are, and what was reported is offered as the account. A
field that is left as it is changes nothing, so that two people may fill in one page at once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.affected_select import affected_select
from bot.blocks import Block, plain, section
from bot.fact_kinds import MANY, NONE, NUMBERS, ONE, UNKNOWN, WORDS, labels_of, order
from bot.fields import View, field, find_at, modal, option, read_choice, read_many, read_text, select
from bot.personal import find_personal_data
from bot.words import find_word, word
from storage.breach_facts import INSTANTS, BreachFacts, Value
from storage.breach_types import IN_ENGLISH, ONGOING, FactName, TelecomOperator
from templates import render

CHOOSE, PAGE = "breach_facts", "breach_facts_page"
ENDED, HAS_ENDED = "ended", "has_ended"
"""Whether it goes on stands beside the instant of its end."""
LONGEST = 3000
"""Characters that Slack's text fields take."""
COUNT = re.compile(r"[0-9]{1,10}")
NOT_KNOWN, ENDED_AT = "not_known", FactName.ENDED_AT
PAGES: dict[str, tuple[FactName, ...]] = {
    "what": (
        *(FactName.ACCOUNT, FactName.ACCOUNT_EN, FactName.NATURE),
        *(FactName.ORIGIN, FactName.ORIGIN_OTHER, FactName.ORIGIN_OTHER_EN, FactName.CAUSE),
    ),
    "whose": (
        *(FactName.DATA_KINDS, FactName.DATA_OTHER, FactName.DATA_OTHER_EN, FactName.SENSITIVE_KINDS),
        *(FactName.PERSON_KINDS, FactName.PERSONS_OTHER, FactName.PERSONS_OTHER_EN),
        *(FactName.PERSONS, FactName.RECORDS),
    ),
    "when": (
        *(FactName.STARTED_AT, FactName.ENDED_AT),
        *(FactName.DISCOVERY, FactName.DISCOVERY_EN, FactName.CNIL_TOLD_AT),
    ),
    "measures": (
        *(FactName.MEASURES_BEFORE, FactName.MEASURES_BEFORE_EN, FactName.MEASURES_AFTER, FactName.MEASURES_AFTER_EN),
        *(FactName.CONSEQUENCES, FactName.CONSEQUENCES_EN, FactName.OTHER_BODIES, FactName.OTHER_BODIES_EN),
    ),
}
"""The record in pages, each a modal of its own."""


@dataclass(frozen=True)
class Place:
    """Where a page stands: of which breach, of which customer in it ("" for all), which page, what it was read from."""

    reference: str
    customer: str
    page: str
    until: int

    def __str__(self) -> str:
        return f"{self.reference}|{self.customer}|{self.page}|{self.until}"

    @classmethod
    def read(cls, metadata: str) -> "Place":
        reference, customer, page, until = metadata.split("|")
        return cls(reference, customer, page, int(until))


@dataclass(frozen=True)
class Answers:
    """What a page says: what changes, and the fields that hold what looks like personal data, with what it is.

    `end_missing`: it has ended, and nobody says when. `no_count`: fields that hold no such number.
    """

    values: dict[FactName, Value]
    personal: dict[str, str]
    end_missing: bool
    no_count: tuple[FactName, ...] = ()


def choose_form(reference: str, language: str, *, with_customers: bool) -> View:
    """Which page, and of all customers or of one."""
    pages = [option(word(language, f"page.{page}"), page) for page in PAGES]
    intro = section(render("breach_facts_form", language, "slack", reference=reference, with_customers=with_customers))
    blocks = [intro, select(language, "page", pages, chosen=pages[0])]
    if with_customers:
        blocks.append(affected_select(language, optional=True))
    return modal(language, CHOOSE, blocks, reference, submit="next")


def page_form(
    place: Place, shown: BreachFacts, language: str, *, telecom: TelecomOperator, offered: tuple[str, str] = ("", "")
) -> View:
    """One page, with what is known by now but for typed texts: of those only that they are there.

    `offered`: what was reported, as a beginning of the account while there is none, and the language that it is in.
    """
    summary, written = offered
    names = [one for one in PAGES[place.page] if one is not FactName.CNIL_TOLD_AT or telecom is not TelecomOperator.NO]
    typed = [word(language, f"fact.{name}") for name in names if is_text(name) and _known(shown, name) is not None]
    words = {"reference": place.reference, "customer": place.customer, "typed": typed, "page": place.page}
    blocks = [section(render("breach_facts_page", language, "slack", **words))]
    account = FactName.ACCOUNT if written == "fr" else FactName.ACCOUNT_EN
    for name in names:
        blocks += _fields(name, _known(shown, name), language, offered=summary if name is account else "")
    blocks.append(_not_known(names, language))
    return modal(language, PAGE, blocks, str(place), title=CHOOSE)


def read_page(view: Mapping[str, Any], page: str, shown: BreachFacts) -> Answers:
    """What differs from what was shown. Marked as not known, a field that was changed all the same keeps its change."""
    marked = {FactName(name) for name in read_many(view, NOT_KNOWN)}
    no_count = tuple(one for one in PAGES[page] if one in NUMBERS and not _is_count(read_text(view, one.value)))
    values: dict[FactName, Value] = {}
    for name in PAGES[page]:
        if name in no_count:
            continue
        value, known = _read(view, name, _known(shown, name)), _known(shown, name)
        if value != known:
            values[name] = value
        elif name in marked and (known is not None or is_text(name)):
            values[name] = None
    texts = {name.value: text for name, text in values.items() if is_text(name) and isinstance(text, str)}
    personal = {name: found for name, text in texts.items() if (found := find_personal_data(text))}
    has_ended = read_choice(view, ENDED) == HAS_ENDED
    end_missing = has_ended and not isinstance(_read_end(view, _known(shown, ENDED_AT)), datetime)
    return Answers(values, personal, end_missing, no_count)


def _is_count(typed: str) -> bool:
    """Slack's client checks this, too; what reaches us may come from another one."""
    return not typed or COUNT.fullmatch(typed) is not None


def is_text(name: FactName) -> bool:
    """Whether it is typed freely."""
    return name not in ONE and name not in MANY and name not in NUMBERS and name not in INSTANTS


def _known(shown: BreachFacts, name: FactName) -> Any:
    """What the page shows of a field: labels without those that nobody chooses."""
    value = getattr(shown, name.value)
    return order(name, set(value)) if name in MANY and value is not None else value


def _fields(name: FactName, known: Any, language: str, *, offered: str = "") -> Iterator[Block]:
    """What is known of a text stands in none of them; `offered` is a beginning for one that nobody has typed yet."""
    if name in ONE:
        yield _field(name, language, _one(name, known, language))
    elif name in MANY:
        yield _field(name, language, _many(name, known, language))
    elif name in NUMBERS:
        yield _field(name, language, _number(name, known))
    elif name in INSTANTS:
        yield from [_ended(known, language)] if name is FactName.ENDED_AT else []
        yield _field(name, language, _instant(name, known))
    else:
        typed = {"type": "plain_text_input", "action_id": name.value, "multiline": True, "max_length": LONGEST}
        yield _field(name, language, typed | ({"initial_value": offered} if offered else {}))


def _field(name: FactName, language: str, element: Block) -> Block:
    label, hint = word(language, f"fact.{name}"), find_word(language, f"fact_hint.{name}")
    if name in IN_ENGLISH:
        label = word(language, "wording.fr", what=label)
    hint = word(language, "fact_hint.english") if name in IN_ENGLISH.values() else hint
    block = {"type": "input", "block_id": name.value, "label": plain(label, 2000), "element": element}
    return block | {"optional": True} | ({"hint": plain(hint, 2000)} if hint else {})


def _one(name: FactName, known: str | None, language: str) -> Block:
    options = _options(name, language)
    chosen = next(one for one in options if one["value"] == (known or UNKNOWN))
    return {"type": "static_select", "action_id": name.value, "options": options, "initial_option": chosen}


def _many(name: FactName, known: tuple[str, ...] | None, language: str) -> Block:
    options, labels = _options(name, language), () if known is None else known or (NONE,)
    chosen = [one for one in options if one["value"] in labels]
    element = {"type": "multi_static_select", "action_id": name.value, "options": options}
    return element | ({"initial_options": chosen} if chosen else {})


def _options(name: FactName, language: str) -> list[Block]:
    """Its labels in words; "not known yet" stands first."""
    labels = [option(word(language, f"{WORDS[name]}.{label}"), label) for label in labels_of(name)]
    return [option(word(language, "fact.unknown"), UNKNOWN), *labels]


def _number(name: FactName, known: int | None) -> Block:
    limits = {"is_decimal_allowed": False, "min_value": "0", "max_value": "9999999999"}
    element = {"type": "number_input", "action_id": name.value, **limits}
    return element | ({"initial_value": str(known)} if known is not None else {})


def _instant(name: FactName, known: datetime | str | None) -> Block:
    element: Block = {"type": "datetimepicker", "action_id": name.value}
    return element | ({"initial_date_time": int(known.timestamp())} if isinstance(known, datetime) else {})


def _ended(known: datetime | str | None, language: str) -> Block:
    options = [option(word(language, f"ended.{one}"), one) for one in (UNKNOWN, ONGOING, HAS_ENDED)]
    now = UNKNOWN if known is None else ONGOING if known == ONGOING else HAS_ENDED
    return select(language, ENDED, options, chosen=next(one for one in options if one["value"] == now))


def _not_known(names: Iterable[FactName], language: str) -> Block:
    """The fields that have no such choice of their own may be marked as not known, after all."""
    own = [name for name in names if name not in ONE and name not in MANY and name is not FactName.ENDED_AT]
    options = [option(word(language, f"fact.{name}"), name.value) for name in own]
    return field(
        language,
        NOT_KNOWN,
        {"type": "multi_static_select", "action_id": NOT_KNOWN, "options": options},
        optional=True,
    )


# --- reading ---


def _read(view: Mapping[str, Any], name: FactName, known: Any) -> Value:
    """What a field says; `known` when it was left empty."""
    if name in ONE:
        chosen = read_choice(view, name.value)
        return known if chosen is None else None if chosen == UNKNOWN else chosen
    if name in MANY:
        return _read_many(name, set(read_many(view, name.value)), known)
    if name is FactName.ENDED_AT:
        return _read_end(view, known)
    if name in INSTANTS:
        return _read_instant(view, name, known)
    typed = read_text(view, name.value)
    return known if not typed else int(typed) if name in NUMBERS else typed


def _read_many(name: FactName, chosen: set[str], known: Any) -> Value:
    labels = chosen - {UNKNOWN}
    return order(name, labels) if labels else None if chosen else known


def _read_end(view: Mapping[str, Any], known: Any) -> Value:
    """An instant that was entered goes before the choice beside it."""
    instant, chosen = _read_instant(view, FactName.ENDED_AT, known), read_choice(view, ENDED)
    if instant != known:
        return instant
    said: dict[str, Value] = {UNKNOWN: None, ONGOING: ONGOING}
    return said.get(chosen or HAS_ENDED, known)


def _read_instant(view: Mapping[str, Any], name: FactName, known: Any) -> Value:
    """The picker knows whole minutes: one that was not touched leaves the seconds of what is known."""
    found = find_at(view, name.value)
    untouched = found is None or (isinstance(known, datetime) and found == known.replace(second=0, microsecond=0))
    return known if untouched else found
