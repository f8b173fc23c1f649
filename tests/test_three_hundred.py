"""A breach of 300 customers, no fakes: from `/breach` through Exim and what comes back from it to its closing."""

import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.poster import Pace
from mail.service import prepare
from storage import breaches, journal, sealing
from storage.breach_types import RowState
from storage.database import Database, open_database
from storage.ledger import Row, read_ledger
from storage.models import Breach, Customer, Delivery
from storage.types import Purpose
from tests.bot_support import BORIS, CARLA, Desk, minutes_ago, running_desk
from tests.mail_support import mail_settings, running_mail
from tests.playground.asking import Reply
from tests.playground.faults import UPDATES_A_MINUTE
from tests.servers import Dovecot, Exim, need_program, wait_until

CUSTOMERS, REFUSED, BOUNCED = 300, 4, 5
DOMAINS = 75
"""Four customers in each: their mails are paced, so the last one goes after six seconds."""
LONG = 60.0
"""Seconds to wait for three hundred mails on a busy machine."""
SECRET = "Une liste de contacts est partie"


@contextmanager
def whole_desk(url: str, folder: Path, dovecot: Dovecot, exim: Exim, patch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Bot and mail as they run for people: Slack's own rate limits, and the pace and ticks that go with them."""
    ours = f"privacy{name_of(folder)}@kavkom.example"
    ports = {"imap_port": dovecot.imap_port, "smtp_port": exim.smtp_port}
    known: dict[str, Any] = {"mail_address": ours, "imap_user": ours, "imap_password": dovecot.password}
    other = open_database(url)
    with running_desk(url, folder, patch, pace=Pace(), tick_every=1.0, mail_address=ours) as desk:
        desk.workspace.faults.limits = True
        prepare(other)
        try:
            with running_mail(other, mail_settings(url, **known | ports)):
                yield desk
        finally:
            other.dispose()


def name_of(folder: Path) -> str:
    """What makes the addresses of one test its own: the servers are everybody's."""
    return re.sub(r"\W|_", "", folder.name.lower())


def add_customers(database: Database, unique: str) -> dict[str, str]:
    """Three hundred in many domains, of which nine have no mailbox; the address of each by its reference."""
    kinds = ["refuse"] * REFUSED + ["bounce"] * BOUNCED + ["dpo"] * (CUSTOMERS - REFUSED - BOUNCED)
    addresses = [f"{kind}{unique}.{number}@garage{number % DOMAINS}.example" for number, kind in enumerate(kinds)]
    with database.begin() as session:
        for number, address in enumerate(addresses):
            language = "fr" if number % 2 else "en"
            name = f"Garage Corvin {number:03}"
            session.add(Customer(reference=f"D{number:04}", name=name, request_address=address, language=language))
    return {f"D{number:04}": address for number, address in enumerate(addresses)}


def answered(ask: Callable[[], Reply]) -> Reply:
    """The reply within Slack's three seconds. A busy machine may need more: then a person presses again."""
    while (reply := ask()).timed_out:
        pass
    return reply


def submit(desk: Desk, user: str, form: Any, values: dict[str, Any] | None = None) -> Reply:
    assert form is not None
    return answered(lambda: desk.workspace.submit(user, form, values or {}))


def press(desk: Desk, user: str, reference: str, action: str, **values: Any) -> Any:
    """Press a button of the card and send the form that it opens; the reply."""
    opened = answered(
        lambda: desk.workspace.click(user, desk.wait_for_card(reference, f"'{action}'"), action),
    )
    return submit(desk, user, opened.view, values)


def fill_in(desk: Desk, reference: str, verb: str, **values: Any) -> None:
    opened = answered(lambda: desk.workspace.command(CARLA, f"/breach {reference} {verb}"))
    assert submit(desk, CARLA, opened.view, values).closed


def report(desk: Desk) -> str:
    """A doubt, from `/breach`; its reference."""
    opened = answered(lambda: desk.workspace.command(BORIS, "/breach"))
    submit(desk, BORIS, opened.view, {"noticed_at": minutes_ago(60), "summary": SECRET})
    with desk.database.reading() as session:
        return session.scalars(select(Breach.reference)).one()


def record_facts(desk: Desk, reference: str) -> None:
    pages: dict[str, dict[str, Any]] = {
        "what": {"account": SECRET, "nature": ["confidentiality"], "origin": "wrong_recipient"},
        "whose": {"data_kinds": ["contact"], "person_kinds": ["customers_and_prospects"], "persons": "4800"},
        "when": {"started_at": minutes_ago(600), "ended": "ongoing"},
    }
    for page, values in pages.items():
        view = press(desk, CARLA, reference, "breach_record", page=page).view
        assert submit(desk, CARLA, view, values).closed


def send_notice(desk: Desk, reference: str) -> None:
    press(desk, BORIS, reference, "breach_notice", notice_step="ask")
    desk.wait_for_card(reference, "prepared by")
    shown = press(desk, CARLA, reference, "breach_notice", notice_step="approve")
    assert f"{CUSTOMERS} customers" in str(shown.view["blocks"])
    assert submit(desk, CARLA, shown.view).closed


def rows_of(desk: Desk, reference: str) -> list[Row]:
    with desk.database.reading() as session:
        rows = read_ledger(breaches.get_breach(session, reference))
        session.expunge_all()
        return rows


def is_settled(desk: Desk) -> bool:
    """Whether every notice has been taken or refused, and as many came back as will."""
    notices = select(Delivery).where(Delivery.purpose == Purpose.NOTICE)
    counts = (func.count(Delivery.accepted_at), func.count(Delivery.refused_at), func.count(Delivery.bounced_at))
    with desk.database.reading() as session:
        found = session.execute(notices.with_only_columns(*counts)).one()
    return tuple(found) == (CUSTOMERS - REFUSED, REFUSED, BOUNCED)


def states_of(desk: Desk, reference: str) -> Counter[RowState]:
    return Counter(row.state for row in rows_of(desk, reference))


def mailboxes(dovecot: Dovecot, unique: str) -> dict[str, list[Path]]:
    """The mails in each mailbox of this test, as the server's own files: nobody has logged in there."""
    found: dict[str, list[Path]] = defaultdict(list)
    for file in dovecot.folder.glob(f"home/*{unique}.*/Maildir/new/*"):
        found[file.parts[-4]].append(file)
    return found


def whole_text(raw: bytes, *, with_pdf: bool) -> str:
    """The headers as they came, and every text decoded; quick enough for three hundred, if few of the PDFs are read."""
    files = [part.get_payload(decode=True) for part in message_from_bytes(raw).walk() if not part.is_multipart()]
    *texts, pdf = [one for one in files if isinstance(one, bytes)]
    assert pdf.startswith(b"%PDF-")
    texts += [text_of(pdf)] if with_pdf else []
    return "\n".join([raw.partition(b"\n\n")[0].decode(), *(one.decode() for one in texts)])


def text_of(pdf: bytes) -> bytes:
    need_program("pdftotext", "poppler-utils")
    return subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout


def test_three_hundred_customers_are_told_by_mail_or_telephone_each_once(
    dovecot: Dovecot, exim: Exim, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole_desk(sqlite_url, tmp_path, dovecot, exim, monkeypatch) as desk:
        addresses = add_customers(desk.database, name_of(tmp_path))
        reference = report(desk)
        assert press(desk, BORIS, reference, "breach_instants", instant_kind="aware", instant=minutes_ago(30)).closed
        shown = press(desk, CARLA, reference, "breach_add", references="\n".join(addresses)).view
        assert submit(desk, CARLA, shown).closed
        record_facts(desk, reference)

        send_notice(desk, reference)

        lost = {RowState.REFUSED: REFUSED, RowState.BOUNCED: BOUNCED}
        told = CUSTOMERS - REFUSED - BOUNCED
        wanted = lost | {RowState.ACCEPTED: told}
        wait_until(lambda: is_settled(desk), "the last acceptance and the last bounce", LONG)
        assert states_of(desk, reference) == wanted
        assert_each_got_its_own(dovecot, addresses, name_of(tmp_path))
        card = desk.wait_for_card(reference, f"Told: {told} of {CUSTOMERS}")
        assert f"refused by its server: {REFUSED}" in str(card.blocks)
        assert f"came back: {BOUNCED}" in str(card.blocks)
        unreached = [row.customer.reference for row in rows_of(desk, reference) if row.failed]
        assert unreached == list(addresses)[: REFUSED + BOUNCED]

        for one in unreached:
            fill_in(desk, reference, "call", affected_customer=one, answered="reached", contact="management")
            fill_in(desk, reference, "waive", affected_customer=one, waive_reason="It has them from the call")
        card = desk.wait_for_card(reference, f"Told: {CUSTOMERS} of {CUSTOMERS}")
        desk.workspace.click(BORIS, card, "breach_close")

        desk.wait_for_card(reference, "closed")
        assert states_of(desk, reference) == {RowState.ACCEPTED: told, RowState.TOLD: REFUSED + BOUNCED}
        assert_nothing_was_lost(desk)
        assert_slack_was_spared(desk)


def assert_each_got_its_own(dovecot: Dovecot, addresses: dict[str, str], unique: str) -> None:
    """One mail in each mailbox that exists, which names nobody else."""
    reachable = {one: of for of, one in addresses.items() if one.startswith("dpo")}
    wait_until(lambda: len(mailboxes(dovecot, unique)) >= len(reachable), "a mail in each mailbox", LONG)
    found = mailboxes(dovecot, unique)
    assert {one: len(files) for one, files in found.items()} == dict.fromkeys(reachable, 1)
    for number, (address, [file]) in enumerate(found.items()):
        said = whole_text(file.read_bytes(), with_pdf=number % 10 == 0)
        assert set(re.findall(r"Garage Corvin (\d+)", said)) == {reachable[address][2:]}
        assert set(re.findall(r"[\w.]+@garage\d+\.example", said)) == {address}
        assert SECRET in said


def assert_nothing_was_lost(desk: Desk) -> None:
    with desk.database.reading() as session:
        assert journal.verify(session) == []
        assert sealing.verify_rows(session) == []
        sent = Delivery.purpose == Purpose.NOTICE
        assert session.scalars(select(Delivery.id).where(sent, Delivery.due_at.is_not(None))).all() == []
        assert len(session.scalars(select(Delivery.id).where(sent)).all()) == CUSTOMERS


def assert_slack_was_spared(desk: Desk) -> None:
    """Nothing was ever refused, neither as too large nor as too fast, and no typed word of the breach was said."""
    calls = list(desk.workspace.calls)
    assert not [call for call in calls if call.refused]
    posts = [call.at for call in calls if call.method == "chat.postMessage" and call.channel == desk.workspace.channel]
    assert all(later - earlier >= 1 for earlier, later in pairwise(posts))
    updates = [call.at for call in calls if call.method == "chat.update"]
    most, seconds = UPDATES_A_MINUTE
    assert all(sum(start <= at < start + seconds for at in updates) <= most for start in updates)
    assert not [each for each in desk.workspace.payloads if SECRET in each]
