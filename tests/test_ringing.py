"""An authority's letter, a customer's own and a possible breach ring at once: for the dpo, in the thread, by e-mail."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from bot.desk import Desk as TheDesk
from bot.gathering import gather
from bot.outage import StandIn
from bot.ringing import gather_rings
from bot.settings import DeskSettings
from mail.service import prepare
from storage import arrivals, tasks
from storage.alarms import ONE_BY_ONE
from storage.announcements import CHANNEL, DESK_CASE
from storage.arrivals import Reading
from storage.database import Database
from storage.models import Delivery, Staff
from storage.ringing import MANY_RING, RINGS
from storage.types import BY_MAIL, DESK, Hold, Kind, Medium, Role, TaskKind
from tests.bot_support import ANNE, ESCALATION, Desk, fill, running_desk
from tests.mail_support import US, letter, mail_settings, running_mail
from tests.playground import people
from tests.playground.mailhost import MailHost
from tests.storage_support import NOW, hours, keep_letter, together
from tests.test_slack_outage import Out

HOLDS = {Kind.AUTHORITY: Hold.AUTHORITY, Kind.CONTROLLER: Hold.CONTROLLER, Kind.REQUEST: Hold.POSSIBLE_BREACH}
BREACH = ("possible_breach",)


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running."""
    fill(database)
    url = database.engine.url.render_as_string(hide_password=False)
    settings = DeskSettings(_env_file=None, database_url=url, escalation_addresses=(ESCALATION,), staff_language="en")
    return TheDesk(database, settings)


def take_in(
    desk: TheDesk,
    kind: Kind = Kind.AUTHORITY,
    flags: tuple[str, ...] = (),
    *,
    hold: Hold | None = None,
    count: int = 1,
) -> list[str]:
    """Letters of a kind, as mail opens their cases: all in one transaction."""
    with desk.decide() as session:
        letters = [keep_letter(session) for _ in range(count)]
        reading = Reading(kind, (), "fr", flags)
        held = hold or HOLDS.get(kind, Hold.NOT_A_REQUEST)
        arrived = [arrivals.Arrival(one.id, one.received_at, one.sha256, reading, held) for one in letters]
        return [one.reference for one in arrivals.receive_all(session, arrived, by=DESK, now=NOW)]


def queued(desk: TheDesk, *topics: str, medium: Medium = Medium.SLACK) -> list[Delivery]:
    with desk.database.reading() as session:
        wanted = select(Delivery).where(Delivery.medium == medium).order_by(Delivery.id)
        found = list(session.scalars(wanted.where(Delivery.topic.in_(topics)) if topics else wanted))
        session.expunge_all()
        return found


@pytest.mark.parametrize(
    ("kind", "flags", "hold"),
    [
        (Kind.AUTHORITY, (), None),
        (Kind.CONTROLLER, ("deadline",), None),
        (Kind.REQUEST, BREACH, None),
        (Kind.NOT_REQUEST, BREACH, Hold.JUNK),
        (Kind.FOLLOW_UP, BREACH, None),
    ],
)
def test_the_dpo_the_thread_and_the_letter_learn_of_it_where_the_case_is_opened(
    quiet: TheDesk, kind: Kind, flags: tuple[str, ...], hold: Hold | None
) -> None:
    [reference] = take_in(quiet, kind, flags, hold=hold)

    told = queued(quiet, RINGS)
    assert {one.recipient for one in told} == {CHANNEL, ANNE, BY_MAIL}
    assert {one.case for one in told} == {reference}


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.FOLLOW_UP, Kind.NOT_REQUEST])
def test_other_letters_do_not_ring(quiet: TheDesk, kind: Kind) -> None:
    take_in(quiet, kind, ("press", "deadline", "minor", "own"))

    assert queued(quiet, RINGS, MANY_RING) == []


def test_an_authoritys_and_a_customers_letter_are_tasks(quiet: TheDesk) -> None:
    cases = [take_in(quiet, kind, BREACH)[0] for kind in (Kind.AUTHORITY, Kind.CONTROLLER, Kind.REQUEST)]

    with quiet.database.reading() as session:
        found = [(one.case, one.what, one.message_id is not None) for one in tasks.find_open_tasks(session)]
    assert found == [(cases[0], TaskKind.AUTHORITY, True), (cases[1], TaskKind.CONTROLLER, True)]


