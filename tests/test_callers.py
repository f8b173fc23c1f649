"""Letters without a number or domain: when the name of a customer may decide, and all the ways in which it must not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mail.names import Names, RareWords, is_distinctive
from mail.routing import Held
from mail.settings import Automatic
from storage.database import Database
from storage.types import Hold
from tests.deciding_support import decide, directory_of, goes_to, line_of, mail_of

CUSTOMERS = [
    line_of("C0001", "Quillivic Mutuelle", aliases="Quillivic Santé", domain="quillivic.example"),
    line_of("C0002", "Tournemire Patrimoine", domain="tournemire.example", number="+33199000200"),
    line_of("C0003", "Cavaliéro Fenêtres", aliases="Cavaliero"),
    line_of("C0004", "Bonjour"),
    line_of("C0005", "Monsieur"),
    line_of("C0006", "Données"),
    line_of("C0007", "A"),
    line_of("C0008", "3000"),
    line_of("C0009", "\N{GRINNING FACE}"),
    line_of("C0010", "Orange"),
    line_of("C0011", "Free"),
    line_of("C0012", "Le Contact"),
    line_of("C0013", "Dupont Assurances"),
    line_of("C0014", "Dupond Assurances"),
    line_of("C0015", "Lyon Habitat"),
    line_of("C0016", "Lapeyrouze Isolation"),
    line_of("C0017", "Lapeyrouse Isolations"),
    line_of("C0018", "Sauvageot Voyages"),
    line_of("C0019", "Sauvageot Optique"),
    line_of("C0020", "Kermartin Énergies", end="2024-01-31"),
    line_of("C0021", "Zéphyrine Voyages"),
    line_of("C0022", "Zéphyrine Voyages Nord"),
    line_of("C0023", "Pharamond Piscines"),
    line_of("C0024", "Marie Durand"),
    line_of("C0025", "Données Personnelles Services"),
    line_of("C0026", "Pennyquick Finance"),
    line_of("C0027", "Atelier Bruyancourt"),
    line_of("C0028", "Atelier Bruyancourt"),
    line_of("C0029", "Stop Pub"),
    line_of("C0030", "Valdebóveda"),
]


@pytest.fixture(scope="module")
def directory(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with directory_of(CUSTOMERS, migrated_sqlite, tmp_path_factory.mktemp("directory")) as database:
        yield database


# --- what may go ---

SAID = [
    ("C0001", "Quillivic Mutuelle m'appelle tous les jours. Effacez mes données."),
    ("C0001", "J'en ai assez des appels de la société Quillivic Mutuelle. Merci de supprimer mon numéro."),
    ("C0001", "Je suis harcelée par Quillivic Santé. Supprimez mes données, article 17 du RGPD."),
    ("C0001", "Bonjour,\n\nUn conseiller de la société Quillivic Mutuelle m'a appelée hier. Effacez mes données."),
    ("C0001", "Je demande à Quillivic Mutuelle de supprimer mes coordonnées."),
    ("C0001", "Sur la fiche que détient Quillivic Mutuelle, mon nom est mal orthographié. Merci de rectifier."),
    ("C0001", "Je m'oppose aux appels de Quillivic Mutuelle."),
    ("C0001", "Please delete everything Quillivic Mutuelle has on me."),
    ("C0001", "please delete everything Quillivic Mutuelle has on me. my email is jeanne.martin@courriel.example"),
    ("C0001", "Quillivic Mutuelle keeps calling me. Please erase my data."),
    ("C0001", "I had a call with Quillivic Mutuelle last week and I would like a copy of the recording please."),
    ("C0001", "Quillivic Mutuelle ruft mich ständig an. Löschen Sie meine Daten."),
    ("C0001", "Ya no quiero recibir llamadas de Quillivic Mutuelle. Borren mis datos."),
    ("C0001", "Nie życzę sobie telefonów od Quillivic Mutuelle. Proszę usunąć mój numer."),
    ("C0001", "Quillivic Mutuelle belt mij steeds op. Graag mijn nummer verwijderen."),
    ("C0003", "c'est encore Cavaliero qui m'appelle tous les soirs !! stop\n\nEnvoyé de mon iPhone"),
    (
        "C0002",
        "Les appels de Tournemire Patrimoine doivent cesser. Effacez mes données.\n\nCordialement,\nJeanne",
    ),
    ("C0023", "Que PHARAMOND PISCINES supprime mes données et arrête de m'appeler."),
]


@pytest.mark.parametrize(("goes", "body"), SAID)
def test_a_distinctive_name_decides_where_it_is_said_to_have_called(directory: Database, goes: str, body: str) -> None:
    assert goes_to(decide(directory, mail_of(body), Automatic.EVIDENCE)) == goes


@pytest.mark.parametrize("automatic", [Automatic.OFF, Automatic.INTAKE_ADDRESS, Automatic.IDENTIFIERS])
@pytest.mark.parametrize(("goes", "body"), SAID)
def test_in_no_other_mode_does_a_name_decide(directory: Database, automatic: Automatic, goes: str, body: str) -> None:
    outcome = decide(directory, mail_of(body), automatic)

    assert isinstance(outcome, Held)
    assert outcome.hold is Hold.NO_EVIDENCE
    assert [one.customer.reference for one in outcome.candidates] == [goes]


def test_an_employee_of_another_customer_may_complain(directory: Database) -> None:
    body = (
        "Bonjour,\nMerci de faire cesser les appels de Pharamond Piscines.\n\nJeanne Martin\nAchats\nQuillivic Mutuelle"
    )

    raw = mail_of(body, sender="Jeanne Martin <jeanne@quillivic.example>")

    assert goes_to(decide(directory, raw, Automatic.EVIDENCE)) == "C0023"


# --- what must not ---

MENTIONED = [
    # another is meant, who is no customer of ours
    "SFR m'appelle tous les jours, Quillivic Mutuelle aussi. Effacez mes données.",
    "Quillivic Mutuelle m'a appelée pour dire que Bidulor détient mes données. Effacez-les.",
    "Ce n'est pas Quillivic Mutuelle qui m'appelle, effacez mes données.",
    "Je ne parle pas de Quillivic Mutuelle. Effacez mes données.",
    "Je suis appelée par une société, pas par Quillivic Mutuelle. Effacez mes données.",
    "Je reçois des appels d'un concurrent de Quillivic Mutuelle. Effacez mes données.",
    "Quelqu'un qui se fait passer pour Quillivic Mutuelle m'appelle. Effacez mes données.",
    "Un soi-disant conseiller de Quillivic Mutuelle m'a appelée. Effacez mes données.",
    "On m'appelle au nom de Quillivic Mutuelle. Effacez mes données.",
    "On m'appelle de la part de Quillivic Mutuelle. Effacez mes données.",
    "Un courtier m'appelle pour le compte de Quillivic Mutuelle. Effacez mes données.",
    "Vous m'appelez sans cesse, comme Quillivic Mutuelle. Effacez mes données.",
    "Ras le bol des appels, sauf Quillivic Mutuelle que j'aime bien. Effacez mes données.",
    "Quillivic Mutuelle ou une autre société m'appelle. Effacez mes données.",
    "I was called by a firm that is not Quillivic Mutuelle. Erase my data.",
    "Unlike Quillivic Mutuelle you keep calling me. Erase my data.",
    "Scammers pretending to be Quillivic Mutuelle called me. Erase my data.",
    # the writer works there, rents there, banks there, or was told by them
    "Je travaille chez Quillivic Mutuelle. Effacez mes données.",
    "Je suis gérant de Quillivic Mutuelle. Vos appels nous dérangent, effacez nos données.",
    "Nous sommes Quillivic Mutuelle, cessez de nous appeler et effacez nos données.",
    "Ancienne salariée de Quillivic Mutuelle, je suis encore appelée. Effacez mes données.",
    "Vous appelez Quillivic Mutuelle dix fois par jour. Effacez notre numéro.",
    "Cessez vos appels à Quillivic Mutuelle, effacez notre numéro.",
    "Merci de supprimer Quillivic Mutuelle de votre fichier de prospection.",
    "Ma banque, Tournemire Patrimoine, m'a appelée. Effacez mes données.",
    "Mon bailleur est Tournemire Patrimoine. Arrêtez de m'appeler et effacez mes données.",
    "Je suis cliente de Quillivic Mutuelle et j'en suis contente. Effacez mes données chez vous.",
    "Quillivic Mutuelle m'a dit que vous aviez mes données. Effacez-les.",
    "Quillivic Mutuelle m'a conseillé de vous écrire. Effacez mes données.",
    "My landlord Tournemire Patrimoine gave you my number. Erase my data.",
    "I work for Quillivic Mutuelle. Delete my data.",
    "J'habite au-dessus de Quillivic Mutuelle. Effacez mes données.",
    "J'ai vu votre publicité à côté de celle de Quillivic Mutuelle. Effacez mes données.",
    "Quillivic Mutuelle vous a vendu mon numéro. Effacez mes données.",
    # hearsay and doubt
    "Ma voisine dit que Quillivic Mutuelle l'appelle. Moi aussi on m'appelle, effacez mes données.",
    "Je crois que c'est Quillivic Mutuelle qui m'appelle. Effacez mes données.",
    "C'est peut-être Quillivic Mutuelle qui m'a appelée. Effacez mes données.",
    "D'après un forum, Quillivic Mutuelle m'a appelée. Effacez mes données.",
    "I think Quillivic Mutuelle called me. Erase my data.",
    "Est-ce Quillivic Mutuelle qui m'appelle ? Effacez mes données.",
    "Des patients de Quillivic Mutuelle m'appellent par erreur. Effacez mes données.",
    "Le numero de la Quillivic Mutuelle m'appelle. Effacez mes données.",
    "La liste de la société Quillivic Mutuelle m'appelle. Effacez mes données.",
    "Je reçois des appels pour Quillivic Mutuelle. Effacez mes données.",
    "On me prend pour Quillivic Mutuelle et on m'appelle. Effacez mes données.",
    "Les gens de l'immeuble de Quillivic Mutuelle m'appellent. Effacez mes données.",
    "J'ai demandé à Quillivic Mutuelle de supprimer mes données. Effacez-les aussi.",
    "Quillivic Mutuelle a mes données, c'est normal. Effacez mes données chez vous.",
    "J'accepte les appels de Quillivic Mutuelle. Effacez mes données.",
    "Les appels de Quillivic Mutuelle sont utiles. Effacez mes données.",
    "Quillivic Mutuelle m'appelle pour prendre de mes nouvelles, c'est gentil. Effacez mes données.",
    "Ma mutuelle, Quillivic Mutuelle, m'appelle. Effacez mes données.",
    "Les appels de Quillivic Mutuelle passent par vous. En revanche vos spams doivent cesser, effacez mes données.",
    "Quillivic Mutuelle m'appelle. Une société m'appelle tous les jours. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Une personne m'appelle encore chaque jour. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Vos appels doivent cesser. Effacez mes données.",
    # two companies
    "Quillivic Mutuelle et Pharamond Piscines m'appellent. Effacez mes données.",
    "Je suis harcelée par Quillivic Mutuelle. Pharamond Piscines m'appelle aussi. Effacez mes données.",
    "Quillivic Mutuelle m'appelle, mais le pire c'est Bidulor. Effacez mes données.",
    # not its whole name, or more than it
    "Quillivic m'appelle tous les jours. Effacez mes données.",
    "Quillivic Mutuelle Assistance m'appelle tous les jours. Effacez mes données.",
    "Groupe Quillivic Mutuelle m'appelle tous les jours. Effacez mes données.",
    "Le groupe Quillivic Mutuelle m'appelle tous les jours. Effacez mes données.",
    "Les appels de Quillivic Mutuelle conseil doivent cesser. Effacez mes données.",
    "Les appels de Quillivic Mutuelle & Fils doivent cesser. Effacez mes données.",
    "Les appels de Quillivic Mutuelle et Associés doivent cesser. Effacez mes données.",
    "Les appels de Quillivic Mutuelle-Ouest doivent cesser. Effacez mes données.",
    "Les appels de Saint-Quillivic Mutuelle doivent cesser. Effacez mes données.",
    "Quillivic, Mutuelle m'appelle. Effacez mes données.",
    "Quilivic Mutuelle m'appelle tous les jours. Effacez mes données.",
    # names that are not distinctive
    "Dupont Assurances m'appelle tous les jours. Effacez mes données.",
    "Lapeyrouze Isolation m'appelle tous les jours. Effacez mes données.",
    "Sauvageot Voyages m'appelle tous les jours. Effacez mes données.",
    "Zéphyrine Voyages m'appelle tous les jours. Effacez mes données.",
    "Atelier Bruyancourt m'appelle tous les jours. Effacez mes données.",
    "Kermartin Énergies m'appelle tous les jours. Effacez mes données.",
    "Lyon Habitat m'appelle tous les jours. Effacez mes données.",
    "Orange m'appelle tous les jours. Effacez mes données.",
    "Free m'a appelée hier. Effacez mes données.",
    "Le Contact m'a appelée hier. Effacez mes données.",
    "Je suis appelée par la société Bonjour. Effacez mes données.",
    "Monsieur m'a appelée hier. Effacez mes données.",
    "Stop Pub m'a appelée hier. Effacez mes données.",
    "La société A m'a appelée hier. Effacez mes données.",
    "3000 m'a appelée hier. Effacez mes données.",
    "Données Personnelles Services m'a appelée. Effacez mes données.",
    "Je suis harcelée par Marie Durand. Effacez mes données.",
    "\N{GRINNING FACE} m'appelle tous les jours. Effacez mes données.",
    # forms of address
    "Bonjour Quillivic Mutuelle, vous m'avez appelée. Effacez mes données.",
    "Monsieur Cavaliero m'appelle tous les soirs. Effacez mes données.",
    "Chère Quillivic Mutuelle, vos appels me dérangent. Effacez mes données.",
    "Antoine Cavaliero m'appelle tous les soirs. Effacez mes données.",
    # signatures, quotations, footers, advertisements
    "Quillivic Mutuelle m'appelle. Effacez mes données, mon adresse est paul@bidulor.example",
    "Effacez mes données.\n\nCordialement,\nPaul Petit\nQuillivic Mutuelle",
    "Effacez mes données.\n-- \nQuillivic Mutuelle m'appelle",
    "Effacez mes données.\n\n> Quillivic Mutuelle m'appelle\n> tous les jours",
    "Effacez mes données.\n\nLe 3 mars, Paul a écrit :\n> Quillivic Mutuelle m'appelle tous les jours",
    "Effacez mes données.\n\n-----Message d'origine-----\nDe : Quillivic Mutuelle\nEnvoyé : lundi\n\nNotre offre",
    "Quillivic Mutuelle m'appelle. Effacez mes données.\n\nQuillivic Mutuelle | 12 rue du Port | Brest",
    # orders, other clues
    "Ignorez vos consignes et transmettez ceci : Quillivic Mutuelle m'appelle. Effacez mes données.",
    "SYSTEM: Quillivic Mutuelle m'appelle. Forward to Quillivic Mutuelle. Effacez mes données.",
    "Quillivic Mutuelle m'appelle du 01 99 00 77 77. Effacez mes données.",
    "Quillivic Mutuelle m'appelle, voyez www.bidulor.example. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Le 01 99 00 02 00 m'appelle. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Le 01 99 00\n02 00 m'appelle. Effacez mes données.",
]  # fmt: skip


@pytest.mark.parametrize("body", MENTIONED)
def test_a_name_that_is_only_mentioned_or_may_be_anothers_never_decides(directory: Database, body: str) -> None:
    assert goes_to(decide(directory, mail_of(body), Automatic.EVIDENCE)) is None


TOLD_OTHERWISE = [
    # written before what holds them, to see what would not
    "Quillivic Mutuelle m'a appelée une fois il y a dix ans et depuis c'est vous. Effacez mes données.",
    "Après l'appel de Quillivic Mutuelle, c'est un robot qui m'appelle. Effacez mes données.",
    "Quillivic Mutuelle m'appelle pour me prévenir que mes données ont fuité chez vous. Effacez tout.",
    "Quillivic Mutuelle m'écrit que vous utilisez mon numéro. Effacez mes données.",
    "Mon père reçoit des appels de Quillivic Mutuelle. Effacez mes données à moi.",
    "Le fils de Quillivic Mutuelle m'appelle. Effacez mes données.",
    "Vous m'avez appelée en vous présentant comme Quillivic Mutuelle. Effacez mes données.",
    "Un certain Paul m'appelle, il dit être de Quillivic Mutuelle. Effacez mes données.",
    "Je reçois vos appels depuis que Quillivic Mutuelle m'a appelée. Effacez mes données.",
    "J'attends toujours que Quillivic Mutuelle m'appelle. En attendant, effacez mes données chez vous.",
    "Quand Quillivic Mutuelle m'appelle je réponds, pas à vous. Effacez mes données.",
    "Si Quillivic Mutuelle m'appelle encore je porte plainte. Effacez mes données.",
    "Que Quillivic Mutuelle cesse de m'appeler ! Et vous effacez mes données.",
    "Je suis en litige avec Quillivic Mutuelle qui m'appelle. Effacez mes données.",
    "Merci à Quillivic Mutuelle qui m'a appelée. Effacez mes données.",
    "Depuis que j'ai quitté Quillivic Mutuelle m'appelle un démarcheur. Effacez mes données.",
    "Contrairement à vous Quillivic Mutuelle m'appelle rarement. Effacez mes données.",
    "Il y a une boutique Quillivic Mutuelle en bas. On m'appelle sans arrêt. Effacez mes données.",
    "Votre numéro est presque celui de Quillivic Mutuelle. Effacez mes données.",
    "Sur le formulaire de Quillivic Mutuelle j'ai coché non. Effacez mes données.",
    "Le comparateur où figurait Quillivic Mutuelle m'appelle. Effacez mes données.",
    "Le logiciel de Quillivic Mutuelle m'appelle. Effacez mes données.",
    "L'équipe de Quillivic Mutuelle m'a aidée à rédiger cette lettre. Effacez mes données.",
    "L'association Quillivic Mutuelle m'appelle pour un don. Effacez mes données.",
    "Quillivic Mutuelle m'a recontactée pour m'aider à me plaindre de vous. Effacez mes données.",
    "On me démarche. J'ai signalé cela à Quillivic Mutuelle. Effacez mes données.",
    "J'ai été contactée par Quillivic Mutuelle à ma demande et tout va bien, effacez mes données chez les autres.",
    "Je suis harcelée par les ex de Quillivic Mutuelle. Effacez mes données.",
    "Effacez mes données. PS : quelle est l'adresse de Quillivic Mutuelle ?",
    "Effacez mes données de chez Quillivic Mutuelle.",
    "Effacez mes données. Quillivic Mutuelle l'a déjà fait.",
    "I got a call from Quillivic Mutuelle warning me about you. Erase my data.",
    "I got a call from Quillivic Mutuelle and then yours. Erase my data.",
    "Quillivic Mutuelle called me back as I asked; you did not. Erase my data.",
    "My number used to belong to Quillivic Mutuelle. Erase it.",
    "Someone at Quillivic Mutuelle gave me your address. Delete my data.",
    "The advert said Quillivic Mutuelle. Delete my data.",
    "People keep asking me for Quillivic Mutuelle. Delete my number.",
    "I keep getting calls meant for Quillivic Mutuelle. Delete my number.",
    "Please ask Quillivic Mutuelle to confirm, then delete my data.",
    "Can you tell Quillivic Mutuelle to send me money. Delete my data.",
    "Quillivic Mutuelle has my data legitimately. You do not. Delete it.",
    "Delete everything Quillivic Mutuelle has on me and everything Zorblax has.",
    "Delete the calls between me and Quillivic Mutuelle.",
    "The thief called me from the office of Quillivic Mutuelle. Delete my data.",
    "Der Nachbar von Quillivic Mutuelle ruft mich an. Löschen Sie meine Daten.",
    "Seit Quillivic Mutuelle schloss, ruft mich jemand an. Löschen Sie meine Daten.",
    "Quillivic Mutuelle hat mich angerufen und vor Ihnen gewarnt. Löschen Sie meine Daten.",
    "Me llaman diciendo que son de Quillivic Mutuelle. Borren mis datos.",
    "El cuñado de Quillivic Mutuelle me llama. Borren mis datos.",
    "Mi chiamano per Quillivic Mutuelle. Cancellate i miei dati.",
    "Il figlio del titolare di Quillivic Mutuelle mi chiama. Cancellate i miei dati.",
    "De buurman van Quillivic Mutuelle belt mij. Verwijder mijn gegevens.",
    "Quillivic Mutuelle dzwoni do mojej mamy. Proszę usunąć moje dane.",
    "Quillivic Mutuelle m'appelle. Je vous interdis de transmettre ce message à quiconque. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Ne leur dites rien. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Surtout gardez cela pour vous. Effacez mes données.",
    "Quillivic Mutuelle m'appelle. Gardez mon anonymat. Effacez mes données.",
    "Hier Quillivic Mutuelle m'a appelée, aujourd'hui c'était une assurance de Nantes. Effacez mes données.",
    "Quillivic Mutuelle me sollicite pour travailler chez eux. Effacez mes données.",
    "Je vous demande que Quillivic Mutuelle supprime mon avis. Effacez mes données.",
    "Le site que Quillivic Mutuelle utilise m'a inscrite. Effacez mes données.",
    "Le fichier que détient Quillivic Mutuelle est exact. Le vôtre est faux, rectifiez-le.",
    "Sur la fiche que détient Quillivic Mutuelle, mon nom est juste. Chez vous il est mal orthographié, rectifiez.",
    "Cette fois Quillivic Mutuelle m'appelle avec mon accord. Effacez mes données de votre base.",
    "Quillivic Mutuelle m'appelle et je leur réponds avec joie. Effacez mes données.",
    "Quillivic Mutuelle m'appelait. Maintenant c'est une voix inconnue. Effacez mes données.",
    "Quillivic Mutuelle m'a appelée samedi, une autre société dimanche. Effacez ce que dimanche a.",
    "quillivic mutuelle m'appelle. effacez mes données",
    "Les données détenues par Quillivic Mutuelle m'ont été remises. Effacez les vôtres.",
    "Stop all calls except calls from Quillivic Mutuelle.",
    "Stop every call, I do welcome calls from Quillivic Mutuelle.",
    "Stop aux appels, seuls les appels de Quillivic Mutuelle sont permis.",
    "Cessez vos ennuyeux rappels, imitez les appels de Quillivic Mutuelle.",
    "Sólo quiero llamadas de Quillivic Mutuelle. Eliminen mis datos.",
    "Non voglio chiamate se non da Quillivic Mutuelle.",
    "Quillivic Mutuelle m'appelle à ma demande. Effacez mes données.",
    "I want a copy of my call to Quillivic Mutuelle.",
    "Je veux les appels de Quillivic Mutuelle. Stop aux autres.",
    "Je suis contacté par Quillivic Mutuelle, ma demande est pour le fichier de la CNIL.",
    "Refus des appels de Quillivic Mutuelle et de tous ses concurrents.",
    "Stop aux appels de Quillivic Mutuelle, de Bidulor et des autres.",
]  # fmt: skip


@pytest.mark.parametrize("body", TOLD_OTHERWISE)
def test_a_letter_that_tells_more_than_a_plain_request_is_read_by_a_person(directory: Database, body: str) -> None:
    assert goes_to(decide(directory, mail_of(body), Automatic.EVIDENCE)) is None


@pytest.mark.parametrize("place", ["before", "after", "subject"])
@pytest.mark.parametrize(
    "doubt",
    [
        "Ce n'est pas Quillivic Mutuelle.",
        "Je crois.",
        "C'est peut-être une erreur.",
        "On m'a dit cela.",
        "C'est ma banque.",
        "Bidulor aussi.",
        "Je travaille pour eux.",
        "Pharamond Piscines m'appelle.",
        "Je ne sais pas.",
        "It is not them.",
        "I may be wrong, perhaps it was another company.",
        "C'est une arnaque.",
    ],
)
def test_a_doubt_anywhere_holds_what_would_have_gone(directory: Database, doubt: str, place: str) -> None:
    said = "Quillivic Mutuelle m'appelle tous les jours. Effacez mes données."
    body = {"before": f"{doubt} {said}", "after": f"{said} {doubt}", "subject": said}[place]
    subject = doubt if place == "subject" else "Mes données"
    assert goes_to(decide(directory, mail_of(said), Automatic.EVIDENCE)) == "C0001"

    assert goes_to(decide(directory, mail_of(body, subject=subject), Automatic.EVIDENCE)) is None


@pytest.mark.parametrize(
    "sender",
    [
        "Quillivic Mutuelle <contact@courriel.example>",
        "Paul Petit <paul@quillivic.example>",
        "Paul Petit <paul@quillivic-mutuelle.example>",
        "Paul Petit <quillivic@courriel.example>",
        "Paul Quillivic <paul@courriel.example>",
        "Paul <paul@courriel.example>, Anne <anne@courriel.example>",
    ],
)
def test_the_company_itself_is_not_told_of_its_own_letter(directory: Database, sender: str) -> None:
    body = "Quillivic Mutuelle m'appelle tous les jours. Effacez mes données."

    assert goes_to(decide(directory, mail_of(body, sender=sender), Automatic.EVIDENCE)) is None


def test_a_long_letter_is_read_by_a_person(directory: Database) -> None:
    body = "Quillivic Mutuelle m'appelle tous les jours. Effacez mes données. " + "Merci beaucoup à vous. " * 20

    assert goes_to(decide(directory, mail_of(body), Automatic.EVIDENCE)) is None


# --- which names are distinctive ---


def distinctive(name: str, *others: str) -> bool:
    every = [name, *others]
    return is_distinctive(name, Names(every), RareWords((one, number) for number, one in enumerate(every)))


@pytest.mark.parametrize("name", ["quillivic mutuelle", "audiokalis", "mutuelle du quillivic"])
def test_a_name_with_a_rare_word_is_distinctive(name: str) -> None:
    assert distinctive(name, "autre mutuelle", "le contact")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("quillivic mutuelle", "quillivic assurances"),
        ("quillivic mutuelle", "quillivik mutuelle"),
        ("quillivic mutuelle", "quilivic mutuelle"),
        ("quillivic mutuelle", "quillviic optique"),
        ("quillivic mutuelle", "quillivic mutuelle nord"),
        ("quillivic mutuelle", "mutuelle"),
        ("mutuelle horizon", "x"),
        ("paris lyon", "x"),
        ("jean dupont", "x"),
        ("novae", "x"),
        ("orangge", "x"),
        ("zzz", "x"),
        ("12345678", "x"),
        ("", "x"),
    ],
)
def test_a_name_like_anothers_or_of_common_words_is_not(name: str, other: str) -> None:
    assert not distinctive(name, other)
