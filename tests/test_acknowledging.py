"""Whom the desk answers automatically, in which words, under which header fields (RFC 3834; mail.md rule 8)."""

import inspect
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from jinja2.nodes import Name

from mail.acknowledging import acknowledgement_words, find_reference, language_for, may_acknowledge, reply_fields
from mail.letter import read_letter
from storage.acknowledgements import Silence
from storage.models import Forward, Request
from storage.types import Channel, Hold, Kind
from templates import LANGUAGES, MORE_LANGUAGES, day_in_words, in_words, render

US = "privacy@kavkom.example"
JEANNE = "jeanne.martin@courriel.example"
AT = datetime(2026, 10, 28, 21, 10, tzinfo=UTC)
ALL_LANGUAGES = LANGUAGES + MORE_LANGUAGES


def silence(headers: str = "", *, sender: str = f"Jeanne Martin <{JEANNE}>", **known: Any) -> Silence | None:
    """Why a letter with these header fields gets no acknowledgement."""
    raw = f"{headers}From: {sender}\r\nTo: {US}\r\nSubject: Mes donnees\r\n\r\nEffacez mes donnees.\r\n"
    values: dict[str, Any] = {"kind": Kind.REQUEST, "channel": Channel.MAIL, "hold": None, "junk": False}
    own: dict[str, Any] = {"own_address": US, "own_domains": {"kavkom.example"}}
    return may_acknowledge(read_letter(raw.encode()), **values | own | known)


def a_request(*, hold: Hold | None = None) -> Request:
    """Held for a reason, or forwarded."""
    request = Request(
        reference="DSR-2026-0042", message_id=1, received_at=AT, kind=Kind.REQUEST, language="fr", hold=hold
    )
    if hold is None:
        values: dict[str, Any] = {"address": "", "order_reference": None, "language": "fr", "evidence": ()}
        Forward(request=request, customer=None, routed_by="desk", routed_at=AT, **values)  # type: ignore[arg-type]  # no words may need it
    return request


def words(language: str, *, hold: Hold | None = None, subject: str = "Bonjour", company: str = "Kavkom") -> str:
    return acknowledgement_words(a_request(hold=hold), subject, language, company=company).text


# --- to whom ---


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.FOLLOW_UP])
def test_a_person_who_asks_is_answered(kind: Kind) -> None:
    assert silence(kind=kind) is None


@pytest.mark.parametrize("kind", [Kind.AUTHORITY, Kind.CONTROLLER, Kind.NOT_REQUEST])
def test_who_asks_nothing_of_a_customer_is_not_answered(kind: Kind) -> None:
    assert silence(kind=kind) is Silence.KIND


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner-email=x@example.org",
        "Return-Path: <>",
        "List-Id: <news.example.org>",
        "List-Unsubscribe: <mailto:leave@example.org>",
        "Precedence: bulk",
        "Precedence: list",
        "Precedence: Junk",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
    ],
)
def test_automatic_mail_is_not_answered(field: str) -> None:
    assert silence(f"{field}\r\n") is Silence.AUTOMATIC


def test_mail_that_says_it_is_not_automatic_is_answered() -> None:
    assert silence("Auto-Submitted: no\r\n") is None


@pytest.mark.parametrize("local", ["mailer-daemon", "postmaster", "no-reply", "Ne-pas-repondre", "donotreply"])
def test_a_machines_address_is_not_answered(local: str) -> None:
    assert silence(sender=f"{local}@courriel.example") is Silence.AUTOMATIC


def test_junk_is_not_answered() -> None:
    assert silence(junk=True) is Silence.JUNK


@pytest.mark.parametrize("channel", [Channel.COLLEAGUE, Channel.RECORDED])
def test_what_did_not_come_by_mail_from_the_person_is_not_answered(channel: Channel) -> None:
    assert silence(channel=channel) is Silence.CHANNEL


@pytest.mark.parametrize("hold", [Hold.JUNK, Hold.AUTOMATIC_MAIL, Hold.OWN_MAIL, Hold.TOO_MANY, Hold.COLLEAGUE])
def test_a_hold_that_stops_automatic_sending_stops_the_answer_too(hold: Hold) -> None:
    assert silence(hold=hold) is Silence.HOLD


@pytest.mark.parametrize("hold", [Hold.NO_EVIDENCE, Hold.SEVERAL_CUSTOMERS, Hold.UNREADABLE])
def test_a_request_that_waits_for_a_person_is_answered(hold: Hold) -> None:
    assert silence(hold=hold) is None


@pytest.mark.parametrize(
    "sender",
    [
        f"{JEANNE}, other@example.org",
        "Jeanne Martin",
        "",
        "jeanne@courriel.example)victim@example.org",
        "jeanne@courriel",
        "jéanne@courriel.example",
        f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example",
    ],
)
def test_a_from_that_is_not_exactly_one_plain_mailbox_is_not_answered(sender: str) -> None:
    assert silence(sender=sender) is Silence.SENDER


