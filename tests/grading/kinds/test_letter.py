"""Letters: they are read where they are written as options, and nowhere else."""

import pytest

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.letter import LETTER, mentioned

FREE = AnswerForm()
TEXTS = AnswerForm(options=("the second image", "the third image", "47", "A dog"))
NUMBERS = AnswerForm(options=("$10 \\mathrm{~cm}$", "12 cm", "$15$", "-3"))
SHUFFLED = AnswerForm(options=("C", "A", "B"))
LETTERED = AnswerForm(options=("(A)", "(B)", "(C)"))


def read(text: str, form: AnswerForm = FREE) -> str | None:
    letters = LETTER.read(text, form)
    return None if letters is None else LETTER.show(letters)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        *[
            (text, "B")
            for text in ("B", "b", "(B)", "[B]", "B)", "B.", "**B**", "`B`", '"B"', "Ｂ", "🅱️", "🇧", "Β", "乙")
        ],
        *[
            (text, "B")
            for text in ("option B", "Option (B)", "the letter B", "Answer B", "选项B", "\\text{B}", "$B$")
        ],
        *[
            (text, "B")
            for text in ("B. a house", "(B) a house", "B) a house", "B: a house", "B - a house", "B, a house")
        ],
        ("I", "I"),
        ("A, C", "A, C"),
        ("C and A", "A, C"),
        ("(A), (C)", "A, C"),
        ("both A and C", "A, C"),
        *[
            (text, None)
            for text in (
                "A dog",
                "I think",
                "A is wrong",
                "A or B",
                "neither A nor B",
                "Based on it",
                "B+",
                "C#",
                "A's",
            )
        ],
        *[
            (text, None)
            for text in ("A: is wrong", "(A) dark (B) light", "A) dark B) light", "AC", "В", "12", "", "5'")
        ],
        ("A. " + "very " * 200 + "long", None),
    ],
)
def test_reading_without_known_options(text: str, letters: str | None):
    assert read(text) == letters


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("the second image", "A"),
        ("The second image.", "A"),
        ("A dog", "D"),
        ("47", "C"),
        ("(C) 47", "C"),
        ("B) the third image", "B"),
        ("B) the third image, I think", "B"),
        ("(A) the third image", "A, B"),
        ("(Z) the third image", "B"),
        ("the fifth image", None),
    ],
)
def test_reading_with_texts(text: str, letters: str | None):
    assert read(text, TEXTS) == letters


def test_a_number_names_the_option_that_it_tells_apart():
    assert read("10", NUMBERS) == "A"
    assert read("12.0 cm", NUMBERS) in ("B", None)
    assert read("-3", NUMBERS) == "D"
    assert read("3", NUMBERS) is None
    assert read("10", AnswerForm(options=("10 cm", "10 m"))) is None
    assert read("8:5", AnswerForm(options=("$4: 3$", "$8: 5$"))) == "B"


def test_letters_as_texts_of_other_options_name_both():
    assert read("A", SHUFFLED) == "A, B"
    assert read("A", LETTERED) == "A"


def test_runs_of_letters_need_a_form_that_asks_for_several():
    assert read("AC", AnswerForm(several=True)) == "A, C"
    assert read("CC", AnswerForm(several=True)) is None


def test_comparing():
    a, ac = frozenset("A"), frozenset("AC")
    assert LETTER.same(a, a, FREE) is True
    assert LETTER.same(a, frozenset("B"), FREE) is False
    assert LETTER.same(ac, a, FREE) is None
    assert LETTER.same(ac, a, AnswerForm(several=True)) is False
    assert LETTER.same(a, ac, FREE) is False


def test_a_letter_of_no_option_is_of_another_list():
    three = AnswerForm(options=("red", "blue", "green"))
    assert LETTER.same(frozenset("D"), frozenset("A"), three) is None
    assert LETTER.same(frozenset("C"), frozenset("A"), three) is False


def test_a_letter_of_no_option_is_not_read():
    three = AnswerForm(options=("red", "blue", "green"))
    for text in ("D", "(D)", "D. yellow", "Option D: yellow"):
        assert LETTER.read(text, three) is None, text
    assert LETTER.read("C. green", three) == frozenset("C")
    assert LETTER.read("BD", three.model_copy(update={"several": True})) is None
    assert LETTER.read("BC", three.model_copy(update={"several": True})) == frozenset("BC")
    assert LETTER.read("D) blue", three) == frozenset("B")


def test_the_word_i_names_no_option():
    assert read("I, for one, see nothing") is None
    assert read("I. the ninth") == "I"
    assert read("B, the second") == "B"


def test_what_is_written_with_a_label_counts_at_any_length():
    long = "the one that stands " * 12
    form = AnswerForm(options=(long, "the other"))
    assert read(long, form) == read(f'"{long}"', form) == "A"
    for text in (f"(B) {long} no more", f"**B.** {long}", f"$B$. {long}", f"Option B: {long}", f"Ｂ. {long}"):
        assert read(text) == "B", text
    assert read(f"{long} (B)") is None


def test_a_label_with_the_number_of_another_option_names_both():
    assert read("A) 12 cm", NUMBERS) == "A, B"
    assert read("A) 10 cm", NUMBERS) == "A"
    assert read("A) 12 cm", NUMBERS.model_copy(update={"several": True})) is None


@pytest.mark.parametrize(
    ("sentence", "form", "letters"),
    [
        ("So it matches the third image (C).", FREE, "C"),
        ("So the third image (C) matches the first image (A).", FREE, "AC"),
        ("So it matches option C.", FREE, "C"),
        ("So it corresponds to Point B in it.", FREE, "B"),
        ("The jug with most water is (E).", FREE, "E"),
        ("Therefore, it would be B.", FREE, "B"),
        ("So C.", FREE, "C"),
        ("Hence, it is C", FREE, "C"),
        ("So C is dark.", FREE, ""),
        ("Therefore, (A), (B) and (C) are all left.", FREE, ""),
        ("Therefore, (A), (B) and (C) are correct.", FREE, "ABC"),
        ("Option A is dark.", FREE, ""),
        ("So it is not option C.", FREE, ""),
        ("So it is option C or D.", FREE, ""),
        ("Option C is less similar.", FREE, ""),
        ("So both (A) and (B) match.", FREE, "AB"),
        ("It shares the style of the second image.", TEXTS, "A"),
        ("The second image is like the third image.", TEXTS, "AB"),
        ("There are 10 of them and no more.", NUMBERS, ""),
        ("There are no more of them.", AnswerForm(options=("Yes", "No")), ""),
        ("In the image I saw, it must be C.", FREE, "C"),
        ("So the answer must be I.", FREE, ""),
        ("So it matches option I.", FREE, "I"),
        ("So it must be A, which is red.", FREE, "A"),
        ("So it should be B since the others are dark.", FREE, "B"),
        ("So I counted them and got A.", FREE, "A"),
        ("So I got A in it.", FREE, ""),
        ("So it matches option E.", TEXTS, ""),
        ("So image E is like option A.", TEXTS, ""),
        ("So image E is like the second image.", TEXTS, ""),
    ],
)
def test_options_that_a_sentence_speaks_of(sentence: str, form: AnswerForm, letters: str):
    assert mentioned(sentence, form) == frozenset(letters)


def test_a_label_counts_where_the_caller_knows_that_the_sentence_concludes():
    assert mentioned("Option A is dark.", FREE, concludes=True) == frozenset("A")
