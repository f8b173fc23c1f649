"""`explain` for a person at a shell: where a letter goes, what was read in it, what points to whom, what against."""

from collections.abc import Iterator
from datetime import date
from functools import cache

from mail.explaining import HUMAN, Explained
from mail.reasons import Evidence, Pointed, Strength
from mail.routing import Candidate, Held, Route
from mail.settings import Automatic
from storage.proposals import MOST
from storage.types import Hold, KeyKind, Kind
from templates import render

KINDS = {
    Kind.REQUEST: "a request",
    Kind.FOLLOW_UP: "a further letter about a request",
    Kind.AUTHORITY: "a letter from an authority",
    Kind.CONTROLLER: "a customer’s own letter",
    Kind.NOT_REQUEST: "no request",
}
EVIDENCE = {
    KeyKind.INTAKE_ALIAS.value: "the intake address",
    KeyKind.TELEPHONE.value: "the number",
    KeyKind.SMS_SENDER.value: "the sender of text messages",
    KeyKind.DOMAIN.value: "the domain",
    KeyKind.NAME.value: "the name",
    "campaign": "a mail from the domain",
}
SOURCES = {
    "recipient": "among the recipients",
    "written": "in the writer’s own words",
    "quoted": "in what is quoted",
    "attached": "in an attached mail",
    "text": "in the text",
}
STRENGTHS = {
    Strength.CERTAIN: "certain",
    Strength.STRONG: "strong",
    Strength.CONFIRMS: "a name: it confirms or contradicts",
    Strength.LEFT_ASIDE: "left aside: it may be the writer’s own",
    Strength.UNKNOWN: "unknown: the directory has nobody for it",
}
AGAINST = {
    "several": "the evidence points to different customers",
    "named": "the text names a customer that no other evidence points to",
    "denied": "the writer says of somebody that it was not them",
    "hidden": "it has words that nobody sees, or its two versions differ",
    "disguised": "it has words in letters of two alphabets",
    "too-many": "it names more than a person’s letter does",
    "employer": "the writer’s own address belongs to a customer that is pointed to",
    "in-doubt": "a colleague wrote it, and no letter in it can surely be told",
    "shortened": "not all of it could be read",
    "unreadable": "it could not be read",
}
NOT_SURE = "whose it was on that day is not sure, or the letter may be about somebody else"
MODES = {
    Automatic.OFF: "nothing goes by itself",
    Automatic.INTAKE_ADDRESS: "only an intake address may decide",
    Automatic.IDENTIFIERS: "addresses, numbers, senders and domains may decide, names never",
    Automatic.EVIDENCE: "distinctive names may decide, too",
}
MODE_MATTERS = frozenset({Hold.NO_EVIDENCE, Hold.AUTOMATIC_FORWARDING_OFF})


def as_text(explained: Explained) -> str:
    """The decision and its reasons, a fact a line."""
    lines = [explained.file, *(f"  {name:<11} {words}" for name, words in _facts(explained))]
    return "\n".join([*map(_printable, lines), ""])