def test_dpo_and_escalation_addresses_get_one_e_mail_at_once(quiet: TheDesk) -> None:
    [reference] = take_in(quiet, Kind.AUTHORITY, (*BREACH, "deadline"))

    assert gather_rings(quiet, slack_out=False, now=NOW) == 2
    assert gather_rings(quiet, slack_out=False, now=NOW + hours(9)) == 0

    mails = {one.recipient: one for one in queued(quiet, medium=Medium.EMAIL)}
    assert set(mails) == {people.ANNE.email, ESCALATION}
    assert mails[ESCALATION].subject == f"{reference}: a letter from an authority, which may tell of a data breach"
    text = mails[ESCALATION].text or ""
    assert "48 hours until Sunday 25 October 2026, 16:40 (Paris time)" in text
    assert "(a date is named)" in text
    assert f"python -m bot dsr show {reference}" in text


def test_while_there_is_nobody_to_write_to_it_stays_put_down(quiet: TheDesk) -> None:
    """An import took the last dpo away, and no escalation address is set."""
    alone = TheDesk(quiet.database, quiet.settings.model_copy(update={"escalation_addresses": ()}))
    [reference] = take_in(quiet)
    take_in(quiet, Kind.NOT_REQUEST)
    StandIn(quiet, Out()).tick(now=NOW)
    set_role(quiet, Role.DPO, Role.HANDLER)

    assert gather_rings(alone, slack_out=True, now=NOW) == 0
    assert gather(alone, slack_out=True, now=NOW) == 0
    set_role(quiet, Role.HANDLER, Role.DPO)

    assert gather_rings(alone, slack_out=True, now=NOW + hours(1)) > 0
    assert gather(alone, slack_out=True, now=NOW + hours(1)) > 0
    assert any(reference in (one.subject or "") for one in queued(quiet, medium=Medium.EMAIL))


def set_role(desk: TheDesk, before: Role, after: Role) -> None:
    with desk.database.begin() as session:
        session.execute(update(Staff).where(Staff.role == before).values(role=after))


def test_a_letter_put_down_a_moment_ago_does_not_make_one_that_rings_wait(quiet: TheDesk) -> None:
    take_in(quiet, Kind.NOT_REQUEST)
    StandIn(quiet, Out()).tick(now=NOW)
    assert gather(quiet, slack_out=True, now=NOW) == 2

    take_in(quiet)

    assert gather(quiet, slack_out=True, now=NOW + timedelta(minutes=1)) == 0
    assert gather_rings(quiet, slack_out=True, now=NOW + timedelta(minutes=1)) == 2


def test_a_flood_rings_five_times_and_then_once_for_all(quiet: TheDesk) -> None:
    before = take_in(quiet, Kind.AUTHORITY, count=2)
    references = [*before, *take_in(quiet, Kind.REQUEST, BREACH, count=200), *take_in(quiet, Kind.CONTROLLER)]

    one_by_one = [one for one in queued(quiet, RINGS) if one.recipient != BY_MAIL]
    many = queued(quiet, MANY_RING)
    assert [one.case for one in one_by_one if one.recipient == CHANNEL] == references[:ONE_BY_ONE]
    assert [one.case for one in one_by_one if one.recipient == ANNE] == references[:ONE_BY_ONE]
    assert [(one.recipient, one.case) for one in many] == [(CHANNEL, DESK_CASE), (ANNE, DESK_CASE)]

    assert gather_rings(quiet, slack_out=False, now=NOW) == 2
    [mail] = [one for one in queued(quiet, medium=Medium.EMAIL) if one.recipient == ESCALATION]
    assert mail.subject == "203 letters to read now, a data breach is possible"
    assert "and 3 more" in (mail.text or "")


def test_in_the_next_quarter_of_an_hour_letters_ring_one_by_one_again(quiet: TheDesk) -> None:
    take_in(quiet, count=ONE_BY_ONE + 1)

    with quiet.decide() as session:
        letter = keep_letter(session)
        arrival = arrivals.Arrival(letter.id, NOW, letter.sha256, Reading(Kind.AUTHORITY, (), "fr"), Hold.AUTHORITY)
        [opened] = arrivals.receive_all(session, [arrival], by=DESK, now=NOW + timedelta(minutes=15))

    assert queued(quiet, RINGS)[-1].case == opened.reference
    assert len([one for one in queued(quiet, RINGS) if one.recipient == CHANNEL]) == ONE_BY_ONE + 1


def test_after_three_e_mails_in_a_quarter_of_an_hour_what_comes_is_written_of_together(quiet: TheDesk) -> None:
    written = []
    for minute in (0, 1, 2, 3, 14, 15, 16):
        take_in(quiet)
        written.append(gather_rings(quiet, slack_out=False, now=NOW + timedelta(minutes=minute)))

    assert written == [2, 2, 2, 0, 0, 2, 2]
    subjects = [one.subject for one in queued(quiet, medium=Medium.EMAIL) if one.recipient == ESCALATION]
    assert subjects[3] == "3 letters to read now"


