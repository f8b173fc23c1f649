"""Importing customers and staff: all or nothing, with what would change shown before."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from storage import customers, directory, journal
from storage.database import Database
from storage.directory import Changes
from storage.errors import RoleTooSmall, UnknownCustomer, UnknownStaff
from storage.importing import NO_DPO, import_directory, import_staff
from storage.models import Customer, CustomerKey, Delivery, Entry, Forward, Staff
from storage.staff import active_staff, ensure_first_dpo, find_staff, get_staff
from storage.tables import BadTable
from storage.types import KeyKind, Role
from tests.storage_support import (
    ANNE,
    HEADER,
    NOW,
    STAFF_HEADER,
    add_customer,
    customer_line,
    forward,
    receive,
    write_csv,
)

DAYS = (date(2026, 3, 31), date(2026, 4, 1))
ANNES_LINE = "U01ANNE,Anne,anne@kavkom.example,handler,fr,,"
CARLAS_LINE = "U03CARLA,Carla,carla@kavkom.example,dpo,en,2026-01-01,2026-12-31"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def import_file(database: Database, file: Path, *, dry_run: bool = False) -> Changes:
    entries, _ = directory.read_customers(file)
    return import_directory(database, entries, dry_run=dry_run, by=ANNE)


def references(database: Database) -> list[str]:
    with database.reading() as session:
        return [customer.reference for customer in customers.list_customers(session)]


def keys_of(database: Database, reference: str) -> set[tuple[str, str]]:
    with database.reading() as session:
        found = select(CustomerKey.kind, CustomerKey.value).join(Customer).where(Customer.reference == reference)
        return {(kind.value, value) for kind, value in session.execute(found)}


def problems_of(file: Path) -> list[str]:
    with pytest.raises(BadTable) as refusal:
        directory.read_customers(file)
    return [str(problem) for problem in refusal.value.problems]


# --- customers ---


def test_a_customer_is_imported_with_all_it_can_be_recognised_by(database: Database, file: Path) -> None:
    line = (
        "c0001,Garage Dupont,Dupont Auto|Chez Dupont,Dupont.example|dupont.fr,"
        "+33199000100@2025-01-01..2026-03-31|+33 1 99 00 01 01,Dupont,"
        "Privacy+Garage@kavkom.example,atelier@dupont.example,FR,2023-02-01,"
    )

    import_file(database, write_csv(file, [line]))

    with database.reading() as session:
        customer = customers.get_customer(session, " c0001 ")
        periods = select(CustomerKey.valid_from, CustomerKey.valid_to).where(CustomerKey.value == "+33199000100")
        assert session.execute(periods).one() == (date(2025, 1, 1), date(2026, 3, 31))
        found = customers.find_owners(session, KeyKind.INTAKE_ALIAS, ["privacy+garage@kavkom.example"])
    assert (customer.name, customer.language) == ("Garage Dupont", "fr")
    assert (customer.contract_start, customer.contract_end) == (date(2023, 2, 1), None)
    assert [one.customer.reference for one in found["privacy+garage@kavkom.example"]] == ["C0001"]
    assert keys_of(database, "C0001") == {
        *(("name", name) for name in ("garage dupont", "dupont auto", "chez dupont")),
        *(("domain", domain) for domain in ("dupont.example", "dupont.fr")),
        *(("telephone", number) for number in ("+33199000100", "+33199000101")),
        ("sms-sender", "DUPONT"),
        ("intake-alias", "privacy+garage@kavkom.example"),
    }


def test_optional_columns_are_imported(database: Database, file: Path) -> None:
    header = f"{HEADER},order_reference,breach_address,breach_telephone"

    import_file(
        database, write_csv(file, [customer_line(1) + ",CMD-1,dpo@one.example,+33 1 99 00 01 00"], header=header)
    )

    with database.reading() as session:
        customer = customers.get_customer(session, "C0001")
    contacts = (customer.order_reference, customer.breach_address, customer.breach_telephone)
    assert contacts == ("CMD-1", "dpo@one.example", "+33199000100")


def test_a_customer_is_acknowledged_for_unless_its_line_says_no(database: Database, file: Path) -> None:
    lines = [customer_line(1) + ",No", customer_line(2) + ",yes", customer_line(3) + ","]

    import_file(database, write_csv(file, lines, header=f"{HEADER},acknowledge"))

    with database.reading() as session:
        wanted = {one.reference: one.acknowledge for one in customers.list_customers(session)}
    assert wanted == {"C0001": False, "C0002": True, "C0003": True}


def test_an_opt_out_that_the_file_takes_back_is_shown_as_a_change(database: Database, file: Path) -> None:
    import_file(database, write_csv(file, [customer_line(1) + ",no"], header=f"{HEADER},acknowledge"))

    changes = import_file(database, write_csv(file, [customer_line(1) + ",yes"], header=f"{HEADER},acknowledge"))

    assert changes.changed["C0001"].fields == ["acknowledge"]


def test_an_opt_out_that_is_neither_yes_nor_no_is_refused(file: Path) -> None:
    write_csv(file, [customer_line(1) + ",maybe"], header=f"{HEADER},acknowledge")

    assert problems_of(file) == ["line 2: “acknowledge” is yes or no."]


def test_three_bad_lines_of_two_thousand_import_nothing_and_get_three_sentences(database: Database, file: Path) -> None:
    lines = [customer_line(number) for number in range(1, 2001)]
    lines[41] = lines[41].replace("dpo@c42.example", "dpo.c42.example")
    lines[999] = "C1000,Cut off"
    lines[1998] = lines[1998].replace("2024-01-01", "01/01/2024")

    found = problems_of(write_csv(file, lines))

    assert found == [
        "line 43: “order_address” is no e-mail address such as dpo@example.org.",
        "line 1001: This line has fewer cells than the header.",
        "line 2000: “contract_start” is no date such as 2026-03-31.",
    ]
    assert references(database) == []


def test_two_thousand_customers_are_imported(database: Database, file: Path) -> None:
    changes = import_file(database, write_csv(file, [customer_line(number) for number in range(1, 2001)]))

    assert len(changes.added) == 2000
    assert len(references(database)) == 2000


def test_a_dry_run_changes_nothing(database: Database, file: Path) -> None:
    changes = import_file(database, write_csv(file, [customer_line(1)]), dry_run=True)

    assert [entry.reference for entry in changes.added] == ["C0001"]
    assert references(database) == []
    with database.reading() as session:
        assert journal.head(session) == (0, journal.GENESIS)


def test_the_same_file_again_changes_nothing(database: Database, file: Path) -> None:
    write_csv(file, [customer_line(number, telephone=f"+3319900010{number}") for number in range(1, 6)])
    import_file(database, file)

    changes = import_file(database, file)

    assert (changes.added, changes.changed, changes.unchanged, changes.absent) == ([], {}, 5, [])


def test_changed_columns_and_keys_are_named_and_written(database: Database, file: Path) -> None:
    import_file(database, write_csv(file, [customer_line(1, telephone="+33199000100"), customer_line(2)]))

    changes = import_file(
        database, write_csv(file, [customer_line(1, name="New Name", telephone="+33199000199"), customer_line(2)])
    )

    assert {name: one.fields for name, one in changes.changed.items()} == {"C0001": ["name", "telephone"]}
    assert changes.unchanged == 1
    assert ("telephone", "+33199000199") in keys_of(database, "C0001")
    assert ("telephone", "+33199000100") not in keys_of(database, "C0001")


def test_a_customer_that_the_file_does_not_name_is_kept_with_its_cases(database: Database, file: Path) -> None:
    with database.begin() as session:
        forward(session, receive(session), add_customer(session, "C0099"))

    changes = import_file(database, write_csv(file, [customer_line(1)]))

    assert changes.absent == ["C0099"]
    assert references(database) == ["C0001", "C0099"]
    with database.reading() as session:
        assert len(session.scalars(select(Forward)).all()) == 1


def test_a_changed_customer_keeps_its_cases_and_their_addresses(database: Database, file: Path) -> None:
    with database.begin() as session:
        forward(session, receive(session), add_customer(session))

    import_file(database, write_csv(file, [customer_line(1)]))

    with database.reading() as session:
        assert session.scalars(select(Customer.request_address)).one() == "dpo@c1.example"
        assert session.scalars(select(Delivery.recipient).where(Delivery.forward_id.is_not(None))).one() == (
            "c0001@example.org"
        )


def test_an_import_is_in_the_journal_with_counts_only(database: Database, file: Path) -> None:
    import_file(database, write_csv(file, [customer_line(1), customer_line(2)]))

    with database.reading() as session:
        assert journal.verify(session) == []
        detail = session.scalars(select(Entry.detail)).one()
    assert detail == '{"added":2,"changed":0}'


def test_others_write_while_an_import_is_prepared(database: Database, file: Path) -> None:
    entries, _ = directory.read_customers(write_csv(file, [customer_line(1)]))
    with database.reading() as session:
        changes = directory.compare(session, entries)

    def prepare(connection: Connection) -> None:
        directory.stage(connection, changes)
        with database.begin() as other:
            journal.record(other, "meanwhile", by=ANNE, now=NOW)

    with database.begin_after(prepare) as session:
        directory.write_staged(session)

    assert references(database) == ["C0001"]
    with database.reading() as session:
        assert session.scalars(select(Entry.action)).all() == ["meanwhile"]


def test_an_import_that_fails_leaves_nothing_behind(database: Database, file: Path) -> None:
    entries, _ = directory.read_customers(write_csv(file, [customer_line(1)]))
    with database.reading() as session:
        changes = directory.compare(session, entries)

    with (
        pytest.raises(directory.ChangedMeanwhile),
        database.begin_after(lambda connection: directory.stage(connection, changes)) as session,
    ):
        directory.write_staged(session, expected=17)

    assert references(database) == []
    assert len(import_file(database, file).added) == 1


def test_an_identifier_that_moves_to_another_customer_is_the_others_from_then_on(
    database: Database, file: Path
) -> None:
    number = "+33199000100"
    import_file(database, write_csv(file, [customer_line(1, telephone=number), customer_line(2)]))

    moved = [customer_line(1, telephone=f"{number}@..2026-03-31"), customer_line(2, telephone=f"{number}@2026-04-01..")]
    import_file(database, write_csv(file, moved))

    with database.reading() as session:
        owners = customers.find_owners(session, KeyKind.TELEPHONE, [number])[number]
    on = {day: [one.customer.reference for one in owners if one.had_it(day, day)] for day in DAYS}
    assert on == {DAYS[0]: ["C0001"], DAYS[1]: ["C0002"]}


def test_a_file_without_the_optional_columns_leaves_what_they_said(database: Database, file: Path) -> None:
    known = f"{HEADER},order_reference,breach_address,breach_telephone,acknowledge"
    line = f"{customer_line(1)},CMD-1,breach@c1.example,+33199000100,no"
    import_file(database, write_csv(file, [line], header=known))

    changes = import_file(database, write_csv(file, [customer_line(1), customer_line(2)]))

    assert (changes.changed, changes.unchanged, len(changes.added)) == ({}, 1, 1)
    with database.reading() as session:
        one, two = (customers.get_customer(session, reference) for reference in ("C0001", "C0002"))
    assert (one.order_reference, one.breach_address, one.breach_telephone, one.acknowledge) == (
        *("CMD-1", "breach@c1.example", "+33199000100"),
        False,
    )
    assert (two.order_reference, two.breach_address, two.breach_telephone, two.acknowledge) == (None, None, None, True)


def test_an_empty_cell_of_an_optional_column_is_taken_as_said(database: Database, file: Path) -> None:
    header = f"{HEADER},order_reference,acknowledge"
    import_file(database, write_csv(file, [f"{customer_line(1)},CMD-1,no"], header=header))

    import_file(database, write_csv(file, [f"{customer_line(1)},,"], header=header))

    with database.reading() as session:
        one = customers.get_customer(session, "C0001")
    assert (one.order_reference, one.acknowledge) == (None, True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(KeyKind.TELEPHONE, "+33199000100"), (KeyKind.DOMAIN, "moved.example"), (KeyKind.SMS_SENDER, "MOVED")],
)
def test_what_moves_without_dates_moves_on_the_day_of_the_import(
    database: Database, file: Path, kind: KeyKind, value: str
) -> None:
    def lines(owner: int) -> list[str]:
        cells = dict.fromkeys((KeyKind.DOMAIN, KeyKind.TELEPHONE, KeyKind.SMS_SENDER), "") | {kind: value}
        owned = ",".join(cells.values())
        return [
            f"C000{number},Customer {number},,{owned if number == owner else ',,'},,dpo@c{number}.example,fr,,"
            for number in (1, 2)
        ]

    def days() -> dict[str, list[tuple[date | None, date | None]]]:
        with database.reading() as session:
            owners = customers.find_owners(session, kind, [value])[value]
            found: dict[str, list[tuple[date | None, date | None]]] = {}
            for one in owners:
                found.setdefault(one.customer.reference, []).append((one.valid_from, one.valid_to))
            return found

    def moved(owner: int, day: date) -> Changes:
        entries, _ = directory.read_customers(write_csv(file, lines(owner)))
        with database.begin() as session:
            changes = directory.compare(session, entries, today=day)
            directory.apply(session, changes)
        return changes

    first, second = date(2026, 11, 27), date(2026, 12, 24)
    moved(1, date(2026, 1, 1))
    changes = moved(2, first)
    assert days() == {"C0001": [(None, date(2026, 11, 26))], "C0002": [(first, None)]}
    assert [(doubt.line, doubt.kind) for doubt in changes.moved] == [(3, "moved")]
    assert f"{value} moves from C0001 to C0002 without dates" in changes.moved[0].reason

    with database.reading() as session:
        called = [customers.telephones_of(session, customers.get_customer(session, f"C000{n}")) for n in (1, 2)]
    assert called == [[], [value] if kind is KeyKind.TELEPHONE else []], "a number that moved is the other's to call"

    assert not moved(2, first).any
    assert not moved(2, date(2026, 12, 1)).any

    moved(1, second)
    assert days() == {
        "C0001": [(None, date(2026, 11, 26)), (second, None)],
        "C0002": [(first, date(2026, 12, 23))],
    }
    assert not moved(1, second).any

    moved(2, second)
    assert days() == {
        "C0001": [(None, date(2026, 11, 26))],
        "C0002": [(first, date(2026, 12, 23)), (second, None)],
    }, "to and fro on one day"


def test_what_nobody_else_gets_is_deleted_as_before(database: Database, file: Path) -> None:
    import_file(database, write_csv(file, [customer_line(1, telephone="+33199000100"), customer_line(2)]))

    changes = import_file(database, write_csv(file, [customer_line(1), customer_line(2)]))

    assert changes.moved == []
    assert ("telephone", "+33199000100") not in keys_of(database, "C0001")


def test_days_that_the_file_itself_gives_are_taken_as_said(database: Database, file: Path) -> None:
    number = "+33199000100"
    import_file(database, write_csv(file, [customer_line(1, telephone=f"{number}@..2026-03-31")]))
    import_file(database, write_csv(file, [customer_line(1, telephone=f"{number}@..2026-02-28")]))

    with database.reading() as session:
        [owner] = customers.find_owners(session, KeyKind.TELEPHONE, [number])[number]
    assert owner.valid_to == date(2026, 2, 28)


# --- how files come ---


def test_semicolons_and_a_byte_order_mark_are_read_as_excel_writes_them(database: Database, file: Path) -> None:
    line = customer_line(1).replace(",", ";").replace("Customer 1", '"Smith; Sons"')

    import_file(database, write_csv(file, [line], header=HEADER.replace(",", ";"), encoding="utf-8-sig"))

    with database.reading() as session:
        assert customers.get_customer(session, "C0001").name == "Smith; Sons"


def test_line_ends_of_windows_are_read(file: Path) -> None:
    file.write_bytes(f"{HEADER}\r\n{customer_line(1)}\r\n".encode())

    entries, _ = directory.read_customers(file)

    assert entries[0].columns["contract_end"] is None


def test_a_line_after_a_name_of_two_lines_has_the_number_an_editor_shows(file: Path) -> None:
    lines = [customer_line(1).replace("Customer 1", '"Two\nlines"'), customer_line(2).replace(",fr,", ",français,")]

    found = problems_of(write_csv(file, lines))

    assert found == ["line 4: “language” is no two-letter code such as fr or en."]


def test_a_file_that_is_not_utf8_is_refused_with_the_line(file: Path) -> None:
    write_csv(file, [customer_line(1), customer_line(2, name="Hôtel")], encoding="latin-1")

    assert problems_of(file) == ["line 3: This is not UTF-8: save the file as “CSV UTF-8”."]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_file_of_wide_characters_is_refused(file: Path, encoding: str) -> None:
    write_csv(file, [customer_line(1)], encoding=encoding)

    assert problems_of(file)


def test_a_missing_file_is_refused_in_a_sentence(file: Path) -> None:
    assert problems_of(file) == ["customers.csv cannot be read: No such file or directory."]


def test_missing_and_unknown_columns_are_all_named(file: Path) -> None:
    header = HEADER.replace("order_address", "adress").replace("aliases,", "")

    found = problems_of(write_csv(file, [], header=header))

    assert found == [
        "line 1: The column “aliases” is missing.",
        "line 1: The column “order_address” is missing.",
        "line 1: The column “adress” is not known; it should be removed.",
    ]


@pytest.mark.parametrize("broken", ['"customer_id', f'{HEADER}\n"C0001'])
def test_a_quotation_mark_that_is_never_closed_is_refused(file: Path, broken: str) -> None:
    file.write_text(broken)

    assert "is no CSV" in problems_of(file)[0]


def test_an_empty_file_is_refused(file: Path) -> None:
    file.write_text("")

    assert problems_of(file)[0] == "line 1: The column “customer_id” is missing."


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("C0001,", ",", "“customer_id” is empty."),
        ("C0001,", "C 1,", "“customer_id” is at most 32 characters without spaces, such as C0412."),
        ("Customer 1", "", "“name” is empty."),
        ("dpo@c1.example", "", "“order_address” is empty."),
        ("dpo@c1.example", "a@b", "“order_address” is no e-mail address such as dpo@example.org."),
        (",fr,", ",,", "“language” is empty."),
        (",c1.example", ",not a domain", "“domains” holds not a domain, which is no domain such as example.org."),
        ("privacy+c1@", "c1@", "“intake_alias” is no address such as privacy+acme@kavkom.example."),
        ("2024-01-01,", "2024-01-01,2023-12-31", "“contract_end” lies before “contract_start”."),
        ("c1.example,,", "c1.example,0199000100,", "0199000100 is no telephone number such as +33199000100."),
        ("c1.example,,", "c1.example,+331990,", "+331990 cannot be a telephone number: its length is wrong."),
        (
            "c1.example,,",
            "c1.example,+33199000100@2025,",
            "“phone_numbers”: a period is written +33199000100@2025-01-01..2026-03-31.",
        ),
        (
            "c1.example,,",
            "c1.example,+33199000100@2026-01-01..2025-12-31,",
            "“phone_numbers”: the period of +33199000100 ends before it begins.",
        ),
        ("Customer 1,", "Customer 1,extra,", "This line has more cells than the header."),
        ("Customer 1", "Cust\0mer", "This line holds a NUL character: save the file as “CSV UTF-8”."),
    ],
)
def test_a_bad_cell_is_named_with_what_it_should_look_like(file: Path, old: str, new: str, reason: str) -> None:
    write_csv(file, [customer_line(1).replace(old, new, 1)])

    assert problems_of(file) == [f"line 2: {reason}"]


@pytest.mark.parametrize(
    ("second", "repeated"),
    [
        (customer_line(1).replace("privacy+c1@", "privacy+other@"), "C0001"),
        (customer_line(2).replace("privacy+c2@", "Privacy+C1@"), "privacy+c1@kavkom.example"),
    ],
)
def test_a_repeated_reference_or_intake_address_is_refused(file: Path, second: str, repeated: str) -> None:
    write_csv(file, [customer_line(1), second])

    assert problems_of(file) == [f"line 3: {repeated} stands on line 2 already."]


def test_a_number_that_is_possible_is_taken_with_a_warning(file: Path) -> None:
    write_csv(file, [customer_line(1, telephone="+33012345678")])

    entries, warnings = directory.read_customers(file)

    assert len(entries) == 1
    assert [str(warning) for warning in warnings] == [
        "line 2: +33012345678 is possible, but not a number in use; it was taken all the same."
    ]


def test_our_own_domain_is_no_customers(file: Path) -> None:
    write_csv(file, [customer_line(1).replace(",c1.example,", ",Kavkom.example,")])

    with pytest.raises(BadTable) as refusal:
        directory.read_customers(file, own_address="privacy@kavkom.example")

    assert [str(one) for one in refusal.value.problems] == ["line 2: “domains” holds kavkom.example, which is our own."]


def test_a_domain_of_everybody_is_taken_with_a_warning(file: Path) -> None:
    write_csv(file, [customer_line(1).replace(",c1.example,", ",gmail.com,")])

    _, warnings = directory.read_customers(file)

    assert [str(warning) for warning in warnings] == [
        "line 2: at gmail.com everybody may have an address: it does not tell C0001 from others."
    ]


# --- looking customers up ---


def test_customers_are_suggested_by_name_alias_or_reference(database: Database, file: Path) -> None:
    lines = [customer_line(1, name="Le Garage"), customer_line(2, name="Garage 100%"), customer_line(3, name="Hôtel")]
    import_file(database, write_csv(file, [*lines[:2], lines[2].replace("Hôtel,,", "Hôtel,Vieux Garage,")]))

    with database.reading() as session:
        found = {
            typed: [customer.reference for customer in customers.suggest(session, typed)]
            for typed in ("garage", "c0003", "100%", "_", "")
        }

    assert found["garage"] == ["C0002", "C0003", "C0001"]
    assert found["c0003"] == ["C0003"]
    assert found["100%"] == ["C0002"]
    assert found["_"] == []
    assert len(found[""]) == 3


@pytest.mark.parametrize(("typed", "found"), [("%", ["C0001"]), ("_", ["C0002"]), ("\\", ["C0003"])])
def test_what_sql_takes_for_a_pattern_is_only_a_character(
    database: Database, file: Path, typed: str, found: list[str]
) -> None:
    names = ("Rabais 5%", "snake_case", "Back\\slash", "Plain")
    import_file(database, write_csv(file, [customer_line(n, name=name) for n, name in enumerate(names, 1)]))

    with database.reading() as session:
        assert [customer.reference for customer in customers.suggest(session, typed)] == found


def test_an_unknown_customer_is_refused(database: Database) -> None:
    with database.reading() as session, pytest.raises(UnknownCustomer):
        customers.get_customers(session, ["C0404"])


# --- staff ---


def staff_file(tmp_path: Path, *lines: str) -> Path:
    return write_csv(tmp_path / "staff.csv", lines, header=STAFF_HEADER)


def test_staff_is_imported_and_who_is_gone_may_not_use_the_bot(database: Database, tmp_path: Path) -> None:
    import_staff(database, staff_file(tmp_path, ANNES_LINE, CARLAS_LINE), dry_run=False, by=ANNE)

    said = import_staff(database, staff_file(tmp_path, ANNES_LINE.replace("handler", "viewer")), dry_run=False, by=ANNE)

    assert said == ["~ U01ANNE role", "- U03CARLA may not use the bot any more", NO_DPO, "Imported: 1 people."]
    with database.reading() as session:
        assert [(one.slack_user, one.role) for one in active_staff(session, now=NOW)] == [("U01ANNE", Role.VIEWER)]
        assert find_staff(session, "U03CARLA", now=NOW) is None


def test_a_dry_run_of_staff_changes_nothing(database: Database, tmp_path: Path) -> None:
    said = import_staff(database, staff_file(tmp_path, ANNES_LINE), dry_run=True, by=ANNE)

    assert said == ["+ U01ANNE handler", NO_DPO, "Nothing was changed."]
    with database.reading() as session:
        assert session.scalars(select(Staff)).all() == []


def test_every_bad_line_of_a_staff_file_is_named(database: Database, tmp_path: Path) -> None:
    lines = (
        ANNES_LINE,
        ANNES_LINE,
        "U04,Dora,dora@kavkom.example,boss,fr,,",
        "U05,Emil,emil@kavkom.example,viewer,de,,",
        "U06,Fred,,viewer,fr,,",
        "U07,Gina",
        "U08,Hugo,hugo@kavkom.example,dpo,en,2026-13-01,",
    )

    with pytest.raises(BadTable) as refusal:
        import_staff(database, staff_file(tmp_path, *lines), dry_run=False, by=ANNE)

    assert [str(problem) for problem in refusal.value.problems] == [
        "line 3: U01ANNE stands in the file twice.",
        "line 4: “role” is viewer, handler or dpo.",
        "line 5: “language” is fr or en.",
        "line 6: “email” is empty.",
        "line 7: This line has fewer cells than the header.",
        "line 8: “active_from” is no date such as 2026-03-31.",
    ]
    with database.reading() as session:
        assert session.scalars(select(Staff)).all() == []


@pytest.mark.parametrize(
    ("instant", "active"),
    [
        (datetime(2025, 12, 31, 22, 30, tzinfo=UTC), False),
        (datetime(2025, 12, 31, 23, 30, tzinfo=UTC), True),  # the new year has begun in Paris
        (datetime(2026, 12, 31, 22, 30, tzinfo=UTC), True),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), False),
    ],
)
def test_a_colleague_is_active_on_the_days_of_paris(
    database: Database, tmp_path: Path, instant: datetime, active: bool
) -> None:
    import_staff(database, staff_file(tmp_path, CARLAS_LINE), dry_run=False, by=ANNE)

    with database.reading() as session:
        assert (find_staff(session, "U03CARLA", now=instant) is not None) is active


def test_a_role_that_does_not_reach_is_refused(database: Database, tmp_path: Path) -> None:
    import_staff(database, staff_file(tmp_path, ANNES_LINE, CARLAS_LINE), dry_run=False, by=ANNE)

    with database.reading() as session:
        assert get_staff(session, "U03CARLA", now=NOW, at_least=Role.DPO).name == "Carla"
        assert get_staff(session, "U01ANNE", now=NOW, at_least=Role.VIEWER).name == "Anne"
        with pytest.raises(RoleTooSmall):
            get_staff(session, "U01ANNE", now=NOW, at_least=Role.DPO)
        with pytest.raises(UnknownStaff):
            get_staff(session, "U99NOBODY", now=NOW)


def test_the_settings_name_the_first_dpo_only(database: Database) -> None:
    with database.begin() as session:
        first = ensure_first_dpo(session, "U03CARLA", email="carla@kavkom.example", language="fr")
        second = ensure_first_dpo(session, "U01ANNE", email="anne@kavkom.example", language="fr")

        assert (first, second) == (True, False)
        assert [one.slack_user for one in active_staff(session, now=NOW, role=Role.DPO)] == ["U03CARLA"]


def test_a_key_kind_reads_back_as_its_word(database: Database, file: Path) -> None:
    import_file(database, write_csv(file, [customer_line(1)]))

    with database.reading() as session:
        assert set(session.scalars(select(CustomerKey.kind))) == {KeyKind.NAME, KeyKind.DOMAIN, KeyKind.INTAKE_ALIAS}
