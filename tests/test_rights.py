"""The first reading of what a letter asks. The letters here were written for it."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.lexicon import HOMONYM, find_phrases, phrases
from mail.rights import read_rights
from storage.types import Kind

ASKED = """
objection | Bonjour, merci de ne plus me téléphoner le soir, je ne suis pas intéressé par vos offres.
objection | Arrêtez de m’envoyer des SMS publicitaires.
objection | stop
objection | désinscription
objection | Please stop calling my mother, she is 84.
objection | Bitte rufen Sie mich nicht mehr an!
objection | No me llamen más, por favor.
objection | Non chiamatemi più.
erasure objection | Je vous prie d'effacer mon numéro et de cesser tout démarchage.
erasure | Could you please remove my phone number from your database?
erasure | Löschen Sie meine Telefonnummer aus Ihrer Datenbank.
erasure | Verwijder mijn gegevens uit uw bestand.
access | Pourriez-vous me communiquer l'ensemble des informations que vous détenez à mon sujet ?
access | Comment avez-vous obtenu mon adresse e-mail ?
access | Je souhaiterais obtenir l'enregistrement de ma conversation du 3 mai.
access | How did you get my number?
rectification | Mon nom est mal orthographié dans votre fichier, c'est Lefebvre avec un b.
rectification | You have my surname spelled wrong, please fix it.
withdraw_consent | J'annule l'autorisation que j'avais donnée pour recevoir des offres.
withdraw_consent | I hereby revoke the consent I gave in the shop.
restriction | Conservez l'enregistrement comme preuve mais ne l'utilisez plus, je suis en litige.
restriction | Please suspend the processing of my data until my complaint is settled.
portability | Je voudrais récupérer mes données au format CSV pour mon nouveau prestataire.
portability | Please send my data in a machine-readable format to my new supplier.
automated_decision | Mon dossier a été refusé par un logiciel, je veux qu'un humain le regarde.
automated_decision | My application was rejected by a computer. I want a human being to look at it.
"""

NOT_ASKED = """
Bonjour, nous souhaitons la portabilité du numéro 01 99 00 12 34 vers votre service, voici le code RIO.
Je fais opposition au prélèvement de 49 euros sur mon compte.
Merci de procéder à la suppression d'un utilisateur sur notre standard, il a quitté la société.
Pouvez-vous nous ouvrir l'accès à l'API pour notre développeur ?
Votre service ne me donne plus accès à l'interface depuis ce matin.
Laissez-moi vous présenter notre solution de téléphonie.
Bonjour, veuillez trouver ci-joint notre facture du mois d'octobre.
Pour vous désabonner de cette newsletter, cliquez ici.
We would like to port our number to you next month.
Please delete the user Paul Smith from our PBX.
Can we have access to the API?
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("line", lines(ASKED))
def test_a_demand_is_read_as_the_right_it_exercises(line: str) -> None:
    rights, _, words = line.partition(" | ")

    found = read_rights("", words)

    assert set(found.rights) == set(rights.split())
    assert found.kind is Kind.REQUEST
    assert found.because


@pytest.mark.parametrize("words", lines(NOT_ASKED))
def test_telephony_words_that_sound_like_rights_are_none(words: str) -> None:
    assert read_rights("", words).rights == ()


@pytest.mark.parametrize("number", [15, 16, 17, 18, 20, 21])
def test_an_article_of_the_regulation_names_its_right_in_any_language(number: int) -> None:
    words = ("Article", "art.", "Artículo", "článku")
    rights = [set(read_rights("", f"tôi, {word} {number} GDPR").rights) for word in words]

    assert set.intersection(*rights)


def test_an_access_request_that_asks_about_profiling_contests_no_decision() -> None:
    existence = "l'existence d'une prise de décision automatisée (profilage, article 22)"

    assert read_rights("Accès", f"Je demande l'accès à mes données, y compris {existence}.").rights == ("access",)


def test_what_is_only_quoted_is_not_asked() -> None:
    quoted = "Le 2 novembre 2026, Desk a écrit :\n> Vous demandez d'effacer mes données."
    words = f"Je vous remercie, tout est en ordre.\n\n{quoted}"

    assert read_rights("Re: suite", words).rights == ()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.FOLLOW_UP, "Toujours aucune réponse de votre part à ma demande du 3 octobre."),
        (Kind.FOLLOW_UP, "Second reminder: I have not received any answer."),
        (Kind.AUTHORITY, "Réquisition judiciaire : veuillez nous transmettre les appels du 3 mai."),
        (Kind.CONTROLLER, "Nous sommes client Kavkom et un de nos clients demande l'effacement de ses données."),
        (Kind.CONTROLLER, "One of our customers has asked for a copy of her data, how do we export it?"),
        (Kind.REQUEST, "Je souhaite exercer mes droits."),
        (Kind.NOT_REQUEST, "Votre facture de novembre est disponible."),
        (Kind.NOT_REQUEST, ""),
    ],
)
def test_the_kind_of_a_letter_is_read(kind: Kind, words: str) -> None:
    assert read_rights("", words).kind is kind


def test_an_authority_or_a_customer_exercises_no_right_of_its_own() -> None:
    assert (
        read_rights("", "En tant que responsable de traitement, nous demandons la suppression des données.").rights
        == ()
    )


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("possible_breach", "I found recordings of other customers in my account."),
        ("possible_breach", "Nous avons votre base, payez la rançon."),
        ("press", "Je suis journaliste au Courrier et je prépare un article."),
        ("deadline", "Sans réponse sous 8 jours, je saisirai la CNIL."),
        ("minor", "Effacez le numéro de mon fils de 12 ans."),
        ("agent", "J'écris au nom de ma cliente, Mme Petit."),
    ],
)
def test_what_a_person_should_notice_is_flagged(flag: str, words: str) -> None:
    assert flag in read_rights("", words).flags


def spelled_out(phrase: str) -> str:
    """The shortest text that a phrase stands for: the first of each choice, nothing that may be left out."""
    shortest = re.sub(r"\(([^()|]*)[^()]*\)", r"\1", re.sub(r"\([^()]*\)\?", "", phrase))
    return re.sub(r"\.\.\.|[*()]", "", re.sub(r"\\d[+*]?", "7", shortest)) + " x"


def test_every_phrase_of_the_lexicon_is_found_where_it_stands_alone() -> None:
    rest = [(label, spelled_out(phrase)) for label, _, phrase in phrases() if label != HOMONYM]

    assert len(rest) > 1000
    assert not [text for label, text in rest if label not in {found.label for found in find_phrases(text)}]


@given(st.text(max_size=400), st.text(max_size=4000))
@settings(max_examples=100, deadline=None)
def test_no_text_makes_the_reader_raise(subject: str, text: str) -> None:
    assert read_rights(subject, text).kind in Kind


def test_a_repetitive_text_is_read_in_a_moment() -> None:
    read_rights("", "")

    began = time.perf_counter()
    for word in ("copie ", "ne ", "art 15 ", "supprimez ", "(", "\n", "stop"):
        read_rights(word, word * 100_000)

    assert time.perf_counter() - began < 1
