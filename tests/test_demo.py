"""`make demo` as a new user meets it, in a real browser: letters, cards, the form, the clock, the end."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.servers import Chromium, free_port, need

ROOT = Path(__file__).parent.parent
Found = TypeVar("Found")
Shown = TypeVar("Shown", bound="Page")


@contextmanager
def demo(port: int, **settings: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The demo on a port, and the address it prints."""
    environ = os.environ | {"PLAYGROUND_PORT": str(port), "STAFF_LANGUAGE": "en"} | settings
    command = [sys.executable, "-m", "tests.playground"]
    running = subprocess.Popen(
        command,
        env=environ,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield running, address_printed(running)
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.communicate(timeout=30)


def address_printed(running: "subprocess.Popen[str]") -> str:
    assert running.stdout is not None
    for line in running.stdout:
        if found := re.search(r"The desk is open: (\S+)", line):
            return found[1]
    raise AssertionError("the demo ended without an address")


class Page:
    """The page, by what a person sees and presses."""

    def __init__(self, driver: WebDriver, folder: Path) -> None:
        self.driver = driver
        self.folder = folder

    def begin(self, persona: str) -> None:
        """Load the page anew, as somebody."""
        self.driver.refresh()
        self.wait_until_connected()
        self.be(persona)

    def wait_until_connected(self) -> None:
        self.until(lambda: self.one("#connection").get_attribute("data-state") == "up", 30)

    def until(self, found: Callable[[], Found], seconds: float = 40) -> Found:
        redrawn = [StaleElementReferenceException]  # the page drew the list anew while we looked
        try:
            return WebDriverWait(self.driver, seconds, 0.05, redrawn).until(lambda _: found())
        except TimeoutException:
            self.picture("waited-in-vain")
            raise

    def one(self, selector: str) -> WebElement:
        return self.until(lambda: next((e for e in self.all(selector) if e.is_displayed()), None), 15)  # type: ignore[return-value]  # until waits for one

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def says(self, text: str, where: str = "#panel-channel", seconds: float = 40) -> None:
        self.until(lambda: text in self.driver.find_element(By.CSS_SELECTOR, where).text, seconds)

    def type_command(self, line: str) -> None:
        self.one("#composer-input").send_keys(line + Keys.ENTER)

    def send_ready_letter(self, name: str) -> None:
        if not self.driver.find_element(By.ID, "compose-letter").is_displayed():
            self.one("#compose summary").click()
        Select(self.one("#compose-letter")).select_by_value(name)
        self.one("#compose-send").click()

    def letter(self, name: str, seconds: float = 40) -> str:
        """Send a ready letter; the reference of its case."""
        known = set(self._references())
        self.send_ready_letter(name)
        [new] = self.until(lambda: set(self._references()) - known, seconds)
        return new

    def open_mailbox(self, address: str, subject: str) -> None:
        self.until(lambda: self.all(f'#mailbox option[value="{address}"]'))
        Select(self.one("#mailbox")).select_by_value(address)
        self.until(lambda: self._open_letter(address, subject))

    def _open_letter(self, address: str, subject: str) -> bool:
        letters = self.all(f'#letters button[data-address="{address}"][data-subject*="{subject}"]')
        if letters:
            letters[0].click()
        return bool(letters)

    def on_card(self, reference: str, action: str) -> None:
        """Press a button on the card of a case."""

        def press() -> bool:
            found = [one for one in self.all(f"button[data-action-id='{action}']") if one.is_displayed()]
            found = [one for one in found if f"{reference} ·" in self._of(one)]
            if found:
                found[0].click()
            return bool(found)

        self.until(press)

    def choose(self, field: str, typed: str) -> None:
        self.one(f"#modal [data-action-id={field}] input").send_keys(typed)
        self.one("[role=option]")
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)

    def complaints(self) -> list[object]:
        """What the browser found wrong with the page."""
        log = self.driver.get_log("browser")  # type: ignore[attr-defined]  # Chrome has it
        return [entry for entry in log if entry["level"] == "SEVERE"]

    def picture(self, name: str) -> None:
        self.driver.save_screenshot(str(self.folder / f"{name}.png"))

    def be(self, persona: str) -> None:
        self.one(f"#persona-{persona}").click()

    def cards(self, reference: str) -> list[WebElement]:
        return [one for one in self.all("#panel-channel article") if f"{reference} ·" in one.text]

    def card_says(self, reference: str, text: str, seconds: float = 40) -> None:
        self.until(lambda: any(text in one.text for one in self.cards(reference)), seconds)

    def _references(self) -> list[str]:
        return re.findall(r"(DSR-\d{4}-\d{4}) ·", self.driver.find_element(By.CSS_SELECTOR, "#panel-channel").text)

    def _of(self, button: WebElement) -> str:
        return button.find_element(By.XPATH, "./ancestor::article[1]").text


