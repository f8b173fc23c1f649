"""Learning to read letters: the shipped model is the one that the lessons teach, and a lesson changes it."""

import pytest

from mail.model import ASKS, Model, load_model, pack, unpack
from mail.rights import read_rights
from storage.types import Kind
from tests.lessons import FLAGS, Lesson, read_lessons
from tests.lessons.__main__ import FILE, describe
from tests.lessons.learning import KINDS, LABELS, RIGHTS, learn, write

LESSONS = read_lessons()
RUN = "run python -m tests.lessons"


def a_lesson(body: str, kind: str, *rights: str) -> Lesson:
    return Lesson("fr", "", body, kind, frozenset(rights), frozenset(), frozenset())


def test_the_lessons_are_well_formed() -> None:
    for lesson in LESSONS:
        assert lesson.kind in KINDS
        assert lesson.rights | lesson.also_ok <= set(RIGHTS)
        assert lesson.flags <= set(FLAGS)
        assert not (lesson.rights and not lesson.asks)
        assert not lesson.rights & lesson.also_ok
    readings = {(one.subject, one.body, one.kind, one.rights) for one in LESSONS}
    assert len(readings) == len({(one.subject, one.body) for one in LESSONS})


def test_the_model_that_is_shipped_is_the_one_that_the_lessons_teach() -> None:
    """By two of its labels, each of which is learned for itself: all of them would take a minute."""
    some = ("erasure", ASKS)

    taught, shipped = learn(LESSONS, labels=some), load_model()

    assert [said_of(taught, label) for label in some] == [said_of(shipped, label) for label in some], RUN
    assert FILE.read_text(encoding="utf-8") == write(shipped), RUN


def said_of(model: Model, label: str) -> tuple[float, dict[str, int]]:
    """The bias of a label, and its weight in each feature that has one."""
    at = model.labels.index(label)
    weights = {name: unpack(packed, len(model.labels))[at] for name, packed in model.weights.items()}
    return model.bias[at], {name: weight for name, weight in weights.items() if weight}


def test_what_is_learned_is_read() -> None:
    lessons = [a_lesson("zorblax mes fiches", "request", "erasure"), a_lesson("plifou gratis", "not_request")] * 5
    model = learn(lessons)

    assert read_rights("", "zorblax mes fiches", model=model).rights == ("erasure",)
    assert read_rights("", "plifou gratis", model=model).kind is Kind.NOT_REQUEST


def test_a_misspelt_word_is_read_by_its_pieces() -> None:
    lessons = [a_lesson("zorblaxer mes fiches", "request", "erasure"), a_lesson("plifou gratis", "not_request")] * 5
    read = read_rights("", "zzorblaxez", model=learn(lessons))

    assert read.rights == ("erasure",)
    assert not [reason for reason in read.because if "#" in reason]


@pytest.mark.parametrize(("likely", "rights"), [(-1.0, ("erasure",)), (-2.0, ())])
def test_a_request_exercises_the_likeliest_right_unless_it_is_far(likely: float, rights: tuple[str, ...]) -> None:
    said = {ASKS: 3.0, "kind:request": 3.0, "erasure": likely}
    model = Model(LABELS, tuple(said.get(label, -5.0) for label in LABELS), {})

    assert read_rights("", "zorblax", model=model).rights == rights


@pytest.mark.parametrize(("asks", "kind"), [(3.0, Kind.REQUEST), (-3.0, Kind.NOT_REQUEST)])
def test_whether_a_letter_asks_is_judged_before_its_kind(asks: float, kind: Kind) -> None:
    said = {ASKS: asks, "kind:request": 0.5, "kind:not_request": 0.4}
    model = Model(LABELS, tuple(said.get(label, -5.0) for label in LABELS), {})

    assert read_rights("", "zorblax", model=model).kind is kind


def test_to_add_up_packed_rows_is_to_add_up_the_weights_of_each_label() -> None:
    rows = [pack([0, -837, 2, 100]), pack([0, 37, 1, -1]), pack([2, -250])]

    assert unpack(sum(rows), 3) == (-800, -1, -150)
    assert unpack(0, 3) == (0, 0, 0)


def test_a_reading_says_by_which_words() -> None:
    read = read_rights("", "My mother has dementia. Whoever rings her must leave her in peace.")

    assert read.kind is Kind.REQUEST
    assert read.because


@pytest.mark.parametrize("text", ["", "?", "\U0001f600", "x" * 50_000, "1 2 3 " * 3_000])
def test_any_text_is_scored(text: str) -> None:
    scores = load_model().score(set(text.split()))

    assert set(scores) == set(load_model().labels)
    assert read_rights(text, text).kind in set(Kind)


def test_how_well_letters_are_read_is_counted_by_right_and_kind() -> None:
    right = a_lesson("Effacez mes données.", "request", "erasure")
    wrong = a_lesson("Effacez mes données.", "not_request")
    read = [(one, read_rights("", one.body)) for one in (right, wrong)]

    assert describe(read).startswith("macro-F1 0.083, request or not 0.500, kind 0.500")
