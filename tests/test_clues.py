"""What in a letter may tell which customer it concerns. The letters here were written for it."""

import time
from datetime import date
from email.message import EmailMessage
from textwrap import fill
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.capitals import WORDS
from mail.clues import Clues, Source, find_clues
from mail.letter import read_letter
from mail.names import Names
from mail.numbers import MOST
from storage.naming import normal_name
from storage.types import KeyKind

WRITER = "Jeanne Martin <jeanne@courriel.example>"


def mail(body: str, *, subject: str = "Bonjour", sender: str = WRITER) -> bytes:
    return f"From: {sender}\r\nSubject: {subject}\r\n\r\n{body}".encode()


def clues_of(raw: bytes) -> Clues:
    return find_clues(raw, read_letter(raw))


def found(body: str, kind: KeyKind, **head: str) -> list[str]:
    """The first reading of each clue of a kind."""
    return [clue.values[0] for clue in clues_of(mail(body, **head)).found if clue.kind is kind]


def numbers(body: str, **head: str) -> list[str]:
    return found(body, KeyKind.TELEPHONE, **head)


@pytest.mark.parametrize(
    "written",
    [
        "01 99 00 01 00",
        "01.99.00.01.00",
        "01-99-00-01-00",
        "0199000100",
        "0199 000 100",
        "01 99 000 100",
        "+33199000100",
        "+33 1 99 00 01 00",
        "+33 (0)1 99 00 01 00",
        "0033 1 99 00 01 00",
        "0033199000100",
        "(01) 99 00 01 00",
        "01\u00a099\u00a000\u00a001\u00a000",
        "01\u202f99\u202f00\u202f01\u202f00",
        "01\u201199\u201100\u201101\u201100",
        "01/99/00/01/00",
        "33199000100",
    ],
)
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert numbers(f"J'ai reçu un appel du {written} ce matin.") == ["+33199000100"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Appel manqué du 01 99 00 01 00 18:04 puis 18:31", ["+33199000100"]),
        ("Appelée par le 01 99 00 01 00 à 9 h, puis par le 01 99 00 01 01.", ["+33199000100", "+33199000101"]),
        ("Who is 01 99 00 01 00? They never stop.", ["+33199000100"]),
        ("Le 01 99 00 01 xx me dérange.", []),
        ("Facture 2026-11-0042 du 12/11/2026, 1 250,00 EUR.", []),
        ("They call from +44 20 7946 0855 every day.", ["+442079460855"]),
        ("Numéro affiché :\r\n01 99 00 01 00", ["+33199000100"]),
        (
            "Journal d'appels :\r\n01 99 00 01 00   12/11   09:14\r\n01 99 00 01 00   13/11   09:16\r\nStop.",
            ["+33199000100"],
        ),
    ],
)
def test_numbers_that_called_are_found(body: str, expected: list[str]) -> None:
    assert numbers(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "Supprimez mon numéro 01 99 00 01 00 de vos fichiers.",
        "Mon portable est le 01 99 00 01 00, ne l'utilisez plus.",
        "Vous pouvez me joindre : joignable au 01 99 00 01 00.",
        "Rappelez-moi au 01 99 00 01 00 pour confirmer.",
        "On m'appelle sur le 01 99 00 01 00 tous les soirs.",
        "They ring me on 01 99 00 01 00 all the time.",
        "Please remove my number 01 99 00 01 00.",
        "Meine Nummer 01 99 00 01 00 bitte löschen.",
        "Borren mi número 01 99 00 01 00, por favor.",
        "Cancellate il mio numero 01 99 00 01 00.",
        "Effacez tout.\r\n\r\nJeanne Martin\r\n01 99 00 01 00",
        "Effacez tout.\r\n\r\nCordialement,\r\nJeanne\r\nTél. 01 99 00 01 00",
        "Effacez tout.\r\n\r\n-- \r\nGarage Dupont\r\n01 99 00 01 00",
        "Effacez tout. 01 99 00 01 00",
        "01 99 00 01 00, c'est mon numéro, effacez-le.",
        "Effacez tout.\r\n\r\nJ. M.\r\nTél. fixe : 01 99 00 01 00",
        "Effacez tout.\r\n\r\nJ. M.\r\nBureau : 01 99 00 01 00",
        "Effacez tout.\r\n\r\nJ. M.\r\nM +33 1 99 00 01 00",
        "Notre standard, le 01 99 00 01 00, est saturé.",
        "Meine Durchwahl: 01 99 00 01 00, bitte löschen.",
        "Please call me back on 01 99 00 01 00 today.",
        "Stop calling 01 99 00 01 00 every day.",
        "Ne m'appelez plus : mon numéro de téléphone portable est le 01 99 00 01 00.",
        "They call 01 99 00 01 00, which belongs to me.",
    ],
)
def test_the_writers_own_number_is_no_clue(body: str) -> None:
    assert numbers(body) == []
    assert numbers(f"Vous m'appelez sans cesse… {body}") == []
    assert numbers(normalize("NFD", f"Vous m'appelez sans cesse. {body}")) == []
    for width in range(16, 80, 7):
        assert numbers("\n".join(fill(line, width, break_on_hyphens=False) for line in body.splitlines())) == []


