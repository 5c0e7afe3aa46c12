"""References: each is read once as the kinds that fit it; all of them must differ to make an answer wrong."""

import pytest

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.grading.kinds.registry import KINDS, kinds_of, letters_in
from deepeyes.grading.reference import Reference, reference_of

OPTIONS = ("red", "12 m", "blue")


def names(reference: str, **form: object) -> list[str]:
    return [kind.name.value for kind in kinds_of(reference, AnswerForm.model_validate(form))]


@pytest.mark.parametrize(
    ("reference", "kinds"),
    [
        ("B", ["letter", "text"]),
        ("(b)", ["letter", "text"]),
        ("A, C", ["letter", "list", "text"]),
        ("yes", ["yes_no", "text"]),
        ("12", ["number", "maths", "text"]),
        ("1999", ["number", "date", "maths", "text"]),
        ("5 May 2020", ["date", "text"]),
        ("[10, 20, 110, 220]", ["box", "list", "maths", "text"]),
        ("[1, 2, 3, 4]", ["list", "maths", "text"]),
        ("x + 1", ["maths", "text"]),
        ("red, blue", ["list", "text"]),
        ("STOP", ["text"]),
        ("a", ["text"]),
        ("CAB", ["text"]),
        ("AC", ["text"]),
    ],
)
def test_what_is_not_declared_is_inferred(reference: str, kinds: list[str]):
    assert names(reference) == kinds


def test_what_is_declared_comes_first():
    assert names("B", kind="text") == ["text"]
    assert names("12", kind="number") == ["number", "maths", "text"]
    assert names("1999", kind="date")[0] == "date"
    assert names("B", kind="letter") == ["letter"]
    assert names("red", kind="number") == ["text"]


def test_every_kind_is_known_by_its_name():
    assert set(KINDS) == set(AnswerKind)
    assert all(kind.name is name for name, kind in KINDS.items())


def test_letters_need_no_list_of_options():
    assert all(map(letters_in, ("B", "(B)", "(b)", "A, C", "A,B", "(A), (C)", "ABD")))
    assert not any(map(letters_in, ("b", "BA", "AA", "A cat", "", "A, cat", "CD-ROM")))


def test_an_option_is_compared_by_letter_and_by_what_it_stands_for():
    reference = Reference(("B",), AnswerForm(options=OPTIONS))
    assert [reading.kind.name.value for reading in reference.golds[0]][:2] == ["letter", "number"]
    for right in ("B", "12 m", "(B) 12 m"):
        assert (found := reference.compare(right)) and found.same, right
    for wrong in ("A", "red", "13 m"):
        assert (found := reference.compare(wrong)) and not found.same, wrong
    assert reference.compare("green") is None


def test_several_letters_in_a_reference_ask_for_all_of_them():
    assert names("AC", several=True)[0] == "letter"
    assert Reference(("A, C",), AnswerForm()).form.several
    assert Reference(("AC",), AnswerForm()).form.several
    assert not Reference(("A",), AnswerForm()).form.several


def test_names_of_several_options_are_several_answers():
    reference = Reference(("B",), AnswerForm(options=OPTIONS))
    assert reference.is_several("A and B")
    assert reference.is_several("(A) blue")
    assert not reference.is_several("A")
    assert not Reference(("A, B",), AnswerForm()).is_several("A and B")


def test_references_are_read_once():
    task = Task(id="t", question="?", answer="12")
    assert reference_of(task) is reference_of(task.model_copy(update={"id": "u"}))
    assert reference_of(task) is not reference_of(task.model_copy(update={"answer": "13"}))


def test_a_task_without_reference_is_an_error_that_names_it():
    with pytest.raises(InputError, match="task t has no reference answer"):
        reference_of(Task(id="t", question="?", answers=(" ",)))


def test_a_sentence_is_not_read_as_a_formula():
    formula = reference_of(Task(id="t", question="?", answer="\\frac{3}{4}"))
    for sentence in ("So it is ~3/4", "the sum of all parts makes 3/4", "~0.75"):
        assert formula.compare(sentence) is None, sentence
    for text in ("3 / 4", "3/4.", "$0.75$"):
        assert (found := formula.compare(text)) and found.same, text


def test_long_words_are_compared_as_long_as_they_can_be_the_reference():
    long = "the one that stands " * 40
    free = reference_of(Task(id="t", question="?", answer=long))
    assert (found := free.compare(f'"{long}"')) and found.same
    closed = AnswerForm(closed=True, kind=AnswerKind.text)
    short = reference_of(Task(id="t", question="?", answer="red", answer_form=closed))
    assert (found := short.compare("the blue one")) and not found.same
    assert short.compare(long) is None
