"""Mails that want to be forwarded to the wrong customer, or to stand still: none is, in any mode, and none does.

The mails are in tests/attacks.py. Work is counted in statements, in what is found, and in CPU seconds of a generous
bound, where what is to be excluded grows with the square of a mail.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from mail.clues import ATTACHED, find_clues
from mail.letter import read_letter
from mail.numbers import MOST
from mail.routing import Held
from mail.settings import Automatic
from storage.database import Database
from storage.types import Hold
from tests.attacks import CALLED, CUSTOMERS, Attack, attacks
from tests.deciding_support import decide, decide_in_all_modes, directory_of, goes_to, mail_of

EVERY = list(attacks())
STATEMENTS = 24
"""Look-ups of one mail at most: a few of each kind, AT_ONCE values a statement."""

SECONDS = 10.0
"""CPU time that one mail may take on a busy machine; the worst takes a tenth of that."""


@pytest.fixture(scope="module")
def directory(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with directory_of(CUSTOMERS, migrated_sqlite, tmp_path_factory.mktemp("directory")) as database:
        yield database


@pytest.mark.parametrize("attack", EVERY, ids=[attack.name for attack in EVERY])
def test_no_attack_is_forwarded_to_another_customer(directory: Database, attack: Attack) -> None:
    outcomes = decide_in_all_modes(directory, attack.raw)

    assert {goes_to(outcome) for outcome in outcomes.values()} <= {None, attack.right}
    assert isinstance(outcomes[Automatic.OFF], Held)


@pytest.mark.parametrize("attack", EVERY, ids=[attack.name for attack in EVERY])
def test_an_attack_costs_a_bounded_amount_of_work(directory: Database, attack: Attack) -> None:
    statements: list[object] = []
    with directory.reading() as session:
        engine = session.connection().engine

    def note(*executed: object) -> None:
        statements.append(executed[2])

    event.listen(engine, "before_cursor_execute", note)
    started = time.process_time()
    decide(directory, attack.raw, Automatic.EVIDENCE)
    took = time.process_time() - started
    event.remove(engine, "before_cursor_execute", note)

    found = find_clues(attack.raw, read_letter(attack.raw)).found
    assert len(found) <= 3 * (MOST + 1) * (2 + ATTACHED)
    assert len(statements) <= STATEMENTS
    assert took < SECONDS


def test_the_attacks_aim_at_what_an_honest_letter_reaches(directory: Database) -> None:
    """So that none of them is held for a fault of the test."""
    for automatic in (Automatic.IDENTIFIERS, Automatic.EVIDENCE):
        assert goes_to(decide(directory, mail_of(CALLED), automatic)) == "C0001"
        by_site = mail_of("Je recois des appels de www.quillivic.fr. Effacez mes données.")
        assert goes_to(decide(directory, by_site, automatic)) == "C0001"
    by_name = mail_of("Quillivic Mutuelle m'appelle. Effacez mes données.")
    assert goes_to(decide(directory, by_name, Automatic.EVIDENCE)) == "C0001"


def test_many_that_need_not_be_held_are_not(directory: Database) -> None:
    """A defence that held everything would prove nothing."""
    may = [attack for attack in EVERY if attack.right]
    went = [attack for attack in may if goes_to(decide(directory, attack.raw))]

    assert len(went) > len(may) / 2


def test_hidden_words_are_said_to_be_the_reason(directory: Database) -> None:
    hidden = next(attack for attack in EVERY if attack.name == "html: beside what is seen")

    outcome = decide(directory, hidden.raw)

    assert isinstance(outcome, Held)
    assert outcome.hold is Hold.DISGUISED
