"""Multiple choice becomes open-ended, or keeps a letter, or is refused; no right choice is dropped."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.images import ImageRef
from deepeyes.core.task import Task
from deepeyes.data.item import Item
from deepeyes.data.stages.prepare.choices import one_line_choices, split_choices
from deepeyes.data.stages.prepare.normalise import Normalisation
from deepeyes.data.stages.stage import apply

IMAGES = tuple(ImageRef(sha256=digit * 64, width=9, height=9) for digit in "abcdef")
KEEP = Normalisation(letters="keep")


def asked(question: str, answer: Any, options: Any = (), images: int = 1) -> Item:
    answers = (answer,) if isinstance(answer, str) else tuple(answer)
    task = Task(id="s/0", question=question, answer=answers[0], answers=answers[1:], images=IMAGES[:images])
    return Item(task=task, source="s", row=0, options=options)


def normal(one: Item, stage: Normalisation | None = None) -> Item:
    (done,) = apply(stage or Normalisation(), [one])
    return done


def why(one: Item, stage: Normalisation | None = None) -> str:
    rejection = normal(one, stage).rejection
    return rejection.reason if rejection else ""


@pytest.mark.parametrize(
    ("question", "answer", "opened"),
    [
        ("What is it? (A) car (B) dog (C) cat", "B", ("What is it?", "dog")),
        ("What is it? A. car B. dog C. cat", "b", ("What is it?", "dog")),
        ("What is it? A) car, B) dog, C) cat", "dog", ("What is it?", "dog")),
        ("What is it? (a) car (b) dog (c) cat", "(c)", ("What is it?", "cat")),
        ("What is it?\n(A) 5 (B) 6\n(C) 7 (D) 8", "D", ("What is it?", "8")),
        ("How long is it (A) 5 m (B) 6 m", "A", ("How long is it", "5 m")),
        ("What? Options: A. car B. dog", "A", ("What?", "car")),
        ("What is it? A. car B. dog <image>", "B", ("What is it?", "dog")),
        ("What is it? A. car B. dog\n<image>", "B", ("What is it?", "dog")),
        ("What is it? A. car B. dog Answer with the option letter.", "B", ("What is it?", "dog")),
        ("What is it?\nA．红色\nB．蓝色", "B", ("What is it?", "蓝色")),
        ("Which letter is on the sign?\nA. K\nB. Q", "B", ("Which letter is on the sign?", "Q")),
    ],
)
def test_choices_in_the_question_are_taken_off(question: str, answer: str, opened: tuple[str, str]) -> None:
    done = normal(asked(question, answer))
    assert (done.task.question, done.task.answer, done.task.answers) == (*opened, ())
    assert done.task.meta["options"] and done.task.answer_form == AnswerForm()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the distance from (A) to (B)?", "7"),
        ("Who wrote it, A. Smith or B. Jones?", "A. Smith"),
        ("Points (A) and (B) are joined. Which is longer?", "the left one"),
        ("Is it (B) or (C)?", "B"),
        ("Does vitamin A. help? Vitamin C. too?", "yes"),
    ],
)
def test_letters_that_mark_no_choices_stay(question: str, answer: str) -> None:
    done = normal(asked(question, answer))
    assert done.kept and (done.task.question, done.task.answer) == (question, answer)


@pytest.mark.parametrize(
    ("question", "answer", "options"),
    [
        ("Which statement is true?", "A", ("The car is red", "The dog is wet")),
        ("Which equality is satisfied for every $x$?", "B", ("$a=b$", "$a=-b$")),
        ("Which of the numbers given in the answers cannot appear in it?", "A", ("154", "100")),
        ("Which number cannot be in the cell?", "A", ("154", "100")),
        ("Which title fits best? Which is the best title?", "A", ("Trees", "Seas")),
        ("Which of these is larger?", "A", ("x", "y")),
        ("Which colours does it have?", "C", ("red", "blue", "both")),
        ("Which colours does it have?", "C", ("red", "blue", "Both of them")),
        ("Which one is heavier?", "A", ("first", "second")),
        ("Which one is heavier?", "B", ("The first one", "the second one.")),
        ("Which is it?", "B", ("Ann", "neither")),
        ("Which point is it?", "B", ("A", "B", "C")),
        ("Which point is it?", "B", ("(A)", "(B)", "(C)")),
        ("Which point is it?", "A", ("A", "B", "C or D")),
        ("Which graph is it?", "B", ("<image2>", "<image3>")),
        ("Which graph is it?", "<image3>", ("<image2>", "<image3>")),
    ],
)
def test_questions_that_lean_on_their_choices_are_not_opened(
    question: str, answer: str, options: Any
) -> None:
    one = asked(question, answer, options, images=3)
    assert why(one) == "needs_options"
    kept = normal(one, KEEP)
    assert (
        kept.kept and kept.task.answer in ("A", "B", "C") and kept.task.answer_form.kind == AnswerKind.letter
    )
    assert not kept.options and len(kept.task.answer_form.options) == len(options)


@pytest.mark.parametrize(
    ("question", "answer", "options", "opened"),
    [
        ("In which row is it?", "B", ("first", "second"), "second"),
        ("Which ball is heavier?", "A", ("the red one", "the blue one"), "the red one"),
        ("Which letter is it?", "A", ("K", "B"), "K"),
        ("Which letter is it?", "A", ("C", "D"), "C"),
        ("How many are both red and round?", "A", ("1", "2"), "1"),
        ("Which of the lines $a, b$ is the axis?", "A", ("$a$", "$b$", "none of them"), "$a$"),
    ],
)
def test_what_means_something_by_itself_is_opened(
    question: str, answer: str, options: Any, opened: str
) -> None:
    done = normal(asked(question, answer, options))
    assert (done.task.question, done.task.answer) == (question, opened)


@pytest.mark.parametrize(
    "gold", [["A", "C"], ["C", "A"], "A, C", "AC", "A and C", "(A), (C)", ["cat", "dog"]]
)
def test_of_several_right_choices_none_is_dropped(gold: Any) -> None:
    one = asked("What is to be seen?", gold, ("dog", "car", "cat"))
    assert why(one) == "several_options"
    task = normal(one, KEEP).task
    assert (task.answer, task.answers) == ("A, C", ()) and task.answer_form.several
    assert task.question == "What is to be seen?\nA. dog\nB. car\nC. cat"


def test_one_right_choice_said_in_several_ways_is_one() -> None:
    assert normal(asked("What?", ["A", "dog", "(A) Dog"], ("dog", "car"))).task.answer == "dog"
    assert normal(asked("What?", ["A", "B"], ("dog", "Dog."))).task.answer == "dog"
    assert not normal(asked("Which point?", "B", ("A", "B")), KEEP).task.answer_form.several


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        ("A", ("B", "A")),
        ("A, D", ("x", "y", "z")),
        (["A", "no such thing"], ("x", "y")),
        ("E", ("x", "y")),
        ("C. x", ("x", "y", "z")),
    ],
)
@pytest.mark.parametrize("stage", [Normalisation(), KEEP])
def test_answers_that_name_no_choice_are_refused(answer: Any, options: Any, stage: Normalisation) -> None:
    assert why(asked("What is it?", answer, options), stage) == "answer_not_an_option"


def test_an_image_tag_is_no_answer() -> None:
    for stage in (Normalisation(), KEEP):
        assert why(asked("Which graph?", "<image5>"), stage) == "answer_is_image"


def test_kept_choices_stand_in_the_question_as_it_was_asked() -> None:
    inline = "<image>\nWhich statement is true? (A) It rains. (B) It snows.\nAnswer with the letter."
    kept = normal(asked(inline, "B"), KEEP)
    assert kept.task.question == inline.removeprefix("<image>\n") and kept.task.answer == "B"
    assert kept.task.answer_form.options == ("It rains.", "It snows.")
    labelled = normal(asked("Which point is it?\n<image1>", "B", ("A", "B")), KEEP).task
    assert (labelled.question, labelled.answer) == ("Which point is it?", "B")
    shown = normal(asked("Which graph fits <image1>?", "B", ("<image2>", "<image3>"), images=3), KEEP).task
    assert shown.question == "Which graph fits image_1?\nA. image_2\nB. image_3"
    listed = normal(asked("Which graph?\nA. <image1>\nB. <image2>", "B", images=2), KEEP).task
    assert listed.question == "Which graph?\nA. image_1\nB. image_2"
    assert why(asked("Which graph fits <image1>?", "B", ("<image2>", "<image3>")), KEEP) == "image_count"


def test_an_answer_that_was_a_letter_is_no_letter_once_it_is_a_text() -> None:
    form = AnswerForm(kind=AnswerKind.letter, options=("red", "blue"), several=True, closed=True)
    opened = normal(asked("Which colour has the door?", "B", ("red", "blue")).with_task(answer_form=form))
    assert opened.task.answer == "blue" and opened.task.answer_form == AnswerForm(closed=True)
    form = AnswerForm(kind=AnswerKind.number, unit="m")
    opened = normal(asked("How long is the board?", "B", ("3", "4")).with_task(answer_form=form))
    assert opened.task.answer == "4" and opened.task.answer_form == form


def test_choices_found_are_in_order_and_complete() -> None:
    assert split_choices("Q\nA. a\nB. b") == ("Q", ("a", "b"))
    assert one_line_choices("Q (A) a (C) b") == ("Q (A) a (C) b", ())
    assert one_line_choices("Q (A) (B) b") == ("Q (A) (B) b", ())
    assert one_line_choices("(A) a (B) b") == ("(A) a (B) b", ())
    for long in (
        "(A) " * 30_000,
        "A. B. " * 20_000,
        "(" * 90_000,
        "A." * 50_000,
        "x (A) a (B)" + " " * 90_000,
    ):
        split_choices(long)


def mathvision() -> list[Item]:
    beside = Path(__file__).parents[3] / "shared" / "data" / "mathvision_304"
    file = Path(os.environ.get("DEEPEYES_MATHVISION", beside)) / "testmini.jsonl"
    if not file.is_file():
        pytest.skip("MathVision is not here")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [asked(row["question"], row["answer"], tuple(row["options"])) for row in rows]


def test_real_questions_of_choices() -> None:
    items = mathvision()
    opened = [normal(one) for one in items]
    assert sum(one.kept for one in opened) >= 200
    lost = Counter(one.rejection.reason for one in opened if one.rejection)
    assert set(lost) == {"needs_options", "image_count"}
    kept = [normal(one, Normalisation(letters="keep", composite=True)) for one in items]
    lettered = [one.task for one in kept if one.task.answer_form.kind == AnswerKind.letter]
    assert len(lettered) >= 85 and all(task.answer in "ABCDE" for task in lettered)
    assert sum(one.kept for one in kept) >= 290
    for one in (*opened, *kept):
        assert not one.kept or ("<image" not in one.task.question and "<image" not in one.task.answer)