@pytest.mark.parametrize(
    "noted", ["<other@courriel.example>", "<SRS0=x=courriel.example=jeanne@relay.example>", "<not an address>"]
)
def test_a_from_that_is_not_the_envelopes_sender_is_not_answered(noted: str) -> None:
    assert silence(f"Return-Path: {noted}\r\n") is Silence.RETURN_PATH


@pytest.mark.parametrize("headers", ["", f"Return-Path: <{JEANNE}>\r\n", f"Return-Path: <{JEANNE.upper()}>\r\n"])
def test_a_from_that_nothing_contradicts_is_answered(headers: str) -> None:
    assert silence(headers) is None


def test_a_return_path_that_the_sender_wrote_below_the_last_servers_lines_says_nothing() -> None:
    received = "Received: from a by b; Wed, 28 Oct 2026 21:10:00 +0000\r\n"

    assert silence(f"Return-Path: <mallory@example.org>\r\n{received}") is Silence.RETURN_PATH
    assert silence(f"{received}Return-Path: <{JEANNE}>\r\n") is None


@pytest.mark.parametrize("wanted", ["victim@elsewhere.example", "a@courriel.example, b@courriel.example", "<", ""])
def test_a_reply_to_elsewhere_or_unclear_is_not_answered(wanted: str) -> None:
    assert silence(f"Reply-To: {wanted}\r\n") is Silence.REPLY_TO


def test_a_reply_to_at_the_same_domain_is_answered_at_from() -> None:
    assert silence("Reply-To: Jeanne <jeanne@Courriel.example>\r\n") is None


@pytest.mark.parametrize("sender", [US, "Privacy+c.1.x@kavkom.example", "anne@kavkom.example", "paul@KAVKOM.example"])
def test_our_own_addresses_are_not_answered(sender: str) -> None:
    assert silence(sender=sender) is Silence.OWN


# --- in which words ---


@pytest.mark.parametrize("language", ALL_LANGUAGES)
@pytest.mark.parametrize("hold", [None, Hold.NO_EVIDENCE, Hold.AUTOMATIC_FORWARDING_OFF])
def test_it_is_short_plain_text_with_the_reference_and_the_day(language: str, hold: Hold | None) -> None:
    written = acknowledgement_words(a_request(hold=hold), "", language, company="Kavkom")

    assert written.html is None
    assert "DSR-2026-0042" in written.subject
    assert len(written.subject) <= 70
    assert "\n" not in written.subject
    assert max(map(len, written.text.splitlines())) < 76
    assert not re.search(r"[<>{}]|https?:|www\.", written.text)
    assert len(written.text) < 1200
    flat = re.sub("[ \n]+", " ", written.text).strip()
    assert in_words(AT, language) in flat
    assert "DSR-2026-0042" in flat
    assert flat.endswith(f"Kavkom – {flat.rpartition(' – ')[2]}")


PASSED_ON = {
    "fr": "avons transmis",
    "en": "have passed",
    "de": "haben Ihre Nachricht an",
    "es": "Hemos enviado",
    "it": "Abbiamo inoltrato",
    "nl": "doorgestuurd",
}
QUESTION = {
    "fr": "Quel numéro s’est affiché",
    "en": "Which number was shown",
    "de": "Welche Nummer wurde angezeigt",
    "es": "Qué número apareció",
    "it": "Quale numero è apparso",
    "nl": "Welk nummer verscheen",
}


@pytest.mark.parametrize("language", ALL_LANGUAGES)
def test_only_the_words_for_a_forwarded_request_say_that_it_was_passed_on(language: str) -> None:
    assert PASSED_ON[language] in words(language)
    for hold in Hold:
        assert PASSED_ON[language] not in words(language, hold=hold)


@pytest.mark.parametrize("language", ALL_LANGUAGES)
def test_the_person_is_asked_only_where_that_helps_to_find_the_company(language: str) -> None:
    assert QUESTION[language] in words(language, hold=Hold.NO_EVIDENCE)
    assert QUESTION[language] not in words(language, hold=Hold.AUTOMATIC_FORWARDING_OFF)
    assert QUESTION[language] not in words(language)


def test_french_readers_are_told_of_the_cnil() -> None:
    assert "CNIL" in words("fr")
    assert "CNIL" not in words("en")


@pytest.mark.parametrize("language", ALL_LANGUAGES)
def test_no_customer_can_be_named_because_none_is_given(language: str) -> None:
    template = Path(inspect.getfile(render)).with_name(f"acknowledgement.{language}.txt").read_text(encoding="utf-8")
    used = {name.name for name in Environment(autoescape=True).parse(template).find_all(Name)}

    known = {
        "company",
        "reference",
        "their_reference",
        "received_at",
        "forwarded",
        "ask",
        "to_us",
        "breach",
        "language",
    }
    assert used == known


