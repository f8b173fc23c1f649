"""Who did something, as Slack shows it: a colleague at a shell is mentioned, and no account stands there."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from slack_sdk import WebClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot import answers
from bot.blocks import mention, say, say_card
from bot.desk import Desk
from bot.due import find_due, ring_task, say_due
from bot.home import look, render_home
from bot.listing import say_breaches, say_list
from bot.notice_acts import look as look_at_notice
from bot.notice_forms import say_sheet
from bot.pausing import describe_sending
from bot.refusals import sentence_of
from bot.settings import DeskSettings
from bot.showing import find_card, show_requests
from bot.who import Names
from storage import breaches, notices, pauses, staff, tasks
from storage.breach_errors import NoticeApproved
from storage.clock import now
from storage.database import Database, open_database
from storage.errors import ColleagueCannot
from storage.models import Breach, Delivery, Notice, Request, Staff
from storage.types import SHELL, Actor, Role, TaskKind
from templates import LANGUAGES
from tests.bot_support import ANNE, BORIS, CARLA, fill, held_request
from tests.storage_support import add_customer, forward, open_breach, queries
from tests.test_bot_words import TEMPLATES

COLLEAGUE, CLAIMING, OTHER = "shell: boris.petit", "shell: deploy as U02BORIS", "shell: deploy"
UNWANTED = ("petit", "Boris", "deploy", "shell:", "shell :")
SAID = {"en": "omebody at a shell", "fr": "uelqu’un depuis un terminal"}


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    database = open_database(sqlite_url)
    fill(database)
    yield Desk(database, DeskSettings(_env_file=None, database_url=sqlite_url, mail_address="privacy@kavkom.example"))
    database.dispose()


def done_at_a_shell(database: Database, name: str) -> tuple[list[str], int]:
    """Two requests, and two breaches of which one is closed, all by one actor; their references, and a task."""
    with database.begin() as session:
        decided, held = held_request(session), held_request(session)
        forward(session, decided, add_customer(session, "C0007")).routed_by = name
        decided.forwards[0].misrouted_at, decided.forwards[0].misrouted_by = now(), name
        held.owner, held.taken_at = name, now()
        held.proposed, held.proposed_by, held.proposed_at = add_customer(session, "C0008"), name, now()
        cases = [held.reference, decided.reference, *(one.reference for one in two_breaches(session, name))]
        for case in cases:
            by, due_at = Actor(name, SHELL), now() - timedelta(hours=1)
            task = tasks.open_task(session, case, TaskKind.AUTHORITY, by=by, now=now(), due_at=due_at)
            task.owner = name
        session.flush()
        return cases, task.id


def two_breaches(session: Session, name: str) -> Iterator[Breach]:
    for closed_at in (None, now()):
        breach = open_breach(session, add_customer(session, f"C01{closed_at is None:02}"), now=now())
        breach.opened_by = breach.aware_by = name
        notice = Notice(breach_id=breach.id, version=1, prepared_at=now(), prepared_by=name)
        if closed_at:
            breach.closed_at, breach.closed_by, notice.approved_at, notice.approved_by = closed_at, name, now(), name
        session.add(notice)
        yield breach


def all_that_slack_shows(desk: Desk, cases: list[str], task_id: int, language: str) -> list[str]:
    """Cards, every line of their threads, lists, Home, the notice, a task's reminder, and that sending goes on."""
    ring_task(desk, task_id, now=now())
    said = [str(render_home(look(desk, ANNE), language))]
    said += [say_sheet(look_at_notice(desk, case, by=Actor(ANNE, "slack"), now=now()), language) for case in cases[2:]]
    with desk.database.reading() as session:
        for case in cases:
            card, kind = find_card(session, case), "request" if case.startswith("DSR") else "breach"
            topics = [path.name.split(".")[0] for path in TEMPLATES.glob(f"{kind}_thread_*.{language}.slack")]
            said += [say(topic.removeprefix(f"{kind}_"), card, language, line=None) for topic in topics]
            said.append(str(say_card(card, language)))
        rung = session.scalars(select(Delivery).where(Delivery.topic == "task_reminder").limit(1)).one()
        due = find_due(session, rung, now=now())
        assert due is not None
        said += [say_due(due, language, now=now()), say_list(session, language, now=now())]
        return [*said, say_breaches(session, language), describe_sending(session, language)]


