"""A breach's pack of evidence: whole for ourselves, and for a customer without a word about any other one."""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import delete, select, update

from bot.breach_drawing import draw_breach
from bot.breach_page import OTHERS, describe_facts
from bot.commands import app
from storage.breach_facts import BreachFacts
from storage.breach_types import FactName
from storage.database import Database, open_database
from storage.models import Delivery, Entry, MessagePart
from storage.types import Purpose
from templates import LANGUAGES
from tests.breach_story import NAMES, REPORT, SECRET, tell_story
from tests.storage_support import NOW, open_breach


class Pack:
    """A pack as its reader has it."""

    def __init__(self, path: Path, code: int) -> None:
        self.path, self.code = path, code

    @cached_property
    def files(self) -> dict[str, bytes]:
        with ZipFile(self.path) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def page(self) -> str:
        return self.files["index.html"].decode()

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.files[name].decode())))


Packer = Callable[..., Pack]


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Packer:
    """Make a pack as a person types it."""

    def make(url: str, *words: str, name: str = "proof.zip") -> Pack:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DATABASE_URL", url)
        with pytest.raises(SystemExit) as end:
            app(["evidence", *words, "-o", str(tmp_path / name)], prog_name="python -m bot")
        return Pack(tmp_path / name, int(end.value.code or 0))

    return make


