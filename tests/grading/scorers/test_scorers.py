"""Published rules say what they say, faults included, on any text and without drawing lots."""

import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.grading.scorers.mathvista import edit_distance
from deepeyes.grading.scorers.registry import SCORERS, scorer_named


def question(answer: str, *others: str, kind: AnswerKind | None = None, **form: object) -> Task:
    return Task(
        id="t",
        question="?",
        answer=answer,
        answers=others,
        answer_form=AnswerForm.model_validate({"kind": kind, **form}),
    )


def choice(answer: str, *options: str) -> Task:
    return question(answer, kind=AnswerKind.letter, options=options)


number = partial(question, kind=AnswerKind.number)
formula = partial(question("x + Y").model_copy, update={"kind": "HME100k"})

ANIMALS = ("a wild boar", "a deer", "two red squirrels", "a badger")
NUMBERS = ("option one", "option two", "option three", *(f"option {number}" for number in range(4, 11)))
IMAGES = ("the second image", "the third image")

CASES: list[tuple[str, Task, str | None, str]] = [
    # MathVista: choices
    ("mathvista", choice("a deer", *ANIMALS), "a deer", "right"),
    ("mathvista", choice("B", *ANIMALS), "a deer", "right"),
    ("mathvista", choice("(B)", *ANIMALS), "a deer", "right"),
    ("mathvista", choice("a deer", *ANIMALS), "a badger", "wrong"),
    ("mathvista", choice("a deer", *ANIMALS), "It is a deer.", "unsure"),
    # MathVista: numbers
    ("mathvista", number("12"), " 12 ", "right"),
    ("mathvista", number("12"), "13", "wrong"),
    ("mathvista", number("12"), "twelve", "unsure"),
    ("mathvista", number("12"), "", "wrong"),
    ("mathvista", number("1.3", precision=1), "1.2501", "right"),
    ("mathvista", number("1.3", precision=1), "1.35", "wrong"),
    ("mathvista", number("1.25", precision=2), "1.25", "right"),
    ("mathvista", number("1.25", precision=2), "1.2", "wrong"),
    ("mathvista", question("[1, 2]", kind=AnswerKind.list), "[1, 2]", "unsure"),
    # MATH-V: letters, values and expressions
    ("mathv", choice("C", *"ABCDE"), "C", "right"),
    ("mathv", choice("C", *"ABCDE"), "c", "right"),
    ("mathv", choice("C", *"ABCDE"), "So it is (C).", "right"),
    ("mathv", choice("C", *"ABCDE"), "We see that it must be C.", "right"),
    ("mathv", choice("C", *"ABCDE"), "C\nbecause it is round", "right"),
    ("mathv", choice("C", *"ABCDE"), "(C)\nbecause it is round", "right"),
    ("mathv", choice("C", *"ABCDE"), "B", "wrong"),
    ("mathv", choice("C", "1", "2", "$\\frac{12}{5}$", "4", "5"), "\\boxed{2.4}", "right"),
    ("mathv", choice("C", "1", "2", "$\\frac{12}{5}$", "4", "5"), "The answer is 12/5", "right"),
    ("mathv", choice("C", "1", "2", "$\\frac{12}{5}$", "4", "5"), "\\boxed{2.5}", "wrong"),
    ("mathv", question("60"), "The final answer is 60. I am sure.", "right"),
    ("mathv", question("60"), "so the answer should be 60\nor not", "right"),
    ("mathv", question("60"), "x = 60 is 60.", "right"),
    ("mathv", question("60"), "First \\boxed{12}, then \\boxed{n = 60} holds.", "right"),
    ("mathv", question("60"), "\\boxed{60^{\\circ}}", "right"),
    ("mathv", question("60"), "\\boxed{60} km} or so", "right"),
    ("mathv", question("60"), "61", "wrong"),
    ("mathv", question("60"), "", "wrong"),
    ("mathv", question("\\frac{\\sqrt{21}}{5}"), "\\boxed{\\frac{\\sqrt{21}}{5}}", "right"),
    ("mathv", question("\\frac{\\sqrt{2}}{2}"), "\\boxed{\\sqrt2\\frac12}", "right"),
    ("mathv", question("\\frac{\\sqrt{2}}{10}"), "\\boxed{\\sqrt2\\frac1{10}}", "right"),
    ("mathv", question("\\sqrt{2}"), "\\boxed{\\sqrt2\\frac1}", "wrong"),
    ("mathv", question("\\frac{\\sqrt{21}}{5}"), "\\boxed{\\frac{\\sqrt{20}}{5}}", "wrong"),
    ("mathv", question("(1,2.5)"), "\\boxed{(1,5/2)}", "right"),
    ("mathv", question("(1,2.5)"), "\\boxed{(1,3/2)}", "wrong"),
    ("mathv", question("(1,2.5)"), "\\boxed{[1,2.5]}", "wrong"),
    ("mathv", question("\\frac{1}{2}"), "\\boxed{0.5}", "right"),
    ("mathv", question("0.75"), "3/4", "right"),
    ("mathv", question("x+1"), "1+x", "wrong"),
    ("mathv", question("C"), "\\boxed{\\text{(C)}}", "right"),
    # MMMU-Pro
    ("mmmu_pro", choice("J", *NUMBERS), "First A and then ... Answer: (J)", "right"),
    ("mmmu_pro", choice("J", *NUMBERS), "Answer: B no, Answer: J", "right"),
    ("mmmu_pro", choice("J", *NUMBERS), "Answer: B", "wrong"),
    ("mmmu_pro", choice("B", *NUMBERS), "I say (A) is worse than (B)!", "right"),
    ("mmmu_pro", choice("B", *NUMBERS), "B.", "right"),
    ("mmmu_pro", choice("B", *NUMBERS), "the letter is B?", "right"),
    ("mmmu_pro", choice("B", *NUMBERS), "between C and B it is B then", "right"),
    ("mmmu_pro", choice("B", *NUMBERS), "it's B. for sure", "right"),
    ("mmmu_pro", choice("B", *NUMBERS), "it must surely be the option two here", "right"),
    ("mmmu_pro", choice("B", *NUMBERS), "not option two but option three is it", "wrong"),
    ("mmmu_pro", choice("B", *NUMBERS), "option two", "unsure"),
    ("mmmu_pro", choice("B", *NUMBERS), "", "unsure"),
    ("mmmu_pro", choice("B", "x", "y"), "(C)", "unsure"),
    # BLINK
    ("blink", choice("(B)"), "B", "right"),
    ("blink", choice("B"), "(B)", "right"),
    ("blink", choice("(B)"), "(A)", "wrong"),
    ("blink", choice("(B)"), "Point (B) is closer.", "right"),
    ("blink", choice("(B)"), "Neither (A) nor (C) fits.\n\nIt is (B) then", "right"),
    ("blink", choice("(B)"), "(A) or (B)", "unsure"),
    ("blink", choice("(B)"), "the second", "unsure"),
    ("blink", choice("(B)"), "", "unsure"),
    ("blink", choice("(B)", *IMAGES), "the third image (C) fits", "unsure"),
    # LogicVista
    ("logicvista", choice("A, C"), "c, A", "right"),
    ("logicvista", choice("A, C"), "A", "wrong"),
    ("logicvista", choice("A"), " ASSISTANT: a ", "right"),
    ("logicvista", choice("A"), "Option A", "unsure"),
    ("logicvista", choice("A"), "x", "wrong"),
    ("logicvista", choice("3"), "3", "right"),
    ("logicvista", choice("A"), "", "wrong"),
    # ChartQA
    ("chartqa", question("100"), "104.9", "right"),
    ("chartqa", question("100"), "95", "right"),
    ("chartqa", question("100"), "106", "wrong"),
    ("chartqa", question("-100"), "-104", "right"),
    ("chartqa", question("50%"), "0.5", "right"),
    ("chartqa", question("Blue"), "bLUE", "right"),
    ("chartqa", question("Blue"), "dark blue", "wrong"),
    ("chartqa", question("100"), "one hundred", "wrong"),
    ("chartqa", question("100"), "", "wrong"),
    ("chartqa", question("100"), "nan", "wrong"),
    # OCRBench
    ("ocrbench", question("Café 12"), "The sign says\n'CAFÉ 12'.", "right"),
    ("ocrbench", question("two words"), "two\nwords", "right"),
    ("ocrbench", question("exit", "way out"), "WAY OUT", "right"),
    ("ocrbench", question("exit", "way out"), "way in", "wrong"),
    ("ocrbench", formula(), "$x+Y$", "right"),
    ("ocrbench", formula(), "x + y", "wrong"),
    ("ocrbench", question("x + Y"), "x+Y", "wrong"),
    ("ocrbench", Task(id="t", question="?", answer="a b", meta={"dataset": "HME100k"}), "ab", "right"),
    ("ocrbench_folded", question("Ａ１　b"), "a1 B", "right"),
    ("ocrbench_folded", question("a1~"), "Ａ１～", "right"),
    ("ocrbench_folded", question("①"), "1", "wrong"),
    # MME-RealWorld
    ("mme_realworld", choice("C"), "C", "right"),
    ("mme_realworld", choice("C"), "The best answer is (C) a car.", "right"),
    ("mme_realworld", choice("C"), "Best answer: C", "right"),
    ("mme_realworld", choice("C"), "(c", "right"),
    ("mme_realworld", choice("C"), "the red one", "wrong"),
    ("mme_realworld", choice("E"), "E", "right"),
    # V*
    ("vstar", choice("C"), "c", "right"),
    ("vstar", choice("C"), "The answer is C", "right"),
    ("vstar", choice("C"), "Option: C", "right"),
    ("vstar", choice("C"), "It is (C) of course", "right"),
    ("vstar", choice("C"), "it is c]", "right"),
    ("vstar", choice("C"), "I pick C here", "right"),
    ("vstar", choice("C"), "I think so", "wrong"),
    ("vstar", choice("C"), "I pick E", "right"),
    ("vstar", choice("C"), "", "wrong"),
    # SEED-Bench-2-Plus
    ("seed_bench_2_plus", choice("C"), " c. the map", "right"),
    ("seed_bench_2_plus", choice("C"), "The map", "wrong"),
    ("seed_bench_2_plus", choice("C"), None, "wrong"),
    # DynaMath
    ("dynamath", number("2.5"), '{"solution": "...", "short answer": "2.5009"}', "right"),
    ("dynamath", number("2.5"), '{"solution": "...", "short answer": "2.502"}', "wrong"),
    ("dynamath", number("2π"), '{"short answer": "6.283"}', "right"),
    ("dynamath", number("2.5"), "2.5 metres", "right"),
    ("dynamath", number("2.5"), "about 2.5", "unsure"),
    ("dynamath", number("2.5"), '{"short answer": 2.5}', "unsure"),
    ("dynamath", choice("B"), '{"short answer": "b"}', "right"),
    ("dynamath", choice("B"), '{"short answer": "(B)"}', "right"),
    ("dynamath", choice("B"), "A or B", "unsure"),
    ("dynamath", question("odd"), 'Sure: {"solution": "\\frac12", "short answer": "Odd"}', "right"),
    ("dynamath", question("odd"), '{"short answer": "even"}', "wrong"),
    ("dynamath", question("odd"), '{"short answer": "it is odd"}', "wrong"),
]