@pytest.mark.parametrize("name", [COLLEAGUE, CLAIMING, OTHER])
def test_no_account_reaches_slack_and_a_colleague_at_a_shell_is_mentioned(desk: Desk, name: str) -> None:
    cases, task_id = done_at_a_shell(desk.database, name)
    with desk.database.begin() as session:
        pauses.pause_sending(session, pauses.RESTORED, by=Actor(name, SHELL), now=now())
        pauses.resume_sending(session, by=Actor(name, SHELL), now=now())

    for language in LANGUAGES:
        said = all_that_slack_shows(desk, cases, task_id, language)

        assert [(word, one) for one in said for word in UNWANTED if word in one] == []
        wanted, other = (SAID[language], "<@") if name == OTHER else (f"<@{BORIS}>", SAID[language])
        assert sum(wanted in one for one in said) >= 15
        assert [one for one in said if other in one] == []


def test_who_starts_a_sentence_has_a_capital() -> None:
    assert mention(SHELL, "en", starts=True) == "Somebody at a shell"
    assert mention(SHELL, "fr", starts=True) == "Quelqu’un depuis un terminal"
    assert mention(BORIS, "fr", starts=True) == f"<@{BORIS}>"


def test_an_account_that_was_not_resolved_is_not_shown_either() -> None:
    assert mention(COLLEAGUE, "en") == "somebody at a shell"


def test_an_account_of_somebody_who_left_or_of_two_is_nobodys_in_slack(desk: Desk) -> None:
    with desk.database.begin() as session:
        session.execute(update(Staff).where(Staff.slack_user == BORIS).values(email="boris@kavkom.example"))
        assert Names(session).show(COLLEAGUE) == SHELL
        session.execute(update(Staff).where(Staff.slack_user != CARLA).values(email="boris.petit@kavkom.example"))
        assert Names(session).show(COLLEAGUE) == SHELL


class Speechless(WebClient):
    """Nobody is called: a command is answered at once."""


def answer(refused: ColleagueCannot | NoticeApproved, language: str) -> str:
    """What Slack shows under a command."""
    return str(json.loads(answers.refuse({"command": "/breach"}, Speechless(), refused, language).body)["text"])


def test_a_refusal_mentions_the_colleague_in_slack_and_names_them_at_the_shell(desk: Desk) -> None:
    with desk.database.begin() as session:
        session.execute(update(Staff).where(Staff.slack_user == BORIS).values(role=Role.VIEWER))
    with desk.database.reading() as session, pytest.raises(ColleagueCannot) as refused:
        staff.get_colleague(session, BORIS, now=now(), at_least=Role.HANDLER)

    assert f"<@{BORIS}> cannot do this" in answer(refused.value, "en")
    assert "Boris" not in answer(refused.value, "en")
    assert sentence_of(refused.value, "en").startswith("Boris Petit cannot")


@pytest.mark.parametrize(("name", "shown"), [(BORIS, f"<@{BORIS}>"), (COLLEAGUE, f"<@{BORIS}>"), (OTHER, SAID["fr"])])
def test_who_comes_second_reads_in_slack_who_approved_without_a_name(desk: Desk, name: str, shown: str) -> None:
    with desk.database.begin() as session:
        breach = list(two_breaches(session, name))[1]
        session.flush()
        notice = session.scalars(select(Notice).where(Notice.approved_at.is_not(None))).one()
        with pytest.raises(NoticeApproved) as refused:
            notices.refuse_approved(session, breaches.get_breach(session, breach.reference), notice, now=now())

    said = answer(refused.value, "fr")

    assert f"{shown} a déjà validé" in said
    assert [word for word in UNWANTED if word in said] == []
    assert (sentence_of(refused.value, "en").split(": ", 1)[1]).startswith("Boris Petit" if name == BORIS else name)


def test_many_cases_that_were_decided_at_a_shell_read_the_staff_once(desk: Desk) -> None:
    with desk.database.begin() as session:
        for _ in range(9):
            held_request(session).owner = COLLEAGUE

    with queries(desk.database) as asked, desk.database.reading() as session:
        shown = show_requests(session, session.scalars(select(Request)).all())

    assert [one.owner for one in shown] == [BORIS] * 9
    assert sum("FROM staff" in one for one in asked) == 1
