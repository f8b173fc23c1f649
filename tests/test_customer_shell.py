"""`python -m bot breach add`, `exclude`, `include`, `show`: the customers of a breach from the shell."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import breach_facts, breach_lists, breaches
from storage.clock import now
from storage.database import Database, open_database
from storage.models import Customer
from tests.bot_support import fill
from tests.storage_support import NOW, open_breach
from tests.test_bot_shell import call

Shell = Callable[..., str]


@pytest.fixture
def filled(sqlite_url: str) -> Database:
    database = open_database(sqlite_url)
    fill(database)
    with database.begin() as session:
        open_breach(session, now=now())
    return database


@pytest.fixture
def breach(
    filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    url = filled.engine.url.render_as_string(hide_password=False)

    def run(*words: str, code: int = 0) -> str:
        assert call(monkeypatch, tmp_path, "breach", *words, DATABASE_URL=url) == code
        said = capsys.readouterr()
        return said.out + said.err

    return run


@pytest.fixture
def reference(filled: Database) -> str:
    with filled.reading() as session:
        return breach_lists.list_all(session)[0].reference


def named(database: Database, reference: str) -> list[str]:
    with database.reading() as session:
        return [one.customer.reference for one in breaches.get_breach(session, reference).affected]


def test_a_file_adds_customers_with_their_facts_and_a_dry_run_adds_nobody(
    breach: Shell, filled: Database, reference: str, tmp_path: Path
) -> None:
    file = tmp_path / "affected.csv"
    file.write_text("customer_id,data_kinds,persons\nC0001,contact|billing,40\nC0003,,\n")

    assert "2 new, 0 named already" in breach("add", reference, "--file", str(file), "--dry-run")
    assert named(filled, reference) == []
    assert "2 customers added, 2 facts recorded" in breach("add", reference, "--file", str(file))
    assert "0 customers added" in breach("add", reference, "--file", str(file))

    with filled.reading() as session:
        found = breaches.get_breach(session, reference)
        facts = breach_facts.known_facts(session, found, found.affected[0])
    assert named(filled, reference) == ["C0001", "C0003"]
    assert (facts.data_kinds, facts.persons) == (("contact", "billing"), 40)


def test_a_file_with_bad_lines_names_each_and_adds_nobody(
    breach: Shell, filled: Database, reference: str, tmp_path: Path
) -> None:
    file = tmp_path / "affected.csv"
    file.write_text("customer_id,persons\nC0001,1\nC0404,1\nC0002,some\n")

    said = breach("add", reference, "--file", str(file), code=65)

    assert "line 3: There is no customer C0404." in said
    assert "line 4: “persons” is no number" in said
    assert named(filled, reference) == []


def test_all_active_between_two_days_are_added_only_when_somebody_says_yes(
    breach: Shell, filled: Database, reference: str
) -> None:
    days = ("--active-from", "2026-03-01", "--active-to", "2026-03-31")

    assert "3 new" in breach("add", reference, *days, code=2)
    assert named(filled, reference) == []
    assert "3 customers added" in breach("add", reference, *days, "--yes")
    assert named(filled, reference) == ["C0001", "C0002", "C0003"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "one of the three"),
        (("C0001", "--active-from", "2026-03-01"), 2, "one of the three"),
        (("--active-from", "2026-03-01"), 1, "Give both days"),
        (("--active-from", "2026-03-02", "--active-to", "2026-03-01"), 1, "Give both days"),
        (("--active-from", "March", "--active-to", "2026-03-01"), 2, "is no date"),
        (("C0001", "C0404", "C0405"), 1, "There are no customers C0404, C0405: nothing was added."),
    ],
    ids=["nothing", "two ways", "one day", "reversed", "no date", "unknown"],
)
def test_what_names_no_customers_is_refused(
    breach: Shell, filled: Database, reference: str, words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in breach("add", reference, *words, code=code)
    assert named(filled, reference) == []


def test_a_customer_is_excluded_with_a_reason_and_included_again(breach: Shell, reference: str) -> None:
    breach("add", reference, "C0001", "C0002")

    assert "Garage du Lac is not affected" in breach("exclude", reference, "C0001", "--reason", "Test data")
    assert "is already marked" in breach("exclude", reference, "C0001", "--reason", "Test data", code=1)
    assert "no personal data goes" in breach("exclude", reference, "C0002", "--reason", "a@b.example", code=1)
    assert "not affected" in breach("show", reference)
    assert "is affected" in breach("include", reference, "C0001")
    assert "nothing to take back" in breach("include", reference, "C0001", code=1)


def test_the_whole_ledger_is_printed_with_the_next_step_of_each(
    breach: Shell, filled: Database, reference: str
) -> None:
    with filled.begin() as session:
        session.add_all(
            Customer(reference=f"C1{n:03}", name=f"Shop {n}", request_address="a@b.example", language="en")
            for n in range(300)
        )
    breach("add", reference, *(f"C1{n:03}" for n in range(300)))
    breach("exclude", reference, "C1007", "--reason", "Test data")

    lines = breach("show", reference).splitlines()
    rows = list(csv.DictReader(io.StringIO(breach("show", reference, "--csv"))))

    assert len([line for line in lines if line.startswith("C1")]) == 300
    assert "send the notice or telephone" in next(line for line in lines if line.startswith("C1299"))
    assert [row["customer_id"] for row in rows] == [f"C1{n:03}" for n in range(300)]
    assert (rows[7]["state"], rows[7]["excluded_reason"], rows[7]["next_step"]) == (
        "not-affected",
        "Test data",
        "nothing",
    )
    assert NOW.isoformat() != rows[7]["excluded_at"] != ""
