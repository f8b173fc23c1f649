"""Who complains is forwarded, and of whom nobody can be sure is held: the letters are in tests/complaints.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mail.settings import Automatic
from storage.database import Database
from tests.attacks import CUSTOMERS
from tests.complaints import PLAIN, UNSURE
from tests.deciding_support import decide_all, decide_in_all_modes, directory_of, goes_to, mail_of

SENDS = (Automatic.IDENTIFIERS, Automatic.EVIDENCE)


@pytest.fixture(scope="module")
def directory(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two companies that have what is named, and none with an odd name, by which all would be held."""
    with directory_of(CUSTOMERS[:3], migrated_sqlite, tmp_path_factory.mktemp("complaints")) as database:
        yield database


def sent_to(directory: Database, body: str) -> set[str | None]:
    """Who gets a letter in either of the modes in which what is said in it may decide."""
    outcomes = decide_in_all_modes(directory, mail_of(body))
    return {goes_to(outcomes[automatic]) for automatic in SENDS}


@pytest.mark.parametrize("automatic", SENDS)
def test_plain_complaints_go(directory: Database, automatic: Automatic) -> None:
    outcomes = decide_all(directory, map(mail_of, PLAIN), automatic)

    assert [body for body, outcome in zip(PLAIN, outcomes, strict=True) if goes_to(outcome) != "C0001"] == []


@pytest.mark.parametrize("automatic", SENDS)
def test_what_nobody_can_be_sure_of_is_held(directory: Database, automatic: Automatic) -> None:
    outcomes = decide_all(directory, map(mail_of, UNSURE), automatic)

    assert [body for body, outcome in zip(UNSURE, outcomes, strict=True) if goes_to(outcome)] == []


@pytest.mark.parametrize(
    "body",
    [
        "Effacez mes données.\n\nwww.quillivic.fr",
        "Effacez mes données.\n\nCordialement, Jeanne Martin\n\nwww.quillivic.fr",
        "Site web :\n\nwww.quillivic.fr\n\nMessage : effacez mes données.",
        "Effacez mes données et cessez vos appels.\n\nMob. 06 12 34 56 78 - Bureau 01 99 00 01 00",
        "Téléphone (facultatif) : 01 99 00 01 00\nMessage : Effacez mes données.",
        "Effacez mes données.\n\nCordialement,\nJeanne\n\n______________________\nThis e-mail is from www.quillivic.fr",
        (
            "Effacez mes données.\n\nDe : Promo <news@spam.example>\nEnvoyé : lundi\n"
            "À : Anne de Villiers <anne@quillivic.fr>\n\nProfitez !"
        ),
        (
            "Effacez mes données.\n\nFrom: Promo <news@spam.example>\nSent: Monday\n"
            "To: jean@quillivic.fr<mailto:jean@quillivic.fr>\n\nBuy!"
        ),
        "Effacez mes données. Répondez par mail (jeanne@quillivic.fr).",
        "Appels du 01 99 00 01 00 / 01 99 00 02 00. Effacez mes données.",
        "Le 01 99 00 01 00 m'appelle. Effacez mes données.\n\nMerci\n\nPS : erreur, c'est le 01 99 00 02 00.",
        (
            "Le 01 99 00 01 00 m'appelle. Effacez mes données.\n\nCordialement,\nJeanne\n\n"
            "PS : en fait le 01 99 00 01 00 est le numéro de mon médecin."
        ),
        "Le 01 99 00 01 00 m'appelle parfois. C'est mon médecin. Effacez mes données, cessez vos appels.",
        (
            "Effacez mes données.\n\nDe : Kavkom <privacy@kavkom.example>\nEnvoyé : lundi\n\n"
            "Qui vous appelle ?\nMon médecin, du 01 99 00 01 00."
        ),
        "effacez mes données et ne m'appelez plus jeanne martin 01 99 00 01 00",
        "Numéro appelé : 01 99 00 01 00\nEffacez mes données.",
    ],
)
def test_nor_does_what_stands_beside_a_letter_decide(directory: Database, body: str) -> None:
    assert sent_to(directory, body) == {None}


def test_who_works_for_another_customer_may_complain_and_sign(directory: Database) -> None:
    own = "My desk phone 01 99 00 02 00 gets calls from 01 99 00 01 00 every day. Delete my number."
    signed = "Le 01 99 00 01 00 m'appelle sans cesse. Effacez mes données.\n\nJ. Martin\nTél. 01 99 00 02 00"

    assert sent_to(directory, own) == sent_to(directory, signed) == {"C0001"}


@pytest.mark.parametrize("bold", ["*01 99 00 01 00*", "**01 99 00 01 00**"])
def test_a_number_in_bold_is_a_number(directory: Database, bold: str) -> None:
    assert sent_to(directory, f"Le {bold} m'appelle sans cesse. Effacez mes données.") == {"C0001"}
