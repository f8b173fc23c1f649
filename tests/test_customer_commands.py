"""`python -m storage customers`: looking up, what an import shows and asks, and whom to ask whether they read."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import pytest
from sqlalchemy import select

from storage import clock, directory, failures
from storage.customer_commands import customers_app
from storage.customers import get_customer
from storage.database import Database, open_database
from storage.importing import NotAgreed, import_directory
from storage.models import Customer, Delivery, Entry
from storage.types import Actor
from tests.storage_support import (
    ANNE,
    HEADER,
    NOW,
    add_customer,
    customer_line,
    environment,
    forward,
    open_breach,
    receive,
    write_csv,
)
from tests.test_progress import read_all

Type = Callable[..., list[str]]
LAC = (
    "C0001,Garage du Lac,Lac Auto,lac.example,+33199000100@2025-01-01..2026-03-31|+33199000101,LAC,"
    "privacy+lac@kavkom.example,atelier@lac.example,fr,2023-02-01,"
)
AZUR = (
    "C0002,Hotel Azur,,azur.example,+33199000100@2026-04-01..,,privacy+azur@kavkom.example,"
    "direction@azur.example,en,2024-05-01,"
)


@pytest.fixture
def desk(database_url: str) -> Iterator[Database]:
    opened = open_database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


@pytest.fixture
def no_terminal() -> Iterator[TextIO]:
    with Path(os.devnull).open(encoding="ascii") as nothing:
        yield nothing


@pytest.fixture
def type_in(
    database_url: str,
    no_terminal: TextIO,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Type:
    """Type a command; what it says, line by line. `code` is what it must end with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("MAIL_ADDRESS", "privacy@kavkom.example")
    monkeypatch.setattr(sys, "stdin", no_terminal)

    def type_words(*words: str, code: int = 0) -> list[str]:
        with pytest.raises(SystemExit) as ended:
            customers_app(list(words), prog_name="python -m storage customers")
        said = capsys.readouterr()
        assert (ended.value.code or 0) == code, said.err
        return [*said.out.splitlines(), *(line for line in said.err.splitlines() if " read in " not in line)]

    return type_words


# --- what an import shows ---


def test_what_changes_is_shown_value_by_value(type_in: Type, file: Path) -> None:
    type_in("import", str(write_csv(file, [LAC, AZUR, customer_line(3)])))
    moved = LAC.replace("atelier@", "accueil@").replace("+33199000101", "+33199000109")
    changed = f"{moved}2027-01-31"

    said = type_in("import", str(write_csv(file, [changed, AZUR, customer_line(4)])), "--dry-run")

    differences = (
        "order address: atelier@lac.example -> accueil@lac.example",
        "contract end: none -> 2027-01-31",
        "telephone: +33199000109 added, +33199000101 removed",
    )

    assert said == [
        "+ C0004 Customer 4",
        f"~ C0001 {'; '.join(differences)}",
        "Not in the file, left as they are: C0003",
        "Would import: 1 new, 1 changed, 1 not in the file, 1 unchanged. Nothing was changed.",
    ]


def test_only_the_first_of_many_are_shown(type_in: Type, file: Path) -> None:
    lines = [customer_line(number, telephone=f"+330123456{number}") for number in range(10, 40)]

    said = type_in("import", str(write_csv(file, lines)))

    assert sum(line.startswith("Warning, line") for line in said) == 10
    assert "Warning, … and 20 more such lines" in said
    assert sum(line.startswith("+ C") for line in said) == 20
    assert "+ … and 10 more" in said


def test_what_is_odd_is_said_and_taken_all_the_same(type_in: Type, file: Path) -> None:
    today = clock.now().astimezone(clock.PARIS).date()
    ended, until, long_ago = today - timedelta(days=10), today + timedelta(days=20), today - timedelta(days=40)
    lines = [
        "C1,Bonjour,Dupont Nord|Service Client,one.example,+33199000100,ALPHA,privacy+a@kavkom.example,a@one.fr,fr,,",
        "C2,Dupont Nord,,one.example,+33199000100,ALPHA,,noreply@two.example,fr,,",
        "C3,Trois,,one.example,+33199000100,ALPHA,,privacy+a@kavkom.example,fr,," + str(ended),
        "C4,Quatre,,,,,,x@four.invalid,fr,," + str(long_ago),
        "C5,Cinq,,,+33199000105@..2025-12-31,,,a..b@five.example,fr,,",
        "C6,Six,,,+33199000105@2026-01-01..,,,x@six.example,fr,,",
    ]

    said = type_in("import", str(write_csv(file, lines)))

    assert said[:-7] == [
        "Warning, line 3: the order address noreply@two.example is read by nobody, as it says.",
        "Warning, line 4: the order address privacy+a@kavkom.example is one of ours: nothing can be forwarded to it.",
        "Warning, line 5: the order address x@four.invalid cannot receive mail: its domain is not on the internet.",
        "Warning, line 6: the order address a..b@five.example cannot receive mail: its dots are misplaced.",
        f"Warning, line 4: the contract of C3 ended on {ended}; its data is held until {until}: a person decides.",
        f"Warning, line 5: the contract of C4 ended on {long_ago}: nothing is forwarded to it any more.",
        "Warning, line 2: “bonjour” is a common word: as a name it does not tell C1 from others.",
        "Warning, line 2: “service client” is a common word: as a name it does not tell C1 from others.",
        "Warning, line 2: C1, C2 share the SMS sender ALPHA: it does not tell them apart.",
        "Warning, line 2: C1, C2 share the domain one.example: it does not tell them apart.",
        "Warning, line 2: C1, C2 share the name dupont nord: it does not tell them apart.",
        "Warning, line 2: C1, C2 share the number +33199000100: it does not tell them apart.",
    ]
    assert said[-1] == "Imported: 6 new, 0 changed, 0 not in the file, 0 unchanged."