@pytest.fixture(scope="module")
def told_file(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the story in it."""
    path = Path(shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("story") / "desk.db"))
    tell(f"sqlite:///{path}")
    return path


@pytest.fixture
def told_url(told_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(told_file, tmp_path / 'told.db')}"


def tell(url: str, *, drill: bool = False) -> str:
    database = open_database(url)
    with database.begin() as session:
        reference = tell_story(session, drill=drill).reference
    database.dispose()
    return reference


def test_the_pack_for_ourselves_holds_everything_as_it_was_sent_and_came(
    database_url: str, database: Database, tmp_path: Path, pack: Packer
) -> None:
    reference = tell(database_url)

    made = pack(database_url, reference, "--language", "en")

    assert made.code == 0
    with database.reading() as session:
        notices = list(session.scalars(select(Delivery).where(Delivery.purpose == Purpose.NOTICE)))
        sent = {one.content for one in notices}
    assert {made.files[row["file"]] for row in made.rows("sent.csv") if row["purpose"] == "notice"} == sent
    assert REPORT in made.files.values()
    assert SECRET in made.files.values()
    ledger = {row["customer"]: row for row in made.rows("ledger.csv")}
    assert [ledger[one]["state"] for one in NAMES] == ["received", "told", "not-affected", "told"]
    assert [ledger[one]["late"] for one in NAMES] == ["no", "yes", "no", "no"]
    assert (ledger["C0002"]["role"], ledger["C0002"]["call_reference"]) == ("direction", "K-7781")
    assert ledger["C0001"]["version"] == "2"
    assert {row["answered"] for row in made.rows("calls.csv")} == {"voicemail", "reached", ""}
    assert [row["alone_reason"] for row in made.rows("notices.csv")] == ["Nobody else was awake on Sunday", ""]
    assert {row["what"] for row in made.rows("received.csv")} == {"reply", "report"}
    assert [row["what"] for row in made.rows("instants.csv")] == ["detected", "suspected", "aware"]
    assert len(made.rows("journal.csv")) > 8
    for name, content in made.files.items():
        (tmp_path / "u" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "u" / name).write_bytes(content)
    check = ["sha256sum", "-c", "--strict", "manifest.txt"]
    done = subprocess.run(check, cwd=tmp_path / "u", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK") == len(made.files) - 1


WORDS = {
    "fr": ("n’est pas concerné", "en retard 1", "Message n° 1", "sans seconde personne", "revenu", "heure de Paris"),
    "en": ("is not affected", "1 late", "Notice 1", "alone", "came back", "Paris time"),
}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_reads_alone(told_url: str, language: str, pack: Packer) -> None:
    page = pack(told_url, "BR-2026-0001", "--language", language).page

    for words in (*WORDS[language], *NAMES.values(), "Anne Moreau", "K-7781", "4711", "The address of Hôtel Azur"):
        assert words in page
    assert "None" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "it needs nothing from elsewhere"
    assert page.count("<svg") > 8


@pytest.mark.parametrize("customer", NAMES)
def test_a_customers_pack_tells_nothing_of_any_other_customer(told_url: str, customer: str, pack: Packer) -> None:
    made = pack(told_url, "BR-2026-0001", "--customer", customer, name=f"{customer}.zip")

    everything = "\n".join([*made.files, *(content.decode("utf-8", "replace") for content in made.files.values())])
    everything += re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), everything)
    assert NAMES[customer] in everything
    for other, name in NAMES.items():
        if other != customer:
            for word in (other, name, f"contact@{name.split()[0].lower().replace('ô', 'o')}.example"):
                assert word not in everything, word
    assert "4711" not in everything, "how many are affected in all"
    assert "reminders.csv" not in made.files
    assert len(made.rows("ledger.csv")) == 1


def test_a_customers_pack_holds_its_own_notices_documents_and_numbers(told_url: str, pack: Packer) -> None:
    made = pack(told_url, "BR-2026-0001", "--customer", "C0001")
    other = pack(told_url, "BR-2026-0001", "--customer", "C0002", name="other.zip")

    assert [row["purpose"] for row in made.rows("sent.csv")] == ["notice", "notice"]
    assert SECRET in made.files.values()
    assert SECRET not in other.files.values(), "that was for the garage alone"
    assert REPORT in other.files.values()
    assert {row["value"] for row in made.rows("facts.csv") if row["name"] == "persons"} == {"17"}
    assert "Hôtel Azur a été prié" in other.page
    assert "Hôtel Azur a été prié" not in made.page
    [report] = other.rows("received.csv")
    assert report["what"] == "report"


@pytest.mark.parametrize(
    ("language", "said"),
    [("fr", "Aucun client concerné n’est encore indiqué."), ("en", "No affected customer is named")],
)
def test_the_pack_of_a_breach_without_customers_says_so(
    sqlite_url: str, language: str, said: str, pack: Packer
) -> None:
    database = open_database(sqlite_url)
    with database.begin() as session:
        reference = open_breach(session).reference
    database.dispose()

    page = pack(sqlite_url, reference, "--language", language).page.partition(
        "<h2>The notices" if language == "en" else "<h2>Les messages"
    )[2]

    assert said in page
    assert "<th>État" not in page
    assert "<th>State" not in page


@pytest.mark.parametrize("length", [timedelta(minutes=60), timedelta(hours=12), timedelta(hours=48), timedelta(days=9)])
def test_the_lengths_on_the_axis_do_not_run_into_each_other_on_a_telephone(length: timedelta) -> None:
    places = [tick.x for tick in draw_breach(NOW, NOW + length, [], [], 0).ticks]

    assert 3 <= len(places) <= 7
    assert min(after - before for before, after in pairwise(places)) >= 13


def test_a_customer_that_is_not_affected_by_the_breach_gets_no_pack(
    told_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    made = pack(told_url, "BR-2026-0001", "--customer", "C0099")

    assert made.code == 1
    assert not made.path.exists()
    assert "C0099" in capsys.readouterr().err


def test_that_a_pack_was_made_is_in_the_journal_with_its_hash(told_url: str, pack: Packer) -> None:
    made = pack(told_url, "br-2026-0001", "--customer", "C0001")

    database = open_database(told_url)
    with database.reading() as session:
        last = session.scalars(select(Entry).order_by(Entry.number.desc()).limit(1)).one()
        assert (last.action, last.case) == ("evidence-exported", "BR-2026-0001")
        assert sha256(made.path.read_bytes()).hexdigest() in last.detail
    database.dispose()


def test_a_notice_changed_in_the_record_is_said_first_and_ends_with_65(
    told_url: str, pack: Packer, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(told_url)
    with database.begin() as session:
        changed = update(Delivery).where(Delivery.recipient == "contact@garage.example", Delivery.notice_id == 1)
        session.execute(changed.values(content=b"Something else"))
    database.dispose()

    made = pack(told_url, "BR-2026-0001", "--language", "en")

    assert made.code == 65
    assert "sent/notice-1-C0001.eml IS NOT WHAT WAS RECORDED" in made.page
    assert "THIS IS NOT WHAT WAS RECORDED" in capsys.readouterr().err


def test_a_document_that_was_erased_is_said_to_be(told_url: str, pack: Packer) -> None:
    database = open_database(told_url)
    with database.begin() as session:
        session.execute(delete(MessagePart))
    database.dispose()

    made = pack(told_url, "BR-2026-0001", "--language", "en")

    assert REPORT not in made.files.values()
    assert "documents/document.pdf is not in this pack: it was erased" in made.page
    assert sha256(REPORT).hexdigest() in made.files["documents.csv"].decode()


def test_a_drills_pack_says_on_its_page_that_it_is_one(sqlite_url: str, pack: Packer) -> None:
    made = pack(sqlite_url, tell(sqlite_url, drill=True))

    assert "[EXERCICE / DRILL]" in made.page
    assert "EXERCICE-DRILL.txt" in made.files


def test_three_hundred_customers_make_a_page_that_can_be_read(sqlite_url: str, pack: Packer) -> None:
    database = open_database(sqlite_url)
    with database.begin() as session:
        breach = tell_story(session, closed=False)
        from storage.breach_customers import add_customers
        from tests.storage_support import BORIS, NOW, add_customer

        more = [add_customer(session, f"C{number:04}") for number in range(10, 310)]
        add_customers(session, breach, more, by=BORIS, now=NOW)
    database.dispose()

    made = pack(sqlite_url, "BR-2026-0001", "--language", "en")

    assert len(made.rows("ledger.csv")) == 304
    assert made.page.count('class="badge"') <= 60
    assert "300 not told yet" in made.page


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_known_is_listed_by_its_facts_alone_and_each_has_words(language: str) -> None:
    listed = describe_facts(BreachFacts(persons=3, of_all=("persons",)), language)

    assert len(listed) == len(FactName) - len(OTHERS)
    assert not {what for what, _ in listed} & {name.value for name in FactName}
