"""Numbers, sites and senders of text messages named in passing: somebody else is meant, and a person decides."""

from textwrap import fill

import pytest

from mail.clues import find_clues
from mail.letter import read_letter
from mail.passing import is_in_passing
from tests.mail_support import US, letter

IN_PASSING = [
    "Unlike acme.example, you never ask. Delete my data.",
    "Je n'ai rien contre acme.example. Effacez mes données.",
    "J'ai trouvé votre adresse sur www.acme.example. Effacez mes données.",
    "Mijn werkgever is acme.example. Verwijder mijn gegevens.",
    "Mon avocat (acme.example) vous écrira. Effacez mes données.",
    "Selon un article sur acme.example, vous vendez des fichiers. Effacez mes données.",
    "Le magasin acme.example a été très correct. Mais un autre m'appelle tous les jours.",
    "Votre formulaire ne marche pas, alors qu'avec acme.example tout fonctionne.",
    "Pour me rappeler, faites le 01 99 00 01 00. Cessez vos appels.",
    "My landlord's number is 01 99 00 01 00, do not call it. Stop calling me.",
    "Mon médecin m'appelle du 01 99 00 01 00, ne bloquez pas celui-là.",
    "Le 01 99 00 01 00 m'a conseillé de vous écrire. Effacez mes données.",
    "On m'a appelé. Je voulais joindre le 01 99 00 01 00 mais c'est un autre qui m'appelle.",
    "Ma banque m'écrit par SMS sous le nom KESTRA et c'est très bien. Vous, arrêtez vos appels.",
    "J'ai reçu un SMS. Expéditeur : KESTRA. Je pense que l'expéditeur est usurpé.",
    "L'école (01 99 00 01 00) l'a signalé par téléphone. Effacez ses données.",
    "J'ai reçu un appel du 01 99 00 01 00… c'est le numéro de mon médecin, je crois. Effacez mes données.",
    "J'ai reçu un appel du 01 99 00 01 00... c'est le numéro de mon médecin, je crois. Effacez mes données.",
    "Mon médecin m'appelle parfois… le 01 99 00 01 00 m'a encore appelé hier. Effacez mes données.",
    "On m'appelle d'un autre numéro… C'est le 01 99 00 01 00 qui m'a appelé. Effacez mes données.",
    "Ce n'est pas vous, c'est une autre société… j'ai été appelé par le 01 99 00 01 00. Effacez mes données.",
    "Unlike others... acme.example always asks. Delete my data.",
]
ACCUSED = [
    "Je reçois des mails de acme.example. Effacez mes données.",
    "Stop the calls from www.acme.example and delete my data.",
    "J'ai rempli un formulaire sur www.acme.example et depuis on m'appelle.",
    "Le 01 99 00 01 00 m'appelle tous les jours. Effacez mes données.",
    "acme.example m'écrit sans cesse.",
    "Ich bekomme Werbung von acme.example. Löschen Sie meine Daten.",
    "J'ai reçu un SMS de KESTRA. Effacez mes données.",
]


@pytest.mark.parametrize("written", IN_PASSING)
def test_what_is_named_in_passing_decides_nothing(written: str) -> None:
    raw = letter(US, body=f"{written}\r\n", headers="Content-Type: text/plain; charset=utf-8\r\n")
    clues = find_clues(raw, read_letter(raw))
    assert clues.denies or not clues.found


@pytest.mark.parametrize("written", IN_PASSING)
def test_nor_does_it_where_its_lines_are_broken(written: str) -> None:
    for width in range(16, 80, 7):
        body = fill(written, width, break_on_hyphens=False)
        raw = letter(US, body=f"{body}\r\n", headers="Content-Type: text/plain; charset=utf-8\r\n")
        clues = find_clues(raw, read_letter(raw))
        assert clues.denies or not clues.found


@pytest.mark.parametrize("written", ACCUSED)
def test_what_called_or_wrote_is_not_named_in_passing(written: str) -> None:
    assert not is_in_passing(written)


def test_endless_sentences_are_looked_through_in_a_moment() -> None:
    for unit in ("a.example ", "appel de ", "01 99 00 01 00 ", "mon medecin ", "(" * 50):
        is_in_passing(unit * 4_000)
    for small in (
        "acme a a a a a a a a x ",
        "a deja me ma mi " * 20,
        "acme" + "\N{PARENTHESIZED LATIN SMALL LETTER A}" * 8,
    ):
        is_in_passing(f"01 99 00 01 00 appel {small} " * 300)
