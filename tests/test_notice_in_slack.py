"""The notice of a breach through Slack's own protocols and from a shell: looked at, previewed, approved, sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from storage import breaches
from storage.breach_facts import append_facts
from storage.breach_types import FactName
from storage.clock import now
from storage.database import open_database
from storage.models import Attachment, Customer, Notice, Staff
from storage.types import Purpose, Role
from tests.bot_support import ANNE, BORIS, CARLA, Desk, fill, running_desk
from tests.playground import people
from tests.test_bot_shell import call

SECRET = "The list of contacts left on 2026-10-02"


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def small_desk(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same on SQLite only, for what the database has no part in."""
    with running_desk(sqlite_url, tmp_path, monkeypatch) as desk:
        yield desk


def learn(desk: Desk, reference: str, **facts: Any) -> None:
    with desk.bot.desk.decide() as session:
        values = {FactName(name): value for name, value in facts.items()}
        append_facts(session, breaches.get_breach(session, reference), values, by=ANNE, now=now())


def choose(desk: Desk, user: str, reference: str, step: str, **values: Any) -> Any:
    """Press *Notice to customers* and choose a step; the reply."""
    form = desk.workspace.click(user, desk.wait_for_card(reference), "breach_notice").view
    assert form is not None
    return desk.workspace.submit(user, form, {"notice_step": step, **values})


def confirmation(desk: Desk, user: str, reference: str, step: str = "approve") -> Any:
    view = choose(desk, user, reference, step).view
    assert view is not None
    assert view["callback_id"] == "breach_notice_send"
    return view


def notices_of(desk: Desk) -> list[str]:
    return [one.recipient for one in desk.deliveries() if one.purpose == Purpose.NOTICE]


def test_a_notice_goes_from_the_card_through_a_preview_and_a_second_person_to_the_customers(desk: Desk) -> None:
    reference = desk.open_breach("C0001", "C0003")
    learn(desk, reference, account=SECRET, persons=12)

    shown = choose(desk, BORIS, reference, "preview", notice_customer="C0003")

    assert "is on its way" in str(shown.view) or "part vers votre adresse" in str(shown.view)
    [preview] = [one for one in desk.deliveries() if one.purpose == Purpose.PREVIEW]
    assert (preview.recipient, preview.affected_id, preview.notice_id) == (people.BORIS.email, None, None)
    assert (preview.subject or "").startswith("[APERÇU / PREVIEW] Data breach affecting")
    assert SECRET in (preview.text or "")
    assert "privacy@tours.example" in (preview.text or "")
    with desk.database.reading() as session:
        [file] = session.scalars(select(Attachment).where(Attachment.delivery_id == preview.id))
        assert file.name == f"{reference}-notice-1.html"
    assert notices_of(desk) == []

    choose(desk, BORIS, reference, "ask")
    desk.wait_for_card(reference, "prepared by <@U02BORIS>")
    desk.workspace.wait_for(lambda: desk.workspace.direct_messages(CARLA) and desk.workspace.direct_messages(ANNE))
    assert not [each for each in desk.workspace.direct_messages(BORIS) if "préparé" in each.text]

    view = confirmation(desk, CARLA, reference)
    assert "notice 1* of" in str(view["blocks"]).lower() or "goes to 2 customers" in str(view["blocks"])
    sent = desk.workspace.submit(CARLA, view)

    assert sent.closed
    assert notices_of(desk) == ["contact@garage-du-lac.example", "privacy@tours.example"]
    desk.wait_for_card(reference, "approved")
    thread = desk.workspace.wait_for(
        lambda: [
            each
            for each in desk.workspace.messages(thread=desk.wait_for_card(reference).ts)
            if "has approved notice 1" in each.text
        ]
    )
    assert thread
    assert not [each for each in desk.workspace.payloads if SECRET in each or "tours.example" in each]