@contextmanager
def opened(kind: type[Shown], folder: Path, *, height: int = 950, **settings: str) -> Iterator[Shown]:
    """The demo's page in a browser window; what the browser finds wrong with it fails the test."""
    need(Chromium)
    pictures = Path(os.environ.get("DEMO_PICTURES") or folder)
    with demo(free_port(), **settings) as (_, address), Chromium() as browser:
        browser.driver.set_window_size(1500, height)
        browser.driver.get(address)
        page = kind(browser.driver, pictures)
        page.wait_until_connected()
        yield page
        assert page.complaints() == []


@pytest.fixture(scope="module")
def opened_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(Page, tmp_path_factory.mktemp("pictures")) as page:
        yield page


@pytest.fixture
def page(opened_page: Page) -> Iterator[Page]:
    """The page as Anne finds it, whatever was done on it before."""
    opened_page.begin("U01ANNE")
    yield opened_page
    assert opened_page.complaints() == []


def test_a_letter_to_a_customers_address_is_in_its_mailbox_and_on_a_card(page: Page) -> None:
    reference = page.letter("erasure-fr", seconds=5)

    page.open_mailbox("atelier@garage-dupont.example", f"à traiter ({reference})")
    page.until(lambda: page.all("#reader-html") or page.all("#reader-text"))
    page.picture("1-forwarded")
    assert "original.eml" in page.one("#reader-parts").text


def test_a_letter_without_a_clue_is_held_and_a_person_chooses_the_customer(page: Page) -> None:
    reference = page.letter("no-clue")
    page.card_says(reference, "needs a person")
    page.picture("2-held")

    page.on_card(reference, "dsr_choose")
    page.choose("customer", "bellevue")
    page.one("#modal-submit").click()
    page.says("reception@hotel-bellevue.example", "#modal")
    page.picture("3-confirm")
    page.one("#modal-submit").click()

    page.card_says(reference, "Hôtel Bellevue (C0002): accepted by its mail server")
    page.open_mailbox("reception@hotel-bellevue.example", f"please handle ({reference})")


def test_the_original_is_read_in_ones_own_mailbox(page: Page) -> None:
    reference = page.letter("applicant")
    page.on_card(reference, "dsr_read")

    page.open_mailbox("anne.moreau@kavkom.example", reference)
    page.picture("4-original")


def test_a_guest_is_refused(page: Page) -> None:
    page.letter("no-clue")
    page.be("U09GUEST")
    page.type_command("/dsr")

    page.until(lambda: page.all("article[data-kind=ephemeral]"))
    assert "DSR-2026" not in page.all("article[data-kind=ephemeral]")[-1].text


def test_a_breach_is_reported_its_reminders_ring_as_the_clock_moves_and_it_is_on_app_home(page: Page) -> None:
    page.type_command("/breach")
    page.one("#modal .instant button").click()
    page.one("#modal [data-action-id=summary]").send_keys("Un ordinateur portable a été oublié dans un train.")
    page.choose("customers", "garage")
    page.picture("5-breach-form")
    page.one("#modal-submit").click()
    page.until(lambda: "BR-2026-0001" in page.driver.find_element(By.CSS_SELECTOR, "body").text)
    page.picture("6-reported")
    if page.all("#modal[open]"):
        page.one("#modal-cancel").click()
    page.says("BR-2026-0001")

    page.one("#clock-plus-12").click()

    page.says("Not told yet (1): Garage Dupont", seconds=20)
    page.picture("7-reminder")
    page.be("U03CARLA")
    page.one("#tab-home").click()

    page.says("BR-2026-0001", "#panel-home")
    page.picture("8-home")


def test_a_port_in_use_is_named_in_a_sentence() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = os.environ | {"PLAYGROUND_PORT": str(taken.getsockname()[1])}
        command = [sys.executable, "-m", "tests.playground"]

        done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 1
    assert "is in use: stop what uses it, or choose another" in done.stderr
    assert "Traceback" not in done.stderr
