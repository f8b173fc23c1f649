"""Deciding together as a colleague does it, in a real browser: every button of a held card, the mails that leave."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.test_demo import Page, opened

PAUL = "paul.weber@courriel.example"
LUCIEN = "lucien.robert@courriel.example"
A_WHOLE_CARD = 1250
"""Height of a window that shows one, in pixels."""


class Desk(Page):
    """The page, and the card of one case."""

    def modal_says(self, text: str) -> None:
        self.says(text, "#modal")

    def submit(self) -> None:
        self.one("#modal-submit").click()
        self.until(lambda: not self.all("#modal[open]") or not self.all("#modal-submit"))
        if self.all("#modal[open]"):
            self.one("#modal-cancel").click()

    def confirm(self) -> None:
        self.one("#confirm-yes").click()

    def read(self, address: str, subject: str) -> str:
        """Open a letter in somebody's mailbox; its text."""
        self.open_mailbox(address, subject)
        self.until(lambda: any(subject in one.text for one in self.all("#reader dd[data-header=Subject]")))
        return self.driver.find_element(By.ID, "reader-text").get_attribute("textContent") or ""

    def reply(self, body: str) -> None:
        self.one("#reader-reply").click()
        self.one("#compose-body").send_keys(body)
        self.one("#compose-send").click()


@pytest.fixture(scope="module")
def opened_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with opened(Desk, tmp_path_factory.mktemp("pictures"), height=A_WHOLE_CARD) as desk:
        yield desk


@pytest.fixture
def desk(opened_desk: Desk) -> Iterator[Desk]:
    """The desk as Carla finds it, in English, whatever was done on its page before."""
    opened_desk.begin("U03CARLA")
    yield opened_desk
    assert opened_desk.complaints() == []


def test_a_number_in_the_letter_sends_it_by_itself(desk: Desk) -> None:
    reference = desk.letter("number")

    desk.card_says(reference, "Boulangerie Lune de Miel (C0003): accepted by its mail server")


def test_candidates_stand_on_the_card_and_one_is_confirmed(desk: Desk) -> None:
    reference = desk.letter("two-customers")
    desk.card_says(reference, "It may concern, the likeliest first")
    desk.card_says(reference, "Garage Dupont (C0001): a telephone number of theirs")
    desk.picture("11-candidates")

    desk.on_card(reference, "dsr_take")
    desk.card_says(reference, "Taken by @Carla Levi")
    desk.on_card(reference, "dsr_candidate_0")
    desk.modal_says("atelier@garage-dupont.example")
    desk.modal_says("the letter points to it: a telephone number of theirs")
    desk.picture("12-confirm")
    desk.submit()

    desk.card_says(reference, "Garage Dupont (C0001): accepted by its mail server")


def test_what_went_to_the_wrong_customer_is_taken_from_it(desk: Desk) -> None:
    reference = desk.letter("two-customers")
    desk.on_card(reference, "dsr_candidate_0")
    desk.submit()
    desk.card_says(reference, "accepted by its mail server")

    desk.type_command(f"/dsr {reference} misrouted")
    desk.modal_says("It was not meant for you")
    Select(desk.one("#modal [data-action-id=wrong_customer] select, #modal select")).select_by_index(1)
    desk.choose("right_customer", "sourire")
    desk.picture("13-misrouted")
    desk.submit()

    desk.card_says(reference, "went there by mistake")
    desk.card_says(reference, "Cabinet dentaire Sourire Clair (C0004): accepted by its mail server")
    desk.says(f"{reference} went to Garage Dupont by mistake")
    desk.says("· ⚠️ possible breach")
    asked = desk.read("atelier@garage-dupont.example", "Message reçu par erreur")
    assert "Il ne vous était pas destiné" in asked
    desk.picture("14-deletion")
    desk.reply("effacé")
    desk.card_says(reference, "replied: deleted")


def test_the_person_is_asked_and_the_answer_finds_the_customer(desk: Desk) -> None:
    reference = desk.letter("no-clue")
    desk.on_card(reference, "dsr_ask")
    desk.modal_says("Quel numéro s’est affiché")
    desk.picture("15-ask")
    desk.submit()
    desk.card_says(reference, "no answer yet")

    question = desk.read(LUCIEN, f"une question ({reference})")
    assert "N’envoyez pas de pièce d’identité" in question
    desk.picture("16-question")
    desk.reply("C'était le 01 99 00 01 70, hier vers midi.")

    desk.says("has answered, and the answer shows the customer")
    desk.card_says(reference, "Panneaux Plein Soleil (C0011)")


