"""What customers mean by their replies to a forward; in doubt, a person reads."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.letter import Letter, read_letter
from mail.replies import read_deletion, read_reply
from storage.types import Said

OUR_SUBJECT = "Une personne vous écrit au sujet de ses données – à traiter (DSR-2026-0042)"


def said(text: str, subject: str = f"Re: {OUR_SUBJECT}", *, automatic: str | None = None) -> Said:
    return read_reply(Letter(subject=subject, text=text, automatic=automatic))


@pytest.mark.parametrize(
    "text",
    [
        "pas pour nous",
        "Pas pour nous.",
        "« pas pour nous »",
        "Bonjour,\n\nCette demande n'est pas pour nous.\n\nCordialement,\nLe garage",
        "Bonjour, cette personne ne nous concerne pas. Bonne journée",
        "Ce message ne nous est pas destiné, merci de le retirer.",
        "Nous ne connaissons pas cette personne.",
        "nous ne connaissons pas ce monsieur",
        "Elle n'est pas cliente chez nous",
        "Cette personne n'est pas l'un de nos clients.",
        "Inconnue de nos services",
        "Je pense que vous vous êtes trompés de destinataire.\n\nBien à vous" .replace("Je pense que v", "V"),
        "Reçu par erreur.",
        "Nous n'avons aucune trace de cette personne dans nos fichiers.",
        "Not ours.",
        "Hello, this is not for us. Regards",
        "This isn't ours, sorry.",
        "We don't know this person.",
        "He is not our customer.",
        "This does not concern us.",
        "You sent this to the wrong company.",
        "This was sent to us by mistake.",
        "We have no record of this person.",
        "Ok merci, mais ce n'est pas pour nous.",
        "Pas pour nous, merci d'effacer ce numéro.",
    ],
)  # fmt: skip
def test_a_customer_who_says_that_it_is_not_theirs(text: str) -> None:
    assert said(text) is Said.NOT_OURS


def test_a_subject_that_the_customer_wrote_counts() -> None:
    assert said("", "pas pour nous") is Said.NOT_OURS
    assert said("Cordialement", f"Re: PAS POUR NOUS - {OUR_SUBJECT}") is Said.NOT_OURS
    assert said("", "Help") is Said.HELP


@pytest.mark.parametrize(
    "text",
    [
        "aide",
        "« aide »",
        "Aide svp",
        "Help!",
        "Bonjour,\n\nComment faire ?\n\nMerci",
        "Que devons-nous faire ?",
        "Pouvez-vous nous aider à retrouver ses enregistrements ?",
        "Nous ne savons pas comment supprimer un contact.",
        "Comment supprimer ses données dans le logiciel ?",
        "J'ai une question sur cette demande.",
        "Merci de nous rappeler au 01 99 00 01 00.",
        "Bien reçu. Quel est le délai pour répondre ?",
        "What should we do?",
        "How do we delete the data?",
        "Could you explain what is expected of us?",
        "We need help with this.",
        "We don't know how to delete the recordings.",
        "Do we have to answer?",
    ],
)
def test_a_customer_who_asks_us_for_help(text: str) -> None:
    assert said(text) is Said.HELP


@pytest.mark.parametrize(
    "text",
    [
        "Merci d'effacer ses données.",
        "Bonjour,\n\nSupprimez ces données de votre côté.\n\nCordialement",
        "Veuillez supprimer tous les enregistrements de cette personne.",
        "Pouvez-vous supprimer sa fiche ?",
        "Nous vous demandons de bloquer ce numéro.",
        "Vous pouvez effacer ses données.",
        "Merci de procéder à la suppression de ce contact.".replace("Merci de procéder", "Procédez"),
        "Please erase her data.",
        "please delete everything you hold about this caller",
        "Could you remove the recordings on your side?",
        "We instruct you to block this number.",
        "Bien reçu, merci de supprimer ses enregistrements.",
    ],
)
def test_a_customer_who_orders_us_to_act_on_data(text: str) -> None:
    assert said(text) is Said.INSTRUCTION


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour Madame,\n\nSuite à votre demande, nous avons supprimé vos données.\n\nCordialement",
        "Bonjour, vos données ont été effacées de notre fichier.",
        "Monsieur, votre demande d'effacement a été prise en compte. Votre numéro a été retiré de nos listes.",
        "Dear Ms Martin,\n\nFurther to your request for erasure, we have deleted your data.",
        "Your personal data has been removed from our systems.",
        "We hold no information about you.",
        "Vous trouverez ci-joint une copie de vos données.",
    ],
)
def test_an_answer_that_was_meant_for_the_person(text: str) -> None:
    assert said(text) is Said.ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "Bien reçu",
        "Reçu, merci.",
        "ok merci",
        "OK",
        "Merci !",
        "Bonjour,\n\nBien reçu, nous traitons la demande.\n\nCordialement,\nAnne Dupont",
        "C'est noté.",
        "Nous faisons le nécessaire.",
        "Received, thanks.",
        "Well received",
        "Thank you.",
        "Noted, we will handle it.",
    ],
)
def test_a_mere_receipt(text: str) -> None:
    assert said(text) is Said.RECEIVED


@pytest.mark.parametrize(
    "subject",
    [
        f"Réponse automatique : {OUR_SUBJECT}",
        f"Automatic reply: {OUR_SUBJECT}",
        "Out of office",
        "Out of Office Re: DSR-2026-0042",
        "Absence du bureau",
        "Abwesenheitsnotiz: DSR",
        "Auto: en congés".replace("Auto: en", "En"),
    ],
)
def test_an_automatic_subject_counts_as_out_of_office(subject: str) -> None:
    assert said("Bonjour, bien reçu, je vous réponds à mon retour.", subject) is Said.OUT_OF_OFFICE


@pytest.mark.parametrize(
    "text",
    [
        "Je suis absente jusqu'au 3 mars, en cas d'urgence écrivez à mon collègue.",
        "Nos bureaux sont fermés jusqu'à lundi.",
        "I am out of the office until Monday.",
        "Hello, I will be on leave with limited access to email.",
    ],
)
def test_words_that_only_say_that_somebody_is_away(text: str) -> None:
    assert said(text) is Said.OUT_OF_OFFICE


@pytest.mark.parametrize(
    "headers",
    ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "X-Autorespond: away", "Precedence: auto_reply"],
)
def test_the_headers_of_responders_count_whatever_the_words(headers: str) -> None:
    letter = read_letter(f"From: a@b.example\r\nSubject: Re: DSR\r\n{headers}\r\n\r\nBien reçu, merci.".encode())

    assert read_reply(letter) is Said.OUT_OF_OFFICE


def test_exchanges_wish_for_no_automatic_answers_makes_no_automatic_reply() -> None:
    letter = read_letter("From: a@b.example\r\nX-Auto-Response-Suppress: All\r\n\r\nBien reçu, merci.".encode())

    assert read_reply(letter) is Said.RECEIVED


def test_an_automatic_answer_that_says_something_is_not_lost() -> None:
    assert said("Cette boîte n'est plus relevée.", automatic="auto-submitted") is Said.OTHER
    assert said("Anne Dupont has left the company.", "Automatic reply: DSR") is Said.OTHER
    assert said("Cette demande n'est pas pour nous.", automatic="auto-submitted") is Said.NOT_OURS


@pytest.mark.parametrize(
    "text",
    [
        "C'est bien pour nous.",
        "Not a problem, this is ours.",
        "Cette demande nous concerne bien.",
        "Ce n'est pas une erreur, cette personne est bien notre cliente.",
        "Je ne sais pas si c'est pour nous.",
        "Peut-être que ce n'est pas pour nous.",
        "I'm not sure this is not for us.",
        "Nous n'avons pas reçu la pièce jointe.",
        "We have not received the attachment.",
        "Ne supprimez rien pour le moment.",
        "Do not delete the recordings yet.",
        "Merci d'effacer ses données. Comment faire pour les autres ?",
        "Le dossier est chez notre avocat.",
        "",
        "Cordialement",
    ],
)
def test_doubt_is_for_a_person(text: str) -> None:
    assert said(text) in {Said.OTHER, Said.RECEIVED} - (
        {Said.RECEIVED} if "reçu" in text or "received" in text else set()
    )
    assert said(text) is Said.OTHER


@pytest.mark.parametrize(
    "quotation",
    [
        "Le lun. 2 nov. 2026 à 10:00, Kavkom <privacy@kavkom.example> a écrit :\n> Répondez « pas pour nous ».\n> aide",
        "De : Kavkom\nEnvoyé : lundi\nÀ : nous\nObjet : x\n\nRépondez « pas pour nous ». Merci d'effacer ses données.",
        "-----Original Message-----\nFrom: Kavkom\n\nnot ours, please erase my data",
        "Kavkom vous fournit votre téléphonie. Merci d'effacer mes données. Répondez « pas pour nous ».",
        "---------- Le message de cette personne ----------\n\nSupprimez mes données. Ce n'est pas pour nous.",
        "> pas pour nous\n> supprimez mes données",
    ],
)
def test_what_is_quoted_does_not_count(quotation: str) -> None:
    assert said(f"Bien reçu, merci.\n\n{quotation}") is Said.RECEIVED
    assert said(quotation) is Said.OTHER


@pytest.mark.parametrize(
    "footer",
    [
        "If you are not the intended recipient, please delete this e-mail and notify the sender.",
        "Si vous n'êtes pas le destinataire de ce message, merci de le supprimer et d'avertir l'expéditeur.",
        "Si vous avez reçu ce message par erreur, merci de le détruire.",
        "Ce message est confidentiel. Merci de supprimer ce message et ses copies si vous l'avez reçu par erreur.",
    ],
)
def test_what_lawyers_add_below_does_not_count(footer: str) -> None:
    assert said(f"Bien reçu.\n\nAnne Dupont\n\n{footer}") is Said.RECEIVED


@given(st.text(max_size=300), st.text(max_size=80))
def test_any_words_whatever_are_something(text: str, subject: str) -> None:
    assert read_reply(Letter(subject=subject, text=text)) in Said


@pytest.mark.parametrize(
    "words", ["ok ", "merci de ", "pas ", "nous ne ", "a", "?", "vos donnees ", "\n", "bien pour "]
)
def test_a_flood_of_words_is_read_quickly(words: str) -> None:
    letter = Letter(text=words * 20_000)

    began = time.process_time()
    read_reply(letter)

    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("effacé", Said.RECEIVED),
        ("Deleted, both copies.", Said.RECEIVED),
        ("Bonjour, c'est supprimé. Cordialement", Said.RECEIVED),
        ("Nous ne l'avons pas effacé", Said.OTHER),
        ("Effacé, mais mon collègue l'a déjà appelé. Que dois-je faire ?", Said.OTHER),
        ("Je l'ai transmis à mon associé", Said.OTHER),
        ("Effacé. Mon associé l'avait lu aussi.", Said.OTHER),
        ("Effacé, mais j'ai déjà appelé cette personne", Said.OTHER),
        ("supprimé cette dame de notre base comme demandé", Said.OTHER),
        ("Je refuse que ce soit effacé", Said.OTHER),
        ("Bonjour,\n\nC'est effacé.\n\nCordialement,\nPaul Dupont\nGarage Dupont", Said.RECEIVED),
    ],
)
def test_who_was_asked_to_delete_says_that_it_is_done_or_somebody_reads_it(text: str, said: Said) -> None:
    subject = "Re: Message reçu par erreur : merci de l’effacer (DSR-2026-0003)"

    assert read_deletion(Letter(subject=subject, text=text)) is said
    assert read_reply(Letter(subject=subject, text="Bonjour, qui êtes-vous ?")) is not Said.NOT_OURS