def test_our_own_domain_is_refused_at_the_shell(type_in: Type, file: Path) -> None:
    line = customer_line(1).replace(",c1.example,", ",kavkom.example,")

    said = type_in("import", str(write_csv(file, [line])), code=1)

    assert "line 2: “domains” holds kavkom.example, which is our own." in said


def test_what_a_customer_that_stays_has_already_is_shared_too(type_in: Type, file: Path) -> None:
    type_in("import", str(write_csv(file, [customer_line(1, telephone="+33199000100")])))

    said = type_in("import", str(write_csv(file, [customer_line(2, telephone="+33199000100")])))

    assert "Warning, line 2: C0001, C0002 share the number +33199000100: it does not tell them apart." in said


@pytest.mark.parametrize(("answer", "left"), [("n", 0), ("y", 2)])
def test_at_a_terminal_it_asks_before_it_changes_anything(
    database_url: str, desk: Database, file: Path, answer: str, left: int
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "storage", "customers", "import", str(write_csv(file, [LAC, AZUR]))]

    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=file.parent,
        env=environment(database_url, TERM="xterm"),
    ):
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = read_all(ours).decode()

    assert "customers read" in shown
    assert "+ C0001 Garage du Lac" in shown
    assert "Import 2 new, 0 changed, 0 not in the file, 0 unchanged?" in shown
    assert ("Nothing was changed." in shown) is (left == 0)
    with desk.reading() as session:
        assert len(session.scalars(select(Customer)).all()) == left


def test_a_person_who_does_not_agree_changes_nothing(desk: Database, file: Path) -> None:
    entries, _ = directory.read_customers(write_csv(file, [LAC]))

    with pytest.raises(NotAgreed):
        import_directory(desk, entries, dry_run=False, by=ANNE, agree=lambda _: False)

    with desk.reading() as session:
        assert session.scalars(select(Customer)).all() == []
        assert session.scalars(select(Entry)).all() == []


def test_what_somebody_imported_meanwhile_is_compared_and_shown_again(desk: Database, file: Path) -> None:
    entries, _ = directory.read_customers(write_csv(file, [LAC, AZUR]))
    shown: list[tuple[int, int]] = []

    def agree(changes: directory.Changes) -> bool:
        if not shown:
            import_directory(desk, entries[:1], dry_run=False, by=ANNE)
        shown.append((len(changes.added), changes.unchanged))
        return True

    import_directory(desk, entries, dry_run=False, by=ANNE, agree=agree)

    assert shown == [(2, 0), (1, 1)]
    with desk.reading() as session:
        assert session.scalars(select(Customer.reference).order_by(Customer.id)).all() == ["C0001", "C0002"]


def test_an_identifier_that_stays_keeps_its_row(desk: Database, file: Path) -> None:
    """What an import leaves as it is must not be rewritten: 50,000 customers would be, each night."""
    with desk.begin() as session:
        entries, _ = directory.read_customers(write_csv(file, [LAC]))
        directory.apply(session, directory.compare(session, entries))

    with desk.begin() as session:
        entries, _ = directory.read_customers(write_csv(file, [f"{LAC}2027-01-31"]))
        changes = directory.compare(session, entries)

    assert changes.changed["C0001"].lost == ()
    assert changes.changed["C0001"].gained == frozenset()


# --- the file again ---


