"""What a customer reads of a breach: in both languages, with everything known and with nothing, and what never stands
there."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from bot.notice_cards import ADDED, ALONE, APPROVE, NoticeSheet, SendingSheet, WarningLine
from bot.notice_forms import confirm_form, notice_form, say_warning
from bot.notice_preview import render_preview
from bot.notice_words import SAID, label, render_notice, say_facts
from bot.settings import DeskSettings
from storage.breach_errors import NoticeFaulty
from storage.breach_types import Cause, DataKind, Nature, Origin, PersonKind, SensitiveKind
from storage.notice_checks import check_all, suspect_mentions
from storage.notice_types import Addressee, Edition, Enclosed, Rendered, Told
from storage.notice_warnings import NEVER, Doubt
from templates import DRILL_MARK, LANGUAGES
from tests.edition_support import ADDRESSEE, BARE, EVERYTHING, NOTHING, SETTINGS, changed, edition_of
from tests.playground.rules import check_view
from tests.storage_support import NOW, hours

URL = SecretStr("sqlite:///unused.db")
OTHER = changed(affected_id=2, customer="C0002", name="Hôtel Azur", address="direction@azur.example")
DOCUMENT = Enclosed(4, "extract.pdf", "application/pdf")
PARTLY = replace(NOTHING, account="Something is wrong.", persons=3, consequences="Unwanted calls.")
SHAPES: dict[str, tuple[Addressee, dict[str, Any]]] = {
    "all known": (ADDRESSEE, {}),
    "nothing known": (changed(facts=NOTHING), {}),
    "a suspicion": (changed(facts=NOTHING), {"aware_at": None}),
    "late": (changed(late=True), {"deadline_at": NOW - hours(5)}),
    "found late": (changed(late=True, added_at=NOW), {"deadline_at": NOW - hours(5), "version": 2}),
    "told by telephone": (changed(called=True, counted_from=NOW - hours(3)), {}),
    "a second one": (changed(first=False, told=Told(1, PARTLY, False), counted_from=NOW - hours(9)), {"version": 2}),
    "nothing new": (changed(first=False, told=Told(1, EVERYTHING, True)), {"version": 2}),
    "the last": (changed(first=False, told=Told(2, NOTHING, True)), {"version": 3, "final": True}),
    "with a document": (changed(documents=(DOCUMENT,)), {}),
    "a drill": (changed(documents=(DOCUMENT,)), {"drill": True, "reference": "DRILL-2026-0001"}),
}
EVERY = [(name, language) for name in SHAPES for language in LANGUAGES]


def shaped(name: str, language: str, *, bare: bool = False) -> tuple[Edition, Rendered]:
    one, about = SHAPES[name]
    one = replace(one, language=language)
    edition = edition_of(one, **({"everybody": ((one.customer, one.name), (OTHER.customer, OTHER.name))} | about))
    return edition, render_notice(edition, one, BARE if bare else SETTINGS)


def bodies(rendered: Rendered) -> dict[str, str]:
    """Its text, and its two pages without their tags."""
    pages = {"html": rendered.words.html or "", "document": (rendered.files[0].content or b"").decode()}
    bare = {
        name: unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)) for name, page in pages.items()
    }
    flat = {name: " ".join(text.split()) for name, text in bare.items()}
    return {"text": " ".join(rendered.words.text.split()), **flat}


# --- in every one of them ---


@pytest.mark.parametrize("bare", [False, True], ids=["all set", "nothing set"])
@pytest.mark.parametrize(("name", "language"), EVERY)
def test_no_notice_plays_down_decides_for_the_customer_or_calls_anything_remote(
    name: str, language: str, *, bare: bool
) -> None:
    _, rendered = shaped(name, language, bare=bare)

    for text in (rendered.words.subject, *bodies(rendered).values()):
        assert not [phrase for phrase in NEVER if phrase in text.lower()]
        assert "None" not in text.replace("None.", "")
    for page in rendered.texts():
        assert not re.search(r"https?:|//\w|src=|href=|<script|<link|<img|<iframe|@import|url\(|\son\w+=", page)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_every_notice_is_for_its_own_customer_and_names_no_other(name: str, language: str) -> None:
    edition, rendered = shaped(name, language)

    checked = check_all(edition, [rendered])

    assert checked.mentions == ()
    for text in bodies(rendered).values():
        assert ADDRESSEE.name in text
        assert edition.reference in text
    assert rendered.files[0].name.endswith(f"-{'avis' if language == 'fr' else 'notice'}-{edition.version}.html")
    assert "<b>and</b>" not in (rendered.words.html or "")


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_every_notice_says_what_a_form_asks_for_and_until_when(name: str, language: str) -> None:
    one, _ = SHAPES[name]
    edition, rendered = shaped(name, language)
    until = label(language, "row.told")

    for text in bodies(rendered).values():
        for fact in SAID:
            if fact != "cnil_told_at" or one.facts.cnil_told_at:
                assert label(language, "row.cnil" if fact == "cnil_told_at" else f"fact.{fact}") in text
        assert until in text
        assert "Claire Moreau, dpo@kavkom.example, +33 1 99 00 00 01" in text
        assert "+33 1 99 00 00 02" in text
        assert (label(language, "unknown") in text) == (one.facts == NOTHING)
        assert len(re.findall(r"72 (?:heures|hours)", text)) == 1
    assert edition.version == int(re.findall(r"(?:n° |notice )(\d)", rendered.words.subject)[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_of_a_fact_has_its_words(language: str) -> None:
    said = say_facts(EVERYTHING, language)

    assert None not in said.values()
    assert "a faulty export" in (said["origin"] or "")
    assert "opening hours" in (said["data_kinds"] or "")
    assert "34\u202f500" in (said["records"] or "") or "34,500" in (said["records"] or "")
    kinds = {"nature": Nature, "data_kinds": DataKind, "sensitive_kinds": SensitiveKind, "person_kinds": PersonKind}
    for name, known in kinds.items():
        assert all(label(language, f"{name}.{one.value}") for one in known)
    assert all(label(language, f"origin.{one.value}") for one in Origin)
    assert all(label(language, f"cause.{one.value}") for one in Cause)
    assert say_facts(replace(NOTHING, sensitive_kinds=()), language)["sensitive_kinds"]


# --- what each of them says ---


@pytest.mark.parametrize(
    ("name", "french", "english"),
    [
        ("all known", "Violation de données concernant votre entreprise – Kavkom, BR-2026-0007, message n° 1", ""),
        ("all known", "", "Data breach affecting your company’s data – Kavkom, BR-2026-0007, notice 1"),
        ("the last", "message n° 3 (dernier)", "notice 3 (last)"),
        ("a suspicion", "Violation de données possible", "Possible data breach"),
        ("a drill", "[EXERCICE / DRILL] Violation", "[EXERCICE / DRILL] Data breach"),
    ],
)
def test_the_subject_says_what_and_which(name: str, french: str, english: str) -> None:
    for language, words in (("fr", french), ("en", english)):
        _, rendered = shaped(name, language)
        assert words in rendered.words.subject


@pytest.mark.parametrize(
    ("name", "french", "english"),
    [
        ("all known", "Répondez « reçu »", "Reply “received”"),
        ("all known", "C’est vous qui décidez s’il faut notifier", "You decide whether to notify"),
        ("all known", "lundi 26 octobre 2026 à 16 h 40 (heure de Paris)", "Monday 26 October 2026, 16:40 (Paris time)"),
        ("all known", "à partir de la préparation de ce message", "Counted from when this notice was prepared"),
        ("all known", "Nous regrettons sincèrement", "We are truly sorry"),
        ("all known", "tout ce qui a été dit", "anything that was said"),
        ("nothing known", "Ce que nous ne savons pas encore", "What we do not know yet"),
        ("nothing known", "combien de personnes sont concernées", "how many people are affected"),
        ("a suspicion", "ce n’est pas encore certain", "this is not certain yet"),
        ("late", "Ce message vous parvient tard", "This notice reaches you late"),
        ("found late", "Nous n’avons établi que le vendredi 23 octobre", "We established only on Friday 23 October"),
        ("found late", "C’est le premier message que vous recevez", "This is the first notice that you receive"),
        (
            "told by telephone",
            "depuis notre appel du vendredi 23 octobre 2026 à 14 h 40",
            "our call of Friday 23 October",
        ),
        ("a second one", "notre premier message", "our first notice"),
        ("a second one", "La violation est désormais certaine", "It is now certain that there was a breach"),
        (
            "a second one",
            "Désormais connu : Cause de la violation : acte interne",
            "Now known: Cause of the breach: in",
        ),
        (
            "a second one",
            "Modifié : Nombre approximatif de personnes : environ",
            "Changed: Approximate number of people",
        ),
        ("nothing new", "Rien de ce que nous vous avons écrit n’a changé", "Nothing that we wrote to you has changed"),
        ("the last", "C’est notre dernier message", "This is our last notice"),
        (
            "with a document",
            "Joints à ce message : BR-2026-0007-avis-1, extract.pdf",
            "-notice-1, extract.pdf",
        ),
    ],
)
def test_a_notice_says_in_plain_words_what_its_customer_must_know(name: str, french: str, english: str) -> None:
    for language, words in (("fr", french), ("en", english)):
        _, rendered = shaped(name, language)
        for text in bodies(rendered).values():
            assert words.lower() in text.replace("\xa0", " ").lower()


def test_a_first_notice_that_is_in_time_says_nothing_of_lateness_or_changes() -> None:
    for language in LANGUAGES:
        _, rendered = shaped("all known", language)
        said = " ".join(bodies(rendered).values()).lower()
        never = ("parvient tard", "reaches you late", "a changé depuis", "has changed")
        assert not [words for words in never if words in said]


def test_what_is_not_confirmed_any_more_is_said() -> None:
    one = changed(language="en", facts=NOTHING, first=False, told=Told(1, replace(NOTHING, persons=5), True))

    rendered = render_notice(edition_of(one, version=2), one, SETTINGS)

    assert "Can no longer be confirmed: Approximate number of people" in rendered.words.text


def test_another_window_is_a_setting() -> None:
    settings = SETTINGS.model_copy(update={"authority_window": timedelta(hours=96)})

    rendered = render_notice(edition_of(ADDRESSEE), ADDRESSEE, settings)

    assert "96 heures" in rendered.words.text
    assert "mardi 27 octobre 2026" in rendered.words.text


@pytest.mark.parametrize(("given", "length"), [("72", hours(72)), ("96h", hours(96)), ("4d", hours(96))])
def test_the_window_is_given_in_hours_or_with_its_unit(given: str, length: timedelta) -> None:
    read: Any = given

    assert DeskSettings(_env_file=None, database_url=URL, authority_window=read).authority_window == length


def test_a_window_that_is_no_length_of_time_is_refused() -> None:
    read: Any = "soon"

    with pytest.raises(ValidationError):
        DeskSettings(_env_file=None, database_url=URL, authority_window=read)


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_a_drill_everything_begins_with_the_mark(language: str) -> None:
    _, rendered = shaped("a drill", language)

    assert rendered.words.subject.startswith(f"{DRILL_MARK} ")
    for text in bodies(rendered).values():
        assert text.removeprefix(rendered.words.subject).strip().startswith(f"{DRILL_MARK} ")
    assert all(file.name.startswith("EXERCICE-DRILL-") for file in rendered.files)


# --- looking through them ---


def test_a_notice_that_names_another_customer_by_name_or_reference_is_found_wherever_it_stands() -> None:
    facts = replace(EVERYTHING, account="Also sent to the HOTEL\nAzur.")
    by_name, by_file = changed(facts=facts), changed(documents=(Enclosed(4, "c0002.csv", "text/csv"),))
    edition = edition_of(by_name, OTHER)

    for one in (by_name, by_file):
        checked = check_all(edition, [render_notice(edition, one, SETTINGS)])
        assert [(each.of, each.names) for each in checked.mentions] == [("C0001", "C0002")]
        assert suspect_mentions(edition_of(one, OTHER)) == list(checked.mentions)


def test_a_name_within_ones_own_and_a_name_of_everyday_words_are_no_mention() -> None:
    within = changed(affected_id=3, customer="C0003", name="Garage du Lac")
    everyday = changed(affected_id=4, customer="C0004", name="Contact Services")
    edition = edition_of(ADDRESSEE, within, everyday)

    assert check_all(edition, [render_notice(edition, ADDRESSEE, SETTINGS)]).mentions == ()
    assert suspect_mentions(edition) == []


@pytest.mark.parametrize("fault", ["address", "name", "reference"])
def test_a_faulty_notice_stops_all_of_them(fault: str) -> None:
    edition, rendered = shaped("all known", "fr")
    faulty = {
        "address": replace(rendered, addressee=changed(address="a@x.example, b@y.example")),
        "name": replace(rendered, addressee=changed(name="Somebody Else")),
        "reference": rendered,
    }[fault]

    with pytest.raises(NoticeFaulty):
        check_all(replace(edition, reference="BR-2026-0008") if fault == "reference" else edition, [faulty])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_preview_says_on_top_what_it_is_and_whom_it_seems_to_name(language: str) -> None:
    one = changed(facts=replace(EVERYTHING, account="Also sent to Hôtel Azur."))
    edition = edition_of(one, OTHER)

    preview = render_preview(edition, one, language, SETTINGS)

    assert preview.words.subject.startswith("[APERÇU / PREVIEW] Violation")
    for text in (preview.words.text, bodies(preview)["html"]):
        assert "contact@garage.example" in text
        assert "Hôtel Azur (C0002)" in text
    assert preview.files == render_notice(edition, one, SETTINGS).files


# --- what Slack shows of it ---


SHEET = NoticeSheet(
    reference="BR-2026-0007",
    drill=True,
    version=2,
    final=True,
    notice_id=2,
    prepared_at=NOW,
    prepared_by="U01ANNE",
    fresh=True,
    customers=tuple((f"C{number:04}", f"Customer {number}" * 9) for number in range(300)),
    known=SAID[:3],
    missing=SAID[3:],
    warnings=tuple(WarningLine(kind.value, tuple(f"C{number:04}" for number in range(300)), SAID, 3) for kind in Doubt),
    added=2,
    lead=True,
    second=False,
    alone_at=NOW + hours(1),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_modal_of_a_notice_is_one_that_slack_accepts(language: str) -> None:
    empty = replace(
        SHEET, drill=False, notice_id=None, prepared_at=None, prepared_by=None, fresh=False, customers=(), warnings=()
    )
    stale = replace(SHEET, fresh=False, known=(), missing=())
    sending = SendingSheet("BR-2026-0007", False, APPROVE, 1, False, 1, SHEET.warnings, True, 2, "ab" * 8)

    for sheet in (SHEET, empty, stale, replace(SHEET, second=True)):
        check_view(notice_form(sheet, language), "modal")
    for step in (APPROVE, ALONE, ADDED):
        check_view(confirm_form(replace(sending, step=step), language), "modal")
        check_view(confirm_form(replace(sending, step=step, mentions=False, drill=True, final=True), language), "modal")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(Doubt))
def test_every_warning_has_its_sentence_and_names_few(kind: Doubt, language: str) -> None:
    said = say_warning(
        WarningLine(kind.value, tuple(f"C{number:04}" for number in range(300)), ("persons",), 2), language
    )

    assert said.endswith(".")
    assert said != say_warning(WarningLine("unheard-of"), language)
    assert "C0010" not in said


def test_who_prepared_it_may_not_approve_it_and_only_the_lead_may_send_it_alone() -> None:
    assert "approve" not in SHEET.steps
    assert "alone" in SHEET.steps
    assert "approve" in replace(SHEET, second=True).steps
    assert {"approve", "alone"}.isdisjoint(replace(SHEET, lead=False).steps)
    assert {"approve", "alone"}.isdisjoint(replace(SHEET, fresh=False).steps)


@pytest.mark.parametrize(("language", "words"), [("fr", "tous nos clients concernés confondus"), ("en", "together")])
def test_a_number_of_all_customers_is_not_given_as_that_of_this_one(language: str, words: str) -> None:
    one = changed(language=language, facts=replace(EVERYTHING, of_all=("persons",)))

    text = render_notice(edition_of(one), one, SETTINGS).words.text

    assert text.count(words) == 2  # on the page for a person, and in the form


# --- two languages ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_customer_reads_the_wording_in_its_language(language: str) -> None:
    facts = replace(NOTHING, account="Une liste est partie.", account_en="A list went out.", origin=Origin.OTHER)
    facts = replace(facts, origin_other="un export", origin_other_en="an export")
    one = changed(facts=facts, language=language)
    mine, other = (facts.account, facts.account_en) if language == "fr" else (facts.account_en, facts.account)

    for text in bodies(render_notice(edition_of(one), one, SETTINGS)).values():
        assert str(mine) in text
        assert str(other) not in text
        assert label(language, "other_language") not in text
    assert say_facts(facts, language)["origin"] == ("un export" if language == "fr" else "an export")


@pytest.mark.parametrize(
    ("language", "wording"), [("en", {"account": "Une liste."}), ("fr", {"account_en": "A list."})]
)
def test_a_text_in_the_other_language_only_is_said_to_be_in_that(language: str, wording: dict[str, Any]) -> None:
    facts = replace(NOTHING, **wording, data_kinds=("other",), data_other="x" if language == "en" else None)
    facts = replace(facts, data_other_en="x" if language == "fr" else None)
    one = changed(facts=facts, language=language)

    for text in bodies(render_notice(edition_of(one), one, SETTINGS)).values():
        said = f"{label(language, 'other_language')} {next(iter(wording.values()))}"
        assert " ".join(said.split()) in text
    assert say_facts(facts, language)["data_kinds"] == {"en": "x (in French)", "fr": "x (en anglais)"}[language]
    assert "account" not in facts.unknown