def _printable(line: str) -> str:
    """What a letter holds may not move the reader's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _facts(explained: Explained) -> Iterator[tuple[str, str]]:
    reading = explained.considered.reading
    yield "goes to", _destination(explained)
    yield "because", _reason(explained)
    yield "read as", f"{KINDS[reading.kind]}, {_language(reading.language)}"
    yield "rights", _rights(explained)
    if reading.flags:
        yield "noticed", ", ".join(_word(f"flag.{flag}") for flag in reading.flags)
    yield from _labelled("evidence", [_evidence(one, explained.today) for one in explained.evidence] or ["none"])
    yield from _labelled("against", _contradictions(explained))
    yield from _labelled("candidates", _candidates(explained))


def _labelled(name: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        yield ("" if number else name), line


def _destination(explained: Explained) -> str:
    outcome = explained.considered.outcome
    if isinstance(outcome, Route):
        return f"{outcome.customer.reference}, by itself"
    return "a person, who decides" if explained.customers == HUMAN else "nobody: it is kept, and no request"


def _reason(explained: Explained) -> str:
    outcome = explained.considered.outcome
    if isinstance(outcome, Route):
        return "all evidence that counts points to this one customer, its contract runs, and nothing contradicts"
    words = _word(f"hold.{outcome.hold}")
    has_to_do_with_the_mode = outcome.hold in MODE_MATTERS and explained.evidence
    setting = f"AUTOMATIC_FORWARDING={explained.automatic}: {MODES[explained.automatic]}"
    return f"{words} ({setting})" if has_to_do_with_the_mode else words


def _rights(explained: Explained) -> str:
    """What is asked, and the words that say so; of a letter in which no right was read, those that weighed."""
    rights = ", ".join(_word(f"right.{right}") for right in explained.considered.reading.rights)
    words = ", ".join(_quoted(one) for one in explained.considered.because)
    if not words:
        return rights or "none read"
    return f"{rights} (because: {words})" if rights else f"none read (words that weighed: {words})"


def _evidence(one: Evidence, today: date) -> str:
    what = f"{EVIDENCE.get(one.kind, one.kind)} {one.value}, {SOURCES.get(one.source, one.source)}"
    whom = "; ".join(_pointed(customer, today) for customer in one.customers)
    return f"{what}: {whom} [{STRENGTHS[one.strength]}]" if whom else f"{what} [{STRENGTHS[one.strength]}]"


def _pointed(customer: Pointed, today: date) -> str:
    had = [f"from {customer.valid_from}"] if customer.valid_from else []
    had += [f"until {customer.valid_to}"] if customer.valid_to else []
    notes = [f"had it {' '.join(had)}"] if had else []
    if customer.contract_end and customer.contract_end < today:
        notes.append(f"contract ended {customer.contract_end}")
    elif customer.contract_start and customer.contract_start > today:
        notes.append(f"contract begins {customer.contract_start}")
    return f"{customer.reference} {customer.name}" + (f" ({', '.join(notes)})" if notes else "")


def _contradictions(explained: Explained) -> list[str]:
    letter = explained.says.letter
    automatic = [f"it is automatic mail ({letter.automatic})"] if letter.automatic else []
    unknown = [f"it was sent to {address}, which is no customer’s" for address in explained.unknown_intakes]
    against = [*automatic, *(AGAINST[name] for name in explained.contradictions), *unknown]
    outcome = explained.considered.outcome
    in_doubt = isinstance(outcome, Held) and outcome.hold is Hold.SEVERAL_CUSTOMERS
    return against or ([NOT_SURE] if in_doubt else [])


def _candidates(explained: Explained) -> list[str]:
    """Whom a held letter may concern, the likeliest first."""
    outcome = explained.considered.outcome
    if not isinstance(outcome, Held):
        return []
    shown = [_candidate(explained, candidate) for candidate in outcome.candidates[:MOST]]
    more = len(outcome.candidates) - len(shown)
    return [*shown, f"and {more} more"] if more > 0 else shown


def _candidate(explained: Explained, candidate: Candidate) -> str:
    """A customer, and what points to it."""
    reference = candidate.customer.reference
    pointed = (each for one in explained.evidence for each in one.customers)
    name = next((each.name for each in pointed if each.reference == reference), "")
    return f"{reference} {name}".rstrip() + f": {', '.join(EVIDENCE.get(kind, kind) for kind in candidate.kinds)}"


def _quoted(words: str) -> str:
    """The reader knows numbers as NUM only."""
    return f"“{words.replace('NUM', 'a number')}”"


def _language(code: str) -> str:
    return _table().get(f"language.{code}", f"in another language ({code})")


def _word(key: str) -> str:
    """The word that staff read in Slack for the same thing; the plain one where there is none."""
    return _table().get(key, key.partition(".")[2])


@cache
def _table() -> dict[str, str]:
    lines = (line.partition(":") for line in render("slack_words", "en").splitlines())
    return {key.strip(): words.strip() for key, _, words in lines if words.strip()}