def test_an_exported_file_changes_nothing_when_it_is_imported(type_in: Type, file: Path, tmp_path: Path) -> None:
    header = f"{HEADER},order_reference,breach_address,breach_telephone,acknowledge"
    lines = [f"{LAC},CMD-1,dpo@lac.example,+33199000111,no", f"{AZUR},,,,"]
    type_in("import", str(write_csv(file, lines, header=header)))

    said = type_in("export", "again.csv")

    assert said == ["Exported 2 customers to again.csv."]
    assert (tmp_path / "again.csv").stat().st_mode & 0o777 == 0o600
    assert "+33199000100@2025-01-01..2026-03-31|+33199000101" in (tmp_path / "again.csv").read_text(encoding="utf-8")
    assert type_in("import", "again.csv") == ["Imported: 0 new, 0 changed, 0 not in the file, 2 unchanged."]
    assert type_in("export", "again.csv", code=1) == ["again.csv cannot be written: File exists."]


def test_what_moved_without_dates_is_said_exported_and_imported_again(type_in: Type, file: Path) -> None:
    one, two = (customer_line(number).replace("privacy+c", "privacy+x") for number in (1, 2))
    number = "+33199000100"
    type_in(
        "import",
        str(write_csv(file, [customer_line(1, telephone=number).replace("c1.example,", "lac.example,", 1), two])),
    )

    said = type_in(
        "import",
        str(write_csv(file, [one, customer_line(2, telephone=number).replace("c2.example,", "lac.example,", 1)])),
    )

    assert [line for line in said if number in line and line.startswith("Warning, line 3: the number")]
    assert [line for line in said if "the domain lac.example moves from C0001 to C0002" in line]
    assert "one customer’s" in type_in("who", number, "--at", "2025-10-12")[0]
    assert type_in("who", number, "--at", "2025-10-12")[1].split()[0] == "C0001"
    type_in("export", "again.csv")
    assert type_in("import", "again.csv")[-1] == "Imported: 0 new, 0 changed, 0 not in the file, 2 unchanged."


# --- one customer ---


def test_all_that_is_known_of_a_customer_is_shown(type_in: Type, file: Path, desk: Database) -> None:
    header = f"{HEADER},order_reference,breach_address,breach_telephone,acknowledge"
    type_in("import", str(write_csv(file, [f"{LAC},CMD-1,,+33199000111,no"], header=header)))
    with desk.begin() as session:
        customer = get_customer(session, "C0001")
        request, breach = receive(session), open_breach(session, customer)
        to = forward(session, request, customer)
        sent = session.get_one(Delivery, to.deliveries[0].id)
        failures.record_bounce(
            session, sent, status="5.1.1", reason="x", message=None, by=Actor("desk", "mail"), now=NOW
        )
        known = (request.reference, breach.reference)

    said = type_in("show", "c0001")

    assert [line.split("  ")[0] for line in said if not line.startswith(" ")] == [
        *("C0001", "order", "order address", "breach contact", "language", "contract", "recognised by"),
        *("acknowledgements", "requests", "breaches"),
    ]
    whole = "\n".join(said)
    for words in (
        "CMD-1",
        "atelier@lac.example: SOMETHING CAME BACK 2026-10-23 17:40",
        "never confirmed",
        "+33199000111",
        "fr, written to in French",
        "since 2023-02-01",
        "telephone +33199000100, from 2025-01-01 to 2026-03-31, no longer",
        "off: people are not told",
        f"1 forwarded, the last {known[0]}",
        f"NOT RECEIVED: {known[0]}",
        f"1, the last {known[1]}, open: {known[1]}",
    ):
        assert words in whole


def test_a_customer_that_is_not_there_is_said_so(type_in: Type) -> None:
    assert type_in("show", "C9", code=1) == [
        "There is no customer C9. Whose is a number or an address? python -m storage customers who"
    ]


# --- whose is it ---


@pytest.mark.parametrize(
    ("typed", "day", "first"),
    [
        ("+33199000100", "2025-06-01", "C0001"),
        ("+33199000100", "2026-03-31", "C0001"),
        ("+33199000100", "2026-04-01", "C0002"),
        ("01 99 00 01 00", "2026-04-01", "C0002"),
        ("0033 1.99.00.01.01", "2026-04-01", "C0001"),
        ("LAC.example", "2026-04-01", "C0001"),
        ("https://www.lac.example/contact", "2026-04-01", "C0001"),
        ("somebody@lac.example", "2026-04-01", "C0001"),
        ("Lac", "2026-04-01", "C0001"),
        ("garage du LAC", "2026-04-01", "C0001"),
        ("Privacy+Azur@kavkom.example", "2026-04-01", "C0002"),
        ("direction@azur.example", "2026-04-01", "C0002"),
    ],
)
def test_whose_something_is_on_a_day(type_in: Type, file: Path, typed: str, day: str, first: str) -> None:
    type_in("import", str(write_csv(file, [LAC, AZUR])))

    said = type_in("who", typed, "--at", day)

    assert said[0] == f"{typed} on {day}: one customer’s"
    assert said[1].split()[0] == first


