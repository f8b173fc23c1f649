"""One customer's notice in words (GDPR 33(3), agreement clause 6): subject, text, HTML, and a document to keep.

The page for a person comes first; then what an authority's form asks for, in its order. What is not known is said so.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from markupsafe import Markup

from bot.settings import DeskSettings
from storage.breach_facts import BreachFacts
from storage.breach_types import ONGOING, SensitiveKind
from storage.notice_types import Addressee, Edition, File, Rendered
from storage.notice_warnings import TYPED, WANTED
from storage.outbox import Words
from templates import DRILL_MARK, in_words, render

MARK_OF_FILES = "EXERCICE-DRILL-"
"""How the names of the files begin that a drill sends."""
LISTS = ("nature", "data_kinds", "sensitive_kinds", "person_kinds")
OTHERS = {"origin": "origin_other", "data_kinds": "data_other", "person_kinds": "persons_other"}
"""Labels whose *other* is said in typed words."""
SAID = tuple(
    "account nature origin cause data_kinds sensitive_kinds person_kinds persons records started_at ended_at discovery "
    "measures_before measures_after consequences other_bodies cnil_told_at".split()
)
SHORT = 160
"""Longer words are not said twice: what changed names them, and they stand below."""

Row = tuple[str, str | None]


@dataclass(frozen=True)
class Part:
    """A part of the form; a row's value is None where it is not known."""

    title: str
    rows: tuple[Row, ...]


def render_notice(edition: Edition, one: Addressee, settings: DeskSettings, *, preview: str = "") -> Rendered:
    """The notice as this customer gets it; `preview` is a line for staff on top of the mail."""
    values = _values(edition, one, settings)
    subject = render("notice_subject", one.language, **values)
    body = Markup(render("notice_body", one.language, "html", **values))  # noqa: S704 - escaped by its template
    page = {"subject": subject, "body": body}
    document = render("notice_document", one.language, "html", **page)
    text = render("notice", one.language, preview=preview, **values)
    html = render("notice", one.language, "html", preview=preview, **page)
    files = (File(f"{values['files'][0]}.html", "text/html", document.encode()), *_enclosed(edition, one))
    return Rendered(one, Words(subject, text, html), files)


def render_all(edition: Edition, settings: DeskSettings) -> tuple[Rendered, ...]:
    """Every customer's."""
    return tuple(render_notice(edition, one, settings) for one in edition.addressees)


def label(language: str, key: str, **values: object) -> str:
    """A word of templates/notice_words.<language>.txt."""
    return _words(language)[key].format(**values)


def say_facts(facts: BreachFacts, language: str) -> dict[str, str | None]:
    """Each fact in words, by its name; None where it is not known."""
    return {name: _say(facts, name, language) for name in SAID}


def _values(edition: Edition, one: Addressee, settings: DeskSettings) -> dict[str, Any]:
    said = say_facts(one.facts, one.language)
    return {
        "mark": f"{DRILL_MARK} " if edition.drill else "",
        "drill": edition.drill,
        "company": settings.company_name,
        "reference": edition.reference,
        "version": edition.version,
        "final": edition.final,
        "certain": edition.aware_at is not None,
        "aware_at": edition.aware_at,
        "noticed_at": edition.noticed_at or edition.at,
        "deadline_at": edition.deadline_at,
        "customer": one.name,
        "first": one.first,
        "late": one.late,
        "added_at": one.added_at,
        "found_late": one.added_at > edition.deadline_at,
        "told_version": one.told.version if one.told else None,
        "changes": _changes(edition, one),
        "said": said,
        "anything_said": SensitiveKind.ANYTHING_SAID.value in (one.facts.sensitive_kinds or ()),
        "not_yet": [label(one.language, f"not_yet.{name}") for name in WANTED if said[name] is None],
        "window_hours": round(settings.authority_window.total_seconds() / 3600),
        "counted_from": one.counted_from,
        "called": one.called,
        "fresh": one.counted_from == edition.at,
        "until": one.counted_from + settings.authority_window,
        "duty_telephone": settings.duty_telephone,
        "dpo": say_dpo(settings),
        "annex": _annex(edition, one, said, settings),
        "unknown": label(one.language, "unknown"),
        "files": [_document_name(edition, one), *(file.name for file in _enclosed(edition, one))],
    }


def say_dpo(settings: DeskSettings) -> str | None:
    """The data protection officer and how to reach them, as far as the settings say."""
    known = (settings.dpo_name, settings.dpo_address, settings.dpo_telephone)
    return ", ".join(one for one in known if one) or None


def _document_name(edition: Edition, one: Addressee) -> str:
    """Without its ending: where the mail half can, it sends this page as PDF."""
    mark = MARK_OF_FILES if edition.drill else ""
    return f"{mark}{edition.reference}-{label(one.language, 'file')}-{edition.version}"


def _enclosed(edition: Edition, one: Addressee) -> list[File]:
    mark = MARK_OF_FILES if edition.drill else ""
    return [File(f"{mark}{each.name}", each.content_type, None, each.document_id) for each in one.documents]


