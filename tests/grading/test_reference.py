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


def compared(reference: str, text: str, **form: object) -> bool | None:
    found = Reference((reference,), AnswerForm.model_validate(form)).compare(text)
    return found.same if found else None


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("5-2-3-1-4", "5-4-3-2-1"),
        ("2-1", "1-0"),
        ("(2-1)", "(1-0)"),
        ("1-800-556-1233", "1-800-555-1234"),
        ("5-7 m", "3-5 m"),
        ("$5-7 \\mathrm{m}$", "$3-5 \\mathrm{m}$"),
        ("10-12\\%", "11-13\\%"),
        ("-2 m", "3-5 m"),
        ("1/2/3", "2/4/3"),
        ("1/6", "1/2/3"),
        ("1/2/3", "1/6"),
        ("5", "(2-7)"),
        ("5", "10-12\\%"),
    ],
)
def test_joined_numbers_are_no_calculation(reference: str, text: str):
    assert compared(reference, text) is None
    assert compared(reference, reference) is True


def test_a_difference_is_a_calculation_all_the_same():
    assert compared("$8-6\\pi$", "-6\\pi + 8") is True
    assert compared("$3-2x$", "-2x+3") is True
    assert compared("5-7 m", "5 - 7 m") is True
    assert compared("\\frac{\\sqrt{4}}{12}", "1/6") is True
    assert compared("8", "\\sqrt{2}+8") is False


def test_numbers_in_another_order_may_be_another_sequence():
    for text in ("3,4,2,5,1", "3, 4, 2, 5 and 1", "{3,4,2,5,1}"):
        assert compared("$3,4,2,1,5$", text) is None, text
    assert compared("$3,4,2,1,5$", "3, 4, 2, 1 and 5") is True
    assert compared("$3,4,2,1,5$", "3,4,2,1,6") is False
    assert compared("3,4,2", "3,4,2,1") is False
    assert compared("$\\{1,2\\}$", "{2, 1}") is True
    assert compared("red, blue", "blue and red") is True
    assert compared("3,4,2", "2,3,4", kind="list") is True
    assert compared("3,4,2", "2,3,4", kind="list", ordered=True) is False


def test_a_decimal_comma_is_one_only_where_it_is_declared():
    for reference, text in (("4.8", "4,8"), ("1.5 m", "1,5 m"), ("34215", "3,4,2,1,5")):
        assert compared(reference, text) is None, text
    assert compared("4.8", "4,8", decimal_comma=True) is True
    assert compared("1.5 m", "1,5 m", decimal_comma=True) is True
    assert compared("5", "(4,8)") is False


def test_a_proportion_may_be_written_with_to():
    assert compared("$8: 5$", "8 to 5") is True
    assert compared("$8: 5$", "5 to 8") is None
    assert compared("$3x$", "2 to 5") is None


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