def test_whose_it_was_before_is_said_after_whose_it_is(type_in: Type, file: Path) -> None:
    type_in("import", str(write_csv(file, [LAC, AZUR])))

    assert type_in("who", "01", "99", "00", "01", "00", "--at", "2026-11-24") == [
        "01 99 00 01 00 on 2026-11-24: one customer’s",
        "    C0002  Hotel Azur     telephone  from 2026-04-01",
        "    C0001  Garage du Lac  telephone  from 2025-01-01 to 2026-03-31, no longer",
    ]


def test_several_are_asked_for_at_once_and_one_that_is_nobodys_is_told_by_the_exit(type_in: Type, file: Path) -> None:
    type_in("import", str(write_csv(file, [LAC, AZUR])))

    said = type_in("who", "lac.example", "nobody.example", "+33199000100", "--at", "2024-12-31", code=1)

    assert [line for line in said if not line.startswith(" ")] == [
        "lac.example on 2024-12-31: one customer’s",
        "nobody.example on 2024-12-31: nobody’s",
        "+33199000100 on 2024-12-31: nobody’s; at other times:",
    ]


def test_what_several_have_at_once_is_shared(type_in: Type, file: Path) -> None:
    ended = customer_line(5, telephone="+33199000500") + "2024-12-31"
    lines = [customer_line(3, telephone="+33199000500"), customer_line(4, telephone="+33199000500"), ended]
    type_in("import", str(write_csv(file, lines)))

    said = type_in("who", "+33199000500", "--at", "2026-11-24")

    assert said[0] == "+33199000500 on 2026-11-24: shared by 2 customers"
    assert said[-1].endswith("contract ended 2024-12-31")


def test_a_day_that_is_none_is_refused(type_in: Type) -> None:
    assert type_in("who", "+33199000100", "--at", "yesterday", code=2) == ["--at takes a day, such as 2026-03-31."]


# --- whether they read ---


def test_nobody_is_asked_without_a_yes(type_in: Type, desk: Database) -> None:
    with desk.begin() as session:
        add_customer(session, "C0001")
        add_customer(session, "C0002", request_address="privacy+x@kavkom.example")

    shown, refused = type_in("check", "--dry-run"), type_in("check", code=1)

    assert shown == [
        "C0001  Customer C0001  c0001@example.org         never confirmed  to be asked",
        "C0002  Customer C0002  privacy+x@kavkom.example  never confirmed",
        "2 customers not confirmed; 1 customer can be asked now.",
    ]
    assert "Nobody was written to." in refused
    with desk.reading() as session:
        assert session.scalars(select(Delivery)).all() == []


def test_as_many_are_asked_as_is_said_and_none_twice(type_in: Type, desk: Database) -> None:
    with desk.begin() as session:
        for number in range(3):
            add_customer(session, f"C{number}")

    first, second = type_in("check", "--yes", "--limit", "2"), type_in("check", "--yes")
    third = type_in("check", "--yes")

    assert "2 customers asked: python -m mail sends it, and an answer confirms the address." in first
    assert "1 customer asked: python -m mail sends it, and an answer confirms the address." in second
    assert third == ["3 customers not confirmed; all were asked, or mail came back, within 30 days."]
    with desk.reading() as session:
        assert sorted(session.scalars(select(Delivery.case))) == ["C0", "C1", "C2"]


def test_those_are_listed_whose_address_may_be_unread(type_in: Type, desk: Database) -> None:
    at = clock.now()
    with desk.begin() as session:
        add_customer(session, "C1", address_confirmed_at=at)
        add_customer(session, "C2", address_bounced_at=at)
        add_customer(session, "C3", address_asked_at=at)

    said = type_in("list", "--unconfirmed")

    assert [line.split()[0] for line in said] == ["C2", "C3"]
    assert "SOMETHING CAME BACK" in said[0]
    assert "never confirmed, asked " in said[1]


def test_a_directory_that_is_well_says_so(type_in: Type, desk: Database) -> None:
    with desk.begin() as session:
        add_customer(session, "C1", address_confirmed_at=clock.now())

    assert type_in("list", "--unconfirmed") == ["Every live customer has confirmed its address within a year."]
    assert type_in("check") == ["Every live customer has confirmed its address within a year."]


def test_every_command_says_in_one_line_what_it_does(type_in: Type) -> None:
    said = type_in("--help")

    shown = said[said.index("Commands:") + 1 :]
    assert [line.split()[0] for line in shown] == ["import", "export", "list", "show", "who", "check"]
    assert all(line.endswith(".") and not line.endswith("...") for line in shown)