@pytest.mark.parametrize(("name", "task", "answer", "outcome"), CASES)
def test_a_rule_says(name: str, task: Task, answer: str | None, outcome: str):
    verdict = scorer_named(name).score(task, answer)
    assert (verdict.outcome, verdict.by, verdict.expected) == (outcome, "rule", task.answer)


TAKEN: list[tuple[str, Task, str, bool]] = [
    ("mathvista", choice("a deer", *ANIMALS), "B", True),
    ("mathvista", choice("a deer", *ANIMALS), "(b) a badger", True),
    ("mathvista", choice("a deer", *ANIMALS), "the deer ", True),
    ("mathvista", choice("B", "A", "B", "C"), "B", True),
    ("mathvista", choice("C", "x", "y", "z"), "z", True),
    ("mathvista", choice("one", "one", "ona", "zero"), "on", True),
    ("mathvista", number("1"), "1.9", True),
    ("mathvista_2023", number("1"), "1.9", False),
    ("mathvista_2023", number("1"), "1", True),
    ("mathvista", number("1"), "inf", False),
    ("mathvista", number("9" * 400), "9" * 400, False),
    ("mathvista_2023", number("9" * 5000), "9" * 5000, False),
    ("mathvista", number("-0.1", precision=1), "-0.149", True),
    ("mathvista", question("[1, 2]", kind=AnswerKind.list), "[1, 2]", True),
    ("mathvista", question("[1, 2]", kind=AnswerKind.list), "[1,2]", False),
    ("logicvista", choice("A, C"), "c, a", True),
    ("logicvista", choice("A, C"), "a, b, c", False),
    ("blink", choice("(B)"), "(B) the third image", False),
    ("mmmu_pro", choice("B", *NUMBERS), "B", True),
]


