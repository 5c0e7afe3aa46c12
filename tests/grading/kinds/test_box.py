"""Boxes: one box in many notations, and how much of two is common."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.box import BOX, Box, iou

FORM = AnswerForm()
NOTATIONS = [
    "[10, 20, 30, 40]",
    "[10,20,30,40]",
    "(10, 20, 30, 40)",
    "10 20 30 40",
    "10, 20; 30, 40",
    "[10.0, 20., 3e1, 40.00]",
    "10px 20 px 30px 40 px",
    "[30, 40, 10, 20]",
    "[30, 20, 10, 40]",
    "[[10, 20], [30, 40]]",
    "(10, 20)-(30, 40)",
    "(10, 20) to (30, 40)",
    "１０，２０，３０，４０",
    "x1=10, y1=20, x2=30, y2=40",
    "x0: 10, y0: 20, x1: 30, y1: 40",
    "y2 = 40, x2 = 30, y1 = 20, x1 = 10",
    "{'xmin': 10, 'ymin': 20, 'xmax': 30, 'ymax': 40}",
    "left is 10, top is 20, right is 30, bottom is 40",
    "x=10, y=20, width=20, height=20",
    "<box>10,20,30,40</box>",
    "<bbox>[10, 20, 30, 40]</bbox>",
    "<|box_start|>(10,20),(30,40)<|box_end|>",
    '{"bbox_2d": [10, 20, 30, 40], "label": "dog 1"}',
    '```json\n[{"bbox_2d": [10, 20, 30, 40], "label": "dog"}]\n```',
    "\\boxed{[10, 20, 30, 40]}",
    "In image 1, the bounding box of the dog is [10, 20, 30, 40].",
    "[10, 20, 30, 40] and again [10, 20, 30, 40]",
    "[10, 20, 30, 40], [10, 20, 30, 40]",
    "1. [10, 20, 30, 40]",
]
NO_BOX = [
    "",
    "red",
    "[10, 20, 30]",
    "[10, 20, 30, 40, 50]",
    "[10, 20, 30, 40] or [1, 2, 3, 4]",
    "[10, 20, 30, 40], [1, 2, 3, 4]",
    "10% 20% 30% 40%",
    "[10, 20, 30, 40%]",
    "[nan, 1, 2, 3]",
    "[inf, 1, 2, 3]",
    "[1e99, 2, 3, 4]",
    "[99999999, 2, 3, 4]",
    "[" + "9" * 1_900 + ", 1, 2, 3]",
    "3 dogs, 4 cats, 5 cows and 6 hens",
    "1.2.3.4",
    "x1=10, y1=20, x2=30",
    "x=10, y=20, width=-5, height=20",
    "a=1, b=2, c=3, d=4",
    "[10, 20, 30, 40]" + " " * 50_000,
    "\x00\ud800",
]


@pytest.mark.parametrize("text", NOTATIONS)
def test_one_box_in_many_notations(text: str):
    assert BOX.read(text, FORM) == Box(10, 20, 30, 40)


@pytest.mark.parametrize("text", NO_BOX)
def test_what_is_no_box_or_more_than_one_is_not_read(text: str):
    assert BOX.read(text, FORM) is None


def test_a_box_that_is_shown_is_read_back():
    box = Box(0.125, 20, 30.5, 1_234_567)
    assert BOX.read(BOX.show(box), FORM) == box
    assert BOX.show(Box(10, 20, 30, 40)) == "[10, 20, 30, 40]"


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),
        (Box(0, 0, 10, 10), Box(5, 0, 15, 10), 1 / 3),
        (Box(0, 0, 10, 10), Box(0, 5, 10, 15), 1 / 3),
        (Box(0, 0, 10, 10), Box(10, 10, 20, 20), 0.0),
        (Box(0, 0, 10, 10), Box(20, 20, 30, 30), 0.0),
        (Box(0, 0, 0, 0), Box(0, 0, 0, 0), 0.0),
        (Box(0, 0, 10, 10), Box(2, 2, 4, 4), 0.04),
        (Box(-5, -5, 5, 5), Box(0, 0, 5, 5), 0.25),
    ],
)
def test_what_two_boxes_have_in_common(a: Box, b: Box, common: float):
    assert iou(a, b) == pytest.approx(common)
    assert iou(b, a) == pytest.approx(common)


@pytest.mark.parametrize(
    ("given", "expected", "verdict"),
    [
        ("[10, 20, 30, 40]", "[11, 21, 31, 41]", True),
        ("[15, 25, 35, 45]", "[10, 20, 30, 40]", False),
        ("[100, 100, 200, 200]", "[300, 100, 400, 200]", False),
        ("[0.1, 0.2, 0.3, 0.4]", "[0.5, 0.6, 0.7, 0.8]", False),
        ("[0.1, 0.1, 0.2, 0.2]", "[0.4, 0.4, 0.8, 0.8]", False),
        ("[2000, 10, 2100, 90]", "[4000, 20, 4200, 180]", False),
        ("[10, 2000, 90, 2100]", "[20, 4000, 180, 4200]", False),
        # shares of the image, or thousandths, against pixels
        ("[0.1, 0.2, 0.3, 0.4]", "[64, 96, 192, 192]", None),
        ("[64, 96, 192, 192]", "[0.1, 0.2, 0.3, 0.4]", None),
        ("[100, 200, 300, 400]", "[64, 96, 192, 192]", None),
        ("[64, 96, 192, 192]", "[100, 200, 300, 400]", None),
        ("[500, 500, 750, 750]", "[2000, 1500, 3000, 2250]", None),
        # boxes without an area
        ("[0, 0, 0, 0]", "[10, 20, 30, 40]", False),
        ("[10, 20, 10, 40]", "[10, 20, 30, 40]", False),
        ("[10, 20, 30, 40]", "[5, 5, 5, 5]", None),
        # outside of the image
        ("[-10, -20, -30, -40]", "[10, 20, 30, 40]", False),
        ("[-10, -20, 10, 20]", "[10, 20, 30, 40]", False),
    ],
)
def test_a_box_is_the_same_by_its_overlap_unless_the_units_may_differ(
    given: str, expected: str, verdict: bool | None
):
    assert BOX.same(BOX.read(given, FORM), BOX.read(expected, FORM), FORM) is verdict


def test_the_form_says_how_much_must_be_common():
    given, expected = Box(0, 0, 10, 10), Box(0, 0, 10, 8)
    assert BOX.same(given, expected, AnswerForm(overlap=0.8)) is True
    assert BOX.same(given, expected, AnswerForm(overlap=0.81)) is False


@given(st.text(alphabet="0123456789.,;()[]{}<>|/ -+ex=%y:pn\n", max_size=300))
def test_any_text_gives_a_sound_box_or_none(text: str):
    box = BOX.read(text, FORM)
    if box is not None:
        assert box.left <= box.right and box.top <= box.bottom
        assert 0 <= iou(box, box) <= 1 + 1e-9
        assert BOX.same(box, box, FORM) is (True if box.area else None)


@pytest.mark.parametrize(
    "piece", ["1", " ", "1 ", "1,", "(", "[1", ".", "-", "<", "<a", "x1=", "x1=1 ", "1e", "_"]
)
def test_long_runs_take_no_time(piece: str):
    start = time.process_time()
    BOX.read((piece * 2_000)[:2_000], FORM)
    assert time.process_time() - start < 0.5
