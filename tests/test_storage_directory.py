"""The directory and the staff table, imported from files that people made: all of it or nothing."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import directory
from storage.customers import find_by_alias, list_customers, suggest
from storage.database import Database
from storage.importing import import_directory, import_staff
from storage.models import Customer, CustomerKey, Entry, Staff
from storage.staff import active_staff
from storage.tables import BadTable
from storage.types import KeyKind, Role
from tests.storage_support import ANNE, HEADER, NOW, STAFF_HEADER, customer_line, write_csv

SHORTEST = "customer_id,name,order_address,language"


def import_file(database: Database, path: Path, *, dry_run: bool = False) -> directory.Changes:
    entries, _ = directory.read_customers(path)
    return import_directory(database, entries, dry_run=dry_run, by=ANNE)


def import_lines(database: Database, folder: Path, *lines: str, dry_run: bool = False) -> directory.Changes:
    return import_file(database, write_csv(folder / "customers.csv", lines), dry_run=dry_run)


def counts(changes: directory.Changes) -> tuple[int, int, int]:
    return len(changes.added), len(changes.changed), changes.unchanged


def names(database: Database) -> list[str]:
    with database.reading() as session:
        return [customer.name for customer in list_customers(session)]


def complaints(path: Path) -> list[str]:
    with pytest.raises(BadTable) as refusal:
        directory.read_customers(path)
    return [str(problem) for problem in refusal.value.problems]


def line(**cells: str) -> str:
    """A good line of customers.csv but for these cells."""
    good = dict(zip(HEADER.split(","), customer_line(1).split(","), strict=True))
    assert set(cells) <= set(good)
    return ",".join((good | cells).values())


# --- all or nothing ---


def test_three_bad_lines_of_two_thousand_give_three_sentences_and_import_nothing(
    database: Database, tmp_path: Path
) -> None:
    lines = [customer_line(number) for number in range(1, 2001)]
    lines[9] = lines[9].replace("dpo@c10.example", "dpo.c10.example")
    lines[999] = lines[999].replace(",fr,2024-01-01", ",fr,01/01/2024")
    lines[1999] = lines[1999].replace("C2000", "C0001")
    path = write_csv(tmp_path / "customers.csv", lines)

    with pytest.raises(BadTable) as refusal:
        import_file(database, path)

    assert [str(problem) for problem in refusal.value.problems] == [
        "line 11: “order_address” is no e-mail address such as dpo@example.org.",
        "line 1001: “contract_start” is no date such as 2026-03-31.",
        "line 2001: C0001 stands on line 2 already.",
    ]
    assert names(database) == []


def test_two_thousand_good_lines_are_imported_with_their_keys_and_one_journal_entry(
    database: Database, tmp_path: Path
) -> None:
    changes = import_lines(database, tmp_path, *(customer_line(number) for number in range(1, 2001)))

    assert counts(changes) == (2000, 0, 0)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 2000
        assert session.scalar(select(func.count()).select_from(CustomerKey)) == 6000
        assert session.scalars(select(Entry.detail)).all() == ['{"added":2000,"changed":0}']


def test_a_dry_run_shows_the_changes_and_makes_none(database: Database, tmp_path: Path) -> None:
    import_lines(database, tmp_path, customer_line(1, name="Before"))

    changes = import_lines(database, tmp_path, customer_line(1, name="After"), customer_line(2), dry_run=True)

    assert counts(changes) == (1, 1, 0)
    assert names(database) == ["Before"]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Entry)) == 1


def test_the_same_file_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    lines = [customer_line(1, telephone="+33199000100@2025-01-01..2026-03-31"), customer_line(2)]
    import_lines(database, tmp_path, *lines)

    assert counts(import_lines(database, tmp_path, *lines)) == (0, 0, 2)


def test_changed_columns_and_keys_are_named_and_replaced(database: Database, tmp_path: Path) -> None:
    import_lines(database, tmp_path, line(aliases="Old|Kept"), customer_line(2))

    changed = line(aliases="Kept|New", order_address="new@c1.example", domains="", contract_end="2026-12-31")
    changes = import_lines(database, tmp_path, changed, customer_line(2))

    assert {reference: fields for reference, (_, fields) in changes.changed.items()} == {
        "C0001": ["request_address", "contract_end", "domain", "name"]
    }
    with database.reading() as session:
        customer = session.scalars(select(Customer).where(Customer.reference == "C0001")).one()
        keys = select(CustomerKey.kind, CustomerKey.value).where(CustomerKey.customer_id == customer.id)
        assert (customer.request_address, customer.contract_end) == ("new@c1.example", date(2026, 12, 31))
        assert {tuple(key) for key in session.execute(keys)} == {
            (KeyKind.NAME, "customer 1"),
            (KeyKind.NAME, "kept"),
            (KeyKind.NAME, "new"),
            (KeyKind.INTAKE_ALIAS, "privacy+c1@kavkom.example"),
        }


def test_customers_that_the_file_does_not_name_are_kept(database: Database, tmp_path: Path) -> None:
    import_lines(database, tmp_path, customer_line(1), customer_line(2), customer_line(3))

    changes = import_lines(database, tmp_path, customer_line(2))

    assert (counts(changes), changes.absent) == ((0, 0, 1), ["C0001", "C0003"])
    assert len(names(database)) == 3


# --- what files look like ---


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_files_of_every_spreadsheet_are_read(tmp_path: Path, separator: str, encoding: str) -> None:
    cells = line(name="Hôtel des Bains", phone_numbers="+33199000100|+33 1 99 00 01 01")
    path = tmp_path / "customers.csv"
    path.write_text(f"{HEADER}\r\n{cells}\r\n".replace(",", separator), encoding=encoding, newline="")

    [entry], _ = directory.read_customers(path)

    assert (entry.reference, entry.columns["name"]) == ("C0001", "Hôtel des Bains")
    assert {key.value for key in entry.keys if key.kind is KeyKind.TELEPHONE} == {"+33199000100", "+33199000101"}


def test_a_name_may_hold_the_separator_and_a_line_break(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "customers.csv", [line(name='"Durand, père\n& fils"'), line(language="french")])

    assert complaints(path) == ["line 4: “language” is no two-letter code such as fr or en."]


def test_a_file_that_is_not_utf_8_is_refused_at_its_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "customers.csv", [customer_line(1), line(name="Hôtel")], encoding="latin-1")

    assert complaints(path) == ["line 3: This is not UTF-8: save the file as “CSV UTF-8”."]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert complaints(tmp_path / "nothing.csv") == ["line 0: nothing.csv cannot be read: No such file or directory."]


def test_a_wrong_header_names_every_column_that_is_missing(tmp_path: Path) -> None:
    found = complaints(write_csv(tmp_path / "customers.csv", ["C0001,Hotel,a@b.example,fr"], header=SHORTEST))

    assert len(found) == 7
    assert all(complaint.startswith("line 1: ") for complaint in found)
    assert any("intake_alias" in complaint for complaint in found)


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "customers.csv", [customer_line(1) + ",x"], header=HEADER + ",breach_adress")

    assert "breach_adress" in "".join(complaints(path))


@pytest.mark.parametrize(("cells", "which"), [(customer_line(1) + ",more", "more"), ("C0001,Hotel", "fewer")])
def test_a_line_with_too_many_or_too_few_cells_is_refused(tmp_path: Path, cells: str, which: str) -> None:
    path = write_csv(tmp_path / "customers.csv", [cells])

    assert complaints(path) == [f"line 2: This line has {which} cells than the header."]


def test_an_intake_alias_belongs_to_one_customer(tmp_path: Path) -> None:
    alias = "intake_alias"
    again = line(customer_id="C0002", **{alias: "Privacy+C1@kavkom.example"})

    found = complaints(write_csv(tmp_path / "customers.csv", [customer_line(1), again]))

    assert found == ["line 3: privacy+c1@kavkom.example stands on line 2 already."]


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ({"customer_id": ""}, "“customer_id” is empty."),
        ({"customer_id": "C 1"}, "at most 32 characters without spaces"),
        ({"name": "  "}, "“name” is empty."),
        ({"order_address": ""}, "“order_address” is empty."),
        ({"order_address": "a@b.example\nBcc: x"}, "fewer cells"),
        ({"order_address": '"a@b.example\nBcc: x"'}, "no e-mail address"),
        ({"language": "français"}, "no two-letter code"),
        ({"domains": "https://c1.example"}, "which is no domain"),
        ({"intake_alias": "privacy@kavkom.example"}, "no address such as privacy+acme@kavkom.example"),
        ({"phone_numbers": "0199000100"}, "no telephone number such as +33199000100"),
        ({"phone_numbers": "+331990"}, "its length is wrong"),
        ({"phone_numbers": "+331990@2025-01-01..2026-03-31"}, "its length is wrong"),
        ({"phone_numbers": "+33199000100@2025-01-01"}, "a period is written"),
        ({"phone_numbers": "+33199000100@2025-13-01..2026-03-31"}, "“phone_numbers” is no date"),
        ({"contract_end": "2023-12-31"}, "lies before “contract_start”"),
        ({"contract_start": "1 January"}, "“contract_start” is no date"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, cells: dict[str, str], complaint: str) -> None:
    found = complaints(write_csv(tmp_path / "customers.csv", [line(**cells)]))

    assert complaint in found[0]


def test_a_number_may_be_valid_for_a_period_open_at_either_end(tmp_path: Path) -> None:
    periods = "+33199000100@2025-01-01..2026-03-31|+33199000101@..2026-03-31|+33199000102@2025-01-01..|+33199000103"

    [entry], _ = directory.read_customers(write_csv(tmp_path / "customers.csv", [line(phone_numbers=periods)]))

    start, end = date(2025, 1, 1), date(2026, 3, 31)
    found = [(key.valid_from, key.valid_to) for key in sorted(entry.keys, key=str) if key.kind is KeyKind.TELEPHONE]
    assert found == [(start, end), (None, end), (start, None), (None, None)]


def test_a_number_that_is_not_in_use_is_taken_with_a_warning(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "customers.csv",
        [customer_line(1), line(customer_id="C2", phone_numbers="+33012345678", intake_alias="")],
    )

    entries, warnings = directory.read_customers(path)

    assert len(entries) == 2
    assert [str(warning) for warning in warnings] == [
        "line 3: +33012345678 is possible, but not a number in use; it was taken all the same."
    ]


# --- finding customers ---


def suggested(database: Database, typed: str, *, limit: int = 20) -> Sequence[str]:
    with database.reading() as session:
        return [customer.reference for customer in suggest(session, typed, limit=limit)]


def test_customers_are_suggested_by_part_of_their_name_alias_or_reference(database: Database, tmp_path: Path) -> None:
    import_lines(
        database,
        tmp_path,
        line(customer_id="C0001", name="Grand Hôtel", aliases="Bains de mer", intake_alias=""),
        line(customer_id="C0002", name="Hôtel du Lac", intake_alias=""),
        line(customer_id="D0003", name="Garage Martin", intake_alias=""),
    )

    assert suggested(database, "HÔTEL") == ["C0002", "C0001"]
    assert suggested(database, " bains ") == ["C0001"]
    assert suggested(database, "d00") == ["D0003"]
    assert suggested(database, "", limit=2) == ["D0003", "C0001"]
    assert suggested(database, "nobody") == []


@pytest.mark.parametrize(("typed", "found"), [("%", ["C0001"]), ("_", ["C0002"]), ("\\", ["C0003"]), ("5%", ["C0001"])])
def test_what_sql_takes_for_a_pattern_is_only_a_character(
    database: Database, tmp_path: Path, typed: str, found: list[str]
) -> None:
    import_lines(
        database,
        tmp_path,
        line(customer_id="C0001", name="Rabais 5%", intake_alias=""),
        line(customer_id="C0002", name="snake_case", intake_alias=""),
        line(customer_id="C0003", name="Back\\slash", intake_alias=""),
        line(customer_id="C0004", name="Plain", intake_alias=""),
    )

    assert suggested(database, typed) == found


def test_an_intake_alias_leads_to_its_customer(database: Database, tmp_path: Path) -> None:
    import_lines(database, tmp_path, customer_line(1), customer_line(2))

    with database.reading() as session:
        found = find_by_alias(session, ["privacy+c2@kavkom.example", "privacy+c9@kavkom.example"])

    assert {alias: [one.reference for one in customers] for alias, customers in found.items()} == {
        "privacy+c2@kavkom.example": ["C0002"]
    }


# --- staff ---


def import_people(database: Database, folder: Path, *lines: str, dry_run: bool = False) -> list[str]:
    path = write_csv(folder / "staff.csv", lines, header=STAFF_HEADER)
    return import_staff(database, path, dry_run=dry_run, by=ANNE)


def test_the_staff_table_becomes_what_the_file_says(database: Database, tmp_path: Path) -> None:
    anne, boris, clara = (
        f"U{name.upper()},{name},{name}@kavkom.example,handler,fr,," for name in ("Anne", "Boris", "Clara")
    )
    import_people(database, tmp_path, anne, boris)

    promoted = anne.replace("handler", "dpo")
    shown = import_people(database, tmp_path, promoted, clara, dry_run=True)
    lines = import_people(database, tmp_path, promoted, clara)

    expected = ["~ UANNE role", "+ UCLARA handler", "- UBORIS may not use the bot any more"]
    assert shown == [*expected, "Nothing was changed."]
    assert lines == [*expected, "Imported: 2 people."]
    with database.reading() as session:
        assert [(one.slack_user, one.role) for one in session.scalars(select(Staff).order_by(Staff.slack_user))] == [
            ("UANNE", Role.DPO),
            ("UCLARA", Role.HANDLER),
        ]


def test_bad_lines_of_staff_import_nobody(database: Database, tmp_path: Path) -> None:
    good = "U1,Anne,anne@kavkom.example,dpo,fr,,"

    with pytest.raises(BadTable) as refusal:
        import_people(
            database,
            tmp_path,
            good,
            good,
            "U2,Boris,boris@kavkom.example,boss,fr,,",
            "U3,Clara,clara@kavkom.example,viewer,de,,",
            "U4,David,,viewer,en,,",
        )

    assert [str(problem) for problem in refusal.value.problems] == [
        "line 3: U1 stands in the file twice.",
        "line 4: “role” is viewer, handler or dpo.",
        "line 5: “language” is fr or en.",
        "line 6: “email” is empty.",
    ]
    with database.reading() as session:
        assert active_staff(session, now=NOW) == []


def test_a_colleague_is_active_from_the_first_to_the_last_day(database: Database, tmp_path: Path) -> None:
    people = [
        "U1,Yesterday,a@kavkom.example,dpo,fr,,2026-10-22",
        "U2,Last day,b@kavkom.example,dpo,fr,,2026-10-23",
        "U3,First day,c@kavkom.example,viewer,fr,2026-10-23,",
        "U4,Tomorrow,d@kavkom.example,dpo,fr,2026-10-24,",
    ]
    import_people(database, tmp_path, *people)

    with database.reading() as session:
        assert [one.slack_user for one in active_staff(session, now=NOW)] == ["U2", "U3"]
        assert [one.slack_user for one in active_staff(session, now=NOW, role=Role.DPO)] == ["U2"]