def test_in_an_outage_a_letter_that_rings_is_not_told_twice(quiet: TheDesk) -> None:
    take_in(quiet)

    StandIn(quiet, Out()).tick(now=NOW)

    assert gather(quiet, slack_out=True, now=NOW) == 0
    assert gather_rings(quiet, slack_out=True, now=NOW) == 2
    [mail] = [one for one in queued(quiet, medium=Medium.EMAIL) if one.recipient == ESCALATION]
    assert "Slack could not be reached." in (mail.text or "")


def test_two_bots_write_it_once(quiet: TheDesk) -> None:
    take_in(quiet, count=3)

    together(4, lambda _: gather_rings(quiet, slack_out=False, now=NOW))

    assert len(queued(quiet, medium=Medium.EMAIL)) == 2


def test_two_mailboxes_at_once_share_the_slots(quiet: TheDesk) -> None:
    together(4, lambda _: take_in(quiet, count=4))

    with quiet.database.reading() as session:
        told = select(func.count()).where(Delivery.topic == RINGS, Delivery.recipient == CHANNEL)
        assert session.scalar(told) == ONE_BY_ONE
        many = select(func.count()).where(Delivery.topic == MANY_RING, Delivery.recipient == CHANNEL)
        assert session.scalar(many) == 1


def test_while_nobody_reads_e_mails_what_rings_stays_put_down(quiet: TheDesk) -> None:
    alone = TheDesk(quiet.database, quiet.settings.model_copy(update={"escalation_addresses": ()}))
    be_dpo(quiet, False)
    take_in(quiet, Kind.NOT_REQUEST)
    take_in(quiet)
    StandIn(quiet, Out()).tick(now=NOW)

    ways = (gather_rings, gather)
    assert [way(alone, slack_out=True, now=NOW) for way in ways] == [0, 0]
    assert [one for one in queued(quiet) if one.recipient == BY_MAIL and one.due_at is None] == []

    be_dpo(quiet, True)
    assert [way(alone, slack_out=True, now=NOW + hours(9)) for way in ways] == [1, 1]
    assert [one for one in queued(quiet) if one.recipient == BY_MAIL and one.due_at is not None] == []


def be_dpo(desk: TheDesk, yes: bool) -> None:
    """Give Anne, the only dpo, her role, or take it."""
    with desk.database.begin() as session:
        session.execute(update(Staff).where(Staff.slack_user == ANNE).values(role=Role.DPO if yes else Role.HANDLER))


# --- in Slack ---


def test_the_dpo_reads_it_from_where_it_rang(desk: Desk) -> None:
    [reference] = take_in(desk.bot.desk, Kind.CONTROLLER, ("deadline", *BREACH))

    card = desk.wait_for_card(reference, "The letter names a date")
    [direct] = desk.workspace.wait_for(lambda: desk.workspace.direct_messages(ANNE))
    [reply] = desk.workspace.wait_for(lambda: desk.workspace.messages(thread=card.ts))
    assert reply.broadcast
    assert "written by a customer, which may tell of a data breach" in direct.text + str(reply.blocks)
    desk.workspace.click(ANNE, direct, "dsr_read")
    [original] = desk.workspace.wait_for(lambda: desk.deliveries(topic="original"))
    assert (original.recipient, original.case) == (people.ANNE.email, reference)


def test_many_at_once_are_said_in_the_channel_and_to_the_dpo(desk: Desk) -> None:
    take_in(desk.bot.desk, count=ONE_BY_ONE + 2)

    desk.workspace.wait_for(lambda: len(desk.workspace.direct_messages(ANNE)) == ONE_BY_ONE + 1)
    assert "no longer announced one by one" in str(desk.workspace.messages())


def test_mail_lets_a_possible_breach_ring_from_junk_as_well(desk: Desk, mail_host: MailHost, database_url: str) -> None:
    prepare(desk.database)
    raw = letter(US, body="J’ai reçu par erreur l’enregistrement d’une autre personne : une fuite de données.")
    mail_host.append(US, "Junk", raw)
    settings = mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)

    with running_mail(desk.database, settings):
        mail_host.wait_for_mail(ESCALATION)
        [direct] = desk.workspace.wait_for(lambda: desk.workspace.direct_messages(ANNE))

    assert "révèle peut-être une violation de données" in direct.text