def test_who_does_not_remember_gets_a_last_mail(desk: Desk) -> None:
    reference = desk.letter("no-clue")
    desk.on_card(reference, "dsr_ask")
    desk.submit()
    desk.read(LUCIEN, f"une question ({reference})")
    desk.reply("Je ne me souviens plus du tout.")
    desk.says("does not remember")

    desk.on_card(reference, "dsr_close_unknown")
    desk.modal_says("ne pouvons pas retrouver")
    desk.submit()

    desk.card_says(reference, "set aside")
    desk.read(LUCIEN, f"Votre message au sujet de vos données ({reference})")
    desk.picture("17-closing")
    desk.on_card(reference, "dsr_take_back")
    desk.card_says(reference, "needs a person")


def test_nobody_knows_and_a_colleague_gets_it(desk: Desk) -> None:
    reference = desk.letter("no-clue")
    desk.on_card(reference, "dsr_take")
    desk.on_card(reference, "dsr_hand_over")
    Select(desk.one("#modal select")).select_by_visible_text("Boris Petit")
    desk.submit()
    desk.card_says(reference, "Taken by @Boris Petit")

    desk.on_card(reference, "dsr_refer")
    desk.confirm()

    desk.card_says(reference, "handed to the data protection officer")


def test_a_letter_for_kavkom_itself_goes_to_no_customer(desk: Desk) -> None:
    reference = desk.letter("applicant")
    desk.on_card(reference, "dsr_own")
    desk.confirm()

    desk.card_says(reference, "for Kavkom itself")
    desk.card_says(reference, "answer the person: Kavkom is the controller")
    desk.picture("18-own")


def test_an_authority_and_a_possible_breach_are_held_and_the_breach_is_open_in_two_clicks(desk: Desk) -> None:
    authority = desk.letter("authority")
    desk.card_says(authority, "Letter of an authority")
    desk.on_card(authority, "dsr_due")
    desk.one("#modal .instant button").click()
    desk.picture("20-date-due")
    desk.submit()
    desk.card_says(authority, "due today")
    reference = desk.letter("possible-breach")
    desk.card_says(reference, "it may tell of a data breach")

    desk.on_card(reference, "dsr_possible_breach")
    desk.submit()

    desk.card_says(reference, "Open about it: BR-")
    [breach] = re.findall(r"Open about it: (BR-[0-9-]+)", next(one.text for one in desk.cards(reference)))
    desk.picture("19-possible-breach")
    desk.be("U01ANNE")
    desk.on_card(breach, "breach_no_breach")
    desk.one("#modal [data-action-id=no_breach_reason]").send_keys("Un enregistrement d'essai.")
    desk.submit()
    desk.says("not a breach")


def test_home_shows_mine_and_nobodys(desk: Desk) -> None:
    reference = desk.letter("no-clue")
    desk.on_card(reference, "dsr_take")
    desk.card_says(reference, "Taken by @Carla Levi")

    desk.one("#tab-home").click()

    desk.says("Yours", "#panel-home")
    desk.says(reference, "#panel-home")
    desk.picture("21-home")
    desk.one("#tab-channel").click()
    desk.type_command("/dsr")
    desk.says("waiting for a person")
    desk.type_command("/dsr help")
    desk.says("misrouted")


def test_with_two_persons_one_proposes_and_another_agrees(tmp_path: Path) -> None:
    with opened(Desk, tmp_path, height=A_WHOLE_CARD, TWO_PERSONS="true") as desk:
        desk.be("U03CARLA")
        reference = desk.letter("two-customers")
        desk.on_card(reference, "dsr_candidate_0")
        desk.modal_says("A second person must agree")
        desk.submit()
        desk.card_says(reference, "a second person must agree")
        desk.on_card(reference, "dsr_reject")
        desk.until(lambda: not desk.all("button[data-action-id=dsr_agree]"))
        desk.on_card(reference, "dsr_candidate_1")
        desk.submit()

        desk.be("U01ANNE")
        desk.on_card(reference, "dsr_agree")
        desk.picture("22-agree")
        desk.submit()

        desk.card_says(reference, "Cabinet dentaire Sourire Clair (C0004): accepted by its mail server")