@pytest.mark.parametrize("number", ["01 99 00 02 00", "+33 1 99 00 02 00", "0033 1 99 00 02 00"])
def test_a_number_may_go_on_in_the_next_line(number: str) -> None:
    for at in range(1, len(number)):
        if number[at] == " ":
            for end in ("\n", " \n"):
                assert numbers(f"Le {number[:at]}{end}{number[at + 1 :]} m'appelle.") == ["+33199000200"]


def test_two_numbers_in_two_lines_are_two() -> None:
    assert numbers("On m'appelle du 01 99 00 01 00\n01 99 00 02 00 m'appelle, aussi.") == [
        "+33199000100",
        "+33199000200",
    ]


def test_of_two_numbers_the_one_that_called_is_the_clue() -> None:
    assert numbers("My desk phone 01 99 00 01 00 gets calls from 01 99 00 02 00 every day.") == ["+33199000200"]


def test_a_national_number_may_be_of_the_country_of_the_language() -> None:
    [clue] = clues_of(mail("Ich wurde von 030 23125 07 angerufen und möchte, dass Sie meine Daten löschen.")).found

    assert "+49302312507" in clue.values


@pytest.mark.parametrize(
    ("body", "hosts"),
    [
        ("J'ai rempli un formulaire sur www.acme.example hier.", ["acme.example"]),
        ("Voyez https://promo.acme.example/offre?id=3 svp", ["promo.acme.example"]),
        ("Le mail vient de contact@acme.example.", ["acme.example"]),
        ("Mon adresse mail est jeanne@acme.example, effacez-la.", []),
        ("Répondez-moi à jeanne@acme.example svp.", []),
        ("Contact: jeanne@acme.example", []),
        ("I keep getting mail from offers@acme.example", ["acme.example"]),
        ("Effacez tout.Merci", []),
    ],
)
def test_hosts_are_found(body: str, hosts: list[str]) -> None:
    assert [one for one in found(body, KeyKind.DOMAIN) if one.endswith(".example")] == hosts


def test_a_host_lies_in_its_domains() -> None:
    [clue] = clues_of(mail("Spam de news.mail.acme.example")).found

    assert clue.values == ("news.mail.acme.example", "mail.acme.example", "acme.example")


@pytest.mark.parametrize(
    ("body", "senders"),
    [
        ("Je reçois des SMS de GARAGEDUP, stop.", ["GARAGEDUP"]),
        ("I get text messages from ACME24 all day.", ["ACME24"]),
        ("אני מקבל הודעות SMS מ-GARAGEDUP. תפסיקו.", ["GARAGEDUP"]),
        ("GARAGEDUP me dérange.", []),
        ("Je soussigné Jean DUPONT reçois des SMS publicitaires.", []),
        ("J'ai répondu STOP 4 fois à GARAGEDUP.", ["GARAGEDUP"]),
        ("ARRETEZ VOS SMS JE NE VEUX PLUS RIEN RECEVOIR DE VOTRE PART", []),
    ],
)
def test_senders_of_text_messages_are_found_where_such_are_spoken_of(body: str, senders: list[str]) -> None:
    assert found(body, KeyKind.SMS_SENDER) == senders


QUOTATIONS = {
    "gmail": "Stop !\r\n\r\nLe mar. 10 nov. 2026 à 07:30, Acme <news@acme.example> a écrit :\r\n> Promo !\r\n> Call",
    "outlook": "Stop!\r\n\r\n-----Original Message-----\r\nFrom: Acme [mailto:news@acme.example]\r\n"
    "Sent: Tuesday\r\nTo: me\r\nSubject: Promo\r\n\r\nCall now",
    "forwarded": "Stop\r\n\r\n---------- Forwarded message ---------\r\nFrom: Acme <news@acme.example>\r\n"
    "Date: x\r\n\r\nHi",
}


@pytest.mark.parametrize("body", QUOTATIONS.values(), ids=QUOTATIONS)
def test_a_campaign_mail_that_is_quoted_says_from_whom_it_came(body: str) -> None:
    hosts = {(clue.values[-1], clue.source) for clue in clues_of(mail(body)).found if clue.kind is KeyKind.DOMAIN}

    assert hosts == {("acme.example", Source.QUOTED)}


def test_a_quotation_of_the_writers_own_mail_says_nothing() -> None:
    body = "Toujours rien.\r\n\r\nLe 3 nov. 2026, Jeanne Martin <jm@courriel.example> a écrit :\r\n> www.acme.example"

    assert clues_of(mail(body)).found == ()


@pytest.mark.parametrize("body", ["On m'a répondu que ce n'est pas eux.", "It wasn't them, they said."])
def test_who_says_that_it_was_not_them_denies(body: str) -> None:
    assert clues_of(mail(body)).denies
    assert not clues_of(mail("C'est eux, effacez tout.")).denies