@pytest.mark.parametrize("language", ALL_LANGUAGES)
def test_a_long_company_name_does_not_break_the_lines(language: str) -> None:
    text = words(language, hold=Hold.NO_EVIDENCE, company="Compagnie Internationale de Téléphonie Professionnelle")

    assert max(map(len, text.splitlines())) < 76


@pytest.mark.parametrize("language", ALL_LANGUAGES)
def test_a_reference_of_theirs_is_quoted(language: str) -> None:
    assert "AB-123" in words(language, subject="Dossier n° AB-123 : effacement")


@pytest.mark.parametrize(
    ("subject", "reference"),
    [
        ("Réf : AB-123", "AB-123"),
        ("Ma demande, ref. X1Z9 svp", "X1Z9"),
        ("v/réf: K-22.", "K-22"),
        ("dossier n° 2024-88", "2024-88"),
        ("Aktenzeichen: AZ-99", "AZ-99"),
        ("expediente nº 2024-88", "2024-88"),
        ("pratica 55A: urgente", "55A"),
        ("kenmerk ABC-1", "ABC-1"),
        ("Re: case #4711", "4711"),
        ("n° 0612345678", None),
        ("ref 06-12-34-56-78", None),
        ("dossier DSR-2026-0001", None),
        ("réf AB-123/x", None),
        ("ref: EVIL1.example", None),
        ("ref ABCDEFGHIJKLMNOPQRST1", None),
        ("Ref: URGENT", None),
        ("dossier 2", None),
        ("référence abc1", None),
        ("ref -12-", None),
        ("AB-123", None),
        ("transfer AB-123", None),
        ("", None),
    ],
)
def test_only_a_plain_reference_that_is_introduced_as_one_is_found(subject: str, reference: str | None) -> None:
    assert find_reference(subject) == reference


def test_a_subject_of_any_length_is_searched_quickly() -> None:
    for piece in ("ref ", "ref: : ", "n°", "A-", "ref AB-", "n/ref "):
        assert find_reference(piece * 5000) is None


@pytest.mark.parametrize(("written", "answered"), [("fr", "fr"), ("nl", "nl"), ("pl", "en"), ("zh", "en")])
def test_a_person_is_answered_in_their_language_or_in_english(written: str, answered: str) -> None:
    assert language_for(written) == answered


def test_a_template_that_a_language_lacks_is_english() -> None:
    english = render("forward_subject", "en", reference="DSR-2026-0042")

    assert render("forward_subject", "de", reference="DSR-2026-0042") == english
    assert render("forward_subject", "../en", reference="DSR-2026-0042") == english


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "jeudi 1er octobre 2026 à 9\u00a0h\u00a005 (heure de Paris)"),
        ("en", "Thursday 1 October 2026, 09:05 (Paris time)"),
        ("de", "Donnerstag, 1. Oktober 2026, um 09:05 Uhr (Pariser Zeit)"),
        ("es", "jueves 1 de octubre de 2026 a las 09:05 (hora de París)"),
        ("it", "giovedì 1º ottobre 2026 alle ore 09:05 (ora di Parigi)"),
        ("nl", "donderdag 1 oktober 2026 om 09:05\u00a0uur (Parijse tijd)"),
    ],
)
def test_an_instant_is_said_in_each_language(language: str, said: str) -> None:
    at = datetime(2026, 10, 1, 7, 5, tzinfo=UTC)

    assert in_words(at, language) == said
    assert said.startswith(day_in_words(at.date(), language))


def test_one_o_clock_is_singular_in_spanish() -> None:
    said = in_words(datetime(2026, 10, 1, 23, 5, tzinfo=UTC), "es")

    assert said == "viernes 2 de octubre de 2026 a la 01:05 (hora de París)"


# --- under which header fields ---


def test_it_is_marked_as_an_automatic_reply_to_their_message() -> None:
    assert reply_fields("<one@courriel.example>", "<m.1@kavkom.example>") == [
        ("In-Reply-To", "<one@courriel.example>"),
        ("References", "<one@courriel.example> <m.1@kavkom.example>"),
        ("Auto-Submitted", "auto-replied"),
    ]


@pytest.mark.parametrize(
    "theirs",
    [None, "", "< >", "<no-at-sign>", "<a@b> <c@d>", "<a@b>\r\nBcc: <x@y>", "<a b@c>", "<é@b>", f"<{'a' * 130}@b>"],
)
def test_a_message_id_that_is_no_plain_one_is_left_out(theirs: str | None) -> None:
    assert reply_fields(theirs, "<m.1@kavkom.example>") == [
        ("References", "<m.1@kavkom.example>"),
        ("Auto-Submitted", "auto-replied"),
    ]
