"""Grading by rule: a reply in any of the ways models state answers is right, wrong, or honestly unsure."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome, Verdict
from deepeyes.grading.rules import grade

IMAGES = ("the first image", "the second image", "the third image", "the fourth image")
PRICES = ("$49.40", "$46.29", "$47.75", "$45.20")
YES_NO = ("Yes", "No")
ANGLES = ("$30^{\\circ}$", "$45^{\\circ}$", "$60^{\\circ}$", "$75^{\\circ}$")


def verdict(reference: str, reply: str | None, *others: str, question: str = "?", **form: object) -> Verdict:
    task = Task(
        id="t",
        question=question,
        answer=reference,
        answers=others,
        answer_form=AnswerForm.model_validate(form),
    )
    return grade(task, reply)


def outcome(reference: str, reply: str | None, *options: str) -> Outcome:
    return verdict(reference, reply, options=options).outcome


@pytest.mark.parametrize(
    "reply",
    [
        "B",
        "b",
        "(B)",
        "B.",
        "**B**",
        "Ｂ",
        "（Ｂ）",
        "🅱️",
        "B. the second image",
        "B) the second image",
        "✅ **B. the second image**",
        "Option B",
        "Option B: the second image",
        "the second image",
        "The second image.",
        "B, because the second image is blue.",
        "B because the second image is blue.",
        "B\n\nThe second image shows the style of the reference, unlike A and C.",
        "(B) the second image\n\nIt matches, and the third image is too dark.",
        "**B**\n\nExplanation: the others differ.",
        "It is hard to see, but these two match.\n\n(B) the second image",
        "The answer is B",
        "The answer is (B).",
        "**The answer is B.**",
        "The answer is: **B**",
        "The answer is 'B'.",
        "The answer is $B$.",
        "The answer is B: the second image.",
        "The answer is B because C is too dark.",
        "The answer is **B. the second image**, which matches.",
        "The answer is not A but B.",
        "answer is b",
        "Answer: B",
        "**Answer:** B",
        "**Answer: B**",
        "Answer: `B`",
        "Answer: B - the second image",
        "Answer: **B** – the second image",
        "Answer → B",
        "=> B",
        "Answer:\n\nB",
        "## Answer\nB. the second image",
        "### Final Answer\n\n**B**",
        "**Final answer**\n$$\\boxed{B}$$",
        "Final Answer: The final answer is B",
        "The final answer is $\\boxed{B}$. I hope it is correct.",
        "My final answer: B",
        "| Option | Match |\n|---|---|\n| A | no |\n| B | yes |\n\n**Answer: B**",
        "| Answer | B |",
        "Therefore, the correct option is **B**.",
        "The correct choice is:\n(B) the second image",
        "The correct letter is B.",
        "I believe the correct answer is B, the second image.",
        "So the answer is the second image.",
        'The one that shares its style is "the second image".',
        "I would choose B.",
        "I'd go with option B here.",
        "We pick (B).",
        "B is the correct answer.",
        "Option B is correct.",
        "Thus, option (B) is the best match.",
        "The image that matches is (B).",
        "It must be B.",
        "A. Wrong, it is dark.\nB. Correct, it matches.\nC. Wrong.\nD. Wrong.\n\nAnswer: B",
        "- **A**: no match\n- **B**: match\n- **C**: no match\n\n**Conclusion:** B",
        "$\\boxed{B}$",
        "\\boxed{\\text{B}}",
        "\\boxed{\\text{(B)}\\ \\text{the second image}}",
        "Hence $\\boxed{\\textbf{(B)}}$.",
        "<|begin_of_box|>B<|end_of_box|>",
        "<answer>B</answer>",
        "<answer>\n(B)\n</answer>",
        '{"answer": "B"}',
        '```json\n{"reasoning": "the answer is not A", "answer": "B"}\n```',
        "{'final_answer': 'B'}",
        "<think>It could be A. The answer is A.</think>\n<answer>B</answer>",
        "Looks like A. Answer: A</think>\n\nB",
        "The answer is A. Hmm, actually, that's wrong: the answer is B.",
        "The answer is A. Wait, it is B.",
        "答案是B。",
        "答案：B",
        "因此选B",
        "故选：B.",
        "正确答案是（B）",
        "所以选项B正确。",
        "答えはBです。",
        "정답은 B입니다.",
        "Die Antwort ist B.",
        "La respuesta correcta es B.",
        "La respuesta es la opción B.",
        "La réponse est B.",
        "Réponse : B",
        "A resposta correta é B.",
        "Ответ: B",
        "Đáp án: B",
    ],
)
def test_a_letter_is_taken_out_of_a_reply(reply: str):
    assert outcome("B", reply, *IMAGES) == "right"
    assert outcome("the second image", reply, *IMAGES) == "right"
    assert outcome("C", reply, *IMAGES) == "wrong"


@pytest.mark.parametrize(
    "reply",
    [
        "Based on the image, it is old.",
        "A dog is on the grass.",
        "The answer is a dog.",
        "Answer: A dog",
        "A is wrong because it is dark.",
        "It is not option A.",
        "The answer is not A.",
        "neither A nor B",
        "A or B",
        "The answer is A or B.",
        "The answer is either A or B.",
        "If the answer is A, then it must be dark.",
        "Is the answer A?",
        "The answer could be A.",
        "The incorrect answer is A.",
        "Options: A, B, C, D",
        "<think>The answer is A",
        "A) the second image",
        "\\boxed{B} so the answer is A.",
        "The answer is B. Wait, that is wrong.",
        "1. Answer: A\n2. Answer: B\n3. Answer: C",
        "It is one of these.\nA) dark\nB) light\nC) grey\nD) blue",
        "The correct answers are A and C.",
        "None of the options A, B, C, D is correct.",
    ],
)
def test_no_letter_is_read_into_a_reply(reply: str):
    assert outcome("A", reply, *IMAGES) == "unsure"


def test_i_is_an_option_only_where_it_is_written_as_one():
    options = tuple(f"number {number}" for number in range(10))
    assert outcome("I", "I think it is hard.", *options) == "unsure"
    assert outcome("I", "Answer: (I)", *options) == "right"


def test_the_text_of_an_option_is_its_letter():
    assert outcome("A", "So the answer is $49.40.", *PRICES) == "right"
    assert outcome("A", "The price per share is **$49.40**.", *PRICES) == "right"
    assert outcome("A", "49.4", *PRICES) == "right"
    assert outcome("B", "So the answer is $49.40.", *PRICES) == "wrong"
    assert outcome("A", "So the answer is $52.10.", *PRICES) == "wrong"
    assert outcome("B", "Therefore the angle is $\\boxed{45^\\circ}$.", *ANGLES) == "right"
    assert outcome("B", "Therefore the angle is 45 degrees.", *ANGLES) == "right"
    assert outcome("Yes", "Yes, the pizza is cut, as both halves are apart.", *YES_NO) == "right"


def test_a_letter_beside_the_text_of_another_option_is_unsure():
    assert outcome("A", "(A) the second image", *IMAGES) == "unsure"
    assert outcome("Yes", "A: No", *YES_NO) == "unsure"
    assert outcome("C", "C", "C", "A", "B") == "right"
    assert outcome("C", "A", "C", "A", "B") == "unsure"


def test_options_that_repeat_are_one_option():
    assert outcome("D", "C", "9", "12", "18", "18") == "right"
    assert outcome("D", "B", "9", "12", "18", "18") == "wrong"


def test_all_of_several_letters_are_asked_for():
    for reply in (
        "A, C",
        "C and A",
        "AC",
        "(A), (C)",
        "The correct answers are A and C.",
        "\\boxed{A} and \\boxed{C}",
    ):
        assert outcome("A, C", reply) == "right", reply
        assert outcome("AC", reply) == "right", reply
    assert outcome("A, C", "A") == "wrong"
    assert outcome("A, C", "A, B, C") == "wrong"


@pytest.mark.parametrize(
    ("reference", "reply"),
    [
        ("61", "… is $\\boxed{61}$"),
        ("61", "So the total is 60 + 1 = 61."),
        ("12", "**Final answer:** 12 m"),
        ("250", "the total is 250 g."),
        ("12", "Answer: 12"),
        ("12", "<answer>12</answer>"),
        ("12", '{"answer": 12}'),
        ("12", "The answer is approximately 12."),
        ("12", "There are twelve birds in the tree."),
        ("12", "After that, there are 12 objects left in the scene."),
        ("12", "In 2014, the two shops had a total of 12 cars."),
        ("12", "There are **12** dots in each group."),
        ("12", "There are 12 of them. They stand on the hill behind the house."),
        ("12", "The perimeter is $4 \\times 3 = 12$ cm."),
        ("12", "Therefore,\n\\[\n\\boxed{x = 12}\n\\]"),
        ("1000", "The answer is 1,000."),
        ("1000", "答案是1000。"),
        ("3.5", "The final answer is 3.5."),
        ("\\frac{1}{2}", "The answer is $\\frac{1}{2}$."),
        ("12 m", "$12 \\mathrm{~m}$"),
        ("three", "3"),
        ("1,234.5", "1234.50"),
        ("-5", "−5"),
        ("[1, 2]", "The list is [1,2]."),
        ("[10, 20, 30, 40]", 'Here is the box: {"bbox_2d": [10, 20, 30, 40]}'),
        ("5 May 2020", "It was on May 5, 2020."),
        ("yes", "Yes, it is."),
        ("yes", "The answer is yes."),
        ("no", "No. " + "The halves of the sandwich lie beside each other on the plate. " * 6),
        ("red", "Red"),
        ("red", " red.\n"),
        ("red", '"red"'),
        ("red", "The colour is red."),
        ("Paris", "Answer: Paris"),
        ("traffic light", "a traffic  light"),
        ("Café", "CAFE\u0301"),
        ("!", "!"),
    ],
)
def test_right(reference: str, reply: str):
    assert outcome(reference, reply) == "right"


@pytest.mark.parametrize(
    ("reference", "reply"),
    [
        ("12", "The answer is 13."),
        ("12", "13"),
        ("12", None),
        ("12", " \n"),
        ("12", "I'm sorry, I cannot see the image."),
        ("-5", "5"),
        ("10", "100"),
        ("102", "10²"),
        ("5", ".5"),
        ("5", "5!"),
        ("yes", "No."),
        ("yes", "The answer is no."),
        ("\\frac{1}{2}", "\\frac{1}{3}"),
        ("Paris", "I don't know."),
    ],
)
def test_wrong(reference: str, reply: str | None):
    assert outcome(reference, reply) == "wrong"


@pytest.mark.parametrize(
    ("reference", "reply"),
    [
        ("12", "The answer is 12 or 13."),
        ("12", "between 10 and 12"),
        ("12", "The answer is 12-15."),
        ("12", "There are **12** apples and **3** pears."),
        ("12", "The answer isn't 12."),
        ("2", "Figure 2 shows this."),
        ("7", "\\boxed{7} but the answer is 8."),
        ("60", "60%"),
        ("007", "7"),
        ("red", "red or blue"),
        ("red", "The sign is red, I think"),
        ("red", "It is not red."),
        ("red", "blue"),
        ("Paris", "The answer is London."),
        ("1984", "1990"),
        ("yes", "Yesterday"),
        ("12", "There are 13 of them."),
    ],
)
def test_unsure(reference: str, reply: str):
    assert outcome(reference, reply) == "unsure"


def test_a_number_that_ends_a_reply_is_wrong_where_a_number_is_asked_for():
    assert verdict("12", "There are 13 of them.", kind=AnswerKind.number).is_wrong
    assert verdict("1984", "1990", kind=AnswerKind.date).is_wrong


def test_any_of_several_references_is_right_and_none_of_them_is_wrong():
    assert verdict("12", "13", "13").is_right
    assert verdict("12", "14", "13").is_wrong
    assert verdict("12", "14", "several").is_unsure
    assert verdict("grey", "gray", "gray").is_right


def test_a_reference_may_be_a_refusal_and_a_reply_that_answers_is_none():
    assert verdict("cannot be determined", "Cannot be determined.").is_right
    assert verdict("cannot be determined", "I don't know.").is_unsure
    assert verdict("D", "I don't know.", options=(*IMAGES[:3], "Cannot be determined")).is_unsure
    assert outcome("D", "Cannot be determined", *IMAGES[:3], "Cannot be determined") == "right"
    assert outcome("B", "I cannot see it well, but the answer is B.", *IMAGES) == "right"


def test_the_question_said_again_with_the_reference_is_right():
    assert verdict("Jane Austen", "Emma was written by Jane Austen.", question="Who wrote Emma?").is_right
    assert verdict("Jane Austen", "Emma was written by Jane Smith.", question="Who wrote Emma?").is_unsure


def test_verdicts_say_what_was_compared_and_why():
    right = verdict("B", "The answer is (B).", options=IMAGES)
    assert (right.kind, right.by, right.given, right.expected) == ("letter", "rule", "B", "B")
    wrong = verdict("12", "13")
    assert (wrong.reason, wrong.kind, wrong.given) == ("is 13, expected 12", "number", "13")
    assert verdict("12", None).reason == "no answer"
    assert verdict("12", "I don't know.").reason == "refused"
    assert verdict("12", "A or B").reason == "states no answer that can be compared"
    assert verdict("12", "\\boxed{7} so the answer is 8.").reason == "states two answers"
    assert verdict("12", "The answer is 7. Wait, that is wrong.").reason == "takes its answer back"


def test_without_a_reference_there_is_nothing_to_grade():
    for reference in ("", " \n"):
        with pytest.raises(InputError, match="no reference answer"):
            verdict(reference, "red")


FORMS = st.builds(
    AnswerForm,
    kind=st.none() | st.sampled_from(AnswerKind),
    options=st.lists(st.sampled_from([*IMAGES, *PRICES, "A", "B", "", "12"]), max_size=5).map(tuple),
    several=st.booleans(),
    closed=st.booleans(),
    precision=st.none() | st.integers(0, 3),
)
PIECES = st.lists(
    st.sampled_from(
        [
            "The answer is ",
            "Answer:",
            "B",
            "(A)",
            "12",
            "\\boxed{",
            "}",
            "$",
            "\n",
            " ",
            ".",
            "?",
            "no,",
            "wait",
            "red",
        ]
        + [
            "<answer>",
            "</answer>",
            "</think>",
            '{"answer": "',
            "答案是",
            "İ",
            "\x00",
            "\ud800",
            "½",
            "not ",
            "yes",
            "=",
            ",",
        ]
    ),
    max_size=20,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(reference=PIECES | st.text(max_size=20), reply=PIECES | st.text(max_size=60), form=FORMS)
def test_nothing_makes_grading_fail(reference: str, reply: str, form: AnswerForm):
    task = Task(id="t", question="?", answer=reference, answer_form=form)
    if task.answer.strip():
        assert grade(task, reply).outcome in Outcome


@given(st.text(min_size=1, max_size=80))
def test_any_text_equals_itself(text: str):
    task = Task(id="t", question="?", answer=text)
    if task.answer.strip():
        assert grade(task, task.answer).is_right


@given(
    st.sampled_from("ABCDEFGH"),
    st.sampled_from(["{}", "({})", "**{}**", "Answer: {}", "\\boxed{{{}}}", "{}."]),
)
def test_letters_do_not_depend_on_how_they_are_written(letter: str, form: str):
    options = tuple(f"thing {number}" for number in range(8))
    assert outcome(letter, form.format(letter), *options) == "right"
    assert outcome(letter, form.format("A" if letter != "A" else "B"), *options) == "wrong"


@pytest.mark.parametrize(
    "kind", [None, AnswerKind.letter, AnswerKind.number, AnswerKind.text, AnswerKind.list]
)
def test_long_replies_end_in_bounded_time(kind: AnswerKind | None):
    task = Task(id="t", question="?", answer="12", answer_form=AnswerForm(kind=kind, options=IMAGES))
    for unit in (
        "a",
        "A ",
        "1",
        "1,",
        " ",
        "\n",
        "$",
        "\\boxed{",
        "{",
        "answer is ",
        "<answer>",
        '"answer": "',
        "*",
        "(",
        "- ",
    ):
        start = time.process_time()
        for size in (400, 1_900, 50_000):
            grade(task, unit * (size // len(unit)))
        assert time.process_time() - start < 1, unit
