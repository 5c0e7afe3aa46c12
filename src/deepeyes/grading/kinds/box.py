"""Boxes in an image: four numbers, compared by how much of them is common.

Models write the same box as a list, as two corners, with names, in tags or as JSON, and in pixels, in
shares of the image or in thousandths. What always holds: a text that names two boxes, or numbers that are
no coordinates, is no box; and where two boxes would be the same in other units, nobody can tell that they
are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.notation import folded

_LONGEST = 2_000
"""Characters of a text that is looked into."""
_LARGEST = 1e7
"""No image is larger."""
_LEAST_SIDE = 8
"""Pixels that each side has at least where nobody said that four numbers are a box: 2, 3, 5, 7 are none."""
_SAME_UNITS = (0.8, 1.25)
"""Between these, one box as a multiple of the other speaks for a box beside it, not for other units."""

_NUMBER = re.compile(
    r"(?<![\w.%])[-+]?(?:[0-9]{1,12}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:e[-+]?[0-9]{1,2})?"
    r"(?: ?px)?(?![\w%]|\.[0-9])"
)
_BETWEEN = re.compile(r"[ ,;()\[\]{}]{0,9}(?:(?:to|and|-) [(\[]?|- ?[(\[])?")
"""What stands between the numbers of one box."""
_NAMES = (
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
)
_SIZES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
_NAMED = re.compile(r"\b([a-z_]{1,6}[0-2]?)[\"']? ?(?:=|:|is\b) ?$")
_TAG = re.compile(r"<[|/]?\w{1,20}\|?>|</?\w{1,20}>")


class Box(NamedTuple):
    """Left, top, right and bottom, with the smaller coordinate first."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


def iou(a: Box, b: Box) -> float:
    """Intersection over union, from 0 to 1; 0 where neither has an area."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    common = max(width, 0.0) * max(height, 0.0)
    union = a.area + b.area - common
    return common / union if union > 0 else 0.0


class _Box:
    name = AnswerKind.box
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Box | None:
        if len(text) > _LONGEST:
            return None
        plain = " ".join(_TAG.sub(" ", folded(text)).casefold().split())
        numbers = list(_NUMBER.finditer(plain))
        found = {box for box in (_named(plain, numbers), *_listed(plain, numbers)) if box is not None}
        return found.pop() if len(found) == 1 else None

    def same(self, given: Box, expected: Box, form: AnswerForm) -> bool | None:
        if expected.area == 0:
            return None
        if given.area == 0:
            return False
        if _in_shares(given) is not _in_shares(expected):
            return None
        if iou(given, expected) >= form.overlap:
            return True
        return None if _may_be_in_other_units(given, expected, form.overlap) else False

    def show(self, value: Box) -> str:
        return f"[{', '.join(f'{side:.10g}' for side in value)}]"


def is_box_of_pixels(text: str, form: AnswerForm) -> bool:
    """Whether `text`, of which nobody says that it is a box, is one rather than four numbers or a matrix."""
    box = BOX.read(text, form)
    if box is None or len(_NUMBER.findall(text)) != 4:
        return False
    least = 0.0 if _in_shares(box) else _LEAST_SIDE
    return min(box.right - box.left, box.bottom - box.top) >= least


def _named(text: str, numbers: list[re.Match[str]]) -> Box | None:
    """A box whose four numbers have names."""
    sides: dict[str, float] = {}
    for number in numbers:
        if name := _NAMED.search(text, max(0, number.start() - 12), number.start()):
            sides[name[1]] = _value(number)
    for names in _NAMES:
        if sides.keys() == set(names):
            return _box([sides[name] for name in names])
    for names in _SIZES:
        if sides.keys() == set(names):
            x, y, width, height = (sides[name] for name in names)
            return _box([x, y, x + width, y + height]) if width > 0 and height > 0 else None
    return None


def _listed(text: str, numbers: list[re.Match[str]]) -> Iterator[Box | None]:
    """The boxes that are written as four numbers in a row, two of which may be in a bracket of their own."""
    row: list[re.Match[str]] = []
    for number in numbers:
        between = text[row[-1].end() : number.start()] if row else ""
        opens = "(" in between or "[" in between
        inside = bool(row) and text[: row[0].start()].rstrip()[-1:] in ("(", "[")
        if not between or not _BETWEEN.fullmatch(between) or (opens and (not inside or len(row) == 4)):
            yield _of_row(row)
            row = []
        row.append(number)
    yield _of_row(row)


def _of_row(row: list[re.Match[str]]) -> Box | None:
    return _box([_value(number) for number in row]) if len(row) == 4 else None


def _value(number: re.Match[str]) -> float:
    return float(number[0].removesuffix("px"))


def _box(numbers: list[float]) -> Box | None:
    if any(abs(number) > _LARGEST for number in numbers):
        return None
    x0, y0, x1, y1 = numbers
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _in_shares(box: Box) -> bool:
    """Whether the box is written in shares of the image: in pixels it would be smaller than one."""
    return all(0 <= side <= 1 for side in box)


def _may_be_in_other_units(given: Box, expected: Box, overlap: float) -> bool:
    """Whether one of them, in thousandths of an image of some size, is the other in pixels."""
    if (
        _in_shares(given)
        or min(given.right, expected.right) > 1000
        or min(given.bottom, expected.bottom) > 1000
    ):
        return False
    if min(*given, *expected) < 0:
        return False
    x = (expected.left + expected.right) / (given.left + given.right)
    y = (expected.top + expected.bottom) / (given.top + given.bottom)
    if all(_SAME_UNITS[0] <= scale <= _SAME_UNITS[1] for scale in (x, y)):
        return False
    scaled = Box(given.left * x, given.top * y, given.right * x, given.bottom * y)
    return iou(scaled, expected) >= overlap


BOX: Kind = _Box()