def test_a_campaign_mail_that_is_attached_says_from_whom_it_came() -> None:
    campaign = EmailMessage()
    campaign["From"], campaign["Subject"] = "Acme <news@mail.acme.example>", "Promo"
    campaign.set_content("Appelez le 01 99 00 01 00 !")
    letter = EmailMessage()
    letter["From"], letter["Subject"] = WRITER, "Fwd: Promo"
    letter.set_content("Plus jamais ça.")
    letter.add_attachment(campaign)

    raw = clues_of(letter.as_bytes())

    assert {(clue.kind, clue.values[-1 if clue.kind is KeyKind.DOMAIN else 0], clue.source) for clue in raw.found} == {
        (KeyKind.DOMAIN, "acme.example", Source.ATTACHED),
        (KeyKind.TELEPHONE, "+33199000100", Source.ATTACHED),
    }
    assert not raw.wordless


def test_a_letter_without_a_word_is_known() -> None:
    assert clues_of(mail("\r\n\r\nLe 10 nov. 2026 à 07:30, Acme <n@acme.example> a écrit :\r\n> Promo")).wordless


@pytest.mark.parametrize(("body", "disguised"), [("Аcme m'appelle", True), ("Acme m'appelle, Привет", False)])
def test_words_of_two_alphabets_are_a_disguise(body: str, disguised: bool) -> None:
    assert clues_of(mail(body)).disguised is disguised


@pytest.mark.parametrize("unit", ["A'", "A-", "l'A", "Ab Cd ", "a.b", "+3", "0 1", "(0"])
def test_a_text_without_end_is_looked_through_in_a_moment(unit: str) -> None:
    raw = mail(unit * 10_000)
    clues_of(mail("Bonjour"))

    began = time.perf_counter()
    clues_of(raw)

    assert time.perf_counter() - began < 1


def test_ten_thousand_numbers_are_too_many() -> None:
    body = " ".join(f"appel du 01 99 {number // 100:02} {number % 100:02} 00," for number in range(10_000))

    clues = clues_of(mail(body))

    assert clues.too_many
    assert len(clues.found) <= MOST + 2


@given(st.text(max_size=400))
def test_any_text_has_bounded_clues(text: str) -> None:
    clues = clues_of(mail(text))

    assert len(clues.words.split()) <= WORDS


@given(st.binary(max_size=2000))
def test_any_octets_have_clues(raw: bytes) -> None:
    clues_of(raw)


# --- names ---

DIRECTORY = (
    "Le Point",
    "Cavaliéro Fenêtres",
    "Renaud Immobilier",
    "Renaud Immobilier Est",
    "Contact",
    "L'Atelier d'Été",
)
NAMES = Names(map(normal_name, DIRECTORY))


def named(body: str) -> list[str]:
    return list(NAMES.find_in(clues_of(mail(body)).words))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("Cavaliéro Fenêtres m'appelle.", ["cavaliero fenetres"]),
        ("cavaliero-fenetres m'appelle", ["cavaliero fenetres"]),
        ("CAVALIERO FENETRES ME HARCELE", ["cavaliero fenetres"]),
        ("Renaud Immobilier Est m'écrit.", ["renaud immobilier est"]),
        ("Renaud Immobilier m'écrit.", ["renaud immobilier"]),
        ("L\u2019Atelier d\u2019Été m'écrit.", ["l atelier d ete"]),
        ("Je cherche un contact chez vous.", []),
        ("Contact : jeanne", []),
        ("Contact souhaité par mail.", []),
        ("Faisons le point. Le point final, c'est la CNIL.", []),
        ("Le magazine Le Point m'appelle.", ["le point"]),
        ("La société Contact m'appelle.", ["contact"]),
        ("Contact m'appelle.", ["contact"]),
        ("La société « Contact » m'appelle", ["contact"]),
        ("Société : Contact", ["contact"]),
        ("appelée par LE POINT hier", ["le point"]),
        ("Effacez tout.\r\n\r\nJeanne Martin\r\nCavaliéro Fenêtres", []),
    ],
)
def test_names_of_customers_are_found_in_the_writers_own_words(body: str, names: list[str]) -> None:
    assert named(body) == names


@pytest.mark.parametrize(
    ("body", "days"),
    [
        ("Appel du 01 99 00 01 00 le 18 novembre 2026 à 9 h.", [date(2026, 11, 18)]),
        ("Called by 01 99 00 01 00 on November 3, 2026 and 5 November 2026.", [date(2026, 11, 3), date(2026, 11, 5)]),
        ("Appel du 01 99 00 01 00 le 02/11/2026, puis le 2026-11-04.", [date(2026, 11, 2), date(2026, 11, 4)]),
        ("Appel du 01 99 00 01 00 le 31 février 2026.", []),
        ("Appel du 01 99 00 01 00 hier.", []),
    ],
)
def test_the_days_of_calls_are_found(body: str, days: list[date]) -> None:
    assert sorted(clues_of(mail(body)).days) == days