def test_two_people_who_approve_one_after_the_other_send_it_once_and_the_second_reads_who_did(
    small_desk: Desk,
) -> None:
    reference = small_desk.open_breach("C0001")
    choose(small_desk, BORIS, reference, "ask")
    first, second = confirmation(small_desk, CARLA, reference), confirmation(small_desk, ANNE, reference)

    assert small_desk.workspace.submit(CARLA, first).closed
    reply = small_desk.workspace.submit(ANNE, second)

    assert f"<@{CARLA}> a déjà validé ce message" in str(reply.view) + str(reply.errors)
    assert len(notices_of(small_desk)) == 1


def test_whoever_prepared_it_is_not_offered_to_send_it_and_is_refused_if_they_try(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", lead=ANNE)
    choose(small_desk, BORIS, reference, "ask")

    form = small_desk.workspace.click(BORIS, small_desk.wait_for_card(reference), "breach_notice").view

    assert form is not None
    assert "'approve'" not in str(form["blocks"])
    assert "'alone'" not in str(form["blocks"])


def test_what_became_known_after_the_confirmation_was_shown_is_not_sent_unseen(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    choose(small_desk, BORIS, reference, "ask")
    view = confirmation(small_desk, CARLA, reference)
    learn(small_desk, reference, persons=99)

    reply = small_desk.workspace.submit(CARLA, view)

    assert "Nothing was sent" in str(reply.view) + str(reply.errors)
    assert notices_of(small_desk) == []
    form = small_desk.workspace.click(CARLA, small_desk.wait_for_card(reference), "breach_notice").view
    assert "more is known since" in str(form)


def test_a_confirmation_that_outlives_a_role_sends_nothing(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    choose(small_desk, BORIS, reference, "ask")
    view = confirmation(small_desk, CARLA, reference)
    small_desk.set_role(CARLA, Role.VIEWER)

    reply = small_desk.workspace.submit(CARLA, view)

    assert "role" in str(reply.view) + str(reply.errors)
    assert notices_of(small_desk) == []


def test_the_lead_sends_it_alone_after_an_hour_with_a_reason_that_names_nobody(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", lead=CARLA)
    choose(small_desk, CARLA, reference, "ask")
    view = confirmation(small_desk, CARLA, reference, "alone")

    early = small_desk.workspace.submit(CARLA, view, {"alone_reason": "Nobody answers"})
    assert "only from" in str(early.errors)
    personal = small_desk.workspace.submit(CARLA, view, {"alone_reason": "Call +33 6 12 34 56 78"})
    assert "no personal data goes into Slack" in personal.errors["alone_reason"]
    small_desk.move(minutes=61)
    assert small_desk.workspace.submit(CARLA, view, {"alone_reason": "Nobody answers"}).closed

    assert len(notices_of(small_desk)) == 1
    with small_desk.database.reading() as session:
        [notice] = session.scalars(select(Notice))
        assert notice.alone_reason == "Nobody answers"
    assert not [each for each in small_desk.workspace.payloads if "Nobody answers" in each and "chat." in each]


def test_a_notice_that_names_another_customer_must_be_ticked(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001", "C0002")
    learn(small_desk, reference, account="A file of Garage du Lac went astray")
    choose(small_desk, BORIS, reference, "ask")
    view = confirmation(small_desk, CARLA, reference)
    assert "The notice to C0002 seems to name another customer" in str(view["blocks"])

    unticked = small_desk.workspace.submit(CARLA, view)
    ticked = small_desk.workspace.submit(CARLA, view, {"notice_seen": ["yes"]})

    assert unticked.errors
    assert ticked.closed
    assert len(notices_of(small_desk)) == 2


def test_those_added_since_get_it_when_somebody_confirms_it(small_desk: Desk) -> None:
    reference = small_desk.open_breach("C0001")
    choose(small_desk, BORIS, reference, "ask")
    small_desk.workspace.submit(CARLA, confirmation(small_desk, CARLA, reference))
    form = small_desk.workspace.click(CARLA, small_desk.wait_for_card(reference), "breach_add").view
    assert form is not None
    small_desk.workspace.submit(CARLA, form, {"customers": ["C0002"]})
    small_desk.wait_for_card(reference, "of 2")

    view = confirmation(small_desk, BORIS, reference, "added")
    small_desk.workspace.submit(BORIS, view)

    assert notices_of(small_desk) == ["contact@garage-du-lac.example", "direction@hotel-azur.example"]


def test_a_hundred_customers_are_approved_while_slack_waits(small_desk: Desk) -> None:
    with small_desk.database.begin() as session:
        numbers = range(1000, 1097)
        session.add_all(
            Customer(reference=f"C{n}", name=f"Entreprise {n}", request_address=f"dpo@c{n}.example", language="fr")
            for n in numbers
        )
    reference = small_desk.open_breach("C0001", "C0002", "C0003", *(f"C{n}" for n in numbers))
    choose(small_desk, BORIS, reference, "ask")

    choose(small_desk, BORIS, reference, "preview", notice_customer="C1096")
    [preview] = [one for one in small_desk.deliveries() if one.purpose == Purpose.PREVIEW]
    assert "dpo@c1096.example" in (preview.text or "")
    assert small_desk.workspace.submit(CARLA, confirmation(small_desk, CARLA, reference)).closed

    assert len(notices_of(small_desk)) == 100


def test_a_drill_without_an_address_of_its_own_sends_nothing(small_desk: Desk) -> None:
    from storage import breach_opening, customers
    from storage.types import DESK

    with small_desk.bot.desk.decide() as session:
        named = customers.get_customers(session, ["C0001"])
        drill = breach_opening.open_breach(
            session, summary="A drill", customers=named, aware_at=now(), drill=True, by=DESK, now=now()
        )
    choose(small_desk, BORIS, drill.reference, "ask")

    reply = choose(small_desk, CARLA, drill.reference, "approve")

    assert "DRILL_ADDRESS" in str(reply.view) + str(reply.errors)
    assert notices_of(small_desk) == []


# --- without Slack ---


def test_the_same_from_a_shell(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = open_database(sqlite_url)
    fill(database)
    settings = {"DATABASE_URL": sqlite_url, "MAIL_ADDRESS": "privacy@kavkom.example"}

    def run(*words: str, account: str = people.BORIS.handle) -> tuple[int, str]:
        code = call(monkeypatch, tmp_path, "breach", *words, account=account, **settings)
        said = capsys.readouterr()
        return code, said.out + said.err

    run("open", "--aware-at", "2026-10-02T10:00", "--summary", "A list went astray", "--customer", "C0001")
    reference = "BR-2026-0001"
    with database.reading() as session:
        reference = breaches.list_breaches(session)[0].reference

    code, said = run("notice", reference, "--print", "c0001")
    assert code == 0
    assert "To: contact@garage-du-lac.example\nSubject: Violation de données" in said
    assert run("notice", reference, "--print", "C0002")[0] == 1
    assert run("approve", reference, "--yes") == (
        1,
        f"As Boris Petit, handler (shell: boris.petit).\n{no_notice(reference)}\n",
    )

    assert run("notice", reference, "--preview-to-me", "C0001")[0] == 0
    code, said = run("notice", reference, "--final")
    assert code == 0
    assert "notice 1, the last, is prepared, not sent" in said
    assert "! Not known yet, and the notice says so" in said
    assert "somebody other than the person who prepared" in run("approve", reference, "--yes")[1]
    assert run("approve", reference, "--alone", "--yes")[0] == 2

    preview = ("notice", reference, "--preview-to-me", "C0001")
    assert "No colleague of the staff table" in run(*preview, account="root")[1]
    code, said = run("approve", reference, "--yes", account=people.CARLA.handle)
    assert code == 0
    assert f"{reference}: notice 1 is on its way to 1 customer." in said
    assert run("add", reference, "C0003")[0] == 0
    assert "on its way to 1 customer." in run("send-added", reference, "--yes")[1]

    with database.reading() as session:
        [notice] = session.scalars(select(Notice))
        assert (notice.prepared_by, notice.approved_by, notice.final) == (
            "shell: boris.petit",
            "shell: carla.levi",
            True,
        )
        assert session.scalars(select(Staff.email).where(Staff.slack_user == BORIS)).one() == people.BORIS.email
    database.dispose()


def no_notice(reference: str) -> str:
    said = f"{reference}: no notice to customers is ready. Ask for approval first"
    return f"{said} (in a shell: python -m bot breach notice {reference}): that prepares it from all that is known."