def _changes(edition: Edition, one: Addressee) -> list[str]:
    """What is new since the version that this customer has, a line each."""
    if one.told is None:
        return []
    before, after = say_facts(one.told.facts, one.language), say_facts(one.facts, one.language)
    confirmed = edition.aware_at is not None and not one.told.confirmed
    lines = [_change(name, before[name], after[name], one.language) for name in SAID if before[name] != after[name]]
    return [*([label(one.language, "confirmed")] if confirmed else []), *lines]


def _change(name: str, before: str | None, after: str | None, language: str) -> str:
    kind = "unsure" if after is None else "known" if before is None else "changed"
    colon = "\u00a0: " if language == "fr" else ": "
    said = colon.join((label(language, f"change.{kind}"), label(language, f"fact.{name}")))
    return f"{said}{colon}{after}" if after and len(after) <= SHORT and name not in TYPED else said


def _annex(edition: Edition, one: Addressee, said: dict[str, str | None], settings: DeskSettings) -> list[Part]:
    """The form of the French authority, in its order."""
    fact = {name: (label(one.language, f"fact.{name}"), value) for name, value in said.items()}
    told_cnil = [(label(one.language, "row.cnil"), said["cnil_told_at"])] if said["cnil_told_at"] else []
    parts: dict[str, list[Row]] = {
        "notification": _notification(edition, one),
        "processor": _processor(one, settings),
        "dates": [fact["started_at"], fact["ended_at"], *_known_since(edition, one), fact["discovery"]],
        "breach": [fact["nature"], fact["origin"], fact["cause"], fact["account"]],
        "data": [fact["data_kinds"], fact["sensitive_kinds"], fact["records"]],
        "persons": [fact["person_kinds"], fact["persons"]],
        "before": [fact["measures_before"]],
        "consequences": [fact["consequences"]],
        "after": [fact["measures_after"]],
        "others": [fact["other_bodies"], *told_cnil],
    }
    return [Part(label(one.language, f"section.{name}"), tuple(rows)) for name, rows in parts.items()]


def _notification(edition: Edition, one: Addressee) -> list[Row]:
    kind = "first" if one.first and one.told is None else "last" if edition.final else "further"
    version = label(one.language, "version.last" if edition.final else "version", version=edition.version)
    return [
        (label(one.language, "row.type"), label(one.language, f"type.{kind}")),
        (label(one.language, "row.version"), version),
        (label(one.language, "row.reference"), edition.reference),
        (label(one.language, "row.controller"), one.name),
    ]


def _processor(one: Addressee, settings: DeskSettings) -> list[Row]:
    which, contact = ("row.dpo", say_dpo(settings)) if say_dpo(settings) else ("row.contact", settings.mail_address)
    rows = {"row.processor": settings.company_name, which: contact, "row.duty": settings.duty_telephone}
    return [(label(one.language, key), value) for key, value in rows.items() if value]


def _known_since(edition: Edition, one: Addressee) -> list[Row]:
    """When the processor knew, and when it told the controller: an authority compares the two."""
    told = label(one.language, "told.call" if one.called else "told.mail", at=in_words(one.counted_from, one.language))
    since = edition.aware_at or edition.noticed_at
    which = "row.aware" if edition.aware_at else "row.suspected"
    known = in_words(since, one.language) if since else None
    return [(label(one.language, which), known), (label(one.language, "row.told"), told)]


def _say(facts: BreachFacts, name: str, language: str) -> str | None:
    """One fact in words, None if it is not known."""
    if name in TYPED:
        return _say_text(facts, name, language)
    value = getattr(facts, name)
    if value is None:
        return None
    if name in OTHERS or name in LISTS or name == "cause":
        return _say_labels(facts, name, value if isinstance(value, tuple) else (value,), language)
    if isinstance(value, datetime):
        return in_words(value, language)
    if isinstance(value, int):
        return label(language, "about_all" if name in facts.of_all else "about", count=_number(value, language))
    return label(language, "ongoing") if name == "ended_at" and value == ONGOING else str(value).strip() or None


def _say_text(facts: BreachFacts, name: str, language: str) -> str | None:
    """What was typed, in the reader's language if it was typed in that; else a sentence first says which it is in."""
    typed, written = facts.text(name, language) or (None, language)
    return typed if written == language else f"{label(language, 'other_language')}\n{typed}"


def _say_other(facts: BreachFacts, name: str, language: str) -> str | None:
    """What was typed for *other*, among labels."""
    typed, written = facts.text(name, language) or (None, language)
    return typed if written == language else label(language, "in_other_language", text=typed)


def _say_labels(facts: BreachFacts, name: str, labels: tuple[str, ...], language: str) -> str | None:
    """Labels in words; *other* by what was typed for it."""
    typed = _say_other(facts, OTHERS[name], language) if name in OTHERS else None
    words = [typed if one == "other" and typed else label(language, f"{name}.{one}") for one in labels]
    if not words and name == "sensitive_kinds":
        return label(language, "sensitive_kinds.none")
    return ", ".join(words) or None


def _number(value: int, language: str) -> str:
    """1 200 in French, 1,200 in English."""
    return f"{value:,}".replace(",", "\u202f" if language == "fr" else ",")


@cache
def _words(language: str) -> dict[str, str]:
    lines = render("notice_words", language).splitlines()
    pairs = (line.partition(":") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): text.strip() for key, _, text in pairs}
