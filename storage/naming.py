"""Names as they are compared: lower case, without accents, one space between words. Nothing but letters and digits."""

import re
import unicodedata

_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u200c\u200d]")
_SPECIAL = {"ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "đ": "d"}
_WORD = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """Lower case, without accents, apostrophes alike."""
    lower = text.lower()
    for letter, letters in _SPECIAL.items():
        lower = lower.replace(letter, letters)
    return _MARKS.sub("", unicodedata.normalize("NFKD", lower).replace("\u2019", "'"))


def normal_name(name: str) -> str:
    """A customer's name as it is compared: "Cavaliéro-Fenêtres, S.A." -> "cavaliero fenetres s a"."""
    return " ".join(_WORD.findall(plain(name)))


def is_common(name: str) -> bool:
    """Whether a compared name is made of nothing but words that stand in any letter: "bonjour", "service client"."""
    words = name.split()
    return bool(words) and all(word in COMMON for word in words)


COMMON = frozenset(
    # French: greetings, what a letter is about, departments and trades, the telephone, small words
    "bonjour bonsoir madame monsieur mesdames messieurs mademoiselle cher chere merci cordialement salutations svp "
    "objet sujet demande reclamation plainte question reponse message mail courriel courrier lettre adresse numero "
    "nom prenom date jour semaine mois annee contact contacts client clients cliente societe entreprise compagnie "
    "groupe agence boutique magasin bureau service services direction accueil standard commercial commerciale "
    "comptabilite facturation marketing publicite information informations infos info donnees dossier fichier compte "
    "commande facture contrat devis offre promo promotion appel appels telephone portable mobile ligne sms texto "
    "campagne demarchage conseil conseils support assistance aide securite qualite formation gestion immobilier immo "
    "assurance assurances banque energie travaux maison habitat voyage voyages sante restaurant hotel garage auto "
    "automobile transport transports taxi pharmacie cabinet france francais francaise europe paris national "
    "international general generale public prive nouveau nouvelle bon bonne grand grande petit petite le la les l un "
    "une des de du d et a au aux en pour par avec sans sur mon ma mes notre nos votre vos son sa ses ce cette oui non "
    "stop rien test "
    # English
    "hello hi dear sir madam mr mrs ms miss thanks thank you regards sincerely kind best please subject request "
    "complaint question answer reply message mail email letter address number name date day week month year contact "
    "contacts customer customers client clients company companies business group agency shop store office service "
    "services sales accounting billing marketing advertising information info data file account order invoice "
    "contract quote offer deal call calls phone telephone mobile line text campaign advice support help desk security "
    "quality training management estate insurance bank energy home house travel health restaurant hotel garage car "
    "cars transport taxi pharmacy direct online digital web site internet network general public private new good "
    "great big small the a an of and for by with without on in at to from my our your his her this that yes no free "
    "one sa sas sarl eurl snc ltd limited inc plc llc gmbh co".split()
)
"""Words, as names are compared, that tell no company from another."""