@pytest.mark.parametrize(("name", "task", "taken", "right"), TAKEN)
def test_a_rule_says_of_what_a_model_took_out(name: str, task: Task, taken: str, right: bool):
    assert scorer_named(name).score_taken(task, taken).is_right is right


def test_what_is_left_to_a_model_or_to_chance_says_so():
    assert "a model" in scorer_named("blink").score(choice("(B)"), "hm").reason
    assert "chance" in scorer_named("mmmu_pro").score(choice("B", *NUMBERS), "hm").reason


FAULTS: dict[str, list[tuple[Task, str, str]]] = {
    "mathvista": [
        (choice("a deer", *ANIMALS), "I see nothing", "right"),
        (choice("a deer", *ANIMALS), "", "right"),
        (choice("a wild boar", *ANIMALS), "not (A) but (B)", "right"),
        (number("1000"), "1,000", "wrong"),
        (number("0.50", precision=2), "0.50", "wrong"),
        (number("1"), "1.5", "right"),
    ],
    "mathvista_2023": [
        (choice("a deer", *ANIMALS), "I see nothing", "right"),
        (choice("a deer", *ANIMALS), "", "right"),
        (choice("a wild boar", *ANIMALS), "not (A) but (B)", "right"),
        (number("12"), "12 cm", "wrong"),
        (number("0.50", precision=2), "0.50", "wrong"),
        (number("2"), "2.0", "wrong"),
    ],
    "mathv": [
        (question("60"), "Therefore we have 60 degrees.", "wrong"),
        (question("0.004"), "0.001", "right"),
        (question("12"), "\\boxed{12 cm}", "wrong"),
        (question("50\\%"), "50", "wrong"),
    ],
    "mmmu_pro": [
        (choice("B", *NUMBERS), "Sorry, this cannot be seen.", "unsure"),
        (choice("A", *NUMBERS), "It was in the USA then", "right"),
        (choice("I", *NUMBERS), "Sorry, I cannot see it.", "right"),
        (choice("C", *NUMBERS), "It is (B) and never (C)", "right"),
        (choice("B", "Apple", "Apple pie"), "Answer: (B) Apple pie", "right"),
    ],
    "blink": [
        (choice("(B)"), "So it is **(B)**", "unsure"),
        (choice("(B)"), "the third one", "unsure"),
        (choice("(A)"), "It cannot be (A) at all", "right"),
    ],
    "logicvista": [
        (choice(""), "", "right"),
        (choice("A"), "A, A", "wrong"),
        (choice("A"), "the round one", "unsure"),
    ],
    "chartqa": [
        (question("2010"), "1990", "right"),
        (question("0"), "0.0", "wrong"),
        (question("1000"), "1,000", "wrong"),
        (question("50"), "50%", "wrong"),
        (question("blue"), "blue.", "wrong"),
    ],
    "ocrbench": [
        (question("1"), "10", "right"),
        (question("red"), "red, green, blue, white or black", "right"),
        (question(""), "nothing", "right"),
        (question("A1"), "Ａ１", "wrong"),
    ],
    "ocrbench_folded": [
        (question("happy"), "unhappy", "right"),
        (question("red"), "red, green, blue, white or black", "right"),
        (question(""), "nothing", "right"),
    ],
    "mme_realworld": [
        (choice("B"), "Based on the image, it is (C)", "right"),
        (choice("A"), "", "right"),
    ],
    "vstar": [
        (choice("B"), "Based on the image, it is (C)", "right"),
        (choice("D"), "The answer depends", "right"),
        (choice("A"), "No man is there", "right"),
    ],
    "seed_bench_2_plus": [
        (choice("B"), "Based on the map", "right"),
        (choice(""), "", "right"),
    ],
    "dynamath": [
        (question("odd"), "", "right"),
        (choice("A"), "no man is", "right"),
    ],
}


