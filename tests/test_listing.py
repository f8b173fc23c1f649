"""`/dsr` and Home say what waits, for how long and whose it is: mine first, then nobody's, then the rest."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, update

from bot.desk import Desk as TheDesk
from bot.home import CASES, look, render_home
from bot.listing import say_age, say_list
from bot.settings import DeskSettings
from storage import requests, tasks
from storage.clock import now as desk_now
from storage.database import Database
from storage.models import Candidate, Delivery
from storage.types import Purpose, TaskKind
from tests.bot_support import ANNE, BORIS, CARLA, Desk, fill, held_request, running_desk
from tests.playground.rules import check_view
from tests.storage_support import ANNE as BY_ANNE
from tests.storage_support import NOW, add_customer, forward, hours, open_breach, queue, receive


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with running_desk(database_url, tmp_path, monkeypatch) as desk:
        yield desk


@pytest.fixture
def quiet(database: Database) -> TheDesk:
    """The record and the settings, with nothing running."""
    fill(database)
    url = database.engine.url.render_as_string(hide_password=False)
    return TheDesk(database, DeskSettings(_env_file=None, database_url=url))


def hold(desk: TheDesk, *, hours_ago: float = 0, owner: str | None = None) -> str:
    with desk.database.begin() as session:
        request = receive(session, at=NOW - hours(hours_ago))
        request.owner, request.taken_at = owner, NOW if owner else None
        return request.reference


def give_task(desk: TheDesk, case: str, owner: str | None, *, due_in: float | None = None) -> None:
    with desk.database.begin() as session:
        due_at = NOW + hours(due_in) if due_in is not None else None
        task = tasks.open_task(session, case, TaskKind.READ, by=BY_ANNE, now=NOW, due_at=due_at)
        task.owner = owner


def send(desk: TheDesk, case: str, *, in_vain: bool = False) -> None:
    with desk.database.begin() as session:
        sent = forward(session, requests.get_request(session, case), add_customer(session, f"C1{case[-4:]}"))
        if in_vain:
            lost = update(Delivery).where(Delivery.forward_id == sent.id)
            session.execute(lost.values(refused_at=NOW, due_at=None))


def decide_half(desk: TheDesk, case: str) -> None:
    """A candidate, a proposal, a question, and a possible breach."""
    with desk.database.begin() as session:
        request, customer = requests.get_request(session, case), add_customer(session, f"C2{case[-4:]}")
        session.add(Candidate(request_id=request.id, rank=0, customer_id=customer.id, evidence=("telephone",)))
        request.proposed_id, request.proposed_by, request.proposed_at = customer.id, ANNE, NOW
        open_breach(session).about = case
        queue(session, f"question:{case}:1", purpose=Purpose.QUESTION, case=case)


def listed(desk: TheDesk, language: str = "en") -> list[str]:
    with desk.database.reading() as session:
        return say_list(session, language, now=NOW).splitlines()


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (hours(1), "1 h"),
        (hours(47.9), "47 h"),
        (hours(48), "2 d"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_an_age_is_one_whole_number(age: timedelta, words: str) -> None:
    assert say_age(age, "en") == words


def test_the_list_says_since_when_each_waits_and_whose_it_is_the_oldest_first(quiet: TheDesk) -> None:
    young, old = hold(quiet, hours_ago=3, owner=BORIS), hold(quiet, hours_ago=75)

    [title, first, second, _] = listed(quiet)

    assert title == "*2 requests waiting for a person*"
    assert first == (
        f"• *{old}*: access, since 3 d (<!date^1792500000^{{date_short_pretty}} {{time}}|2026-10-20 12:40 UTC>), "
        "nobody has taken it"
    )
    assert second.startswith(f"• *{young}*: access, since 3 h (<!date")
    assert second.endswith(f"taken by <@{BORIS}>")


def test_the_list_names_open_tasks_with_their_date_the_nearest_first(quiet: TheDesk) -> None:
    case = hold(quiet)
    for owner, due_in in ((None, None), (CARLA, 30), (None, -2)):
        give_task(quiet, case, owner, due_in=due_in)

    [title, *lines] = [line for line in listed(quiet) if "read the mail" in line or "still to be done" in line]

    assert title == "*3 tasks still to be done*"
    assert lines[0].startswith(f"• *{case}*, 3: read the mail, :warning: *was due <!date")
    assert lines[1].startswith(f"• *{case}*, 2: read the mail, *due <!date")
    assert lines[1].endswith(f"taken by <@{CARLA}>")
    assert lines[2].startswith(f"• *{case}*, 1: read the mail, since <!date")


def test_a_long_list_is_counted(quiet: TheDesk) -> None:
    for number in range(25):
        give_task(quiet, hold(quiet, hours_ago=number), None)

    said = listed(quiet, "fr")

    assert said.count("… et 5 de plus.") == 2
    assert len([line for line in said if line.startswith("•")]) == 40


def test_home_shows_what_is_mine_then_nobodys_then_the_rest(quiet: TheDesk) -> None:
    others, nobodys, mine = hold(quiet, hours_ago=9, owner=CARLA), hold(quiet, hours_ago=5), hold(quiet, owner=BORIS)
    with_my_task, with_a_free_task = hold(quiet, hours_ago=7), hold(quiet, hours_ago=6)
    for case, owner in ((with_my_task, BORIS), (with_a_free_task, None)):
        send(quiet, case)
        give_task(quiet, case, owner)

    now = look(quiet, BORIS)

    assert [card.reference for card in now.mine] == [with_my_task, mine]
    assert [card.reference for card in now.nobodys] == [with_a_free_task, nobodys]
    assert [card.reference for card in now.requests] == [others]
    said = str(render_home(now, "en"))
    assert said.index("Yours") < said.index("Nobody has taken these") < said.index("Taken by others")
    assert "more: /dsr" not in said


def test_home_shows_mine_however_many_older_ones_wait(quiet: TheDesk) -> None:
    for number in range(CASES + 5):
        hold(quiet, hours_ago=100 + number, owner=CARLA if number % 2 else None)
    mine = hold(quiet, owner=ANNE)

    now = look(quiet, ANNE)
    blocks = render_home(now, "en")

    assert [card.reference for card in now.mine] == [mine]
    assert len(now.mine) + len(now.nobodys) + len(now.requests) == CASES
    assert "… and 6 more: /dsr" in str(blocks)
    check_view({"type": "home", "blocks": blocks}, "home")


def test_a_case_stands_on_home_once(quiet: TheDesk) -> None:
    case = hold(quiet, owner=CARLA)
    for owner in (BORIS, None, CARLA):
        give_task(quiet, case, owner)

    for reader in (ANNE, BORIS, CARLA):
        now = look(quiet, reader)
        assert [card.reference for card in (*now.mine, *now.nobodys, *now.requests)] == [case]


def test_fifty_that_wait_cost_no_more_queries_than_five(quiet: TheDesk) -> None:
    asked: list[str] = []
    event.listen(quiet.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    counts = []
    for number in (5, 45):
        for each in range(number):
            case = hold(quiet, owner=(ANNE, BORIS, None)[each % 3])
            give_task(quiet, case, (ANNE, None)[each % 2], due_in=each)
            if each % 4 == 3:
                send(quiet, case, in_vain=True)
            elif each % 4 == 1:
                decide_half(quiet, case)
        asked.clear()
        look(quiet, ANNE)
        home = len(asked)
        listed(quiet)
        counts.append((home, len(asked) - home))

    [few, many] = counts
    assert many[0] <= few[0] < 40
    assert many[1] == few[1] < 20


def test_the_command_and_home_answer_in_slack(desk: Desk) -> None:
    with desk.bot.desk.decide() as session:
        request = held_request(session)
        request.owner = CARLA
        tasks.open_task(session, request.reference, TaskKind.OWN, by=BY_ANNE, now=desk_now(), due_at=desk_now())
        reference = request.reference

    said = desk.workspace.command(CARLA, "/dsr").text
    home = str(desk.workspace.open_home(CARLA))

    assert f"*{reference}*: erasure, since 0 min" in said
    assert f"taken by <@{CARLA}>" in said
    assert "was due" in said
    assert "Yours" in home
    assert "Yours" not in str(desk.workspace.open_home(BORIS))
