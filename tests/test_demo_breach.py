"""The whole story of a breach as colleagues live it, in a real browser: from the first doubt to the last proof."""

import io
import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.test_demo import ROOT, opened
from tests.test_demo_deciding import A_WHOLE_CARD, Desk

ANNE, BORIS, CARLA = "U01ANNE", "U02BORIS", "U03CARLA"
GARAGE, HOTEL, SCHOOL = "atelier@garage-dupont.example", "reception@hotel-bellevue.example", "accueil@entrechat.example"
BORIS_AT, DRILL_AT = "boris.petit@kavkom.example", "exercice@kavkom.example"
ACCOUNT = "Un fichier de contacts a été envoyé à un mauvais destinataire."
CARLA_AT = "carla.levi@kavkom.example"
ANNE_AT = "anne.moreau@kavkom.example"
BREACH, DRILL = "BR-2026-0001", "DRILL-2026-0001"


class Breaches(Desk):
    """The page, and the card of one breach."""

    def fill(self, field: str, typed: str) -> None:
        self.one(f"#modal [data-action-id={field}]").send_keys(typed)

    def select(self, field: str, value: str) -> None:
        Select(self.one(f"#modal select[data-action-id={field}]")).select_by_value(value)

    def tick(self, field: str, *values: str) -> None:
        for value in values:
            self.one(f"#modal [data-action-id={field}] input[value={value}]").click()

    def now(self) -> None:
        self.one("#modal .instant button").click()

    def next(self) -> None:
        """Send a modal that another one follows."""
        before = self.one("#modal").get_attribute("data-callback-id")
        self.one("#modal-submit").click()
        self.until(lambda: self.one("#modal").get_attribute("data-callback-id") != before)

    def notice(self, reference: str, step: str) -> None:
        """Press *Notice to customers* and choose a step."""
        self.on_card(reference, "breach_notice")
        self.select("notice_step", step)

    def pick(self, field: str, typed: str) -> None:
        """From a list that is open before anything is typed: wait until it was narrowed down."""
        self.one(f"#modal [data-action-id={field}] input").send_keys(typed)

        def narrowed() -> bool:
            options = self.all("[role=option]")
            found = len(options) == 1 and typed in options[0].text
            if found:
                options[0].click()
            return found

        self.until(narrowed)
        self.until(lambda: typed in self.one(f"#modal [data-action-id={field}]").text)

    def write(self, sender: str, to: str, subject: str, body: str, file: Path) -> None:
        if not self.driver.find_element(By.ID, "compose-letter").is_displayed():
            self.one("#compose summary").click()
        for name, typed in (("from", sender), ("to", to), ("subject", subject), ("body", body)):
            self.one(f"#compose-{name}").clear()
            self.one(f"#compose-{name}").send_keys(typed)
        self.one("#compose-file").send_keys(str(file))
        self.one("#compose-send").click()

    def attachments(self) -> dict[str, str]:
        """Of the open letter: names, and where each is."""
        return {
            line.find_element(By.CSS_SELECTOR, "span:not(.clip), button").text: str(
                line.find_element(By.TAG_NAME, "a").get_attribute("href")
            )
            for line in self.all("#reader-parts li")
        }

    def fetch(self, name: str) -> bytes:
        with urllib.request.urlopen(self.attachments()[name], timeout=10) as answer:  # noqa: S310 - our own page
            return bytes(answer.read())