@pytest.mark.parametrize("name", SCORERS)
def test_every_known_fault_is_one(name: str):
    scorer = scorer_named(name)
    assert len(FAULTS[name]) == len(scorer.known_faults)
    for fault, (task, answer, outcome) in zip(scorer.known_faults, FAULTS[name], strict=True):
        verdict = (
            scorer.score_taken(task, answer) if name.startswith("mathvista") else scorer.score(task, answer)
        )
        assert verdict.outcome == outcome, fault


@pytest.mark.parametrize("name", SCORERS)
def test_a_scorer_is_found_by_its_name_and_says_where_its_rule_is(name: str):
    scorer = scorer_named(name)
    assert scorer.name == name
    assert " @ " in scorer.source and "arXiv:" in scorer.source


def test_an_unknown_rule_names_the_known():
    with pytest.raises(InputError, match=r"no published rule 'mathvisa': use blink.*vstar"):
        scorer_named("mathvisa")


HUGE = [
    "A" * 50_000,
    "(" * 50_000,
    "9" * 50_000,
    "A " * 25_000,
    "A" + " " * 49_999 + "x",
    "ANSWER" + " " * 50_000,
    "oxed{" * 10_000,
    "\\frac" * 10_000,
    "\\sqrt{" * 8_000,
    "{" * 25_000 + "}" * 25_000,
    "1," * 25_000,
    "(" + "1," * 25_000 + ")",
    "the answer is " * 3_500,
    '{"short answer": ' + "[" * 50_000,
    "1/" * 25_000,
    "\x00\ud800" * 10_000,
    "２" * 50_000,
]


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize(
    "task", [choice("B", *ANIMALS), number("1.5", precision=1), number("1"), question("\\sqrt{2}")]
)
def test_no_text_takes_long_or_breaks_a_rule(name: str, task: Task):
    scorer = scorer_named(name)
    for text in HUGE:
        start = time.process_time()
        scorer.score(task, text)
        scorer.score_taken(task, text)
        assert time.process_time() - start < 2, text[:20]


TEXTS = st.text(st.sampled_from("ABCDEabcde()[]{}0123456789.,:/%\\ \nπ^-frcsqtanswei")) | st.text()


@given(name=st.sampled_from(sorted(SCORERS)), reply=TEXTS, answer=TEXTS, options=st.lists(TEXTS, max_size=5))
def test_any_text_gets_the_same_verdict_twice(name: str, reply: str, answer: str, options: list[str]):
    scorer = scorer_named(name)
    for kind in (None, AnswerKind.letter, AnswerKind.number):
        task = question(answer, kind=kind, options=tuple(options))
        assert scorer.score(task, reply) == scorer.score(task, reply)
        assert scorer.score_taken(task, reply) == scorer.score_taken(task, reply)


def table_distance(one: str, other: str) -> int:
    """The same by the textbook's table, a row at a time."""
    above = list(range(len(other) + 1))
    for row, left in enumerate(one, start=1):
        here = [row]
        for column, right in enumerate(other, start=1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (left != right)))
        above = here
    return above[-1]


@given(one=st.text("abc", max_size=80), other=st.text("abc", max_size=80))
def test_the_edit_distance_is_that_of_the_textbook(one: str, other: str):
    assert edit_distance(one, other) == table_distance(one, other)
