"""Who is alive, and who holds what only one process may hold."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from storage import heartbeats
from storage.clock import real_now
from storage.database import Database
from storage.holders import is_dead, new_holder
from tests.storage_support import python, together

NOW = real_now()
TTL = timedelta(seconds=30)
ONE, TWO = new_holder(), new_holder()


def claim(session: Session, holder: str, *, after: timedelta = timedelta()) -> bool:
    return heartbeats.claim(session, "mailbox", holder=holder, ttl=TTL, now=NOW + after)


@pytest.fixture
def dead(tmp_path: Path) -> str:
    """The holder of a process of this machine that has ended."""
    return python("-c", "from storage.holders import new_holder; print(new_holder())", cwd=tmp_path).stdout.strip()


def test_a_beat_is_remembered_and_renewed(database: Database) -> None:
    for after in (timedelta(), TTL):
        with database.begin() as session:
            heartbeats.beat(session, "mail", now=NOW + after)

    with database.reading() as session:
        assert heartbeats.last_beats(session) == {"mail": NOW + TTL}


def test_only_one_holds_a_name(database: Database) -> None:
    with database.begin() as session:
        assert claim(session, ONE)
        assert not claim(session, TWO)
        assert claim(session, ONE, after=TTL / 2)
        assert not claim(session, TWO, after=TTL)


def test_a_hold_that_ran_out_is_taken_over(database: Database) -> None:
    with database.begin() as session:
        claim(session, ONE)

        assert claim(session, TWO, after=TTL + timedelta(seconds=1))
        assert not claim(session, ONE, after=TTL + timedelta(seconds=1))


def test_what_is_given_back_can_be_taken_at_once(database: Database) -> None:
    with database.begin() as session:
        claim(session, ONE)
        heartbeats.release(session, "mailbox", holder=TWO)
        assert not claim(session, TWO)

        heartbeats.release(session, "mailbox", holder=ONE)

        assert claim(session, TWO)


def test_of_eight_that_claim_at_once_one_succeeds(database: Database) -> None:
    holders = [new_holder() for _ in range(8)]

    def try_it(which: int) -> bool:
        with database.begin() as session:
            return claim(session, holders[which])

    assert together(8, try_it).count(True) == 1


def test_what_a_dead_process_of_this_machine_held_is_taken_over(database: Database, dead: str) -> None:
    with database.begin() as session:
        claim(session, dead)

        assert claim(session, new_holder())


def test_a_holder_is_dead_only_if_its_process_is_known_to_be_gone(dead: str) -> None:
    ours, host = new_holder(), dead.partition(":")[0]

    assert is_dead(dead, ours=ours)
    assert not is_dead(new_holder(), ours=ours)
    assert not is_dead(dead.replace(host, "another-machine", 1), ours=ours)
    assert not is_dead("somebody", ours=ours)
    assert not is_dead(f"{host}:1:0000:00", ours=ours)  # init never ends