def shell(scratch: Path, *words: str) -> str:
    """A command at the shell of the running desk; its output."""
    [database] = scratch.glob("kavkom-demo-*/desk.db")
    environ = os.environ | {
        "DATABASE_URL": f"sqlite:///{database}",
        "CLOCK_OFFSET_FILE": str(database.with_name("clock")),
        "COMPANY_NAME": "Kavkom",
    }
    done = subprocess.run(
        [sys.executable, "-m", *words], env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_story_of_a_breach(tmp_path: Path) -> None:
    """Told in a browser from the doubt to the register: each chapter goes on where the one before ended."""
    with opened(Breaches, tmp_path, height=A_WHOLE_CARD, TMPDIR=str(tmp_path)) as desk:
        a_doubt_becomes_a_breach_with_facts_and_customers(desk)
        a_notice_is_previewed_by_mail_and_sent_by_a_second_person(desk)
        a_notice_that_comes_back_rings_and_the_customer_is_telephoned(desk)
        a_document_mailed_by_a_colleague_goes_with_the_second_notice(desk, tmp_path)
        a_customer_answers_and_who_does_not_is_on_the_call_sheet(desk)
        it_is_closed_proved_and_in_the_register(desk, tmp_path)
        a_drill_goes_the_whole_way_and_reaches_nobody_but_its_own_mailbox(desk)


def a_doubt_becomes_a_breach_with_facts_and_customers(desk: Breaches) -> None:
    desk.be(CARLA)
    desk.type_command("/breach")
    desk.now()
    desk.fill("summary", "A contact file went to a wrong recipient.")
    desk.choose("customers", "garage")
    desk.picture("31-report")
    desk.one("#modal-submit").click()
    desk.modal_says(BREACH)
    desk.picture("32-reported")
    desk.one("#modal-cancel").click()
    desk.card_says(BREACH, "possible breach")
    desk.picture("33-card")

    desk.on_card(BREACH, "breach_aware")
    desk.now()
    desk.picture("34-aware")
    desk.submit()
    desk.card_says(BREACH, "Aware since")

    desk.on_card(BREACH, "breach_record")
    desk.select("page", "what")
    desk.next()
    desk.fill("account", ACCOUNT)
    desk.tick("nature", "confidentiality")
    desk.select("origin", "wrong_recipient")
    desk.picture("35-facts")
    desk.submit()
    desk.on_card(BREACH, "breach_record")
    desk.select("page", "whose")
    desk.next()
    desk.tick("data_kinds", "contact", "identification")
    desk.tick("person_kinds", "customers_and_prospects")
    desk.fill("persons", "230")
    desk.submit()
    desk.card_says(BREACH, "confidentiality")

    desk.on_card(BREACH, "breach_add")
    desk.fill("references", "C0002 C0009")
    desk.picture("36-add")
    desk.one("#modal-submit").click()
    desk.modal_says("École de danse Entrechat")
    desk.picture("37-add-confirm")
    desk.submit()
    desk.card_says(BREACH, "Told: 0 of 3")


def a_notice_is_previewed_by_mail_and_sent_by_a_second_person(desk: Breaches) -> None:
    desk.be(BORIS)
    desk.notice(BREACH, "preview")
    desk.picture("41-notice")
    desk.submit()
    preview = desk.read(BORIS_AT, "APERÇU / PREVIEW")
    assert ACCOUNT in preview
    desk.picture("42-preview")

    desk.notice(BREACH, "ask")
    desk.submit()
    desk.card_says(BREACH, "a second person must approve it")
    desk.be(ANNE)
    desk.notice(BREACH, "approve")
    desk.next()
    desk.picture("43-approve")
    desk.submit()
    desk.says("has approved notice 1")
    told = desk.read(GARAGE, f"Kavkom, {BREACH}, message n° 1")
    assert ACCOUNT in told
    assert "Entrechat" not in told
    desk.picture("44-notice-fr")
    desk.read(HOTEL, f"Kavkom, {BREACH}, notice 1")
    desk.picture("45-notice-en")


def a_notice_that_comes_back_rings_and_the_customer_is_telephoned(desk: Breaches) -> None:
    desk.card_says(BREACH, "École de danse Entrechat (C0009): came back", 30)
    desk.says("The notice of BR-2026-0001 to École de danse Entrechat came back")
    desk.picture("46-bounced")
    desk.on_card(BREACH, "breach_call_sheet")
    assert "École de danse Entrechat" in desk.read(ANNE_AT, "1 client à appeler")
    desk.picture("46b-call-sheet")

    desk.on_card(BREACH, "breach_told")
    desk.until(lambda: "Entrechat" in desk.one("#modal [data-action-id=affected_customer]").text)
    desk.select("contact", "management")
    desk.picture("47-telephone")
    desk.submit()
    desk.card_says(BREACH, "Documents still owed after a call (1)")


def a_document_mailed_by_a_colleague_goes_with_the_second_notice(desk: Breaches, scratch: Path) -> None:
    plan = scratch / "Liste des champs.csv"
    plan.write_text("nom;téléphone;date du dernier appel\n", encoding="utf-8")
    told = desk.read(ANNE_AT, "violation de données possible")
    [address] = set(re.findall(r"privacy\+d\.\S+@kavkom\.example", told))
    desk.write(BORIS_AT, address, "Pour les clients", "Voici la liste des champs.", plan)
    desk.card_says(BREACH, "Documents to be marked: 1", 30)
    desk.picture("51-document")

    desk.on_card(BREACH, "breach_documents")
    desk.select("document", "1")
    desk.next()
    desk.select("fate", "all")
    desk.picture("52-mark")
    desk.submit()
    desk.until(lambda: not any("Documents to be marked" in one.text for one in desk.cards(BREACH)))
    desk.one("#clock-plus-1").click()
    desk.be(CARLA)
    desk.notice(BREACH, "ask")
    desk.submit()
    desk.be(ANNE)
    desk.notice(BREACH, "approve")
    desk.next()
    desk.submit()
    desk.says("has approved notice 2")
    second = desk.read(GARAGE, "message n° 2")
    assert "Liste des champs.csv" in desk.attachments()
    desk.picture("53-second-notice")
    assert "CE QUI A CHANGÉ DEPUIS NOTRE MESSAGE N° 1" in second


def a_customer_answers_and_who_does_not_is_on_the_call_sheet(desk: Breaches) -> None:
    desk.reply("Reçu, merci.")
    desk.card_says(BREACH, "has answered: 1", 30)

    desk.one("#clock-plus-12").click()

    desk.says("2 customers to call: Hôtel Bellevue, École de danse Entrechat", seconds=60)
    desk.picture("54-to-call")
    desk.be(CARLA)
    desk.on_card(BREACH, "breach_call_sheet")
    sheet = desk.read(CARLA_AT, "2 customers to call")
    desk.picture("55-call-sheet")
    assert "+33199000119" in sheet
    desk.be(ANNE)


def it_is_closed_proved_and_in_the_register(desk: Breaches, scratch: Path) -> None:
    desk.on_card(BREACH, "breach_told")
    desk.pick("affected_customer", "Entrechat")
    desk.submit()
    desk.card_says(BREACH, "Told: 3 of 3")
    desk.on_card(BREACH, "breach_waive")
    desk.until(lambda: "Entrechat" in desk.one("#modal [data-action-id=affected_customer]").text)
    desk.fill("waive_reason", "It reads them on our portal.")
    desk.submit()
    desk.on_card(BREACH, "breach_close")
    desk.confirm()
    desk.card_says(BREACH, "Closed aujourd’hui", 30)
    desk.picture("61-closed")

    desk.type_command(f"/breach {BREACH} evidence")
    desk.read(ANNE_AT, "Les preuves au sujet de")
    pack = zipfile.ZipFile(io.BytesIO(desk.fetch(f"{BREACH}.zip")))
    sent = [name for name in pack.namelist() if name.startswith("sent/notice-") and name.endswith(".eml")]
    register = shell(scratch, "bot", "register", "--language", "fr")

    assert len(sent) == 6
    assert "Client prévenu par téléphone" in pack.read("index.html").decode()
    assert "concernés&nbsp;: 3" in register
    assert shell(scratch, "storage", "verify").startswith("The journal holds")


def a_drill_goes_the_whole_way_and_reaches_nobody_but_its_own_mailbox(desk: Breaches) -> None:
    desk.type_command("/breach drill")
    desk.fill("scenario", "Un disque a disparu.")
    desk.choose("customers", "garage")
    desk.select("pace", "48")
    desk.picture("71-drill")
    desk.one("#modal-submit").click()
    desk.modal_says(DRILL)
    desk.one("#modal-cancel").click()
    desk.notice(DRILL, "ask")
    desk.submit()
    desk.card_says(DRILL, "a second person must approve it")
    desk.be(BORIS)
    desk.notice(DRILL, "approve")
    desk.next()
    desk.submit()

    notice = desk.read(DRILL_AT, "Violation de données")
    assert notice.startswith("[EXERCICE / DRILL] Ceci est un exercice")
    desk.picture("72-drill-notice")
    desk.card_says(DRILL, "Told: 1 of 1", 30)
    desk.on_card(DRILL, "breach_close")
    desk.confirm()
    desk.read(DRILL_AT, "comment l’exercice s’est passé")
    desk.picture("73-drill-report")
    desk.open_mailbox(GARAGE, f"Kavkom, {BREACH}")
    assert not desk.all(f"#letters button[data-subject*={DRILL}]")
